/* Checkpoints in the store: what was written is read, foreign bytes are not believed, `verify` tells of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/random.h"
#include "tests/unit/test_store_lab.h"

static struct checkpoint sample(void)
{
    return (struct checkpoint){
        .definition = {{1, 2, 3}},
        .request = 77,
        .harvest = 1,
        .started_ms = 1700000000000,
        .position = {.page = 700,
                     .size = 100,
                     .items = 69900,
                     .first_items = 100,
                     .total = 100000,
                     .has_total = true,
                     .number = 69900,
                     .link = BYTES("https://api.test/x?y"),
                     .tokens = BYTES("\x91\xa1x")},
        .created = 12,
        .had = 5,
        .unsound = "because",
        .tries = 2,
    };
}

/* A collection with ten rows, of which nothing but their number counts here. */
static void with_rows(struct lab *lab)
{
    lab_collection(lab, "a");
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%d", i);
        lab_create(lab, id, "{}");
    }
    lab->record.next_harvest = 2;
    lab->record.has_checkpoint = true;
    lab_put(lab);
}

static void put(struct lab *lab, const struct checkpoint *c, roaring_bitmap_t *seen)
{
    LAB_OK(lab, store_checkpoint_put(lab->store, lab->record.id, c, seen, &lab->e));
    if (seen)
        roaring_bitmap_free(seen);
}

static int get(struct lab *lab, struct checkpoint *out, roaring_bitmap_t **seen)
{
    return store_checkpoint_get(lab->store, lab->record.id, lab->record.next_row, &lab->arena, out, seen,
                                &lab->e);
}

static void what_was_written_is_read(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen;
    with_rows(lab);
    put(lab, &c, roaring_bitmap_of(4, 0, 1, 2, 9));
    lab_commit(lab);
    lab_reopen(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, get(lab, &read, &seen));
    assert_true(digest_equal(read.definition, c.definition));
    assert_int_equal(read.request, 77);
    assert_int_equal(read.harvest, 1);
    assert_int_equal(read.started_ms, c.started_ms);
    assert_int_equal(read.position.page, 700);
    assert_int_equal(read.position.size, 100);
    assert_int_equal(read.position.items, 69900);
    assert_int_equal(read.position.first_items, 100);
    assert_int_equal(read.position.total, 100000);
    assert_true(read.position.has_total);
    assert_false(read.position.total_unreadable);
    assert_int_equal(read.position.number, 69900);
    assert_true(bytes_equal(read.position.link, c.position.link));
    assert_true(bytes_equal(read.position.tokens, c.position.tokens));
    assert_int_equal(read.created, 12);
    assert_int_equal(read.had, 5);
    assert_string_equal(read.unsound, "because");
    assert_int_equal(read.tries, 2);
    assert_int_equal(roaring_bitmap_get_cardinality(seen), 4);
    assert_true(roaring_bitmap_contains(seen, 9));
    roaring_bitmap_free(seen);
    assert_string_equal(lab_verify(lab), "");
}

/* None, one without rows, one with none of them: three different things. */
static void rows_are_there_or_not(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen;
    with_rows(lab);
    assert_int_equal(get(lab, &read, &seen), ERR_NOT_FOUND);
    put(lab, &c, NULL);
    LAB_OK(lab, get(lab, &read, &seen));
    assert_null(seen);
    put(lab, &c, roaring_bitmap_create());
    LAB_OK(lab, get(lab, &read, &seen));
    assert_non_null(seen);
    assert_true(roaring_bitmap_is_empty(seen));
    roaring_bitmap_free(seen);
    LAB_OK(lab, store_checkpoint_drop(lab->store, lab->record.id, &lab->e));
    LAB_OK(lab, store_checkpoint_drop(lab->store, lab->record.id, &lab->e));
    assert_int_equal(get(lab, &read, &seen), ERR_NOT_FOUND);
}

/* Too many rows to be kept: it goes without. */
static void too_many_rows_are_left_out(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen = roaring_bitmap_create();
    with_rows(lab);
    for (uint32_t row = 0; row < LIMIT_CHECKPOINT_SEEN_BYTES * 9u; row += 2)
        roaring_bitmap_add(seen, row);
    put(lab, &c, seen);
    LAB_OK(lab, get(lab, &read, &seen));
    assert_null(seen);
    assert_int_equal(read.position.page, 700);
}

/* A collection that goes takes its checkpoint along; one that starts anew, too. */
static void dropping_a_collection_drops_it(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen;
    for (int keep = 0; keep < 2; keep++) {
        with_rows(lab);
        put(lab, &c, NULL);
        LAB_OK(lab, store_collection_drop(lab->store, lab->record.id, keep, &lab->e));
        assert_int_equal(get(lab, &read, &seen), ERR_NOT_FOUND);
        struct collection_record record;
        int r = store_collection_by_id(lab->store, lab->record.id, &lab->arena, &record, &lab->e);
        assert_int_equal(r, keep ? 0 : ERR_NOT_FOUND);
        assert_false(keep && record.has_checkpoint);
    }
}

static void put_packed(struct lab *lab, const struct checkpoint *c)
{
    struct key key = key_collection(lab->record.id);
    struct buffer packed = {0};
    checkpoint_pack(c, &packed);
    LAB_OK(lab, table_put(lab->store, TABLE_CHECKPOINTS, key_bytes(&key), buffer_bytes(&packed), 0, &lab->e));
    buffer_close(&packed);
}

