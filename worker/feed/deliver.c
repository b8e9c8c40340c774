/* Whether there is anything behind a position is known without a look at the stores: `heads` are the last
 * committed seqs, and `sound` are positions that were found to be of this history, which only grows while it
 * is open. So a thousand commits a second cost those who wait for other shards nothing but that look.
 *
 * A change goes from the store into the answer as it is, copied once. */
#include "worker/feed/deliver.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/feed/along.h"
#include "worker/feed/snapshot.h"
#include "worker/feed/source.h"

struct deliver {
    struct folder *folder;
    struct feed_source source;
    struct arena arena, scratch;
    struct refusal *refusals; /* of the answer that is made, in the arena; null: none yet */
    _Atomic uint64_t *heads;  /* by shard */
    uint64_t *said;           /* of these, what deliver_heads gave last */
    atomic_bool *elsewhere;   /* by shard */
    _Atomic uint64_t placed;  /* how often a shard came or went: the map's version */
    struct position *sound;   /* by shard, the farthest */
};

int deliver_open(struct folder *folder, struct deliver **out, struct error *e)
{
    struct deliver *deliver = mem_zalloc(sizeof *deliver);
    int r = 0;
    *out = NULL;
    deliver->folder = folder;
    deliver->heads = mem_zalloc(folder->shards * sizeof *deliver->heads);
    deliver->said = mem_zalloc(folder->shards * sizeof *deliver->said);
    deliver->elsewhere = mem_zalloc(folder->shards * sizeof *deliver->elsewhere);
    deliver->sound = mem_zalloc(folder->shards * sizeof *deliver->sound);
    feed_source_open(&deliver->source, folder);
    for (uint32_t i = 0; i < folder->shards && !r; i++) {
        uint64_t head = 0;
        r = feed_source_head(&deliver->source, i, &head, e);
        deliver_committed(deliver, i, head);
    }
    if (r)
        deliver_close(deliver);
    else
        *out = deliver;
    return r;
}

void deliver_close(struct deliver *deliver)
{
    if (!deliver)
        return;
    feed_source_close(&deliver->source);
    arena_close(&deliver->arena);
    arena_close(&deliver->scratch);
    free(deliver->heads);
    free(deliver->said);
    free(deliver->elsewhere);
    free(deliver->sound);
    free(deliver);
}

/* Its thread and the one that opened it may both say so of a shard: the later one counts. */
void deliver_committed(struct deliver *deliver, uint32_t shard, uint64_t last)
{
    uint64_t known = atomic_load(&deliver->heads[shard]);
    while (last > known && !atomic_compare_exchange_weak(&deliver->heads[shard], &known, last))
        ;
}

int deliver_heads(struct deliver *deliver, bool all, struct arena *arena, struct feed_hint *out,
                  struct error *e)
{
    struct position *heads = arena_alloc(arena, deliver->folder->shards * sizeof *heads);
    int r = 0;
    *out = (struct feed_hint){.heads = heads};
    memcpy(out->feed, deliver->folder->feed, sizeof out->feed);
    for (uint32_t i = 0; i < deliver->folder->shards && !r; i++) {
        struct position *head = &heads[out->head_count];
        *head = (struct position){.shard = i, .seq = atomic_load(&deliver->heads[i])};
        if (!deliver_has(deliver, i) || !head->seq || (!all && head->seq == deliver->said[i]))
            continue;
        deliver->said[i] = head->seq;
        r = feed_source_epoch(&deliver->source, i, &head->epoch, e);
        out->head_count++;
    }
    return r;
}

/* --- which shards are here --- */

void deliver_place(struct deliver *deliver, uint32_t shard, bool here)
{
    CHECK(shard < deliver->folder->shards);
    if (atomic_exchange(&deliver->elsewhere[shard], !here) == here)
        atomic_fetch_add(&deliver->placed, 1);
}

bool deliver_has(const struct deliver *deliver, uint32_t shard)
{
    return !atomic_load(&deliver->elsewhere[shard]);
}

void deliver_map(const struct deliver *deliver, struct arena *arena, struct feed_map *out)
{
    struct feed_worker *self = arena_zalloc(arena, sizeof *self);
    uint32_t *shards = arena_alloc(arena, deliver->folder->shards * sizeof *shards), count = 0;
    *out =
        (struct feed_map){.version = 1 + atomic_load(&deliver->placed), .workers = self, .worker_count = 1};
    for (uint32_t i = 0; i < deliver->folder->shards; i++)
        if (deliver_has(deliver, i))
            shards[count++] = i;
    self->address = BYTES("");
    self->all = count == deliver->folder->shards;
    if (!self->all)
        self->shards = shards, self->shard_count = count;
}

