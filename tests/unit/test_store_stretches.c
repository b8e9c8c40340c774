/* Stretches: written, read in order, dropped; and stores that earlier versions made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

static struct stretch stretch_of(uint64_t place, uint32_t first_row, uint32_t count)
{
    struct stretch stretch = {.place = place, .bytes = count * 101, .digest = {{9}}, .count = count};
    for (uint32_t i = 0; i < count; i++)
        stretch.items[i] = (struct stretch_item){first_row + i, 100, {{(uint8_t)(i + 1), 0xff}}};
    return stretch;
}

static void put(struct lab *lab, uint32_t collection, uint64_t place, uint32_t first_row, uint32_t count)
{
    struct stretch stretch = stretch_of(place, first_row, count);
    LAB_OK(lab, store_stretch_put(lab->store, collection, &stretch, &lab->e));
}

static void expect_equal(const struct stretch *a, const struct stretch *b)
{
    assert_int_equal(a->place, b->place);
    assert_int_equal(a->bytes, b->bytes);
    assert_true(digest_equal(a->digest, b->digest));
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].row, b->items[i].row);
        assert_int_equal(a->items[i].bytes, b->items[i].bytes);
        assert_true(digest_equal(a->items[i].digest, b->items[i].digest));
    }
}

struct read {
    uint64_t places[8];
    size_t count, stop_at;
    struct stretch last;
};

static int note(void *context, const struct stretch *stretch)
{
    struct read *read = context;
    assert_in_range(read->count, 0, 7);
    read->places[read->count++] = stretch->place;
    read->last = *stretch;
    return read->count == read->stop_at ? -5 : 0;
}

static int read_from(struct lab *lab, uint32_t collection, uint64_t from, size_t stop_at, struct read *read)
{
    *read = (struct read){.stop_at = stop_at};
    return store_stretches_each(lab->store, collection, from, note, read, &lab->e);
}

static void expect_places(struct lab *lab, uint32_t collection, uint64_t from, const char *wanted)
{
    struct read read;
    char text[128] = "";
    LAB_OK(lab, read_from(lab, collection, from, 0, &read));
    for (size_t i = 0; i < read.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%" PRIu64 " ", read.places[i]);
    assert_string_equal(text, wanted);
}

static void setup_two(struct lab *lab)
{
    lab_collection(lab, "a");
    lab_collection(lab, "b");
    for (uint64_t place = 1; place <= 5; place++)
        put(lab, 1, place * 10, 0, 3);
    put(lab, 2, 7, 0, 1);
}

static void what_was_written_is_read(void **state)
{
    struct lab *lab = *state;
    struct read read;
    lab_collection(lab, "a");
    struct stretch full = stretch_of(UINT64_MAX, 1000, STRETCH_ITEMS_MAX), one = stretch_of(1, 0, 1);
    full.bytes = 0;
    full.items[3] = (struct stretch_item){UINT32_MAX, UINT32_MAX, {{0}}};
    LAB_OK(lab, store_stretch_put(lab->store, 1, &full, &lab->e));
    LAB_OK(lab, store_stretch_put(lab->store, 1, &one, &lab->e));
    lab_commit(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, read_from(lab, 1, 0, 0, &read));
    expect_equal(&read.last, &full);
    assert_int_equal(read_from(lab, 1, 0, 1, &read), -5);
    expect_equal(&read.last, &one);
}

static void they_are_read_by_place_from_any_on_and_until_told_to_stop(void **state)
{
    struct lab *lab = *state;
    struct read read;
    setup_two(lab);
    expect_places(lab, 1, 0, "10 20 30 40 50 ");
    expect_places(lab, 1, 20, "20 30 40 50 ");
    expect_places(lab, 1, 21, "30 40 50 ");
    expect_places(lab, 1, 51, "");
    expect_places(lab, 2, 0, "7 ");
    expect_places(lab, 3, 0, "");
    assert_int_equal(read_from(lab, 1, 0, 2, &read), -5);
    assert_int_equal(read.count, 2);
}

static void dropping_takes_both_ends_and_nothing_of_another_collection(void **state)
{
    struct lab *lab = *state;
    setup_two(lab);
    LAB_OK(lab, store_stretches_drop(lab->store, 1, 20, 30, &lab->e));
    expect_places(lab, 1, 0, "10 40 50 ");
    LAB_OK(lab, store_stretches_drop(lab->store, 1, 11, 39, &lab->e));
    LAB_OK(lab, store_stretches_drop(lab->store, 1, 40, 10, &lab->e));
    expect_places(lab, 1, 0, "10 40 50 ");
    LAB_OK(lab, store_stretches_drop(lab->store, 1, 50, UINT64_MAX, &lab->e));
    expect_places(lab, 1, 0, "10 40 ");
    LAB_OK(lab, store_stretches_drop(lab->store, 1, 0, UINT64_MAX, &lab->e));
    expect_places(lab, 1, 0, "");
    expect_places(lab, 2, 0, "7 ");
}

static void a_collection_that_is_dropped_takes_its_stretches_along(void **state)
{
    struct lab *lab = *state;
    setup_two(lab);
    LAB_OK(lab, store_collection_drop(lab->store, 1, false, &lab->e));
    expect_places(lab, 1, 0, "");
    expect_places(lab, 2, 0, "7 ");
}

static void they_are_read_briefly_and_in_full(void **state)
{
    struct lab *lab = *state;
    struct read read = {0};
    struct stretch full, mixed = stretch_of(6, 7, 3);
    setup_two(lab);
    mixed.items[1].row = 2;
    LAB_OK(lab, store_stretch_put(lab->store, 2, &mixed, &lab->e));
    LAB_OK(lab, store_stretches_brief(lab->store, 1, 20, note, &read, &lab->e));
    assert_int_equal(read.count, 4);
    assert_true(read.last.is_brief);
    assert_int_equal(read.last.count, 3);
    assert_int_equal(read.last.bytes, 303);
    assert_int_equal(read.last.row, 0);
    LAB_OK(lab, store_stretch(lab->store, 1, 50, &full, &lab->e));
    struct stretch wanted = stretch_of(50, 0, 3);
    assert_false(full.is_brief);
    expect_equal(&full, &wanted);
    read = (struct read){.stop_at = 1};
    assert_int_equal(store_stretches_brief(lab->store, 2, 0, note, &read, &lab->e), -5);
    assert_int_equal(read.last.row, STRETCH_ROWS);
    assert_int_equal(store_stretch(lab->store, 2, 99, &full, &lab->e), ERR_CORRUPT);
}

static void what_can_be_no_stretch_is_corrupt(void **state)
{
    static const size_t lengths[] = {0, 19, 20, 43, 45, 20 + 24 * (STRETCH_ITEMS_MAX + 1)};
    struct lab *lab = *state;
    struct read read;
    char zeros[20 + 24 * (STRETCH_ITEMS_MAX + 1)] = {0};
    struct key key = key_place(1, 5), strange = key_row(1, 5);
    lab_collection(lab, "a");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        LAB_OK(lab, table_put(lab->store, TABLE_SPANS, key_bytes(&key), (struct bytes){zeros, lengths[i]}, 0,
                              &lab->e));
        assert_int_equal(read_from(lab, 1, 0, 0, &read), ERR_CORRUPT);
        assert_non_null(strstr(lab->e.text, "shard 12, collection 1: the stretch at place 5 has "));
    }
    put(lab, 1, 5, 0, 1);
    LAB_OK(lab,
           table_put(lab->store, TABLE_SPANS, key_bytes(&strange), (struct bytes){zeros, 44}, 0, &lab->e));
    assert_int_equal(read_from(lab, 1, 0, 0, &read), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "a stretch's key has 8 bytes"));
}

/* A record that LMDB puts onto a page of its own would cost twice as much to read and to write. */
static void the_longest_stretch_stays_within_a_page(void **state)
{
    struct lab *lab = *state;
    MDB_stat stat;
    lab_collection(lab, "a");
    for (uint64_t place = 1; place <= 100; place++)
        put(lab, 1, place, 0, STRETCH_ITEMS_MAX);
    assert_int_equal(mdb_stat(lab->store->txn, lab->store->tables[TABLE_SPANS], &stat), 0);
    assert_int_equal(stat.ms_entries, 100);
    assert_int_equal(stat.ms_overflow_pages, 0);
    assert_in_range(stat.ms_leaf_pages, 50, 100);
}

