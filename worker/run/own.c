/* A shard is one thread's from when it is owned until it is released: what the thread knows of it (its
 * collections, their periods, their children) is read from its store when it comes, and forgotten when it
 * goes, since others may have written to it in between.
 *
 * An account is open on the threads that own some shard of it. One that has lost the last of a thread's
 * leaves as if it had been taken out of the configuration, but nothing of it is unwatched. One that has
 * others left there goes on: only what it has under way in the lost shard ends.
 *
 * What is set aside is no thread's: so whichever has the fewest then gets it, and accounts that are few are
 * dealt out evenly, whatever their shards' numbers are. */
#include "worker/run/own.h"

#include "common/check.h"
#include "common/sharding.h"
#include "worker/run/internal.h"
#include "worker/run/splits.h"

/* --- which are a thread's --- */

bool own_has(const struct run *run, uint32_t shard)
{
    const struct crew *crew = run->crew;
    if (!run->set->is_worker)
        return crew->roster.owner[shard] == run->thread;
    return atomic_load_explicit(&crew->shown[shard].thread, memory_order_relaxed) == run->thread + 1;
}

static bool is_owned(const struct crew *crew, uint32_t shard)
{
    return atomic_load_explicit(&crew->shown[shard].thread, memory_order_relaxed) != 0;
}

static void set_own(struct run *run, uint32_t shard, bool is)
{
    uint8_t thread = is ? (uint8_t)(run->thread + 1) : 0;
    atomic_store_explicit(&run->crew->shown[shard].thread, thread, memory_order_relaxed);
}

bool own_has_region(const struct run *run, const struct config_account *account, struct bytes region)
{
    if (!run->set->is_worker)
        return roster_thread(&run->crew->roster, account, region) == run->thread;
    return own_has(run, sharding_of(bytes_of(account->provider), bytes_of(account->id), region,
                                    account->splits, run->set->folder->shards));
}

static uint32_t split_shard(const struct folder *folder, const struct config_account *account, uint32_t split)
{
    return sharding_of_split(bytes_of(account->provider), bytes_of(account->id), split, folder->shards);
}

bool own_has_account(const struct run *run, const struct config_account *account)
{
    if (!run->set->is_worker)
        return roster_has(&run->crew->roster, run->thread, account);
    for (uint32_t split = 0; split < account->splits; split++)
        if (own_has(run, split_shard(run->set->folder, account, split)))
            return true;
    return false;
}

void own_know(struct crew *crew, const struct config *config)
{
    if (!crew->set->is_worker)
        return;
    struct directory before = crew->directory; /* the configuration may be its own, but for some accounts */
    directory_open(&crew->directory, config, crew->set->folder->shards);
    directory_close(&before);
}

/* --- a shard comes --- */

/* Its store, in that epoch. */
static int take_up(struct store *store, uint64_t epoch, struct error *e)
{
    if (store_epoch(store) == epoch)
        return 0;
    int code = store_begin_epoch(store, epoch, e);
    if (code)
        store_abort(store);
    return code ? code : store_commit(store, e);
}

/* One that is to be the run's; if it can't be since an account's `splits` is wrong, whose. */
struct given {
    struct owned owned;
    const struct config_account *wrong;
};

static int open_store(struct run *run, const struct owned *owned, const struct config_account **wrong,
                      struct error *e)
{
    struct folder *folder = run->set->folder;
    struct store *store;
    if (!owned->is_new && !folder_has(folder, owned->shard))
        return error_set(e, ERR_NOT_FOUND, "shard %u: there is no store of it in %s", owned->shard,
                         folder->path);
    int code = folder_store_new(folder, owned->shard, owned->epoch, &store, e);
    if (!code)
        code = watch_check_shard(folder, &run->crew->directory.roster, owned->shard, wrong, e);
    return code ? code : take_up(store, owned->epoch, e);
}

/* It is the run's already, and what it has gathered belongs to the epoch before. */
static int go_on(struct shard *shard, uint64_t epoch, struct error *e)
{
    if (store_epoch(shard->store) == epoch)
        return 0;
    if (shard_commit(shard))
        return error_set(e, ERR_STORE, "shard %u: what it had gathered couldn't be committed", shard->number);
    return take_up(shard->store, epoch, e);
}

/* Those that weren't open are, and begin; to the others it is one shard more. */
static void open_accounts(struct run *run, uint32_t number)
{
    const struct directory *d = &run->crew->directory;
    struct account *last = run->accounts_last;
    uint32_t count = directory_count(d, number);
    for (uint32_t i = 0; i < count; i++) {
        const struct config_account *config = directory_get(d, number, i);
        if (!account_find(run, bytes_of(config->provider), bytes_of(config->id)))
            account_open(run, config);
    }
    load_gained(run, number);
    for (uint32_t i = 0; i < count; i++) {
        const struct config_account *config = directory_get(d, number, i);
        struct account *a = account_find(run, bytes_of(config->provider), bytes_of(config->id));
        if (a->has_begun)
            account_gained(a);
    }
    for (struct account *a = last ? last->next : run->accounts; a; a = a->next)
        account_begin(a);
}

static int own(struct run *run, void *context, struct error *e)
{
    struct given *given = context;
    const struct owned *owned = &given->owned;
    struct shard *shard;
    given->wrong = NULL;
    run_tick(run);
    if (run->stopping)
        return error_set(e, ERR_STOPPED, "the run is ending: shard %u isn't taken", owned->shard);
    int code = lease_check(run->crew, e);
    if (code)
        return code;
    if (own_has(run, owned->shard))
        return go_on(run->crew->shards[owned->shard], owned->epoch, e);
    code = open_store(run, owned, &given->wrong, e);
    if (code)
        return code;
    set_own(run, owned->shard, true);
    CHECK(shard_open(run, owned->shard, &shard, e) == 0); /* its store is open */
    open_accounts(run, owned->shard);
    return 0;
}

