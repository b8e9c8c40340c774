#include "tests/sim/round.h"

#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/show.h"
#include "tests/sim/visit.h"
#include "tests/sim/walk.h"

enum { STEP_MS = 200, MINUTE_MS = 60000, DAY_MS = 86400000, PLACES_MAX = ACCOUNTS_MAX + THINGS };

/* --- commits and what befalls them --- */

/* What was written since the last commit is void, and so is every harvest under way. */
static void lose_all(struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (w->visits[i].open) {
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

static bool commit(struct world *w)
{
    struct error e;
    if (befalls(w, w->plan.crashes))
        return fail_commit(w);
    if (store_commit(w->store, &e))
        return world_fault(w, "%s", e.text);
    w->tally->commits++;
    return check_commit(w);
}

/* --- one round --- */

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

static void let_time_pass(struct world *w)
{
    w->now_ms += chance(&w->random, STEP_MS);
    if (!w->quiet && chance(&w->random, 1000) < w->plan.changes)
        world_change(w);
    if (befalls(w, w->plan.crashes ? 12 : 0))
        set_clock(w);
}

/* Whatever is under way does its next step; or something befalls it. */
static bool step(struct world *w)
{
    struct visit *visits[VISITS_MAX];
    unsigned count = under_way(w, visits);
    struct visit *v = visits[chance(&w->random, count)];
    let_time_pass(w);
    if (befalls(w, w->plan.crashes) && one_in(&w->random, 2))
        return crash(w);
    if (befalls(w, w->plan.crashes) && one_in(&w->random, 2))
        visit_stop(v);
    else
        visit_step(v);
    if (w->failed)
        return false;
    return !one_in(&w->random, v->ended ? 2 : 20) || commit(w);
}

static bool harvest_all(struct world *w, struct place **places, unsigned count)
{
    struct visit *visits[VISITS_MAX];
    unsigned next = 0;
    for (;;) {
        while (next < count && visit_open(w, places[next]))
            next++;
        if (w->failed)
            return false;
        if (under_way(w, visits)) {
            if (!step(w))
                return false;
        } else if (!commit(w)) {
            return false;
        } else if (next == count) {
            return true;
        }
    }
}

static void shuffle(struct world *w, struct place **places, unsigned count)
{
    for (unsigned i = count; i > 1; i--) {
        unsigned k = chance(&w->random, i);
        struct place *place = places[k];
        places[k] = places[i - 1];
        places[i - 1] = place;
    }
}

static unsigned add_parts(struct world *w, struct place **places, unsigned count)
{
    for (unsigned i = 0; w->plan.has_children && i < w->plan.most; i++)
        if (bits_have(&w->roots[0]->there, i) && (w->quiet || one_in(&w->random, 2)))
            places[count++] = world_part(w->roots[0], i);
    return count;
}

/* Roots first: their children are those of what is in the store then. Or all at once, so that parents go
 * while their children are harvested. */
static bool round_once(struct world *w)
{
    struct place *places[PLACES_MAX];
    unsigned count = !w->quiet && one_in(&w->random, 3) ? add_parts(w, places, 0) : 0;
    for (unsigned i = 0; i < w->plan.accounts; i++)
        if (w->quiet || !one_in(&w->random, 4))
            places[count++] = w->roots[i];
    shuffle(w, places, count);
    if (!harvest_all(w, places, count))
        return false;
    count = add_parts(w, places, 0);
    shuffle(w, places, count);
    return harvest_all(w, places, count);
}

/* --- between rounds --- */

/* As an operator does who has looked at what is held back. */
static bool confirm(struct place *place)
{
    struct world *w = place->world;
    struct arena arena = {0};
    struct collection_record record;
    struct error e;
    char parent[32];
    struct collection_key key = place_key(place, parent);
    int code = store_write(w->store, &e);
    if (!code)
        code = store_collection_find(w->store, &key, &arena, &record, &e);
    if (!code) {
        place->confirmed_ms = record.confirmed_ms = world_wall(w);
        code = store_collection_put(w->store, &record, &e);
    }
    if (!code)
        code = store_commit(w->store, &e);
    arena_close(&arena);
    w->tally->confirmed++;
    world_note(w, "%s is confirmed", place_text(place));
    return !code || world_fault(w, "%s", e.text);
}

static bool pause_between(struct world *w)
{
    struct place *root = w->roots[chance(&w->random, w->plan.accounts)];
    w->now_ms += one_in(&w->random, 12) ? DAY_MS : MINUTE_MS * (1 + (int64_t)chance(&w->random, 30));
    for (unsigned i = one_in(&w->random, 3) ? 0 : chance(&w->random, 4); i; i--)
        world_change(w);
    return !root->held || root->lied || !one_in(&w->random, 3) || confirm(root);
}

static bool is_settled(const struct world *w)
{
    for (unsigned i = 0; i < w->plan.accounts; i++) {
        struct place *root = w->roots[i];
        if (!place_is_equal(root))
            return false;
        for (unsigned k = 0; w->plan.has_children && k < w->plan.most; k++)
            if (root->parts[k] && root->truth.things[k].lives && !place_is_equal(root->parts[k]))
                return false;
    }
    return true;
}

/* At most as many listings as confirmation and guard ask for, far enough apart, and one more for what an
 * unfinished one may have left; with children, as many again, since theirs count only below a sound one. */
static bool be_quiet(struct world *w)
{
    const struct plan *plan = &w->plan;
    unsigned listings = 3 + (plan->guarded ? plan->guard_listings : 0);
    w->quiet = true;
    world_note(w, "quiet from here on");
    for (unsigned i = 0; i < listings; i++) {
        w->now_ms += DAY_MS + plan->guard_over_ms + plan->full_every_ms;
        if (!round_once(w))
            return false;
        if (i > 0 && is_settled(w))
            break;
    }
    w->quiet = false;
    return check_quiet(w);
}

bool rounds_run(struct world *w, uint64_t harvests)
{
    while (w->harvests < harvests) {
        if (!pause_between(w) || !round_once(w))
            return false;
        if (one_in(&w->random, 40) && !be_quiet(w))
            return false;
    }
    bool often = one_in(&w->random, 4);
    return be_quiet(w) && check_replay(w) && (!often || check_verify(w));
}
