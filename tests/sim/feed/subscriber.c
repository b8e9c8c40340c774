/* A subscriber: what client/garner.c does, with the real decider behind it, over the simulated network. What
 * it makes of the changes is the checker's to say; here it only stores cursors, and dies. */
#include <inttypes.h>
#include <stdlib.h>

#include "client/follow_map.h"
#include "common/check.h"
#include "tests/sim/feed/world.h"

enum { QUEUE = 3 };
enum beginning { FROM_STATE, FROM_OLDEST, FROM_NOW };

struct arrived {
    struct arena arena;
    struct buffer packed;
    struct operator_reply reply;
    struct follow_arrival arrival;
    uint32_t forks[SHARDS];
    uint64_t heads[SHARDS];
};

struct subscriber {
    uint32_t number, generation;
    struct filter filter;
    struct arena arena; /* of the filter */
    enum beginning beginning;
    bool has_snapshots, is_open, asks_state;
    bool wants_map;  /* somebody didn't answer */
    uint64_t map_ms; /* it isn't asked for again before */
    uint64_t max_events, max_bytes, pace_ms, next_ms;
    struct follow follow;
    struct arrived queue[QUEUE];
    uint32_t count, asked; /* that wait, and that are under way */
    struct buffer cursor;  /* stored; empty: none yet */
    unsigned told[SHARDS]; /* refusals since the last snapshot came: bits */
};

/* --- who they are --- */

/* Nine of them differ: in what they want, in how fast they are, in where they begin. */
struct subscriber *subscriber_new(struct world *w, uint32_t number)
{
    static const struct bytes types[] = {{"t1", 2}, {"t2", 2}};
    static const uint64_t paces_ms[] = {1, 3, 20};
    struct subscriber *sub = mem_zalloc(sizeof *sub);
    sub->number = number;
    sub->beginning = number % 3 == 2 ? (enum beginning)(1 + pick(w, 2)) : FROM_STATE;
    sub->has_snapshots = number != 5;
    sub->max_events = chance(w, 30) ? 1 + pick(w, 4) : 1000;
    sub->max_bytes = chance(w, 40) ? 1 + pick(w, 600) : LIMIT_MESSAGE_BYTES;
    sub->pace_ms = paces_ms[pick(w, 3)];
    if (number == 1)
        sub->filter.types = (struct filter_list){types, 2};
    else if (number == 3 || number == 4)
        sub->filter = (struct filter){.members = 2, .member = number - 3};
    else if (number == 6)
        sub->filter.id_prefix = BYTES("a");
    else if (number == 7)
        sub->filter = (struct filter){.ops = 1u << CHANGE_CREATED | 1u << CHANGE_DELETED, .no_initial = true};
    else if (number == 8)
        sub->filter.touches = BYTES("/a");
    WORLD_OK(w, filter_check(&sub->filter, &sub->arena, &w->e));
    return sub;
}

static void drop_answers(struct subscriber *sub)
{
    sub->count = sub->asked = 0;
    sub->generation++;
}

void subscriber_close(struct subscriber *sub)
{
    if (!sub)
        return;
    if (sub->is_open)
        follow_close(&sub->follow);
    for (uint32_t i = 0; i < QUEUE; i++) {
        arena_close(&sub->queue[i].arena);
        buffer_close(&sub->queue[i].packed);
    }
    buffer_close(&sub->cursor);
    arena_close(&sub->arena);
    free(sub);
}

/* --- where it begins --- */

static bool note_at(struct world *w, struct subscriber *sub, enum note_kind kind,
                    const struct position *position)
{
    return world_note(w, (struct note){.kind = kind,
                                       .who = sub->number,
                                       .shard = position->shard,
                                       .position = *position,
                                       .filter = &sub->filter});
}

static bool ask_state(struct world *w, struct subscriber *sub)
{
    follow_seek_state(&sub->follow, FOLLOW_ASKED);
    return note_at(w, sub, NOTE_ASKS_STATE, &(struct position){0});
}