static void set_aside(struct crew *crew, uint32_t shard, uint64_t epoch)
{
    atomic_store_explicit(&crew->shown[shard].aside, epoch, memory_order_relaxed);
}

uint64_t crew_set_aside(const struct crew *crew, uint32_t shard)
{
    return atomic_load_explicit(&crew->shown[shard].aside, memory_order_relaxed);
}

/* The shard comes without it. */
static void leave_out(struct crew *crew, const struct config_account *wrong, const struct error *why)
{
    struct arena arena = {0};
    struct config config = crew->directory.config;
    splits_leave_out(&arena, &config, wrong, why);
    own_know(crew, &config);
    arena_close(&arena);
}

static int give(struct crew *crew, const struct owned *owned, struct error *e)
{
    struct given given = {.owned = *owned};
    control_give(crew, owned->shard);
    int code = control_on_shard(crew, owned->shard, own, &given, e);
    while (code && given.wrong && !crew->set->is_sole) {
        leave_out(crew, given.wrong, e);
        code = control_on_shard(crew, owned->shard, own, &given, e);
    }
    if (is_owned(crew, owned->shard))
        set_aside(crew, owned->shard, 0);
    else
        control_take(crew, owned->shard);
    return code;
}

static bool is_for_later(struct crew *crew, const struct owned *owned)
{
    return crew->set->is_sole && owned->is_new && !is_owned(crew, owned->shard) &&
           !directory_count(&crew->directory, owned->shard) && !folder_has(crew->set->folder, owned->shard);
}

int own_reached(struct crew *crew, const struct config *config, struct error *e)
{
    int first = 0;
    for (uint32_t i = 0; i < config->account_count; i++)
        for (uint32_t split = 0; split < config->accounts[i].splits; split++) {
            uint32_t number = split_shard(crew->set->folder, &config->accounts[i], split);
            const struct owned owned = {number, crew_set_aside(crew, number), true};
            struct error why;
            int code = owned.epoch ? give(crew, &owned, &why) : 0;
            if (code && !first) {
                first = code;
                *e = why;
            }
        }
    return first;
}

int control_own(struct crew *crew, const struct owned *shards, uint32_t count, struct error *e)
{
    int first = 0;
    CHECK(crew->set->is_worker);
    pthread_mutex_lock(&crew->changing);
    for (uint32_t i = 0; i < count; i++) {
        struct error why;
        int code = 0;
        if (is_for_later(crew, &shards[i]))
            set_aside(crew, shards[i].shard, shards[i].epoch);
        else
            code = give(crew, &shards[i], &why);
        if (code && !first) {
            first = code;
            *e = why;
        }
    }
    pthread_mutex_unlock(&crew->changing);
    return first;
}

/* --- a shard goes --- */

static bool reaches(const struct account *a, uint32_t number)
{
    bool found = a->whole.number == number;
    for (uint32_t split = 0; !found && a->config->splits > 1 && split < a->config->splits; split++)
        found = split_shard(a->run->set->folder, a->config, split) == number;
    return found;
}

static void forget_watched(struct account *a, uint32_t number)
{
    for (struct watched *w = a->watched, *next; w; w = next) {
        next = w->next;
        if (w != a->regions_watched && w->place->number == number)
            watched_remove(w);
    }
}

/* What it watches is forgotten when it is closed, when nobody waits for that. */
static void leave(struct account *a, const struct error *why)
{
    adopt_leave(a);
    if (a->discovery)
        task_stop(a->discovery, why);
}

static void lose(struct run *run, uint32_t number, const struct error *why)
{
    for (struct account *a = run->accounts, *next; a; a = next) {
        next = a->next;
        if (!reaches(a, number))
            continue;
        if (own_has_account(run, a->config)) {
            forget_watched(a, number);
            account_lost(a);
        } else {
            leave(a, why);
        }
    }
}

/* Nothing leads to the shard any more. */
static void forget(struct run *run, struct shard *shard)
{
    for (struct account *a = run->accounts; a; a = a->next)
        if (reaches(a, shard->number))
            place_forget(a, shard->number);
    for (struct account *a = run->leaving; a; a = a->next)
        place_forget(a, shard->number);
    for (struct task *task = run->dead; task; task = task->next_waiting)
        if (task->shard == shard)
            task->shard = NULL;
}

static int release(struct run *run, void *context, struct error *e)
{
    uint32_t number = *(const uint32_t *)context;
    struct error why;
    if (!own_has(run, number))
        return 0;
    struct shard *shard = run->crew->shards[number];
    run_tick(run);
    error_set(&why, ERR_STOPPED, "its shard is another worker's now");
    shard->is_leaving = true;
    set_own(run, number, false);
    lose(run, number, &why);
    run_stop_shard(shard, &why);
    int code = store_writing(shard->store) ? shard_commit(shard) : 0;
    forget(run, shard);
    shard_close(shard);
    if (code && lease_check(run->crew, e))
        return e->code; /* it may be another worker's already, who harvests it by itself */
    return code ? error_set(e, code, "shard %u: what it had gathered last couldn't be committed", number) : 0;
}

int control_release(struct crew *crew, const uint32_t *shards, uint32_t count, struct error *e)
{
    int first = 0;
    CHECK(crew->set->is_worker);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = shards[i];
        struct error why;
        set_aside(crew, number, 0);
        int code = control_on_shard(crew, number, release, &number, &why);
        control_take(crew, number);
        if (code && !first) {
            first = code;
            *e = why;
        }
    }
    return first;
}
