/* How a listing begins and what its record says: which rules its stored documents were made by, when the
 * provider file was edited since. Until every live row was seen under the new rules, both count. */
#include <stdio.h>
#include <string.h>

#include "worker/harvest/listing_internal.h"

static struct collection_key key_copy(struct arena *arena, const struct collection_key *key)
{
    struct collection_key copy = {
        .provider = arena_copy(arena, key->provider),
        .account = arena_copy(arena, key->account),
        .type = arena_copy(arena, key->type),
    };
    if (key->region.data)
        copy.region = arena_copy(arena, key->region);
    if (key->parent.data)
        copy.parent = arena_copy(arena, key->parent);
    return copy;
}

static const struct bytes *texts_of(struct arena *arena, const struct pointer *pointers, uint32_t count)
{
    struct bytes *texts = arena_alloc(arena, count * sizeof *texts);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = pointers[i].text;
    return texts;
}

static int pointers_of(struct arena *arena, const struct bytes *texts, uint32_t count,
                       const struct pointer **out, struct error *e)
{
    struct pointer *pointers = arena_alloc(arena, count * sizeof *pointers);
    for (uint32_t i = 0; i < count; i++)
        if (pointer_parse(arena, texts[i], &pointers[i], e))
            return error_set(e, ERR_CORRUPT, "a stored pointer can't be read: %s", e ? e->text : "");
    *out = pointers;
    return 0;
}

static void set_rules(struct listing *l)
{
    const struct collection_def *def = l->def;
    struct collection_record *r = &l->record;
    r->parse = texts_of(&l->arena, def->parse, def->parse_count);
    r->parse_count = def->parse_count;
    r->ignore = texts_of(&l->arena, def->ignore, def->ignore_count);
    r->ignore_count = def->ignore_count;
    r->unordered = texts_of(&l->arena, def->unordered, def->unordered_count);
    r->unordered_count = def->unordered_count;
}

void listing_adopt_definition(struct listing *l)
{
    l->record.definition = l->def->definition;
    l->record.id_rule = l->def->id_rule;
    set_rules(l);
}

void listing_adopt_rules(struct listing *l)
{
    struct collection_record *r = &l->record;
    if (!l->rules_new)
        return;
    l->rules_new = false;
    r->mixed = true;
    r->old_parse = texts_of(&l->arena, l->old_rules.parse, l->old_rules.parse_count);
    r->old_parse_count = l->old_rules.parse_count;
    r->old_ignore = texts_of(&l->arena, l->old_rules.ignore, l->old_rules.ignore_count);
    r->old_ignore_count = l->old_rules.ignore_count;
    r->old_unordered = texts_of(&l->arena, l->old_rules.unordered, l->old_rules.unordered_count);
    r->old_unordered_count = l->old_rules.unordered_count;
    set_rules(l);
}

static int read_record(struct listing *l, const struct collection_key *key,
                       const struct listing_parent *parent, struct error *e)
{
    struct collection_record *r = &l->record;
    int code = store_collection_find(l->store, key, &l->arena, r, e);
    if (code == ERR_NOT_FOUND) {
        *r = (struct collection_record){.key = key_copy(&l->arena, key), .next_harvest = 1};
        if (parent) {
            r->parent_collection = parent->collection;
            r->parent_row = parent->row;
        }
        listing_adopt_definition(l);
        code = 0;
    }
    return code;
}

/* The pointers of two lists of texts, each once. */
static int union_of(struct arena *arena, const struct bytes *a, uint32_t a_count, const struct bytes *b,
                    uint32_t b_count, const struct pointer **out, uint32_t *out_count, struct error *e)
{
    struct bytes *texts = arena_alloc(arena, (a_count + b_count) * sizeof *texts);
    uint32_t count = 0;
    for (uint32_t i = 0; i < a_count + b_count; i++) {
        struct bytes text = i < a_count ? a[i] : b[i - a_count];
        uint32_t same = 0;
        while (same < count && !bytes_equal(texts[same], text))
            same++;
        if (same == count)
            texts[count++] = text;
    }
    *out_count = count;
    return pointers_of(arena, texts, count, out, e);
}

/* What an edited provider file means for the stored documents: the rules that they may have been made by. */
static int read_rules(struct listing *l, struct error *e)
{
    const struct collection_record *r = &l->record;
    bool edited = !digest_equal(r->definition, l->def->definition);
    if (edited && !digest_equal(r->id_rule, l->def->id_rule)) {
        l->void_first = true;
        return 0;
    }
    l->definition_new = l->rules_new = edited;
    if (!edited && !r->mixed)
        return 0;
    struct winnow_rules *old = &l->old_rules;
    int code = union_of(&l->arena, r->parse, r->parse_count, r->old_parse, r->old_parse_count, &old->parse,
                        &old->parse_count, e);
    if (!code)
        code = union_of(&l->arena, r->ignore, r->ignore_count, r->old_ignore, r->old_ignore_count,
                        &old->ignore, &old->ignore_count, e);
    if (!code)
        code = union_of(&l->arena, r->unordered, r->unordered_count, r->old_unordered, r->old_unordered_count,
                        &old->unordered, &old->unordered_count, e);
    return code;
}

int listing_open(struct listing *l, struct store *store, const struct collection_def *def,
                 const struct collection_key *key, const struct placeholders *values,
                 const struct listing_parent *parent, int64_t wall_ms, struct error *e)
{
    memset(l, 0, offsetof(struct listing, forecast.error));
    error_none(&l->fault);
    l->unsound[0] = 0;
    l->store = store;
    l->def = def;
    l->values = values;
    int code = store_read(store, e);
    if (code)
        return code;
    code = read_record(l, key, parent, e);
    if (!code)
        code = read_rules(l, e);
    store_done(store);
    if (code)
        return code;
    l->initial = l->void_first || l->record.listed_since_ms == 0;
    l->receipt = (struct receipt){
        .id = {store_shard(store), l->record.id, l->record.next_harvest++},
        .started_ms = wall_ms,
    };
    if (parent && parent->receipt.harvest) {
        l->rests_on = parent->receipt;
        l->receipt.rests_on = &l->rests_on;
        l->receipt.rests_on_count = 1;
    } else if (parent) {
        listing_unsound(l, RECEIPT_PARENT_UNSOUND);
        l->inherited = true;
    }
    listing_take_validators(l);
    return 0;
}

void listing_begin(struct listing *l)
{
    if (l->begun)
        return;
    l->begun = true;
    winnow_open(&l->winnow, l->def, l->values, store_secret(l->store), &l->arena,
                l->definition_new || l->record.mixed ? &l->old_rules : NULL);
    listing_forecast(l);
}

void listing_close(struct listing *l)
{
    winnow_close(&l->winnow);
    forecast_close(&l->forecast);
    rows_close(&l->ask);
    rows_close(&l->gone);
    rows_close(&l->delete_);
    rows_close(&l->missed);
    arena_close(&l->page);
    arena_close(&l->arena);
}

void listing_unsound(struct listing *l, const char *why)
{
    if (!l->unsound[0])
        snprintf(l->unsound, sizeof l->unsound, "%s", why);
    l->inherited = false;
}

int listing_ensure(struct listing *l, struct error *e)
{
    int code = store_write(l->store, e);
    if (!code && l->record.id == 0)
        code = store_collection_put(l->store, &l->record, e);
    l->receipt.id.collection = l->record.id;
    return code;
}

struct change listing_change(const struct listing *l, enum change_op op, int64_t wall_ms)
{
    return (struct change){
        .op = op,
        .time_ms = wall_ms,
        .collection = l->record.id,
        .key = l->record.key,
    };
}
