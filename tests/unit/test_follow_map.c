/* Follow, where shards are with several workers, and move: who is asked for what, and what stays good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "client/follow_map.h"

enum { SHARDS = 4, NAMES = 8 };

#define NOBODY UINT32_MAX

struct lab {
    struct follow follow;
    struct arena arena;
    struct operator_request request;
    struct follow_arrival arrival;
    struct error e;
};

static int setup(void **state)
{
    const struct follow_setting setting = {
        .shards = SHARDS, .max_events = 10, .max_bytes = 1000, .snapshots = true};
    struct lab *lab = calloc(1, sizeof *lab);
    *state = lab;
    follow_open(&lab->follow, &setting);
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

/* Of workers by their addresses, "a" and "b" and so on, in that order: "a01 b23". */
static bool map(struct lab *lab, const char *text)
{
    struct feed_worker workers[NAMES] = {0};
    struct feed_map map = {.version = 1, .workers = workers};
    while (*text) {
        struct feed_worker *worker = &workers[map.worker_count++];
        uint32_t *shards = arena_alloc(&lab->arena, SHARDS * sizeof *shards);
        worker->address = (struct bytes){text++, 1};
        worker->shards = shards;
        for (; *text >= '0' && *text <= '9'; text++)
            shards[worker->shard_count++] = (uint32_t)(*text - '0');
        text += *text == ' ';
    }
    return follow_map(&lab->follow, &map);
}

/* A worker's number by the map of now. */
static uint32_t of(struct lab *lab, char address)
{
    for (uint32_t i = 0; i < lab->follow.worker_count; i++)
        if (lab->follow.workers[i].address[0] == address)
            return i;
    fail();
    return 0;
}

/* What it is asked: "fetch 01", "snapshot 3", or nothing. */
static const char *asks(struct lab *lab, char address)
{
    struct buffer text = {0};
    if (!follow_ask(&lab->follow, of(lab, address), 500, &lab->arena, &lab->request))
        return "nothing";
    if (lab->request.kind == OPERATOR_SNAPSHOT) {
        buffer_printf(&text, "%s %u", lab->request.snapshot.has_begin ? "on" : "snapshot",
                      lab->request.snapshot.shard);
    } else {
        buffer_add_text(&text, "fetch ");
        for (uint32_t i = 0; i < lab->request.fetch.shard_count; i++)
            buffer_printf(&text, "%u", lab->request.fetch.shards[i]);
    }
    const char *copy = arena_strdup(&lab->arena, buffer_bytes(&text));
    buffer_close(&text);
    return copy;
}

static void answer(struct lab *lab, char address, const struct operator_reply *reply)
{
    enum refusal_kind refused;
    if (follow_arrived(&lab->follow, of(lab, address), reply, &lab->arrival, &refused, &lab->e))
        fail_msg("%s", lab->e.text);
}

static void changes_come(struct lab *lab, char address, uint32_t shard, uint64_t seq)
{
    const struct position at = {.shard = shard, .epoch = 1, .seq = seq};
    answer(lab, address, &(struct operator_reply){.fetch = {.positions = &at, .position_count = 1}});
}

static void has_moved(struct lab *lab, char address, uint32_t shard)
{
    const struct refusal refusal = {.kind = REFUSAL_MOVED, .shard = shard};
    answer(lab, address, &(struct operator_reply){.fetch = {.refusals = &refusal, .refusal_count = 1}});
}

static void part_comes(struct lab *lab, char address, uint32_t shard, bool last)
{
    answer(lab, address,
           &(struct operator_reply){
               .snapshot = {.begin = {.shard = shard, .epoch = 1, .seq = 9}, .last = last, .collection = 1}});
}

static void expect_lacking(struct lab *lab, uint32_t count, const char *wanted)
{
    struct buffer names = {0};
    assert_int_equal(follow_lacking(&lab->follow, &names), count);
    if (count)
        assert_string_equal(buffer_text(&names), wanted);
    buffer_close(&names);
}

/* --- tests --- */

static void each_worker_is_asked_for_what_it_has(void **state)
{
    struct lab *lab = *state;
    assert_true(lab->follow.needs_map);
    expect_lacking(lab, 4, "shards 0, 1, 2, 3");
    assert_true(map(lab, "a01 b2"));
    assert_false(lab->follow.needs_map);
    assert_string_equal(asks(lab, 'a'), "fetch 01");
    assert_string_equal(asks(lab, 'b'), "fetch 2");
    expect_lacking(lab, 1, "shard 3");
    assert_int_equal(follow_owner(&lab->follow, 3), NOBODY);
}

/* A worker refuses all that it was asked for, and only the one shard isn't asked for any more. */
static void a_shard_that_has_moved_is_nobodys_until_a_map_says_whose_it_is(void **state)
{
    struct lab *lab = *state;
    map(lab, "a01 b23");
    assert_string_equal(asks(lab, 'a'), "fetch 01");
    has_moved(lab, 'a', 1);
    assert_true(lab->follow.needs_map);
    expect_lacking(lab, 1, "shard 1");
    assert_string_equal(asks(lab, 'a'), "fetch 0");
    assert_true(map(lab, "a0 b123"));
    expect_lacking(lab, 0, "");
    assert_string_equal(asks(lab, 'b'), "fetch 123");
}

