/* The cluster's state in a file: what was written is there for the next coordinator, in order; whoever writes
 * what another has written is refused, and then nothing was written; one process has it; and a file that
 * can't be it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "coordinator/state/state.h"

struct lab {
    char folder[256], path[300];
    struct state *state;
    struct buffer seen; /* of the last load: "key=value@revision " each */
    struct error e;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static int open_it(struct lab *lab, struct state **out)
{
    struct state_setting setting = {&state_lmdb, lab->path};
    return state_open(&setting, out, &lab->e);
}

static void reopen(struct lab *lab)
{
    state_close(lab->state);
    lab->state = NULL;
    if (open_it(lab, &lab->state))
        fail_msg("%s", lab->e.text);
}

static int setup(void **state)
{
    static struct lab lab;
    const char *tmp = getenv("TMPDIR");
    lab = (struct lab){0};
    snprintf(lab.folder, sizeof lab.folder, "%s/garner-state-XXXXXX",
             tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    assert_non_null(mkdtemp(lab.folder));
    snprintf(lab.path, sizeof lab.path, "%s/cluster.mdb", lab.folder);
    reopen(&lab);
    *state = &lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    state_close(lab->state);
    buffer_close(&lab->seen);
    return nftw(lab->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int see(void *context, struct bytes key, struct bytes value, uint64_t revision)
{
    struct lab *lab = context;
    buffer_printf(&lab->seen, "%.*s=%.*s@%llu ", BYTES_ARG(key), BYTES_ARG(value),
                  (unsigned long long)revision);
    return 0;
}

static const char *all(struct lab *lab)
{
    buffer_reset(&lab->seen);
    if (state_load(lab->state, see, lab, &lab->e))
        fail_msg("%s", lab->e.text);
    return buffer_text(&lab->seen);
}

static uint64_t write_some(struct lab *lab, const struct state_write *writes, uint32_t count)
{
    uint64_t revision = 0;
    if (state_write(lab->state, writes, count, &revision, &lab->e))
        fail_msg("%s", lab->e.text);
    return revision;
}

static uint64_t write_one(struct lab *lab, const char *key, const char *value, uint64_t revision)
{
    struct state_write write = {bytes_of(key), value ? bytes_of(value) : (struct bytes){0}, revision};
    return write_some(lab, &write, 1);
}

static void what_was_written_is_there_when_it_is_opened_again(void **state)
{
    struct lab *lab = *state;
    const struct state_write writes[] = {{BYTES("shard/00001"), BYTES("b"), 0},
                                         {BYTES("cluster"), BYTES(""), 0},
                                         {BYTES("shard/00000"), BYTES("a"), 0}};
    assert_string_equal(all(lab), "");
    assert_int_equal(write_some(lab, writes, 3), 1);
    assert_int_equal(write_one(lab, "shard/00001", "B", 1), 2);
    assert_string_equal(all(lab), "cluster=@1 shard/00000=a@1 shard/00001=B@2 ");
    reopen(lab);
    assert_string_equal(all(lab), "cluster=@1 shard/00000=a@1 shard/00001=B@2 ");
    assert_int_equal(write_one(lab, "worker/00000", "w", 0), 3);
}

static void a_record_that_was_deleted_never_has_an_old_revision_again(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(write_one(lab, "k", "1", 0), 1);
    assert_int_equal(write_one(lab, "k", NULL, 1), 2);
    assert_string_equal(all(lab), "");
    reopen(lab);
    assert_int_equal(write_one(lab, "k", "2", 0), 3);
    assert_string_equal(all(lab), "k=2@3 ");
}

static int refused(struct lab *lab, const struct state_write *writes, uint32_t count)
{
    uint64_t revision = 0;
    return state_write(lab->state, writes, count, &revision, &lab->e);
}

/* One of several is another's: all of them stay. */
static void what_another_has_written_is_not_written_over(void **state)
{
    struct lab *lab = *state;
    write_one(lab, "a", "1", 0);
    write_one(lab, "b", "1", 0);
    write_one(lab, "b", "2", 2);
    const struct state_write late[] = {{BYTES("a"), BYTES("x"), 1}, {BYTES("b"), BYTES("x"), 2}};
    assert_int_equal(refused(lab, late, 2), ERR_BUSY);
    assert_non_null(strstr(lab->e.text, "another coordinator has written b (it has revision 3, and had 2)"));
    const struct state_write made[] = {{BYTES("c"), BYTES("x"), 0}, {BYTES("b"), BYTES("x"), 0}};
    assert_int_equal(refused(lab, made, 2), ERR_BUSY);
    const struct state_write gone[] = {{BYTES("a"), {0}, 1}, {BYTES("d"), {0}, 9}};
    assert_int_equal(refused(lab, gone, 2), ERR_BUSY);
    assert_string_equal(all(lab), "a=1@1 b=2@3 ");
    assert_int_equal(write_one(lab, "a", "2", 1), 4); /* and a refusal uses up no revision */
}

static int stop_at_b(void *context, struct bytes key, struct bytes value, uint64_t revision)
{
    see(context, key, value, revision);
    return bytes_is(key, "b") ? ERR_STOPPED : 0;
}

static void who_visits_may_stop(void **state)
{
    struct lab *lab = *state;
    const struct state_write writes[] = {
        {BYTES("a"), BYTES("1"), 0}, {BYTES("b"), BYTES("2"), 0}, {BYTES("c"), BYTES("3"), 0}};
    write_some(lab, writes, 3);
    buffer_reset(&lab->seen);
    assert_int_equal(state_load(lab->state, stop_at_b, lab, &lab->e), ERR_STOPPED);
    assert_string_equal(buffer_text(&lab->seen), "a=1@1 b=2@1 ");
}

/* --- bounds --- */

static void as_much_is_written_at_once_as_fits(void **state)
{
    enum { COUNT = LIMIT_STATE_WRITES + 5, LARGE = LIMIT_STATE_BYTES / 2 };
    struct lab *lab = *state;
    char keys[COUNT][16], *large = mem_zalloc(LIMIT_STATE_BYTES);
    struct state_write writes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "k%04d", i);
        writes[i] = (struct state_write){bytes_of(keys[i]), BYTES("v"), 0};
    }
    assert_int_equal(state_fits(writes, COUNT), LIMIT_STATE_WRITES);
    assert_int_equal(state_fits(writes, 3), 3);
    assert_int_equal(write_some(lab, writes, LIMIT_STATE_WRITES), 1);
    writes[0].value = writes[1].value = writes[2].value = (struct bytes){large, LARGE - 5};
    writes[0].revision = writes[1].revision = 1;
    assert_int_equal(state_fits(writes, 3), 2);
    assert_int_equal(write_some(lab, writes, 2), 2);
    writes[0].value.len = LIMIT_STATE_BYTES;
    writes[0].revision = 2;
    assert_int_equal(state_fits(writes, 3), 1);
    assert_int_equal(refused(lab, writes, 1), ERR_LIMIT);
    assert_non_null(strstr(lab->e.text, "record k0000 has 1048576 bytes"));
    free(large);
}

/* --- who has it --- */

static void one_at_a_time_has_it(void **state)
{
    struct lab *lab = *state;
    struct state *second;
    char pid[32];
    assert_int_equal(open_it(lab, &second), ERR_BUSY);
    assert_null(second);
    snprintf(pid, sizeof pid, "in use by process %ld,", (long)getpid());
    assert_non_null(strstr(lab->e.text, pid));
    reopen(lab);
}

/* A process that is killed leaves nothing locked, and what it had written. */
static void a_killed_process_lets_go_of_it(void **state)
{
    struct lab *lab = *state;
    int status;
    state_close(lab->state);
    lab->state = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct state_write write = {BYTES("k"), BYTES("v"), 0};
        uint64_t revision;
        if (open_it(lab, &lab->state) || state_write(lab->state, &write, 1, &revision, &lab->e))
            _exit(1);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    reopen(lab);
    assert_string_equal(all(lab), "k=v@1 ");
}

/* --- what goes wrong --- */

/* Until the file may not grow any more; what was written before stays. */
static int fill(struct lab *lab)
{
    static char large[64 << 10];
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    struct state_write write = {BYTES("large"), {large, sizeof large}, 0};
    memset(large, 'x', sizeof large);
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit))
        return 1;
    char key[16];
    int r = 0;
    for (int i = 0; i < 100 && !r; i++) {
        snprintf(key, sizeof key, "k%d", i);
        write.key = bytes_of(key);
        uint64_t revision;
        r = state_write(lab->state, &write, 1, &revision, &lab->e);
    }
    all(lab);
    bool told = strstr(lab->e.text, "raise the process's file size limit") ||
                strstr(lab->e.text, "its disk is full");
    return r == ERR_FULL && told && lab->seen.len > (512 << 10) ? 0 : 1;
}

