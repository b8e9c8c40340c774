/* What is watched over: collections that are harvested again and again, each when its account's schedule says
 * so.
 *
 * An account has a schedule of its own, and accounts take turns, so one that has a million collections due
 * delays the next one by a single start. Roots are watched once it is known which there are: those of account
 * scope with the account's credentials, those of regions with its regions. Children follow their parents
 * (offspring.c). */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/run/internal.h"

/* --- which there are --- */

struct watched *watched_add(struct account *a, const struct collection_def *def, struct place *place,
                            uint32_t parent, uint32_t row)
{
    struct watched *w = mem_alloc(sizeof *w);
    *w = (struct watched){.account = a,
                          .place = place,
                          .def = def,
                          .parent = parent,
                          .row = row,
                          .entry.began_ms = INT64_MIN,
                          .good_ms = INT64_MIN,
                          .previous = a->watched_last};
    *(a->watched_last ? &a->watched_last->next : &a->watched) = w;
    a->watched_last = w;
    a->watched_count++;
    return w;
}

static void forget(struct watched *w)
{
    struct account *a = w->account;
    *(w->previous ? &w->previous->next : &a->watched) = w->next;
    *(w->next ? &w->next->previous : &a->watched_last) = w->previous;
    a->watched_count--;
    if (a->regions_watched == w)
        a->regions_watched = NULL;
    offspring_forget(w);
    free(w);
}

void watched_remove(struct watched *w)
{
    w->is_gone = true;
    if (w->entry.state == SCHEDULE_UNDER_WAY)
        return;
    schedule_remove(&w->account->schedule, &w->entry);
    forget(w);
}

void watched_remove_all(struct account *a)
{
    while (a->watched) {
        schedule_remove(&a->schedule, &a->watched->entry);
        forget(a->watched);
    }
}

void watched_remember(struct watched *w, const struct collection_record *record)
{
    w->id = record->id;
    w->rows = (uint32_t)record->rows;
    w->is_unreachable = record->unreachable_since_ms != 0;
    w->is_held = record->held_since_ms != 0;
    w->is_quarantined = record->quarantined != 0;
}

/* --- when they are due --- */

void watched_schedule(struct watched *w, int64_t period_ms)
{
    struct account *a = w->account;
    schedule_add(&a->schedule, &w->entry, period_ms, w->def->priority, w->entry.began_ms, w->entry.failures,
                 a->run->now_ms);
    run_queue(a);
}

void watched_begin(struct watched *w)
{
    if (w->entry.state == SCHEDULE_OUT && !w->is_gone && w->place->is_listed && w->account->is_resolved)
        watched_schedule(w, w->def->every_ms);
}

/* Roots of an account, to be found by what they are. */
struct roots {
    struct watched **items;
    size_t count;
};

