#include "tests/sim/worker.h"

#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/visit.h"
#include "tests/sim/walk.h"

enum { STEP_MS = 200, MINUTE_MS = 60000 };

/* --- commits and what befalls them --- */

/* What was written since the last commit is void, and so is every harvest under way. */
static void lose_all(struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (w->visits[i].open) {
            w->visits[i].place->went_well = false;
            walk_lose(w->visits[i].place);
            visit_close(&w->visits[i]);
        }
}

/* Memory is gone; what the disk has is what was committed. */
static bool crash(struct world *w)
{
    w->tally->faults[FAULT_CRASH]++;
    world_note(w, "the worker crashes");
    lose_all(w);
    for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
        auth_session_close(&w->sessions[i]);
        w->sessions[i] = (struct auth_session){0};
    }
    store_close(w->store);
    w->store = NULL;
    w->restarted = true;
    return world_open_store(w) && check_reopened(w);
}

static bool fail_commit(struct world *w)
{
    w->tally->faults[FAULT_COMMIT]++;
    world_note(w, "a commit fails");
    store_abort(w->store);
    lose_all(w);
    return check_reopened(w);
}

static bool befalls(struct world *w, unsigned of_thousand)
{
    return !w->quiet && chance(&w->random, 1000) < of_thousand;
}

bool worker_commit(struct world *w)
{
    struct error e;
    if (befalls(w, w->plan.crashes))
        return fail_commit(w);
    if (store_commit(w->store, &e))
        return world_fault(w, "%s", e.text);
    w->tally->commits++;
    return check_commit(w);
}

/* --- steps --- */

static unsigned under_way(struct world *w, struct visit *out[VISITS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (w->visits[i].open && !w->visits[i].ended)
            out[count++] = &w->visits[i];
    return count;
}

static void set_clock(struct world *w)
{
    w->tally->faults[FAULT_CLOCK]++;
    w->skew_ms = ((int64_t)chance(&w->random, 241) - 120) * MINUTE_MS;
    world_note(w, "the wall clock is %" PRId64 " min off", w->skew_ms / MINUTE_MS);
}

void worker_idle(struct world *w)
{
    w->now_ms += chance(&w->random, STEP_MS);
    if (!w->quiet && chance(&w->random, 1000) < w->plan.changes)
        world_change(w);
    if (befalls(w, w->plan.crashes ? 12 : 0))
        set_clock(w);
}

bool worker_is_busy(struct world *w)
{
    struct visit *unused[VISITS_MAX];
    return under_way(w, unused) > 0;
}

bool worker_step(struct world *w)
{
    struct visit *visits[VISITS_MAX];
    unsigned count = under_way(w, visits);
    struct visit *v = visits[chance(&w->random, count)];
    worker_idle(w);
    if (befalls(w, w->plan.crashes) && one_in(&w->random, 2))
        return crash(w);
    if (befalls(w, w->plan.crashes) && one_in(&w->random, 2))
        visit_stop(v);
    else
        visit_step(v);
    if (w->failed)
        return false;
    return !one_in(&w->random, v->ended ? 2 : 20) || worker_commit(w);
}
