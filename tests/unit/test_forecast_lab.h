/* A lab for the forecast: listings of scripted pages, a store of stretches in memory, and what the documents
 * are.
 *
 * An item is a number and a value: "7" or "7=2"; "0-79" are many. What it was last taken with is its row's
 * document, and whatever the forecast recognises must be that. The lab takes pages as a listing does. */
#ifndef GARNER_TEST_FORECAST_LAB_H
#define GARNER_TEST_FORECAST_LAB_H

#include <inttypes.h>
#include <stdio.h>

#include "test_value_maker.h"
#include "worker/decode/decode.h"
#include "worker/winnow/forecast.h"

enum { LAB_IDS = 16384, LAB_PAGE_ITEMS = 12000 };

enum lab_shape {
    LAB_JSON,   /* {"items":[…],"next":…} */
    LAB_NESTED, /* items in lists in a list, three in each */
    LAB_MARKER, /* the next page is asked for with the last item's id */
    LAB_XML,    /* a list of XML */
    LAB_S3,     /* repeated elements of XML, a marker among them */
    LAB_SHAPES,
};

struct lab_item {
    uint32_t id, v;
    bool noted; /* it is never to be part of a stretch */
};

/* What is there between two transactions. */
struct lab_world {
    struct stretch *stretches; /* by place */
    uint32_t count, cap;
    uint32_t ids, rows;        /* how many were used */
    uint32_t row_of[LAB_IDS];  /* its row + 1, or 0 */
    uint32_t item_of[LAB_IDS]; /* a row's id + 1, or 0 */
    uint32_t v_of[LAB_IDS];    /* a row's document */
    struct forecast_noted noted;
};

struct lab {
    enum lab_shape shape;
    struct provider *provider;
    const struct collection_def *def;
    struct placeholders values;
    struct hash_secret secret;
    struct lab_world world;
    struct forecast forecast;
    struct forecast_noted noted; /* by this listing, and written when anything else is */
    bool seen[LAB_IDS];          /* rows */
    struct arena arena;
    /* The page at hand. */
    struct buffer body;
    struct lab_item items[LAB_PAGE_ITEMS];
    struct finder_cut spans[LAB_PAGE_ITEMS];
    uint32_t count;
    bool is_lines;         /* it is of a format that has no forecast */
    const char *space;     /* between items */
    uint32_t marker_after; /* so many items */
    /* What a page did. */
    uint32_t calls, puts, drops;
    uint32_t over;          /* of the puts: where there was one */
    uint32_t parsed, pages; /* items and pages of this listing */
    bool each_fails, put_fails;
    bool rests;
    bool skips_decode;
    struct buffer diary, story;
};

#define LAB_HEAD                                                                                             \
    "provider: lab\nauth: {kind: none}\nxml: {list_elements: [item]}\ncollections:\n  - type: item\n"        \
    "    request: {url: 'http://lab/items'}\n    id: /id\n"

static const char *const lab_yaml[] = {
    [LAB_JSON] = LAB_HEAD
    "    items: /items/*\n    page: {style: token, from: 'body:/next', to: 'query:a'}\n",
    [LAB_NESTED] = LAB_HEAD "    items: /r/*/i/*\n",
    [LAB_MARKER] = LAB_HEAD
    "    items: /items/*\n    page: {style: marker, from: 'item:/id', to: 'query:a'}\n",
    [LAB_XML] = LAB_HEAD "    items: /items/*\n    format: xml\n",
    [LAB_S3] = LAB_HEAD "    items: /Contents/*\n    format: xml\n"
                        "    page: {style: token, from: 'body:/NextMarker', to: 'query:a'}\n",
};

static inline struct provider *lab_provider(const char *yaml)
{
    struct yaml_report report = {0};
    struct provider *provider = provider_open_text("lab.yaml", bytes_of(yaml), &report);
    if (!provider || report.errors)
        fail_msg("%s", buffer_text(&report.text));
    yaml_report_close(&report);
    return provider;
}

static inline struct lab *lab_open(enum lab_shape shape)
{
    struct lab *lab = calloc(1, sizeof *lab);
    lab->shape = shape;
    lab->space = "";
    lab->provider = lab_provider(lab_yaml[shape]);
    lab->def = lab->provider->collections;
    return lab;
}

static inline void lab_close(struct lab *lab)
{
    forecast_close(&lab->forecast);
    provider_close(lab->provider);
    arena_close(&lab->arena);
    buffer_close(&lab->body);
    buffer_close(&lab->diary);
    buffer_close(&lab->story);
    free(lab->world.stretches);
    free(lab);
}

/* What holds whatever happens; if it doesn't, all that happened is told. */
static inline void lab_holds(const struct lab *lab, bool holds, const char *sentence)
{
    if (!holds) {
        fprintf(stderr, "shape %d, %s\n", (int)lab->shape, buffer_text(&lab->story));
        fail_msg("it isn't so that %s", sentence);
    }
}

/* --- the store --- */

