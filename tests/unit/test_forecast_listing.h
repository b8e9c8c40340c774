/* Listings of the forecast's lab: pages written as words, taken as worker/harvest takes them, and a diary of
 * what was recognised and written. */
#ifndef GARNER_TEST_FORECAST_LISTING_H
#define GARNER_TEST_FORECAST_LISTING_H

#include "test_forecast_lab.h"

/* Nothing in the store says anything of a document that isn't so, nor of a row twice. */
static inline void lab_check_store(struct lab *lab)
{
    static bool here[LAB_IDS];
    struct lab_world *world = &lab->world;
    struct buffer text = {0};
    if (world->noted.is_unsettled)
        return;
    memset(here, 0, world->rows);
    for (uint32_t i = 0; i < world->count; i++)
        for (uint32_t j = 0; j < world->stretches[i].count; j++) {
            const struct stretch_item *item = &world->stretches[i].items[j];
            lab_holds(lab, item->row < world->rows && world->item_of[item->row],
                      "a stretch's rows are there");
            struct lab_item stored = {world->item_of[item->row] - 1, world->v_of[item->row], false};
            buffer_reset(&text);
            lab_item_text(lab->shape, &stored, &text);
            lab_holds(lab, digest_equal(item->digest, hash128(buffer_bytes(&text), &lab->secret)),
                      "what is in a stretch is the stored document");
            lab_holds(lab, !here[item->row], "a row stands in one stretch at most");
            here[item->row] = true;
        }
    buffer_close(&text);
}

/* --- one page --- */

struct lab_known {
    uint64_t count;
    uint32_t last;
    bool is_written; /* any document */
};

static inline uint32_t lab_new_row(struct lab_world *world, uint32_t id)
{
    uint32_t row = 0;
    while (row < world->rows && world->item_of[row]) /* those of what was deleted are used again */
        row++;
    if (row == world->rows)
        world->rows++;
    assert_true(row < LAB_IDS && id < LAB_IDS);
    world->item_of[row] = id + 1;
    world->row_of[id] = row + 1;
    return row;
}

/* As winnowing does: the first of an id is what counts. */
static inline void lab_take_item(struct lab *lab, const struct lab_item *item, struct forecast_slot *slot,
                                 struct lab_known *known)
{
    struct lab_world *world = &lab->world;
    bool is_known = world->row_of[item->id] != 0;
    uint32_t row = is_known ? world->row_of[item->id] - 1 : lab_new_row(world, item->id);
    uint32_t v = item->noted ? item->v + 1000 : item->v; /* as another document */
    bool is_first = !lab->seen[row];
    lab->parsed++;
    if (is_first) {
        known->is_written = known->is_written || !is_known || world->v_of[row] != v;
        world->v_of[row] = v;
        lab->seen[row] = true;
        known->count += is_known;
        known->last = is_known ? row : known->last;
    }
    if (slot) {
        slot->has_row = is_first && !item->noted;
        slot->is_known = is_known;
        slot->row = row;
    }
}

static inline void lab_take_items(struct lab *lab, struct lab_known *known)
{
    struct forecast_page *page = &lab->forecast.page;
    for (uint32_t i = 0; page->mapped && i < page->count; i++)
        if (page->slots[i].kind == SLOT_NEW)
            lab_take_item(lab, &lab->items[lab_span_at(lab, page->slots[i].from)], &page->slots[i], known);
    for (uint32_t i = 0; !page->mapped && i < lab->count; i++)
        lab_take_item(lab, &lab->items[i], NULL, known);
}

static inline void lab_note(struct lab *lab, bool is_written)
{
    lab->noted.rules = lab->calls ? lab->forecast.rules : lab->noted.rules;
    lab->noted.is_unsettled = lab->forecast.is_unsettled;
    if (lab->calls || is_written)
        lab->world.noted = lab->noted;
}

static inline void lab_tell_writes(struct lab *lab, bool was_unsettled)
{
    struct buffer *diary = &lab->diary;
    const struct forecast *f = &lab->forecast;
    if (lab->puts)
        buffer_printf(diary, "; put %u", lab->puts);
    if (lab->over)
        buffer_printf(diary, ", over %u", lab->over);
    if (lab->drops)
        buffer_printf(diary, "%s dropped %u", lab->puts ? "," : ";", lab->drops);
    if (f->is_unsettled != was_unsettled)
        buffer_add_text(diary, f->is_unsettled ? "; unsettled" : "; settled");
    buffer_add_text(diary, f->is_mute ? "; mute\n" : "\n");
}

static inline void lab_tell_page(struct lab *lab)
{
    const struct forecast_page *page = &lab->forecast.page;
    const uint64_t counts[] = {page->tier1, page->tier2, page->mapped ? page->unknown : lab->count};
    const char *const words[] = {"together", "one by one", page->mapped ? "new" : "as a whole"};
    const char *comma = " ";
    for (int i = 0; i < 3; i++)
        if (counts[i]) {
            buffer_printf(&lab->diary, "%s%" PRIu64 " %s", comma, counts[i], words[i]);
            comma = ", ";
        }
}

