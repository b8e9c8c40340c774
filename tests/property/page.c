/* A world as pages: which entries are on which, and the bodies. Around the items stands what stands there in
 * answers: ids of requests that differ each time, other lists, and what looks like the list and isn't. */
#include "tests/property/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

/* Bits of `envelope`. */
enum { BEFORE = 1, BEHIND = 2, DECOYS = 4, NULLS = 8, RARE = 48 };

struct writer {
    struct world *w;
    struct shown *page;
    struct buffer *out;
    uint64_t salt; /* for the sizes of groups */
};

static uint64_t hash(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void add_gap(const struct writer *at, struct buffer *out)
{
    static const char *const gaps[] = {"", " ", "\n  ", "\r\n\t"};
    buffer_add_text(out, gaps[at->w->separator]);
}

/* --- JSON --- */

static void add_json_items(const struct writer *at, uint32_t from, uint32_t count)
{
    buffer_add_char(at->out, '[');
    for (uint32_t i = from; i < from + count; i++) {
        if (i > from)
            buffer_add_char(at->out, ',');
        add_gap(at, at->out);
        buffer_add_bytes(at->out, buffer_bytes(&at->w->entries[i].text));
        if (!at->page->gap || random_below(&at->w->random, 3) == 0)
            at->page->gap = at->out->len;
    }
    add_gap(at, at->out);
    buffer_add_char(at->out, ']');
}

/* How many of the entries left the next group has. */
static uint32_t group_of(const struct writer *at, uint32_t group, uint32_t left)
{
    uint64_t size = at->w->group_size;
    if (at->w->group_seed)
        size = hash(at->w->group_seed, group) % (2 * size);
    return size < left ? (uint32_t)size : left;
}

static void add_json_groups(const struct writer *at, uint32_t from, uint32_t count)
{
    uint32_t end = from + count;
    buffer_add_char(at->out, '[');
    for (uint32_t group = 0; from < end; group++) {
        uint32_t some = group_of(at, group, end - from);
        buffer_add_text(at->out, group ? "," : "");
        add_gap(at, at->out);
        buffer_printf(at->out, "{\"group\":%u,\"list\":", group);
        add_json_items(at, from, some);
        buffer_add_text(at->out, at->w->envelope & BEHIND ? ",\"owner\":{\"list\":[1]}}" : "}");
        from += some;
    }
    buffer_add_char(at->out, ']');
}

static void add_json_before(const struct writer *at)
{
    struct buffer *out = at->out;
    if (at->w->envelope & BEFORE)
        buffer_printf(out, "\"request\":\"%016" PRIx64 "\",", random_u64(&at->w->random));
    if (at->w->envelope & DECOYS)
        buffer_add_text(
            out, "\"meta\":{\"items\":[{\"id\":\"i-0001\"}],\"data\":[]},\"say\":\"\\\"items\\\":[{},\",");
}

static void add_json_behind(const struct writer *at)
{
    struct buffer *out = at->out;
    const char *next = at->page->next;
    if (at->w->envelope & BEHIND)
        buffer_printf(out, ",\"took\":%u", (unsigned)random_below(&at->w->random, 1000));
    if (at->w->envelope & DECOYS)
        buffer_add_text(out, ", \"more\" : {\"items\" : [ ]}");
    if (at->w->kind.turn == TURN_TOKEN && (*next || at->w->envelope & NULLS))
        buffer_printf(out, *next ? ",\"next\":\"%s\"" : ",\"next\":null", next);
    if (at->w->kind.turn == TURN_LINK_BODY && (*next || at->w->envelope & NULLS))
        buffer_printf(out, ",\"link\":{\"next\":\"%s\"}", next);
}

/* `"items":`, now and then with an escape in it, or behind another list of that name, which doesn't count. */
static void add_json_name(const struct writer *at, bool nested)
{
    bool rare = (at->w->envelope & RARE) == RARE;
    const char *name = nested ? "data" : "items", *escaped = nested ? "d\\u0061ta" : "it\\u0065ms";
    if (rare && at->w->envelope & BEFORE)
        buffer_printf(at->out, nested ? "\"%s\":[{\"list\":[{\"id\":\"x\"}]}]," : "\"%s\":[{\"id\":\"x\"}],",
                      name);
    buffer_printf(at->out, "\"%s\":", rare && at->w->envelope & DECOYS ? escaped : name);
    add_gap(at, at->out);
}

static void add_json_page(const struct writer *at, uint32_t from, uint32_t count)
{
    bool nested = at->w->kind.shape == JSON_NESTED;
    if (at->w->kind.shape == JSON_ROOT) {
        add_json_items(at, from, count);
        return;
    }
    buffer_add_char(at->out, '{');
    add_json_before(at);
    add_json_name(at, nested);
    if (nested)
        add_json_groups(at, from, count);
    else
        add_json_items(at, from, count);
    add_json_behind(at);
    if (at->page->hollow)
        buffer_printf(at->out, ",\"%s\":[]", nested ? "data" : "items");
    buffer_add_char(at->out, '}');
}

/* --- XML --- */

static void add_xml_items(const struct writer *at, uint32_t from, uint32_t count)
{
    bool mixed = at->w->kind.shape == XML_CONTENTS && at->w->envelope & DECOYS;
    for (uint32_t i = from; i < from + count; i++) {
        add_gap(at, at->out);
        if (at->w->separator == 3 && at->w->envelope & DECOYS)
            buffer_add_text(at->out, "<!-- </item> -->");
        if (mixed && i % 3 == 1)
            buffer_printf(at->out, "<CommonPrefixes><Prefix>p%u</Prefix></CommonPrefixes>", i);
        buffer_add_bytes(at->out, buffer_bytes(&at->w->entries[i].text));
        if (!at->page->gap || random_below(&at->w->random, 3) == 0)
            at->page->gap = at->out->len;
    }
    add_gap(at, at->out);
}

static void add_xml_list(const struct writer *at, const char *name, uint32_t from, uint32_t count)
{
    if (count == 0 && at->w->envelope & NULLS) {
        buffer_printf(at->out, "<%s/>", name);
        return;
    }
    buffer_printf(at->out, "<%s>", name);
    add_xml_items(at, from, count);
    buffer_printf(at->out, "</%s>", name);
}

static void add_xml_groups(const struct writer *at, uint32_t from, uint32_t count)
{
    uint32_t end = from + count;
    buffer_add_text(at->out, "<reservationSet>");
    for (uint32_t group = 0; from < end; group++) {
        uint32_t some = group_of(at, group, end - from);
        add_gap(at, at->out);
        buffer_printf(at->out, "<item><reservationId>r-%u</reservationId>", group);
        add_xml_list(at, "instancesSet", from, some);
        buffer_add_text(at->out,
                        at->w->envelope & BEHIND ? "<groupSet><item>g</item></groupSet></item>" : "</item>");
        from += some;
    }
    buffer_add_text(at->out, "</reservationSet>");
}

static void add_xml_page(const struct writer *at, uint32_t from, uint32_t count)
{
    struct buffer *out = at->out;
    const char *next = at->page->next;
    if (at->w->envelope & BEFORE)
        buffer_add_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    buffer_add_text(out, "<R xmlns=\"http://lab/\" xmlns:n='urn:n'>");
    if (at->w->envelope & BEFORE)
        buffer_printf(out, "<requestId>%016" PRIx64 "</requestId>", random_u64(&at->w->random));
    switch (at->w->kind.shape) {
    case XML_SET:
        add_xml_list(at, "set", from, count);
        break;
    case XML_REPEATED:
        add_xml_list(at, "Buckets", from, count);
        break;
    case XML_CONTENTS:
        buffer_add_text(out, "<Name>n</Name>");
        add_xml_items(at, from, count);
        break;
    default:
        add_xml_groups(at, from, count);
        break;
    }
    if (at->w->kind.turn == TURN_TOKEN && (*next || at->w->envelope & NULLS))
        buffer_printf(out, "<next>%s</next>", next);
    if (at->w->kind.turn == TURN_LINK_BODY && (*next || at->w->envelope & NULLS))
        buffer_printf(out, "<link><next>%s</next></link>", next);
    if (at->w->envelope & BEHIND)
        buffer_printf(out, "<took>%u</took>\n", (unsigned)random_below(&at->w->random, 1000));
    buffer_add_text(out, "</R>");
}

/* --- pages --- */

static uint32_t size_of(const struct world *w, uint32_t page, uint32_t left, bool marker)
{
    uint64_t size = w->page_size;
    if (w->page_seed)
        size = hash(w->page_seed, page) % (2 * size + 1);
    if (marker && size == 0) /* an empty page would end it */
        size = 1;
    return size < left && page + 2 < PAGES_MAX ? (uint32_t)size : left;
}

static bool by_marker(const struct world *w)
{
    return w->kind.turn == TURN_MARKER || w->kind.turn == TURN_MARKER_ID;
}

static void cut_pages(struct world *w, struct layout *out)
{
    uint32_t at = 0;
    out->count = 0;
    do {
        struct shown *page = &out->pages[out->count];
        page->from = at;
        page->count = w->kind.turn == TURN_NONE ? w->count
                                                : size_of(w, out->count, w->count - at, by_marker(w));
        page->next[0] = 0;
        page->gap = 0;
        page->hollow = false;
        at += page->count;
        out->count++;
    } while (at < w->count);
    if (by_marker(w) && w->count) { /* an empty page ends it */
        struct shown *page = &out->pages[out->count++];
        *page = (struct shown){.from = at, .body = page->body};
    }
}

void world_show(struct world *w, bool hollow, struct layout *out)
{
    cut_pages(w, out);
    if (hollow && !kind_is_xml(&w->kind) && w->kind.shape != JSON_ROOT && !by_marker(w))
        out->pages[random_below(&w->random, out->count)].hollow = true;
    for (uint32_t i = 0; i < out->count; i++) {
        struct shown *page = &out->pages[i];
        struct writer at = {.w = w, .page = page, .out = &page->body};
        bool link = w->kind.turn == TURN_LINK_BODY || w->kind.turn == TURN_LINK_HEADER;
        if (i + 1 < out->count)
            snprintf(page->next, sizeof page->next, link ? "/items/%" PRIu64 "/%u" : "t%" PRIu64 ".%u",
                     w->listing, i + 1);
        buffer_reset(&page->body);
        if (kind_is_xml(&w->kind))
            add_xml_page(&at, page->from, page->count);
        else
            add_json_page(&at, page->from, page->count);
    }
}

void layout_close(struct layout *layout)
{
    for (uint32_t i = 0; i < PAGES_MAX; i++)
        buffer_close(&layout->pages[i].body);
    *layout = (struct layout){0};
}
