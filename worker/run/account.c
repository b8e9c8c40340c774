/* An account: its resolved credentials, its regions, and which of its collections comes next: children of
 * what was listed first (they hold memory), then roots by priority. */
#include "worker/run/internal.h"

#include <stdlib.h>

#include "common/check.h"
#include "worker/provider/check.h"

static const struct provider *provider_of(const struct run *run, const char *name)
{
    for (uint32_t i = 0; i < run->set->provider_count; i++)
        if (bytes_is(bytes_of(name), run->set->providers[i]->name))
            return run->set->providers[i];
    return NULL;
}

static bool is_own(const struct account *a, struct bytes region)
{
    const struct run *run = a->run;
    return roster_thread(&run->crew->roster, a->config, region) == run->thread;
}

static bool is_home(const struct account *a)
{
    return is_own(a, (struct bytes){0});
}

void account_open(struct account *a, struct run *run, const struct config_account *config)
{
    *a = (struct account){.run = run, .config = config, .provider = provider_of(run, config->provider)};
    CHECK(a->provider); /* the configuration was checked */
    a->vars = provider_vars(&a->arena, a->provider, config);
    a->values = (struct placeholders){
        .account_id = bytes_of(config->id),
        .account_keys = &config->keys,
        .credentials = &a->credentials,
        .vars = &a->vars,
    };
    a->sessions = mem_zalloc((a->provider->auth_count + 1) * sizeof *a->sessions);
    for (uint32_t i = 0; i < a->provider->auth_count; i++)
        a->sessions[i].account = a;
    if (is_home(a))
        run->crew->homes[config - run->set->config->accounts] = a;
    credentials_resolve(a);
}

void account_resolved(struct account *a)
{
    if (a->config->regions)
        account_set_regions(a, a->config->regions, true);
    else if (a->provider->regions.names)
        account_set_regions(a, a->provider->regions.names, true);
    else if (a->error.code)
        account_set_regions(a, watch_regions(a), false);
    if (a->error.code && crew_tell_first(a, TOLD_FAILED)) {
        report_account(a, &a->error, NULL, "nothing of this account was harvested");
        a->run->totals.accounts_failed++;
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
    credentials_wipe(a); /* no secret outlives its use */
    arena_close(&a->arena);
}

static struct place *own_places(struct account *a, const char *const *names)
{
    uint32_t count = 0;
    while (names[count])
        count++;
    struct place *own = arena_zalloc(&a->arena, (count + 1) * sizeof *own);
    for (count = 0; *names; names++)
        if (is_own(a, bytes_of(*names)))
            own[count++].region = *names;
    a->own_count = count;
    return own;
}

void account_set_regions(struct account *a, const char *const *names, bool certain)
{
    a->regions = names;
    a->own = own_places(a, names);
    a->regions_asked = true;
    a->regions_certain = certain;
    run_queue(a);
}

/* The next root collection and its place; null at the end, or (`*wait`) until the regions are known. */
static const struct collection_def *next_root(struct account *a, struct place **place, bool *wait)
{
    const struct provider *p = a->provider;
    *wait = false;
    *place = &a->whole;
    for (; a->priority <= PRIORITY_LOW; a->priority++, a->def_index = 0)
        for (; a->def_index < p->collection_count; a->def_index++, a->region_index = 0) {
            const struct collection_def *def = &p->collections[a->def_index];
            if ((int)def->priority != a->priority || def->scope == SCOPE_PARENT)
                continue;
            if (def->scope == SCOPE_ACCOUNT) {
                if (!is_home(a))
                    continue;
                a->def_index++;
                return def;
            }
            if (!a->own) {
                *wait = true;
                return NULL;
            }
            *place = &a->own[a->region_index];
            if ((*place)->region) {
                a->region_index++;
                return def;
            }
        }
    return NULL;
}

bool account_start_next(struct account *a)
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
    task_start_collection(a, def, place, NULL, NULL);
    return true;
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
    breaker_ended(&a->breaker, &end, a->run->now_ms, &a->run->retry.random);
}
