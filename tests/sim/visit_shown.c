/* What a harvest was shown, and whether it can have been sound. Kept by what the provider gave, whatever was
 * made of it. */
#include "tests/sim/visit_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "tests/sim/show.h"

/* A listing begins anew, or one goes on that was begun by an earlier harvest. */
void visit_begin_walk(struct visit *v, const struct asked *asked)
{
    struct place *place = v->place;
    if (!asked->has_position) {
        place->shown_once = (struct bits){{0}};
        place->walk_from = place->world->tick;
        v->resumed = false;
    } else if (!v->started) {
        v->resumed = true;
        place->world->tally->resumed++;
        if (!place->world->plan.stable)
            v->taint = "it went on from a checkpoint, and the order isn't stable";
    }
    v->started = true;
}

/* Would this page change what nearly all of its items had? */
bool visit_is_degraded(const struct visit *v, const struct shown *page)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < page->count; i++) {
        uint8_t before = v->place->mirror[page->items[i].thing];
        lost += page->items[i].version >= VERSIONS && before < VERSIONS;
    }
    return v->place->world->plan.requires && lost * 100 > page->count * LIMIT_DEGRADED_PERCENT;
}

static void note_item(struct visit *v, const struct item *item)
{
    if (item->kind == ITEM_NO_ID || item->kind == ITEM_LONG_ID) {
        v->taint = "an item's id couldn't be read";
        v->nameless++;
    } else if (item->kind != ITEM_WHOLE) { /* can't be stored, and was there */
        bits_add(&v->place->shown_once, item->thing);
        bits_add(&v->refused, item->thing);
    }
    if (item->kind != ITEM_WHOLE) {
        bits_add(&v->odd, item->thing);
        return;
    }
    bits_add(&v->place->shown_once, item->thing);
    bits_add(&v->pending, item->thing);
    if (v->first[item->thing] == VERSION_NONE)
        v->first[item->thing] = item->version;
    else if (v->first[item->thing] != item->version) {
        v->taint = "two items had one id and different content";
        bits_add(&v->clashed, item->thing);
    }
}

/* The page was taken, or may have been. */
static void note_page(struct visit *v, const struct shown *page)
{
    v->pending = (struct bits){{0}};
    v->last_count = 0;
    for (unsigned i = 0; i < page->count; i++) {
        note_item(v, &page->items[i]);
        if (page->items[i].kind == ITEM_WHOLE)
            v->last_page[v->last_count++] = page->items[i].thing;
    }
    v->items += page->count;
    v->total = page->total;
    v->pages++;
    v->at_end = page->is_last;
}

void visit_make_sure(struct visit *v)
{
    v->sure = bits_both(&v->sure, &v->pending);
    v->pending = (struct bits){{0}};
}

/* A 2xx with a page was handed on. Whether it was taken shows in what is wanted next: to wait is to ask for
 * it again. */
void visit_after_page(struct visit *v, const struct shown *page, bool degraded)
{
    if (v->want == JOB_WAIT)
        return;
    if (degraded) {
        v->must_fail = true;
        return;
    }
    v->listed_ms = world_wall(v->place->world);
    note_page(v, page);
    if (v->want != JOB_DONE)
        visit_make_sure(v);
}

const char *visit_taint(const struct visit *v)
{
    const struct plan *plan = &v->place->world->plan;
    if (v->taint)
        return v->taint;
    if (v->place->above && !v->parent_sound)
        return "its parent's listing wasn't";
    if (plan->has_total && v->pages && v->total != v->items)
        return "the total was another";
    return v->at_end ? NULL : "its end wasn't shown";
}
