/* In an item what `parse` names is read as JSON; it is pruned of what `ignore` names, digested in canonical
 * form with the shard's secret, and held against the digest that the store has. Only what differs is compared
 * as a tree, to say how.
 *
 * When a provider file was edited, a stored document was made under other rules. Then an item that
 * differs is held against it under both rules together: what is equal so is no change of the world. */
#include "worker/winnow/winnow.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/value/canonical.h"
#include "common/value/patch.h"
#include "worker/provider/url.h"

_Static_assert(LIMIT_REQUIRE <= 64, "a bit each");

static const struct pointer *joined(struct arena *arena, const struct pointer *a, uint32_t a_count,
                                    const struct pointer *b, uint32_t b_count)
{
    struct pointer *both = arena_alloc(arena, (a_count + b_count) * sizeof *both);
    for (uint32_t i = 0; i < a_count; i++)
        both[i] = a[i];
    for (uint32_t i = 0; i < b_count; i++)
        both[a_count + i] = b[i];
    return both;
}

/* The same rules for documents in which a single value may stand for an array. */
static struct winnow_rules walking_single(struct arena *arena, const struct winnow_rules *rules)
{
    struct winnow_rules single = *rules;
    single.parse = pointers_walk_single(arena, rules->parse, rules->parse_count);
    single.ignore = pointers_walk_single(arena, rules->ignore, rules->ignore_count);
    single.unordered = pointers_walk_single(arena, rules->unordered, rules->unordered_count);
    return single;
}

void winnow_open(struct winnow *w, const struct collection_def *def, const struct placeholders *values,
                 const struct hash_secret *secret, struct arena *arena, const struct winnow_rules *old)
{
    *w = (struct winnow){
        .def = def,
        .values = values,
        .secret = secret,
        .rules = {{def->parse, def->ignore, def->unordered, def->parse_count, def->ignore_count,
                   def->unordered_count}},
    };
    w->rules[1] = walking_single(arena, &w->rules[0]);
    if (!old)
        return;
    w->rules_changed = true;
    w->both[0] = (struct winnow_rules){
        .parse = joined(arena, def->parse, def->parse_count, old->parse, old->parse_count),
        .ignore = joined(arena, def->ignore, def->ignore_count, old->ignore, old->ignore_count),
        .unordered = joined(arena, def->unordered, def->unordered_count, old->unordered,
                            old->unordered_count),
        .parse_count = def->parse_count + old->parse_count,
        .ignore_count = def->ignore_count + old->ignore_count,
        .unordered_count = def->unordered_count + old->unordered_count,
    };
    w->both[1] = walking_single(arena, &w->both[0]);
}

void winnow_close(struct winnow *w)
{
    rows_close(&w->seen);
    buffer_close(&w->scratch);
}

void winnow_mark(struct winnow *w, uint32_t row)
{
    rows_add(&w->seen, row);
}

bool winnow_saw(const struct winnow *w, uint32_t row)
{
    return rows_have(w->seen, row);
}

static int id_part(const struct pointer *pointer, const struct value *item, struct bytes *part,
                   struct error *e)
{
    const struct value *found = pointer_get(pointer, item);
    const char *what = pointer->text.len ? pointer->text.data : "the item itself";
    int len = pointer->text.len ? (int)pointer->text.len : 15;
    if (!found || found->type == VALUE_NULL)
        return error_set(e, ERR_ID, "an item has no id at '%.*s'", len, what);
    if (found->type != VALUE_STRING && found->type != VALUE_NUMBER)
        return error_set(e, ERR_ID, "an item's id at '%.*s' is of type %s, not a text or number", len, what,
                         value_type_name(found->type));
    *part = found->text;
    if (part->len == 0)
        return error_set(e, ERR_ID, "an item's id at '%.*s' is empty", len, what);
    return 0;
}

static int id_of(struct winnow *w, const struct value *item, struct buffer *id, struct error *e)
{
    const struct collection_def *def = w->def;
    if (def->id_kind == ID_TEMPLATE) {
        struct placeholders values = *w->values;
        struct resource_view view = {.document = item, .parent = values.parent};
        values.item = &view;
        if (template_expand(def->id_template, &values, TEMPLATE_PLAIN, id, e))
            return error_set(e, ERR_ID, "an item has no id: %s", e ? e->text : "");
        return id->len ? 0 : error_set(e, ERR_ID, "an item's id '%s' is empty", def->id_template->text);
    }
    for (uint32_t i = 0; i < def->id_pointer_count; i++) {
        struct bytes part;
        int code = id_part(&def->id_pointers[i], item, &part, e);
        if (code)
            return code;
        if (def->id_pointer_count == 1) {
            buffer_add_bytes(id, part);
            break;
        }
        if (i)
            buffer_add_char(id, '/');
        url_encode_part(part, id);
    }
    return 0;
}

static struct value document_of(struct arena *arena, const struct winnow_rules *rules,
                                const struct value *item, struct json_notes *notes)
{
    struct value parsed = pointer_parse_texts(arena, item, rules->parse, rules->parse_count, notes);
    return pointer_prune(arena, &parsed, rules->ignore, rules->ignore_count);
}

