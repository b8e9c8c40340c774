/* How harvests begin and are over. */
#include "tests/sim/visit_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "tests/sim/continual.h"
#include "tests/sim/lie.h"
#include "tests/sim/show.h"
#include "tests/sim/walk.h"

/* --- begin and end --- */

/* What a child needs of its parent, from the store. False: the parent isn't there any more. */
static bool read_parent(struct visit *v)
{
    struct world *w = v->place->world;
    struct collection_record record;
    struct document stored;
    struct error e;
    char unused[32], id[32];
    struct collection_key key = place_key(v->place->above, unused);
    uint32_t row;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    int code = store_collection_find(w->store, &key, &v->arena, &record, &e);
    if (!code)
        code = store_row_find(w->store, record.id, bytes_of(thing_id(v->place->number, id)), &row, &e);
    if (!code)
        code = store_document(w->store, record.id, row, &stored, &e);
    if (!code)
        code = value_from_msgpack(&v->arena, arena_copy(&v->arena, stored.packed), &v->parent_document, &e);
    store_done(w->store);
    if (code)
        return code == ERR_NOT_FOUND ? false : world_fault(w, "%s", e.text);
    v->parent_view = (struct resource_view){.id = arena_copy(&v->arena, bytes_of(id)),
                                            .document = &v->parent_document};
    v->parent = (struct listing_parent){record.id, row, {0}};
    v->parent.receipt = listing_parent_receipt(store_shard(w->store), &record);
    v->parent_sound = v->parent.receipt.harvest != 0;
    return true;
}

static struct visit *free_slot(struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (!w->visits[i].open)
            return &w->visits[i];
    return NULL;
}

static bool open_job(struct visit *v)
{
    static struct value nothing = {.type = VALUE_OBJECT};
    struct place *place = v->place;
    struct world *w = place->world;
    struct error e;
    char parent[32];
    const struct collection_def *def =
        lie_definition(w, provider_find(w->provider, place->above ? "part" : "thing"));
    v->values = (struct placeholders){
        .account_id = bytes_of(account_name(place_account(place))),
        .account_keys = &nothing,
        .credentials = &nothing,
        .vars = &nothing,
        .parent = place->above ? &v->parent_view : NULL,
    };
    struct job_setting setting = {
        .def = def,
        .key = place_key(place, parent),
        .values = &v->values,
        .parent = place->above ? &v->parent : NULL,
        .session = &w->sessions[place_account(place)],
        .retry = continual_retry(place),
        .store = w->store,
    };
    if (job_open(&v->job, &setting, world_wall(w), &e))
        return world_fault(w, "%s", e.text);
    return true;
}

/* Whoever was to renew the login and won't must say so. */
static void give_up_renewal(struct visit *v)
{
    struct world *w = v->place->world;
    struct error why;
    if (v->want != JOB_RENEW)
        return;
    error_set(&why, ERR_STOPPED, "told to stop");
    auth_failed(&w->sessions[place_account(v->place)], &why, w->now_ms);
}

void visit_stop(struct visit *v)
{
    struct world *w = v->place->world;
    struct error why;
    error_set(&why, ERR_STOPPED, "told to stop");
    give_up_renewal(v);
    v->stopped = true;
    v->want = job_stop(&v->job, &why, world_wall(w));
    w->tally->faults[FAULT_STOP]++;
    world_note(w, "%s: is told to stop", place_text(v->place));
    visit_see_end(v);
}

void visit_close(struct visit *v)
{
    struct world *w = v->place->world;
    give_up_renewal(v);
    continual_closed(v);
    limiter_cancel(w->limiter, &v->ticket);
    job_close(&v->job);
    arena_close(&v->arena);
    v->place->visit = NULL;
    v->open = false;
}

/* Has the resource that it harvests a child of been deleted? Then what it would write has no place any more.
 */
static bool is_orphan(const struct visit *v, const struct visit *parent)
{
    struct document document;
    struct error e;
    return v->open && !v->ended && v->place->above == parent->place &&
           store_document(v->place->world->store, v->parent.collection, v->parent.row, &document, &e) ==
               ERR_NOT_FOUND;
}

void visit_end_orphans(struct visit *parent)
{
    struct world *w = parent->place->world;
    struct error e;
    if (store_read(w->store, &e)) {
        world_fault(w, "%s", e.text);
        return;
    }
    for (unsigned i = 0; i < VISITS_MAX; i++) {
        struct visit *v = &w->visits[i];
        if (!is_orphan(v, parent))
            continue;
        world_note(w, "%s: its parent was deleted while it was harvested", place_text(v->place));
        w->tally->orphans++;
        visit_close(v);
    }
    store_done(w->store);
}

bool visit_open(struct world *w, struct place *place, const struct error *refused, bool is_probe)
{
    struct visit *v = free_slot(w);
    if (!v || w->failed)
        return false;
    memset(v, 0, offsetof(struct visit, job));
    v->place = place;
    memset(&v->ticket, 0, sizeof *v - offsetof(struct visit, ticket));
    memset(v->first, VERSION_NONE, sizeof v->first);
    if (place->above && !read_parent(v)) {
        arena_close(&v->arena);
        return !w->failed;
    }
    if (!open_job(v)) {
        arena_close(&v->arena);
        return false;
    }
    walk_open(v);
    v->open = true;
    v->before = place->there;
    v->ticket.context = v;
    v->ticket.first = w->bucket;
    place->visit = v;
    w->harvests++;
    w->tally->harvests++;
    world_note(w, "%s: harvest begins", place_text(place));
    v->is_probe = is_probe;
    v->is_refused = refused != NULL;
    v->want = refused ? job_stop(&v->job, refused, world_wall(w))
                      : job_start(&v->job, w->now_ms, world_wall(w));
    visit_see_end(v);
    return true;
}
