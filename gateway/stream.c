/* Each step asks, from the positions that the stream has, for as much as may wait to be sent, and forgets the
 * answer once it is written. So ten thousand changes cost a slow reader no more than ten.
 *
 * What a worker answers is checked against the tenant once more: a filter that is understood in another way
 * over there must not show anybody what isn't theirs. */
#include "gateway/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"

enum {
    MARK_MS = 1000,
    PAUSE_FIRST_MS = 20, /* the map is asked for again after so long, then twice as long … */
    PAUSE_MAX_MS = 5000,
    BEHIND_MS = 10000 /* that a stream which has an end waits for what is missing */
};

void stream_open(struct stream *stream, struct query *query, struct tokens *tokens,
                 const struct tenant *tenant)
{
    *stream = (struct stream){
        .query = *query, .tokens = tokens_hold(tokens), .tenant = tenant, .left = query->limit};
    *query = (struct query){0};
}

void stream_close(struct stream *stream)
{
    follow_close(&stream->follow);
    free(stream->begun);
    query_close(&stream->query);
    tokens_release(stream->tokens);
}

bool stream_is_allowed(const struct stream *stream, const struct tokens *tokens)
{
    const struct tenant *tenant = tokens_find_again(tokens, stream->tenant);
    return tenant && tenant_equal(tenant, stream->tenant);
}

/* --- faults --- */

static int fail(struct fault *fault, const struct stream *stream, const struct error *e)
{
    if (client_is_away(e->code) && stream->opened)
        return e->code; /* it is waited for */
    if (client_is_away(e->code))
        fault_set(fault, FAULT_UNAVAILABLE, "no worker can be reached just now: ask again in a moment");
    else if (e->code == ERR_STOPPED)
        fault_set(fault, FAULT_FOREIGN,
                  "this cursor belongs to another feed than the one there: take what there is from "
                  "/v1/resources, and go on with the cursor at its end");
    else if (e->code == ERR_USAGE)
        fault_set(fault, FAULT_USAGE, "%s", e->text);
    else { /* it may name files and accounts: for the operator only */
        log_line(LOG_ERROR, "a stream ends: a worker couldn't answer", "cause", e->text, NULL);
        fault_set(fault, FAULT_REFUSED, "the worker couldn't answer: its operators find why in the log");
    }
    return e->code;
}

static int refuse(struct fault *fault, enum refusal_kind refused, const struct error *e)
{
    static const char again[] =
        ": take what there is from /v1/resources, and go on with the cursor at its end";
    switch (refused) {
    case REFUSAL_COMPACTED:
        fault_set(fault, FAULT_COMPACTED, "what follows this cursor isn't kept any more%s", again);
        break;
    case REFUSAL_DIVERGED:
        fault_set(fault, FAULT_DIVERGED, "the feed's history went another way than this cursor's%s", again);
        break;
    default:
        fault_set(fault, FAULT_FUTURE, "%s", e->text);
    }
    return ERR_USAGE;
}

/* --- where it begins --- */

static int learn_map(struct stream *stream, struct reach *reach, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_MAP, .map_version = stream->follow.map_version};
    struct operator_reply reply;
    bool changed = false;
    arena_reset(&reach->arena);
    int r = reach_ask(reach, "", &request, &reach->arena, &reply, e);
    if (!r)
        changed = follow_map(&stream->follow, &reply.map);
    int64_t twice_ms = changed || !stream->map_pause_ms ? PAUSE_FIRST_MS : 2 * stream->map_pause_ms;
    stream->map_pause_ms = twice_ms < PAUSE_MAX_MS ? twice_ms : PAUSE_MAX_MS;
    stream->map_ms = clock_steady_ms() + stream->map_pause_ms;
    return r;
}

static int check_lacking(const struct stream *stream, struct error *e)
{
    return follow_lacking(&stream->follow, NULL) ? error_set(e, ERR_BUSY, "some shards are nobody's") : 0;
}