/* --- stores of earlier versions --- */

/* With a table `pages`, and without `heads`. */
static void make_older(struct lab *lab)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi pages, heads;
    store_close(lab->store);
    lab->store = NULL;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, TABLE_COUNT + 1), 0);
    assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSUBDIR | MDB_NOTLS, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "pages", MDB_CREATE, &pages), 0);
    assert_int_equal(mdb_dbi_open(txn, "heads", 0, &heads), 0);
    assert_int_equal(mdb_drop(txn, heads, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_store_of_an_earlier_version_still_opens(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "a");
    lab_create(lab, "x", "{}");
    lab_put(lab);
    lab_commit(lab);
    make_older(lab);
    struct store_options options = {.path = lab->path, .shard = 12, .read_only = true};
    LAB_OK(lab, store_open(&options, &lab->store, &lab->e));
    LAB_OK(lab, store_read(lab->store, &lab->e));
    expect_places(lab, 1, 0, "");
    assert_string_equal(lab_verify(lab), "");
    lab_reopen(lab);
    lab->record.forecast_rules = 1;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_put(lab);
    put(lab, 1, 1, 0, 1);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)
        T(what_was_written_is_read),
        T(they_are_read_by_place_from_any_on_and_until_told_to_stop),
        T(dropping_takes_both_ends_and_nothing_of_another_collection),
        T(a_collection_that_is_dropped_takes_its_stretches_along),
        T(they_are_read_briefly_and_in_full),
        T(what_can_be_no_stretch_is_corrupt),
        T(the_longest_stretch_stays_within_a_page),
        T(a_store_of_an_earlier_version_still_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
