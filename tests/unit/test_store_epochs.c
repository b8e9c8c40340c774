/* A history goes on in a higher epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"
#include "worker/store/folder.h"

static void say(struct lab *lab)
{
    struct change change = {.time_ms = lab->now_ms, .status = {.kind = STATUS_LISTED}};
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_status(lab->store, &lab->record, &change, &lab->e));
}

static uint64_t epoch_of(struct lab *lab, uint64_t seq)
{
    struct bytes packed;
    struct change change;
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, store_change(lab->store, seq, &packed, &lab->e));
    LAB_OK(lab, change_unpack(&lab->arena, packed, &change, &lab->e));
    store_done(lab->store);
    return change.epoch;
}

static void has_epochs(struct lab *lab, const struct store_epoch *wanted, uint32_t wanted_count)
{
    const struct store_epoch *epochs;
    uint32_t count;
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, store_epochs(lab->store, &lab->arena, &epochs, &count, &lab->e));
    store_done(lab->store);
    assert_int_equal(count, wanted_count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(epochs[i].epoch, wanted[i].epoch);
        assert_int_equal(epochs[i].first, wanted[i].first);
    }
}

static void changes_carry_the_epoch_that_was_begun_before_them(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "t");
    say(lab);
    LAB_OK(lab, store_begin_epoch(lab->store, 4, &lab->e));
    say(lab);
    LAB_OK(lab, store_commit(lab->store, &lab->e));
    lab_reopen(lab);
    assert_int_equal(store_epoch(lab->store), 4);
    say(lab);
    LAB_OK(lab, store_commit(lab->store, &lab->e));
    assert_int_equal(epoch_of(lab, 1), 1);
    assert_int_equal(epoch_of(lab, 2), 4);
    assert_int_equal(epoch_of(lab, 3), 4);
    has_epochs(lab, (struct store_epoch[]){{1, 1}, {4, 2}}, 2);
    lab_verify(lab);
    assert_string_equal(buffer_text(&lab->faults), "");
}

static void an_epoch_is_gone_with_an_abort_and_seen_by_readers_after_the_commit(void **state)
{
    struct lab *lab = *state;
    struct store *reader;
    store_reader_open(lab->store, &reader);
    LAB_OK(lab, store_begin_epoch(lab->store, 2, &lab->e));
    assert_int_equal(store_epoch(lab->store), 2);
    store_abort(lab->store);
    assert_int_equal(store_epoch(lab->store), 1);
    LAB_OK(lab, store_begin_epoch(lab->store, 3, &lab->e));
    assert_int_equal(store_epoch(reader), 1);
    LAB_OK(lab, store_commit(lab->store, &lab->e));
    assert_int_equal(store_epoch(reader), 3);
    store_close(reader);
    has_epochs(lab, (struct store_epoch[]){{1, 1}, {3, 1}}, 2);
}

static void an_epoch_that_is_not_higher_is_refused_and_spoils_nothing(void **state)
{
    struct lab *lab = *state;
    LAB_OK(lab, store_begin_epoch(lab->store, 2, &lab->e));
    assert_int_equal(store_begin_epoch(lab->store, 2, &lab->e), ERR_STORE);
    assert_int_equal(store_begin_epoch(lab->store, 1, &lab->e), ERR_STORE);
    LAB_OK(lab, store_commit(lab->store, &lab->e));
    has_epochs(lab, (struct store_epoch[]){{1, 1}, {2, 1}}, 2);
}

static void there_may_be_many_epochs(void **state)
{
    enum { MANY = 1000 };
    struct lab *lab = *state;
    struct store_epoch wanted[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        wanted[i] = (struct store_epoch){i + 1, 1};
        if (i)
            LAB_OK(lab, store_begin_epoch(lab->store, i + 1, &lab->e));
    }
    LAB_OK(lab, store_commit(lab->store, &lab->e));
    has_epochs(lab, wanted, MANY);
}

static void a_store_that_is_made_begins_in_the_epoch_it_is_given(void **state)
{
    struct lab *lab = *state;
    struct folder folder;
    struct store *store;
    char path[300];
    snprintf(path, sizeof path, "%s/data", lab->folder);
    LAB_OK(lab, folder_open(&folder, path, 2, lab->map_size, &lab->e));
    LAB_OK(lab, folder_store_new(&folder, 1, 7, &store, &lab->e));
    assert_int_equal(store_epoch(store), 7);
    LAB_OK(lab, folder_store_new(&folder, 1, 9, &store, &lab->e));
    assert_int_equal(store_epoch(store), 7);
    LAB_OK(lab, folder_store(&folder, 0, &store, &lab->e));
    assert_int_equal(store_epoch(store), 1);
    folder_close(&folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_carry_the_epoch_that_was_begun_before_them),
        TEST(an_epoch_is_gone_with_an_abort_and_seen_by_readers_after_the_commit),
        TEST(an_epoch_that_is_not_higher_is_refused_and_spoils_nothing),
        TEST(there_may_be_many_epochs),
        TEST(a_store_that_is_made_begins_in_the_epoch_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
