/* The feed's messages: the same packed and unpacked; cut ones, and what can't be meant, are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/feed.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static struct bytes take(struct buffer *out)
{
    struct bytes copy = arena_copy(&arena, buffer_bytes(out));
    buffer_close(out);
    return copy;
}

static bool same_position(const struct position *a, const struct position *b)
{
    return a->shard == b->shard && a->epoch == b->epoch && a->seq == b->seq && a->check == b->check;
}

/* Each cut is refused, but where it is one between two fields: then less is there. */
#define EXPECT_CUTS(packed, unpack, type)                                                                    \
    do {                                                                                                     \
        unsigned refused = 0;                                                                                \
        for (size_t len = 1; len < (packed).len; len++) {                                                    \
            type cut;                                                                                        \
            struct bytes copy = arena_copy(&arena, (struct bytes){(packed).data, len});                      \
            refused += !unpack(&arena, copy, &cut);                                                          \
        }                                                                                                    \
        assert_true(refused * 2 > (packed).len);                                                             \
    } while (0)

static const struct position two[] = {{.shard = 1, .check = 77, .epoch = 2, .seq = 3},
                                      {.shard = 9, .epoch = UINT64_MAX, .seq = UINT64_MAX - 1}};

static void a_demand_is_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    const uint32_t shards[] = {0, 5, LIMIT_SHARDS - 1};
    const uint8_t feed[16] = {1, [15] = 2};
    const struct bytes type = BYTES("t");
    struct feed_demand got, demand = {.positions = two,
                                      .count = 2,
                                      .shards = shards,
                                      .shard_count = 3,
                                      .oldest = true,
                                      .receipts = true,
                                      .feed = feed,
                                      .follower = BYTES("w1"),
                                      .filter = {.types = {&type, 1}, .ops = 2},
                                      .max_events = UINT64_C(1) << 63,
                                      .max_bytes = 7,
                                      .wait_ms = 8};
    struct buffer out = {0};
    feed_demand_pack(&demand, &out);
    struct bytes packed = take(&out);
    assert_true(feed_demand_unpack(&arena, packed, &got));
    assert_true(got.count == 2 && same_position(&got.positions[0], &two[0]) &&
                same_position(&got.positions[1], &two[1]));
    assert_true(got.shard_count == 3 && got.shards[2] == LIMIT_SHARDS - 1 && got.oldest && !got.now);
    assert_true(got.max_events == UINT64_C(1) << 63 && got.max_bytes == 7 && got.wait_ms == 8);
    assert_true(got.filter.types.count == 1 && got.filter.ops == 2);
    assert_true(got.receipts && got.feed && memcmp(got.feed, feed, sizeof feed) == 0);
    assert_true(bytes_is(got.follower, "w1"));
    EXPECT_CUTS(packed, feed_demand_unpack, struct feed_demand);
}

static bool demand_of(struct bytes follower)
{
    struct buffer out = {0};
    struct feed_demand got;
    feed_demand_pack(&(struct feed_demand){.follower = follower}, &out);
    return feed_demand_unpack(&arena, take(&out), &got);
}

static void a_follower_has_a_name_that_a_worker_can_have(void **state)
{
    (void)state;
    char name[LIMIT_WORKER_NAME_BYTES + 1];
    memset(name, 'w', sizeof name);
    assert_true(demand_of((struct bytes){name, LIMIT_WORKER_NAME_BYTES}));
    assert_false(demand_of((struct bytes){name, LIMIT_WORKER_NAME_BYTES + 1}));
    assert_false(demand_of(BYTES("")));
    assert_false(demand_of(BYTES("\xff")));
}

static bool demand_with_positions(struct position a, struct position b)
{
    const struct position positions[] = {a, b};
    struct buffer out = {0};
    struct feed_demand got;
    feed_demand_pack(&(struct feed_demand){.positions = positions, .count = 2}, &out);
    return feed_demand_unpack(&arena, take(&out), &got);
}

static void positions_are_of_shards_that_can_be_and_in_their_order(void **state)
{
    (void)state;
    assert_true(demand_with_positions((struct position){.shard = 1}, (struct position){.shard = 2}));
    assert_false(demand_with_positions((struct position){.shard = 2}, (struct position){.shard = 2}));
    assert_false(demand_with_positions((struct position){.shard = 2}, (struct position){.shard = 1}));
    assert_false(
        demand_with_positions((struct position){.shard = 1}, (struct position){.shard = LIMIT_SHARDS}));
    assert_false(demand_with_positions((struct position){.shard = 1},
                                       (struct position){.shard = 2, .seq = UINT64_MAX}));
}

