/* Placement's figures: how even loads are, how much is moved, and how long a plan takes.
 *
 *     bench_placement         prints a line for each; exit code 1: one is beyond what is promised
 *
 * Time is the processor's, the median of five plans, and as a share of what it takes to draw for each shard
 * and worker once, which is all that plain rendezvous hashing does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/random.h"
#include "coordinator/placement/placement.h"
#include "coordinator/placement/rendezvous.h"

enum { WORKERS = 1001, SHARDS = 16384, RUNS = 5 };

static struct placement_worker workers[WORKERS];
static struct placement_shard shards[SHARDS], before[SHARDS];
static struct placement_loads loads[WORKERS];
static int wrong;
static volatile uint64_t drawn; /* or there would be no need to draw */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
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

/* --- problems --- */

static uint32_t weight_of(uint32_t rank, bool zipf)
{
    return zipf ? (uint32_t)(1e8 / pow(rank + 1, 1.1)) + 1 : 1000;
}

static void make(uint32_t worker_count, uint32_t shard_count, bool zipf)
{
    struct random random;
    random_seed(&random, worker_count * UINT64_C(31) + shard_count);
    for (uint32_t i = 0; i < worker_count; i++)
        workers[i] = (struct placement_worker){.key = random_u64(&random), .capacity = 1};
    for (uint32_t i = 0; i < shard_count; i++)
        shards[i] = (struct placement_shard){.number = i,
                                             .weight = weight_of(i, zipf),
                                             .at = PLACEMENT_NOBODY,
                                             .pin = PLACEMENT_NOBODY,
                                             .ready = PLACEMENT_NOBODY};
}

static double total(uint32_t shard_count)
{
    double sum = 0;
    for (uint32_t i = 0; i < shard_count; i++)
        sum += shards[i].weight;
    return sum;
}

/* What moves, as a share of all; then it is where it was to be. */
static double settle(uint32_t shard_count)
{
    double moved = 0;
    for (uint32_t i = 0; i < shard_count; i++) {
        moved += shards[i].to != shards[i].at ? shards[i].weight : 0;
        shards[i].at = shards[i].to;
    }
    return moved / total(shard_count);
}

/* The highest load as a share of the average, of workers that have more than one shard, or at most one. */
static double highest(uint32_t worker_count, uint32_t shard_count)
{
    uint32_t has[WORKERS] = {0}, there = 0;
    double most = 0;
    for (uint32_t i = 0; i < shard_count; i++)
        has[shards[i].at]++;
    for (uint32_t i = 0; i < worker_count; i++)
        there += workers[i].state == PLACEMENT_TAKES;
    for (uint32_t i = 0; i < worker_count; i++)
        if (has[i] > 1 && (double)loads[i].load / (total(shard_count) / there) > most)
            most = (double)loads[i].load / (total(shard_count) / there);
    return most;
}

/* --- figures --- */

static void say(const char *what, uint32_t worker_count, uint32_t shard_count, double value, double most)
{
    printf("%-44s %5u workers %5u shards  %8.3f  (at most %.3f)%s\n", what, worker_count, shard_count, value,
           most, value > most ? "  BEYOND" : "");
    wrong += value > most;
}

static double at_most(uint32_t worker_count, uint32_t shard_count)
{
    double average = (double)shard_count / worker_count, whole = ceil(average) / average;
    return whole > 1.05 ? whole : 1.05;
}

static void balance(uint32_t worker_count, uint32_t shard_count, bool zipf)
{
    const char *name = zipf ? "zipf(1.1): max/avg beside shards alone" : "equal: max/avg";
    double most = zipf ? 1.05 : at_most(worker_count, shard_count);
    make(worker_count + 1, shard_count, zipf);
    workers[worker_count].state = PLACEMENT_GONE;
    placement_solve(workers, worker_count + 1, shards, shard_count, loads);
    settle(shard_count);
    say(name, worker_count, shard_count, highest(worker_count + 1, shard_count), most);
    if (zipf)
        return;
    workers[worker_count].state = PLACEMENT_TAKES;
    placement_solve(workers, worker_count + 1, shards, shard_count, loads);
    say("  one is added: moved / lower bound", worker_count, shard_count,
        settle(shard_count) * (worker_count + 1), 1.10);
    double had = 0;
    for (uint32_t i = 0; i < shard_count; i++)
        had += shards[i].at == 0 ? shards[i].weight : 0;
    workers[0].state = PLACEMENT_GONE;
    placement_solve(workers, worker_count + 1, shards, shard_count, loads);
    say("  one is gone: moved / lower bound", worker_count, shard_count,
        settle(shard_count) / (had / total(shard_count)), 1.10);
}

static double draw_all(void)
{
    double began = now_ms();
    for (uint32_t i = 0; i < SHARDS; i++)
        for (uint32_t j = 0; j < WORKERS - 1; j++)
            drawn += rendezvous_draw(i, workers[j].key);
    return now_ms() - began;
}

static void speed(bool zipf)
{
    double plans[RUNS], draws[RUNS];
    make(WORKERS - 1, SHARDS, zipf);
    memcpy(before, shards, sizeof before);
    for (int i = 0; i < RUNS; i++) {
        memcpy(shards, before, sizeof before);
        double began = now_ms();
        placement_solve(workers, WORKERS - 1, shards, SHARDS, loads);
        plans[i] = now_ms() - began;
        draws[i] = draw_all();
    }
    double plan = median(plans, RUNS);
    say(zipf ? "zipf(1.1): a first plan, ms" : "equal: a first plan, ms", WORKERS - 1, SHARDS, plan, 100);
    printf("%-44s %37.3f\n", "  as a share of drawing for all", plan / median(draws, RUNS));
}

int main(void)
{
    static const uint32_t sizes[][2] = {{3, 256}, {7, 256}, {16, 4096}, {100, 4096}, {1000, 16384}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        balance(sizes[i][0], sizes[i][1], false);
        balance(sizes[i][0], sizes[i][1], true);
    }
    speed(false);
    speed(true);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