/* Bytes that are no set of rows, or a set of rows that were never given out, are corrupt. */
static void foreign_rows_are_refused(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen;
    static const char backwards[] = "\x3a\x30\0\0\x01\0\0\0\0\0\x01\0\x10\0\0\0\x05\0\x03\0";
    static const char bits[] =
        "\x3a\x30\0\0\x01\0\0\0\0\0\x00\x20\x10\0\0\0"; /* 8,193 bits, and then no bytes */
    static const struct bytes cases[] = {
        {"", 0},
        {"x", 1},
        {backwards, sizeof backwards - 1},
        {bits, sizeof bits - 1},
    };
    with_rows(lab);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        c.seen = cases[i];
        put_packed(lab, &c);
        assert_int_equal(get(lab, &read, &seen), ERR_CORRUPT);
        assert_null(seen);
    }
    put(lab, &c, roaring_bitmap_of(1, 10));
    assert_int_equal(get(lab, &read, &seen), ERR_CORRUPT);
}

/* Whatever bytes a set of rows was turned into: rows that were given out, or an error, and never a crash. */
static void damaged_rows_never_crash(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    struct random random;
    enum { ROWS = 9000 };
    roaring_bitmap_t *rows = roaring_bitmap_create(), *seen;
    roaring_bitmap_add_range(rows, 0, 3000);
    for (uint32_t row = 3001; row < ROWS; row += 1 + row % 2)
        roaring_bitmap_add(rows, row);
    roaring_bitmap_add(rows, 70000);
    size_t len = roaring_bitmap_portable_size_in_bytes(rows);
    char *packed = mem_alloc(len), *damaged = mem_alloc(len);
    assert_int_equal(roaring_bitmap_portable_serialize(rows, packed), len);
    roaring_bitmap_free(rows);
    random_seed(&random, 5);
    with_rows(lab);
    lab->record.next_row = 100000;
    for (int i = 0; i < 2000; i++) {
        memcpy(damaged, packed, len);
        for (int k = 0; k < 3; k++)
            damaged[random_below(&random, k ? 64 : len)] = (char)random_below(&random, 256);
        c.seen = (struct bytes){damaged, random_below(&random, 4) ? len : random_below(&random, len)};
        put_packed(lab, &c);
        int r = get(lab, &read, &seen);
        assert_true(r == 0 || r == ERR_CORRUPT);
        if (!r) {
            assert_true(roaring_bitmap_is_empty(seen) || roaring_bitmap_maximum(seen) < 100000);
            roaring_bitmap_free(seen);
        }
    }
    free(packed);
    free(damaged);
}

/* --- verify --- */

static void verify_tells_of_checkpoints(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample();
    with_rows(lab);
    lab_commit(lab);
    assert_non_null(
        strstr(lab_verify(lab), "1 collections' records say that there is a checkpoint, and 0 have one"));
    LAB_OK(lab, store_write(lab->store, &lab->e));
    put(lab, &c, roaring_bitmap_of(2, 3, 9));
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
    LAB_OK(lab, store_write(lab->store, &lab->e));
    put(lab, &c, roaring_bitmap_of(2, 3, 10));
    assert_non_null(
        strstr(lab_verify(lab), "its checkpoint's rows are not in order, or were not given out yet"));
    c.harvest = 2;
    put(lab, &c, NULL);
    assert_non_null(strstr(lab_verify(lab), "its checkpoint is of a harvest that was not begun yet"));
    c.harvest = 1;
    put(lab, &c, NULL);
    LAB_OK(lab, store_checkpoint_put(lab->store, 99, &c, NULL, &lab->e));
    assert_non_null(strstr(lab_verify(lab), "a checkpoint belongs to collection 99 (not there)"));
    LAB_OK(lab, store_checkpoint_drop(lab->store, 99, &lab->e));
    lab->record.has_checkpoint = false;
    lab_put(lab);
    assert_non_null(strstr(lab_verify(lab), "it has a checkpoint, and its record says that there is none"));
    LAB_OK(lab, store_checkpoint_drop(lab->store, lab->record.id, &lab->e));
    assert_string_equal(lab_verify(lab), "");
}

/* --- stores of earlier versions --- */

static void without_the_table(struct lab *lab)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    store_close(lab->store);
    lab->store = NULL;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, TABLE_COUNT), 0);
    assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSUBDIR | MDB_NOTLS, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "checkpoints", 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_store_without_the_table_still_opens(void **state)
{
    struct lab *lab = *state;
    struct checkpoint c = sample(), read;
    roaring_bitmap_t *seen;
    with_rows(lab);
    lab->record.has_checkpoint = false;
    lab_put(lab);
    lab_commit(lab);
    without_the_table(lab);
    struct store_options options = {.path = lab->path, .shard = 12, .read_only = true};
    LAB_OK(lab, store_open(&options, &lab->store, &lab->e));
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_int_equal(get(lab, &read, &seen), ERR_NOT_FOUND);
    assert_string_equal(lab_verify(lab), "");
    lab_reopen(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab->record.has_checkpoint = true;
    lab_put(lab);
    put(lab, &c, NULL);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)
        T(what_was_written_is_read),    T(rows_are_there_or_not),
        T(too_many_rows_are_left_out),  T(dropping_a_collection_drops_it),
        T(foreign_rows_are_refused),    T(damaged_rows_never_crash),
        T(verify_tells_of_checkpoints), T(a_store_without_the_table_still_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
