/* What a harvest must have brought by the time of a commit, and how it must have ended. */
#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/visit.h"

/* All that stood on pages that were gone on from is in the feed, as it was shown. */
static bool check_taken(struct visit *v)
{
    const struct place *place = v->place;
    for (unsigned i = 0; i < THINGS; i++)
        if (bits_have(&v->sure, i) && !bits_have(&v->odd, i) && place->mirror[i] != v->first[i])
            return world_fault(place->world, "%s: r%03u was shown as %u, and the feed knows it as %d",
                               place_text(place), i, v->first[i],
                               place->mirror[i] == VERSION_NONE ? -1 : place->mirror[i]);
    return true;
}

static bool check_unmodified(struct visit *v)
{
    struct place *place = v->place;
    if (!v->unchanged)
        return world_fault(place->world,
                           "%s: a harvest is over as if nothing had changed, and nobody said so",
                           place_text(place));
    if (v->behind)
        return world_fault(place->world,
                           "%s: a harvest is over as if nothing had changed, and the feed has something else",
                           place_text(place));
    return !place->unreachable ||
           world_fault(place->world, "%s: nothing has changed, and it is unreachable", place_text(place));
}

static bool check_ending(struct visit *v)
{
    struct place *place = v->place;
    const struct plan *plan = &place->world->plan;
    const char *why = visit_taint(v);
    if (v->unmodified)
        return check_unmodified(v);
    if (v->complete && v->must_fail)
        return world_fault(place->world, "%s: harvest %" PRIu64 " is complete, and a page of it was degraded",
                           place_text(place), v->harvest);
    bool counts = plan->style == STYLE_OFFSET ||
                  plan->style == STYLE_NUMBER; /* a short page that repeats ends it */
    if (v->complete && !v->at_end && !v->taint && !counts)
        return world_fault(place->world, "%s: harvest %" PRIu64 " is complete, and its end wasn't shown",
                           place_text(place), v->harvest);
    if (v->sound && why)
        return world_fault(place->world, "%s: harvest %" PRIu64 " is called sound, though %s",
                           place_text(place), v->harvest, why);
    if (!v->stopped && place->unreachable == v->complete)
        return world_fault(place->world, "%s: harvest %" PRIu64 " %s, and the feed has it as %s",
                           place_text(place), v->harvest, v->complete ? "is complete" : "failed",
                           place->unreachable ? "unreachable" : "reachable");
    return !v->complete || place->listed ||
           world_fault(place->world, "%s: a complete harvest, and no status 'listed'", place_text(place));
}

static void note_ending(struct visit *v)
{
    struct place *place = v->place;
    if (!v->sound || v->unmodified)
        return;
    place->spoilt = v->spoilt;
    place->last_seen = place->shown_once;
    place->lied = v->lied;
    place->confirmed_ms = 0;
}

bool check_visit(struct visit *v)
{
    if (v->orphaned)
        return v->ended || world_fault(v->place->world, "%s: its parent is gone, and it is still harvested",
                                       place_text(v->place));
    if (!check_taken(v))
        return false;
    if (!v->ended)
        return true;
    if (!check_ending(v) || !check_quarantine(v))
        return false;
    note_ending(v);
    return true;
}
