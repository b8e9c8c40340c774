/* Copies: what is half taken isn't whole, what doesn't follow is refused, and what goes on as an owner tells
 * what the owner would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_copy_lab.h"

static void fill(struct copy_lab *lab)
{
    copy_owner_writes(lab, 60);
}

static void a_snapshot_that_is_half_taken_is_not_whole_nor_after_a_crash(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_take(lab, 100);
    assert_true(lab->taking && !copy_is_whole(lab));
    copy_crash(lab);
    assert_false(copy_is_whole(lab));
    assert_int_equal(copy_phase(lab->copy), COPY_TAKING);
    copy_take(lab, LIMIT_MESSAGE_BYTES);
    assert_true(!lab->taking && !copy_is_whole(lab)); /* its changes aren't there */
    copy_crash(lab);
    assert_false(copy_is_whole(lab));
    copy_catch_up(lab);
    assert_int_equal(lab->begun, 2);
    copy_compare(lab);
}

static void a_copy_has_all_that_the_owner_keeps_of_its_log(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_owner_compacts(lab, 20);
    copy_catch_up(lab);
    assert_int_equal(store_oldest(copy_follower(lab)->store), 21);
    assert_int_equal(store_cut_check(copy_follower(lab)->store), store_cut_check(copy_owner(lab)->store));
    copy_compare(lab);
}

static void what_the_owner_forgets_of_its_log_the_copy_forgets(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_catch_up(lab);
    copy_owner_compacts(lab, store_head(copy_owner(lab)->store) - 5);
    copy_owner_writes(lab, 5);
    copy_catch_up(lab);
    assert_int_equal(store_oldest(copy_follower(lab)->store), store_oldest(copy_owner(lab)->store));
    copy_compare(lab);
}

/* The retention takes what the log was to begin with, and some of what is there. */
static void a_log_that_the_retention_overtakes_is_begun_once_more(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_take(lab, LIMIT_MESSAGE_BYTES);
    copy_fetch(lab, 10);
    copy_owner_compacts(lab, 30);
    copy_fetch(lab, 10);
    assert_int_equal(store_head(copy_follower(lab)->store), 30);
    copy_catch_up(lab);
    assert_int_equal(lab->begun, 1);
    copy_compare(lab);
}

static void a_snapshot_whose_changes_are_gone_is_taken_anew(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_take(lab, LIMIT_MESSAGE_BYTES);
    copy_owner_writes(lab, 20);
    copy_owner_compacts(lab, store_head(copy_owner(lab)->store));
    copy_owner_writes(lab, 5);
    copy_catch_up(lab);
    assert_int_equal(lab->begun, 2);
    copy_compare(lab);
}

static struct feed_changes next_change(struct copy_lab *lab, struct change *change)
{
    struct position at;
    LAB_OK(lab, copy_position(lab->copy, &at, &lab->e));
    copy_owner_writes(lab, 10);
    struct feed_changes answer =
        copy_ask(lab, (struct feed_demand){.positions = &at, .count = 1, .max_events = 10});
    LAB_OK(lab, change_unpack(&lab->arena, answer.changes[0], change, &lab->e));
    return answer;
}

static void a_change_that_does_not_follow_is_refused_and_leaves_all_as_it_was(void **state)
{
    struct copy_lab *lab = *state;
    struct change change, wrong;
    fill(lab);
    copy_catch_up(lab);
    struct store *store = copy_follower(lab)->store;
    uint64_t head = store_head(store);
    struct feed_changes answer = next_change(lab, &change);
    struct bytes packed = answer.changes[0];
    for (int i = 0; i < 4; i++) {
        wrong = change;
        wrong.seq += i == 0;
        wrong.shard += i == 1;
        wrong.epoch -= i == 2;
        if (i == 3) { /* of what isn't there */
            wrong.op = CHANGE_DELETED;
            wrong.id = BYTES("nobody");
            wrong.previous = 1;
        }
        assert_int_equal(copy_append(lab->copy, &wrong, packed, &lab->e), ERR_CORRUPT);
        copy_abort(lab->copy);
        assert_int_equal(store_head(store), head);
        assert_string_equal(copy_verify(lab, store), "");
    }
    copy_catch_up(lab);
    assert_int_equal(lab->begun, 1);
    copy_compare(lab);
}

/* An owner's stretches tell of documents as its own listings saw them. */
static void an_owner_that_goes_on_as_a_copy_forgets_what_is_local(void **state)
{
    struct copy_lab *lab = *state;
    struct collection_record record;
    const struct stretch stretch = {.place = 1, .bytes = 5, .count = 1, .items = {{.row = 0, .bytes = 5}}};
    fill(lab);
    copy_catch_up(lab);
    struct store *store = copy_owner(lab)->store;
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, store_collection_by_id(store, 1, &lab->arena, &record, &lab->e));
    record.forecast_rules = 7;
    record.validators.request = 8;
    LAB_OK(lab, store_stretch_put(store, 1, &stretch, &lab->e));
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    LAB_OK(lab, store_commit(store, &lab->e));
    copy_promote(lab);
    LAB_OK(lab, store_read(store, &lab->e));
    LAB_OK(lab, store_collection_by_id(store, 1, &lab->arena, &record, &lab->e));
    assert_true(!record.forecast_rules && !record.validators.request);
    assert_int_equal(table_bytes(store, TABLE_SPANS) + table_bytes(store, TABLE_HEADS), 0);
    store_done(store);
    copy_owner_writes(lab, 10);
    copy_catch_up(lab);
    assert_int_equal(lab->begun, 1); /* no other snapshot */
    copy_compare(lab);
}

static void a_promoted_copy_tells_diverged_as_the_owner_would(void **state)
{
    struct copy_lab *lab = *state;
    fill(lab);
    copy_catch_up(lab);
    uint64_t head = store_head(copy_owner(lab)->store);
    copy_owner_writes(lab, 10); /* nobody has these */
    struct position lost;
    LAB_OK(lab, store_read(copy_owner(lab)->store, &lab->e));
    LAB_OK(lab, feed_position_behind(copy_owner(lab)->store, head + 2, &lost, &lab->e));
    store_done(copy_owner(lab)->store);
    copy_promote(lab);
    copy_owner_writes(lab, 10);
    struct feed_changes answer =
        copy_ask(lab, (struct feed_demand){.positions = &lost, .count = 1, .max_events = 10});
    assert_int_equal(answer.refusal_count, 1);
    assert_int_equal(answer.refusals[0].kind, REFUSAL_DIVERGED);
    assert_int_equal(answer.refusals[0].common, head);
}

static int setup(void **state)
{
    *state = copy_lab_open(7);
    return 0;
}

static int teardown(void **state)
{
    copy_lab_close(*state);
    return 0;
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_snapshot_that_is_half_taken_is_not_whole_nor_after_a_crash),
        T(a_copy_has_all_that_the_owner_keeps_of_its_log),
        T(what_the_owner_forgets_of_its_log_the_copy_forgets),
        T(a_log_that_the_retention_overtakes_is_begun_once_more),
        T(a_snapshot_whose_changes_are_gone_is_taken_anew),
        T(a_change_that_does_not_follow_is_refused_and_leaves_all_as_it_was),
        T(an_owner_that_goes_on_as_a_copy_forgets_what_is_local),
        T(a_promoted_copy_tells_diverged_as_the_owner_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