static void changes_are_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    struct feed_changes got, changes = {.positions = two, .position_count = 2, .more = true};
    struct buffer out = {0};
    feed_changes_add(&out, BYTES("one"));
    feed_changes_add(&out, BYTES("two"));
    feed_changes_end(&out, &changes);
    struct bytes packed = take(&out);
    assert_true(feed_changes_unpack(&arena, packed, &got));
    assert_true(got.count == 2 && bytes_is(got.changes[1], "two") && got.more && !got.refusal_count);
    assert_true(got.position_count == 2 && same_position(&got.positions[1], &two[1]));
    EXPECT_CUTS(packed, feed_changes_unpack, struct feed_changes);
}

static void refusals_are_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    const struct refusal refusals[] = {
        {.kind = REFUSAL_MOVED, .shard = 3},
        {.kind = REFUSAL_DIVERGED, .shard = 1, .oldest = 4, .head = 9, .epoch = 2, .common = 5}};
    struct feed_changes got, changes = {.refusals = refusals, .refusal_count = 2};
    struct buffer out = {0};
    feed_changes_end(&out, &changes);
    assert_true(feed_changes_unpack(&arena, take(&out), &got));
    const struct refusal *last = &got.refusals[1];
    assert_true(got.refusal_count == 2 && got.refusals[0].kind == REFUSAL_MOVED);
    assert_true(last->kind == REFUSAL_DIVERGED && last->shard == 1 && last->oldest == 4 && last->head == 9 &&
                last->epoch == 2 && last->common == 5);
}

static void a_refusal_of_a_kind_that_is_not_known_is_refused(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 7; kind++) {
        const struct refusal refusal = {.kind = (enum refusal_kind)kind};
        struct buffer out = {0};
        struct feed_changes got;
        feed_changes_end(&out, &(struct feed_changes){.refusals = &refusal, .refusal_count = 1});
        assert_int_equal(feed_changes_unpack(&arena, take(&out), &got), kind >= 1 && kind <= REFUSAL_MOVED);
    }
}

static void a_demand_for_a_part_is_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    const uint8_t feed[16] = {3};
    struct feed_snapshot got, demand = {.shard = 9,
                                        .has_begin = true,
                                        .begin = two[1],
                                        .collection = 4,
                                        .row = UINT32_MAX,
                                        .max_bytes = 6,
                                        .receipts = true,
                                        .feed = feed,
                                        .follower = BYTES("w1"),
                                        .filter = {.no_initial = true}};
    struct buffer out = {0};
    feed_snapshot_pack(&demand, &out);
    struct bytes packed = take(&out);
    assert_true(feed_snapshot_unpack(&arena, packed, &got));
    assert_true(got.shard == 9 && got.has_begin && same_position(&got.begin, &two[1]) &&
                got.collection == 4 && got.row == UINT32_MAX && got.max_bytes == 6 && got.filter.no_initial);
    assert_true(got.receipts && got.feed && memcmp(got.feed, feed, sizeof feed) == 0);
    assert_true(bytes_is(got.follower, "w1"));
    EXPECT_CUTS(packed, feed_snapshot_unpack, struct feed_snapshot);
    out = (struct buffer){0};
    demand.shard = 8; /* its beginning is another shard's */
    feed_snapshot_pack(&demand, &out);
    assert_false(feed_snapshot_unpack(&arena, take(&out), &got));
}

static void add_rows(struct buffer *out, struct feed_row row)
{
    struct collection_record record = {.id = 3,
                                       .key = {BYTES("p"), BYTES("1"), BYTES("t"), {0}, BYTES("of")},
                                       .next_harvest = 1,
                                       .listed_since_ms = 5};
    size_t begun = feed_part_begin_collection(out, &record, true);
    feed_part_add_row(out, &row);
    feed_part_add_row(out, &row);
    feed_part_end_collection(out, begun);
}

static const struct feed_row a_row = {
    .row = 7, .id = {"i", 1}, .last_seq = 9, .first_seen_ms = 10, .document = {"\xc0", 1}};

static void a_part_is_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    struct feed_part got, part = {.begin = two[0], .collection = 4, .row = 8};
    struct buffer out = {0};
    add_rows(&out, a_row);
    feed_part_end(&out, &part);
    struct bytes packed = take(&out);
    assert_true(feed_part_unpack(&arena, packed, &got));
    assert_true(!got.last && got.collection == 4 && got.row == 8 && same_position(&got.begin, &two[0]));
    const struct feed_collection *collection = got.collections;
    assert_true(got.collection_count == 1 && collection->complete && collection->row_count == 2);
    assert_true(collection->record.id == 3 && bytes_is(collection->record.key.parent, "of"));
    const struct feed_row *row = &collection->rows[1];
    assert_true(row->row == 7 && bytes_is(row->id, "i") && row->last_seq == 9 && row->first_seen_ms == 10 &&
                row->document.len == 1);
    EXPECT_CUTS(packed, feed_part_unpack, struct feed_part);
}