struct digest winnow_digest(struct winnow *w, struct arena *arena, const struct value *item)
{
    const struct winnow_rules *rules = &w->rules[w->single];
    struct json_notes notes = {0};
    struct value document = document_of(arena, rules, item, &notes);
    return canonical_digest(&document, rules->unordered, rules->unordered_count, w->secret, &w->scratch);
}

int winnow_read(struct winnow *w, struct arena *arena, const struct value *item, struct winnow_item *out,
                struct error *e)
{
    buffer_reset(&w->scratch);
    int code = id_of(w, item, &w->scratch, e);
    if (code)
        return code;
    if (w->scratch.len > LIMIT_ID_BYTES)
        return error_set(e, ERR_ID, "an item's id is %zu bytes long, more than %d: '%.40s…'", w->scratch.len,
                         LIMIT_ID_BYTES, w->scratch.data);
    const struct winnow_rules *rules = &w->rules[w->single];
    out->id = arena_copy(arena, buffer_bytes(&w->scratch));
    out->document = document_of(arena, rules, item, &w->notes);
    out->digest = canonical_digest(&out->document, rules->unordered, rules->unordered_count, w->secret,
                                   &w->scratch);
    return 0;
}

static int packed_of(struct winnow *w, struct arena *arena, const struct value *value, struct bytes id,
                     struct bytes *out, struct error *e)
{
    buffer_reset(&w->scratch);
    value_to_msgpack(value, &w->scratch);
    if (w->scratch.len > LIMIT_DOCUMENT_BYTES)
        return error_set(e, ERR_LIMIT, "the document of '%.*s' is %zu bytes, more than %d", BYTES_ARG(id),
                         w->scratch.len, LIMIT_DOCUMENT_BYTES);
    *out = arena_copy(arena, buffer_bytes(&w->scratch));
    return 0;
}

/* Are both documents the same under the old and the new rules taken together? */
static bool same_under_both(struct winnow *w, struct arena *arena, const struct value *before,
                            const struct value *after)
{
    const struct winnow_rules *both = &w->both[w->single];
    struct json_notes notes = {0};
    struct value a = document_of(arena, both, before, &notes);
    struct value b = document_of(arena, both, after, &notes);
    struct digest first = canonical_digest(&a, both->unordered, both->unordered_count, w->secret,
                                           &w->scratch);
    struct digest second = canonical_digest(&b, both->unordered, both->unordered_count, w->secret,
                                            &w->scratch);
    return digest_equal(first, second);
}

static int compare(struct winnow *w, struct arena *arena, const struct winnow_item *item,
                   const struct winnow_known *known, struct winnow_result *out, struct error *e)
{
    struct value before;
    int code = value_from_msgpack(arena, arena_copy(arena, known->packed), &before, e);
    if (code)
        return error_at(e, "the stored document of '%.*s'", BYTES_ARG(item->id)), code;
    if (w->rules_changed) {
        const struct winnow_rules *rules = &w->rules[w->single];
        struct digest again = canonical_digest(&before, rules->unordered, rules->unordered_count, w->secret,
                                               &w->scratch);
        if (digest_equal(again, item->digest)) {
            out->verdict = WINNOW_REDIGEST;
            return 0;
        }
        out->definition = same_under_both(w, arena, &before, &item->document);
    }
    out->verdict = WINNOW_UPDATED;
    struct value patch = patch_diff(arena, &before, &item->document);
    return packed_of(w, arena, &patch, item->id, &out->patch, e);
}

int winnow_judge(struct winnow *w, struct arena *arena, const struct winnow_item *item,
                 const struct winnow_known *known, struct winnow_result *out, struct error *e)
{
    *out = (struct winnow_result){.verdict = WINNOW_SAME};
    bool same = known && digest_equal(known->digest, item->digest);
    if (known && winnow_saw(w, known->row)) {
        out->verdict = same ? WINNOW_TWICE : WINNOW_CLASH;
        return 0;
    }
    int code = 0;
    if (!known)
        out->verdict = WINNOW_CREATED;
    else if (!same)
        code = compare(w, arena, item, known, out, e);
    if (!code && out->verdict != WINNOW_SAME)
        code = packed_of(w, arena, &item->document, item->id, &out->packed, e);
    if (known) /* whatever came of it, it is there */
        winnow_mark(w, known->row);
    return code;
}

/* Counts what is there and null; stops at what is there and isn't. */
static int find_value(void *nulls, const struct value *found)
{
    ++*(uint64_t *)nulls;
    return found->type != VALUE_NULL;
}

/* An empty list lacks nothing of what its items must have. */
static bool lacks_one(const struct pointer *pointer, const struct value *document, bool single)
{
    struct pointer_missed missed;
    uint64_t nulls = 0;
    return pointer_walk(pointer, document, single, &missed, find_value, &nulls) == 0 &&
           nulls + missed.absent + missed.wrong > 0;
}

uint64_t winnow_lacks(const struct winnow *w, const struct value *document)
{
    uint64_t lacks = 0;
    for (uint32_t i = 0; i < w->def->require_count; i++)
        if (lacks_one(&w->def->require[i], document, w->single))
            lacks |= UINT64_C(1) << i;
    return lacks;
}