/* Where each worker's shards end, or begin. */
static int ask_ends(struct stream *stream, struct reach *reach, bool now, struct arena *arena,
                    struct position *positions, uint32_t *count, struct error *e)
{
    struct follow *follow = &stream->follow;
    struct operator_request request;
    struct operator_reply reply;
    int r = check_lacking(stream, e);
    for (uint32_t i = 0; i < follow->worker_count && !r; i++) {
        arena_reset(&reach->arena);
        if (!follow_ask_ends(follow, i, now, arena, &request))
            continue;
        r = reach_ask(reach, follow->workers[i].address, &request, &reach->arena, &reply, e);
        if (!r)
            r = follow_take_ends(follow, i, &reply.fetch, positions, count, e);
    }
    return r;
}

/* A shard may just have moved: the next map knows it. */
static int seek_end(struct stream *stream, struct reach *reach, bool now, struct error *e)
{
    struct arena arena = {0};
    struct position *positions = arena_alloc(&arena, stream->follow.set.shards * sizeof *positions);
    uint32_t count = 0;
    int r = ask_ends(stream, reach, now, &arena, positions, &count, e);
    if (r == ERR_BUSY && !(r = learn_map(stream, reach, e))) {
        count = 0;
        r = ask_ends(stream, reach, now, &arena, positions, &count, e);
    }
    if (!r)
        r = follow_seek(&stream->follow, positions, count, e);
    arena_close(&arena);
    return r;
}

static int seek_cursor(struct stream *stream, struct reach *reach, struct error *e)
{
    struct cursor cursor;
    arena_reset(&reach->arena);
    int r = cursor_from_text(&reach->arena, bytes_of(stream->query.from), &cursor, e);
    if (!r && memcmp(cursor.feed, stream->follow.set.feed, sizeof cursor.feed) != 0)
        r = error_set(e, ERR_STOPPED, "a cursor of another feed");
    return r ? r : follow_seek(&stream->follow, cursor.positions, cursor.count, e);
}

static int seek(struct stream *stream, struct reach *reach, struct error *e)
{
    const char *from = stream->query.from;
    if (stream->query.kind == QUERY_RESOURCES) {
        follow_seek_state(&stream->follow, FOLLOW_ASKED);
        return 0;
    }
    if (!from || strcmp(from, "now") == 0 || strcmp(from, "oldest") == 0)
        return seek_end(stream, reach, !from || *from == 'n', e);
    return seek_cursor(stream, reach, e);
}

static int begin(struct stream *stream, struct reach *reach, struct error *e)
{
    struct client *client;
    int r = reach_client(reach, "", &client, e);
    if (r)
        return r;
    const struct operator_hello *peer = client_peer(client);
    struct follow_setting setting = {.shards = peer->shards,
                                     .filter = stream->query.filter,
                                     .max_bytes = LIMIT_HTTP_STREAM_BYTES,
                                     .snapshots = stream->query.kind == QUERY_RESOURCES};
    memcpy(setting.feed, peer->feed, sizeof setting.feed);
    follow_close(&stream->follow);
    follow_open(&stream->follow, &setting);
    free(stream->begun);
    stream->begun = setting.snapshots ? mem_zalloc(peer->shards * sizeof *stream->begun) : NULL;
    r = learn_map(stream, reach, e);
    return r ? r : seek(stream, reach, e);
}

/* --- what was answered --- */

static bool is_theirs(const struct stream *stream, const struct collection_key *key)
{
    return tenant_has(stream->tenant, key->provider, key->account);
}

static int write_changes(struct stream *stream, const struct feed_changes *changes, struct buffer *out,
                         struct error *e)
{
    struct arena scratch = {0};
    int r = 0;
    for (uint32_t i = 0; i < changes->count && !r; i++) {
        struct change change;
        arena_reset(&scratch);
        r = change_unpack(&scratch, changes->changes[i], &change, e);
        if (!r && is_theirs(stream, &change.key))
            r = frame_change(stream->query.format, &change, out, e);
    }
    arena_close(&scratch);
    stream->left -= stream->left < UINT64_MAX ? changes->count : 0;
    return r;
}