static void a_full_disk_is_told_and_takes_nothing_away(void **state)
{
    struct lab *lab = *state;
    int status;
    state_close(lab->state);
    lab->state = NULL;
    pid_t child = fork();
    if (child == 0)
        _exit(open_it(lab, &lab->state) ? 2 : fill(lab));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    reopen(lab);
    assert_non_null(strstr(all(lab), "k5="));
}

static void what_is_no_state_is_refused(void **state)
{
    struct lab *lab = *state;
    struct state *opened;
    state_close(lab->state);
    lab->state = NULL;
    int fd = open(lab->path, O_WRONLY | O_TRUNC);
    char junk[8192];
    memset(junk, 'x', sizeof junk);
    assert_int_equal(write(fd, junk, sizeof junk), (ssize_t)sizeof junk);
    close(fd);
    assert_int_equal(open_it(lab, &opened), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "is no sound file"));
    snprintf(lab->path, sizeof lab->path, "%s/none/cluster.mdb", lab->folder);
    assert_int_equal(open_it(lab, &opened), ERR_IO);
    assert_non_null(strstr(lab->e.text, "isn't there: make it"));
}

/* Behind our back, as another version, or a disk, might. */
static void put_raw(struct lab *lab, const char *table, const char *key, const char *value, size_t len)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)value};
    state_close(lab->state);
    lab->state = NULL;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSUBDIR | MDB_NOTLS, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_newer_format_and_damage_are_refused(void **state)
{
    struct lab *lab = *state;
    struct state *opened;
    uint64_t revision;
    put_raw(lab, "records", "short", "1234567", 7);
    reopen(lab);
    assert_int_equal(state_load(lab->state, see, lab, &lab->e), ERR_CORRUPT);
    struct state_write write = {BYTES("short"), BYTES("x"), 1};
    assert_int_equal(state_write(lab->state, &write, 1, &revision, &lab->e), ERR_CORRUPT);
    put_raw(lab, "meta", "format", "\0\0\0\0\0\0\0\2", 8);
    assert_int_equal(open_it(lab, &opened), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "has format 2, this Garner knows format 1"));
    put_raw(lab, "meta", "format", "1", 1);
    assert_int_equal(open_it(lab, &opened), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "isn't as it was written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_there_when_it_is_opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_that_was_deleted_never_has_an_old_revision_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_another_has_written_is_not_written_over, setup, teardown),
        cmocka_unit_test_setup_teardown(who_visits_may_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(as_much_is_written_at_once_as_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_process_lets_go_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_takes_nothing_away, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_state_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_format_and_damage_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
