/* What this process has harvested itself it remembers; what was harvested before is in the stores, which are
 * looked at only if there are accounts that it doesn't know. One that is found wrong is taken away, and then
 * all are looked at again: that is rare. */
#include "worker/run/splits.h"

#include <string.h>

#include "common/log.h"
#include "worker/run/internal.h"
#include "worker/run/watch.h"

struct check {
    const struct roster *wanted;         /* null: there is nothing to look for */
    const struct config_account **wrong; /* the first one */
};

/* Of accounts that were open in this run. `*has_new`: there are others. */
static int check_known(struct crew *crew, const struct config *config, bool *has_new,
                       const struct config_account **wrong, struct error *e)
{
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        uint32_t splits = crew_splits(crew, bytes_of(account->provider), bytes_of(account->id));
        *has_new = *has_new || !splits;
        if (!splits || splits == account->splits)
            continue;
        *wrong = account;
        return error_set(e, ERR_CONFIG,
                         "account %s/%s: its `splits` is %u and was %u when it was first harvested, and is "
                         "fixed since: set it back",
                         account->provider, account->id, account->splits, splits);
    }
    return 0;
}

/* Of accounts that may have been harvested by an earlier run; on a thread, of its shards. */
static int check_stored(struct run *run, void *context, struct error *e)
{
    const struct check *check = context;
    int code = 0;
    for (uint32_t i = 0; check->wanted && !code && i < run->set->folder->shards; i++)
        if (own_has(run, i))
            code = watch_check_shard(run->set->folder, check->wanted, i, check->wrong, e);
    return code;
}

/* All threads are asked, also when there is nothing to check: once they answer, each has opened the shards
 * that are its own, and the others can be dealt out. */
static int check_all(struct crew *crew, const struct config *config, const struct config_account **wrong,
                     struct error *e)
{
    struct roster wanted;
    bool has_new = false;
    int code = check_known(crew, config, &has_new, wrong, e);
    if (code)
        return code;
    roster_open(&wanted, config, crew->roster.shards, 1, false);
    struct check check = {has_new ? &wanted : NULL, wrong};
    code = control_each(crew, check_stored, &check, e);
    roster_close(&wanted);
    return code;
}

void splits_leave_out(struct arena *arena, struct config *config, const struct config_account *wrong,
                      const struct error *why)
{
    struct config_account *left = arena_alloc(arena, config->account_count * sizeof *left);
    size_t before = (size_t)(wrong - config->accounts), behind = config->account_count - before - 1;
    log_line(LOG_ERROR, "an account is left out here: it isn't harvested", "account", wrong->id, "provider",
             wrong->provider, "why", why->text, NULL);
    if (before)
        memcpy(left, config->accounts, before * sizeof *left);
    if (behind)
        memcpy(left + before, wrong + 1, behind * sizeof *left);
    config->accounts = left;
    config->account_count--;
}

int splits_keep(struct crew *crew, struct arena *arena, struct config *config, struct error *e)
{
    const bool leaves_out = crew->set->is_worker && !crew->set->is_sole;
    for (;;) {
        const struct config_account *wrong = NULL;
        int code = check_all(crew, config, &wrong, e);
        if (!code || !wrong || !leaves_out)
            return code;
        splits_leave_out(arena, config, wrong, e);
    }
}
