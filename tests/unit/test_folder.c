/* The data folder: made once, locked by one writer, read by anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/sharding.h"
#include "tests/unit/test_store_lab.h"
#include "worker/store/folder.h"

struct place {
    char root[256], data[300];
    struct error e;
};

enum { SHARDS = 16, MAP = 4 << 20 };

static int setup(void **state)
{
    struct place *place = mem_zalloc(sizeof *place);
    lab_make_folder(place->root);
    snprintf(place->data, sizeof place->data, "%s/data", place->root);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    lab_remove_folder(place->root);
    free(place);
    return 0;
}

static char *in_data(const struct place *place, const char *name, char path[400])
{
    snprintf(path, 400, "%s/%s", place->data, name);
    return path;
}

static void write_text(const struct place *place, const char *name, const char *text)
{
    char path[400];
    FILE *file = fopen(in_data(place, name, path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int open_and_close(struct place *place, uint32_t shards, uint64_t map_size)
{
    struct folder folder;
    int r = folder_open(&folder, place->data, shards, map_size, &place->e);
    folder_close(&folder);
    return r;
}

static int open_read_and_close(struct place *place)
{
    struct folder folder;
    int r = folder_open_read(&folder, place->data, &place->e);
    folder_close(&folder);
    return r;
}

/* A folder is made once: its feed's id and shard count stay. */
static void a_folder_is_made_once(void **state)
{
    struct place *place = *state;
    struct folder folder, again;
    struct store *store;
    struct stat st;
    char path[400];
    assert_int_equal(open_read_and_close(place), ERR_NOT_FOUND);
    assert_non_null(strstr(place->e.text, "`garner run -c FILE` makes one"));
    LAB_OK(place, folder_open(&folder, place->data, SHARDS, MAP, &place->e));
    assert_true(folder.writing && folder.shards == SHARDS && !folder_has(&folder, 12));
    LAB_OK(place, folder_store(&folder, 12, &store, &place->e));
    assert_int_equal(store_shard(store), 12);
    assert_true(folder_has(&folder, 12) && !folder_has(&folder, 3) && !folder_has(&folder, SHARDS));
    assert_int_equal(stat(in_data(place, "shards/012.mdb", path), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct store *same;
    LAB_OK(place, folder_store(&folder, 12, &same, &place->e));
    assert_ptr_equal(same, store);
    uint8_t feed[16];
    memcpy(feed, folder.feed, sizeof feed);
    folder_close(&folder);
    folder_close(&folder);

    LAB_OK(place, folder_open(&again, place->data, SHARDS, MAP, &place->e));
    assert_memory_equal(again.feed, feed, sizeof feed);
    folder_close(&again);
    LAB_OK(place, folder_open_read(&again, place->data, &place->e));
    assert_memory_equal(again.feed, feed, sizeof feed);
    assert_int_equal(again.shards, SHARDS);
    LAB_OK(place, folder_store(&again, 12, &store, &place->e));
    assert_int_equal(folder_store(&again, 3, &store, &place->e), ERR_NOT_FOUND);
    assert_null(store);
    folder_close(&again);
    assert_int_equal(open_and_close(place, SHARDS * 2, MAP), ERR_CONFIG);
    assert_non_null(strstr(place->e.text, "was made with 16 shards, the configuration says 32"));
}

/* Two folders are two feeds. */
static void each_folder_has_a_feed_of_its_own(void **state)
{
    struct place *place = *state;
    struct folder one, other;
    LAB_OK(place, folder_open(&one, place->data, SHARDS, MAP, &place->e));
    strcat(place->data, "2");
    LAB_OK(place, folder_open(&other, place->data, SHARDS, MAP, &place->e));
    assert_memory_not_equal(one.feed, other.feed, sizeof one.feed);
    folder_close(&one);
    folder_close(&other);
}

/* One process writes; another is told which, and may read. When the writer dies the lock is free. */
static void one_process_writes(void **state)
{
    struct place *place = *state;
    struct folder folder;
    int status, ready[2];
    char word, expected[64];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store;
        if (folder_open(&folder, place->data, SHARDS, MAP, &place->e) ||
            folder_store(&folder, 1, &store, &place->e) || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &word, 1), 1);
    assert_int_equal(open_and_close(place, SHARDS, MAP), ERR_BUSY);
    snprintf(expected, sizeof expected, "is in use by process %d: stop it first", (int)pid);
    assert_non_null(strstr(place->e.text, expected));
    LAB_OK(place, folder_open_read(&folder, place->data, &place->e));
    struct store *store;
    LAB_OK(place, folder_store(&folder, 1, &store, &place->e));
    assert_int_equal(store_head(store), 0);
    folder_close(&folder);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ready[0]);
    close(ready[1]);
    LAB_OK(place, folder_open(&folder, place->data, SHARDS, MAP, &place->e));
    assert_int_equal(open_and_close(place, SHARDS, MAP), ERR_BUSY); /* this very process has it */
    folder_close(&folder);
    assert_int_equal(open_and_close(place, SHARDS, MAP), 0);
}

