/* The answer to a demand for changes.
 *
 * Whether there is anything behind a position is known without a look at the stores: the shard's end is, and
 * `sound` are positions that were found to be of this history, which only grows while it is open. So a
 * thousand commits a second cost those who wait for other shards nothing but that look.
 *
 * A change goes from the store into the answer as it is, copied once. */
#include "worker/feed/deliver.h"

#include "common/check.h"
#include "common/clock.h"
#include "worker/feed/along.h"
#include "worker/feed/internal.h"

/* --- where the demand stands --- */

static int check(const struct deliver *deliver, struct feed_demand *demand, struct arena *arena,
                 struct error *e)
{
    const uint32_t shards = deliver->folder->shards;
    if (!demand->max_events || !demand->max_bytes)
        return error_set(e, ERR_USAGE, "a demand for 0 %s: ask for 1 at least",
                         demand->max_events ? "bytes" : "changes");
    if (demand->shard_count && demand->shards[demand->shard_count - 1] >= shards)
        return deliver_no_shard(demand->shards[demand->shard_count - 1], shards, e);
    int r = feed_check_whose(demand->feed, deliver->folder->feed, e);
    return r ? r : filter_check(&demand->filter, arena, e);
}

/* Room is made once, for each shard that is here and each that the demand names besides. */
static void add_refusal(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out,
                        const struct refusal *refusal)
{
    if (!deliver->refusals)
        deliver->refusals = arena_alloc(&deliver->arena,
                                        (deliver->folder->shards + (size_t)demand->count) * sizeof *refusal);
    deliver->refusals[out->refusal_count++] = *refusal;
    out->refusals = deliver->refusals;
}

static void seek(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out)
{
    feed_source_rewind(&deliver->source);
    for (uint32_t i = 0; i < demand->count; i++) {
        const struct position *position = &demand->positions[i];
        if (position->shard < deliver->folder->shards)
            feed_source_seek(&deliver->source, position);
        else if (!position_is_none(position))
            add_refusal(deliver, demand, out,
                        &(struct refusal){.kind = REFUSAL_FUTURE, .shard = position->shard});
    }
}

static enum deliver_whose whose(const struct feed_demand *demand)
{
    return demand->follower.data ? WHOSE_FOLLOWER : WHOSE_SUBSCRIBER;
}

/* Up to where it is given. */
static uint64_t end_of(const struct deliver *deliver, const struct feed_demand *demand, uint32_t shard)
{
    return whose(demand) == WHOSE_FOLLOWER ? roles_head(deliver->roles, shard)
                                           : roles_served(deliver->roles, shard);
}

/* There is nothing behind it, and it is no other history's, as far as it says. One that must be passed yet
 * is beyond the end here: that is to be looked at. */
static bool is_at_end(const struct deliver *deliver, const struct feed_demand *demand, uint32_t shard,
                      const struct position *at)
{
    const struct position *sound = &deliver->sound[whose(demand)][shard];
    if (at->seq < end_of(deliver, demand, shard) || at->until.seq)
        return false;
    return !at->seq ||
           (sound->seq == at->seq && sound->epoch == at->epoch && (!at->check || at->check == sound->check));
}

static void note_sound(struct deliver *deliver, const struct feed_demand *demand)
{
    struct position *sound = deliver->sound[whose(demand)];
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        const struct feed_shard *shard = &deliver->source.shards[i];
        if (!shard->idle && !shard->refusal.kind && shard->at.seq >= sound[i].seq)
            sound[i] = shard->at;
    }
}

/* --- which shards --- */

/* A follower's demand says what it has stored: it asks for what comes behind that. */
static void note_stored(struct deliver *deliver, const struct feed_demand *demand, uint32_t shard)
{
    const struct position *at = &deliver->source.shards[shard].at;
    uint32_t worker;
    if (whose(demand) == WHOSE_FOLLOWER && at->until.seq <= at->seq &&
        roles_follows(deliver->roles, shard, demand->follower, &worker))
        deliver->risen |= roles_acked(deliver->roles, shard, worker, at->seq);
}

