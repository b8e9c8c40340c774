/* Counted first, then filled in: one list for all shards. */
#include "worker/run/directory.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/sharding.h"
#include "worker/store/folder.h"

static void copy_accounts(struct directory *d, const struct config *config)
{
    struct config_account *accounts = arena_alloc(&d->arena,
                                                  (config->account_count + (size_t)1) * sizeof *accounts);
    for (uint32_t i = 0; i < config->account_count; i++)
        accounts[i] = *config_account_copy(&d->arena, &config->accounts[i]);
    d->config.accounts = accounts;
    d->config.account_count = config->account_count;
}

static uint32_t shard_of(const struct directory *d, const struct config_account *account, uint32_t split)
{
    return sharding_of_split(bytes_of(account->provider), bytes_of(account->id), split, d->roster.shards);
}

/* Put each account of each shard behind where the shard's begin, which moves on to their end; null: count. */
static uint32_t each(const struct directory *d, uint32_t *at, uint32_t *accounts)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < d->config.account_count; i++)
        for (uint32_t split = 0; split < d->config.accounts[i].splits; split++, all++) {
            uint32_t *of = &at[shard_of(d, &d->config.accounts[i], split)];
            if (accounts)
                accounts[*of] = i;
            ++*of;
        }
    return all;
}

void directory_open(struct directory *d, const struct config *config, uint32_t shards)
{
    *d = (struct directory){0};
    copy_accounts(d, config);
    roster_open(&d->roster, &d->config, shards, 1, false);
    uint32_t *counts = mem_zalloc(shards * sizeof *counts);
    uint32_t all = each(d, counts, NULL);
    d->first = mem_zalloc((shards + (size_t)1) * sizeof *d->first);
    for (uint32_t i = 0; i < shards; i++) {
        d->first[i + 1] = d->first[i] + counts[i];
        counts[i] = d->first[i];
    }
    d->accounts = mem_alloc((all + (size_t)1) * sizeof *d->accounts);
    each(d, counts, d->accounts);
    free(counts);
}

void directory_close(struct directory *d)
{
    roster_close(&d->roster);
    free(d->first);
    free(d->accounts);
    arena_close(&d->arena);
    *d = (struct directory){0};
}

uint32_t directory_count(const struct directory *d, uint32_t shard)
{
    return d->first[shard + 1] - d->first[shard];
}

const struct config_account *directory_get(const struct directory *d, uint32_t shard, uint32_t index)
{
    return &d->config.accounts[d->accounts[d->first[shard] + index]];
}
