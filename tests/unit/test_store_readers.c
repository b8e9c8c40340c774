/* Readers beside a store's writer: each sees whole commits only, in its own thread, while the owner writes
 * and opens shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/test_store_lab.h"
#include "worker/store/folder.h"

enum { SHARDS = 8, MAP = 8 << 20, COMMITS = 40 };

struct readers_lab {
    char root[256], data[300];
    struct folder folder;
    struct error e;
    atomic_bool done;
    uint64_t seen[SHARDS];
    char fault[256];
};

static int setup(void **state)
{
    struct readers_lab *lab = mem_zalloc(sizeof *lab);
    lab_make_folder(lab->root);
    snprintf(lab->data, sizeof lab->data, "%s/data", lab->root);
    *state = lab;
    return folder_open(&lab->folder, lab->data, SHARDS, MAP, &lab->e);
}

static int teardown(void **state)
{
    struct readers_lab *lab = *state;
    folder_close(&lab->folder);
    lab_remove_folder(lab->root);
    free(lab);
    return 0;
}

/* A collection, if there is none, and two status changes: so each commit moves the head by two. */
static int write_one(struct folder *folder, uint32_t shard, bool first, struct error *e)
{
    struct store *store;
    struct collection_record record = {.key = {BYTES("p"), BYTES("a"), BYTES("t"), {0}, {0}}};
    int r = folder_store(folder, shard, &store, e);
    if (!r)
        r = store_write(store, e);
    if (!r && first)
        r = store_collection_put(store, &record, e);
    record.id = 1;
    for (int i = 0; i < 2 && !r; i++) {
        struct change change = {.time_ms = 1, .status = {.kind = STATUS_LISTED}};
        r = store_status(store, &record, &change, e);
    }
    return r ? r : store_commit(store, e);
}

static int look(struct readers_lab *lab, struct store *reader, uint32_t shard, struct error *e)
{
    struct bytes packed;
    int r = store_read(reader, e);
    if (r)
        return r;
    uint64_t head = store_head(reader);
    if (head % 2 || head < lab->seen[shard])
        snprintf(lab->fault, sizeof lab->fault, "shard %u: head %llu after %llu", shard,
                 (unsigned long long)head, (unsigned long long)lab->seen[shard]);
    lab->seen[shard] = head;
    r = head ? store_change(reader, head, &packed, e) : 0;
    store_done(reader);
    return r;
}

static void *read_all(void *context)
{
    struct readers_lab *lab = context;
    struct store *readers[SHARDS] = {0};
    struct error e = {0};
    bool last = false;
    while (!last && !lab->fault[0]) {
        last = atomic_load(&lab->done);
        for (uint32_t i = 0; i < SHARDS; i++) {
            int r = readers[i] ? 0 : folder_reader(&lab->folder, i, &readers[i], &e);
            if (!r)
                r = look(lab, readers[i], i, &e);
            if (r && r != ERR_NOT_FOUND)
                snprintf(lab->fault, sizeof lab->fault, "%.200s", e.text);
        }
    }
    for (uint32_t i = 0; i < SHARDS; i++)
        folder_reader_done(&lab->folder, readers[i]);
    return NULL;
}

static void a_reader_sees_whole_commits_while_the_owner_writes_and_opens(void **state)
{
    struct readers_lab *lab = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, lab), 0);
    for (int commit = 0; commit < COMMITS; commit++)
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            LAB_OK(lab, write_one(&lab->folder, shard, commit == 0, &lab->e));
    atomic_store(&lab->done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(lab->fault, "");
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_int_equal(lab->seen[i], 2 * COMMITS);
}

static void what_is_gathered_is_not_seen_before_its_commit(void **state)
{
    struct readers_lab *lab = *state;
    struct store *store, *reader;
    struct collection_record record = {.key = {BYTES("p"), BYTES("a"), BYTES("u"), {0}, {0}}};
    LAB_OK(lab, write_one(&lab->folder, 0, true, &lab->e));
    LAB_OK(lab, folder_store(&lab->folder, 0, &store, &lab->e));
    LAB_OK(lab, folder_reader(&lab->folder, 0, &reader, &lab->e));
    struct change change = {.time_ms = 1, .status = {.kind = STATUS_LISTED}};
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    LAB_OK(lab, store_status(store, &record, &change, &lab->e));
    assert_int_equal(store_head(reader), 2);
    LAB_OK(lab, store_commit(store, &lab->e));
    assert_int_equal(store_head(reader), 3);
    assert_int_equal(store_epoch(reader), store_epoch(store));
    folder_reader_done(&lab->folder, reader);
}

static void a_shard_that_was_never_made_has_no_reader(void **state)
{
    struct readers_lab *lab = *state;
    struct store *reader;
    assert_int_equal(folder_reader(&lab->folder, 3, &reader, &lab->e), ERR_NOT_FOUND);
    assert_null(reader);
    folder_reader_done(&lab->folder, reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_sees_whole_commits_while_the_owner_writes_and_opens),
        TEST(what_is_gathered_is_not_seen_before_its_commit),
        TEST(a_shard_that_was_never_made_has_no_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
