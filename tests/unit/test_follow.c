/* Follow: each arrow of the drawing in client/follow.h, by a server that this file plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>

#include "client/follow_map.h"

enum { SHARDS = 3 };

struct lab {
    struct follow follow;
    struct arena arena;
    struct operator_request request;
    struct operator_reply reply;
    struct follow_arrival arrival;
    enum refusal_kind refused;
    struct error e;
};

static const struct feed_worker one_worker = {.address = {"", 0}, .all = true};

static void lab_open(struct lab *lab, bool snapshots)
{
    const struct follow_setting setting = {
        .shards = SHARDS, .max_events = 10, .max_bytes = 1000, .snapshots = snapshots};
    const struct feed_map map = {.version = 1, .workers = &one_worker, .worker_count = 1};
    follow_open(&lab->follow, &setting);
    assert_true(lab->follow.needs_map);
    follow_map(&lab->follow, &map);
    assert_false(lab->follow.needs_map);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct lab));
    lab_open(*state, true);
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    follow_close(&lab->follow);
    arena_close(&lab->arena);
    free(lab);
    return 0;
}

/* --- words --- */

static enum operator_kind asks(struct lab *lab)
{
    return follow_ask(&lab->follow, 0, 500, &lab->arena, &lab->request) ? lab->request.kind : OPERATOR_NONE;
}

static int answer(struct lab *lab)
{
    return follow_arrived(&lab->follow, 0, &lab->reply, &lab->arrival, &lab->refused, &lab->e);
}

static int answer_changes(struct lab *lab, uint32_t shard, uint64_t seq)
{
    struct position *position = arena_alloc(&lab->arena, sizeof *position);
    *position = (struct position){.shard = shard, .check = 9, .epoch = 1, .seq = seq};
    lab->reply = (struct operator_reply){.kind = OPERATOR_FETCH,
                                         .fetch = {.count = 2, .positions = position, .position_count = 1}};
    return answer(lab);
}

static int refuse(struct lab *lab, uint32_t shard, enum refusal_kind kind)
{
    struct refusal *refusal = arena_alloc(&lab->arena, sizeof *refusal);
    *refusal = (struct refusal){.kind = kind, .shard = shard, .oldest = 50, .head = 90, .epoch = 1};
    lab->reply = (struct operator_reply){.kind = OPERATOR_FETCH,
                                         .fetch = {.refusals = refusal, .refusal_count = 1}};
    return answer(lab);
}

static int answer_part(struct lab *lab, uint64_t begin, bool last, uint32_t collection, uint32_t row)
{
    lab->reply = (struct operator_reply){
        .kind = OPERATOR_SNAPSHOT,
        .snapshot = {.begin = {.shard = lab->request.snapshot.shard, .check = 7, .epoch = 1, .seq = begin},
                     .last = last,
                     .collection = collection,
                     .row = row}};
    return answer(lab);
}

static int refuse_part(struct lab *lab, enum refusal_kind kind)
{
    lab->reply = (struct operator_reply){
        .kind = OPERATOR_SNAPSHOT,
        .snapshot = {.last = true, .refusal = {.kind = kind, .shard = lab->request.snapshot.shard}}};
    return answer(lab);
}

static void give(struct lab *lab)
{
    follow_given(&lab->follow, &lab->arrival, &lab->reply);
}

static void expect_cursor(struct lab *lab, const char *wanted)
{
    struct buffer text = {0};
    struct cursor cursor;
    follow_cursor(&lab->follow, &lab->arena, &cursor);
    for (uint32_t i = 0; i < cursor.count; i++)
        buffer_printf(&text, "%" PRIu32 ":%" PRIu64 " ", cursor.positions[i].shard, cursor.positions[i].seq);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_close(&text);
}

static void seek(struct lab *lab, uint32_t shard, uint64_t seq)
{
    const struct position position = {.shard = shard, .check = 3, .epoch = 1, .seq = seq};
    assert_int_equal(follow_seek(&lab->follow, &position, 1, &lab->e), 0);
}

/* --- fetching --- */

