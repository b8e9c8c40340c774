#include "tests/sim/round.h"

#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/continual.h"
#include "tests/sim/show.h"
#include "tests/sim/visit.h"
#include "tests/sim/worker.h"

enum { CONTINUAL_ONE_IN = 12 };
enum { MINUTE_MS = 60000, DAY_MS = 86400000, PLACES_MAX = ACCOUNTS_MAX + THINGS };

/* --- one round --- */

static bool harvest_all(struct world *w, struct place **places, unsigned count)
{
    unsigned next = 0;
    for (;;) {
        while (next < count && visit_open(w, places[next], NULL, false))
            next++;
        if (w->failed)
            return false;
        if (worker_is_busy(w)) {
            if (!worker_step(w))
                return false;
        } else if (!worker_commit(w)) {
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
        if (!pause_between(w) || !compact_between(w))
            return false;
        bool goes_on = one_in(&w->random, CONTINUAL_ONE_IN);
        if (!(goes_on ? continual_run(w) : round_once(w)))
            return false;
        if (one_in(&w->random, 40) && !be_quiet(w))
            return false;
    }
    bool often = one_in(&w->random, 4);
    return be_quiet(w) && check_replay(w) && (!often || check_verify(w));
}
