/* Digests of a copy's documents. The owner's are keyed with another secret, so they are made anew, by the
 * rules of the collection's record.
 *
 * That need not be how the listing makes them that comes after a promotion. Documents of XML have `*` walk
 * what stands alone, and nobody says of a document what it was read from. And a record may know of rules that
 * are younger than the document. Where it would make a difference the collection becomes `mixed`: then a
 * digest that differs is no news, the documents are compared. */
#include <inttypes.h>

#include "common/value/canonical.h"
#include "worker/store/copy_internal.h"

static int parse(struct copy *copy, const struct bytes *texts, uint32_t count, struct pointer **out,
                 struct error *e)
{
    struct error why;
    *out = arena_zalloc(&copy->at_arena, count * sizeof **out);
    for (uint32_t i = 0; i < count; i++)
        if (pointer_parse(&copy->at_arena, texts[i], &(*out)[i], &why))
            return error_set(e, ERR_CORRUPT, "its record's rules: %s", why.text);
    return 0;
}

static int know_rules(struct copy *copy, struct error *e)
{
    const struct collection_record *at = &copy->at;
    struct copy_rules *rules = &copy->rules;
    if (rules->known)
        return 0;
    *rules = (struct copy_rules){.ignore_count = at->ignore_count, .unordered_count = at->unordered_count};
    int r = parse(copy, at->ignore, at->ignore_count, &rules->ignore, e);
    if (!r)
        r = parse(copy, at->unordered, at->unordered_count, &rules->unordered, e);
    if (r)
        return r;
    rules->single = pointers_walk_single(&copy->at_arena, rules->unordered, rules->unordered_count);
    for (uint32_t i = 0; i < rules->unordered_count; i++)
        rules->walks = rules->walks || rules->unordered[i].has_walk;
    rules->known = true;
    return 0;
}

/* What nothing is taken out of is shared. */
static bool has_ignored(struct copy *copy, const struct value *document)
{
    const struct copy_rules *rules = &copy->rules;
    if (!rules->ignore_count || (document->type != VALUE_OBJECT && document->type != VALUE_ARRAY))
        return false;
    struct value pruned = pointer_prune(&copy->scratch, document, rules->ignore, rules->ignore_count);
    return pruned.type != document->type || pruned.items != document->items;
}

/* Would it have another digest, had it been read from XML? */
static bool has_single(struct copy *copy, const struct value *document, struct digest digest)
{
    const struct copy_rules *rules = &copy->rules;
    if (!rules->walks)
        return false;
    struct digest other = canonical_digest(document, rules->single, rules->unordered_count,
                                           store_secret(copy->store), &copy->canonical);
    return !digest_equal(digest, other);
}

int copy_digest(struct copy *copy, struct bytes packed, struct digest *out, struct error *e)
{
    const struct copy_rules *rules = &copy->rules;
    struct value document;
    int r = know_rules(copy, e);
    if (!r && packed.len > LIMIT_DOCUMENT_BYTES)
        r = error_set(e, ERR_CORRUPT, "a document has %zu bytes", packed.len);
    if (!r)
        r = value_from_msgpack(&copy->scratch, packed, &document, e);
    if (r)
        error_at(e, "shard %" PRIu32 ", collection %" PRIu32, copy->store->shard, copy->at.id);
    if (r)
        return ERR_CORRUPT;
    *out = canonical_digest(&document, rules->unordered, rules->unordered_count, store_secret(copy->store),
                            &copy->canonical);
    if (!copy->at.mixed && (has_ignored(copy, &document) || has_single(copy, &document, *out)))
        copy->at.mixed = copy->at_changed = true;
    return 0;
}