/* Wherever the making of a folder was cut short, the next one makes it to its end. */
static void a_half_made_folder_is_made(void **state)
{
    struct place *place = *state;
    char path[400];
    for (int stage = 0; stage < 5; stage++) {
        snprintf(place->data, sizeof place->data, "%s/stage%d", place->root, stage);
        assert_int_equal(mkdir(place->data, 0700), 0);
        if (stage >= 1)
            write_text(place, "lock", stage == 1 ? "" : "99999999\n");
        if (stage >= 2)
            write_text(place, "garner.new", stage == 2 ? "" : "garner data folder\nformat 1\nfe");
        if (stage >= 4) {
            write_text(place, "garner",
                       "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0eff\nshards 16\n");
            assert_int_equal(open_read_and_close(place), 0);
        } else {
            assert_int_equal(open_read_and_close(place), ERR_NOT_FOUND);
        }
        assert_int_equal(open_and_close(place, SHARDS, MAP), 0);
        assert_int_equal(open_read_and_close(place), 0);
        assert_int_equal(access(in_data(place, "shards", path), F_OK), 0);
        assert_int_equal(access(in_data(place, "garner.new", path), F_OK), stage == 4 ? 0 : -1);
    }
}

/* A file that isn't as it was written is not guessed at. */
static void a_changed_file_is_corrupt(void **state)
{
    static const char *const texts[] = {
        "",
        "garner data folder\n",
        "garner data folder\nformat 1\n",
        "garner data folder\nformat 1\nfeed 00\nshards 16\n",
        "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0e0g\nshards 16\n",
        "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0e0f\nshards 16",
        "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0e0f\nshards 0\n",
        "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0e0f\nshards 99999999999\n",
        "garner data folder\nformat 1\nfeed 000102030405060708090a0b0c0d0e0f\nshards 16\nmore\n",
        "garner data folder!\nformat 1\nfeed 000102030405060708090a0b0c0d0e0f\nshards 16\n",
        "garner data folder\nformat 2\nwhatever is new\n",
    };
    struct place *place = *state;
    assert_int_equal(mkdir(place->data, 0700), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(place, "garner", texts[i]);
        assert_int_equal(open_read_and_close(place), ERR_CORRUPT);
        assert_int_equal(open_and_close(place, SHARDS, MAP), ERR_CORRUPT);
    }
    assert_non_null(strstr(place->e.text, "has format 2, this Garner knows format 1"));
}

static const uint8_t feed[16] = {0x0a, 0x1b, 0x2c, 0x3d, [15] = 9}, others[16] = {0xff, 0xee, 0xdd, 0xcc};

static int open_as(struct place *place, uint32_t shards, const uint8_t *of)
{
    struct folder folder;
    int r = folder_open_as(&folder, place->data, shards, MAP, of, &place->e);
    folder_close(&folder);
    return r;
}

/* A worker's folder is made with its cluster's feed, and is no other cluster's from then on. */
static void a_folder_belongs_to_one_cluster(void **state)
{
    struct place *place = *state;
    struct folder folder;
    LAB_OK(place, folder_open_as(&folder, place->data, SHARDS, MAP, feed, &place->e));
    assert_memory_equal(folder.feed, feed, sizeof feed);
    folder_close(&folder);
    LAB_OK(place, open_as(place, SHARDS, feed));
    assert_int_equal(open_as(place, SHARDS, others), ERR_CONFIG);
    assert_non_null(strstr(place->e.text, "its feed is 0a1b2c3d…, and this cluster's is ffeeddcc…: give"));
    assert_int_equal(open_as(place, SHARDS + 1, feed), ERR_CONFIG);
    assert_non_null(strstr(place->e.text, "was made with 16 shards, and the cluster has 17"));
    LAB_OK(place, open_and_close(place, SHARDS, MAP)); /* whatever feed it has */
}