/* --- where the demand stands --- */

static int no_shard(uint32_t shard, uint32_t shards, struct error *e)
{
    return error_set(e, ERR_USAGE, "there is no shard %" PRIu32 ": there are %" PRIu32 ", from 0 on", shard,
                     shards);
}

static int check(const struct deliver *deliver, struct feed_demand *demand, struct arena *arena,
                 struct error *e)
{
    const uint32_t shards = deliver->folder->shards;
    if (!demand->max_events || !demand->max_bytes)
        return error_set(e, ERR_USAGE, "a demand for 0 %s: ask for 1 at least",
                         demand->max_events ? "bytes" : "changes");
    if (demand->shard_count && demand->shards[demand->shard_count - 1] >= shards)
        return no_shard(demand->shards[demand->shard_count - 1], shards, e);
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

/* There is nothing behind it, and it is no other history's, as far as it says. One that must be passed yet
 * is beyond the head here: that is to be looked at. */
static bool is_at_head(const struct deliver *deliver, uint32_t shard, const struct position *at)
{
    const struct position *sound = &deliver->sound[shard];
    if (atomic_load(&deliver->heads[shard]) != at->seq || at->until.seq)
        return false;
    return !at->seq ||
           (sound->seq == at->seq && sound->epoch == at->epoch && (!at->check || at->check == sound->check));
}

static void note_sound(struct deliver *deliver)
{
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        const struct feed_shard *shard = &deliver->source.shards[i];
        if (!shard->idle && !shard->refusal.kind && shard->at.seq >= deliver->sound[i].seq)
            deliver->sound[i] = shard->at;
    }
}

/* Leave the shards alone that aren't asked for, aren't here, or have nothing behind the demand. */
static void choose_shards(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out)
{
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        struct feed_shard *shard = &deliver->source.shards[i];
        while (wanted < demand->shard_count && demand->shards[wanted] < i)
            wanted++;
        bool is_wanted = !demand->shard_count ||
                         (wanted < demand->shard_count && demand->shards[wanted] == i);
        bool is_here = deliver_has(deliver, i);
        if (is_wanted && !is_here)
            add_refusal(deliver, demand, out, &(struct refusal){.kind = REFUSAL_MOVED, .shard = i});
        shard->idle = !is_wanted || !is_here || is_at_head(deliver, i, &shard->at);
    }
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
    int r = feed_source_begin(&deliver->source, e);
    add_refusals(deliver, demand, out);
    if (!r && !out->refusal_count)
        r = add_changes(deliver, demand, to, out, e);
    feed_source_end(&deliver->source);
    if (!r)
        note_sound(deliver);
    if (!r && !out->refusal_count)
        add_positions(deliver, demand, out);
    return r;
}

static int seek_end(struct deliver *deliver, const struct feed_demand *demand, struct feed_changes *out,
                    struct error *e)
{
    feed_source_rewind(&deliver->source);
    choose_shards(deliver, demand, out);
    if (out->refusal_count)
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
    arena_reset(&deliver->arena);
    deliver->refusals = NULL;
    *delivered = DELIVERED_CHANGES;
    int r = check(deliver, demand, &deliver->arena, e);
    if (r)
        return r;
    if (demand->now || demand->oldest) {
        r = seek_end(deliver, demand, &changes, e);
    } else {
        r = give(deliver, demand, out, &changes, e);
        if (!changes.count && !changes.refusal_count && !changes.more)
            *delivered = changes.position_count ? DELIVERED_POSITIONS : DELIVERED_NOTHING;
    }
    feed_changes_end(out, &changes);
    return r;
}

int deliver_snapshot(struct deliver *deliver, struct feed_snapshot *demand, struct buffer *out,
                     struct feed_part *part, struct error *e)
{
    const struct folder *folder = deliver->folder;
    uint64_t head;
    if (demand->shard >= folder->shards)
        return no_shard(demand->shard, folder->shards, e);
    int r = feed_check_whose(demand->feed, folder->feed, e);
    if (!r && !deliver_has(deliver, demand->shard)) {
        *part = (struct feed_part){.refusal = {.kind = REFUSAL_MOVED, .shard = demand->shard}};
        feed_part_end(out, part);
        return 0;
    }
    if (!r)
        r = feed_source_head(&deliver->source, demand->shard, &head, e); /* opens it */
    return r ? r : snapshot_answer(deliver->source.shards[demand->shard].store, demand, out, part, e);
}