/* Take the page of lab->items. Returns what forecast_take does. */
static inline int lab_take(struct lab *lab, struct error *e)
{
    struct forecast *f = &lab->forecast;
    bool is_xml = lab->shape == LAB_XML || lab->shape == LAB_S3, was_unsettled = f->is_unsettled;
    enum format_kind format = lab->is_lines ? FORMAT_JSONL : is_xml ? FORMAT_XML : FORMAT_JSON;
    struct lab_known known = {0};
    lab_make_body(lab);
    /* Of its exact size, so that nothing behind it is read unseen. */
    char *body = malloc(lab->body.len);
    memcpy(body, lab->body.data, lab->body.len);
    forecast_read(f, format, (struct bytes){body, lab->body.len});
    if (f->page.mapped) {
        lab_check_slots(lab);
        if (!lab->skips_decode)
            lab_check_rest(lab, format);
        if (!lab_take_recognised(lab))
            forecast_give_up(f);
    }
    lab->calls = lab->puts = lab->over = lab->drops = 0;
    lab_tell_page(lab);
    lab_take_items(lab, &known);
    int code = forecast_take(f, known.count, known.last, e);
    free(body);
    lab_tell_writes(lab, was_unsettled);
    lab_note(lab, known.is_written);
    if (!code)
        lab_check_store(lab);
    return code;
}

/* --- listings --- */

static inline void lab_begin(struct lab *lab)
{
    struct forecast_store store = {lab, lab_each, lab_read, lab_put, lab_drop};
    lab->noted = lab->world.noted;
    lab->parsed = lab->pages = 0;
    memset(lab->seen, 0, sizeof lab->seen);
    forecast_open(&lab->forecast, lab->def, &lab->values, &lab->secret, &store, &lab->noted, lab->rests);
}

/* It was sound: what it didn't see is deleted. */
static inline void lab_delete_unseen(struct lab *lab)
{
    struct lab_world *world = &lab->world;
    for (uint32_t row = 0; row < world->rows; row++)
        if (world->item_of[row] && !lab->seen[row]) {
            world->row_of[world->item_of[row] - 1] = 0;
            world->item_of[row] = 0;
        }
}

static inline void lab_end(struct lab *lab, bool deletes)
{
    struct error e;
    struct lab_world *world = &lab->world;
    bool was_unsettled = lab->forecast.is_unsettled;
    lab->calls = lab->puts = lab->over = lab->drops = 0;
    assert_int_equal(forecast_finish(&lab->forecast, &e), 0);
    if (lab->calls || was_unsettled) {
        buffer_add_text(&lab->diary, "end");
        lab_tell_writes(lab, was_unsettled);
    }
    if (deletes)
        lab_delete_unseen(lab);
    world->noted.rows = 0;
    for (uint32_t row = 0; row < world->rows; row++)
        world->noted.rows += world->item_of[row] != 0;
    lab->noted.rows = world->noted.rows;
    lab_note(lab, true); /* its receipt */
    lab_check_store(lab);
    forecast_close(&lab->forecast);
}

static inline void lab_add_word(struct lab *lab, const char *word)
{
    unsigned from, to, v = 0;
    char *end;
    from = to = (unsigned)strtoul(word, &end, 10);
    if (*end == '-')
        to = (unsigned)strtoul(end + 1, &end, 10);
    if (*end == '=')
        v = (unsigned)strtoul(end + 1, &end, 10);
    bool noted = *end == '!'; /* "7!": what may not be recognised */
    for (unsigned id = from; id <= to; id++)
        lab->items[lab->count++] = (struct lab_item){id, v, noted};
}

/* One page: "0-79 100=2 80". Returns what forecast_take does. */
static inline int lab_page(struct lab *lab, const char *words, struct error *e)
{
    char *copy = strdup(words), *rest = copy;
    lab->count = 0;
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        lab_add_word(lab, word);
    free(copy);
    return lab_take(lab, e);
}

static inline void lab_pages(struct lab *lab, const char *pages)
{
    struct error e;
    char *copy = strdup(pages), *rest = copy;
    for (char *page; (page = strsep(&rest, "|"));) {
        buffer_printf(&lab->diary, "page %u:", ++lab->pages);
        if (lab_page(lab, page, &e))
            fail_msg("%s", e.text);
    }
    free(copy);
}

/* List all these pages, "0-9 | 10-19". */
static inline void lab_lists(struct lab *lab, const char *pages)
{
    lab_begin(lab);
    lab_pages(lab, pages);
    lab_end(lab, true);
}

/* List them, and then fail. */
static inline void lab_fails(struct lab *lab, const char *pages)
{
    lab_begin(lab);
    lab_pages(lab, pages);
    forecast_close(&lab->forecast);
}

static inline void lab_says(struct lab *lab, const char *diary)
{
    assert_string_equal(buffer_text(&lab->diary), diary);
    buffer_reset(&lab->diary);
}

#endif
