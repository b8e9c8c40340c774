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
    POSITION_BYTES_MAX = 64, /* tags, length, five varints and two checks */
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

bool position_is_none(const struct position *position)
{
    return !position->seq && !position->until.seq;
}

void position_advance(struct position *position, uint64_t epoch, uint64_t seq, uint32_t check)
{
    position->epoch = epoch;
    position->seq = seq;
    position->check = check;
    if (position->until.seq <= seq)
        position->until = (struct point){0};
}

bool position_admit(struct position *position)
{
    bool sound = position->shard < LIMIT_SHARDS && position->seq < UINT64_MAX &&
                 position->until.seq < UINT64_MAX;
    if (position->until.seq <= position->seq)
        position->until = (struct point){0};
    return sound;
}

static void position_to_wire(const struct position *from, Garner__Position *to)
{
    garner__position__init(to);
    to->shard = from->shard;
    to->epoch = from->epoch;
    to->seq = from->seq;
    to->check = from->check;
    to->has_check = from->check != 0;
    to->until_epoch = from->until.epoch;
    to->until_seq = from->until.seq;
    to->has_until_epoch = to->has_until_seq = from->until.seq != 0;
    to->until_check = from->until.check;
    to->has_until_check = from->until.check != 0;
}

static struct position position_from_wire(const Garner__Position *from)
{
    return (struct position){.shard = from->shard,
                             .epoch = from->epoch,
                             .seq = from->seq,
                             .check = from->has_check ? from->check : 0,
                             .until = {from->until_epoch, from->until_seq, from->until_check}};
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
        position_to_wire(&cursor->positions[i], position);
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
        struct position *position = &to->positions[i];
        *position = position_from_wire(from->positions[i]);
        if (!position_admit(position) || (i && position->shard <= position[-1].shard))
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
