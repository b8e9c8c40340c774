/* An account: its resolved credentials, its regions, and which of its collections comes next. Once: children
 * of what was listed first (they hold memory), then roots by priority. Again and again: what is due. */
#include "worker/run/internal.h"

#include <stdlib.h>

#include "common/check.h"
#include "worker/provider/check.h"

bool account_is_home(const struct account *a)
{
    return own_has_region(a->run, a->config, (struct bytes){0});
}

/* --- by name --- */

static struct account **slot_of(const struct run *run, struct bytes provider, struct bytes id)
{
    return (struct account **)&run->slots[(hash64(provider) ^ hash64(id)) % RUN_ACCOUNT_SLOTS];
}

struct account *account_find(const struct run *run, struct bytes provider, struct bytes id)
{
    struct account *a = *slot_of(run, provider, id);
    while (a && !(bytes_is(id, a->config->id) && bytes_is(provider, a->config->provider)))
        a = a->same_slot;
    return a;
}

static void add_to_run(struct account *a)
{
    struct run *run = a->run;
    struct account **slot = slot_of(run, bytes_of(a->config->provider), bytes_of(a->config->id));
    a->same_slot = *slot;
    *slot = a;
    a->previous = run->accounts_last;
    *(a->previous ? &a->previous->next : &run->accounts) = a;
    run->accounts_last = a;
}

void account_take_out(struct account *a)
{
    struct run *run = a->run;
    struct account **at = slot_of(run, bytes_of(a->config->provider), bytes_of(a->config->id));
    while (*at != a)
        at = &(*at)->same_slot;
    *at = a->same_slot;
    *(a->previous ? &a->previous->next : &run->accounts) = a->next;
    *(a->next ? &a->next->previous : &run->accounts_last) = a->previous;
    a->next = a->previous = NULL;
}

/* --- from its opening to its end --- */

struct account *account_open(struct run *run, const struct config_account *config)
{
    struct account *a = mem_zalloc(sizeof *a);
    a->run = run;
    a->config = config = config_account_copy(&a->arena, config);
    a->provider = adopt_provider(run->crew, config->provider);
    a->whole.is_listed = true;
    a->whole.number = place_number(a, (struct bytes){0});
    a->vars = provider_vars(&a->arena, a->provider, config);
    a->values = (struct placeholders){
        .account_id = bytes_of(config->id),
        .account_keys = &config->keys,
        .credentials = &a->credentials,
        .vars = &a->vars,
    };
    a->sessions = mem_zalloc(a->provider->auth_count * sizeof *a->sessions);
    for (uint32_t i = 0; i < a->provider->auth_count; i++)
        a->sessions[i].account = a;
    a->notes = crew_notes(run->crew, bytes_of(config->provider), bytes_of(config->id));
    crew_keep_splits(a);
    crew_keep_home(a);
    schedule_open(&a->schedule, random_u64(&run->retry.random));
    a->patience = (struct retry){.first_ms = run->retry.first_ms,
                                 .budget = run_is_once(run) ? NULL : &a->budget};
    random_seed(&a->patience.random, random_u64(&run->retry.random));
    add_to_run(a);
    return a;
}

void account_begin(struct account *a)
{
    a->has_begun = true;
    credentials_resolve(a);
}

static void on_retry(void *context)
{
    struct account *a = context;
    a->retry = NULL;
    run_tick(a->run);
    error_none(&a->error);
    credentials_wipe(a);
    credentials_resolve(a);
}

/* Its credentials may be there later: a command that failed, a file that is mounted late. */
static void retry_later(struct account *a)
{
    int64_t wait_ms = RUN_CREDENTIALS_FIRST_MS << (a->retries < 5 ? a->retries : 5);
    a->retries++;
    a->retry = fetch_timer_start(a->run->fetch, a->run->now_ms + wait_ms, a, on_retry);
}

/* What failed for want of them is due now. */
static void resolved_at_last(struct account *a)
{
    struct error well;
    a->retries = 0;
    crew_tell_again(a, TOLD_FAILED);
    breaker_close(&a->breaker);
    a->breaker = (struct breaker){0};
    error_set(&well, ERR_OK, "its credentials are there now");
    report_account(a, &well, NULL, "its collections are harvested");
    watched_now(a);
}

void account_resolved(struct account *a)
{
    if (a->is_leaving) /* nothing of it goes on */
        return;
    if (a->regions_asked) {
    } else if (a->config->regions) {
        account_set_regions(a, a->config->regions, true);
    } else if (a->provider->regions.names) {
        account_set_regions(a, a->provider->regions.names, true);
    } else if (a->error.code) {
        account_set_last_regions(a);
    }
    if (a->error.code && crew_tell_first(a, TOLD_FAILED)) {
        report_account(a, &a->error, NULL, "nothing of this account was harvested");
        a->run->totals.accounts_failed++;
    }
    if (!run_is_once(a->run)) {
        if (a->error.code)
            retry_later(a);
        else if (a->retries)
            resolved_at_last(a);
        watched_resolved(a);
    }
    run_queue(a);
}

