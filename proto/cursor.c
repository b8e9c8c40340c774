/* Cursors: base64url, without padding, of a protobuf Cursor and 8 bytes of its XXH3-64. The check sum is
 * against cut and mistyped cursors, not against people who make their own: a cursor is no secret and
 * gives no right. A character too many or a bit that means nothing is an error, so that a position has
 * one text only. */
#include "proto/cursor.h"

#include <string.h>

#include "common/units.h"
#include "proto/wire.h"

enum {
    SUM_BYTES = 8,
    POSITION_BYTES_MAX = 37, /* tags, length, three varints and a check */
    CURSOR_BYTES_MAX = LIMIT_SHARDS * POSITION_BYTES_MAX + 64,
    CURSOR_TEXT_MAX = (CURSOR_BYTES_MAX + SUM_BYTES) / 3 * 4 + 4
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void add_base64url(struct buffer *out, struct bytes data)
{
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i < 3 ? data.len - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < left ? (uint8_t)data.data[i + j] : 0);
        for (size_t j = 0; j <= left; j++)
            buffer_add_char(out, alphabet[bits >> (18 - 6 * j) & 63]);
    }
}

static bool from_base64url(struct bytes text, struct buffer *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    buffer_reserve(out, text.len);
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at)
            return false;
        bits = (bits << 6 | (uint32_t)(at - alphabet)) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buffer_add_char(out, (char)(uint8_t)(bits >> have));
        }
    }
    return have < 6 && (bits & ((1u << have) - 1)) == 0;
}

uint32_t position_check(struct bytes packed_change)
{
    uint32_t check = (uint32_t)hash64(packed_change);
    return check ? check : 1;
}

void cursor_to_text(const struct cursor *cursor, struct buffer *out)
{
    struct arena arena = {0};
    struct buffer packed = {0};
    Garner__Cursor message;
    garner__cursor__init(&message);
    uint8_t feed[sizeof cursor->feed];
    memcpy(feed, cursor->feed, sizeof feed);
    message.feed = (ProtobufCBinaryData){sizeof feed, feed};
    message.n_positions = cursor->count;
    message.positions = arena_alloc(&arena, cursor->count * sizeof *message.positions);
    for (uint32_t i = 0; i < cursor->count; i++) {
        Garner__Position *position = arena_alloc(&arena, sizeof *position);
        garner__position__init(position);
        position->shard = cursor->positions[i].shard;
        position->epoch = cursor->positions[i].epoch;
        position->seq = cursor->positions[i].seq;
        position->check = cursor->positions[i].check;
        position->has_check = position->check != 0;
        message.positions[i] = position;
    }
    wire_pack(&message, &packed);
    uint8_t sum[SUM_BYTES];
    be64_put(sum, hash64(buffer_bytes(&packed)));
    buffer_add(&packed, sum, sizeof sum);
    add_base64url(out, buffer_bytes(&packed));
    buffer_close(&packed);
    arena_close(&arena);
}

static bool cursor_from_wire(struct arena *arena, const Garner__Cursor *from, struct cursor *to)
{
    if (from->feed.len != sizeof to->feed || from->n_positions > LIMIT_SHARDS)
        return false;
    memcpy(to->feed, from->feed.data, sizeof to->feed);
    to->count = (uint32_t)from->n_positions;
    to->positions = arena_alloc(arena, to->count * sizeof *to->positions);
    for (uint32_t i = 0; i < to->count; i++) {
        const Garner__Position *position = from->positions[i];
        to->positions[i] = (struct position){.shard = position->shard,
                                             .epoch = position->epoch,
                                             .seq = position->seq,
                                             .check = position->has_check ? position->check : 0};
        if (position->shard >= LIMIT_SHARDS || position->seq == UINT64_MAX ||
            (i && position->shard <= to->positions[i - 1].shard))
            return false;
    }
    return true;
}

int cursor_from_text(struct arena *arena, struct bytes text, struct cursor *out, struct error *e)
{
    struct buffer packed = {0};
    bool sound = false;
    text = bytes_trim(text);
    if (text.len > CURSOR_TEXT_MAX || !from_base64url(text, &packed) || packed.len < SUM_BYTES)
        goto done;
    struct bytes body = {packed.data, packed.len - SUM_BYTES};
    if (be64_get(body.data + body.len) != hash64(body))
        goto done;
    Garner__Cursor *message = wire_unpack(&garner__cursor__descriptor, arena, body, CURSOR_BYTES_MAX);
    sound = message && cursor_from_wire(arena, message, out);
done:
    buffer_close(&packed);
    if (sound)
        return 0;
    return error_set(
        e, ERR_USAGE,
        "this is no cursor, or a part of one (%zu characters): give the whole text of a bookmark's "
        "\"cursor\", or `now` or `oldest`",
        text.len);
}

void bookmark_to_json(const struct cursor *cursor, int64_t time_ms, struct buffer *out)
{
    char time[UNITS_TIME_BYTES];
    buffer_add_text(out, "{\"op\":\"bookmark\",\"cursor\":\"");
    cursor_to_text(cursor, out);
    buffer_printf(out, "\",\"time\":\"%s\"}", units_time(time_ms, time));
}
