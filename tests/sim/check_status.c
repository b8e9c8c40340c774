/* Statuses: once a transition, and only where there is one. */
#include <inttypes.h>

#include "tests/sim/check.h"

static bool complain(struct place *place, const struct change *change)
{
    return world_fault(place->world,
                       "%s: the status '%s' (seq %" PRIu64 ") comes where there is no such transition",
                       place_text(place), status_kind_name(change->status.kind), change->seq);
}

/* From `was` to `is`: what was already so is none. */
static bool moves(struct place *place, const struct change *change, bool *state, bool is, bool has_reason)
{
    if (*state == is || !has_reason)
        return complain(place, change);
    *state = is;
    return true;
}

bool check_status(struct place *place, const struct change *change)
{
    struct world *w = place->world;
    const struct visit *v = place->visit;
    bool ended = v && v->ended;
    world_note(w, "feed: %" PRIu64 " %s status %s", change->seq, place_text(place),
               status_kind_name(change->status.kind));
    if (ended && (!change->status.receipt || change->status.receipt->id.harvest != v->harvest))
        return world_fault(w, "%s: the status '%s' (seq %" PRIu64 ") doesn't bear its harvest's receipt",
                           place_text(place), status_kind_name(change->status.kind), change->seq);
    switch (change->status.kind) {
    case STATUS_LISTED:
        return moves(place, change, &place->listed, true, ended && v->complete);
    case STATUS_UNREACHABLE:
        w->tally->unreachable++;
        return moves(place, change, &place->unreachable, true, ended && !v->complete && !v->stopped);
    case STATUS_RECOVERED:
        w->tally->recovered++;
        return moves(place, change, &place->unreachable, false, ended && v->complete);
    case STATUS_HELD:
        w->tally->held += change->status.held > 0;
        return moves(place, change, &place->held, change->status.held > 0, ended && v->sound);
    default:
        return complain(place, change);
    }
}
