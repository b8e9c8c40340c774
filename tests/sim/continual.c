#include "tests/sim/continual.h"

#include <inttypes.h>

#include "common/limits.h"
#include "tests/sim/check.h"
#include "tests/sim/lie.h"
#include "tests/sim/visit.h"
#include "tests/sim/worker.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, PERIODS = 120, LEAST = 10, MORE = 40, OUTAGE_HOURS = 6 };

struct retry *continual_retry(const struct place *place)
{
    struct world *w = place->world;
    return w->is_continual ? &w->regimes[place_account(place)].retry : &w->retry;
}

static struct regime *regime_of(const struct place *place)
{
    return &place->world->regimes[place_account(place)];
}

/* --- all places --- */

/* The `i`-th place that may be watched: a root, or a part that was ever asked for. Null beyond the last. */
static struct place *place_at(struct world *w, unsigned i)
{
    if (i < w->plan.accounts)
        return w->roots[i];
    for (unsigned k = 0, left = i - w->plan.accounts; w->plan.has_children && k < w->plan.most; k++)
        if (w->roots[0]->parts[k] && !left--)
            return w->roots[0]->parts[k];
    return NULL;
}

/* By the feed: a part goes with what it is a part of. */
static bool is_watched(const struct place *place)
{
    return !place->above || bits_have(&place->above->there, place->number);
}

/* --- regimes --- */

/* When it was harvested last, by the store, as a run finds it at its start. */
static bool read_last(struct place *place, int64_t *began_ms, uint16_t *failures)
{
    struct world *w = place->world;
    struct arena arena = {0};
    struct collection_record record;
    struct error e;
    char parent[32];
    struct collection_key key = place_key(place, parent);
    *began_ms = INT64_MIN;
    *failures = 0;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    int code = store_collection_find(w->store, &key, &arena, &record, &e);
    store_done(w->store);
    if (!code && record.harvested_ms) {
        *began_ms = w->now_ms - (world_wall(w) - record.harvested_ms);
        *failures = (uint16_t)record.failures;
    }
    arena_close(&arena);
    return !code || code == ERR_NOT_FOUND || world_fault(w, "%s", e.text);
}

static bool watch(struct place *place)
{
    struct world *w = place->world;
    int64_t period_ms = MINUTE_MS * (1 + (int64_t)chance(&w->random, PERIODS)), began_ms;
    uint16_t failures;
    if (!read_last(place, &began_ms, &failures))
        return false;
    schedule_add(&regime_of(place)->schedule, &place->entry, period_ms,
                 (int)chance(&w->random, SCHEDULE_PRIORITIES), began_ms, failures, w->now_ms);
    return true;
}

/* Parts that were found are watched from now on; those that are gone, or went under way, aren't. */
static bool watch_parts(struct world *w)
{
    struct place *place;
    for (unsigned k = 0; w->plan.has_children && k < w->plan.most; k++)
        if (bits_have(&w->roots[0]->there, k))
            world_part(w->roots[0], k);
    for (unsigned i = w->plan.accounts; (place = place_at(w, i)); i++) {
        if (!is_watched(place) && place->entry.state == SCHEDULE_WAITING)
            schedule_remove(&regime_of(place)->schedule, &place->entry);
        else if (is_watched(place) && place->entry.state == SCHEDULE_OUT && !watch(place))
            return false;
    }
    return true;
}

static bool open_regimes(struct world *w)
{
    w->restarted = false;
    for (unsigned i = 0; i < w->plan.accounts; i++) {
        struct regime *r = &w->regimes[i];
        *r = (struct regime){.retry.budget = &r->budget};
        if (one_in(&w->random, 2)) /* there was much to try again already */
            r->budget = (struct budget){.spent = LIMIT_BUDGET_MAX, .filled_ms = w->now_ms, .begun = true};
        schedule_open(&r->schedule, random_u64(&w->random));
        random_seed(&r->retry.random, random_u64(&w->random));
        if (!watch(w->roots[i]))
            return false;
    }
    return watch_parts(w);
}

