/* An owner's folder, one that copies a shard of it by the feed's messages, and short words for both. Include
 * after cmocka. */
#ifndef GARNER_TESTS_COPY_LAB_H
#define GARNER_TESTS_COPY_LAB_H

#include "tests/unit/test_copy_history.h"
#include "worker/feed/deliver.h"
#include "worker/feed/source.h"
#include "worker/store/copy.h"

struct side {
    char path[256];
    struct folder folder;
    struct store *store; /* of the shard */
};

struct copy_lab {
    uint64_t orders; /* that the owner was given */
    struct side sides[2];
    unsigned owner; /* which of them */
    struct deliver *deliver;
    struct copy *copy;
    struct feed_snapshot part; /* the next one of the snapshot that is taken */
    bool taking, met;          /* met: the owner has taken it as a copy since it was opened */
    unsigned begun;            /* snapshots */
    struct history history;
    struct arena arena;
    struct error e;
    struct buffer faults;
};

static inline struct side *copy_owner(struct copy_lab *lab)
{
    return &lab->sides[lab->owner];
}

static inline struct side *copy_follower(struct copy_lab *lab)
{
    return &lab->sides[!lab->owner];
}

static inline void copy_open_side(struct copy_lab *lab, struct side *side)
{
    LAB_OK(lab, folder_open(&side->folder, side->path, HISTORY_SHARDS, (uint64_t)64 << 20, &lab->e));
    LAB_OK(lab, folder_store(&side->folder, HISTORY_SHARD, &side->store, &lab->e));
}

static inline void copy_serve(struct copy_lab *lab)
{
    deliver_close(lab->deliver);
    const struct replica_order replica = {.worker = 2};
    const struct cluster_peer peer = {2, BYTES("w2"), BYTES("")};
    const struct shard_order order = {.shard = HISTORY_SHARD,
                                      .role = ROLE_OWNER,
                                      .version = ++lab->orders,
                                      .owner = CLUSTER_NOBODY,
                                      .replicas = &replica,
                                      .replica_count = 1};
    LAB_OK(lab, deliver_open(&copy_owner(lab)->folder, true, &lab->deliver, &lab->e));
    LAB_OK(lab, deliver_order(lab->deliver, &order, &peer, 1, &lab->e));
}

static inline void copy_follow(struct copy_lab *lab)
{
    LAB_OK(lab, copy_open(copy_follower(lab)->store, &lab->copy, &lab->e));
    lab->taking = lab->met = false;
}

static inline struct copy_lab *copy_lab_open(uint64_t seed)
{
    struct copy_lab *lab = mem_zalloc(sizeof *lab);
    random_seed(&lab->history.random, seed);
    lab->history.now_ms = INT64_C(1795341600123);
    lab->history.shard = HISTORY_SHARD;
    for (int i = 0; i < 2; i++) {
        lab_make_folder(lab->sides[i].path);
        copy_open_side(lab, &lab->sides[i]);
    }
    copy_serve(lab);
    copy_follow(lab);
    return lab;
}

static inline void copy_lab_close(struct copy_lab *lab)
{
    copy_close(lab->copy);
    deliver_close(lab->deliver);
    for (int i = 0; i < 2; i++) {
        folder_close(&lab->sides[i].folder);
        lab_remove_folder(lab->sides[i].path);
    }
    arena_close(&lab->history.arena);
    arena_close(&lab->arena);
    buffer_close(&lab->faults);
    free(lab);
}

/* --- the owner --- */

static inline void copy_commit_owner(struct copy_lab *lab)
{
    struct store *store = copy_owner(lab)->store;
    LAB_OK(lab, store_commit(store, &lab->e));
    deliver_committed(lab->deliver, HISTORY_SHARD, store_head(store));
}

static inline void copy_owner_writes(struct copy_lab *lab, uint32_t harvests)
{
    struct store *store = copy_owner(lab)->store;
    LAB_OK(lab, store_write(store, &lab->e));
    for (uint32_t i = 0; i < harvests; i++)
        history_harvest(&lab->history, store);
    copy_commit_owner(lab);
}

static inline void copy_owner_compacts(struct copy_lab *lab, uint64_t up_to)
{
    struct store *store = copy_owner(lab)->store;
    struct store_compaction what = {.up_to = up_to, .before_ms = INT64_MAX, .most = UINT32_MAX};
    struct receipt_id last = {0}, found[64];
    uint32_t count;
    bool end;
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, store_compact(store, &what, &count, &lab->e));
    LAB_OK(lab, store_receipts_unneeded(store, &last, 64, found, &count, &end, &lab->e));
    for (uint32_t i = 0; i < count; i++)
        LAB_OK(lab, store_receipt_unpin(store, found[i], &lab->e));
    copy_commit_owner(lab);
}

