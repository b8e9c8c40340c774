/* What a follower asks next, of whom, and on which line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/check.h"
#include "worker/follow/pursuit.h"

enum { SHARDS = 8, NEVER = 1 << 30 };

struct chase {
    struct pursuit pursuit;
    struct arena arena;
    struct operator_request asked;
    struct refusal refused[SHARDS];
    struct pursuit_arrival arrival;
    int64_t now_ms;
};

static int setup(void **state)
{
    struct chase *chase = mem_zalloc(sizeof *chase);
    pursuit_open(&chase->pursuit,
                 &(struct pursuit_setting){.name = BYTES("w9"), .shards = SHARDS, .bytes_per_s = 1000});
    chase->arrival.refused = chase->refused;
    chase->now_ms = 1000;
    *state = chase;
    return 0;
}

static int teardown(void **state)
{
    struct chase *chase = *state;
    pursuit_close(&chase->pursuit);
    arena_close(&chase->arena);
    free(chase);
    return 0;
}

/* --- words --- */

static struct position at(uint32_t shard, uint64_t seq)
{
    return (struct position){.shard = shard, .epoch = 1, .seq = seq};
}

static bool ask(struct chase *chase, uint32_t owner, enum pursuit_line line)
{
    return pursuit_ask(&chase->pursuit, owner, line, chase->now_ms, NEVER, &chase->arena, &chase->asked);
}

/* An answer of changes, or of a refusal, arrives and is stored. */
static void answer(struct chase *chase, uint32_t owner, enum pursuit_line line, enum refusal_kind kind,
                   uint32_t shard, bool more)
{
    const struct refusal refusal = {.kind = kind, .shard = shard};
    struct operator_reply reply = {
        .fetch = {.refusals = kind ? &refusal : NULL, .refusal_count = kind != 0, .more = more}};
    assert_true(pursuit_arrived(&chase->pursuit, owner, line, &reply, 0, chase->now_ms, &chase->arrival));
    pursuit_taken(&chase->pursuit, owner, line, more || kind);
}

static void follow(struct chase *chase, uint32_t shard, const char *address, enum pursuit_need need,
                   uint64_t seq)
{
    struct position position = at(shard, seq);
    pursuit_follow(&chase->pursuit, shard, address, false);
    pursuit_stored(&chase->pursuit, shard, need, &position);
}

/* One that has had all there was. */
static void follow_near(struct chase *chase, uint32_t shard, const char *address, uint64_t seq)
{
    follow(chase, shard, address, PURSUIT_CHANGES, seq);
    uint32_t owner = chase->pursuit.all[shard].owner;
    assert_true(ask(chase, owner, PURSUIT_BULK));
    answer(chase, owner, PURSUIT_BULK, 0, 0, false);
}

static bool asks_for(const struct chase *chase, uint32_t shard)
{
    for (uint32_t i = 0; i < chase->asked.fetch.shard_count; i++)
        if (chase->asked.fetch.shards[i] == shard)
            return true;
    return false;
}

/* --- tests --- */

static void one_that_is_behind_is_asked_for_alone_until_it_has_all(void **state)
{
    struct chase *chase = *state;
    follow(chase, 3, "a", PURSUIT_CHANGES, 5);
    assert_false(ask(chase, 0, PURSUIT_LIVE));
    assert_true(ask(chase, 0, PURSUIT_BULK));
    assert_true(chase->asked.kind == OPERATOR_FETCH && chase->asked.fetch.wait_ms == 0);
    assert_true(chase->asked.fetch.positions[0].seq == 5 && bytes_is(chase->asked.fetch.follower, "w9"));
    answer(chase, 0, PURSUIT_BULK, 0, 0, true);
    assert_false(ask(chase, 0, PURSUIT_LIVE)); /* there is more */
    assert_true(ask(chase, 0, PURSUIT_BULK));
    answer(chase, 0, PURSUIT_BULK, 0, 0, false);
    assert_false(ask(chase, 0, PURSUIT_BULK));
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    assert_true(asks_for(chase, 3) && chase->asked.fetch.wait_ms == LIMIT_FOLLOW_WAIT_MS);
}

static void those_that_are_near_are_asked_for_together_by_their_owner(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    follow_near(chase, 5, "a", 0);
    follow_near(chase, 2, "b", 6);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    assert_int_equal(chase->asked.fetch.shard_count, 2);
    assert_int_equal(chase->asked.fetch.count, 1); /* in the other one nothing has happened */
    assert_false(ask(chase, 0, PURSUIT_LIVE));
    assert_true(ask(chase, 1, PURSUIT_LIVE) && asks_for(chase, 2));
}

static void one_that_comes_near_joins_a_poll_that_is_under_way_but_not_at_once(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    follow_near(chase, 2, "a", 4);
    assert_false(ask(chase, 0, PURSUIT_LIVE));
    chase->now_ms += LIMIT_FOLLOW_JOIN_MS;
    assert_true(ask(chase, 0, PURSUIT_LIVE) && asks_for(chase, 1) && asks_for(chase, 2));
    chase->now_ms += LIMIT_FOLLOW_JOIN_MS;
    assert_false(ask(chase, 0, PURSUIT_LIVE));
}