void account_close(struct account *a)
{
    for (uint32_t i = 0; a->sessions && i < a->provider->auth_count; i++)
        session_close(&a->sessions[i]);
    free(a->sessions);
    brood_close_all(a);
    breaker_close(&a->breaker);
    watched_remove_all(a);
    schedule_close(&a->schedule);
    crew_leave_home(a);
    credentials_wipe(a); /* no secret outlives its use */
    adopt_provider_done(a->run->crew, a->provider);
    free(a->own);
    arena_close(&a->names);
    arena_close(&a->arena);
    free(a);
}

/* --- regions --- */

static void list_own(struct account *a, const char *const *names)
{
    uint32_t count = 0;
    while (names[count])
        count++;
    a->own = mem_resize(a->own, (count + 1) * sizeof(struct place *));
    for (struct place *place = a->places; place; place = place->next)
        place->is_listed = false;
    for (count = 0; *names; names++)
        if (own_has_region(a->run, a->config, bytes_of(*names))) {
            a->own[count] = account_place(a, bytes_of(*names));
            a->own[count++]->is_listed = true;
        }
    a->own[count] = NULL;
    a->own_count = count;
}

void account_set_regions(struct account *a, const char *const *names, bool certain)
{
    a->regions = names;
    list_own(a, names);
    a->regions_asked = true;
    a->regions_certain = certain;
    if (!run_is_once(a->run))
        watched_regions(a);
    run_queue(a);
}

void account_take_regions(struct account *a, struct arena *arena, const char *const *names, bool certain)
{
    struct arena before = a->names;
    a->names = *arena;
    *arena = (struct arena){0};
    account_set_regions(a, names, certain);
    arena_close(&before);
}

void account_set_last_regions(struct account *a)
{
    struct arena arena = {0};
    account_take_regions(a, &arena, watch_regions(a, &arena), false);
}

/* --- shards that come and go --- */

void account_gained(struct account *a)
{
    crew_keep_home(a);
    if (a->regions && !a->regions_certain)
        account_set_last_regions(a);
    else if (a->regions)
        account_set_regions(a, a->regions, true);
    if (a->is_resolved)
        watched_resolved(a);
    run_queue(a);
}

void account_lost(struct account *a)
{
    if (!account_is_home(a))
        crew_leave_home(a);
    if (a->regions)
        list_own(a, a->regions);
}

/* --- what is next, once --- */

/* The next root collection and its place; null at the end, or (`*wait`) until the regions are known. */
static const struct collection_def *next_root(struct account *a, struct place **place, bool *wait)
{
    const struct provider *p = a->provider;
    *wait = false;
    for (; a->priority <= PRIORITY_LOW; a->priority++, a->def_index = 0)
        for (; a->def_index < p->collection_count; a->def_index++, a->region_index = 0) {
            const struct collection_def *def = &p->collections[a->def_index];
            if ((int)def->priority != a->priority || def->scope == SCOPE_PARENT)
                continue;
            if (def->scope == SCOPE_ACCOUNT) {
                if (!account_is_home(a))
                    continue;
                a->def_index++;
                *place = &a->whole;
                return def;
            }
            if (!a->own) {
                *wait = true;
                return NULL;
            }
            *place = a->own[a->region_index];
            if (*place) {
                a->region_index++;
                return def;
            }
        }
    return NULL;
}

static bool start_once(struct account *a)
{
    struct place *place;
    bool wait;
    if (brood_start_next(a))
        return true;
    const struct collection_def *def = next_root(a, &place, &wait);
    if (wait && !a->regions_asked) {
        discovery_begin(a);
        return true;
    }
    if (!def)
        return false;
    task_start(a, &(struct start){.def = def, .place = place});
    return true;
}

/* It opened or closed. */
static void tell_breaker(struct account *a)
{
    struct error e;
    if (a->breaker.state == BREAKER_CLOSED) {
        error_set(&e, ERR_OK, "it answers again");
        report_account(a, &e, NULL, "what could not be read is harvested now");
        watched_now(a);
        return;
    }
    if (a->breaker.opened > 1 ||
        a->error.code) /* a probe failed: that was said; or all was said of the account */
        return;
    breaker_error(&a->breaker, a->run->now_ms, &e);
    report_account(a, &e, NULL, "one harvest now and then finds out when it is well again");
}

void account_heard(struct task *task, const struct error *failed, bool rejected)
{
    struct account *a = task->account;
    const struct breaker_end end = {
        .error = failed,
        .rejected = rejected,
        .is_probe = task->is_probe,
        .collections = a->provider->collection_count * (a->own_count + 1),
    };
    task->is_probe = false;
    if (breaker_ended(&a->breaker, &end, a->run->now_ms, &a->run->retry.random) && !run_is_once(a->run))
        tell_breaker(a);
}

bool account_start_next(struct account *a)
{
    return run_is_once(a->run) ? start_once(a) : watched_start_next(a);
}

void account_lost_probe(struct account *a)
{
    const struct error lost = {.code = ERR_STOPPED};
    const struct breaker_end end = {.error = &lost, .is_probe = true, .collections = 1};
    breaker_ended(&a->breaker, &end, a->run->now_ms, &a->run->retry.random);
}
