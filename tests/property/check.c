/* What a listing wrote, held against the model: the changes, each resource at most once and none too many or
 * too few, with their documents; then all that is stored. Documents are held against forms, not against
 * bytes: a document whose ignored parts alone have changed stays as it was. */
#include "tests/property/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"

struct check {
    struct history *h;
    struct lab *lab;
    uint32_t collection;
    bool told[RESOURCES_MAX];
    uint32_t documents;
    struct arena arena;
};

static bool same(struct digest a, struct digest b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static const char *fate_name(enum fate fate)
{
    static const char *const names[] = {"no change", "a creation", "an update", "a delete"};
    return names[fate];
}

static struct digest form(const struct history *h, struct arena *arena, struct bytes packed, unsigned ignores)
{
    struct value document;
    struct error e;
    CHECK(!value_from_msgpack(arena, packed, &document, &e));
    return form_of(&document, h->world.kind.refined, ignores);
}

/* --- changes --- */

static enum fate fate_of(const struct change *change)
{
    return change->op == CHANGE_CREATED   ? FATE_CREATED
           : change->op == CHANGE_UPDATED ? FATE_UPDATED
                                          : FATE_DELETED;
}

/* An update whose cause is an edit must not be called the world's, nor the other way round. What lies between
 * (both may have changed it) is left open. */
static bool cause_is_wrong(const struct history *h, const struct change *change, uint32_t resource)
{
    const struct known *before = &h->model.before[resource], *after = &h->model.after[resource];
    bool edited = before->ignores != after->ignores, all = (before->ignores | after->ignores) == IGNORE_ALL;
    if (change->op != CHANGE_UPDATED)
        return change->definition;
    if (!same(before->plain, after->plain))
        return change->definition;
    return edited && all && !change->definition;
}

static bool check_change(struct check *c, const struct change *change, uint64_t seq)
{
    struct history *h = c->h;
    uint32_t resource = resource_of_id(&h->world, change->id);
    if (change->collection != c->collection || resource == RESOURCES_MAX)
        return history_fault(h, "change %" PRIu64 " is of '%.*s', which is none of this collection", seq,
                             BYTES_ARG(change->id));
    enum fate expected = model_fate(&h->model, resource), fate = fate_of(change);
    if (c->told[resource])
        return history_fault(h, "change %" PRIu64 " is the second one of '%.*s'", seq, BYTES_ARG(change->id));
    c->told[resource] = true;
    if (fate != expected)
        return history_fault(h, "change %" PRIu64 " is %s of '%.*s', the model expects %s", seq,
                             fate_name(fate), BYTES_ARG(change->id), fate_name(expected));
    const struct known *before = &h->model.before[resource], *after = &h->model.after[resource];
    if (fate != FATE_DELETED && !same(form(h, &c->arena, change->after, after->ignores), after->form))
        return history_fault(h, "change %" PRIu64 " of '%.*s' has another document than the provider", seq,
                             BYTES_ARG(change->id));
    if (fate != FATE_CREATED && !same(form(h, &c->arena, change->before, before->ignores), before->form))
        return history_fault(h, "change %" PRIu64 " of '%.*s' has another document before than was known",
                             seq, BYTES_ARG(change->id));
    if (cause_is_wrong(h, change, resource))
        return history_fault(h, "change %" PRIu64 " of '%.*s' has the wrong cause (definition: %d)", seq,
                             BYTES_ARG(change->id), change->definition);
    if (fate == FATE_DELETED && !change->receipt_count)
        return history_fault(h, "change %" PRIu64 " deletes '%.*s' without a receipt", seq,
                             BYTES_ARG(change->id));
    return true;
}

static int visit_change(void *context, uint64_t seq, struct bytes packed)
{
    struct check *c = context;
    struct change change;
    struct error e;
    arena_reset(&c->arena);
    CHECK(!change_unpack(&c->arena, packed, &change, &e));
    return change.op == CHANGE_STATUS || check_change(c, &change, seq) ? 0 : -1;
}

static bool check_changes(struct check *c, uint64_t from)
{
    struct history *h = c->h;
    struct error e;
    int code = store_changes_each(c->lab->store, from, visit_change, c, &e);
    if (code)
        return code == -1 ? false : history_fault(h, "%s", e.text);
    for (uint32_t i = 0; i < h->world.resources; i++)
        if (!c->told[i] && model_fate(&h->model, i) != FATE_NONE)
            return history_fault(h, "there is no change of '%s', the model expects %s",
                                 resource_id(&h->world, i), fate_name(model_fate(&h->model, i)));
    return true;
}

/* --- documents --- */

static int visit_document(void *context, const struct document *document)
{
    struct check *c = context;
    struct history *h = c->h;
    uint32_t resource = resource_of_id(&h->world, document->id);
    struct known *known = resource == RESOURCES_MAX ? NULL : &h->model.after[resource];
    c->documents++;
    if (!known || !known->there)
        return history_fault(h, "'%.*s' is stored, and isn't known to the model", BYTES_ARG(document->id)),
               -1;
    uint64_t packed = hash64(document->packed);
    if (packed == known->packed) /* looked at before, and neither it nor what it must be has changed */
        return 0;
    known->packed = packed;
    arena_reset(&c->arena);
    if (!same(form(h, &c->arena, document->packed, known->ignores), known->form))
        return history_fault(h, "'%.*s' is stored with another document than the provider has",
                             BYTES_ARG(document->id)),
               -1;
    return 0;
}

static bool check_documents(struct check *c)
{
    struct history *h = c->h;
    struct error e;
    uint32_t there = 0;
    int code = c->collection ? store_documents_each(c->lab->store, c->collection, 0, visit_document, c, &e)
                             : 0;
    if (code)
        return code == -1 ? false : history_fault(h, "%s", e.text);
    for (uint32_t i = 0; i < h->world.resources; i++)
        there += h->model.after[i].there;
    return there == c->documents ||
           history_fault(h, "%u documents are stored, the model knows %u", c->documents, there);
}

bool history_check(struct history *h, struct lab *lab, uint64_t from)
{
    static struct arena arena; /* kept from call to call: there are millions */
    struct check c = {.h = h, .lab = lab, .arena = arena};
    struct collection_record record;
    struct collection_key key = history_key(h);
    struct error e;
    arena_reset(&c.arena);
    int code = store_read(lab->store, &e);
    if (!code)
        code = store_collection_find(lab->store, &key, &c.arena, &record, &e);
    if (code && code != ERR_NOT_FOUND)
        return history_fault(h, "%s", e.text);
    c.collection = code ? 0 : record.id;
    bool fine = check_changes(&c, from) && check_documents(&c);
    store_done(lab->store);
    arena = c.arena;
    return fine;
}