static void what_a_folder_was_made_with_is_told_before_it_is_opened(void **state)
{
    struct place *place = *state;
    struct folder folder;
    uint8_t is[16];
    uint32_t shards;
    bool is_there;
    LAB_OK(place, folder_peek(place->data, &shards, is, &is_there, &place->e));
    assert_false(is_there);
    LAB_OK(place, folder_open_as(&folder, place->data, SHARDS, MAP, feed, &place->e));
    LAB_OK(place, folder_peek(place->data, &shards, is, &is_there, &place->e)); /* while it is in use */
    assert_true(is_there && shards == SHARDS);
    assert_memory_equal(is, feed, sizeof feed);
    folder_close(&folder);
    write_text(place, "garner", "junk");
    assert_int_equal(folder_peek(place->data, &shards, is, &is_there, &place->e), ERR_CORRUPT);
    assert_false(is_there);
}

static void sizes_are_checked(void **state)
{
    struct place *place = *state;
    assert_int_equal(open_and_close(place, 0, MAP), ERR_CONFIG);
    assert_int_equal(open_and_close(place, LIMIT_SHARDS + 1, MAP), ERR_CONFIG);
    assert_int_equal(open_and_close(place, SHARDS, 1000), ERR_CONFIG);
    assert_int_equal(open_and_close(place, LIMIT_SHARDS, LIMIT_MAP_BYTES_DEFAULT), ERR_CONFIG);
    assert_non_null(strstr(place->e.text, "all 16384 shards' maps within 64TiB"));
    assert_int_equal(open_and_close(place, LIMIT_SHARDS_DEFAULT, LIMIT_MAP_BYTES_DEFAULT), 0);
    snprintf(place->data, sizeof place->data, "%s/none/data", place->root);
    assert_int_equal(open_and_close(place, SHARDS, MAP), ERR_IO);
    snprintf(place->data, sizeof place->data, "%s/file", place->root);
    close(open(place->data, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(open_and_close(place, SHARDS, MAP), ERR_IO);
    assert_int_equal(open_read_and_close(place), ERR_NOT_FOUND);
}

/* Files that this process has open and that have no name any more. */
static int count_deleted_files(const struct place *place)
{
    char link[64], to[512];
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, to, sizeof to - 1);
        to[len > 0 ? len : 0] = 0;
        count += strstr(to, place->root) && strstr(to, "(deleted)");
    }
    return count;
}

static void put_collection(struct place *place, struct folder *folder, uint32_t shard, const char *type)
{
    struct collection_record record = lab_record(type);
    struct store *store;
    assert_int_equal(folder_store(folder, shard, &store, &place->e), 0);
    assert_int_equal(store_write(store, &place->e), 0);
    assert_int_equal(store_collection_put(store, &record, &place->e), 0);
    assert_int_equal(store_commit(store, &place->e), 0);
}

static bool has_collection(struct place *place, struct store *store, const char *type)
{
    struct collection_record record = lab_record(type);
    struct arena arena = {0};
    assert_int_equal(store_read(store, &place->e), 0);
    int r = store_collection_find(store, &record.key, &arena, &record, &place->e);
    store_done(store);
    arena_close(&arena);
    return r == 0;
}

static void a_shard_that_is_dropped_is_another_one_when_it_comes_back(void **state)
{
    struct place *place = *state;
    struct folder folder;
    struct store *store;
    assert_int_equal(folder_open(&folder, place->data, SHARDS, MAP, &place->e), 0);
    put_collection(place, &folder, 3, "a");
    assert_int_equal(folder_drop(&folder, 3, &place->e), 0);
    assert_false(folder_has(&folder, 3));
    assert_int_equal(count_deleted_files(place), 0);
    assert_int_equal(folder_store(&folder, 3, &store, &place->e), 0);
    assert_false(has_collection(place, store, "a"));
    assert_int_equal(folder_drop(&folder, 4, &place->e), 0); /* was never there */
    folder_close(&folder);
}

