/* The network: what is sent comes later, or is lost; and the servers at its other end, which answer with what
 * is real: the worker's code, on real stores. Who has no such shard says MOVED. */
#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"
#include "tests/sim/feed/world.h"

static uint64_t later(struct world *w)
{
    return w->now_ms + 1 + (w->calm ? 0 : pick(w, chance(w, 5) ? 200 : 12));
}

/* The workers' addresses are "w0/0", "w1/7" and so on: the second number is of its incarnation. */
bool network_send(struct world *w, uint32_t sub, uint32_t asked, const char *address, uint32_t generation,
                  struct operator_request *request)
{
    struct message *message = w->messages;
    while (message < w->messages + MESSAGES && message->is_under_way)
        message++;
    if (message == w->messages + MESSAGES)
        return false;
    struct buffer packed = message->packed;
    *message = (struct message){.is_under_way = true,
                                .sub = sub,
                                .generation = generation,
                                .asked = asked,
                                .due_ms = later(w),
                                .is_lost = !w->calm && chance(w, 3)};
    CHECK(sscanf(address, "w%" SCNu32 "/%" SCNu32, &message->worker, &message->incarnation) == 2);
    message->packed = packed;
    buffer_reset(&message->packed);
    request->version = OPERATOR_VERSION;
    request->id = 1;
    operator_request_pack(request, &message->packed);
    return true;
}

/* --- servers --- */

static void answer_fetch(struct world *w, struct worker *worker, struct operator_request *request,
                         struct buffer *out)
{
    enum delivered delivered;
    WORLD_OK(w, deliver_answer(worker->deliver, &request->fetch, out, &delivered, &w->e));
}

/* False: what it shows may not be given yet. */
static bool answer_snapshot(struct world *w, struct worker *worker, struct operator_request *request,
                            struct buffer *out)
{
    struct feed_part part;
    struct deliver_shown shown;
    WORLD_OK(w, deliver_snapshot(worker->deliver, &request->snapshot, out, &part, &shown, &w->e));
    bool waits = deliver_when(worker->deliver, &shown) != SHOWN_NOW && w->lie != LIE_SHOWN;
    w->tally->waits += waits;
    return !waits;
}

/* Where nobody is promoted who hasn't got all that was given, nobody ever stands where the history doesn't
 * lead. */
static bool check_kept(struct world *w, const struct message *message, const struct position *asked,
                       enum refusal_kind refused)
{
    if (!w->is_followed || (refused != REFUSAL_DIVERGED && refused != REFUSAL_FUTURE))
        return true;
    snprintf(w->check.failure, sizeof w->check.failure,
             "subscriber %" PRIu32 " stands at %" PRIu64 " of shard %" PRIu32
             ", and what it was given is taken back: %s",
             message->sub, asked->seq, asked->shard, refusal_name(refused));
    return false;
}

static bool note_answer(struct world *w, const struct message *message, const struct position *asked,
                        enum refusal_kind refused)
{
    if (refused == REFUSAL_COMPACTED)
        w->tally->compacted++;
    else if (refused == REFUSAL_DIVERGED)
        w->tally->diverged++;
    else if (refused == REFUSAL_FUTURE)
        w->tally->future++;
    else if (refused == REFUSAL_MOVED)
        w->tally->moved++;
    return check_kept(w, message, asked, refused) &&
           world_note(w, (struct note){.kind = refused ? NOTE_REFUSED : NOTE_ACCEPTED,
                                       .who = message->sub,
                                       .shard = asked->shard,
                                       .position = *asked,
                                       .what = refused});
}

static struct position position_in(const struct feed_demand *demand, uint32_t shard)
{
    struct position found = {.shard = shard};
    for (uint32_t i = 0; i < demand->count; i++)
        if (demand->positions[i].shard == shard)
            found = demand->positions[i];
    return found;
}

/* Of each position that was refused, or behind which something was found. */
static bool note_fetch(struct world *w, const struct message *message, const struct feed_demand *demand,
                       const struct feed_changes *changes)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < changes->refusal_count; i++) {
        struct position asked = position_in(demand, changes->refusals[i].shard);
        fine = note_answer(w, message, &asked, changes->refusals[i].kind);
    }
    for (uint32_t i = 0; fine && i < changes->position_count; i++) {
        struct position asked = position_in(demand, changes->positions[i].shard);
        fine = note_answer(w, message, &asked, 0);
    }
    return fine;
}

static bool note_part(struct world *w, const struct message *message, const struct feed_snapshot *demand,
                      const struct feed_part *part)
{
    w->tally->parts++;
    w->tally->torn += demand->has_begin && part->refusal.kind != 0;
    return !demand->has_begin || note_answer(w, message, &demand->begin, part->refusal.kind);
}

static void add_collection(struct buffer *out, const struct feed_collection *collection)
{
    size_t begun = feed_part_begin_collection(out, &collection->record, collection->complete);
    for (uint32_t i = 0; i < collection->row_count; i++)
        feed_part_add_row(out, &collection->rows[i]);
    feed_part_end_collection(out, begun);
}