static inline uint32_t lab_stretch_from(const struct lab_world *world, uint64_t place)
{
    uint32_t i = 0;
    while (i < world->count && world->stretches[i].place < place)
        i++;
    return i;
}

static inline int lab_each(void *context, uint64_t from,
                           int (*visit)(void *visitor, const struct stretch *stretch), void *visitor,
                           struct error *e)
{
    struct lab *lab = context;
    int code = lab->each_fails ? error_set(e, ERR_STORE, "can't be read") : 0;
    for (uint32_t i = lab_stretch_from(&lab->world, from); !code && i < lab->world.count; i++) {
        struct stretch brief = lab->world.stretches[i];
        brief.is_brief = true;
        memset(brief.items, 0xee, sizeof brief.items);
        code = visit(visitor, &brief);
    }
    return code;
}

static inline int lab_read(void *context, uint64_t place, struct stretch *out, struct error *e)
{
    struct lab *lab = context;
    uint32_t i = lab_stretch_from(&lab->world, place);
    if (lab->each_fails)
        return error_set(e, ERR_STORE, "can't be read");
    lab_holds(lab, i < lab->world.count && lab->world.stretches[i].place == place,
              "what is read in full is still there");
    *out = lab->world.stretches[i];
    return 0;
}

static inline int lab_put(void *context, const struct stretch *stretch, struct error *e)
{
    struct lab *lab = context;
    struct lab_world *world = &lab->world;
    uint32_t i = lab_stretch_from(world, stretch->place);
    if (lab->put_fails)
        return error_set(e, ERR_STORE, "can't be written");
    lab_holds(lab, stretch->place > 0 && stretch->count > 0, "a stretch has a place and items");
    lab->calls++;
    lab->puts++;
    if (world->count == world->cap) {
        world->cap = world->cap ? world->cap * 2 : 16;
        world->stretches = realloc(world->stretches, world->cap * sizeof *stretch);
        assert_non_null(world->stretches);
    }
    if (i == world->count || world->stretches[i].place != stretch->place) {
        memmove(world->stretches + i + 1, world->stretches + i, (world->count - i) * sizeof *stretch);
        world->count++;
    } else {
        lab->over++;
    }
    world->stretches[i] = *stretch;
    return 0;
}

static inline int lab_drop(void *context, uint64_t from, uint64_t to, struct error *e)
{
    struct lab *lab = context;
    struct lab_world *world = &lab->world;
    uint32_t i = lab_stretch_from(world, from), end = i;
    (void)e;
    lab->calls++;
    while (end < world->count && world->stretches[end].place <= to)
        end++;
    lab->drops += end - i;
    memmove(world->stretches + i, world->stretches + end, (world->count - end) * sizeof *world->stretches);
    world->count -= end - i;
    return 0;
}

/* --- bodies --- */

static inline void lab_item_text(enum lab_shape shape, const struct lab_item *item, struct buffer *out)
{
    const char *tag = shape == LAB_XML ? "item" : "Contents";
    if (shape == LAB_XML || shape == LAB_S3)
        buffer_printf(out, "<%s><id>%u</id><v>%u</v>%s</%s>", tag, item->id, item->v,
                      item->noted ? "<n/>" : "", tag);
    else
        buffer_printf(out, "{\"id\":\"%u\",\"v\":%u%s}", item->id, item->v, item->noted ? ",\"n\":1" : "");
}

static inline void lab_make_body(struct lab *lab)
{
    static const char *const begins[] = {"{\"a\":[1],\"items\":[", "{\"r\":[{\"i\":[", "{\"items\":[",
                                         "<R><items>", "<R><b/>"};
    static const char *const ends[] = {"],\"next\":\"m\"}", "]}],\"next\":\"m\"}", "],\"next\":\"m\"}",
                                       "</items><NextMarker>m</NextMarker></R>", "<z/></R>"};
    static const char *const joints[] = {",", ",", ",", "", ""};
    struct buffer *body = &lab->body;
    buffer_reset(body);
    buffer_add_text(body, begins[lab->shape]);
    for (uint32_t i = 0; i < lab->count; i++) {
        if (lab->shape == LAB_S3 && i == lab->marker_after)
            buffer_add_text(body, "<NextMarker>m</NextMarker>");
        if (lab->shape == LAB_NESTED && i && lab->items[i].id % 3 == 0)
            buffer_add_text(body, "]},{\"i\":[]},{\"i\":[");
        else if (i)
            buffer_add_text(body, joints[lab->shape]);
        buffer_add_text(body, lab->space);
        lab->spans[i].from = body->len;
        lab_item_text(lab->shape, &lab->items[i], body);
        lab->spans[i].to = body->len;
    }
    if (lab->shape == LAB_S3 && lab->marker_after >= lab->count)
        buffer_add_text(body, "<NextMarker>m</NextMarker>");
    buffer_add_text(body, ends[lab->shape]);
}

/* --- what is recognised --- */

