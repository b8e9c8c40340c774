/* Shards are dealt out, not accounts: a shard has one writer. Not by number modulo threads: accounts that are
 * few could then all fall to one thread. */
#include "worker/run/roster.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/sharding.h"
#include "worker/store/folder.h"

_Static_assert(LIMIT_THREADS <= UINT8_MAX, "a thread's number fits a byte");

static uint32_t split_shard(const struct roster *roster, const struct config_account *account, uint32_t split)
{
    return sharding_of_split(bytes_of(account->provider), bytes_of(account->id), split, roster->shards);
}

static void deal(struct roster *roster, uint32_t threads)
{
    const struct config *config = roster->config;
    bool *reached = roster->dealt;
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->account_count; i++)
        for (uint32_t split = 0; split < config->accounts[i].splits; split++)
            reached[split_shard(roster, &config->accounts[i], split)] = true;
    for (uint32_t shard = 0; shard < roster->shards; shard++)
        if (reached[shard])
            roster->owner[shard] = (uint8_t)(count++ % threads);
    roster->threads = count < threads ? count : threads;
    if (!roster->threads)
        roster->threads = 1;
}

/* How many shards each thread has. */
static uint32_t *count_dealt(const struct roster *roster)
{
    uint32_t *counts = mem_zalloc(roster->threads * sizeof *counts);
    for (uint32_t shard = 0; shard < roster->shards; shard++)
        counts[roster->owner[shard]] += roster->dealt[shard];
    return counts;
}

static void deal_one(struct roster *roster, uint32_t shard, uint32_t *counts)
{
    uint32_t fewest = 0;
    if (roster->dealt[shard])
        return;
    for (uint32_t thread = 1; thread < roster->threads; thread++)
        fewest = counts[thread] < counts[fewest] ? thread : fewest;
    roster->owner[shard] = (uint8_t)fewest;
    roster->dealt[shard] = true;
    counts[fewest]++;
}

uint32_t roster_give(struct roster *roster, uint32_t shard)
{
    uint32_t *counts = count_dealt(roster);
    deal_one(roster, shard, counts);
    free(counts);
    return roster->owner[shard];
}

void roster_take(struct roster *roster, uint32_t shard)
{
    roster->dealt[shard] = false;
}

void roster_extend(struct roster *roster, const struct config *config)
{
    uint32_t *counts = count_dealt(roster);
    for (uint32_t i = 0; i < config->account_count; i++)
        for (uint32_t split = 0; split < config->accounts[i].splits; split++)
            deal_one(roster, split_shard(roster, &config->accounts[i], split), counts);
    free(counts);
}

static int compare_names(struct bytes provider, struct bytes id, const struct config_account *account)
{
    int order = bytes_compare(provider, bytes_of(account->provider));
    return order ? order : bytes_compare(id, bytes_of(account->id));
}

static int compare_accounts(const void *a, const void *b, void *context)
{
    const struct config *config = context;
    const struct config_account *x = &config->accounts[*(const uint32_t *)a];
    return compare_names(bytes_of(x->provider), bytes_of(x->id), &config->accounts[*(const uint32_t *)b]);
}

void roster_open(struct roster *roster, const struct config *config, uint32_t shards, uint32_t threads,
                 bool all)
{
    CHECK(threads > 0 && threads <= LIMIT_THREADS);
    *roster = (struct roster){.config = config, .shards = shards};
    roster->owner = mem_zalloc(shards * sizeof *roster->owner);
    roster->dealt = mem_zalloc(shards * sizeof *roster->dealt);
    deal(roster, threads);
    if (all)
        roster->threads = threads;
    roster->sorted = mem_alloc(config->account_count * sizeof *roster->sorted);
    for (uint32_t i = 0; i < config->account_count; i++)
        roster->sorted[i] = i;
    qsort_r(roster->sorted, config->account_count, sizeof *roster->sorted, compare_accounts,
            (void *)(uintptr_t)config);
}

void roster_close(struct roster *roster)
{
    free(roster->owner);
    free(roster->dealt);
    free(roster->sorted);
    *roster = (struct roster){0};
}

uint32_t roster_thread(const struct roster *roster, const struct config_account *account, struct bytes region)
{
    if (roster->threads == 1)
        return 0;
    return roster->owner[sharding_of(bytes_of(account->provider), bytes_of(account->id), region,
                                     account->splits, roster->shards)];
}

bool roster_has(const struct roster *roster, uint32_t thread, const struct config_account *account)
{
    bool has = roster->threads == 1;
    for (uint32_t split = 0; !has && split < account->splits; split++)
        has = roster->owner[split_shard(roster, account, split)] == thread;
    return has;
}

const struct config_account *roster_find(const struct roster *roster, struct bytes provider, struct bytes id)
{
    uint32_t first = 0, end = roster->config->account_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        const struct config_account *account = &roster->config->accounts[roster->sorted[middle]];
        int order = compare_names(provider, id, account);
        if (!order)
            return account;
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}
