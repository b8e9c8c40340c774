/* The store and other processes: readers, killed writers, a disk that refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/random.h"
#include "tests/unit/test_store_lab.h"

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
    snprintf(lab->path, sizeof lab->path, "%s/small.mdb", lab->folder); /* a map never shrinks */
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
    const char *json = lab_filler(lab, 200000);
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
        if (i % 2)
            continue;
        struct store_compaction all_but_a_few = {head - i % 20, INT64_MAX, 0, UINT32_MAX};
        uint32_t count;
        EXPECT(store_compact(lab->store, &all_but_a_few, &count, &lab->e) == 0);
        EXPECT(store_commit(lab->store, &lab->e) == 0);
        EXPECT(store_write(lab->store, &lab->e) == 0);
    }
}

/* A writer, which also compacts, killed at any moment leaves a store that verifies, with all that it had
 * committed. */
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

/* A file that may not grow: the commit fails as it would on a full disk. */
static void meet_a_full_disk(struct lab *lab, int in, int out)
{
    struct rlimit limit = {.rlim_cur = 256 << 10, .rlim_max = RLIM_INFINITY},
                  none = {RLIM_INFINITY, RLIM_INFINITY};
    uint32_t row;
    (void)out;
    wait_word(in, '1');
    lab_open(lab);
    EXPECT(store_write(lab->store, &lab->e) == 0);
    EXPECT(store_collection_by_id(lab->store, 1, &lab->arena, &lab->record, &lab->e) == 0);
    struct collection_record kept = lab->record;
    EXPECT(lab_try(lab, CHANGE_CREATED, BYTES("big"), lab_filler(lab, 1 << 20), &row) == 0);
    EXPECT(store_collection_put(lab->store, &lab->record, &lab->e) == 0);
    EXPECT(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
    EXPECT(store_commit(lab->store, &lab->e) == ERR_FULL);
    EXPECT(store_head(lab->store) == 1 && !store_writing(lab->store));
    EXPECT(setrlimit(RLIMIT_FSIZE, &none) == 0);
    EXPECT(lab_verify(lab)[0] == 0);
    lab->record = kept; /* and goes on when there is room again */
    EXPECT(store_write(lab->store, &lab->e) == 0);
    EXPECT(lab_try(lab, CHANGE_CREATED, BYTES("small"), "{}", &row) == 0 && row == 1);
    EXPECT(store_collection_put(lab->store, &lab->record, &lab->e) == 0);
    EXPECT(store_commit(lab->store, &lab->e) == 0);
    store_close(lab->store);
}

/* A commit that the disk refuses takes nothing with it, and the handle goes on. */
static void a_full_disk_loses_nothing(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "a");
    lab_create(lab, "kept", "{\"kept\":1}");
    lab_put(lab);
    lab_commit(lab);
    store_close(lab->store);
    lab->store = NULL;
    struct other other = start_other(lab, meet_a_full_disk);
    say_word(other.to, '1');
    assert_int_equal(end_other(&other), 0);
    lab_open(lab);
    assert_string_equal(lab_verify(lab), "");
    assert_int_equal(store_head(lab->store), 2);
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

/* A store whose making was cut short is made to its end by a writer, and not there for a reader. */
static void a_half_made_store_is_made(void **state)
{
    struct lab *lab = *state;
    store_close(lab->store);
    lab->store = NULL;
    snprintf(lab->path, sizeof lab->path, "%s/empty.mdb", lab->folder);
    close(open(lab->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(lab_try_open(lab, 12, true), ERR_NOT_FOUND);
    assert_int_equal(lab_try_open(lab, 12, false), 0);
    assert_int_equal(lab_try_open(lab, 12, true), 0);

    MDB_env *env; /* killed between LMDB's first pages and the first commit */
    snprintf(lab->path, sizeof lab->path, "%s/pages.mdb", lab->folder);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSUBDIR | MDB_NOTLS, 0600), 0);
    mdb_env_close(env);
    assert_int_equal(lab_try_open(lab, 12, true), ERR_NOT_FOUND);
    assert_int_equal(lab_try_open(lab, 12, false), 0);

    snprintf(lab->path, sizeof lab->path, "%s/killed.mdb", lab->folder);
    struct other other = start_other(lab, die_while_made);
    say_word(other.to, '1');
    assert_true(WIFSIGNALED(end_other(&other)));
    lab_open(lab);
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_follows_a_writer, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_a_sound_store, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_half_made_store_is_made, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