static int write_rows(struct stream *stream, const struct follow_arrival *arrival,
                      const struct feed_part *part, struct buffer *out, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < part->collection_count && !r; i++) {
        const struct feed_collection *collection = &part->collections[i];
        if (!is_theirs(stream, &collection->record.key))
            continue;
        for (uint32_t j = 0; j < collection->row_count && !r; j++)
            r = frame_row(&collection->record.key, arrival->shard, &collection->rows[j], out, e);
    }
    return r;
}

/* A snapshot whose end isn't kept any more begins anew, and so does one whose shard has moved: then its rows
 * would come twice. */
static bool begins_anew(struct stream *stream, const struct follow_arrival *arrival)
{
    bool again = arrival->first && stream->begun[arrival->shard];
    stream->begun[arrival->shard] = true;
    return again;
}

/* What came from a worker is written, and then it is given. `*more`: it has more. */
static int take_answer(struct stream *stream, uint32_t worker, const struct operator_reply *reply,
                       struct buffer *out, bool *more, struct fault *fault, struct error *e)
{
    struct follow_arrival arrival;
    enum refusal_kind refused = 0;
    int r = follow_arrived(&stream->follow, worker, reply, &arrival, &refused, e);
    if (r == ERR_USAGE)
        return refuse(fault, refused, e);
    if (r || arrival.kind == FOLLOW_IDLE)
        return r;
    if (arrival.kind == FOLLOW_FETCH) {
        *more |= reply->fetch.more;
        r = write_changes(stream, &reply->fetch, out, e);
    } else if (begins_anew(stream, &arrival)) {
        fault_set(
            fault, FAULT_COMPACTED,
            "what it began with isn't there any more: it took too long, or a shard has moved. Ask again");
        return ERR_USAGE;
    } else {
        r = write_rows(stream, &arrival, &reply->snapshot, out, e);
    }
    if (!r)
        follow_given(&stream->follow, &arrival, reply);
    return r;
}

/* --- asking --- */

static bool is_its_feed(const struct stream *stream, struct client *client)
{
    return memcmp(client_peer(client)->feed, stream->follow.set.feed, sizeof stream->follow.set.feed) == 0;
}

/* Of resources: are there any left, of this worker (UINT32_MAX: of all)? */
static bool has_left(const struct stream *stream, uint32_t worker)
{
    for (uint32_t i = 0; i < stream->follow.set.shards; i++)
        if (stream->follow.all[i].why && (worker == UINT32_MAX || follow_owner(&stream->follow, i) == worker))
            return true;
    return false;
}

/* Ask one worker, if there is something to ask. `*asked`, `*more`: so it was; it has more. */
static int ask(struct stream *stream, struct reach *reach, uint32_t worker, struct buffer *out, bool *asked,
               bool *more, struct fault *fault, struct error *e)
{
    struct follow *follow = &stream->follow;
    const char *address = follow->workers[worker].address;
    struct operator_request request;
    struct operator_reply reply;
    struct client *client;
    arena_reset(&reach->arena);
    if (stream->query.kind == QUERY_RESOURCES && !has_left(stream, worker))
        return 0;
    int r = reach_client(reach, address, &client, e);
    if (!r && !is_its_feed(stream, client))
        r = error_set(e, ERR_STOPPED, "another feed");
    follow->set.max_bytes = reach_bytes(reach, address);
    follow->set.max_events = stream->left < LIMIT_FETCH_CHANGES ? stream->left : LIMIT_FETCH_CHANGES;
    if (r || !follow_ask(follow, worker, 0, &reach->arena, &request))
        return r;
    *asked = true;
    r = reach_ask(reach, address, &request, &reach->arena, &reply, e);
    if (r)
        follow_lost(follow, worker);
    return r ? r : take_answer(stream, worker, &reply, out, more, fault, e);
}

