/* Quarantine: after a complete listing it has what that listing showed and could not be stored, and nothing
 * else. One that failed, or went on from a checkpoint, saw a part only: then what was there stays. */
#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/show.h"

struct kept {
    struct bits things;
    unsigned nameless, count;
};

static int see(void *context, const struct quarantined *item)
{
    struct kept *kept = context;
    unsigned thing = item->id.data ? thing_of_id(item->id) : THINGS;
    kept->count++;
    if (thing < THINGS)
        bits_add(&kept->things, thing);
    else
        kept->nameless++;
    return 0;
}

static bool read_kept(struct place *place, struct kept *kept)
{
    struct world *w = place->world;
    struct arena arena = {0};
    struct collection_record record;
    struct error e;
    char parent[32];
    struct collection_key key = place_key(place, parent);
    int code = store_collection_find(w->store, &key, &arena, &record, &e);
    *kept = (struct kept){.count = 0};
    if (!code)
        code = store_quarantine_each(w->store, record.id, see, kept, &e);
    bool counted = code || record.quarantined == kept->count;
    arena_close(&arena);
    if (code)
        return world_fault(w, "%s", e.text);
    return counted || world_fault(w, "%s: %u items are in quarantine, and its record has another number",
                                  place_text(place), kept->count);
}

static bool complain(const struct visit *v, unsigned thing, const char *what)
{
    return world_fault(v->place->world, "%s: after harvest %" PRIu64 " r%03u is %s", place_text(v->place),
                       v->harvest, thing, what);
}

bool check_quarantine(struct visit *v)
{
    struct kept kept;
    struct world *w = v->place->world;
    if (!v->complete || v->unmodified)
        return true;
    if (!read_kept(v->place, &kept))
        return false;
    v->place->quarantined = kept.count > 0;
    w->tally->quarantined += kept.count;
    for (unsigned i = 0; i < THINGS; i++) {
        bool is = bits_have(&kept.things, i), refused = bits_have(&v->refused, i);
        if (!is && (bits_have(&v->clashed, i) || (refused && v->first[i] == VERSION_NONE)))
            return complain(v, i, "not in quarantine, and couldn't be stored");
        if (is && !refused && !bits_have(&v->clashed, i) && !v->resumed)
            return complain(v, i, "in quarantine, and nothing was wrong with it");
    }
    if (v->resumed || !kept.nameless == !v->nameless)
        return true;
    return world_fault(w, "%s: after harvest %" PRIu64 " %u items without an id are in quarantine, of %u",
                       place_text(v->place), v->harvest, kept.nameless, v->nameless);
}
