/* The store when things go wrong: a full map, wrong files, what LMDB says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "tests/unit/test_store_lab.h"

/* A full map is said in words; what was committed is still there, and a larger map goes on. */
static void a_full_map_loses_nothing(void **state)
{
    struct lab *lab = *state;
    const char *sentence =
        "shard 12's map of 1 MiB is full: set map_size larger in the configuration and start "
        "again";
    char id[16];
    uint32_t row;
    store_close(lab->store);
    lab_remove_folder(lab->folder);
    lab_make_folder(lab->folder);
    snprintf(lab->path, sizeof lab->path, "%s/012.mdb", lab->folder);
    lab->map_size = 1 << 20;
    lab_open(lab);
    lab_collection(lab, "a");
    lab_create(lab, "kept", "{\"kept\":1}");
    lab_put(lab);
    lab_commit(lab);
    struct collection_record kept = lab->record;

    const char *json = lab_filler(lab, 20000);
    int r = store_write(lab->store, &lab->e);
    for (int i = 0; i < 100 && !r; i++) {
        snprintf(id, sizeof id, "%d", i);
        r = lab_try(lab, CHANGE_CREATED, bytes_of(id), json, &row);
    }
    assert_int_equal(r, ERR_FULL);
    assert_string_equal(lab->e.text, sentence);
    memset(&lab->e, 0, sizeof lab->e);
    assert_int_equal(lab_try(lab, CHANGE_CREATED, BYTES("more"), "{}", &row), ERR_FULL);
    assert_int_equal(store_collection_put(lab->store, &lab->record, &lab->e), ERR_FULL);
    struct document document;
    assert_int_equal(store_document(lab->store, 1, 0, &document, &lab->e), ERR_FULL);
    assert_int_equal(store_write(lab->store, &lab->e), ERR_FULL);
    assert_int_equal(store_commit(lab->store, &lab->e), ERR_FULL);
    assert_string_equal(lab->e.text, sentence);
    assert_false(store_writing(lab->store));
    assert_int_equal(store_head(lab->store), 1);
    assert_string_equal(lab_verify(lab), "");

    lab->record = kept;
    lab->map_size = 8 << 20;
    lab_reopen(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "%d", i);
        lab_create(lab, id, json);
    }
    lab_put(lab);
    lab_commit(lab);
    lab->map_size = 1 << 20; /* less than it holds: it opens all the same */
    lab_reopen(lab);
    assert_string_equal(lab_verify(lab), "");
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_string_equal(lab_document(lab, 0), "{\"kept\":1}");
}

/* The first write that fails spoils the transaction, whichever call it was. */
static void a_failed_write_spoils_the_transaction(void **state)
{
    struct lab *lab = *state;
    struct missing missing = {.since_ms = 5, .harvests = {1}, .count = 1};
    int r = 0;
    store_close(lab->store);
    snprintf(lab->path, sizeof lab->path, "%s/small.mdb", lab->folder);
    lab->map_size = 1 << 20;
    lab_open(lab);
    lab_collection(lab, "a");
    lab_commit(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    for (uint32_t row = 0; row < 100000 && !r; row++)
        r = store_missing_put(lab->store, 1, row, &missing, &lab->e);
    assert_int_equal(r, ERR_FULL);
    for (int i = 0; i < 3; i++) {
        memset(&lab->e, 0, sizeof lab->e);
        r = i == 0   ? store_missing_put(lab->store, 1, 1, &missing, &lab->e)
            : i == 1 ? store_missing_forget(lab->store, 1, NULL, &lab->e)
                     : store_commit(lab->store, &lab->e);
        assert_int_equal(r, ERR_FULL);
        assert_non_null(strstr(lab->e.text, "map of 1 MiB is full"));
    }
    assert_string_equal(lab_verify(lab), "");
}

/* A process has one handle a file, by whatever name. */
static void one_handle_a_file(void **state)
{
    struct lab *lab = *state;
    char other[320];
    assert_int_equal(lab_try_open(lab, 12, false), ERR_BUSY);
    assert_int_equal(lab_try_open(lab, 12, true), ERR_BUSY);
    snprintf(other, sizeof other, "%s/again.mdb", lab->folder);
    assert_int_equal(symlink(lab->path, other), 0);
    strcpy(lab->path, other);
    assert_int_equal(lab_try_open(lab, 12, false), ERR_BUSY);
    store_close(lab->store);
    lab->store = NULL;
    assert_int_equal(lab_try_open(lab, 12, false), 0);
    assert_int_equal(lab_try_open(lab, 12, true), 0);
}

/* What is not this shard's store is not opened as such, and the sentence says why. */
static void a_wrong_file_is_refused(void **state)
{
    struct lab *lab = *state;
    char *path = arena_printf(&lab->arena, "%s", lab->path);
    struct key format = {.bytes = "format", .len = 6};
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab,
           table_put(lab->store, TABLE_META, key_bytes(&format), (struct bytes){"\0\0\0\2", 4}, 0, &lab->e));
    lab_commit(lab);
    store_close(lab->store);
    lab->store = NULL;
    assert_int_equal(lab_try_open(lab, 12, false), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "has format 2, this Garner knows format 1"));

    snprintf(lab->path, sizeof lab->path, "%s/013.mdb", lab->folder);
    assert_int_equal(lab_try_open(lab, 13, true), ERR_NOT_FOUND);
    assert_int_equal(lab_try_open(lab, 13, false), 0);
    assert_int_equal(lab_try_open(lab, 12, false), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "is the store of shard 13, not of shard 12"));

    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "no store at all, but longer than nothing", 40), 40);
    close(fd);
    snprintf(lab->path, sizeof lab->path, "%s", path);
    assert_int_equal(lab_try_open(lab, 12, false), ERR_CORRUPT);
    assert_int_equal(lab_try_open(lab, 12, true), ERR_CORRUPT);
    snprintf(lab->path, sizeof lab->path, "%s", lab->folder);
    assert_int_equal(lab_try_open(lab, 12, false), ERR_CORRUPT);
    snprintf(lab->path, sizeof lab->path, "%s/none/012.mdb", lab->folder);
    assert_int_equal(lab_try_open(lab, 12, false), ERR_NOT_FOUND);
    lab->map_size = 4096;
    assert_int_equal(lab_try_open(lab, 12, false), ERR_CONFIG);
}

/* What LMDB says becomes a code, and a sentence that says what to do. */
static void faults_say_what_to_do(void **state)
{
    struct lab *lab = *state;
    static const struct {
        int lmdb, code;
        const char *part;
    } faults[] = {
        {MDB_MAP_FULL, ERR_FULL, "shard 12's map of 64 MiB is full: set map_size larger"},
        {ENOSPC, ERR_FULL, "is full: free some space"},
        {EFBIG, ERR_FULL, "may not grow"},
        {EIO, ERR_FULL, "is full or failing"},
        {EROFS, ERR_STORE, "read-only file system"},
        {EACCES, ERR_STORE, "no permission"},
        {MDB_CORRUPTED, ERR_CORRUPT, "is no sound store"},
        {MDB_READERS_FULL, ERR_BUSY, "too many readers"},
        {MDB_BAD_TXN, ERR_STORE, "shard 12: testing: MDB_BAD_TXN"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(store_fault(lab->store, faults[i].lmdb, "testing", &lab->e), faults[i].code);
        assert_non_null(strstr(lab->e.text, faults[i].part));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_map_loses_nothing, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_spoils_the_transaction, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(one_handle_a_file, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_file_is_refused, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(faults_say_what_to_do, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