static bool begin_at_end(struct world *w, struct subscriber *sub, bool now)
{
    struct position positions[SHARDS];
    uint32_t count;
    if (!network_ends(w, now, positions, &count)) { /* it comes again */
        follow_close(&sub->follow);
        sub->is_open = false;
        return true;
    }
    bool fine = note_at(w, sub, NOTE_BEGINS, &(struct position){0});
    WORLD_OK(w, follow_seek(&sub->follow, positions, count, &w->e));
    for (uint32_t i = 0; fine && i < count; i++)
        fine = note_at(w, sub, NOTE_BEGINS_AT, &positions[i]);
    sub->asks_state = false;
    return fine;
}

static void go_on(struct world *w, struct subscriber *sub)
{
    struct arena arena = {0};
    struct cursor cursor;
    WORLD_OK(w, cursor_from_text(&arena, buffer_bytes(&sub->cursor), &cursor, &w->e));
    WORLD_OK(w, follow_seek(&sub->follow, cursor.positions, cursor.count, &w->e));
    arena_close(&arena);
}

static bool begin(struct world *w, struct subscriber *sub)
{
    struct follow_setting setting = {.shards = SHARDS,
                                     .filter = sub->filter,
                                     .max_events = sub->max_events,
                                     .max_bytes = sub->max_bytes,
                                     .snapshots = sub->has_snapshots};
    follow_open(&sub->follow, &setting);
    sub->is_open = true;
    bool state = sub->asks_state;
    sub->asks_state = state && !sub->has_snapshots;
    if (state && sub->has_snapshots)
        return ask_state(w, sub);
    if (state)
        return begin_at_end(w, sub, false);
    if (sub->cursor.len) {
        go_on(w, sub);
        return true;
    }
    return sub->beginning == FROM_STATE ? ask_state(w, sub)
                                        : begin_at_end(w, sub, sub->beginning == FROM_NOW);
}

static bool crash(struct world *w, struct subscriber *sub)
{
    follow_close(&sub->follow);
    sub->is_open = false;
    drop_answers(sub);
    sub->next_ms = w->now_ms + pick(w, 50);
    return note_at(w, sub, NOTE_CRASHED, &(struct position){0});
}

/* --- what comes --- */

void subscriber_loses(struct subscriber *sub, const struct message *message)
{
    if (message->generation != sub->generation)
        return;
    sub->asked--;
    sub->wants_map = true;
    follow_lost(&sub->follow, message->asked);
}

static bool note_told(struct world *w, struct subscriber *sub, const struct refusal *refusals, uint32_t count)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < count; i++) {
        sub->told[refusals[i].shard] |= 1u << refusals[i].kind;
        fine = world_note(w, (struct note){.kind = NOTE_TOLD,
                                           .who = sub->number,
                                           .shard = refusals[i].shard,
                                           .what = refusals[i].kind});
    }
    return fine;
}

static bool note_arrival(struct world *w, struct subscriber *sub, const struct operator_reply *reply)
{
    const struct feed_part *part = &reply->snapshot;
    if (reply->kind == OPERATOR_FETCH)
        return note_told(w, sub, reply->fetch.refusals, reply->fetch.refusal_count);
    if (part->refusal.kind)
        return note_told(w, sub, &part->refusal, 1);
    if (part->last)
        sub->told[part->begin.shard] = 0;
    return true;
}

/* The mistake of going on where something is left, and saying nothing. */
static void forget_refusals(struct subscriber *sub, const struct feed_changes *changes)
{
    for (uint32_t i = 0; i < changes->refusal_count; i++) {
        const struct refusal *refusal = &changes->refusals[i];
        struct follow_shard *shard = &sub->follow.all[refusal->shard];
        shard->why = 0;
        shard->asked = shard->given =
            (struct position){.shard = refusal->shard, .epoch = refusal->epoch, .seq = refusal->oldest - 1};
    }
}

/* Refused, and not to be answered by a snapshot: it tries again, or takes what there is. */
static bool give_up(struct world *w, struct subscriber *sub)
{
    sub->asks_state = w->calm || !sub->has_snapshots || chance(w, 40);
    return crash(w, sub);
}

