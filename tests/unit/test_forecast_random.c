/* Random worlds of a forecast: listings of changing items over changing pages, some of which fail, are listed
 * twice over, lose their transaction or can't be read ahead of. Whatever is recognised is what the row's
 * document was last made of, and what the store says of documents is so. A value that returns is the hardest
 * case: its bytes were once right, so listings go back to what they were. */
#include "test_forecast_listing.h"

enum { ITEMS_MOST = 200, OLDER = 3, CASES = 1000, LISTINGS = 24 };

struct list {
    struct lab_item items[ITEMS_MOST];
    uint32_t count;
};

struct story {
    struct lab *lab;
    struct random random;
    struct list now, older[OLDER];
    uint32_t ids;
    struct lab_world kept; /* as of the last commit */
};

static bool chance(struct story *s, uint32_t percent)
{
    return random_below(&s->random, 100) < percent;
}

static uint32_t below(struct story *s, uint32_t bound)
{
    return (uint32_t)random_below(&s->random, bound);
}

/* --- commits --- */

/* LAB_IDS is much more than these stories use. */
static void copy_world(struct lab_world *to, const struct lab_world *from, uint32_t ids)
{
    if (to->cap < from->count) {
        to->cap = from->cap;
        to->stretches = realloc(to->stretches, to->cap * sizeof *to->stretches);
        assert_non_null(to->stretches);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        const struct stretch *stretch = &from->stretches[i];
        memcpy(&to->stretches[i], stretch,
               offsetof(struct stretch, items) + stretch->count * sizeof *stretch->items);
    }
    to->count = from->count;
    to->rows = from->rows;
    to->noted = from->noted;
    memcpy(to->row_of, from->row_of, ids * sizeof *to->row_of);
    memcpy(to->item_of, from->item_of, ids * sizeof *to->item_of);
    memcpy(to->v_of, from->v_of, ids * sizeof *to->v_of);
}

static void commit(struct story *s)
{
    copy_world(&s->kept, &s->lab->world, s->ids);
    buffer_add_text(&s->lab->story, " committed");
}

static void lose(struct story *s)
{
    copy_world(&s->lab->world, &s->kept, s->ids);
    buffer_add_text(&s->lab->story, " all lost since the last commit");
}

/* --- what there is to be listed --- */

static void insert(struct list *list, uint32_t at, struct lab_item item)
{
    if (list->count == ITEMS_MOST)
        return;
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof item);
    list->items[at] = item;
    list->count++;
}

static struct lab_item take_out(struct list *list, uint32_t at)
{
    struct lab_item item = list->items[at];
    list->count--;
    memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof item);
    return item;
}

static bool is_there(const struct list *list, uint32_t id)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].id == id)
            return true;
    return false;
}

static void change_list(struct story *s)
{
    struct list *list = &s->now;
    uint32_t id = below(s, s->ids), at = below(s, list->count + 1);
    switch (below(s, 6)) {
    case 0: /* something new */
    case 1:
        if (!is_there(list, id))
            insert(list, at, (struct lab_item){id, below(s, 2), false});
        break;
    case 2: /* something vanishes */
        if (at < list->count)
            take_out(list, at);
        break;
    case 3: /* something moves */
        if (at < list->count) {
            struct lab_item item = take_out(list, at);
            insert(list, below(s, list->count + 1), item);
        }
        break;
    case 4: /* something is modified */
        if (at < list->count)
            list->items[at].v = below(s, 3);
        break;
    case 5: /* something moves and is modified, by one or two */
        if (at + 1 < list->count) {
            struct lab_item item = take_out(list, at);
            item.v = below(s, 3);
            insert(list, at + 1, item);
        }
        break;
    }
}

static void change_all(struct story *s)
{
    if (chance(s, 25)) { /* as it was */
        s->now = s->older[below(s, OLDER)];
        return;
    }
    s->older[below(s, OLDER)] = s->now;
    for (uint32_t changes = below(s, 4); changes; changes--)
        change_list(s);
}

/* --- one listing --- */

static void begin_page(struct story *s)
{
    struct lab *lab = s->lab;
    static const char *const spaces[] = {"", "\n ", " "};
    if (chance(s, 5))
        lab->space = spaces[below(s, 3)];
    lab->is_lines = chance(s, 3);
    lab->marker_after = below(s, 12);
    lab->skips_decode = below(s, 4) != 0;
    buffer_printf(&lab->story, "  page%s:", lab->is_lines ? " of lines" : "");
    lab->count = 0;
}