static void close_regimes(struct world *w)
{
    struct place *place;
    for (unsigned i = 0; (place = place_at(w, i)); i++)
        schedule_remove(&regime_of(place)->schedule, &place->entry);
    for (unsigned i = 0; i < w->plan.accounts; i++) {
        schedule_close(&w->regimes[i].schedule);
        breaker_close(&w->regimes[i].breaker);
    }
}

/* --- harvests begin --- */

static void lose_probe(struct regime *r, int64_t now_ms)
{
    const struct error lost = {.code = ERR_STOPPED};
    const struct breaker_end end = {.error = &lost, .is_probe = true, .collections = 1};
    breaker_ended(&r->breaker, &end, now_ms, &r->retry.random);
}

static bool begin(struct place *place, enum breaker_answer answer)
{
    struct world *w = place->world;
    struct regime *r = regime_of(place);
    struct error why;
    w->tally->scheduled++;
    w->tally->refused += answer == BREAKER_NO;
    w->tally->probes += answer == BREAKER_PROBE;
    if (answer == BREAKER_NO)
        breaker_error(&r->breaker, w->now_ms, &why);
    if (!visit_open(w, place, answer == BREAKER_NO ? &why : NULL, answer == BREAKER_PROBE))
        return false;
    if (!place->visit) { /* what it is a part of is gone */
        schedule_remove(&r->schedule, &place->entry);
        if (answer == BREAKER_PROBE)
            lose_probe(r, w->now_ms);
    }
    return true;
}

/* The account's next harvest that is due. False: there is none, or something is wrong; `*wake_ms` becomes no
 * later than when one will be. */
static bool begin_next(struct world *w, unsigned account, int64_t *wake_ms)
{
    struct regime *r = &w->regimes[account];
    int64_t at_ms;
    struct schedule_entry *entry = schedule_next(&r->schedule, w->now_ms, &at_ms);
    if (!entry) {
        *wake_ms = at_ms < *wake_ms ? at_ms : *wake_ms;
        return false;
    }
    struct place *place = HEAP_OWNER(entry, struct place, entry);
    if (place->visit)
        return world_fault(w, "%s: it is to be harvested twice at once", place_text(place));
    enum breaker_answer answer = breaker_may(&r->breaker, w->now_ms, &at_ms);
    if (answer != BREAKER_NO || !place->unreachable)
        return begin(place, answer);
    schedule_put_back(&r->schedule, entry, at_ms);
    return true;
}

static bool has_room(const struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (!w->visits[i].open)
            return true;
    return false;
}

/* All that is due and has room. Returns when something will be due. */
static int64_t begin_all(struct world *w)
{
    int64_t wake_ms = INT64_MAX;
    for (unsigned i = 0; i < w->plan.accounts; i++)
        while (has_room(w) && !w->failed && begin_next(w, i, &wake_ms))
            ;
    return wake_ms;
}

/* --- and end --- */

/* Whoever can't be reached is asked at once, when its account can. */
static void retry_all(struct world *w, unsigned account)
{
    struct place *place;
    for (unsigned i = 0; (place = place_at(w, i)); i++)
        if (place_account(place) == account && place->unreachable && place->entry.state == SCHEDULE_WAITING)
            schedule_now(&w->regimes[account].schedule, &place->entry, w->now_ms);
}

void continual_heard(struct visit *v)
{
    struct world *w = v->place->world;
    const struct job_outcome *o = &v->job.outcome;
    enum answer_kind kind = v->job.harvest.exchange.kind;
    v->place->went_well = o->complete;
    if (!w->is_continual || v->is_refused)
        return;
    struct regime *r = regime_of(v->place);
    const struct breaker_end end = {
        .error = o->complete ? NULL : &o->error,
        .rejected = kind == ANSWER_REJECTED || kind == ANSWER_SKEWED || kind == ANSWER_STALE,
        .is_probe = v->is_probe,
        .collections = w->provider->collection_count,
    };
    w->tally->exhausted += r->budget.spent + 1 > LIMIT_BUDGET_MAX;
    if (!breaker_ended(&r->breaker, &end, w->now_ms, &r->retry.random))
        return;
    bool is_open = breaker_open_since(&r->breaker) != INT64_MIN;
    world_note(w, "%s: its account's breaker %s", place_text(v->place), is_open ? "opens" : "closes");
    w->tally->opened += is_open;
    if (!is_open)
        retry_all(w, place_account(v->place));
}