static void one_that_is_refused_leaves_the_others_alone(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    follow_near(chase, 2, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    answer(chase, 0, PURSUIT_LIVE, REFUSAL_MOVED, 2, false);
    assert_int_equal(chase->arrival.refused_count, 0);
    assert_true(ask(chase, 0, PURSUIT_LIVE) && asks_for(chase, 1) && !asks_for(chase, 2));
    assert_false(ask(chase, 0, PURSUIT_BULK));
    chase->now_ms += LIMIT_FOLLOW_AGAIN_MS;
    assert_true(ask(chase, 0, PURSUIT_BULK) && asks_for(chase, 2));
}

static void what_has_diverged_is_begun_anew_and_told_once(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    answer(chase, 0, PURSUIT_LIVE, REFUSAL_DIVERGED, 1, false);
    assert_true(chase->arrival.refused_count == 1 && chase->arrival.refused[0].shard == 1);
    assert_true(ask(chase, 0, PURSUIT_BULK));
    assert_true(chase->asked.kind == OPERATOR_SNAPSHOT && !chase->asked.snapshot.has_begin);
}

static void part(struct chase *chase, uint64_t begin, uint32_t collection, bool last, size_t bytes)
{
    struct operator_reply reply = {
        .snapshot = {.begin = at(1, begin), .collection = collection, .last = last}};
    assert_true(
        pursuit_arrived(&chase->pursuit, 0, PURSUIT_BULK, &reply, bytes, chase->now_ms, &chase->arrival));
    assert_int_equal(chase->arrival.what, PURSUIT_PART);
    pursuit_stored(&chase->pursuit, 1, last ? PURSUIT_LOG : PURSUIT_SNAPSHOT, &(struct position){.shard = 1});
    pursuit_taken(&chase->pursuit, 0, PURSUIT_BULK, true);
}

static void a_snapshot_goes_on_where_its_last_part_ended_and_then_its_log_is_asked_for(void **state)
{
    struct chase *chase = *state;
    follow(chase, 1, "a", PURSUIT_SNAPSHOT, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK));
    part(chase, 50, 7, false, 0);
    assert_true(chase->arrival.first);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.snapshot.has_begin &&
                chase->asked.snapshot.begin.seq == 50 && chase->asked.snapshot.collection == 7);
    part(chase, 50, 0, true, 0);
    assert_false(chase->arrival.first);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.kind == OPERATOR_FETCH &&
                chase->asked.fetch.count == 0 && !chase->asked.fetch.oldest);
    answer(chase, 0, PURSUIT_BULK, REFUSAL_COMPACTED, 1, false);
    assert_int_equal(chase->arrival.refused_count, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.fetch.oldest);
    answer(chase, 0, PURSUIT_BULK, 0, 0, false);
    assert_true(chase->arrival.what == PURSUIT_OLDEST && chase->arrival.oldest.shard == 1);
}

static void a_snapshot_of_another_owner_is_another_one(void **state)
{
    struct chase *chase = *state;
    follow(chase, 1, "a", PURSUIT_SNAPSHOT, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK));
    part(chase, 50, 7, false, 0);
    pursuit_follow(&chase->pursuit, 1, "b", false);
    pursuit_tidy(&chase->pursuit);
    assert_null(chase->pursuit.owners[0].address);
    assert_true(ask(chase, 1, PURSUIT_BULK) && !chase->asked.snapshot.has_begin);
}

static void an_answer_of_an_owner_before_is_not_taken(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    follow_near(chase, 2, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    pursuit_follow(&chase->pursuit, 1, "b", false);
    pursuit_leave(&chase->pursuit, 2);
    assert_false(pursuit_takes(&chase->pursuit, 0, PURSUIT_LIVE, 1));
    assert_false(pursuit_takes(&chase->pursuit, 0, PURSUIT_LIVE, 2));
    answer(chase, 0, PURSUIT_LIVE, REFUSAL_DIVERGED, 1, false);
    assert_int_equal(chase->arrival.refused_count, 0);
}

static void bulk_is_no_faster_than_it_may_be(void **state)
{
    struct chase *chase = *state;
    follow(chase, 1, "a", PURSUIT_SNAPSHOT, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK));
    part(chase, 50, 7, false, 500); /* of 1,000 a second */
    chase->now_ms += 499;
    assert_false(ask(chase, 0, PURSUIT_BULK));
    chase->now_ms += 1;
    assert_true(ask(chase, 0, PURSUIT_BULK));
}

static void one_that_is_waited_for_comes_first(void **state)
{
    struct chase *chase = *state;
    follow(chase, 1, "a", PURSUIT_SNAPSHOT, 0);
    follow(chase, 2, "a", PURSUIT_SNAPSHOT, 0);
    follow(chase, 3, "a", PURSUIT_SNAPSHOT, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.snapshot.shard == 1);
    part(chase, 50, 7, false, 0);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.snapshot.shard == 1); /* it was begun */
    part(chase, 50, 8, false, 0);
    pursuit_follow(&chase->pursuit, 3, "a", true);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.snapshot.shard == 3);
}

