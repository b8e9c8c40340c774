/* Another configuration, while the run goes on. An account about which the files say the same as before goes
 * on as if nothing had happened. One that is new, or not as it was, is opened; one that isn't there any more,
 * or not as it was, leaves: what it has under way is stopped in good order, which keeps checkpoints, and it
 * is closed once nothing refers to it. What is gone from the configuration is unwatched, never deleted.
 *
 * Provider files stay as long as an account uses them. One whose text is the same as before is the one
 * before. */
#include "worker/run/adopt.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/run/internal.h"
#include "worker/run/splits.h"

/* --- provider files --- */

struct known_provider {
    struct known_provider *next;
    struct provider *provider;
    uint32_t users;  /* accounts, of all threads */
    bool is_current; /* the configuration names it */
    bool is_owned;   /* it is closed here */
};

static void know_provider(struct crew *crew, struct provider *provider, bool is_owned)
{
    struct known_provider *known = mem_alloc(sizeof *known);
    *known = (struct known_provider){crew->providers, provider, 0, true, is_owned};
    crew->providers = known;
}

void adopt_first(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->set->provider_count; i++)
        know_provider(crew, crew->set->providers[i], false);
}

const struct provider *adopt_provider(struct crew *crew, const char *name)
{
    pthread_mutex_lock(&crew->telling);
    struct known_provider *known = crew->providers;
    while (known && !(known->is_current && strcmp(known->provider->name, name) == 0))
        known = known->next;
    CHECK(known); /* the configuration was checked */
    known->users++;
    pthread_mutex_unlock(&crew->telling);
    return known->provider;
}

/* Under `telling`. */
static void drop_unused(struct crew *crew)
{
    for (struct known_provider **at = &crew->providers; *at;) {
        struct known_provider *known = *at;
        if (known->users || known->is_current) {
            at = &known->next;
            continue;
        }
        *at = known->next;
        if (known->is_owned)
            provider_close(known->provider);
        free(known);
    }
}

void adopt_provider_done(struct crew *crew, const struct provider *provider)
{
    pthread_mutex_lock(&crew->telling);
    struct known_provider *known = crew->providers;
    while (known->provider != provider)
        known = known->next;
    known->users--;
    drop_unused(crew);
    pthread_mutex_unlock(&crew->telling);
}

void adopt_last(struct crew *crew)
{
    for (struct known_provider *known = crew->providers; known; known = known->next)
        known->is_current = false;
    drop_unused(crew);
}

static bool is_as_before(const struct known_provider *known, const struct provider *provider)
{
    return strcmp(known->provider->name, provider->name) == 0 &&
           digest_equal(yaml_file_digest(known->provider->file), yaml_file_digest(provider->file));
}

/* Takes the provider files over. */
static void change_providers(struct crew *crew, struct provider *const *providers, uint32_t count)
{
    pthread_mutex_lock(&crew->telling);
    for (struct known_provider *known = crew->providers; known; known = known->next)
        known->is_current = false;
    for (uint32_t i = 0; i < count; i++) {
        struct known_provider *known = crew->providers;
        while (known && (known->is_current || !is_as_before(known, providers[i])))
            known = known->next;
        if (known) {
            known->is_current = true;
            provider_close(providers[i]);
        } else {
            know_provider(crew, providers[i], true);
        }
    }
    drop_unused(crew);
    pthread_mutex_unlock(&crew->telling);
}

static const struct provider *current_provider(struct crew *crew, const char *name)
{
    const struct provider *provider = adopt_provider(crew, name);
    adopt_provider_done(crew, provider);
    return provider;
}

uint32_t control_providers(struct crew *crew, struct provider **out, uint32_t max)
{
    uint32_t count = 0;
    pthread_mutex_lock(&crew->telling);
    for (struct known_provider *known = crew->providers; known; known = known->next)
        if (known->is_current && count < max)
            out[count++] = known->provider;
    pthread_mutex_unlock(&crew->telling);
    return count;
}

/* --- accounts that leave --- */

void adopt_leave(struct account *a)
{
    struct run *run = a->run;
    a->is_leaving = true;
    run_unqueue(a);
    if (a->sleeping.place)
        heap_remove(&run->sleeping, &a->sleeping);
    if (a->retry)
        fetch_timer_cancel(run->fetch, a->retry);
    a->retry = NULL;
    account_take_out(a);
    a->next = run->leaving;
    run->leaving = a;
}