static int compare_roots(const void *a, const void *b)
{
    const struct watched *x = *(struct watched *const *)a, *y = *(struct watched *const *)b;
    int order = (x->def > y->def) - (x->def < y->def);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static struct roots roots_of(const struct account *a)
{
    struct roots roots = {mem_alloc((a->watched_count + 1) * sizeof(struct watched *)), 0};
    for (struct watched *w = a->watched; w; w = w->next)
        if (!w->parent && !w->is_gone)
            roots.items[roots.count++] = w;
    qsort(roots.items, roots.count, sizeof *roots.items, compare_roots);
    return roots;
}

static void watch_over(const struct roots *roots, struct account *a, const struct collection_def *def,
                       struct place *place)
{
    struct watched wanted = {.def = def, .place = place}, *key = &wanted;
    if (!bsearch(&key, roots->items, roots->count, sizeof *roots->items, compare_roots))
        watched_add(a, def, place, 0, 0);
}

/* Those of a place or of all regions that have none yet; then all that wait for it begin. */
static void watch_scope(struct account *a, enum scope_kind scope)
{
    const struct provider *p = a->provider;
    struct roots roots = roots_of(a);
    for (uint32_t i = 0; i < p->collection_count; i++) {
        if (p->collections[i].scope != scope)
            continue;
        if (scope == SCOPE_ACCOUNT)
            watch_over(&roots, a, &p->collections[i], &a->whole);
        for (struct place **own = a->own; scope == SCOPE_REGION && *own; own++)
            watch_over(&roots, a, &p->collections[i], *own);
    }
    free(roots.items);
}

static bool asks_for_regions(const struct account *a)
{
    bool has = false;
    for (uint32_t i = 0; i < a->provider->collection_count; i++)
        has = has || a->provider->collections[i].scope == SCOPE_REGION;
    return has && a->provider->regions.discovered && !a->config->regions;
}

void watched_resolved(struct account *a)
{
    a->is_resolved = true;
    if (account_is_home(a))
        watch_scope(a, SCOPE_ACCOUNT);
    for (struct watched *w = a->watched; w; w = w->next)
        watched_begin(w);
    if (asks_for_regions(a) && !a->regions_watched) {
        a->regions_watched = watched_add(a, &a->provider->regions.discovery, &a->whole, 0, 0);
        watched_schedule(a->regions_watched, RUN_REGIONS_MS);
    }
}

/* Regions that aren't the account's any more: nothing of them is deleted, and nothing asked for. */
static void leave_regions(struct account *a)
{
    for (struct watched *w = a->watched, *next; w; w = next) {
        next = w->next;
        if (w->place->is_listed || w->is_gone)
            continue;
        if (w->id)
            load_unwatch(w);
        watched_remove(w);
    }
}

void watched_regions(struct account *a)
{
    if (a->regions_certain)
        leave_regions(a);
    watch_scope(a, SCOPE_REGION);
    for (struct watched *w = a->watched; w; w = w->next)
        watched_begin(w);
}

void watched_now(struct account *a)
{
    for (struct watched *w = a->watched; w; w = w->next)
        if (w->is_unreachable && w->entry.state == SCHEDULE_WAITING)
            schedule_now(&a->schedule, &w->entry, a->run->now_ms);
    run_queue(a);
}

/* --- harvests --- */

/* Its parent, as it stands now. ERR_NOT_FOUND: it isn't there any more. */
static int find_parent(struct watched *w, struct store *store, struct lineage **lineage,
                       struct listing_parent *parent, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    int code = store_read(store, e);
    if (code)
        return code;
    code = lineage_read(store, w->parent, w->row, lineage, e);
    if (!code)
        code = store_collection_by_id(store, w->parent, &arena, &record, e);
    store_done(store);
    if (!code) {
        *parent = (struct listing_parent){.collection = w->parent, .row = w->row};
        if (record.sound_harvest && record.sound_harvest == record.ended_harvest)
            parent->receipt = (struct receipt_id){store_shard(store), w->parent, record.sound_harvest};
    }
    arena_close(&arena);
    return code;
}

static void failed_to_start(struct watched *w, const struct error *e)
{
    struct account *a = w->account;
    report_account(a, e, w->def->type, "it is tried again later");
    schedule_ended(&a->schedule, &w->entry, false, 0, a->run->now_ms);
}

/* A child needs its parents: false if there are none any more, or they can't be read. */
static bool find_lineage(struct watched *w, struct start *start)
{
    struct account *a = w->account;
    struct shard *shard;
    struct error e;
    int code = place_shard(a, w->place, &shard, &e);
    if (!code)
        code = find_parent(w, shard->store, &start->lineage, &start->parent, &e);
    if (code == ERR_NOT_FOUND) { /* deleted, and its children with it */
        schedule_remove(&a->schedule, &w->entry);
        forget(w);
    } else if (code) {
        failed_to_start(w, &e);
    }
    return !code;
}

static void begin(struct watched *w, enum breaker_answer answer)
{
    struct start start = {
        .def = w->def,
        .place = w->place,
        .watched = w,
        .is_probe = answer == BREAKER_PROBE,
        .is_refused = answer == BREAKER_NO,
    };
    struct account *a = w->account;
    if (!w->parent || find_lineage(w, &start))
        task_start(a, &start);
    else if (start.is_probe)
        account_lost_probe(a);
}

/* While an account's breaker is open nothing is asked of it. What wasn't unreachable before is now, and says
 * so once; all else waits. */
bool watched_start_next(struct account *a)
{
    int64_t at_ms;
    struct schedule_entry *entry = schedule_next(&a->schedule, a->run->now_ms, &at_ms);
    if (!entry) {
        run_sleep(a, at_ms);
        return false;
    }
    struct watched *w = HEAP_OWNER(entry, struct watched, entry);
    if (w == a->regions_watched) {
        discovery_begin(a);
        return true;
    }
    enum breaker_answer answer = breaker_may(&a->breaker, a->run->now_ms, &at_ms);
    if (answer == BREAKER_NO && w->is_unreachable)
        schedule_put_back(&a->schedule, entry, at_ms);
    else
        begin(w, answer);
    return true;
}

void watched_ended(struct task *task, bool well)
{
    struct watched *w = task->watched;
    struct account *a = task->account;
    task->watched = NULL;
    if (!w)
        return;
    if (task->job && task->job->listing.record.id)
        watched_remember(w, &task->job->listing.record);
    if (task->job)
        w->is_unsound = task->job->outcome.complete && !task->job->outcome.sound &&
                        !task->job->listing.inherited;
    if (well)
        w->good_ms = w->entry.began_ms;
    if (w->is_gone) {
        schedule_remove(&a->schedule, &w->entry);
        forget(w);
        return;
    }
    schedule_ended(&a->schedule, &w->entry, well, 0, a->run->now_ms);
}
