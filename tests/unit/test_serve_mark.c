/* A shard that has followers, over its owner's connection: who is given which changes, and when. */
#include "tests/unit/test_serve_lab.h"

#include "tests/unit/test_serve_followers.h"
#include "worker/feed/deliver.h"
#include "worker/store/tables.h"

/* --- changes --- */

static void a_subscriber_gets_what_a_held_follower_has_stored(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 2, 0);
    own(lab, 1, false);
    assert_int_equal(served(lab), 2);
    assert_int_equal(held(lab), 0);
    assert_int_equal(fetch(lab, "w7", 0, 0).count, 2);
    assert_int_equal(held(lab), 0);
    fetch(lab, "w7", 2, 0);
    assert_int_equal(held(lab), 1);
    write_changes(lab, "1", "t", 3, 0);
    assert_int_equal(served(lab), 2);
    assert_int_equal(fetch(lab, "w7", 2, 0).count, 3);
    assert_int_equal(served(lab), 2);
    fetch(lab, "w7", 4, 0);
    assert_int_equal(served(lab), 4);
    assert_int_equal(fetch(lab, NULL, 4, 0).count, 0);
    fetch(lab, "w7", 5, 0);
    assert_int_equal(fetch(lab, NULL, 4, 0).count, 1);
}

static void who_waits_is_woken_by_what_a_follower_says(void **state)
{
    struct serve_lab *lab = *state;
    struct later later = {.lab = lab, .first = 3};
    int64_t began_ms = clock_steady_ms();
    write_changes(lab, "1", "t", 2, 0);
    own(lab, 1, true);
    fetch(lab, "w7", 2, 0);
    write_changes(lab, "1", "t", 1, 0);
    begin_later(&later);
    assert_int_equal(fetch(lab, NULL, 2, 20000).count, 1);
    end_later(&later);
    assert_true(clock_steady_ms() - began_ms < 15000);
}

static void a_subscriber_that_is_ahead_of_the_followers_waits(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 3, 0);
    own(lab, 1, true); /* of an owner that has just begun: nobody has said anything */
    for (int i = 0; i < 2; i++) {
        struct feed_changes got = fetch(lab, NULL, 2, 0);
        assert_true(!got.refusal_count && !got.count);
        assert_int_equal(fetch(lab, NULL, 4, 0).refusals[0].kind, REFUSAL_FUTURE);
    }
    fetch(lab, "w7", 3, 0);
    assert_int_equal(fetch(lab, NULL, 2, 0).count, 1);
}

static void only_those_told_to_follow_are_followers(void **state)
{
    struct serve_lab *lab = *state;
    const struct replica_order first = {.worker = 7};
    struct feed_part part;
    write_changes(lab, "1", "t", 2, 0);
    order(lab, 1, ROLE_OWNER, 1, &first, 1);
    assert_int_equal(fetch(lab, "w8", 2, 0).refusals[0].kind, REFUSAL_MOVED);
    assert_int_equal(fetch(lab, "nobody", 2, 0).refusals[0].kind, REFUSAL_MOVED);
    LAB_OK(lab, ask_part(lab, "w8", &part));
    assert_int_equal(part.refusal.kind, REFUSAL_MOVED);
    assert_int_equal(fetch(lab, "w7", 2, 0).refusal_count, 0);
    assert_int_equal(held(lab), 1);
}

/* It has stored something, but nothing of this history. */
static void what_a_follower_of_another_history_says_does_not_count(void **state)
{
    struct serve_lab *lab = *state;
    const struct position other = {.shard = shard_of("1"), .epoch = 1, .seq = 2, .check = 12345};
    struct position torn = {.shard = shard_of("1"), .epoch = 1, .seq = 1, .until = {1, 2, 0}};
    write_changes(lab, "1", "t", 2, 0);
    own(lab, 1, true);
    struct feed_demand demand = {.positions = &other, .count = 1, .follower = BYTES("w7")};
    assert_int_equal(ask(lab, lab->client, demand).refusals[0].kind, REFUSAL_DIVERGED);
    assert_int_equal(served(lab), 0);
    demand.positions = &torn; /* a snapshot that isn't one moment's yet */
    assert_int_equal(ask(lab, lab->client, demand).refusal_count, 0);
    assert_int_equal(served(lab), 0);
    fetch(lab, "w7", 2, 0);
    assert_int_equal(served(lab), 2);
}

static void now_waits_until_followers_have_said_what_they_have(void **state)
{
    struct serve_lab *lab = *state;
    struct later later = {.lab = lab, .first = 1};
    write_changes(lab, "1", "t", 2, 0);
    own(lab, 1, true);
    begin_later(&later);
    struct feed_changes got = ask(lab, lab->client, (struct feed_demand){.now = true});
    end_later(&later);
    assert_true(got.position_count == 1 && got.positions[0].seq == 1 && got.positions[0].check);
}