void continual_closed(struct visit *v)
{
    struct world *w = v->place->world;
    if (w->is_continual && v->is_probe && !v->ended)
        lose_probe(regime_of(v->place), w->now_ms);
}

/* What was under way and isn't any more waits for its next time. */
static bool settle(struct world *w)
{
    struct place *place;
    for (unsigned i = 0; (place = place_at(w, i)); i++)
        if (place->entry.state == SCHEDULE_UNDER_WAY && !place->visit && !lie_forgets(place))
            schedule_ended(&regime_of(place)->schedule, &place->entry, place->went_well, 0, w->now_ms);
    return watch_parts(w);
}

/* --- nobody is forgotten --- */

static bool check_waits(struct world *w)
{
    struct place *place;
    for (unsigned i = 0; (place = place_at(w, i)); i++) {
        const struct schedule_entry *entry = &place->entry;
        if (is_watched(place) && entry->state != SCHEDULE_WAITING)
            return world_fault(w, "%s: it will never be harvested again", place_text(place));
        if (!is_watched(place) && entry->state != SCHEDULE_OUT)
            return world_fault(w, "%s: it is to be harvested, and is no more", place_text(place));
        int64_t most = entry->period_ms > HOUR_MS ? entry->period_ms : HOUR_MS;
        if (entry->state == SCHEDULE_WAITING && schedule_due_ms(entry) - w->now_ms > most)
            return world_fault(w, "%s: it is due in %" PRId64 " s, and its period is %" PRIu32 " s",
                               place_text(place), (schedule_due_ms(entry) - w->now_ms) / 1000,
                               entry->period_ms / 1000);
    }
    return true;
}

/* --- the stretch --- */

static void be_out(struct world *w)
{
    static const enum fault faults[] = {FAULT_REFUSED, FAULT_RESET,    FAULT_NAMELESS,
                                        FAULT_TLS,     FAULT_INTERNAL, FAULT_GATEWAY};
    w->outage = faults[chance(&w->random, sizeof faults / sizeof *faults)];
    w->outage_until_ms = w->now_ms + (int64_t)chance(&w->random, OUTAGE_HOURS * HOUR_MS);
    world_note(w, "the provider is out: %s", fault_name(w->outage));
}

/* As an operator does who can't wait. */
static void order(struct world *w)
{
    struct place *root = w->roots[chance(&w->random, w->plan.accounts)];
    struct regime *r = regime_of(root);
    if (root->entry.state == SCHEDULE_OUT)
        return;
    breaker_now(&r->breaker, w->now_ms);
    schedule_now(&r->schedule, &root->entry, w->now_ms);
    world_note(w, "%s: is asked for now", place_text(root));
}

static bool wait_until(struct world *w, int64_t wake_ms)
{
    if (!worker_commit(w))
        return false;
    if (!settle(w) || !check_waits(w))
        return false;
    if (wake_ms != INT64_MAX && wake_ms > w->now_ms)
        w->now_ms = wake_ms;
    for (unsigned i = chance(&w->random, 3); i; i--)
        world_change(w);
    if (one_in(&w->random, 20))
        order(w);
    if (w->plan.faults && one_in(&w->random, 30))
        be_out(w);
    return true;
}

static bool go_on(struct world *w)
{
    int64_t wake_ms = begin_all(w);
    if (w->failed || !(worker_is_busy(w) ? worker_step(w) : wait_until(w, wake_ms)))
        return false;
    if (!w->restarted)
        return settle(w);
    close_regimes(w);
    return open_regimes(w);
}

bool continual_run(struct world *w)
{
    uint64_t until = w->harvests + LEAST + chance(&w->random, MORE);
    world_note(w, "harvests begin by the schedules from here on");
    w->is_continual = true;
    bool fine = open_regimes(w);
    while (fine && w->harvests < until)
        fine = go_on(w);
    w->outage_until_ms = 0;
    while (fine && worker_is_busy(w))
        fine = worker_step(w);
    fine = fine && worker_commit(w);
    close_regimes(w);
    w->is_continual = false;
    return fine;
}
