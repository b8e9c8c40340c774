/* The store when things go wrong: a full map, readers of other processes, killed writers, wrong files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/random.h"
#include "tests/unit/test_store_lab.h"

/* --- a full map --- */

static char *filler(struct lab *lab, size_t len)
{
    char *json = arena_alloc(&lab->arena, len + 16);
    memcpy(json, "{\"x\":\"", 6);
    memset(json + 6, 'y', len);
    memcpy(json + 6 + len, "\"}", 3);
    return json;
}

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

    const char *json = filler(lab, 20000);
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

/* --- other processes --- */

/* Runs `body` in another process that has no store open, told when by a byte through the pipe. */
struct other {
    pid_t pid;
    int to, from;
};

static void wait_word(int fd, char expected)
{
    char word = 0;
    if (read(fd, &word, 1) != 1 || word != expected)
        _exit(50);
}

static void say_word(int fd, char word)
{
    if (write(fd, &word, 1) != 1)
        _exit(51);
}

static struct other start_other(struct lab *lab, void (*body)(struct lab *lab, int in, int out))
{
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    struct other other = {.pid = fork(), .to = to[1], .from = from[0]};
    assert_true(other.pid >= 0);
    if (other.pid == 0) {
        close(to[1]);
        close(from[0]);
        body(lab, to[0], from[1]);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    return other;
}

static int end_other(struct other *other)
{
    int status;
    close(other->to);
    close(other->from);
    assert_int_equal(waitpid(other->pid, &status, 0), other->pid);
    return status;
}

/* Exits with the line at which something was not as it should be. */
#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            _exit(__LINE__ % 100 + 100);                                                                     \
    } while (0)

static void follow_as_reader(struct lab *lab, int in, int out)
{
    struct store_options options = {.path = lab->path, .shard = 12, .read_only = true};
    struct store *store;
    struct document document;
    wait_word(in, '1');
    EXPECT(store_open(&options, &store, &lab->e) == 0);
    EXPECT(store_read(store, &lab->e) == 0);
    EXPECT(store_head(store) == 1);
    say_word(out, '1');
    wait_word(in, '2'); /* the writer went on: this snapshot did not */
    EXPECT(store_head(store) == 1);
    EXPECT(store_document(store, 1, 0, &document, &lab->e) == 0 && document.last_seq == 1);
    EXPECT(store_document(store, 1, 1, &document, &lab->e) == ERR_NOT_FOUND);
    store_done(store);
    EXPECT(store_head(store) == 3);
    EXPECT(store_read(store, &lab->e) == 0);
    EXPECT(store_document(store, 1, 0, &document, &lab->e) == 0 && document.last_seq == 3);
    EXPECT(store_document(store, 1, 1, &document, &lab->e) == 0);
    store_done(store);
    say_word(out, '2');
    wait_word(in, '3'); /* it came back with a larger map, and uses it */
    EXPECT(store_read(store, &lab->e) == 0);
    EXPECT(store_document(store, 1, 40, &document, &lab->e) == 0 && document.packed.len > 100000);
    store_done(store);
    EXPECT(store_verify(store, lab_add_fault, lab, &lab->e) == 0 && lab->faults.len == 0);
    store_close(store);
    say_word(out, '3');
}

/* A reader of another process sees whole commits, keeps its snapshot, and follows a map that grows. */
static void a_reader_follows_a_writer(void **state)
{
    struct lab *lab = *state;
    char id[16];
    store_close(lab->store);
    lab->store = NULL;
    lab->map_size = 2 << 20;
    struct other other = start_other(lab, follow_as_reader);
    lab_open(lab);
    lab_collection(lab, "a");
    lab_create(lab, "a", "{}");
    lab_put(lab);
    lab_commit(lab);
    say_word(other.to, '1');
    wait_word(other.from, '1');
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_create(lab, "b", "{}");
    lab_update(lab, 0, "{\"x\":1}");
    lab_put(lab);
    lab_commit(lab);
    say_word(other.to, '2');
    wait_word(other.from, '2');
    lab->map_size = 64 << 20;
    lab_reopen(lab);
    const char *json = filler(lab, 200000);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "%d", i);
        lab_create(lab, id, json);
    }
    lab_put(lab);
    lab_commit(lab);
    say_word(other.to, '3');
    wait_word(other.from, '3');
    assert_int_equal(end_other(&other), 0);
}

static void write_until_killed(struct lab *lab, int in, int out)
{
    uint32_t row;
    char id[32], json[600];
    wait_word(in, '1');
    memset(json, 0, sizeof json);
    EXPECT(store_open(&(struct store_options){.path = lab->path, .shard = 12, .map_size = lab->map_size},
                      &lab->store, &lab->e) == 0);
    EXPECT(store_write(lab->store, &lab->e) == 0);
    EXPECT(store_collection_by_id(lab->store, 1, &lab->arena, &lab->record, &lab->e) == 0);
    for (unsigned i = 0;; i++) {
        snprintf(id, sizeof id, "%d-%u", (int)getpid(), i);
        snprintf(json, sizeof json, "{\"i\":%u,\"fill\":\"%0*u\"}", i, (int)(i * 37 % 500) + 1, i);
        EXPECT(lab_try(lab, CHANGE_CREATED, bytes_of(id), json, &row) == 0);
        if (i % 3 == 2) {
            row--;
            EXPECT(lab_try(lab, CHANGE_UPDATED, (struct bytes){0}, json, &row) == 0);
        }
        if (i % 5 != 4)
            continue;
        EXPECT(store_collection_put(lab->store, &lab->record, &lab->e) == 0);
        EXPECT(store_commit(lab->store, &lab->e) == 0);
        uint64_t head = store_head(lab->store);
        EXPECT(write(out, &head, sizeof head) == sizeof head);
        EXPECT(store_write(lab->store, &lab->e) == 0);
    }
}