static bool is_theirs(const struct deliver *deliver, const struct feed_demand *demand, uint32_t shard)
{
    uint32_t worker;
    return whose(demand) == WHOSE_FOLLOWER ? roles_follows(deliver->roles, shard, demand->follower, &worker)
                                           : deliver_has(deliver, shard);
}

/* Leave the shards alone that aren't asked for, or aren't here for who asks. */
static void choose_shards(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out)
{
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        struct feed_shard *shard = &deliver->source.shards[i];
        while (wanted < demand->shard_count && demand->shards[wanted] < i)
            wanted++;
        bool is_wanted = !demand->shard_count ||
                         (wanted < demand->shard_count && demand->shards[wanted] == i);
        bool is_here = is_wanted && is_theirs(deliver, demand, i);
        if (is_wanted && !is_here)
            add_refusal(deliver, demand, out, &(struct refusal){.kind = REFUSAL_MOVED, .shard = i});
        shard->idle = !is_here;
        shard->end = end_of(deliver, demand, i);
    }
}

/* … and those that have nothing behind the demand. */
static void leave_ended(struct deliver *deliver, const struct feed_demand *demand)
{
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        struct feed_shard *shard = &deliver->source.shards[i];
        if (shard->idle || !is_at_end(deliver, demand, i, &shard->at))
            continue;
        note_stored(deliver, demand, i);
        shard->idle = true;
    }
}

/* Of the others it is known now whether they stand in this history. */
static void note_others_stored(struct deliver *deliver, const struct feed_demand *demand)
{
    for (uint32_t i = 0; i < deliver->folder->shards; i++)
        if (!deliver->source.shards[i].idle && !deliver->source.shards[i].refusal.kind)
            note_stored(deliver, demand, i);
}

/* Positions that differ from the demand's, of all shards; those of a shard that it doesn't name are 0. */
static void add_positions(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out)
{
    struct cursor cursor;
    struct position *positions;
    uint32_t at = 0;
    feed_source_cursor(&deliver->source, &deliver->arena, &cursor);
    positions = cursor.positions;
    for (uint32_t i = 0; i < cursor.count; i++) {
        while (at < demand->count && demand->positions[at].shard < cursor.positions[i].shard)
            at++;
        bool same = at < demand->count && demand->positions[at].shard == cursor.positions[i].shard &&
                    demand->positions[at].seq == cursor.positions[i].seq;
        if (!same)
            positions[out->position_count++] = cursor.positions[i];
    }
    out->positions = positions;
}

/* --- changes --- */

/* Receipts that were given last. */
struct recent {
    struct receipt_id ids[LIMIT_GUARD_LISTINGS];
    uint32_t next;
};

static bool is_new(struct recent *recent, struct receipt_id id)
{
    for (uint32_t i = 0; i < LIMIT_GUARD_LISTINGS; i++)
        if (recent->ids[i].harvest == id.harvest && recent->ids[i].collection == id.collection &&
            recent->ids[i].shard == id.shard)
            return false;
    recent->ids[recent->next++ % LIMIT_GUARD_LISTINGS] = id;
    return true;
}

static uint64_t at_most(uint64_t wanted, uint64_t limit)
{
    return wanted < limit ? wanted : limit;
}

/* The receipts that a change rests on, but for those that were given just now: what was deleted together
 * rests on the same. One that isn't kept any more is passed over. */
static int add_receipts(struct deliver *deliver, const struct change *change, struct recent *recent,
                        struct buffer *to, struct error *e)
{
    struct store *store = deliver->source.shards[change->shard].store;
    int r = 0;
    for (uint32_t i = 0; i < change->receipt_count && !r; i++) {
        struct receipt receipt;
        if (!is_new(recent, change->receipts[i]))
            continue;
        arena_reset(&deliver->scratch);
        r = store_receipt_get(store, change->receipts[i], &deliver->scratch, &receipt, e);
        if (!r)
            feed_changes_add_receipt(to, &receipt);
        r = r == ERR_NOT_FOUND ? 0 : r;
    }
    return r;
}

