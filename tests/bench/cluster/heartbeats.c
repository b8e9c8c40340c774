/* What a coordinator of a large cluster does all day: hearing heartbeats that say nothing new.
 *
 *     bench_heartbeats [SHARDS WORKERS]      default: 16384 1000
 *
 * Processor time of one, the median of all, beside that of decoding it and packing orders like its own; and
 * what all workers' take of each second, with a lease of 10 s (each sends one a second). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "coordinator/coordinator.h"
#include "proto/cluster.h"

enum {
    LEASE_MS = 10000,
    WORKERS_MAX = 4096,
    ROUNDS_MAX = 200,
    MEASURED = 5,
    HEAD = 1000,
    HEARTBEATS_A_LEASE = 10
};

struct worker {
    char name[16];
    uint64_t number;
    struct arena arena;
    struct orders orders; /* the last answer */
};

static struct worker workers[WORKERS_MAX];
static struct shard_report *reports;
static uint32_t shards = 16384, worker_count = 1000;
static const uint8_t *feed; /* 16 bytes */

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

/* It does as it was told. */
static void say(struct worker *w, struct buffer *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->orders.order_count; i++) {
        const struct shard_order *order = &w->orders.orders[i];
        if (order->role != ROLE_DROP && order->role != ROLE_NONE)
            reports[count++] = (struct shard_report){.shard = order->shard,
                                                     .role = order->role,
                                                     .version = order->version,
                                                     .known = order->version,
                                                     .is_whole = true,
                                                     .epoch = order->role == ROLE_FOLLOWER ? 1 : order->epoch,
                                                     .head = HEAD,
                                                     .bytes = 1 << 20,
                                                     .load = 100};
    }
    const struct heartbeat heartbeat = {.version = CLUSTER_VERSION,
                                        .cluster = BYTES("bench"),
                                        .worker = bytes_of(w->name),
                                        .address = BYTES("tcp://127.0.0.1:1"),
                                        .program = BYTES("bench"),
                                        .shards = shards,
                                        .feed = {(const char *)feed, 16},
                                        .disk = (uint64_t)(w - workers) + 1,
                                        .incarnation = 1,
                                        .number = ++w->number,
                                        .capacity = 1,
                                        .room = UINT64_C(1) << 40,
                                        .known = w->orders.version,
                                        .reports = reports,
                                        .report_count = count};
    buffer_reset(out);
    heartbeat_pack(&heartbeat, out);
}

/* Returns whether there was something new. */
static bool hear(struct coordinator *co, struct worker *w, struct bytes packed, double *took_us)
{
    struct buffer answer = {0};
    struct error e;
    bool waits = true;
    double began_us = now_us();
    if (coordinator_heartbeat(co, packed, &waits, &answer, &e)) {
        fprintf(stderr, "bench_heartbeats: %s\n", e.text);
        exit(EXIT_FAILURE);
    }
    *took_us = now_us() - began_us;
    if (!waits) {
        arena_reset(&w->arena);
        CHECK(orders_unpack(&w->arena, arena_copy(&w->arena, buffer_bytes(&answer)), &w->orders, &e) == 0);
    }
    buffer_close(&answer);
    return !waits;
}

static uint32_t owned(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < worker_count; i++)
        for (uint32_t j = 0; j < workers[i].orders.order_count; j++)
            count += workers[i].orders.orders[j].role == ROLE_OWNER;
    return count;
}

/* Until all shards are owned, and nobody hears anything new. */
static void settle(struct coordinator *co)
{
    struct buffer packed = {0};
    int quiet = 0;
    double took_us;
    for (int round = 0; round < ROUNDS_MAX && quiet < MEASURED; round++) {
        uint32_t news = 0;
        for (uint32_t i = 0; i < worker_count; i++) {
            say(&workers[i], &packed);
            news += hear(co, &workers[i], buffer_bytes(&packed), &took_us);
        }
        quiet = news || owned() < shards ? 0 : quiet + 1;
        usleep(100000);
    }
    buffer_close(&packed);
    if (quiet < MEASURED) {
        fprintf(stderr, "bench_heartbeats: it hasn't come to rest: %u of %u shards are owned\n", owned(),
                shards);
        exit(EXIT_FAILURE);
    }
}

static double codec_us(const struct worker *w, struct bytes packed)
{
    struct arena arena = {0};
    struct buffer out = {0};
    struct heartbeat heartbeat;
    struct error e;
    double began_us = now_us();
    CHECK(heartbeat_unpack(&arena, packed, &heartbeat, &e) == 0);
    orders_pack(&w->orders, &out);
    double took_us = now_us() - began_us;
    arena_close(&arena);
    buffer_close(&out);
    return took_us;
}

static void measure(struct coordinator *co)
{
    size_t count = 0, room = (size_t)worker_count * MEASURED;
    double *heard = mem_alloc(room * sizeof *heard), *coded = mem_alloc(room * sizeof *coded);
    struct buffer packed = {0};
    for (int round = 0; round < MEASURED; round++)
        for (uint32_t i = 0; i < worker_count; i++) {
            say(&workers[i], &packed);
            hear(co, &workers[i], buffer_bytes(&packed), &heard[count]);
            coded[count++] = codec_us(&workers[i], buffer_bytes(&packed));
        }
    double one = median(heard, count), codec = median(coded, count);
    printf("%u shards, %u workers: a heartbeat %.1f us, %.1f times its decoding and packing; all %.2f ms a "
           "second\n",
           shards, worker_count, one, one / codec, one * worker_count * HEARTBEATS_A_LEASE / LEASE_MS);
    buffer_close(&packed);
    free(heard);
    free(coded);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/garner-heartbeats-XXXXXX", path[64];
    struct coordinator *co;
    struct error e;
    if (argc == 3) {
        shards = (uint32_t)atoi(argv[1]);
        worker_count = (uint32_t)atoi(argv[2]);
    }
    if ((argc != 1 && argc != 3) || !shards || !worker_count || worker_count > WORKERS_MAX ||
        !mkdtemp(folder))
        return EXIT_FAILURE;
    snprintf(path, sizeof path, "%s/cluster.mdb", folder);
    log_set_level(LOG_WARN);
    reports = mem_alloc(shards * sizeof *reports);
    const struct coordinator_setting setting = {.cluster = "bench",
                                                .kind = &state_lmdb,
                                                .path = path,
                                                .shards = shards,
                                                .followers = 1,
                                                .lease_ms = LEASE_MS,
                                                .grace_ms = 600000,
                                                .settle_ms = 100};
    if (coordinator_open(&setting, &co, &e)) {
        fprintf(stderr, "bench_heartbeats: %s\n", e.text);
        return EXIT_FAILURE;
    }
    feed = coordinator_feed(co);
    for (uint32_t i = 0; i < worker_count; i++)
        snprintf(workers[i].name, sizeof workers[i].name, "w%u", i);
    settle(co);
    measure(co);
    coordinator_close(co);
    return EXIT_SUCCESS;
}
