/* The feed is read as a subscriber reads it, change by change, into a mirror of what it says is there. Each
 * change must be one that the harvest under way was shown the reason for; what it was shown must be in the
 * mirror. */
#include "tests/sim/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/lie.h"
#include "tests/sim/show.h"
#include "tests/sim/visit.h"
#include "tests/sim/walk.h"

/* --- changes --- */

static bool is_document(const struct world *w, struct bytes packed, unsigned thing, unsigned version)
{
    static struct buffer found, expected;
    struct error e;
    buffer_reset(&found);
    buffer_reset(&expected);
    if (!packed.data || version == VERSION_NONE || value_msgpack_to_json(packed, &found, &e))
        return false;
    thing_write(&w->plan, thing, version, &expected);
    return bytes_equal(buffer_bytes(&found), buffer_bytes(&expected));
}

static bool check_written(struct place *place, const struct change *change, unsigned thing)
{
    struct world *w = place->world;
    struct visit *v = place->visit;
    uint8_t known = place->mirror[thing], shown = v ? v->first[thing] : VERSION_NONE;
    bool created = change->op == CHANGE_CREATED;
    const char *op = created ? "creation" : "update";
    if (!v || shown == VERSION_NONE || bits_have(&v->told, thing))
        return world_fault(w, "%s: a %s of '%.*s' (seq %" PRIu64 ") that no answer gave a reason for%s",
                           place_text(place), op, BYTES_ARG(change->id), change->seq,
                           v && bits_have(&v->told, thing) ? ", the second one in this harvest" : "");
    if (created != (known == VERSION_NONE))
        return world_fault(w, "%s: a %s of '%.*s' (seq %" PRIu64 "), which is %s", place_text(place), op,
                           BYTES_ARG(change->id), change->seq, created ? "there" : "not there");
    if (!created && (known == shown || !is_document(w, change->before, thing, known)))
        return world_fault(w,
                           "%s: the update of '%.*s' (seq %" PRIu64
                           ") doesn't begin with what was known, or ends "
                           "with it",
                           place_text(place), BYTES_ARG(change->id), change->seq);
    if (!is_document(w, change->after, thing, shown))
        return world_fault(w, "%s: the %s of '%.*s' (seq %" PRIu64 ") has another document than was shown",
                           place_text(place), op, BYTES_ARG(change->id), change->seq);
    if (created && change->initial == place->listed)
        return world_fault(w, "%s: the creation of '%.*s' (seq %" PRIu64 ") is %sinitial", place_text(place),
                           BYTES_ARG(change->id), change->seq, place->listed ? "" : "not ");
    bits_add(&v->told, thing);
    bits_add(&place->there, thing);
    place->mirror[thing] = shown;
    *(created ? &w->tally->created : &w->tally->updated) += 1;
    return true;
}

/* A collection that went with its parent. */
static void forget(struct place *part)
{
    if (part->visit)
        part->visit->orphaned = true;
    part->collection = 0;
    part->listed = part->unreachable = part->held = part->quarantined = part->deleted_now = false;
    part->last_seen = (struct bits){{0}};
    part->past_count = 0;
    part->confirmed_ms = 0;
}

static bool check_gone(struct place *place, const struct change *change, unsigned thing)
{
    struct world *w = place->world;
    struct place *part = place->parts[thing];
    if (place->mirror[thing] == VERSION_NONE || !is_document(w, change->before, thing, place->mirror[thing]))
        return world_fault(w, "%s: a delete of '%.*s' (seq %" PRIu64 "), which wasn't there, or not so",
                           place_text(place), BYTES_ARG(change->id), change->seq);
    if (!check_delete(place, change, thing))
        return false;
    bits_remove(&place->there, thing);
    place->mirror[thing] = VERSION_NONE;
    if (!part)
        return true;
    if (bits_count(&part->there))
        return world_fault(w, "%s is deleted (seq %" PRIu64 "), and its parts aren't", place_text(part),
                           change->seq);
    forget(part);
    return true;
}

static bool check_change(struct world *w, const struct change *change)
{
    struct place *place = place_of_key(w, &change->key);
    if (!place)
        return world_fault(w, "change %" PRIu64 " is of a collection that there is none of", change->seq);
    if (place->collection && place->collection != change->collection)
        return world_fault(w, "%s was collection %u, and is %u", place_text(place), place->collection,
                           change->collection);
    place->collection = change->collection;
    if (change->op == CHANGE_STATUS)
        return check_status(place, change);
    unsigned thing = thing_of_id(change->id);
    if (thing == THINGS)
        return world_fault(w, "%s: change %" PRIu64 " is of '%.*s', which never was", place_text(place),
                           change->seq, BYTES_ARG(change->id));
    world_note(w, "feed: %" PRIu64 " %s %s %.*s", change->seq, place_text(place), change_op_name(change->op),
               BYTES_ARG(change->id));
    return change->op == CHANGE_DELETED ? check_gone(place, change, thing)
                                        : check_written(place, change, thing);
}

struct reader {
    struct world *w;
    struct arena arena;
};

static int read_change(void *context, uint64_t seq, struct bytes packed)
{
    struct reader *reader = context;
    struct world *w = reader->w;
    struct change change;
    struct error e;
    arena_reset(&reader->arena);
    /* What check_delete looks up would move what is being read. */
    if (change_unpack(&reader->arena, arena_copy(&reader->arena, packed), &change, &e))
        return world_fault(w, "change %" PRIu64 ": %s", seq, e.text), -1;
    if (seq != w->told + 1 || change.seq != seq)
        return world_fault(w, "change %" PRIu64 " follows %" PRIu64, seq, w->told), -1;
    w->told = seq;
    w->tally->checked++;
    for (unsigned times = lie_change(w, &change); times; times--)
        if (!check_change(w, &change))
            return -1;
    return 0;
}

static bool read_changes(struct world *w)
{
    static struct arena arena; /* kept from call to call */
    struct reader reader = {.w = w, .arena = arena};
    struct error e;
    int code = store_changes_each(w->store, w->told + 1, read_change, &reader, &e);
    arena = reader.arena;
    return !code || (code != -1 && world_fault(w, "%s", e.text));
}

/* --- a commit --- */

static bool check_cascades(struct world *w)
{
    for (unsigned i = 0; i < w->plan.accounts; i++)
        for (unsigned k = 0; w->plan.has_children && k < w->plan.most; k++)
            if (w->roots[i]->parts[k] && w->roots[i]->parts[k]->deleted_now)
                return world_fault(w, "%s: parts are deleted as those of a parent that isn't",
                                   place_text(w->roots[i]->parts[k]));
    return true;
}

bool check_commit(struct world *w)
{
    struct error e;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    bool fine = read_changes(w) && check_cascades(w);
    for (unsigned i = 0; fine && i < VISITS_MAX; i++)
        if (w->visits[i].open)
            fine = check_visit(&w->visits[i]);
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (w->visits[i].open)
            walk_keep(w->visits[i].place);
    store_done(w->store);
    for (unsigned i = 0; fine && i < VISITS_MAX; i++)
        if (w->visits[i].open && w->visits[i].ended)
            visit_close(&w->visits[i]);
    return fine;
}

bool check_reopened(struct world *w)
{
    struct error e;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    uint64_t head = store_head(w->store);
    store_done(w->store);
    return head == w->told ||
           world_fault(w, "the store was opened again and is at %" PRIu64 ", not at %" PRIu64, head, w->told);
}