/* A writer killed at any moment leaves a store that verifies, with all that it had committed. */
static void a_killed_writer_leaves_a_sound_store(void **state)
{
    struct lab *lab = *state;
    struct random random;
    random_seed(&random, 20261122);
    lab_collection(lab, "a");
    lab_commit(lab);
    for (int round = 0; round < 6; round++) {
        store_close(lab->store);
        lab->store = NULL;
        struct other other = start_other(lab, write_until_killed);
        uint64_t head = 0, reported = 0;
        say_word(other.to, '1');
        for (uint64_t i = random_below(&random, 20) + 1; i > 0; i--)
            assert_int_equal(read(other.from, &reported, sizeof reported), sizeof reported);
        usleep((useconds_t)random_below(&random, 3000));
        kill(other.pid, SIGKILL);
        while (read(other.from, &head, sizeof head) == sizeof head)
            reported = head;
        assert_true(WIFSIGNALED(end_other(&other)));
        lab_open(lab);
        assert_true(store_head(lab->store) >= reported);
        assert_string_equal(lab_verify(lab), "");
    }
}

static void die_while_made(struct lab *lab, int in, int out)
{
    (void)out;
    wait_word(in, '1');
    struct store_options options = {.path = lab->path, .shard = 12, .map_size = lab->map_size};
    struct store *store;
    EXPECT(store_open(&options, &store, &lab->e) == 0);
    EXPECT(store_write(store, &lab->e) == 0);
    kill(getpid(), SIGKILL);
}

/* --- files --- */

static int try_open(struct lab *lab, uint32_t shard, bool read_only)
{
    struct store_options options = {
        .path = lab->path, .shard = shard, .map_size = lab->map_size, .read_only = read_only};
    struct store *store = NULL;
    int r = store_open(&options, &store, &lab->e);
    assert_int_equal(store == NULL, r != 0);
    store_close(store);
    return r;
}

/* A process has one handle a file, by whatever name. */
static void one_handle_a_file(void **state)
{
    struct lab *lab = *state;
    char other[320];
    assert_int_equal(try_open(lab, 12, false), ERR_BUSY);
    assert_int_equal(try_open(lab, 12, true), ERR_BUSY);
    snprintf(other, sizeof other, "%s/again.mdb", lab->folder);
    assert_int_equal(symlink(lab->path, other), 0);
    strcpy(lab->path, other);
    assert_int_equal(try_open(lab, 12, false), ERR_BUSY);
    store_close(lab->store);
    lab->store = NULL;
    assert_int_equal(try_open(lab, 12, false), 0);
    assert_int_equal(try_open(lab, 12, true), 0);
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
    assert_int_equal(try_open(lab, 12, false), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "has format 2, this Garner knows format 1"));

    snprintf(lab->path, sizeof lab->path, "%s/013.mdb", lab->folder);
    assert_int_equal(try_open(lab, 13, true), ERR_NOT_FOUND);
    assert_int_equal(try_open(lab, 13, false), 0);
    assert_int_equal(try_open(lab, 12, false), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "is the store of shard 13, not of shard 12"));

    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "no store at all, but longer than nothing", 40), 40);
    close(fd);
    snprintf(lab->path, sizeof lab->path, "%s", path);
    assert_int_equal(try_open(lab, 12, false), ERR_CORRUPT);
    assert_int_equal(try_open(lab, 12, true), ERR_CORRUPT);
    snprintf(lab->path, sizeof lab->path, "%s", lab->folder);
    assert_int_equal(try_open(lab, 12, false), ERR_CORRUPT);
    snprintf(lab->path, sizeof lab->path, "%s/none/012.mdb", lab->folder);
    assert_int_equal(try_open(lab, 12, false), ERR_NOT_FOUND);
    lab->map_size = 4096;
    assert_int_equal(try_open(lab, 12, false), ERR_CONFIG);
}

/* A store whose making was cut short is made to its end by a writer, and not there for a reader. */
static void a_half_made_store_is_made(void **state)
{
    struct lab *lab = *state;
    store_close(lab->store);
    lab->store = NULL;
    snprintf(lab->path, sizeof lab->path, "%s/empty.mdb", lab->folder);
    close(open(lab->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(try_open(lab, 12, true), ERR_NOT_FOUND);
    assert_int_equal(try_open(lab, 12, false), 0);
    assert_int_equal(try_open(lab, 12, true), 0);

    MDB_env *env; /* killed between LMDB's first pages and the first commit */
    snprintf(lab->path, sizeof lab->path, "%s/pages.mdb", lab->folder);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSUBDIR | MDB_NOTLS, 0600), 0);
    mdb_env_close(env);
    assert_int_equal(try_open(lab, 12, true), ERR_NOT_FOUND);
    assert_int_equal(try_open(lab, 12, false), 0);

    snprintf(lab->path, sizeof lab->path, "%s/killed.mdb", lab->folder);
    struct other other = start_other(lab, die_while_made);
    say_word(other.to, '1');
    assert_true(WIFSIGNALED(end_other(&other)));
    lab_open(lab);
    assert_string_equal(lab_verify(lab), "");
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
        {ENOSPC, ERR_FULL, "is full: free some space and start again"},
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
        cmocka_unit_test_setup_teardown(a_reader_follows_a_writer, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_a_sound_store, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(one_handle_a_file, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_file_is_refused, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_half_made_store_is_made, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(faults_say_what_to_do, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
