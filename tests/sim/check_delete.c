/* Deletes: by whom, on what evidence, and whether the thing was there all the time. */
#include <inttypes.h>

#include "tests/sim/check.h"

static bool complain(struct place *place, const struct change *change, const char *why)
{
    return world_fault(place->world, "%s: the delete of '%.*s' (seq %" PRIu64 ") %s", place_text(place),
                       BYTES_ARG(change->id), change->seq, why);
}

static bool check_receipt(struct place *place, const struct change *change, struct receipt_id id)
{
    struct arena arena = {0};
    struct receipt receipt;
    struct error e;
    int code = store_receipt_get(place->world->store, id, &arena, &receipt, &e);
    bool good = !code && receipt.complete && receipt.sound && receipt.error == ERR_OK;
    arena_close(&arena);
    if (code)
        return complain(place, change, "names a receipt that isn't there");
    return good || complain(place, change, "rests on a receipt that isn't sound");
}

/* Each listing that it rests on was sound, and missed it. */
static bool check_past(struct place *place, const struct change *change, uint64_t harvest, unsigned thing)
{
    if (harvest >= place->past_count)
        return complain(place, change, "rests on a harvest that never was");
    const struct past *past = &place->pasts[harvest];
    if (past->tainted)
        return complain(place, change, "rests on a listing that can't have been sound");
    return !bits_have(&past->seen, thing) || complain(place, change, "rests on a listing that saw it");
}

static bool is_guarded(const struct place *place, const struct visit *v)
{
    const struct plan *plan = &place->world->plan;
    struct bits missing = bits_less(&v->before, &place->shown_once);
    unsigned count = bits_count(&missing);
    return plan->guarded && count >= plan->guard_min &&
           count * 100 > bits_count(&v->before) * plan->guard_percent;
}

/* The listings of this collection among the receipts, first and how many. */
struct listings {
    uint64_t first, last;
    unsigned own, above;
};

static bool count_listings(struct place *place, const struct change *change, unsigned thing,
                           struct listings *out)
{
    *out = (struct listings){.own = 0};
    for (uint32_t i = 0; i < change->receipt_count; i++) {
        struct receipt_id id = change->receipts[i];
        if (!check_receipt(place, change, id))
            return false;
        if (place->above && id.collection == place->above->collection) {
            out->above++;
            continue;
        }
        if (id.collection != place->collection)
            return complain(place, change, "names a receipt of another collection");
        if (id.harvest <= out->last)
            return complain(place, change, "names its receipts in disorder");
        if (!check_past(place, change, id.harvest, thing))
            return false;
        out->first = out->own ? out->first : id.harvest;
        out->last = id.harvest;
        out->own++;
    }
    return true;
}

static bool check_guard(struct place *place, const struct visit *v, const struct change *change,
                        const struct listings *listings)
{
    const struct plan *plan = &place->world->plan;
    if (!is_guarded(place, v))
        return true;
    bool is_first = listings->first == listings->last; /* its receipt didn't count yet */
    const struct past *first = &place->pasts[listings->first], *last = &place->pasts[listings->last];
    int64_t first_ms = is_first ? first->listed_ms : first->ended_ms;
    if (place->confirmed_ms && first_ms <= place->confirmed_ms)
        return true;
    if (listings->own < plan->guard_listings)
        return complain(place, change, "should have been held back: too few listings missed it");
    return last->listed_ms - first_ms >= plan->guard_over_ms ||
           complain(place, change, "should have been held back: it wasn't missed long enough");
}

static bool check_evidence(struct place *place, const struct visit *v, const struct change *change,
                           const struct listings *listings)
{
    const struct plan *plan = &place->world->plan;
    if (listings->own == 0 || listings->last != v->harvest)
        return complain(place, change, "doesn't name the listing that it came from");
    if (plan->confirm == BY_RELIST && listings->own < 2)
        return complain(place, change, "lacks its second listing");
    if (place->above && !listings->above)
        return complain(place, change, "doesn't name its parent's listing");
    return check_guard(place, v, change, listings);
}

/* What lived while every page of the listing was asked for must not be deleted by it; where order and
 * confirmation don't rule that out, it is counted. */
static bool check_truth(struct place *place, const struct change *change, unsigned thing)
{
    struct world *w = place->world;
    const struct thing *t = &place->truth.things[thing];
    w->tally->deletes[w->plan.style]++;
    if (!t->lives || t->since > place->walk_from)
        return true;
    if (plan_is_exact(&w->plan))
        return complain(place, change, "is false: it was there during the whole listing");
    w->tally->false_deletes[w->plan.style]++;
    return true;
}

/* With its parent: it rests on what that one's delete rests on. */
static bool check_cascade(struct place *place, const struct change *change)
{
    const struct visit *parent = place->above->visit;
    bool named = false;
    for (uint32_t i = 0; i < change->receipt_count; i++) {
        if (!check_receipt(place, change, change->receipts[i]))
            return false;
        named = named || (parent && change->receipts[i].collection == place->above->collection &&
                          change->receipts[i].harvest == parent->harvest);
    }
    place->deleted_now = true;
    return named || complain(place, change, "has neither a listing of its own nor its parent's");
}

bool check_delete(struct place *place, const struct change *change, unsigned thing)
{
    const struct visit *v = place->visit;
    struct listings listings;
    bool has_own = false;
    for (uint32_t i = 0; i < change->receipt_count; i++)
        has_own = has_own || change->receipts[i].collection == place->collection;
    if (place->above && !has_own)
        return check_cascade(place, change);
    if (!v || !v->ended || !v->complete || !v->sound)
        return complain(place, change, "comes from no sound listing");
    if (v->taint || (place->above && !v->parent_sound))
        return complain(place, change, "comes from a listing that can't have been sound");
    if (bits_have(&v->sure, thing) || bits_have(&v->pending, thing) || bits_have(&v->refuted, thing) ||
        bits_have(&v->refused, thing))
        return complain(place, change, "is of what the same harvest was shown");
    return count_listings(place, change, thing, &listings) && check_evidence(place, v, change, &listings) &&
           check_truth(place, change, thing);
}