static void the_next_demand_begins_behind_what_arrived_and_the_cursor_is_behind_what_was_given(void **state)
{
    struct lab *lab = *state;
    seek(lab, 1, 20);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_true(lab->request.fetch.count == 1 && lab->request.fetch.positions[0].seq == 20 &&
                lab->request.fetch.wait_ms == 500 && lab->request.fetch.max_events == 10 &&
                lab->request.fetch.shard_count == 0);
    assert_int_equal(answer_changes(lab, 1, 22), 0);
    assert_true(lab->arrival.kind == FOLLOW_FETCH && lab->arrival.events == 2);
    expect_cursor(lab, "1:20 ");
    give(lab);
    expect_cursor(lab, "1:22 ");
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_true(lab->request.fetch.positions[0].seq == 22 && lab->request.fetch.positions[0].check == 9);
}

static void one_thing_at_a_time_is_asked_and_what_is_lost_is_asked_again(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(asks(lab), OPERATOR_NONE);
    follow_lost(&lab->follow, 0);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
}

static void an_answer_that_goes_back_or_names_no_shard_of_ours_cannot_be_right(void **state)
{
    struct lab *lab = *state;
    seek(lab, 1, 20);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(answer_changes(lab, 1, 19), ERR_BODY);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(answer_changes(lab, SHARDS, 30), ERR_BODY);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, SHARDS, REFUSAL_COMPACTED), ERR_BODY);
}

static void a_cursor_of_a_shard_that_is_not_there_is_of_the_future(void **state)
{
    struct lab *lab = *state;
    const struct position position = {.shard = SHARDS, .epoch = 1, .seq = 1};
    assert_int_equal(follow_seek(&lab->follow, &position, 1, &lab->e), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "FUTURE"));
}

/* --- refusals --- */

static void who_fell_behind_takes_a_snapshot_and_goes_on_where_it_began(void **state)
{
    struct lab *lab = *state;
    seek(lab, 1, 20);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 1, REFUSAL_COMPACTED), 0);
    assert_true(lab->arrival.kind == FOLLOW_IDLE && lab->refused == REFUSAL_COMPACTED);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_true(lab->request.snapshot.shard == 1 && !lab->request.snapshot.has_begin);
    assert_int_equal(answer_part(lab, 80, false, 4, 7), 0);
    assert_true(lab->arrival.kind == FOLLOW_SNAPSHOT && lab->arrival.first && lab->arrival.shard == 1 &&
                lab->arrival.why == FOLLOW_COMPACTED);
    give(lab);
    expect_cursor(lab, "1:20 ");
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_true(lab->request.snapshot.has_begin && lab->request.snapshot.begin.seq == 80 &&
                lab->request.snapshot.collection == 4 && lab->request.snapshot.row == 7);
    assert_int_equal(answer_part(lab, 80, true, 0, 0), 0);
    assert_false(lab->arrival.first);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(lab->request.fetch.positions[0].seq, 80);
    expect_cursor(lab, "1:20 ");
    give(lab);
    expect_cursor(lab, "1:80 ");
}

static void another_history_is_said_to_be_the_reason(void **state)
{
    struct lab *lab = *state;
    seek(lab, 2, 20);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 2, REFUSAL_DIVERGED), 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 10, true, 0, 0), 0);
    assert_int_equal(lab->arrival.why, FOLLOW_DIVERGED);
    give(lab);
    expect_cursor(lab, "2:10 ");
}

static void the_future_is_an_error_and_so_are_gaps_without_snapshots(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 0, REFUSAL_FUTURE), ERR_USAGE);
    assert_int_equal(lab->refused, REFUSAL_FUTURE);
    follow_close(&lab->follow);
    lab_open(lab, false);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 0, REFUSAL_COMPACTED), ERR_USAGE);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 0, REFUSAL_DIVERGED), ERR_USAGE);
}

/* --- snapshots --- */

static void the_whole_state_is_a_snapshot_of_each_shard(void **state)
{
    struct lab *lab = *state;
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
        assert_int_equal(lab->request.snapshot.shard, i);
        assert_int_equal(answer_part(lab, 5, true, 0, 0), 0);
        assert_int_equal(lab->arrival.why, FOLLOW_ASKED);
        give(lab);
    }
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    expect_cursor(lab, "0:5 1:5 2:5 ");
}

