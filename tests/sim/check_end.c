/* What must be true at rest: the store is what the provider has, and what its own feed says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/check.h"
#include "tests/sim/show.h"

/* --- quiet --- */

static bool check_equal(struct place *place)
{
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &place->truth.things[i];
        uint8_t truth = thing->lives ? thing->version : VERSION_NONE;
        if (truth != place->mirror[i])
            return world_fault(
                place->world,
                "%s: all is quiet and was listed; r%03u is %d at the provider and %d in the feed",
                place_text(place), i, truth == VERSION_NONE ? -1 : truth,
                place->mirror[i] == VERSION_NONE ? -1 : place->mirror[i]);
    }
    if (place->unreachable || place->held || place->quarantined)
        return world_fault(place->world, "%s: all is quiet and was listed; %s", place_text(place),
                           place->held          ? "something is still held back"
                           : place->quarantined ? "something is still in quarantine"
                                                : "it is still unreachable");
    return true;
}

bool check_quiet(struct world *w)
{
    for (unsigned i = 0; i < w->plan.accounts; i++) {
        struct place *root = w->roots[i];
        if (!check_equal(root))
            return false;
        for (unsigned k = 0; w->plan.has_children && k < w->plan.most; k++)
            if (root->parts[k] && root->truth.things[k].lives && !check_equal(root->parts[k]))
                return false;
    }
    w->tally->quiets++;
    return true;
}

/* --- replay --- */

struct replay {
    struct world *w;
    uint64_t next;
    uint64_t digests[ACCOUNTS_MAX][THINGS + 1][THINGS]; /* by account, parent (THINGS: none) and thing */
    unsigned documents, there;
};

static uint64_t *entry(struct replay *replay, const struct collection_key *key, struct bytes id)
{
    struct place *place = place_of_key(replay->w, key);
    unsigned thing = thing_of_id(id);
    if (!place || thing == THINGS)
        return NULL;
    return &replay->digests[place_account(place)][place->above ? place->number : THINGS][thing];
}

static int replay_change(void *context, uint64_t seq, struct bytes packed)
{
    struct replay *replay = context;
    struct world *w = replay->w;
    struct arena arena = {0};
    struct change change;
    struct error e;
    int code = change_unpack(&arena, packed, &change, &e);
    if (code || seq != replay->next++) {
        world_fault(w, "the feed from its beginning: change %" PRIu64 " isn't well, or not the next one",
                    seq);
        code = -1;
    } else if (change.op != CHANGE_STATUS) {
        uint64_t *known = entry(replay, &change.key, change.id);
        CHECK(known); /* it was looked at before */
        *known = change.op == CHANGE_DELETED ? 0 : hash64(change.after) | 1;
    }
    arena_close(&arena);
    return code;
}

struct collection {
    struct replay *replay;
    const struct collection_key *key;
};

static int count_document(void *context, const struct document *document)
{
    struct collection *c = context;
    const uint64_t *known = entry(c->replay, c->key, document->id);
    c->replay->documents++;
    if (known && *known == (hash64(document->packed) | 1))
        return 0;
    world_fault(c->replay->w, "'%.*s' is stored, and not what the feed from its beginning gives",
                BYTES_ARG(document->id));
    return -1;
}

static int compare_collection(void *context, const struct collection_record *record)
{
    struct replay *replay = context;
    struct collection c = {replay, &record->key};
    struct error e;
    return store_documents_each(replay->w->store, record->id, 0, count_document, &c, &e);
}

/* Goes on where the last one ended: what was compacted since is known from then. */
bool check_feed(struct world *w)
{
    struct error e;
    error_none(&e);
    if (!w->replay) {
        w->replay = mem_zalloc(sizeof *w->replay);
        *w->replay = (struct replay){.w = w, .next = 1};
    }
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    int code = store_changes_each(w->store, w->replay->next, replay_change, w->replay, &e);
    bool whole = code || w->replay->next == store_head(w->store) + 1;
    store_done(w->store);
    if (code)
        return world_fault(w, "the feed from its beginning can't be read: %s", e.text);
    return whole || world_fault(w, "the feed ends before the store's head");
}

bool check_replay(struct world *w)
{
    struct error e;
    error_none(&e);
    if (!check_feed(w))
        return false;
    struct replay *replay = w->replay;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    replay->documents = replay->there = 0;
    int code = store_collections_each(w->store, compare_collection, replay, &e);
    store_done(w->store);
    if (code)
        return world_fault(w, "the store can't be read: %s", e.text);
    const uint64_t *all = &replay->digests[0][0][0];
    for (size_t i = 0; i < sizeof replay->digests / sizeof *all; i++)
        replay->there += all[i] != 0;
    return replay->there == replay->documents ||
           world_fault(w, "the feed from its beginning gives %u documents, the store has %u", replay->there,
                       replay->documents);
}

/* --- verify --- */

static void complain(void *context, const char *sentence)
{
    world_fault(context, "verify: %s", sentence);
}

bool check_verify(struct world *w)
{
    struct error e;
    w->tally->verified++;
    if (store_verify(w->store, complain, w, &e))
        return world_fault(w, "verify: %s", e.text);
    return !w->failed;
}