static void a_last_part_and_a_refused_one_say_so(void **state)
{
    (void)state;
    struct feed_part got, part = {.begin = two[0], .last = true};
    struct buffer out = {0};
    feed_part_end(&out, &part);
    assert_true(feed_part_unpack(&arena, take(&out), &got) && got.last && !got.refusal.kind);
    out = (struct buffer){0};
    part.refusal = (struct refusal){.kind = REFUSAL_FUTURE, .shard = 1};
    feed_part_end(&out, &part);
    assert_true(feed_part_unpack(&arena, take(&out), &got) && got.refusal.kind == REFUSAL_FUTURE);
    assert_false(feed_part_unpack(&arena, (struct bytes){0}, &got)); /* neither */
}

static void a_row_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct feed_row wrong[] = {a_row, a_row, a_row};
    wrong[0].last_seq = 0;
    wrong[1].id = BYTES("\xff");
    wrong[2].first_seen_ms = INT64_MAX;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct buffer out = {0};
        struct feed_part got;
        add_rows(&out, wrong[i]);
        feed_part_end(&out, &(struct feed_part){.begin = two[0], .last = true});
        assert_false(feed_part_unpack(&arena, take(&out), &got));
    }
}

static void a_map_is_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    const uint32_t shards[] = {2, 3};
    const struct feed_worker workers[] = {
        {.address = BYTES(""), .all = true},
        {.address = BYTES("tcp://h:1"), .shards = shards, .shard_count = 2}};
    struct feed_map got, map = {.version = 12, .workers = workers, .worker_count = 2};
    struct buffer out = {0};
    feed_map_pack(&map, &out);
    struct bytes packed = take(&out);
    assert_true(feed_map_unpack(&arena, packed, &got));
    assert_true(got.version == 12 && got.worker_count == 2 && got.workers[0].all && !got.workers[1].all);
    assert_true(bytes_is(got.workers[1].address, "tcp://h:1") && got.workers[1].shard_count == 2 &&
                got.workers[1].shards[1] == 3);
    EXPECT_CUTS(packed, feed_map_unpack, struct feed_map);
}

static void shards_of_a_map_are_in_their_order_and_there(void **state)
{
    (void)state;
    const uint32_t wrong[][2] = {{3, 3}, {3, 2}, {0, LIMIT_SHARDS}};
    for (int i = 0; i < 3; i++) {
        const struct feed_worker worker = {.address = BYTES(""), .shards = wrong[i], .shard_count = 2};
        struct buffer out = {0};
        struct feed_map got;
        feed_map_pack(&(struct feed_map){.workers = &worker, .worker_count = 1}, &out);
        assert_false(feed_map_unpack(&arena, take(&out), &got));
    }
}

static void a_hint_is_the_same_packed_and_unpacked(void **state)
{
    (void)state;
    struct feed_hint got, hint = {.feed = {1, 2, 3}, .heads = two, .head_count = 2};
    struct buffer out = {0};
    feed_hint_pack(&hint, &out);
    struct bytes packed = take(&out);
    assert_true(feed_hint_unpack(&arena, packed, &got));
    assert_true(memcmp(got.feed, hint.feed, sizeof got.feed) == 0 && got.head_count == 2 &&
                same_position(&got.heads[0], &two[0]));
    EXPECT_CUTS(packed, feed_hint_unpack, struct feed_hint);
    assert_false(feed_hint_unpack(&arena, (struct bytes){0}, &got)); /* whose? */
}

#define MESSAGE_TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(a_demand_is_the_same_packed_and_unpacked),
        MESSAGE_TEST(a_follower_has_a_name_that_a_worker_can_have),
        MESSAGE_TEST(positions_are_of_shards_that_can_be_and_in_their_order),
        MESSAGE_TEST(changes_are_the_same_packed_and_unpacked),
        MESSAGE_TEST(refusals_are_the_same_packed_and_unpacked),
        MESSAGE_TEST(a_refusal_of_a_kind_that_is_not_known_is_refused),
        MESSAGE_TEST(a_demand_for_a_part_is_the_same_packed_and_unpacked),
        MESSAGE_TEST(a_part_is_the_same_packed_and_unpacked),
        MESSAGE_TEST(a_last_part_and_a_refused_one_say_so),
        MESSAGE_TEST(a_row_that_cannot_be_is_refused),
        MESSAGE_TEST(a_map_is_the_same_packed_and_unpacked),
        MESSAGE_TEST(shards_of_a_map_are_in_their_order_and_there),
        MESSAGE_TEST(a_hint_is_the_same_packed_and_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