bool subscriber_takes(struct world *w, struct subscriber *sub, struct message *message)
{
    enum refusal_kind refused;
    if (message->generation != sub->generation)
        return true;
    CHECK(sub->count < QUEUE);
    struct arrived *arrived = &sub->queue[sub->count];
    arena_reset(&arrived->arena);
    buffer_reset(&arrived->packed);
    buffer_add_bytes(&arrived->packed, buffer_bytes(&message->packed));
    memcpy(arrived->forks, message->forks, sizeof arrived->forks);
    memcpy(arrived->heads, message->heads, sizeof arrived->heads);
    sub->asked--;
    WORLD_OK(w,
             operator_reply_unpack(&arrived->arena, buffer_bytes(&arrived->packed), &arrived->reply, &w->e));
    int r = follow_arrived(&sub->follow, message->asked, &arrived->reply, &arrived->arrival, &refused, &w->e);
    if (r && r != ERR_USAGE) {
        snprintf(w->check.failure, sizeof w->check.failure, "subscriber %" PRIu32 ": %.400s", sub->number,
                 w->e.text);
        return false;
    }
    bool fine = note_arrival(w, sub, &arrived->reply);
    if (fine && r)
        return give_up(w, sub);
    if (w->lie == LIE_REFUSAL && arrived->reply.kind == OPERATOR_FETCH)
        forget_refusals(sub, &arrived->reply.fetch);
    if (w->lie == LIE_WHY && arrived->arrival.why == FOLLOW_DIVERGED)
        arrived->arrival.why = FOLLOW_COMPACTED;
    sub->count += arrived->arrival.kind != FOLLOW_IDLE;
    return fine;
}

/* --- what it is given --- */

static bool give_changes(struct world *w, struct subscriber *sub, const struct arrived *arrived)
{
    const struct feed_changes *changes = &arrived->reply.fetch;
    struct arena arena = {0};
    bool fine = true;
    for (uint32_t i = 0; fine && i < changes->count; i++) {
        struct change change;
        WORLD_OK(w, change_unpack(&arena, changes->changes[i], &change, &w->e));
        fine = world_note(w, (struct note){.kind = NOTE_CHANGE,
                                           .who = sub->number,
                                           .shard = change.shard,
                                           .fork = arrived->forks[change.shard],
                                           .bytes = changes->changes[i]});
    }
    for (uint32_t i = 0; fine && i < changes->position_count; i++)
        fine = world_note(w, (struct note){.kind = NOTE_POSITION,
                                           .who = sub->number,
                                           .shard = changes->positions[i].shard,
                                           .fork = arrived->forks[changes->positions[i].shard],
                                           .position = changes->positions[i]});
    arena_close(&arena);
    return fine;
}

static bool give_collection(struct world *w, struct note note, const struct feed_collection *collection,
                            uint64_t head)
{
    note.last_seq = head;
    note.kind = NOTE_COLLECTION;
    note.key = collection->record.key;
    note.what = collection->complete;
    bool fine = world_note(w, note);
    note.kind = NOTE_ROW;
    for (uint32_t i = 0; fine && i < collection->row_count; i++) {
        note.id = collection->rows[i].id;
        note.last_seq = collection->rows[i].last_seq;
        note.bytes = collection->rows[i].document;
        fine = world_note(w, note);
    }
    return fine;
}

static bool give_part(struct world *w, struct subscriber *sub, const struct arrived *arrived)
{
    const struct feed_part *part = &arrived->reply.snapshot;
    uint32_t shard = arrived->arrival.shard;
    struct note note = {.who = sub->number, .shard = shard, .fork = arrived->forks[shard]};
    bool fine = true;
    if (arrived->arrival.first) {
        note.kind = NOTE_SNAPSHOT;
        note.what = arrived->arrival.why;
        fine = world_note(w, note);
        w->tally->snapshots++;
    }
    for (uint32_t i = 0; fine && i < part->collection_count; i++)
        fine = give_collection(w, note, &part->collections[i], arrived->heads[shard]);
    note.kind = NOTE_SNAPSHOT_END;
    note.position = part->begin;
    note.what = sub->told[shard];
    return fine && (!part->last || world_note(w, note));
}

