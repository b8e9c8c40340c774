/* A worker's run whose shards come and go, of two accounts of a cloud (test_own_cloud.h). */
#ifndef GARNER_TESTS_UNIT_TEST_OWN_LAB_H
#define GARNER_TESTS_UNIT_TEST_OWN_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>

#include "cli/data.h"
#include "common/clock.h"
#include "common/sharding.h"
#include "tests/unit/test_own_cloud.h"
#include "tests/unit/test_store_lab.h"
#include "worker/run/adopt.h"
#include "worker/run/lease.h"
#include "worker/run/own.h"
#include "worker/run/run.h"

enum { SHARDS = 8, SPLITS = 4, WITHIN_MS = 30000, EVERY_MS = 1000 };

struct world {
    char path[256], data[300], file[300];
    struct cloud cloud;
    struct folder folder;
    struct setup setup;
    struct error e;
    struct arena arena;
    struct crew *crew;
    sem_t started, asks_no_more;
    pthread_t thread;
    bool runs, is_sole;
    int result, stop_fd;
    const char *every;
    uint32_t threads;
    _Atomic unsigned troubles;
    pthread_mutex_t lock;
    struct buffer said;
    struct run_totals totals;
};

#define OK(world, call)                                                                                      \
    do {                                                                                                     \
        int ok_r = (call);                                                                                   \
        if (ok_r)                                                                                            \
            fail_msg("%s: %s (%s)", #call, error_name(ok_r), (world)->e.text);                               \
    } while (0)

/* --- the run --- */

static inline void write_file(const char *folder, const char *name, const char *text, char path[300])
{
    snprintf(path, 300, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

#define ACCOUNT_ONE "{id: one, provider: p, splits: 4}"
#define ACCOUNT_TWO "{id: two, provider: q}"

static inline void write_config(struct world *world, const char *accounts)
{
    char text[1000];
    snprintf(text, sizeof text,
             "data: ./data\nproviders: [p.yaml, q.yaml]\nshards: %d\nmap_size: 64MiB\naccounts: [%s]\n",
             SHARDS, accounts);
    write_file(world->path, "garner.yaml", text, world->file);
}

static inline void write_provider(struct world *world, const char *name, const char *scope, const char *path,
                                  const char *more)
{
    char text[1000], file[300], to[16], regions[200] = "";
    if (strcmp(scope, "region") == 0)
        snprintf(regions, sizeof regions,
                 "regions: {request: {url: \"http://127.0.0.1:%u/{account.id}/regions\"}, items: /items/*, "
                 "id: /id}\n",
                 world->cloud.port);
    snprintf(to, sizeof to, "%s.yaml", name);
    snprintf(
        text, sizeof text,
        "provider: %s\nauth: {kind: none}\n%slimits: {rate: 1000, concurrency: 100}\n"
        "collections:\n"
        "  - {type: %s.thing, scope: %s, request: {url: \"http://127.0.0.1:%u/%s/things\"}, items: /items/*,"
        " id: /id, order: stable, every: %s, page: {style: token, from: \"body:/next\", to: "
        "\"query:token\"}}\n%s",
        name, regions, name, scope, world->cloud.port, path, world->every, more);
    write_file(world->path, to, text, file);
}

/* How often all is harvested, and what account one's provider file says more. */
static inline void write_providers(struct world *world, const char *every, const char *more)
{
    world->every = every;
    write_provider(world, "p", "region", "{account.id}/{region}", more);
    write_provider(world, "q", "account", "{account.id}", "");
}

static inline void trouble(void *context, const char *line)
{
    struct world *world = context;
    pthread_mutex_lock(&world->lock);
    buffer_printf(&world->said, "%s\n", line);
    pthread_mutex_unlock(&world->lock);
    atomic_fetch_add(&world->troubles, 1);
}

static inline int started(void *context, struct crew *crew, struct error *e)
{
    struct world *world = context;
    (void)e;
    world->crew = crew;
    sem_post(&world->started);
    return 0;
}

/* Nobody may ask it for anything any more. */
static inline void ending(void *context)
{
    struct world *world = context;
    sem_wait(&world->asks_no_more);
}

static inline void *run_it(void *context)
{
    struct world *world = context;
    struct run_setting setting = {
        .config = world->setup.config,
        .providers = world->setup.providers,
        .provider_count = world->setup.config->provider_count,
        .is_worker = true,
        .is_sole = world->is_sole,
        .folder = &world->folder,
        .threads = world->threads,
        .context = world,
        .trouble = trouble,
        .started = started,
        .ending = ending,
        .stop_fd = world->stop_fd,
    };
    world->result = run_all(&setting, &world->totals, &world->e);
    sem_post(&world->started);
    return NULL;
}

static inline void begin(struct world *world, uint32_t threads)
{
    world->threads = threads;
    OK(world, setup_open(world->file, &world->setup));
    OK(world, folder_open(&world->folder, world->data, SHARDS, (uint64_t)64 << 20, &world->e));
    assert_int_equal(pthread_create(&world->thread, NULL, run_it, world), 0);
    world->runs = true;
    sem_wait(&world->started);
    assert_non_null(world->crew);
}

static inline void end(struct world *world)
{
    uint64_t one = 1;
    if (!world->runs)
        return;
    sem_post(&world->asks_no_more);
    assert_int_equal(write(world->stop_fd, &one, sizeof one), sizeof one);
    assert_int_equal(pthread_join(world->thread, NULL), 0);
    world->runs = false;
    OK(world, world->result);
}

static inline int setup(void **state)
{
    struct world *world = mem_zalloc(sizeof *world);
    lab_make_folder(world->path);
    snprintf(world->data, sizeof world->data, "%s/data", world->path);
    cloud_open(&world->cloud);
    write_providers(world, "1s", "");
    write_config(world, ACCOUNT_ONE ", " ACCOUNT_TWO);
    world->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(world->stop_fd >= 0);
    assert_int_equal(sem_init(&world->started, 0, 0), 0);
    assert_int_equal(sem_init(&world->asks_no_more, 0, 0), 0);
    assert_int_equal(pthread_mutex_init(&world->lock, NULL), 0);
    *state = world;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *world = *state;
    end(world);
    cloud_close(&world->cloud);
    folder_close(&world->folder);
    setup_close(&world->setup);
    lab_remove_folder(world->path);
    arena_close(&world->arena);
    buffer_close(&world->said);
    sem_destroy(&world->started);
    sem_destroy(&world->asks_no_more);
    pthread_mutex_destroy(&world->lock);
    close(world->stop_fd);
    free(world);
    return 0;
}

/* --- short words --- */

static inline uint32_t shard_of(unsigned place)
{
    char region[8];
    snprintf(region, sizeof region, "r%u", place);
    if (place == TWO)
        return sharding_of(BYTES("q"), BYTES("two"), (struct bytes){0}, 1, SHARDS);
    return sharding_of(BYTES("p"), BYTES("one"), place == ONE ? (struct bytes){0} : bytes_of(region), SPLITS,
                       SHARDS);
}

/* A region whose shard is none of these two. */
static inline unsigned other_region(uint32_t shard, uint32_t other)
{
    unsigned place = 0;
    while (place < REGIONS && (shard_of(place) == shard || shard_of(place) == other))
        place++;
    assert_true(place < REGIONS);
    return place;
}

static inline int try_own(struct world *world, uint32_t shard, uint64_t epoch, bool is_new)
{
    return control_own(world->crew, &(struct owned){shard, epoch, is_new}, 1, &world->e);
}

static inline int64_t release(struct world *world, uint32_t shard)
{
    int64_t began_ms = clock_steady_ms();
    OK(world, control_release(world->crew, &shard, 1, &world->e));
    return clock_steady_ms() - began_ms;
}

static inline uint64_t head_of(struct world *world, uint32_t shard)
{
    struct store *reader;
    if (folder_reader(&world->folder, shard, &reader, &world->e))
        return 0;
    uint64_t head = store_head(reader);
    folder_reader_done(&world->folder, reader);
    return head;
}

static inline uint64_t epoch_of(struct world *world, uint32_t shard)
{
    struct store *reader;
    OK(world, folder_reader(&world->folder, shard, &reader, &world->e));
    uint64_t epoch = store_epoch(reader);
    folder_reader_done(&world->folder, reader);
    return epoch;
}

static inline unsigned asked(struct world *world, unsigned place)
{
    return atomic_load(&world->cloud.requests[place]);
}

#define WAIT(condition)                                                                                      \
    do {                                                                                                     \
        int64_t wait_end_ms = clock_steady_ms() + WITHIN_MS;                                                 \
        while (!(condition) && clock_steady_ms() < wait_end_ms)                                              \
            usleep(2000);                                                                                    \
        assert_true(condition);                                                                              \
    } while (0)

/* It is left alone for more than a period. */
static inline void rests(struct world *world, unsigned place)
{
    usleep(50000); /* what was under way comes to its end */
    uint64_t head = head_of(world, shard_of(place));
    unsigned requests = asked(world, place);
    usleep((EVERY_MS + 300) * 1000);
    assert_int_equal(head_of(world, shard_of(place)), head);
    assert_int_equal(asked(world, place), requests);
}

static inline void said_nothing(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    if (world->said.len)
        print_message("%s", buffer_text(&world->said));
    pthread_mutex_unlock(&world->lock);
    assert_int_equal(atomic_load(&world->troubles), 0);
}

struct log {
    struct world *world;
    uint32_t resources, deleted, statuses, unwatched; /* changes */
    uint64_t epoch;                                   /* of the last one … */
    uint64_t first;                                   /* … and the first seq of it */
};

static inline int read_change(void *context, uint64_t seq, struct bytes packed)
{
    struct log *log = context;
    struct change change;
    OK(log->world, change_unpack(&log->world->arena, packed, &change, &log->world->e));
    log->resources += change.op != CHANGE_STATUS;
    log->deleted += change.op == CHANGE_DELETED;
    log->statuses += change.op == CHANGE_STATUS;
    log->unwatched += change.op == CHANGE_STATUS && change.status.kind == STATUS_UNWATCHED;
    if (change.epoch != log->epoch)
        log->first = seq;
    assert_true(change.epoch >= log->epoch);
    log->epoch = change.epoch;
    return 0;
}

static inline struct log log_of(struct world *world, uint32_t shard)
{
    struct log log = {.world = world};
    struct store *reader;
    OK(world, folder_reader(&world->folder, shard, &reader, &world->e));
    OK(world, store_read(reader, &world->e));
    OK(world, store_changes_each(reader, 1, read_change, &log, &world->e));
    store_done(reader);
    folder_reader_done(&world->folder, reader);
    return log;
}

/* The record of a region's collection. */
static inline struct collection_record record_of(struct world *world, unsigned place)
{
    char region[8];
    struct store *reader;
    struct collection_record record = {0};
    snprintf(region, sizeof region, "r%u", place);
    const struct collection_key key = {BYTES("p"), BYTES("one"), BYTES("p.thing"), bytes_of(region), {0}};
    OK(world, folder_reader(&world->folder, shard_of(place), &reader, &world->e));
    OK(world, store_read(reader, &world->e));
    int code = store_collection_find(reader, &key, &world->arena, &record, &world->e);
    assert_true(!code || code == ERR_NOT_FOUND);
    store_done(reader);
    folder_reader_done(&world->folder, reader);
    return record;
}

#endif