static void hints_end_where_subscribers_are_served(void **state)
{
    struct serve_lab *lab = *state;
    const struct replica_order replica = {.worker = 7, .in_sync = true};
    const struct position at = {.shard = shard_of("1"), .epoch = 1, .seq = 2};
    struct feed_demand demand = {
        .positions = &at, .count = 1, .max_events = 1, .max_bytes = 1, .follower = BYTES("w7")};
    struct deliver *deliver;
    struct feed_hint hint;
    struct buffer out = {0};
    enum delivered delivered;
    write_changes(lab, "1", "t", 3, 0);
    LAB_OK(lab, deliver_open(&lab->folder, true, &deliver, &lab->e));
    LAB_OK(lab, deliver_heads(deliver, true, &lab->arena, &hint, &lab->e));
    assert_int_equal(hint.head_count, 0);
    const struct shard_order order = {
        .shard = at.shard, .role = ROLE_OWNER, .version = 1, .replicas = &replica, .replica_count = 1};
    LAB_OK(lab, deliver_order(deliver, &order, peers, 1, &lab->e));
    LAB_OK(lab, deliver_heads(deliver, true, &lab->arena, &hint, &lab->e));
    assert_int_equal(hint.head_count, 0);
    demand.shards = &at.shard;
    demand.shard_count = 1;
    LAB_OK(lab, deliver_answer(deliver, &demand, &out, &delivered, &lab->e));
    assert_true(deliver_has_risen(deliver) && !deliver_has_risen(deliver));
    LAB_OK(lab, deliver_heads(deliver, false, &lab->arena, &hint, &lab->e));
    assert_true(hint.head_count == 1 && hint.heads[0].seq == 2);
    buffer_close(&out);
    deliver_close(deliver);
}

/* --- roles --- */

static void a_sealed_shard_is_served_on_and_a_copy_is_not(void **state)
{
    struct serve_lab *lab = *state;
    const struct replica_order replica = {.worker = 7, .in_sync = true};
    write_changes(lab, "1", "t", 3, 0);
    own(lab, 1, true);
    fetch(lab, "w7", 2, 0);
    order(lab, 2, ROLE_SEALED, 1, &replica, 1);
    assert_int_equal(served(lab), 2); /* what is known of followers stays so */
    order(lab, 3, ROLE_FOLLOWER, 0, NULL, 0);
    assert_int_equal(fetch(lab, NULL, 2, 0).refusals[0].kind, REFUSAL_MOVED);
    assert_int_equal(fetch(lab, "w7", 2, 0).refusals[0].kind, REFUSAL_MOVED);
    assert_int_equal(held(lab), 0);
}

static void what_is_reported_is_of_the_order_that_is_acted_by(void **state)
{
    struct serve_lab *lab = *state;
    uint32_t held, behind;
    write_changes(lab, "1", "t", 1, 0);
    own(lab, 5, false);
    fetch(lab, "w8", 1, 0);
    assert_int_equal(serve_report(lab->serve, shard_of("1"), &held, &behind), 5);
    assert_true(held == 2 && behind == 0);
    order(lab, 6, ROLE_NONE, 0, NULL, 0);
    assert_int_equal(serve_report(lab->serve, shard_of("1"), &held, &behind), 0);
    assert_int_equal(held, 0);
}

/* Its worker followed somebody else meanwhile: what was found sound before says nothing of that. */
static void a_shard_that_comes_back_may_be_of_another_history(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 2, 0);
    order(lab, 1, ROLE_OWNER, 1, NULL, 0);
    struct feed_changes got = fetch(lab, NULL, 1, 0);
    const struct position at = got.positions[0];
    const struct feed_demand demand = {.positions = &at, .count = 1};
    assert_int_equal(ask(lab, lab->client, demand).refusal_count, 0);

    order(lab, 2, ROLE_FOLLOWER, 0, NULL, 0);
    struct store *store;
    struct key key = key_u64(2);
    LAB_OK(lab, folder_store(&lab->folder, at.shard, &store, &lab->e));
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, table_put(store, TABLE_CHANGES, key_bytes(&key), BYTES("another change"), 0, &lab->e));
    LAB_OK(lab, store_commit(store, &lab->e));
    order(lab, 3, ROLE_OWNER, 2, NULL, 0);
    assert_int_equal(ask(lab, lab->client, demand).refusals[0].kind, REFUSAL_DIVERGED);
}

/* In its next epoch, nobody knows yet what the followers have. */
static void another_epoch_begins_with_what_followers_say(void **state)
{
    struct serve_lab *lab = *state;
    const struct replica_order replica = {.worker = 7, .in_sync = true};
    write_changes(lab, "1", "t", 2, 0);
    own(lab, 1, true);
    fetch(lab, "w7", 2, 0);
    assert_int_equal(served(lab), 2);
    order(lab, 1, ROLE_OWNER, 1001, &replica, 1);
    assert_int_equal(served(lab), 0);
    fetch(lab, "w7", 2, 0);
    assert_int_equal(served(lab), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(a_subscriber_gets_what_a_held_follower_has_stored),
        SERVE_TEST(who_waits_is_woken_by_what_a_follower_says),
        SERVE_TEST(a_subscriber_that_is_ahead_of_the_followers_waits),
        SERVE_TEST(only_those_told_to_follow_are_followers),
        SERVE_TEST(what_a_follower_of_another_history_says_does_not_count),
        SERVE_TEST(now_waits_until_followers_have_said_what_they_have),
        SERVE_TEST(hints_end_where_subscribers_are_served),
        SERVE_TEST(a_sealed_shard_is_served_on_and_a_copy_is_not),
        SERVE_TEST(what_is_reported_is_of_the_order_that_is_acted_by),
        SERVE_TEST(a_shard_that_comes_back_may_be_of_another_history),
        SERVE_TEST(another_epoch_begins_with_what_followers_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