/* --- the follower --- */

static inline void copy_add_fault(void *context, const char *sentence)
{
    struct copy_lab *lab = context;
    buffer_printf(&lab->faults, "%s\n", sentence);
}

static inline const char *copy_verify(struct copy_lab *lab, struct store *store)
{
    buffer_reset(&lab->faults);
    LAB_OK(lab, store_verify(store, copy_add_fault, lab, &lab->e));
    return buffer_text(&lab->faults);
}

static inline bool copy_is_whole(struct copy_lab *lab)
{
    struct copy_state state;
    LAB_OK(lab, store_copy_state(copy_follower(lab)->store, &state, &lab->e));
    return state.is_whole;
}

static inline struct feed_part copy_ask_part(struct copy_lab *lab, uint64_t max_bytes)
{
    struct buffer packed = {0};
    struct feed_part part;
    struct deliver_shown shown;
    lab->part.shard = HISTORY_SHARD;
    lab->part.max_bytes = max_bytes;
    lab->part.receipts = true;
    lab->part.follower = BYTES("w2");
    LAB_OK(lab, deliver_snapshot(lab->deliver, &lab->part, &packed, &part, &shown, &lab->e));
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    assert_true(feed_part_unpack(&lab->arena, copy, &part));
    return part;
}

/* A part of a snapshot. */
static inline void copy_take(struct copy_lab *lab, uint64_t max_bytes)
{
    if (!lab->taking)
        lab->part = (struct feed_snapshot){0};
    struct feed_part part = copy_ask_part(lab, max_bytes);
    lab->taking = !part.refusal.kind && !part.last;
    if (part.refusal.kind)
        return;
    lab->begun += !lab->part.has_begin;
    LAB_OK(lab, copy_take_part(lab->copy, &part, !lab->part.has_begin, &lab->e));
    LAB_OK(lab, copy_commit(lab->copy, &lab->e));
    lab->part = (struct feed_snapshot){
        .has_begin = true, .begin = part.begin, .collection = part.collection, .row = part.row};
}

static inline struct feed_changes copy_ask(struct copy_lab *lab, struct feed_demand demand)
{
    static const uint32_t shard = HISTORY_SHARD;
    struct buffer packed = {0};
    struct feed_changes answer;
    enum delivered delivered;
    demand.shards = &shard;
    demand.shard_count = 1;
    demand.max_bytes = LIMIT_MESSAGE_BYTES;
    demand.receipts = true;
    demand.follower = BYTES("w2");
    LAB_OK(lab, deliver_answer(lab->deliver, &demand, &packed, &delivered, &lab->e));
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    assert_true(feed_changes_unpack(&lab->arena, copy, &answer));
    return answer;
}

static inline void copy_begin_log_anew(struct copy_lab *lab)
{
    struct position none = {.shard = HISTORY_SHARD};
    struct feed_changes answer = copy_ask(lab, (struct feed_demand){.oldest = true, .max_events = 1});
    int r = copy_begin_log(lab->copy, answer.position_count ? &answer.positions[0] : &none, &lab->e);
    if (!r)
        r = copy_commit(lab->copy, &lab->e);
    if (r == ERR_NOT_FOUND) {
        copy_abort(lab->copy);
        copy_take(lab, 100);
        return;
    }
    LAB_OK(lab, r);
}

/* What answers put in goes into it. False: nothing came. */
static inline bool copy_put_answer(struct copy_lab *lab, const struct feed_changes *answer)
{
    for (uint32_t i = 0; i < answer->record_count; i++)
        copy_offer(lab->copy, &answer->records[i].record);
    for (uint32_t i = 0; i < answer->count; i++) {
        struct change change;
        LAB_OK(lab, change_unpack(&lab->arena, answer->changes[i], &change, &lab->e));
        LAB_OK(lab, copy_append(lab->copy, &change, answer->changes[i], &lab->e));
    }
    for (uint32_t i = 0; i < answer->receipt_count; i++)
        LAB_OK(lab, copy_put_receipt(lab->copy, answer->receipts[i], &lab->e));
    return answer->count > 0;
}

