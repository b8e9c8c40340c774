/* A run that harvests nothing: it cuts the logs of its shards all the same, as far as nobody holds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "cli/data.h"
#include "common/clock.h"
#include "tests/unit/test_store_lab.h"
#include "worker/feed/holds.h"
#include "worker/run/run.h"

enum { SHARD = 1, CHANGES = 10, WITHIN_MS = 30000 };

static const char provider_text[] =
    "provider: p\n"
    "auth: {kind: none}\n"
    "collections:\n"
    "  - {type: p.thing, request: {url: \"http://127.0.0.1:9/\"}, items: /items/*,"
    " id: /id, every: 1h}\n";
static const char config_text[] = "data: ./data\nproviders: [p.yaml]\nshards: 2\nmap_size: 64MiB\n"
                                  "accounts: [{id: a, provider: p}]\nretention: {age: 5s, bytes: 1GB}\n";

struct world {
    char path[256], data[300], file[300];
    struct folder folder;
    struct setup setup;
    struct feed_holds *holds;
    struct error e;
    int stop_fd;
    uint64_t wanted, oldest; /* it is stopped when that is the oldest change, or nothing comes of it */
};

#define OK(world, call)                                                                                      \
    do {                                                                                                     \
        int ok_r = (call);                                                                                   \
        if (ok_r)                                                                                            \
            fail_msg("%s: %s (%s)", #call, error_name(ok_r), (world)->e.text);                               \
    } while (0)

static void write_file(const char *folder, const char *name, const char *text, char path[300])
{
    snprintf(path, 300, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Changes that came ten seconds ago. */
static void fill(struct world *world)
{
    struct store *store;
    struct collection_record record = lab_record("a");
    OK(world, folder_store(&world->folder, SHARD, &store, &world->e));
    OK(world, store_write(store, &world->e));
    OK(world, store_collection_put(store, &record, &world->e));
    for (int i = 0; i < CHANGES; i++) {
        struct change change = {.time_ms = clock_wall_ms() - 10000, .status = {.kind = STATUS_LISTED}};
        OK(world, store_status(store, &record, &change, &world->e));
    }
    OK(world, store_commit(store, &world->e));
}

static int setup(void **state)
{
    struct world *world = mem_zalloc(sizeof *world);
    lab_make_folder(world->path);
    snprintf(world->data, sizeof world->data, "%s/data", world->path);
    write_file(world->path, "p.yaml", provider_text, world->file);
    write_file(world->path, "garner.yaml", config_text, world->file);
    assert_int_equal(setup_open(world->file, &world->setup), 0);
    OK(world, folder_open(&world->folder, world->data, 2, (uint64_t)64 << 20, &world->e));
    world->holds = feed_holds_open();
    world->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(world->stop_fd >= 0);
    fill(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close(world->stop_fd);
    feed_holds_close(world->holds);
    folder_close(&world->folder);
    setup_close(&world->setup);
    lab_remove_folder(world->path);
    free(world);
    return 0;
}

static void *watch(void *context)
{
    struct world *world = context;
    struct store *reader;
    uint64_t one = 1;
    int64_t end_ms = clock_steady_ms() + WITHIN_MS;
    if (folder_reader(&world->folder, SHARD, &reader, &world->e))
        return NULL;
    while ((world->oldest = store_oldest(reader)) < world->wanted && clock_steady_ms() < end_ms)
        usleep(10000);
    usleep(300000); /* for more than it should */
    world->oldest = store_oldest(reader);
    folder_reader_done(&world->folder, reader);
    return write(world->stop_fd, &one, sizeof one) == sizeof one ? NULL : context;
}

static void trouble(void *context, const char *line)
{
    (void)context;
    print_message("%s\n", line);
}

/* Runs until change `wanted` is the oldest one; gives the changes that it counts as gone. */
static uint64_t run_until(struct world *world, uint64_t wanted)
{
    struct run_totals totals = {0};
    pthread_t watcher;
    struct run_setting setting = {
        .config = world->setup.config,
        .providers = world->setup.providers,
        .provider_count = world->setup.config->provider_count,
        .folder = &world->folder,
        .holds = world->holds,
        .threads = 1,
        .context = world,
        .trouble = trouble,
        .stop_fd = world->stop_fd,
    };
    world->wanted = wanted;
    assert_int_equal(pthread_create(&watcher, NULL, watch, world), 0);
    OK(world, run_all(&setting, &totals, &world->e));
    assert_int_equal(pthread_join(watcher, NULL), 0);
    assert_true(totals.stopped);
    assert_int_equal(world->oldest, wanted);
    return totals.compacted;
}

static void what_is_too_old_goes(void **state)
{
    assert_int_equal(run_until(*state, CHANGES + 1), CHANGES);
}

static void what_is_held_stays(void **state)
{
    struct world *world = *state;
    assert_true(feed_hold(world->holds, SHARD, 4, clock_steady_ms()));
    assert_true(feed_hold(world->holds, 0, 0, clock_steady_ms()));
    assert_int_equal(run_until(world, 5), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_too_old_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_held_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