static void a_shard_that_is_set_aside_is_kept_under_another_name(void **state)
{
    struct place *place = *state;
    struct folder folder;
    struct store *store;
    char kept[FOLDER_PATH_BYTES], expected[400];
    assert_int_equal(folder_open(&folder, place->data, SHARDS, MAP, &place->e), 0);
    for (int i = 1; i <= 2; i++) {
        write_text(place, "shards/003.mdb", i == 1 ? "no store" : "no store either");
        assert_int_equal(folder_reader(&folder, 3, &store, &place->e), ERR_CORRUPT);
        LAB_OK(place, folder_set_aside(&folder, 3, kept, &place->e));
        assert_false(folder_has(&folder, 3));
        in_data(place, i == 1 ? "shards/003.mdb.unreadable-1" : "shards/003.mdb.unreadable-2", expected);
        assert_string_equal(kept, expected);
        struct stat st;
        assert_int_equal(stat(kept, &st), 0);
        assert_int_equal(st.st_size, strlen(i == 1 ? "no store" : "no store either"));
    }
    put_collection(place, &folder, 3, "a");
    LAB_OK(place, folder_store(&folder, 3, &store, &place->e));
    assert_true(has_collection(place, store, "a"));
    folder_close(&folder);
}

static void who_reads_a_shard_that_is_dropped_goes_on_and_gives_back_its_room(void **state)
{
    struct place *place = *state;
    struct folder folder;
    struct store *one, *other, *fresh;
    assert_int_equal(folder_open(&folder, place->data, SHARDS, MAP, &place->e), 0);
    put_collection(place, &folder, 3, "a");
    assert_int_equal(folder_reader(&folder, 3, &one, &place->e), 0);
    assert_int_equal(folder_reader(&folder, 3, &other, &place->e), 0);
    assert_false(store_reader_is_stale(one));
    assert_int_equal(store_read(one, &place->e), 0);
    assert_int_equal(folder_drop(&folder, 3, &place->e), 0);
    put_collection(place, &folder, 3, "b");
    assert_int_equal(folder_reader(&folder, 3, &fresh, &place->e), 0);
    assert_true(store_reader_is_stale(one) && store_reader_is_stale(other) && !store_reader_is_stale(fresh));
    assert_true(has_collection(place, one, "a") && has_collection(place, other, "a"));
    assert_true(has_collection(place, fresh, "b") && !has_collection(place, fresh, "a"));
    folder_reader_done(&folder, one);
    assert_true(count_deleted_files(place) > 0);
    assert_true(has_collection(place, other, "a"));
    folder_reader_done(&folder, other);
    assert_int_equal(count_deleted_files(place), 0);
    folder_reader_done(&folder, fresh);
    folder_close(&folder);
}

/* Where a collection lives never changes: these numbers are in the field. */
static void shards_are_where_they_were(void **state)
{
    struct bytes aws = BYTES("aws"), account = BYTES("123456789012"), region = BYTES("eu-west-1"), none = {0};
    (void)state;
    assert_int_equal(sharding_of(aws, account, region, 1, 256), sharding_of(aws, account, none, 1, 256));
    assert_int_equal(sharding_of(aws, account, BYTES(""), 7, 256), sharding_of(aws, account, none, 7, 256));
    assert_int_equal(sharding_of(aws, account, region, 1, 256), 121);
    assert_int_equal(sharding_of(aws, account, region, 16, 256), 58);
    assert_int_equal(sharding_of(aws, account, none, 1, 16384), 11641);
    unsigned hits[16] = {0};
    for (int i = 0; i < 16000; i++) {
        char id[16];
        snprintf(id, sizeof id, "%012d", i);
        hits[sharding_of(aws, bytes_of(id), region, 1, 16)]++;
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(hits[i], 850, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_is_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(each_folder_has_a_feed_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(one_process_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_half_made_folder_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_belongs_to_one_cluster, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_folder_was_made_with_is_told_before_it_is_opened, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sizes_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shard_that_is_dropped_is_another_one_when_it_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_shard_that_is_set_aside_is_kept_under_another_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_reads_a_shard_that_is_dropped_goes_on_and_gives_back_its_room,
                                        setup, teardown),
        cmocka_unit_test(shards_are_where_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