/* Changes, up to so many. False: there are none. */
static inline bool copy_fetch(struct copy_lab *lab, uint64_t max_events)
{
    struct position at;
    LAB_OK(lab, copy_position(lab->copy, &at, &lab->e));
    struct feed_changes answer = copy_ask(
        lab,
        (struct feed_demand){.positions = &at, .count = !position_is_none(&at), .max_events = max_events});
    if (answer.refusal_count) {
        bool restart = answer.refusals[0].kind == REFUSAL_COMPACTED && copy_phase(lab->copy) == COPY_LOG;
        if (restart)
            copy_begin_log_anew(lab);
        else
            copy_take(lab, 1000);
        return true;
    }
    lab->met = true;
    bool any = copy_put_answer(lab, &answer);
    LAB_OK(lab, copy_commit(lab->copy, &lab->e));
    if (answer.oldest_count)
        LAB_OK(lab, copy_compact(lab->copy, answer.oldest[0].oldest, &lab->e));
    return any;
}

/* Whatever it needs next. False: it has all there is. */
static inline bool copy_go_on(struct copy_lab *lab)
{
    struct history *h = &lab->history;
    bool snapshot = copy_phase(lab->copy) == COPY_NONE || copy_phase(lab->copy) == COPY_TAKING;
    bool any = true;
    arena_reset(&lab->arena);
    if (snapshot || lab->taking)
        copy_take(lab, 1 + history_pick(h, history_chance(h, 50) ? 200 : 20000));
    else
        any = copy_fetch(lab, 1 + history_pick(h, history_chance(h, 30) ? 3 : 200));
    if (copy_is_whole(lab))
        assert_string_equal(copy_verify(lab, copy_follower(lab)->store), "");
    return any || copy_phase(lab->copy) != COPY_WHOLE;
}

static inline void copy_catch_up(struct copy_lab *lab)
{
    unsigned steps = 0;
    while (copy_go_on(lab))
        assert_true(++steps < 10000);
}

/* A process that is killed, and one that goes on. */
static inline void copy_crash(struct copy_lab *lab)
{
    struct side *side = copy_follower(lab);
    copy_close(lab->copy);
    folder_close(&side->folder);
    copy_open_side(lab, side);
    copy_follow(lab);
}

/* --- comparing --- */

struct copy_comparison {
    struct copy_lab *lab;
    const struct collection_record *record;
    bool is_mixed; /* the copy's */
};

static inline struct digest copy_digest_of(struct copy_comparison *at, struct bytes packed, bool single,
                                           const struct hash_secret *secret)
{
    struct copy_lab *lab = at->lab;
    struct pointer unordered[4];
    struct value value;
    struct buffer scratch = {0};
    uint32_t count = at->record->unordered_count;
    for (uint32_t i = 0; i < count; i++)
        LAB_OK(lab, pointer_parse(&lab->arena, at->record->unordered[i], &unordered[i], &lab->e));
    const struct pointer *rules = single ? pointers_walk_single(&lab->arena, unordered, count) : unordered;
    LAB_OK(lab, value_from_msgpack(&lab->arena, packed, &value, &lab->e));
    struct digest digest = canonical_digest(&value, rules, count, secret, &scratch);
    buffer_close(&scratch);
    return digest;
}

/* What the next listing has is digested as the owner digests it: it must find what it has, or compare. */
static inline void copy_compare_digest(struct copy_comparison *at, const struct document *document,
                                       const struct document *copied)
{
    const struct hash_secret *owners = store_secret(copy_owner(at->lab)->store);
    const struct hash_secret *own = store_secret(copy_follower(at->lab)->store);
    bool single = !digest_equal(document->digest, copy_digest_of(at, document->packed, false, owners));
    if (at->record->mixed || at->is_mixed)
        return;
    assert_true(digest_equal(copied->digest, copy_digest_of(at, document->packed, single, own)));
}

static inline int copy_compare_document(void *context, const struct document *document)
{
    struct copy_comparison *at = context;
    struct store *store = copy_follower(at->lab)->store;
    const struct hash_secret *secret = store_secret(store);
    struct document copied;
    uint32_t row;
    LAB_OK(at->lab, store_row_find(store, at->record->id, document->id, &row, &at->lab->e));
    LAB_OK(at->lab, store_document(store, at->record->id, row, &copied, &at->lab->e));
    assert_int_equal(copied.last_seq, document->last_seq);
    assert_int_equal(copied.first_seen_ms, document->first_seen_ms);
    if (!bytes_equal(copied.packed, document->packed)) /* but in an order that means nothing */
        assert_true(digest_equal(copy_digest_of(at, copied.packed, true, secret),
                                 copy_digest_of(at, document->packed, true, secret)));
    copy_compare_digest(at, document, &copied);
    return 0;
}

static inline bool same_rules_list(const struct bytes *a, uint32_t a_count, const struct bytes *b,
                                   uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++)
        same = bytes_equal(a[i], b[i]);
    return same;
}

static inline bool copy_is_said(const struct collection_record *record)
{
    return record->rows || record->listed_since_ms || record->unreachable_since_ms ||
           record->unwatched_since_ms || record->held_since_ms;
}