static void leave(struct account *a, bool is_gone)
{
    struct error why;
    error_set(&why, ERR_STOPPED,
              is_gone ? "its account was taken out of the configuration"
                      : "its account's configuration was changed");
    a->is_gone = is_gone;
    adopt_leave(a);
    run_stop_account(a, &why);
}

/* Of all that leave, what is gathered is committed at once: it tells of them. */
static void forget_leaving(struct run *run)
{
    run_commit_all(run);
    for (struct account *a = run->leaving; a; a = a->next)
        for (struct watched *w = a->watched; a->is_gone && w; w = w->next)
            if (w->id)
                load_unwatch(w);
    run_commit_all(run);
    for (struct account *a = run->leaving; a; a = a->next)
        for (struct watched *w = a->watched, *next; w; w = next) {
            next = w->next;
            watched_remove(w);
        }
}

static bool is_at_work(const struct account *a)
{
    bool renewing = false;
    for (uint32_t i = 0; i < a->provider->auth_count; i++)
        renewing = renewing || auth_renewing(&a->sessions[i].session);
    return renewing || a->tasks || a->resolving;
}

void adopt_finish(struct run *run)
{
    for (struct account **at = &run->leaving; *at;) {
        struct account *a = *at;
        if (is_at_work(a)) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        account_close(a);
    }
}

void adopt_close(struct run *run)
{
    while (run->leaving) {
        struct account *a = run->leaving;
        run->leaving = a->next;
        account_close(a);
    }
}

/* --- a thread's part --- */

static const struct config_account *find_in(const struct config *config, const struct account *a)
{
    for (uint32_t i = 0; i < config->account_count; i++)
        if (strcmp(config->accounts[i].id, a->config->id) == 0 &&
            strcmp(config->accounts[i].provider, a->config->provider) == 0)
            return &config->accounts[i];
    return NULL;
}

/* One that fails is opened anew though nothing of it was changed: its credentials may be others now. */
static bool stays(struct account *a, const struct config_account *now)
{
    bool fails = a->error.code || breaker_open_since(&a->breaker) != INT64_MIN;
    return now && !fails && digest_equal(now->written, a->config->written) &&
           current_provider(a->run->crew, now->provider) == a->provider;
}

struct adoption {
    const struct config *config;
    struct adopt_counts *counts;
};

static void open_adopted(struct run *run, const struct config_account *config, struct adopt_counts *counts)
{
    struct account *a = account_open(run, config);
    a->is_adopted = true;
    counts->opened += account_is_home(a);
}

static int adopt(struct run *run, void *context, struct error *e)
{
    struct adoption *adoption = context;
    const struct config *config = adoption->config;
    (void)e;
    run_tick(run);
    for (struct account *a = run->accounts, *next; a; a = next) {
        const struct config_account *now = find_in(config, a);
        next = a->next;
        if (stays(a, now))
            continue;
        adoption->counts->removed += !now && account_is_home(a);
        leave(a, !now);
    }
    forget_leaving(run);
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        if (own_has_account(run, account) &&
            !account_find(run, bytes_of(account->provider), bytes_of(account->id)))
            open_adopted(run, account, adoption->counts);
    }
    run_begin_accounts(run);
    run->retention = (struct retention){config->retention_age_ms, config->retention_bytes};
    compact_soon(run);
    return 0;
}

/* --- the whole --- */

static int take(struct crew *crew, const struct config *config, struct provider *const *providers,
                uint32_t provider_count, struct adopt_counts *counts, struct error *e)
{
    struct adoption adoption = {.config = config, .counts = counts};
    control_deal(crew, config);
    if (providers)
        change_providers(crew, providers, provider_count);
    own_know(crew, config);
    limits_edited(&crew->limits);
    return control_each(crew, adopt, &adoption, e);
}

int control_reload(struct crew *crew, const struct config *config, struct provider *const *providers,
                   uint32_t provider_count, struct adopt_counts *counts, struct error *e)
{
    struct arena arena = {0};
    struct config kept = *config;
    *counts = (struct adopt_counts){0};
    pthread_mutex_lock(&crew->changing);
    int code = splits_keep(crew, &arena, &kept, e);
    if (!code)
        code = crew->set->is_worker ? own_reached(crew, &kept, e) : 0;
    if (code)
        for (uint32_t i = 0; i < provider_count; i++)
            provider_close(providers[i]);
    else
        code = take(crew, &kept, providers, provider_count, counts, e);
    pthread_mutex_unlock(&crew->changing);
    arena_close(&arena);
    return code;
}