static void add_item(struct story *s, struct lab_item item)
{
    item.noted = chance(s, 1);
    s->lab->items[s->lab->count++] = item;
    buffer_printf(&s->lab->story, " %u=%u%s", item.id, item.v, item.noted ? "!" : "");
}

/* A page is lost while it is written, or after it, or stays. False: so does the listing. */
static bool take_page(struct story *s)
{
    struct lab *lab = s->lab;
    struct error e;
    lab->put_fails = chance(s, 1);
    buffer_reset(&lab->diary);
    int code = lab_take(lab, &e);
    lab->put_fails = false;
    buffer_printf(&lab->story, "\n    %s   ", buffer_text(&lab->diary));
    bool is_lost = code || chance(s, 2);
    if (is_lost)
        lose(s);
    else if (chance(s, 50))
        commit(s);
    buffer_add_char(&lab->story, '\n');
    return !is_lost;
}

static void list_once(struct story *s, uint32_t page_items)
{
    struct lab *lab = s->lab;
    struct list list = s->now;
    if (list.count && chance(s, 10)) { /* twice there */
        struct lab_item again = list.items[below(s, list.count)];
        again.v = chance(s, 50) ? again.v : below(s, 3);
        insert(&list, below(s, list.count + 1), again);
    }
    uint32_t fails_at = chance(s, 35) ? below(s, list.count + 1) : UINT32_MAX;
    lab->rests = chance(s, 2);
    buffer_printf(&lab->story, "lists%s\n", lab->rests ? " all anew" : "");
    lab_begin(lab);
    bool goes_on = true;
    for (uint32_t i = 0; goes_on && i < list.count && i < fails_at;) {
        begin_page(s);
        for (uint32_t left = 1 + below(s, page_items); left && i < list.count; left--)
            add_item(s, list.items[i++]);
        goes_on = take_page(s);
    }
    if (goes_on && fails_at == UINT32_MAX) {
        lab_end(lab, chance(s, 80));
        buffer_add_text(&lab->story, "  complete\n");
    }
    forecast_close(&lab->forecast);
    if (goes_on)
        commit(s);
}

static void tell_story(enum lab_shape shape, uint64_t seed)
{
    struct story *s = calloc(1, sizeof *s);
    s->lab = lab_open(shape);
    random_seed(&s->random, seed);
    buffer_printf(&s->lab->story, "seed %" PRIu64 "\n", seed);
    bool is_small = chance(s, 80);
    s->ids = is_small ? 2 + below(s, 12) : ITEMS_MOST - 1;
    uint32_t page_items = is_small ? 1 + below(s, 6) : 1 + below(s, 100);
    for (uint32_t id = 0; id < s->ids; id++)
        if (chance(s, 80))
            insert(&s->now, s->now.count, (struct lab_item){id, 0, false});
    for (int i = 0; i < OLDER; i++)
        s->older[i] = s->now;
    for (int i = 0; i < (is_small ? LISTINGS : LISTINGS / 4); i++) {
        list_once(s, page_items);
        change_all(s);
    }
    lab_close(s->lab);
    free(s->kept.stretches);
    free(s);
}

static void tell_stories(enum lab_shape shape)
{
    const char *text = getenv("FORECAST_SEED"); /* the first one */
    uint64_t seed = text ? strtoull(text, NULL, 10) : 0;
    for (uint64_t i = 0; i < CASES; i++)
        tell_story(shape, seed + i);
}

/* What is recognised on a page of JSON is the stored document, whatever came before. */
static void json_is_what_is_stored(void **state)
{
    (void)state;
    tell_stories(LAB_JSON);
}

/* So it is where items are in lists of lists … */
static void nested_lists_are_what_is_stored(void **state)
{
    (void)state;
    tell_stories(LAB_NESTED);
}

/* … where each page's last item is decoded … */
static void marker_pages_are_what_is_stored(void **state)
{
    (void)state;
    tell_stories(LAB_MARKER);
}

/* … and in XML, with a list around the items … */
static void xml_is_what_is_stored(void **state)
{
    (void)state;
    tell_stories(LAB_XML);
}

/* … or without one, and other elements between them. */
static void repeated_elements_are_what_is_stored(void **state)
{
    (void)state;
    tell_stories(LAB_S3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_what_is_stored),
        cmocka_unit_test(nested_lists_are_what_is_stored),
        cmocka_unit_test(marker_pages_are_what_is_stored),
        cmocka_unit_test(xml_is_what_is_stored),
        cmocka_unit_test(repeated_elements_are_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
