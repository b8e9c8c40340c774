/* Which collections have a forecast, and under which rules its stretches were made.
 *
 * A page's envelope is decoded without the items that were recognised, so nothing else may be read there:
 * where paging or an error's code is looked for among the items, there is no forecast. And bytes stand for a
 * document only as long as the same bytes give the same document under the same id: what that hangs on is
 * hashed. */
#include "worker/winnow/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "common/value/canonical.h"
#include "worker/winnow/forecast_internal.h"

/* To be raised when a new version makes other documents of the same bytes. */
static const char forecast_version[] = "1;";

/* The segments of the items pointer up to its first `*`: the list that items are cut from. */
static uint32_t list_depth(const struct pointer *items)
{
    uint32_t depth = 0;
    while (depth < items->count && !items->walks[depth])
        depth++;
    return depth;
}

static bool is_index(struct bytes segment)
{
    uint64_t number;
    return bytes_to_u64(segment, &number);
}

/* Could this pointer lead to the list of items, into it, or to what holds it? Into a list of JSON it leads by
 * an index only; what is a list in XML depends on how many there are. */
static bool meets_items(const struct collection_def *def, const struct pointer *pointer, bool is_xml)
{
    uint32_t depth = list_depth(&def->items);
    for (uint32_t i = 0; i < depth && i < pointer->count; i++)
        if (!bytes_equal(pointer->segments[i], def->items.segments[i]))
            return false;
    return is_xml || pointer->count <= depth || pointer->walks[depth] || is_index(pointer->segments[depth]);
}

static bool reads_items(const struct collection_def *def, const struct source *sources, uint32_t count,
                        bool is_xml)
{
    for (uint32_t i = 0; i < count; i++)
        if (sources[i].kind == SOURCE_BODY && meets_items(def, &sources[i].pointer, is_xml))
            return true;
    return false;
}

static bool has_forecast(const struct collection_def *def, bool is_xml)
{
    const struct page_def *page = &def->page;
    const struct pointer *items = &def->items;
    if (items->count == 0 || !items->walks[items->count - 1] || items->count > FINDER_SEGMENTS)
        return false;
    bool has_from = page->style == PAGE_TOKEN || page->style == PAGE_LINK; /* a marker is in the last item */
    for (uint32_t i = 0; has_from && i < page->part_count; i++)
        if (reads_items(def, &page->parts[i].from, 1, is_xml))
            return false;
    return !(page->has_total && reads_items(def, &page->total, 1, is_xml)) &&
           !(page->has_last && reads_items(def, &page->last, 1, is_xml)) &&
           !(page->has_more && reads_items(def, &page->more, 1, is_xml)) &&
           !reads_items(def, def->errors.code_at, def->errors.code_at_count, is_xml) &&
           !reads_items(def, def->errors.message_at, def->errors.message_at_count, is_xml);
}

static bool needs_last(const struct collection_def *def)
{
    const struct page_def *page = &def->page;
    if (page->style == PAGE_MARKER)
        return true;
    for (uint32_t i = 0; i < page->part_count; i++)
        if (page->parts[i].from.kind == SOURCE_ITEM)
            return true;
    return false;
}

static void add_value(const struct value *value, struct buffer *out)
{
    if (value)
        canonical_form(value, NULL, 0, out);
    buffer_add_char(out, ';');
}

/* What an id template may hold beside the item. */
static void add_values(const struct placeholders *values, struct buffer *out)
{
    buffer_add_bytes(out, values->account_id);
    add_value(values->account_keys, out);
    add_value(values->vars, out);
    buffer_add_text(out, values->region ? values->region : "");
    for (const struct resource_view *view = values->parent; view; view = view->parent) {
        buffer_add_char(out, ';');
        buffer_add_bytes(out, view->id);
        add_value(view->document, out);
    }
}

uint64_t forecast_rules_of(const struct collection_def *def, const struct placeholders *values)
{
    char fixed[sizeof forecast_version - 1 + sizeof def->definition.bytes];
    struct bytes text = {fixed, sizeof fixed};
    struct buffer longer = {0};
    memcpy(fixed, forecast_version, sizeof forecast_version - 1);
    memcpy(fixed + sizeof forecast_version - 1, def->definition.bytes, sizeof def->definition.bytes);
    if (def->id_kind == ID_TEMPLATE) {
        buffer_add_bytes(&longer, text);
        add_values(values, &longer);
        text = buffer_bytes(&longer);
    }
    uint64_t hash = hash64(text);
    buffer_close(&longer);
    return hash ? hash : 1;
}

void forecast_open(struct forecast *f, const struct collection_def *def, const struct placeholders *values,
                   const struct hash_secret *secret, const struct forecast_store *store,
                   const struct forecast_noted *noted, bool rests)
{
    memset(f, 0, offsetof(struct forecast, error));
    error_none(&f->error);
    f->def = def;
    f->secret = secret;
    f->store = *store;
    f->is_on = has_forecast(def, false);
    f->is_on_xml = f->is_on && has_forecast(def, true); /* XML rules out more */
    f->leaves_last = needs_last(def);
    f->rows = noted->rows;
    f->is_learning = true;
    if (f->is_on) {
        f->rules = forecast_rules_of(def, values);
        f->is_learning = rests || noted->is_unsettled || noted->rules != f->rules;
    }
    f->learns_anew = f->is_learning && noted->rules != 0;
    f->is_loaded = f->is_learning;
}

void forecast_close(struct forecast *f)
{
    free(f->window);
    free(f->loose);
    free(f->page.slots);
    buffer_close(&f->rest);
    f->window = NULL;
    f->loose = NULL;
    f->page.slots = NULL;
}

void forecast_give_up(struct forecast *f)
{
    f->page.mapped = false;
    f->page.count = f->page.unknown = f->page.misses = 0;
    f->page.tier1 = f->page.tier2 = 0;
    f->page.rest = f->page.body;
    f->page.end = f->at;
}

struct forecast_rows forecast_rows(const struct forecast *f, const struct forecast_slot *slot)
{
    const struct stretch *stretch = window_stretch(f, slot->at);
    if (slot->kind == SLOT_ITEM)
        return (struct forecast_rows){stretch->items[slot->at.item].row, 1, NULL};
    const struct stretch_item *items = stretch->row == STRETCH_ROWS ? stretch->items : NULL;
    return (struct forecast_rows){stretch->row, stretch->count, items};
}

uint32_t forecast_expected(struct forecast *f, const struct forecast_slot *slot)
{
    const struct stretch_item *item = window_item(f, slot->at);
    return item ? item->row : UINT32_MAX;
}
