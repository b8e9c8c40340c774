/* Where a feed stands, and where it begins. */
#include <string.h>
#include <unistd.h>

#include "client/internal.h"
#include "common/check.h"
#include "common/clock.h"

enum { AGAIN_MS = 200 };

/* --- where it stands --- */

static const char *cursor_text(struct garner *feed, const struct cursor *cursor)
{
    struct buffer text = {0};
    cursor_to_text(cursor, &text);
    const char *copy = arena_strdup(&feed->texts, buffer_bytes(&text));
    buffer_close(&text);
    return copy;
}

/* The position in a shard, of a cursor that has room for all of them. */
static struct position *position_in(struct cursor *cursor, uint32_t shard)
{
    uint32_t at = 0;
    while (at < cursor->count && cursor->positions[at].shard < shard)
        at++;
    if (at == cursor->count || cursor->positions[at].shard != shard) {
        memmove(&cursor->positions[at + 1], &cursor->positions[at],
                (cursor->count - at) * sizeof *cursor->positions);
        cursor->positions[at] = (struct position){.shard = shard};
        cursor->count++;
    }
    return &cursor->positions[at];
}

const char *garner_cursor(struct garner *feed)
{
    return garner_cursor_within(feed, SIZE_MAX);
}

const char *garner_cursor_within(struct garner *feed, size_t count)
{
    const struct garner_answer *answer = feed->current;
    struct cursor cursor;
    follow_cursor(&feed->follow, &feed->texts, &cursor);
    if (!answer || !feed->current_is_done)
        return cursor_text(feed, &cursor);
    if (answer->arrival.kind == FOLLOW_SNAPSHOT) {
        if (answer->reply.snapshot.last)
            *position_in(&cursor, answer->arrival.shard) = answer->reply.snapshot.begin;
        return cursor_text(feed, &cursor);
    }
    for (size_t i = 0; i < count && i < feed->batch.change_count && count < feed->batch.change_count; i++) {
        const struct garner_change *change = &feed->batch.changes[i];
        struct bytes packed = {change->packed.data, change->packed.len};
        position_advance(position_in(&cursor, change->shard), change->epoch, change->seq,
                         position_check(packed));
    }
    for (uint32_t i = 0; count >= feed->batch.change_count && i < answer->reply.fetch.position_count; i++) {
        const struct position *position = &answer->reply.fetch.positions[i];
        *position_in(&cursor, position->shard) = *position;
    }
    return cursor_text(feed, &cursor);
}

/* --- where it begins --- */

/* Where each worker's shards end, or begin. */
static int ask_ends(struct garner *feed, bool now, struct arena *arena, struct position *positions,
                    uint32_t *count, struct error *e)
{
    struct operator_request request;
    struct operator_reply reply;
    int r = garner_check_lacking(feed, e);
    for (uint32_t i = 0; i < feed->follow.worker_count && !r; i++) {
        const char *address = feed->follow.workers[i].address;
        if (!follow_ask_ends(&feed->follow, i, now, arena, &request))
            continue;
        r = garner_connect(feed, &feed->links[i], *address ? address : feed->address, e);
        if (!r)
            r = client_ask(feed->links[i].client, &request, &feed->scratch, &reply, e);
        if (!r)
            r = follow_take_ends(&feed->follow, i, &reply.fetch, positions, count, e);
        if (r && client_is_away(r) && *address)
            return error_set(e, ERR_BUSY, "%s", e->text); /* somebody else may have it in a moment */
    }
    return r;
}

/* Shards may be on their way from one worker to another just now: that is waited for a while. */
static int seek_end(struct garner *feed, bool now, struct error *e)
{
    struct arena arena = {0};
    struct position *positions = arena_alloc(&arena, feed->follow.set.shards * sizeof *positions);
    int64_t end_ms = clock_steady_ms() + GARNER_REPLACED_MS;
    bool changed;
    uint32_t count = 0;
    int r = ask_ends(feed, now, &arena, positions, &count, e);
    while (r == ERR_BUSY && clock_steady_ms() < end_ms && !atomic_load(&feed->stopped)) {
        usleep(AGAIN_MS * 1000);
        count = 0;
        r = garner_learn_map(feed, &changed, e);
        if (!r)
            r = ask_ends(feed, now, &arena, positions, &count, e);
    }
    if (!r)
        r = follow_seek(&feed->follow, positions, count, e);
    arena_close(&arena);
    return r;
}

static int seek_cursor(struct garner *feed, const char *from, struct error *e)
{
    struct arena arena = {0};
    struct cursor cursor;
    int r = cursor_from_text(&arena, bytes_of(from), &cursor, e);
    if (!r && memcmp(cursor.feed, feed->follow.set.feed, sizeof cursor.feed) != 0)
        r = error_set(
            e, ERR_STOPPED,
            "this cursor belongs to another feed than the one there: give one that came from it, or begin "
            "anew");
    if (!r)
        r = follow_seek(&feed->follow, cursor.positions, cursor.count, e);
    arena_close(&arena);
    return r;
}

int garner_begin_at(struct garner *feed, const char *from, struct error *e)
{
    bool changed;
    int r = feed->follow.needs_map ? garner_learn_map(feed, &changed, e) : 0;
    garner_drop_answers(feed);
    for (uint32_t i = 0; i < feed->follow.worker_count; i++)
        feed->links[i].at_end = false; /* it was that of where we were */
    if (!r && from && (strcmp(from, "now") == 0 || strcmp(from, "oldest") == 0))
        r = seek_end(feed, strcmp(from, "now") == 0, e);
    else if (!r && from)
        r = seek_cursor(feed, from, e);
    else if (!r)
        follow_seek_state(&feed->follow, FOLLOW_ASKED);
    return r;
}

enum garner_code garner_seek(struct garner *feed, const char *from, struct garner_error *error)
{
    struct error e;
    feed->failed.code = GARNER_OK;
    if (garner_begin_at(feed, from, &e) == 0)
        return GARNER_OK;
    garner_fail_as(&feed->failed, &e); /* what waited is dropped: it mustn't go on behind that */
    *error = feed->failed;
    return error->code;
}