static void nothing_is_asked_after_the_lease_and_no_poll_is_longer(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    assert_false(pursuit_ask(&chase->pursuit, 0, PURSUIT_LIVE, chase->now_ms, chase->now_ms, &chase->arena,
                             &chase->asked));
    assert_true(pursuit_ask(&chase->pursuit, 0, PURSUIT_LIVE, chase->now_ms, chase->now_ms + 70,
                            &chase->arena, &chase->asked));
    assert_int_equal(chase->asked.fetch.wait_ms, 70);
}

static void what_cannot_be_stored_is_tried_later_and_later(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    int64_t waited_ms = 0;
    for (int i = 0; i < 20; i++) {
        pursuit_failed(&chase->pursuit, 1, false, chase->now_ms);
        int64_t before_ms = chase->now_ms;
        while (!ask(chase, 0, PURSUIT_BULK))
            chase->now_ms++;
        assert_true(chase->now_ms - before_ms >= waited_ms);
        waited_ms = chase->now_ms - before_ms;
        answer(chase, 0, PURSUIT_BULK, 0, 0, true);
    }
    assert_int_equal(waited_ms, LIMIT_FOLLOW_AGAIN_MAX_MS);
}

/* Where a poll fails it isn't known whose fault that is: each is asked for alone. */
static void an_owner_that_cannot_answer_for_all_is_asked_for_each(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    follow_near(chase, 2, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    pursuit_lost(&chase->pursuit, 0, PURSUIT_LIVE, false, chase->now_ms);
    for (int i = 0; i < 4; i++) {
        chase->now_ms += LIMIT_FOLLOW_AGAIN_MAX_MS;
        assert_true(ask(chase, 0, PURSUIT_BULK));
        if (asks_for(chase, 1)) /* the one that it can't answer for */
            pursuit_lost(&chase->pursuit, 0, PURSUIT_BULK, false, chase->now_ms);
        else
            answer(chase, 0, PURSUIT_BULK, 0, 0, false);
    }
    assert_true(ask(chase, 0, PURSUIT_LIVE) && asks_for(chase, 2) && !asks_for(chase, 1));
}

static void those_that_never_rest_take_turns(void **state)
{
    struct chase *chase = *state;
    unsigned asked[SHARDS] = {0};
    for (uint32_t i = 1; i < 4; i++)
        follow(chase, i, "a", PURSUIT_CHANGES, 1);
    for (int i = 0; i < 9; i++) {
        assert_true(ask(chase, 0, PURSUIT_BULK));
        asked[chase->asked.fetch.shards[0]]++;
        answer(chase, 0, PURSUIT_BULK, 0, 0, true);
    }
    assert_true(asked[1] == 3 && asked[2] == 3 && asked[3] == 3);
}

static void an_owner_that_has_no_place_to_wait_is_asked_again_after_a_while(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    assert_true(ask(chase, 0, PURSUIT_LIVE));
    answer(chase, 0, PURSUIT_LIVE, 0, 0, false);
    assert_false(ask(chase, 0, PURSUIT_LIVE));
    chase->now_ms += LIMIT_FOLLOW_AGAIN_MS;
    assert_true(ask(chase, 0, PURSUIT_LIVE));
}

static void one_that_is_nobodys_is_asked_of_nobody(void **state)
{
    struct chase *chase = *state;
    follow_near(chase, 1, "a", 4);
    pursuit_follow(&chase->pursuit, 1, "", false);
    pursuit_tidy(&chase->pursuit);
    for (uint32_t i = 0; i < chase->pursuit.owner_count; i++)
        assert_false(ask(chase, i, PURSUIT_LIVE) || ask(chase, i, PURSUIT_BULK));
    pursuit_follow(&chase->pursuit, 1, "b", false);
    assert_true(ask(chase, 0, PURSUIT_BULK) && chase->asked.fetch.positions[0].seq == 4);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_that_is_behind_is_asked_for_alone_until_it_has_all),
        T(those_that_are_near_are_asked_for_together_by_their_owner),
        T(one_that_comes_near_joins_a_poll_that_is_under_way_but_not_at_once),
        T(one_that_is_refused_leaves_the_others_alone),
        T(what_has_diverged_is_begun_anew_and_told_once),
        T(a_snapshot_goes_on_where_its_last_part_ended_and_then_its_log_is_asked_for),
        T(a_snapshot_of_another_owner_is_another_one),
        T(an_answer_of_an_owner_before_is_not_taken),
        T(bulk_is_no_faster_than_it_may_be),
        T(one_that_is_waited_for_comes_first),
        T(nothing_is_asked_after_the_lease_and_no_poll_is_longer),
        T(what_cannot_be_stored_is_tried_later_and_later),
        T(an_owner_that_cannot_answer_for_all_is_asked_for_each),
        T(those_that_never_rest_take_turns),
        T(an_owner_that_has_no_place_to_wait_is_asked_again_after_a_while),
        T(one_that_is_nobodys_is_asked_of_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
