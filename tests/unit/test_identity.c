/* Whose a data folder is: one worker's for good, with a disk's number that stays and an incarnation that
 * rises, and one process's at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "tests/unit/test_store_lab.h"
#include "worker/store/folder.h"
#include "worker/store/identity.h"

struct place {
    char root[256], data[300];
    struct identity identity;
    struct error e;
};

static int setup(void **state)
{
    struct place *place = mem_zalloc(sizeof *place);
    lab_make_folder(place->root);
    snprintf(place->data, sizeof place->data, "%s/data", place->root);
    place->identity.lock = -1;
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    identity_close(&place->identity);
    lab_remove_folder(place->root);
    free(place);
    return 0;
}

static int again(struct place *place, const char *name)
{
    identity_close(&place->identity);
    return identity_open(place->data, name, &place->identity, &place->e);
}

static char *text_of(const struct place *place, const char *name, char out[200])
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", place->data, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    out[fread(out, 1, 199, file)] = 0;
    assert_int_equal(fclose(file), 0);
    return out;
}

static void write_text(const struct place *place, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", place->data, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void each_opening_is_an_incarnation_of_the_same_disk(void **state)
{
    struct place *place = *state;
    char text[200], wanted[200];
    LAB_OK(place, again(place, "w-1"));
    uint64_t disk = place->identity.disk;
    const uint64_t first = place->identity.incarnation;
    assert_true(disk != 0 && first > 0);
    assert_string_equal(place->identity.name, "w-1");
    LAB_OK(place, again(place, "w-1"));
    assert_true(place->identity.disk == disk && place->identity.incarnation > first);
    snprintf(wanted, sizeof wanted, "garner worker\nname w-1\ndisk %016" PRIx64 "\nincarnation %" PRIu64 "\n",
             disk, place->identity.incarnation);
    assert_string_equal(text_of(place, "worker", text), wanted);
}

/* Of one folder, that is: of a copy of it, too. */
static void no_two_processes_are_the_same_incarnation(void **state)
{
    struct place *place = *state;
    static const char saved[] = "garner worker\nname w\ndisk 00000000000000ff\nincarnation 41\n";
    uint64_t first;
    assert_int_equal(mkdir(place->data, 0700), 0);
    write_text(place, "worker", saved);
    LAB_OK(place, again(place, "w"));
    first = place->identity.incarnation;
    assert_true(first > 41);
    write_text(place, "worker", saved);
    LAB_OK(place, again(place, "w"));
    assert_true(place->identity.incarnation > 41 && place->identity.incarnation != first);
}

static void two_folders_are_two_disks(void **state)
{
    struct place *place = *state;
    struct identity other;
    char second[300];
    LAB_OK(place, again(place, "w-1"));
    snprintf(second, sizeof second, "%s/second", place->root);
    LAB_OK(place, identity_open(second, "w-1", &other, &place->e));
    assert_true(other.disk != place->identity.disk);
    identity_close(&other);
}

static void a_folder_is_one_workers(void **state)
{
    struct place *place = *state;
    char text[200], before[200];
    LAB_OK(place, again(place, "a b"));
    text_of(place, "worker", before);
    assert_int_equal(again(place, "c"), ERR_CONFIG);
    assert_non_null(strstr(place->e.text, "is worker a b's, and this is worker c: start it with --name a b"));
    assert_string_equal(text_of(place, "worker", text), before); /* it has changed nothing */
    assert_int_equal(again(place, ""), ERR_CONFIG);
    assert_int_equal(again(place, "a\nb"), ERR_CONFIG);
    memset(text, 'x', LIMIT_WORKER_NAME_BYTES + 1);
    text[LIMIT_WORKER_NAME_BYTES + 1] = 0;
    assert_int_equal(again(place, text), ERR_CONFIG);
}

/* Also before its store is opened, and beside a folder that is open. */
static void one_process_at_a_time_is_that_worker(void **state)
{
    struct place *place = *state;
    struct identity second;
    struct folder folder;
    char text[200], before[200], pid[40];
    LAB_OK(place, again(place, "w"));
    text_of(place, "worker", before);
    assert_int_equal(identity_open(place->data, "w", &second, &place->e), ERR_BUSY);
    snprintf(pid, sizeof pid, "another worker (process %ld)", (long)getpid());
    assert_non_null(strstr(place->e.text, pid));
    assert_string_equal(text_of(place, "worker", text), before);
    LAB_OK(place, folder_open_as(&folder, place->data, 4, 4 << 20, (const uint8_t[16]){1}, &place->e));
    folder_close(&folder);
}

static void what_is_no_identity_is_refused(void **state)
{
    struct place *place = *state;
    static const char *const texts[] = {
        "",
        "garner worker\nname w\ndisk 0000000000000001\nincarnation 1", /* cut */
        "garner worker\nname \ndisk 0000000000000001\nincarnation 1\n",
        "garner worker\nname w\ndisk 0000000000000000\nincarnation 1\n",
        "garner worker\nname w\ndisk 1\nincarnation 1\n",
        "garner worker\nname w\ndisk 000000000000000G\nincarnation 1\n",
        "garner worker\nname w\ndisk 0000000000000001\nincarnation 0\n",
        "garner worker\nname w\ndisk 0000000000000001\nincarnation 18446744073709551615\n",
        "garner worker\nname w\ndisk 0000000000000001\nincarnation x\n",
        "garner worker\nname w\ndisk 0000000000000001\nincarnation 1\nmore\n",
        "garner data folder\nformat 1\n",
    };
    assert_int_equal(mkdir(place->data, 0700), 0);
    write_text(place, "worker", "garner worker\nname w\ndisk 00000000000000ff\nincarnation 41\n");
    write_text(place, "worker.new", "half a fi");
    LAB_OK(place, again(place, "w"));
    assert_true(place->identity.disk == 255 && place->identity.incarnation > 41);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(place, "worker", texts[i]);
        assert_int_equal(again(place, "w"), ERR_CORRUPT);
        assert_non_null(strstr(place->e.text, "its file worker is not as it was written"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_opening_is_an_incarnation_of_the_same_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(no_two_processes_are_the_same_incarnation, setup, teardown),
        cmocka_unit_test_setup_teardown(two_folders_are_two_disks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_one_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(one_process_at_a_time_is_that_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_identity_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
