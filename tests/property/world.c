/* How a world begins, and what happens to it between two listings. Most of the time little does, and often
 * nothing at all: so it is out there, and only so are the short cuts taken that are to be tested. */
#include "tests/property/world.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static uint32_t below(struct world *w, uint64_t bound)
{
    return (uint32_t)random_below(&w->random, bound);
}

static bool one_in(struct world *w, unsigned n)
{
    return random_below(&w->random, n) == 0;
}

/* --- entries --- */

/* The name that an item's element has. */
static const char *element_of(const struct world *w)
{
    return w->kind.shape == XML_REPEATED ? "Bucket" : w->kind.shape == XML_CONTENTS ? "Contents" : "item";
}

void world_remake(struct world *w, struct entry *entry)
{
    static struct arena arena;
    arena_reset(&arena);
    struct value item = item_make(&arena, w, entry);
    buffer_reset(&entry->text);
    if (kind_is_xml(&w->kind))
        item_write_xml(element_of(w), &item, w->kind.refined, entry->style, &entry->text);
    else
        item_write_json(&item, w->kind.refined, entry->style, &entry->text);
    entry->form = form_of(&item, w->kind.refined, w->ignores);
    entry->plain = form_of(&item, w->kind.refined, IGNORE_ALL);
}

void world_remake_all(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        world_remake(w, &w->entries[i]);
}

/* Put an entry before `at`. */
static struct entry *insert(struct world *w, uint32_t at, const struct entry *entry)
{
    CHECK(w->count < ENTRIES_MAX && at <= w->count);
    memmove(w->entries + at + 1, w->entries + at, (w->count - at) * sizeof *w->entries);
    w->count++;
    w->entries[at] = *entry;
    w->entries[at].text = (struct buffer){0};
    world_remake(w, &w->entries[at]);
    return &w->entries[at];
}

static void remove_some(struct world *w, uint32_t at, uint32_t count)
{
    for (uint32_t i = at; i < at + count; i++)
        buffer_close(&w->entries[i].text);
    memmove(w->entries + at, w->entries + at + count, (w->count - at - count) * sizeof *w->entries);
    w->count -= count;
}

/* A block goes, to come back perhaps. */
static void take_away(struct world *w, uint32_t at, uint32_t count)
{
    memcpy(w->gone, w->entries + at, count * sizeof *w->gone);
    w->gone_count = count;
    w->gone_from = at;
    remove_some(w, at, count);
}

static bool has(const struct world *w, uint32_t resource)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->entries[i].resource == resource && !w->entries[i].unreadable)
            return true;
    return false;
}

static uint32_t some_place(struct world *w)
{
    switch (below(w, 3)) {
    case 0:
        return 0;
    case 1:
        return w->count;
    default:
        return below(w, w->count + 1);
    }
}

/* A resource that isn't there now; it may have been before. */
static void add_new(struct world *w, uint32_t at)
{
    struct entry entry = {.resource = below(w, w->resources), .version = below(w, 4), .noise = below(w, 16)};
    if (w->count >= w->most || has(w, entry.resource))
        return;
    entry.style = w->count ? w->entries[0].style : below(w, 25);
    insert(w, at, &entry);
}

static void bring_back(struct world *w)
{
    uint32_t at = w->gone_from < w->count ? w->gone_from : w->count;
    for (uint32_t i = 0; i < w->gone_count && w->count < w->most; i++)
        if (!has(w, w->gone[i].resource))
            insert(w, at++, &w->gone[i]);
    w->gone_count = 0;
}

static void add_again(struct world *w)
{
    struct entry entry = w->entries[below(w, w->count)];
    if (w->count >= w->most)
        return;
    if (one_in(w, 3))
        entry.version = below(w, 4);
    if (one_in(w, 2))
        entry.noise = below(w, 16);
    if (one_in(w, 2))
        entry.style = below(w, 25);
    insert(w, one_in(w, 2) ? w->count : some_place(w), &entry);
}

/* Nothing is shown twice, or without an id, any more: the first of each stays. */
static void tidy(struct world *w)
{
    bool met[RESOURCES_MAX] = {false};
    for (uint32_t i = 0; i < w->count;) {
        struct entry *entry = &w->entries[i];
        if (entry->unreadable || met[entry->resource]) {
            remove_some(w, i, 1);
        } else {
            met[entry->resource] = true;
            i++;
        }
    }
}

/* --- order --- */

static void reverse(struct world *w, uint32_t from, uint32_t to)
{
    for (; from + 1 < to; from++, to--) {
        struct entry entry = w->entries[from];
        w->entries[from] = w->entries[to - 1];
        w->entries[to - 1] = entry;
    }
}

/* Two blocks side by side change places. */
static void swap_blocks(struct world *w, uint32_t from, uint32_t middle, uint32_t to)
{
    reverse(w, from, middle);
    reverse(w, middle, to);
    reverse(w, from, to);
}

static void reorder(struct world *w)
{
    uint32_t a = below(w, w->count), b = a + below(w, w->count - a + 1), c = b + below(w, w->count - b + 1);
    switch (below(w, 5)) {
    case 0: /* one moves */
        swap_blocks(w, a, a + 1, c > a ? c : a + 1);
        break;
    case 1: /* the last comes to the front, or some of them */
        swap_blocks(w, 0, one_in(w, 2) ? w->count - 1 : a, w->count);
        break;
    case 2:
        swap_blocks(w, a, b, c);
        break;
    case 3:
        reverse(w, 0, w->count);
        break;
    default:
        for (uint32_t i = w->count; i > 1; i--) {
            uint32_t other = below(w, i);
            struct entry entry = w->entries[i - 1];
            w->entries[i - 1] = w->entries[other];
            w->entries[other] = entry;
        }
        break;
    }
}