static void a_snapshot_that_is_refused_begins_anew(void **state)
{
    struct lab *lab = *state;
    seek(lab, 0, 20);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_int_equal(refuse(lab, 0, REFUSAL_COMPACTED), 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 80, false, 4, 0), 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(refuse_part(lab, REFUSAL_COMPACTED), 0);
    assert_int_equal(lab->arrival.kind, FOLLOW_IDLE);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_false(lab->request.snapshot.has_begin);
    assert_int_equal(answer_part(lab, 95, true, 0, 0), 0);
    assert_true(lab->arrival.first && lab->arrival.why == FOLLOW_COMPACTED);
}

/* What isn't in it would be said to be gone, and that is more than anybody knows. */
static void a_history_that_goes_another_way_in_the_midst_of_a_snapshot_is_its_reason(void **state)
{
    static const enum refusal_kind kinds[] = {REFUSAL_DIVERGED, REFUSAL_FUTURE};
    struct lab *lab = *state;
    for (int i = 0; i < 2; i++) {
        seek(lab, 0, 20);
        assert_int_equal(asks(lab), OPERATOR_FETCH);
        assert_int_equal(refuse(lab, 0, REFUSAL_COMPACTED), 0);
        assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
        assert_int_equal(answer_part(lab, 80, false, 4, 0), 0);
        assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
        assert_int_equal(refuse_part(lab, kinds[i]), 0);
        assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
        assert_int_equal(answer_part(lab, 60, true, 0, 0), 0);
        assert_true(lab->arrival.first && lab->arrival.why == FOLLOW_DIVERGED);
    }
}

static void a_part_that_is_lost_is_asked_for_again(void **state)
{
    struct lab *lab = *state;
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 80, false, 4, 2), 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    follow_lost(&lab->follow, 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_true(lab->request.snapshot.has_begin && lab->request.snapshot.row == 2);
}

static void a_snapshot_that_stands_still_goes_back_or_is_another_shards_cannot_be_right(void **state)
{
    struct lab *lab = *state;
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 80, false, 4, 2), 0);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 80, false, 4, 2), ERR_BODY);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    assert_int_equal(answer_part(lab, 80, false, 3, 9), ERR_BODY);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    lab->request.snapshot.shard = 1;
    assert_int_equal(answer_part(lab, 80, true, 0, 0), ERR_BODY);
}

static void seeking_elsewhere_gives_up_what_is_under_way(void **state)
{
    struct lab *lab = *state;
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    assert_int_equal(asks(lab), OPERATOR_SNAPSHOT);
    seek(lab, 2, 4);
    assert_int_equal(asks(lab), OPERATOR_FETCH);
    assert_true(lab->request.fetch.count == 1 && lab->request.fetch.positions[0].seq == 4);
}

#define FOLLOW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLLOW_TEST(the_next_demand_begins_behind_what_arrived_and_the_cursor_is_behind_what_was_given),
        FOLLOW_TEST(one_thing_at_a_time_is_asked_and_what_is_lost_is_asked_again),
        FOLLOW_TEST(an_answer_that_goes_back_or_names_no_shard_of_ours_cannot_be_right),
        FOLLOW_TEST(a_cursor_of_a_shard_that_is_not_there_is_of_the_future),
        FOLLOW_TEST(who_fell_behind_takes_a_snapshot_and_goes_on_where_it_began),
        FOLLOW_TEST(another_history_is_said_to_be_the_reason),
        FOLLOW_TEST(the_future_is_an_error_and_so_are_gaps_without_snapshots),
        FOLLOW_TEST(the_whole_state_is_a_snapshot_of_each_shard),
        FOLLOW_TEST(a_snapshot_that_is_refused_begins_anew),
        FOLLOW_TEST(a_history_that_goes_another_way_in_the_midst_of_a_snapshot_is_its_reason),
        FOLLOW_TEST(a_part_that_is_lost_is_asked_for_again),
        FOLLOW_TEST(a_snapshot_that_stands_still_goes_back_or_is_another_shards_cannot_be_right),
        FOLLOW_TEST(seeking_elsewhere_gives_up_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