static inline uint32_t lab_span_at(const struct lab *lab, size_t from)
{
    uint32_t low = 0, high = lab->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (lab->spans[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    lab_holds(lab, low < lab->count && lab->spans[low].from == from, "a slot begins where an item does");
    return low;
}

/* Slots are the page's items, none left out. */
static inline void lab_check_slots(struct lab *lab)
{
    const struct forecast_page *page = &lab->forecast.page;
    uint32_t next = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct forecast_slot *slot = &page->slots[i];
        lab_holds(lab, lab_span_at(lab, slot->from) == next, "slots follow each other");
        next += slot->kind == SLOT_NEW ? 1 : forecast_rows(&lab->forecast, slot).count;
        lab_holds(lab, next <= lab->count && lab->spans[next - 1].to == slot->to,
                  "a slot ends where its last item does");
    }
    lab_holds(lab, next == lab->count, "all items are in slots");
}

struct lab_walk {
    const struct lab *lab;
    uint32_t slot, found;
};

static inline int lab_walk_item(void *context, const struct value *value)
{
    struct lab_walk *walk = context;
    const struct forecast_page *page = &walk->lab->forecast.page;
    char text[16];
    while (walk->slot < page->count && page->slots[walk->slot].kind != SLOT_NEW)
        walk->slot++;
    lab_holds(walk->lab, walk->slot < page->count, "no more is left than what is new");
    uint32_t item = lab_span_at(walk->lab, page->slots[walk->slot++].from);
    snprintf(text, sizeof text, "%u", walk->lab->items[item].id);
    const struct value *id = value_get_text(value, "id");
    lab_holds(walk->lab, id && id->type == VALUE_STRING && bytes_is(id->text, text),
              "what is left is what is new");
    walk->found++;
    return 0;
}

/* What is left of the body decodes to what is new, and the marker is still there. */
static inline void lab_check_rest(struct lab *lab, enum format_kind format)
{
    const struct forecast_page *page = &lab->forecast.page;
    struct answer answer = {.status = 200, .body = page->rest, .delimited = true, .url = ""};
    struct decoded decoded;
    struct error e;
    struct lab_walk walk = {.lab = lab};
    arena_reset(&lab->arena);
    if (decode_body(&lab->arena, &answer, format, &lab->def->xml, &decoded, &e))
        fail_msg("%s", e.text);
    pointer_walk(&lab->def->items, &decoded.value, format == FORMAT_XML, NULL, lab_walk_item, &walk);
    lab_holds(lab, walk.found == page->unknown, "all that is new is left");
    const char *name = format == FORMAT_XML ? "NextMarker" : "next";
    const struct value *marker = value_get_text(&decoded.value, name);
    lab_holds(lab, marker && marker->type == VALUE_STRING && bytes_is(marker->text, "m"),
              "the marker is in what is left");
}

/* --- pages --- */

static inline uint32_t lab_recognised(struct lab *lab, uint32_t *rows, struct lab_item *items)
{
    const struct forecast_page *page = &lab->forecast.page;
    uint32_t count = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        if (page->slots[i].kind == SLOT_NEW)
            continue;
        uint32_t first = lab_span_at(lab, page->slots[i].from);
        struct forecast_rows these = forecast_rows(&lab->forecast, &page->slots[i]);
        for (uint32_t j = 0; j < these.count; j++, count++) {
            rows[count] = these.items ? these.items[j].row : these.row + j;
            items[count] = lab->items[first + j];
        }
    }
    return count;
}

/* As listing_collides: was something that is recognised seen before, or is it there twice? */
static inline bool lab_collides(struct lab *lab, const uint32_t *rows, uint32_t count)
{
    const struct forecast_page *page = &lab->forecast.page;
    static bool here[LAB_IDS];
    bool is = false;
    for (uint32_t i = 0; i < count; i++) {
        is = is || (lab->forecast.is_unsettled && lab->seen[rows[i]]);
        here[rows[i]] = true;
    }
    for (uint32_t i = 0; i < page->count; i++)
        if (page->slots[i].kind == SLOT_NEW) {
            uint32_t row = lab->world.row_of[lab->items[lab_span_at(lab, page->slots[i].from)].id];
            is = is || (row && here[row - 1]);
        }
    for (uint32_t i = 0; i < count; i++)
        here[rows[i]] = false;
    return is;
}

/* Mark what is recognised as seen; it must be what the documents are. */
static inline bool lab_take_recognised(struct lab *lab)
{
    static uint32_t rows[LAB_PAGE_ITEMS];
    static struct lab_item items[LAB_PAGE_ITEMS];
    uint32_t count = lab_recognised(lab, rows, items);
    if (lab_collides(lab, rows, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        lab_holds(lab, !lab->seen[rows[i]], "what is recognised wasn't seen before in this listing");
        lab_holds(lab, lab->world.item_of[rows[i]] == items[i].id + 1, "what is recognised is its row's");
        lab_holds(lab, lab->world.v_of[rows[i]] == items[i].v && !items[i].noted,
                  "what is recognised is the stored document");
        lab->seen[rows[i]] = true;
    }
    return true;
}
#endif