/* --- states --- */

/* Another version, other noise, another order or hand: of one entry, or of a few that stand together. */
static void alter(struct world *w, unsigned what)
{
    uint32_t from = below(w, w->count), count = one_in(w, 4) ? below(w, w->count - from) + 1 : 1;
    if (what && one_in(w, 4)) {
        from = 0;
        count = w->count;
    }
    for (uint32_t i = from; i < from + count; i++) {
        struct entry *entry = &w->entries[i];
        switch (what) {
        case 0:
            entry->version = below(w, 4);
            break;
        case 1:
            entry->noise = below(w, 16);
            break;
        case 2:
            entry->order = below(w, 4);
            break;
        default:
            entry->style = below(w, 25);
            break;
        }
        world_remake(w, entry);
    }
}

static void add_unreadable(struct world *w)
{
    struct entry entry = {.resource = below(w, w->resources), .unreadable = true, .version = below(w, 3)};
    if (w->count < w->most)
        insert(w, below(w, w->count + 1), &entry);
}

static void page_otherwise(struct world *w)
{
    switch (below(w, 4)) {
    case 0:
        w->page_size = 1 + below(w, w->count < 8 ? 10 : w->count);
        break;
    case 1:
        w->page_seed = one_in(w, 3) ? 0 : random_u64(&w->random);
        break;
    case 2:
        w->group_size = 1 + below(w, 10);
        break;
    default:
        w->group_seed = one_in(w, 3) ? 0 : random_u64(&w->random);
        break;
    }
}

/* A few that stand together, or a whole page of them. */
static void take_block(struct world *w)
{
    uint32_t from = below(w, w->count), count;
    if (one_in(w, 2))
        from -= from % w->page_size;
    count = one_in(w, 2) ? w->page_size : 1 + below(w, w->count - from);
    take_away(w, from, count < w->count - from ? count : w->count - from);
}

static void change_once(struct world *w)
{
    uint32_t kind = below(w, 40);
    if (w->count == 0 || kind < 8)
        add_new(w, some_place(w));
    else if (kind < 10)
        take_away(w, below(w, w->count), 1);
    else if (kind < 12)
        take_block(w);
    else if (kind < 20)
        alter(w, 0);
    else if (kind < 26)
        alter(w, kind / 2 - 9);
    else if (kind < 31)
        reorder(w);
    else if (kind < 34)
        add_again(w);
    else if (kind < 38)
        page_otherwise(w);
    else if (kind < 39)
        w->separator = below(w, 4);
    else if (one_in(w, 3))
        add_unreadable(w);
    else if (one_in(w, 8))
        take_away(w, 0, w->count);
}

void world_change(struct world *w)
{
    w->listing++;
    w->envelope = one_in(w, 2) ? w->envelope : below(w, 64);
    if (one_in(w, 2))
        tidy(w);
    if (w->gone_count && one_in(w, 4))
        bring_back(w);
    if (one_in(w, 5))
        return;
    for (uint32_t i = one_in(w, 2) ? 1 : 1 + below(w, 4); i; i--)
        change_once(w);
}

/* --- beginning and end --- */

static enum shape some_shape(struct world *w, unsigned formats)
{
    bool xml = formats == 3 ? one_in(w, 4) : formats == 2; /* reading XML takes several times as long */
    return xml ? XML_SET + below(w, SHAPES - XML_SET) : below(w, XML_SET);
}

static enum turn some_turn(struct world *w)
{
    bool in_body = w->kind.shape != JSON_ROOT;
    for (;;) {
        enum turn turn = one_in(w, 2) ? TURN_TOKEN_HEADER : (enum turn)below(w, TURNS);
        if (in_body || (turn != TURN_TOKEN && turn != TURN_LINK_BODY))
            return turn;
    }
}

/* Few resources in most worlds, and in some so many that one digest doesn't hold a page of them. */
static void set_size(struct world *w, uint32_t *first)
{
    uint32_t size = one_in(w, 100) ? 4 : one_in(w, 4) ? 2 : 1;
    static const uint32_t most[] = {0, 12, 40, 0, ENTRIES_MAX};
    w->most = most[size];
    w->resources = w->most + w->most / 5;
    w->page_size = size == 4 ? 100 + below(w, 200) : 1 + below(w, w->most);
    *first = size == 4 ? 100 + below(w, 150) : below(w, w->most);
}

void world_open(struct world *w, uint64_t seed, unsigned formats)
{
    uint32_t first;
    *w = (struct world){.seed = seed, .listing = 1};
    random_seed(&w->random, seed);
    w->kind.shape = some_shape(w, formats);
    w->kind.turn = some_turn(w);
    w->kind.naming = one_in(w, 2) ? NAMED_BY_POINTER : (enum naming)below(w, NAMINGS);
    w->kind.refined = one_in(w, 3);
    w->ignores = one_in(w, 2) ? IGNORE_NOISE : below(w, IGNORE_SETS);
    set_size(w, &first);
    w->entries = mem_zalloc((w->most + 1) * sizeof *w->entries);
    w->gone = mem_zalloc((w->most + 1) * sizeof *w->gone);
    w->uniform = one_in(w, 6);
    w->ids = mem_zalloc(w->resources * sizeof *w->ids);
    w->group_size = 1 + below(w, 6);
    w->separator = below(w, 4);
    w->envelope = below(w, 64);
    for (uint32_t i = 0; i < first; i++)
        add_new(w, w->count);
}

void world_close(struct world *w)
{
    if (w->entries)
        remove_some(w, 0, w->count);
    free(w->entries);
    free(w->gone);
    free(w->ids);
    *w = (struct world){0};
}