static int add_changes(struct deliver *deliver, const struct feed_demand *demand, struct buffer *to,
                       struct feed_changes *out, struct error *e)
{
    const bool any = filter_is_any(&demand->filter);
    const size_t bytes_max = to->len + at_most(demand->max_bytes, LIMIT_MESSAGE_BYTES);
    const uint32_t events_max = (uint32_t)at_most(demand->max_events, LIMIT_FETCH_CHANGES);
    const bool follows = demand->follower.data != NULL;
    struct recent recent = {0};
    struct along along = {0};
    uint32_t looked = 0;
    int r = 0;
    out->more = true;
    while (!r && out->count < events_max && to->len < bytes_max && looked++ < LIMIT_FETCH_CHANGES) {
        const struct change *change;
        struct bytes packed;
        bool passes = any;
        r = feed_source_next(&deliver->source, &change, &packed, e);
        out->more = !r && change;
        if (!out->more)
            break;
        if (!any)
            r = filter_passes(&demand->filter, change, &deliver->scratch, &passes, e);
        if (passes)
            feed_changes_add(to, packed);
        if (!r && passes && demand->receipts)
            r = add_receipts(deliver, change, &recent, to, e);
        if (!r && passes && follows)
            r = along_change(&along, deliver->source.shards[change->shard].store, change, &deliver->scratch,
                             to, e);
        out->count += passes;
    }
    if (!r && follows)
        along_oldest(&deliver->source, &deliver->arena, out);
    return r;
}

static void add_refusals(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out)
{
    for (uint32_t i = 0; deliver->source.refused && i < deliver->folder->shards; i++)
        if (deliver->source.shards[i].refusal.kind)
            add_refusal(deliver, demand, out, &deliver->source.shards[i].refusal);
}

static int give(struct deliver *deliver, const struct feed_demand *demand, struct buffer *to,
                struct feed_changes *out, struct error *e)
{
    seek(deliver, demand, out);
    choose_shards(deliver, demand, out);
    leave_ended(deliver, demand);
    int r = feed_source_begin(&deliver->source, e);
    if (!r)
        note_others_stored(deliver, demand);
    add_refusals(deliver, demand, out);
    if (!r && !out->refusal_count)
        r = add_changes(deliver, demand, to, out, e);
    feed_source_end(&deliver->source);
    if (!r)
        note_sound(deliver, demand);
    if (!r && !out->refusal_count)
        add_positions(deliver, demand, out);
    return r;
}

/* Where the shards end or begin that are asked for. Before its followers have said what they have, nobody
 * knows what an owner that has just begun may say. */
static int seek_end(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out,
                    bool *later, struct error *e)
{
    feed_source_rewind(&deliver->source);
    choose_shards(deliver, demand, out);
    *later = false;
    for (uint32_t i = 0; i < deliver->folder->shards; i++)
        *later |= !deliver->source.shards[i].idle && !deliver->source.shards[i].end &&
                  roles_head(deliver->roles, i);
    if (out->refusal_count || *later)
        return 0;
    int r = demand->now ? feed_source_seek_now(&deliver->source, e)
                        : feed_source_seek_oldest(&deliver->source, e);
    if (!r)
        add_positions(deliver, demand, out);
    return r;
}

int deliver_answer(struct deliver *deliver, struct feed_demand *demand, struct buffer *out,
                   enum delivered *delivered, struct error *e)
{
    struct feed_changes changes = {0};
    bool later = false;
    arena_reset(&deliver->arena);
    deliver->refusals = NULL;
    *delivered = DELIVERED_CHANGES;
    int r = check(deliver, demand, &deliver->arena, e);
    if (r)
        return r;
    if (demand->now || demand->oldest) {
        r = seek_end(deliver, demand, &changes, &later, e);
    } else {
        r = give(deliver, demand, out, &changes, e);
        if (!changes.count && !changes.refusal_count && !changes.more)
            *delivered = changes.position_count ? DELIVERED_POSITIONS : DELIVERED_NOTHING;
    }
    if (later && !changes.refusal_count)
        *delivered = DELIVERED_LATER;
    changes.is_stale = clock_steady_ms() >= atomic_load(&deliver->lease_ms);
    feed_changes_end(out, &changes);
    return r;
}
