#include "cli/feed_remote.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/feed/source.h"

int feed_remote_open(struct feed_remote *remote, const char *address, const struct operator_fetch *only,
                     struct error *e)
{
    *remote = (struct feed_remote){.demand = *only};
    int r = client_open(address, &remote->client, e);
    if (r)
        return r;
    const struct operator_hello *peer = client_peer(remote->client);
    remote->shards = peer->shards;
    memcpy(remote->feed, peer->feed, sizeof remote->feed);
    remote->positions = mem_zalloc(remote->shards * sizeof *remote->positions);
    remote->demand.max_events = LIMIT_FETCH_CHANGES;
    remote->demand.max_bytes = LIMIT_MESSAGE_BYTES;
    return 0;
}

void feed_remote_close(struct feed_remote *remote)
{
    client_close(remote->client);
    free(remote->positions);
    arena_close(&remote->answer);
    arena_close(&remote->change_arena);
    arena_close(&remote->scratch);
    *remote = (struct feed_remote){0};
}

static int move_to(struct feed_remote *remote, const struct position *positions, uint32_t count,
                   struct error *e)
{
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i].shard >= remote->shards)
            return error_set(e, ERR_USAGE,
                             "FUTURE: shard %" PRIu32 " is named, and there are %" PRIu32 " only",
                             positions[i].shard, remote->shards);
        remote->positions[positions[i].shard] = positions[i];
    }
    return 0;
}

/* --- asking --- */

/* The positions that have moved, in `scratch`. */
static void fill_positions(struct feed_remote *remote)
{
    struct cursor cursor;
    arena_reset(&remote->scratch);
    feed_remote_cursor(remote, &remote->scratch, &cursor);
    remote->demand.positions = cursor.positions;
    remote->demand.count = cursor.count;
}

static int refuse(const struct feed_remote *remote, struct error *e)
{
    const struct refusal *refusal = &remote->got.refusals[0];
    uint64_t seq = refusal->shard < remote->shards ? remote->positions[refusal->shard].seq : 0;
    return feed_refuse(refusal, seq, e);
}

static int ask(struct feed_remote *remote, int64_t wait_ms, bool now, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_FETCH};
    struct operator_reply reply;
    fill_positions(remote);
    remote->got = (struct operator_changes){0};
    remote->given = 0;
    arena_reset(&remote->answer);
    request.fetch = remote->demand;
    request.fetch.wait_ms = (uint64_t)wait_ms;
    request.fetch.now = now;
    int r = client_ask(remote->client, &request, &remote->answer, &reply, e);
    if (r)
        return r;
    remote->got = reply.fetch;
    return remote->got.refusal_count ? refuse(remote, e) : 0;
}

int feed_remote_seek_now(struct feed_remote *remote, struct error *e)
{
    int r = ask(remote, 0, true, e);
    if (!r)
        r = move_to(remote, remote->got.positions, remote->got.position_count, e);
    remote->got = (struct operator_changes){0};
    return r;
}

int feed_remote_seek(struct feed_remote *remote, const struct cursor *cursor, struct error *e)
{
    if (memcmp(cursor->feed, remote->feed, sizeof remote->feed) != 0)
        return error_set(
            e, ERR_USAGE,
            "this cursor belongs to another feed than the one there: give one that came from it, or "
            "begin with --from oldest or now");
    return move_to(remote, cursor->positions, cursor->count, e);
}

int feed_remote_begin(struct feed_remote *remote, int64_t wait_ms, bool *more, struct error *e)
{
    int r = 0;
    if (remote->given == remote->got.count) {
        r = ask(remote, wait_ms, false, e);
        if (!r && !remote->got.count) /* what the server left out is behind us, too */
            r = move_to(remote, remote->got.positions, remote->got.position_count, e);
    }
    *more = remote->got.more;
    return r;
}

int feed_remote_next(struct feed_remote *remote, const struct change **change, struct error *e)
{
    struct change *next = &remote->change;
    *change = NULL;
    if (remote->given == remote->got.count)
        return 0;
    arena_reset(&remote->change_arena);
    int r = change_unpack(&remote->change_arena, remote->got.changes[remote->given], next, e);
    if (r)
        return r;
    struct position position = {next->shard, next->epoch, next->seq};
    r = move_to(remote, &position, 1, e);
    if (!r && ++remote->given == remote->got.count)
        r = move_to(remote, remote->got.positions, remote->got.position_count, e);
    *change = next;
    return r;
}

void feed_remote_cursor(const struct feed_remote *remote, struct arena *arena, struct cursor *out)
{
    uint32_t count = 0;
    memcpy(out->feed, remote->feed, sizeof out->feed);
    out->positions = arena_alloc(arena, remote->shards * sizeof *out->positions);
    for (uint32_t i = 0; i < remote->shards; i++)
        if (remote->positions[i].seq)
            out->positions[count++] = remote->positions[i];
    out->count = count;
}