static void an_old_map_changes_nothing_and_gives_the_shard_another_try(void **state)
{
    struct lab *lab = *state;
    map(lab, "a01 b23");
    assert_string_equal(asks(lab, 'a'), "fetch 01");
    assert_string_equal(asks(lab, 'b'), "fetch 23");
    assert_false(map(lab, "a01 b23"));
    assert_string_equal(asks(lab, 'a'), "nothing"); /* it is asked already */
    has_moved(lab, 'a', 1);
    assert_string_equal(asks(lab, 'a'), "fetch 0");
    assert_false(map(lab, "a01 b23"));
    assert_string_equal(asks(lab, 'a'), "fetch 01");
    assert_string_equal(asks(lab, 'b'), "nothing");
}

static void only_those_whose_shards_change_are_asked_anew(void **state)
{
    struct lab *lab = *state;
    map(lab, "a0 b1 c23");
    assert_string_equal(asks(lab, 'a'), "fetch 0");
    assert_string_equal(asks(lab, 'b'), "fetch 1");
    assert_string_equal(asks(lab, 'c'), "fetch 23");
    assert_true(map(lab, "d3 c2 a0 b1"));
    assert_int_equal(lab->follow.workers[0].was, NOBODY);
    assert_int_equal(lab->follow.workers[2].was, 0);
    assert_string_equal(asks(lab, 'a'), "nothing");
    assert_string_equal(asks(lab, 'b'), "nothing");
    assert_string_equal(asks(lab, 'c'), "fetch 2");
    assert_string_equal(asks(lab, 'd'), "fetch 3");
    changes_come(lab, 'a', 0, 7); /* what was under way is as good as ever */
    assert_string_equal(asks(lab, 'a'), "fetch 0");
    assert_int_equal(lab->request.fetch.positions[0].seq, 7);
}

static void a_worker_that_is_gone_leaves_its_shards_to_nobody_or_others(void **state)
{
    struct lab *lab = *state;
    map(lab, "a01 b23");
    assert_string_equal(asks(lab, 'b'), "fetch 23");
    assert_true(map(lab, "a012"));
    assert_int_equal(lab->follow.worker_count, 1);
    expect_lacking(lab, 1, "shard 3");
    assert_string_equal(asks(lab, 'a'), "fetch 012");
    assert_true(map(lab, "a012 b3"));
    assert_string_equal(asks(lab, 'a'), "nothing");
    assert_string_equal(asks(lab, 'b'), "fetch 3");
}

/* It is of the shard's history, whoever gave it. */
static void what_has_arrived_stays_good(void **state)
{
    struct lab *lab = *state;
    map(lab, "a0123");
    assert_string_equal(asks(lab, 'a'), "fetch ");
    changes_come(lab, 'a', 1, 22);
    assert_true(map(lab, "a0 b123"));
    assert_string_equal(asks(lab, 'b'), "fetch 123");
    assert_int_equal(lab->request.fetch.positions[0].seq, 22);
}

static void a_snapshot_whose_last_part_has_come_isnt_taken_again(void **state)
{
    struct lab *lab = *state;
    map(lab, "a0123");
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    assert_string_equal(asks(lab, 'a'), "snapshot 0");
    part_comes(lab, 'a', 0, true);
    map(lab, "b0123");
    assert_string_equal(asks(lab, 'b'), "snapshot 1");
}

static void a_snapshot_goes_on_where_its_shard_stays_and_begins_anew_where_it_goes(void **state)
{
    struct lab *lab = *state;
    map(lab, "a12 b3");
    follow_seek_state(&lab->follow, FOLLOW_ASKED);
    assert_string_equal(asks(lab, 'a'), "snapshot 1");
    part_comes(lab, 'a', 1, false);
    map(lab, "a01 b23"); /* 0 would be the first of all that are to be taken */
    assert_string_equal(asks(lab, 'a'), "on 1");
    map(lab, "a01 b23");
    assert_string_equal(asks(lab, 'a'), "nothing");
    map(lab, "a0 b123");
    assert_string_equal(asks(lab, 'b'), "snapshot 1");
    part_comes(lab, 'b', 1, true);
    assert_true(lab->arrival.first && lab->arrival.why == FOLLOW_ASKED);
}

/* What no map should say does no harm. */
static void two_workers_of_one_address_are_two(void **state)
{
    struct lab *lab = *state;
    map(lab, "a0 a1 b23");
    assert_string_equal(asks(lab, 'a'), "fetch 0");
    map(lab, "a0 a12 b3");
    assert_int_equal(lab->follow.workers[0].was, 0);
    assert_int_equal(lab->follow.workers[1].was, NOBODY);
    assert_string_equal(asks(lab, 'a'), "nothing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_worker_is_asked_for_what_it_has),
        TEST(a_shard_that_has_moved_is_nobodys_until_a_map_says_whose_it_is),
        TEST(an_old_map_changes_nothing_and_gives_the_shard_another_try),
        TEST(only_those_whose_shards_change_are_asked_anew),
        TEST(a_worker_that_is_gone_leaves_its_shards_to_nobody_or_others),
        TEST(what_has_arrived_stays_good),
        TEST(a_snapshot_whose_last_part_has_come_isnt_taken_again),
        TEST(a_snapshot_goes_on_where_its_shard_stays_and_begins_anew_where_it_goes),
        TEST(two_workers_of_one_address_are_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