/* The map, when a shard isn't where it should be, is nobody's, or its worker is away. Who gives it may be
 * away for a while, too. */
static int see_to_map(struct stream *stream, struct reach *reach, struct error *e)
{
    bool is_wanted = stream->behind || stream->follow.needs_map || stream->follow.is_stale;
    if (clock_steady_ms() < stream->map_ms || !is_wanted)
        return 0;
    int r = learn_map(stream, reach, e);
    return client_is_away(r) ? 0 : r;
}

/* Each worker once. One that is away holds up no other. */
static int ask_each(struct stream *stream, struct reach *reach, struct buffer *out, bool *asked, bool *more,
                    bool *away, struct fault *fault, struct error *e)
{
    int r = 0;
    *asked = *more = false;
    for (uint32_t i = 0; i < stream->follow.worker_count && !r && stream->left; i++) {
        r = ask(stream, reach, i, out, asked, more, fault, e);
        if (r && client_is_away(r) && stream->opened && !fault->kind) {
            *away = true;
            r = 0;
        }
    }
    if (stream->query.kind == QUERY_RESOURCES)
        *more = has_left(stream, UINT32_MAX);
    return r;
}

static void note_behind(struct stream *stream, bool behind)
{
    if (behind && !stream->behind)
        stream->behind_ms = clock_steady_ms();
    stream->behind = behind;
}

/* As much as may wait to be sent. `*more`: there is more. Shards that nobody has are waited for. */
static int ask_all(struct stream *stream, struct reach *reach, struct buffer *out, bool *more,
                   struct fault *fault, struct error *e)
{
    struct follow *follow = &stream->follow;
    int r = see_to_map(stream, reach, e);
    bool asked = true, away = false;
    while (!r && asked) {
        r = ask_each(stream, reach, out, &asked, more, &away, fault, e);
        if (!*more || follow->needs_map || !stream->left || out->len >= LIMIT_HTTP_STREAM_BYTES)
            break;
    }
    note_behind(stream, r || away || !asked || check_lacking(stream, e));
    if (!r && !stream->query.follow && stream->behind && stream->opened &&
        clock_steady_ms() - stream->behind_ms >= BEHIND_MS)
        fault_set(fault, FAULT_UNAVAILABLE, "not all workers can be reached just now: ask again in a moment");
    return r;
}

static void mark(struct stream *stream, struct reach *reach, struct buffer *out)
{
    struct cursor cursor;
    arena_reset(&reach->arena);
    follow_cursor(&stream->follow, &reach->arena, &cursor);
    frame_bookmark(stream->query.format, &cursor, clock_wall_ms(), out);
    stream->marked_ms = clock_steady_ms();
}

enum stream_step stream_next(struct stream *stream, struct reach *reach, bool fetch, struct buffer *out,
                             struct fault *fault)
{
    struct error e;
    bool more = false;
    int r = stream->opened ? 0 : begin(stream, reach, &e);
    if (!r && (fetch || stream->behind || !stream->opened))
        r = ask_all(stream, reach, out, &more, fault, &e);
    if (r && !fault->kind)
        fail(fault, stream, &e);
    if (fault->kind)
        return STREAM_ENDS;
    stream->opened = true;
    bool ends = !stream->left || (!more && !stream->behind && !stream->query.follow);
    if (out->len || ends || clock_steady_ms() - stream->marked_ms >= MARK_MS)
        mark(stream, reach, out);
    return ends ? STREAM_ENDS : more && !stream->behind ? STREAM_MORE : STREAM_RESTS;
}

int64_t stream_due_ms(const struct stream *stream)
{
    int64_t mark_ms = clock_steady_ms() + MARK_MS;
    return stream->behind && stream->map_ms < mark_ms ? stream->map_ms : mark_ms;
}
