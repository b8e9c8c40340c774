#include "tests/sim/walk.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

static void put_mark(struct visit *v, const char *position)
{
    struct place *place = v->place;
    if (place->mark_count == place->mark_cap) {
        place->mark_cap = place->mark_cap ? place->mark_cap * 2 : 16;
        place->marks = mem_resize(place->marks, place->mark_cap * sizeof *place->marks);
    }
    struct mark *mark = &place->marks[place->mark_count++];
    *mark = (struct mark){
        .began_ms = v->job.listing.began_ms,
        .harvest = v->job.listing.receipt.id.harvest,
        .from = place->walk_from,
        .shown = place->shown_once,
        .items = v->items,
        .taint = v->taint,
    };
    snprintf(mark->position, sizeof mark->position, "%s", position);
    memcpy(mark->first, v->first, sizeof mark->first);
}

/* The one that a checkpoint leads to: the last that was asked for there, else the last page that came before
 * it. */
static const struct mark *find_mark(const struct place *place, const struct checkpoint *c,
                                    const char *position)
{
    const struct mark *shown = NULL;
    for (unsigned i = place->mark_count; i-- > 0;) {
        const struct mark *mark = &place->marks[i];
        if (mark->began_ms != c->started_ms || mark->harvest > c->harvest)
            continue;
        if (strcmp(mark->position, position) == 0)
            return mark;
        if (!shown && !mark->position[0])
            shown = mark;
    }
    return shown;
}

static void begin(struct visit *v)
{
    v->place->shown_once = (struct bits){{0}};
    v->place->walk_from = v->place->world->tick;
    v->resumed = v->at_end = false;
    v->items = v->pages = v->last_count = 0;
    v->taint = NULL;
    memset(v->first, VERSION_NONE, sizeof v->first);
}

static void go_on(struct visit *v, const char *position)
{
    struct place *place = v->place;
    const struct checkpoint *c = v->job.listing.checkpoint;
    const struct mark *mark = c ? find_mark(place, c, position) : NULL;
    if (!mark) {
        world_fault(place->world, "a harvest goes on at '%s', where none has stood", position);
        return;
    }
    place->shown_once = mark->shown;
    place->walk_from = mark->from;
    v->items = mark->items;
    v->taint = mark->taint;
    v->resumed = true;
    place->world->tally->resumed++;
    if (place->world->plan.stable)
        memcpy(v->first, mark->first, sizeof v->first);
    else /* what came before isn't known any more: it may come again, and differ */
        v->taint = "it went on from a checkpoint, and the order isn't stable";
    put_mark(v, position);
}

void walk_open(struct visit *v)
{
    if (!v->job.listing.checkpoint)
        v->place->mark_count = v->place->mark_kept = 0;
}

void walk_ask(struct visit *v, const struct asked *asked)
{
    char position[sizeof((struct mark *)NULL)->position];
    snprintf(position, sizeof position, "%s,%s", asked->position, asked->has_beside ? asked->beside : "");
    if (!asked->has_position)
        begin(v);
    else if (!v->started)
        go_on(v, position);
    else
        put_mark(v, position);
    v->started = true;
}

void walk_shown(struct visit *v)
{
    put_mark(v, "");
}

void walk_keep(struct place *place)
{
    place->mark_kept = place->mark_count;
}

void walk_lose(struct place *place)
{
    place->mark_count = place->mark_kept;
}
