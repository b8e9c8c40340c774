/* Which regions an account has, where its provider must be asked. Fails soft: without an answer the last
 * known regions go on, and the run is incomplete. */
#include "worker/run/internal.h"

#include <string.h>

#include "common/check.h"

static bool is_known(const struct discovery *d, struct bytes name)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (bytes_is(name, d->names[i]))
            return true;
    return false;
}

static int take(struct task *task, struct error *e)
{
    struct discovery *d = task->discovery;
    struct harvest *h = &d->harvest;
    const char **names = arena_alloc(&task->arena, (d->count + h->page.count) * sizeof *names);
    if (d->count)
        memcpy(names, d->names, d->count * sizeof *names);
    d->names = names;
    for (uint64_t i = 0; i < h->page.count; i++) {
        struct winnow_item item;
        int code = winnow_read(&d->winnow, &d->arena, h->page.items[i], &item, e);
        if (code)
            return code;
        if (!is_known(d, item.id))
            d->names[d->count++] = arena_strdup(&task->arena, item.id);
    }
    return 0;
}

enum job_want discovery_follow(struct task *task, enum harvest_want want)
{
    struct discovery *d = task->discovery;
    struct harvest *h = &d->harvest;
    struct error e;
    while (want == HARVEST_PAGE) {
        struct page_seen seen = {.items = h->page.count};
        uint32_t before = d->count;
        arena_reset(&d->arena);
        if (take(task, &e)) {
            want = harvest_refused(h, &e);
            break;
        }
        seen.repeats = h->page.count && d->count == before;
        seen.last_item = h->page.count ? h->page.items[h->page.count - 1] : NULL;
        seen.last_id = d->count ? bytes_of(d->names[d->count - 1]) : BYTES("");
        want = harvest_taken(h, &seen, task->run->now_ms);
    }
    enum job_want on_its_way;
    if (job_want_of(want, &on_its_way))
        return on_its_way;
    if (want == HARVEST_FAILED)
        d->error = h->error;
    else if (!d->count)
        error_set(&d->error, ERR_ITEMS, "the provider named no region: check `regions` in %s",
                  task->account->provider->path);
    return JOB_DONE;
}

void discovery_begin(struct account *a)
{
    struct task *task = task_new(a, TASK_REGIONS, &a->provider->regions.discovery);
    struct discovery *d = task->discovery = mem_zalloc(sizeof *d);
    task->watched = a->regions_watched;
    a->regions_asked = true;
    a->discovery = task;
    winnow_open(&d->winnow, task->def, &task->values, NULL, &d->arena, NULL);
    harvest_open(&d->harvest, task->def, &task->values, &a->sessions[task->def->auth.index].session,
                 &a->patience, NULL);
    task_follow(task, discovery_follow(task, harvest_start(&d->harvest, task->run->now_ms)));
}

static bool are_as_known(const struct account *a, const struct discovery *d)
{
    uint32_t i = 0;
    while (a->regions && i < d->count && a->regions[i] && strcmp(a->regions[i], d->names[i]) == 0)
        i++;
    return a->regions && a->regions_certain && i == d->count && !a->regions[i];
}

static void failed(struct account *a, const struct error *e)
{
    if (a->is_leaving) /* nobody waits for them any more */
        return;
    if (crew_tell_first(a, TOLD_REGIONS)) {
        report_account(a, e, "finding its regions", "the last known ones go on");
        a->run->totals.incomplete++;
    }
    if (!a->regions)
        account_set_last_regions(a);
}

static void found(struct account *a, const struct discovery *d)
{
    crew_tell_again(a, TOLD_REGIONS);
    if (are_as_known(a, d))
        return;
    struct arena arena = {0};
    const char **names = arena_zalloc(&arena, (d->count + 1) * sizeof *names);
    for (uint32_t i = 0; i < d->count; i++)
        names[i] = arena_strdup(&arena, bytes_of(d->names[i]));
    account_take_regions(a, &arena, names, true);
}

void discovery_ended(struct task *task)
{
    struct account *a = task->account;
    struct discovery *d = task->discovery;
    a->discovery = NULL;
    if (d->error.code)
        failed(a, &d->error);
    else
        found(a, d);
    task_end(task);
}