/* The cursor, with all that was made of what was given. */
static bool store(struct world *w, struct subscriber *sub)
{
    struct arena arena = {0};
    struct cursor cursor;
    bool fine = true;
    follow_cursor(&sub->follow, &arena, &cursor);
    for (uint32_t i = 0; w->lie == LIE_CURSOR && i < cursor.count; i++)
        cursor.positions[i] = sub->follow.all[cursor.positions[i].shard].asked;
    buffer_reset(&sub->cursor);
    cursor_to_text(&cursor, &sub->cursor);
    for (uint32_t i = 0; fine && i < cursor.count; i++)
        fine = note_at(w, sub, NOTE_STORES, &cursor.positions[i]);
    arena_close(&arena);
    return fine && note_at(w, sub, NOTE_STORED, &(struct position){0});
}

static bool give_first(struct world *w, struct subscriber *sub)
{
    struct arrived first = sub->queue[0];
    bool fine = first.arrival.kind == FOLLOW_FETCH ? give_changes(w, sub, &first) : give_part(w, sub, &first);
    follow_given(&sub->follow, &first.arrival, &first.reply);
    for (uint32_t i = 1; i < sub->count; i++)
        sub->queue[i - 1] = sub->queue[i];
    sub->queue[--sub->count] = first;
    if (fine && !w->calm && chance(w, 3)) {
        w->tally->crashes_before++;
        return crash(w, sub);
    }
    if (fine && chance(w, 70))
        fine = store(w, sub);
    if (fine && !w->calm && chance(w, 2)) {
        w->tally->crashes_after++;
        return crash(w, sub);
    }
    return fine;
}

/* --- what it does --- */

/* What is under way has other workers' numbers now, or is of no use any more. */
static void renumber(struct world *w, struct subscriber *sub, struct message *message)
{
    uint32_t is = 0;
    if (!message->is_under_way || message->sub != sub->number || message->generation != sub->generation)
        return;
    while (is < sub->follow.worker_count && sub->follow.workers[is].was != message->asked)
        is++;
    message->asked = is;
    if (is < sub->follow.worker_count && sub->follow.workers[is].asked)
        return;
    message->generation = UINT32_MAX;
    sub->asked--;
    w->tally->given_up++;
}

static void learn_map(struct world *w, struct subscriber *sub)
{
    struct arena arena = {0};
    struct feed_map map;
    network_map(w, &arena, &map);
    follow_map(&sub->follow, &map);
    for (uint32_t i = 0; i < MESSAGES; i++)
        renumber(w, sub, &w->messages[i]);
    sub->wants_map = false;
    sub->map_ms = w->now_ms + 1 + pick(w, 30);
    arena_close(&arena);
}

static void ask(struct world *w, struct subscriber *sub)
{
    struct arena arena = {0};
    struct operator_request request;
    for (uint32_t i = 0; i < sub->follow.worker_count && sub->count + sub->asked < QUEUE; i++) {
        if (!follow_ask(&sub->follow, i, 0, &arena, &request))
            continue;
        if (network_send(w, sub->number, i, sub->follow.workers[i].address, sub->generation, &request))
            sub->asked++;
        else
            follow_lost(&sub->follow, i);
    }
    arena_close(&arena);
}

bool subscriber_steps(struct world *w, struct subscriber *sub)
{
    if (w->now_ms < sub->next_ms && !w->calm)
        return true;
    sub->next_ms = w->now_ms + sub->pace_ms;
    if (!w->calm && chance(w, 1)) { /* it hangs */
        sub->next_ms += 100 + pick(w, 600);
        w->tally->stalls++;
    }
    if (!sub->is_open && !begin(w, sub))
        return false;
    if (!sub->is_open)
        return true;
    if (w->now_ms >= sub->map_ms &&
        (sub->follow.needs_map || sub->wants_map || follow_lacking(&sub->follow, NULL)))
        learn_map(w, sub);
    ask(w, sub);
    return !sub->count || give_first(w, sub);
}

bool subscriber_is_done(const struct world *w, const struct subscriber *sub)
{
    bool done = sub->is_open && !sub->count && !sub->follow.needs_map;
    for (uint32_t i = 0; done && i < SHARDS; i++) {
        const struct fork *fork = truth_now(&w->check.truth, i);
        const struct position *given = &sub->follow.all[i].given;
        const struct entry *head = truth_entry(fork, fork->head);
        done = !sub->follow.all[i].why && given->seq == fork->head &&
               (!head ||
                (given->epoch == head->change.epoch && (!given->check || given->check == head->check)));
    }
    return done;
}