static inline int copy_compare_collection(void *context, const struct collection_record *record)
{
    struct copy_comparison *at = context;
    struct copy_lab *lab = at->lab;
    struct collection_record copied;
    struct document parent;
    uint32_t row;
    if (!copy_is_said(record)) /* no change was ever of it, or what they told is over */
        return 0;
    LAB_OK(lab,
           store_collection_find(copy_follower(lab)->store, &record->key, &lab->arena, &copied, &lab->e));
    assert_int_equal(copied.id, record->id);
    assert_int_equal(copied.rows, record->rows);
    assert_int_equal(copied.parent_collection, record->parent_collection);
    assert_true(digest_equal(copied.definition, record->definition) || record->mixed || copied.mixed);
    assert_true(digest_equal(copied.id_rule, record->id_rule));
    bool same_rules =
        same_rules_list(copied.ignore, copied.ignore_count, record->ignore, record->ignore_count) &&
        same_rules_list(copied.unordered, copied.unordered_count, record->unordered, record->unordered_count);
    assert_true(same_rules || record->mixed); /* one that was edited may not have said so yet */
    assert_int_equal(copied.listed_since_ms, record->listed_since_ms);
    assert_int_equal(copied.unreachable_since_ms, record->unreachable_since_ms);
    assert_int_equal(copied.unreachable_error, record->unreachable_error);
    assert_int_equal(copied.unwatched_since_ms, record->unwatched_since_ms);
    assert_int_equal(copied.held_since_ms, record->held_since_ms);
    if (record->parent_collection) {
        struct store *owner = copy_owner(lab)->store, *store = copy_follower(lab)->store;
        LAB_OK(lab, store_document(owner, record->parent_collection, record->parent_row, &parent, &lab->e));
        LAB_OK(lab, store_row_find(store, record->parent_collection, parent.id, &row, &lab->e));
        assert_int_equal(copied.parent_row, row);
    }
    at->record = record;
    at->is_mixed = copied.mixed;
    return store_documents_each(copy_owner(lab)->store, record->id, 0, copy_compare_document, at, &lab->e);
}

/* Nor has the copy anything that the owner doesn't have, but what it had as an owner and never said. */
static inline int copy_find_in_owner(void *context, const struct collection_record *record)
{
    struct copy_comparison *at = context;
    struct collection_record found;
    int r = store_collection_by_id(copy_owner(at->lab)->store, record->id, &at->lab->arena, &found,
                                   &at->lab->e);
    if (r)
        assert_false(copy_is_said(record));
    return 0;
}

static inline void copy_compare_changes(struct copy_lab *lab)
{
    struct store *owner = copy_owner(lab)->store, *store = copy_follower(lab)->store;
    uint64_t from = store_oldest(owner) > store_oldest(store) ? store_oldest(owner) : store_oldest(store);
    struct bytes one, other;
    assert_int_equal(store_head(store), store_head(owner));
    for (uint64_t seq = from; seq <= store_head(owner); seq++) {
        LAB_OK(lab, store_change(owner, seq, &one, &lab->e));
        LAB_OK(lab, store_change(store, seq, &other, &lab->e));
        assert_true(bytes_equal(one, other));
    }
}

/* Both hold the same. */
static inline void copy_compare(struct copy_lab *lab)
{
    struct copy_comparison at = {.lab = lab};
    struct store *owner = copy_owner(lab)->store, *store = copy_follower(lab)->store;
    assert_true(copy_is_whole(lab));
    assert_string_equal(copy_verify(lab, owner), "");
    assert_string_equal(copy_verify(lab, store), "");
    LAB_OK(lab, store_read(owner, &lab->e));
    LAB_OK(lab, store_read(store, &lab->e));
    LAB_OK(lab, store_collections_each(owner, copy_compare_collection, &at, &lab->e));
    LAB_OK(lab, store_collections_each(store, copy_find_in_owner, &at, &lab->e));
    copy_compare_changes(lab);
    store_done(owner);
    store_done(store);
}

/* --- promotion --- */

/* The follower becomes the owner, and the other way round. */
static inline void copy_promote(struct copy_lab *lab)
{
    struct store *store = copy_follower(lab)->store;
    uint64_t epoch = store_epoch(copy_owner(lab)->store) + 1 + history_pick(&lab->history, 3);
    copy_close(lab->copy);
    deliver_close(lab->deliver);
    lab->deliver = NULL;
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, store_begin_epoch(store, epoch, &lab->e));
    LAB_OK(lab, store_commit(store, &lab->e));
    lab->owner = !lab->owner;
    copy_serve(lab);
    copy_follow(lab);
}

#endif
