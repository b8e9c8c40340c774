/* An order is carried out by the thread that it is for, between two turns of its loop; who gave it waits. One
 * order at a time: they come from people. */
#include "worker/run/control.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "worker/run/internal.h"

struct order {
    uint32_t thread;
    int (*act)(struct run *run, void *context, struct error *e);
    void *context;
    struct error *e;
    int code;
    bool is_done;
};

void control_open(struct crew *crew)
{
    struct control *control = &crew->control;
    CHECK(pthread_mutex_init(&control->asking, NULL) == 0);
    CHECK(pthread_mutex_init(&control->lock, NULL) == 0);
    CHECK(pthread_cond_init(&control->ended, NULL) == 0);
    control->left = mem_zalloc(crew->roster.threads * sizeof *control->left);
}

void control_close(struct crew *crew)
{
    struct control *control = &crew->control;
    free(control->left);
    pthread_cond_destroy(&control->ended);
    pthread_mutex_destroy(&control->lock);
    pthread_mutex_destroy(&control->asking);
}

/* --- on the thread --- */

void control_serve(struct run *run)
{
    struct control *control = &run->crew->control;
    pthread_mutex_lock(&control->lock);
    struct order *order = control->order;
    if (order && order->thread == run->thread)
        control->order = NULL;
    else
        order = NULL;
    pthread_mutex_unlock(&control->lock);
    if (!order)
        return;
    order->code = order->act(run, order->context, order->e);
    pthread_mutex_lock(&control->lock);
    order->is_done = true;
    pthread_cond_broadcast(&control->ended);
    pthread_mutex_unlock(&control->lock);
}

void control_leave(struct run *run)
{
    struct control *control = &run->crew->control;
    pthread_mutex_lock(&control->lock);
    control->left[run->thread] = true;
    pthread_cond_broadcast(&control->ended);
    pthread_mutex_unlock(&control->lock);
}

/* --- beside it --- */

void control_wake(const struct crew *crew, uint32_t thread)
{
    uint64_t one = 1;
    ssize_t n = write(crew->limits.inboxes[thread].wake, &one, sizeof one);
    (void)n; /* full means that it is readable */
}

/* `asking` is held. */
static int ask(struct crew *crew, struct order *order)
{
    struct control *control = &crew->control;
    pthread_mutex_lock(&control->lock);
    if (!control->left[order->thread]) {
        control->order = order;
        control_wake(crew, order->thread);
        while (!order->is_done && !(control->left[order->thread] && control->order == order))
            pthread_cond_wait(&control->ended, &control->lock);
    }
    if (!order->is_done)
        order->code = error_set(order->e, ERR_STOPPED,
                                "the run is ending: ask again once it is started anew");
    control->order = NULL;
    pthread_mutex_unlock(&control->lock);
    return order->code;
}

int control_each(struct crew *crew, int (*act)(struct run *run, void *context, struct error *e),
                 void *context, struct error *e)
{
    int code = 0;
    pthread_mutex_lock(&crew->control.asking);
    for (uint32_t i = 0; !code && i < crew->roster.threads; i++) {
        struct order order = {.thread = i, .act = act, .context = context, .e = e};
        code = ask(crew, &order);
    }
    pthread_mutex_unlock(&crew->control.asking);
    return code;
}

int control_on_shard(struct crew *crew, uint32_t shard,
                     int (*act)(struct run *run, void *context, struct error *e), void *context,
                     struct error *e)
{
    CHECK(shard < crew->roster.shards);
    pthread_mutex_lock(&crew->control.asking);
    struct order order = {.thread = crew->roster.owner[shard], .act = act, .context = context, .e = e};
    int code = ask(crew, &order);
    pthread_mutex_unlock(&crew->control.asking);
    return code;
}

void control_deal(struct crew *crew, const struct config *config)
{
    pthread_mutex_lock(&crew->control.asking);
    if (!crew->set->is_worker)
        roster_extend(&crew->roster, config);
    pthread_mutex_unlock(&crew->control.asking);
}

void control_give(struct crew *crew, uint32_t shard)
{
    pthread_mutex_lock(&crew->control.asking);
    roster_give(&crew->roster, shard);
    pthread_mutex_unlock(&crew->control.asking);
}

void control_take(struct crew *crew, uint32_t shard)
{
    pthread_mutex_lock(&crew->control.asking);
    roster_take(&crew->roster, shard);
    pthread_mutex_unlock(&crew->control.asking);
}

/* --- harvest now --- */

struct harvesting {
    const struct control_which *which;
    uint64_t count;
};

static bool is_meant(struct bytes wanted, const char *name)
{
    return !wanted.data || bytes_is(wanted, name);
}

static bool is_wanted(const struct control_which *which, const struct watched *w)
{
    if (w == w->account->regions_watched || w->is_gone || w->entry.state == SCHEDULE_OUT)
        return false;
    return is_meant(which->type, w->def->type) &&
           (!which->region.data || (w->place->region && bytes_is(which->region, w->place->region)));
}

static int harvest_now(struct run *run, void *context, struct error *e)
{
    struct harvesting *harvesting = context;
    const struct control_which *which = harvesting->which;
    (void)e;
    run_tick(run);
    for (struct account *a = run->accounts; a; a = a->next) {
        if (!is_meant(which->provider, a->config->provider) || !is_meant(which->account, a->config->id))
            continue;
        breaker_now(&a->breaker, run->now_ms);
        for (struct watched *w = a->watched; w; w = w->next)
            if (is_wanted(which, w)) {
                schedule_now(&a->schedule, &w->entry, run->now_ms);
                harvesting->count++;
            }
        run_queue(a);
    }
    return 0;
}

int control_harvest(struct crew *crew, const struct control_which *which, uint64_t *count, struct error *e)
{
    struct harvesting harvesting = {.which = which};
    int code = control_each(crew, harvest_now, &harvesting, e);
    *count = harvesting.count;
    return code;
}