/* An answer that was tampered with. */
static void pack_reply(const struct operator_reply *reply, struct buffer *out)
{
    buffer_reset(out);
    size_t begun = operator_reply_begin(reply->id, reply->kind, out);
    if (reply->kind == OPERATOR_FETCH) {
        for (uint32_t i = 0; i < reply->fetch.count; i++)
            feed_changes_add(out, reply->fetch.changes[i]);
        feed_changes_end(out, &reply->fetch);
    } else {
        for (uint32_t i = 0; i < reply->snapshot.collection_count; i++)
            add_collection(out, &reply->snapshot.collections[i]);
        feed_part_end(out, &reply->snapshot);
    }
    operator_reply_end(out, begun);
}

static bool answer(struct world *w, struct message *message)
{
    struct arena arena = {0};
    struct operator_request request;
    struct operator_reply reply;
    struct worker *worker = &w->workers[message->worker];
    struct buffer *out = &message->packed, asked = {0};
    buffer_add_bytes(&asked, buffer_bytes(out));
    WORLD_OK(w, operator_request_unpack(&arena, buffer_bytes(&asked), &request, &w->e));
    struct operator_request meant = request;
    lie_demand(w, &meant);
    buffer_reset(out);
    size_t begun = operator_reply_begin(request.id, request.kind, out);
    if (request.kind == OPERATOR_FETCH)
        answer_fetch(w, worker, &meant, out);
    else
        message->is_lost = !answer_snapshot(w, worker, &meant, out);
    operator_reply_end(out, begun);
    struct buffer copy = {0};
    buffer_add_bytes(&copy, buffer_bytes(out));
    WORLD_OK(w, operator_reply_unpack(&arena, buffer_bytes(&copy), &reply, &w->e));
    if (w->lie) {
        lie_reply(w, &request, &reply, &arena);
        pack_reply(&reply, out);
    }
    bool fine = request.kind == OPERATOR_FETCH ? note_fetch(w, message, &request.fetch, &reply.fetch)
                                               : note_part(w, message, &request.snapshot, &reply.snapshot);
    for (uint32_t i = 0; i < SHARDS; i++) {
        message->forks[i] = w->shards[i].fork;
        message->heads[i] = truth_now(&w->check.truth, i)->head;
    }
    w->tally->answers++;
    buffer_close(&asked);
    buffer_close(&copy);
    arena_close(&arena);
    return fine;
}

/* --- what is due --- */

static bool arrive(struct world *w, struct message *message)
{
    bool fine = true;
    if (message->is_lost || message->incarnation != w->workers[message->worker].incarnation) {
        message->is_under_way = false;
        w->tally->lost++;
        subscriber_loses(w->subs[message->sub], message);
    } else if (message->is_answer) {
        message->is_under_way = false;
        fine = subscriber_takes(w, w->subs[message->sub], message);
    } else {
        fine = answer(w, message);
        message->is_answer = true;
        message->is_lost |= !w->calm && chance(w, 3);
        message->due_ms = later(w);
    }
    return fine;
}

bool network_step(struct world *w)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < MESSAGES; i++)
        if (w->messages[i].is_under_way && w->messages[i].due_ms <= w->now_ms)
            fine = arrive(w, &w->messages[i]);
    return fine;
}

/* --- the map, and where shards end --- */

void network_map(struct world *w, struct arena *arena, struct feed_map *out)
{
    struct feed_worker *workers = arena_zalloc(arena, WORKERS * sizeof *workers);
    bool is_old = !w->calm && w->map_version > 1 && chance(w, 30);
    *out = (struct feed_map){
        .version = w->map_version - is_old, .workers = workers, .worker_count = w->worker_count};
    for (uint32_t i = 0; i < w->worker_count; i++) {
        uint32_t *shards = arena_alloc(arena, SHARDS * sizeof *shards);
        workers[i].address =
            bytes_of(arena_printf(arena, "w%" PRIu32 "/%" PRIu32, i, w->workers[i].incarnation));
        workers[i].shards = shards;
        for (uint32_t j = 0; j < SHARDS; j++)
            if (is_old ? w->was_at[j] == i : w->shards[j].worker == i && !w->shards[j].is_nobodys)
                shards[workers[i].shard_count++] = j;
        workers[i].all = workers[i].shard_count == SHARDS;
    }
}

bool network_ends(struct world *w, bool now, struct position positions[SHARDS], uint32_t *count)
{
    struct feed_demand demand = {.now = now, .oldest = !now, .max_events = 1, .max_bytes = 1};
    struct arena arena = {0};
    enum delivered delivered = DELIVERED_NOTHING;
    bool all = true;
    *count = 0;
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct buffer packed = {0};
        struct feed_changes changes;
        demand.shards = &i;
        demand.shard_count = 1;
        WORLD_OK(
            w, deliver_answer(w->workers[w->shards[i].worker].deliver, &demand, &packed, &delivered, &w->e));
        CHECK(feed_changes_unpack(&arena, buffer_bytes(&packed), &changes));
        all &= !changes.refusal_count && delivered != DELIVERED_LATER;
        for (uint32_t j = 0; j < changes.position_count; j++)
            if (changes.positions[j].shard == i)
                positions[(*count)++] = changes.positions[j];
        buffer_close(&packed);
    }
    arena_close(&arena);
    return all;
}
