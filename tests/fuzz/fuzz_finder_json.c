/* The finder of JSON reads nothing outside of a body, and agrees with decoding: of a body that can be decoded
 * it finds what pointer_walk visits, or is lost; without some of that it is the same document without these
 * items; and one that can't be decoded can't be without them either.
 *
 * The first line is the items pointer, the second one's bytes say which items are cut (odd), and which go on
 * with the next one as one stretch (0x40, also "P" to "_"); the rest is the body. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "worker/decode/finder.h"

enum { ITEMS_MAX = 4096 };

struct items {
    const struct value *at[ITEMS_MAX];
    size_t count;
};

struct run {
    struct arena arena;
    struct pointer pointer;
    struct bytes choices, body;
    struct finder_cut spans[ITEMS_MAX], cuts[ITEMS_MAX];
    bool is_kept[ITEMS_MAX];
    size_t count, cut_count;
    bool has_stretch;
    struct items whole, left;
};

static int take(void *context, const struct value *found)
{
    struct items *items = context;
    CHECK(items->count < ITEMS_MAX);
    items->at[items->count++] = found;
    return 0;
}

static char choice(const struct run *run, size_t i)
{
    return run->choices.len ? run->choices.data[i % run->choices.len] : 0;
}

/* All items, one by one. False if the finder is lost. */
static bool find(struct run *run, struct finder *f)
{
    finder_open(f, FORMAT_JSON, run->body, &run->pointer, NULL);
    enum finder_found found;
    while ((found = finder_next(f)) == FINDER_ITEM) {
        size_t at = f->at, len = finder_measure(f);
        CHECK(at < run->body.len && len <= run->body.len - at);
        if (len == 0 || run->count == ITEMS_MAX || !finder_skip(f, len))
            return false;
        CHECK(f->at == at + len);
        run->spans[run->count++] = (struct finder_cut){at, at + len};
    }
    CHECK(f->at <= run->body.len);
    return found == FINDER_END;
}

static bool is_value(struct run *run, struct finder_cut span)
{
    struct error e;
    struct value value;
    struct bytes body = {run->body.data + span.from, span.to - span.from};
    return value_from_json(&run->arena, body, &value, NULL, &e) == 0;
}

/* Choose what to cut; go over the body again, and skip it as it will be cut. */
static void choose(struct run *run, bool is_valid)
{
    struct finder f;
    finder_open(&f, FORMAT_JSON, run->body, &run->pointer, NULL);
    for (size_t i = 0; i < run->count; i++) {
        struct finder_cut span = run->spans[i];
        bool is_cut = (choice(run, i) & 1) && (is_valid || is_value(run, span));
        run->is_kept[i] = !is_cut;
        while (is_cut && is_valid && (choice(run, i) & 0x40) && i + 1 < run->count) {
            run->is_kept[++i] = false;
            span.to = run->spans[i].to;
            run->has_stretch = true;
        }
        CHECK(finder_next(&f) == FINDER_ITEM && f.at == span.from);
        CHECK(finder_skip(&f, span.to - span.from));
        if (is_cut)
            run->cuts[run->cut_count++] = span;
    }
    CHECK(finder_next(&f) == FINDER_END);
}

static void check_items(struct run *run)
{
    CHECK(run->count == run->whole.count);
    for (size_t i = 0; i < run->count; i++) {
        struct error e;
        struct value item;
        struct bytes span = {run->body.data + run->spans[i].from, run->spans[i].to - run->spans[i].from};
        CHECK(value_from_json(&run->arena, span, &item, NULL, &e) == 0);
        CHECK(value_equal(&item, run->whole.at[i]));
    }
}

static void check_left(struct run *run, const struct value *left)
{
    size_t kept = 0;
    pointer_walk(&run->pointer, left, false, NULL, take, &run->left);
    for (size_t i = 0; i < run->count; i++)
        if (run->is_kept[i]) {
            CHECK(kept < run->left.count);
            CHECK(value_equal(run->left.at[kept++], run->whole.at[i]));
        }
    CHECK(kept == run->left.count);
}

static void compare(struct run *run, struct finder *f, struct buffer *out)
{
    struct error e;
    struct value whole, left;
    struct json_notes notes = {0}, notes_left = {0};
    int code = value_from_json(&run->arena, run->body, &whole, &notes, &e);
    choose(run, code == 0);
    finder_cut(f, run->cuts, run->cut_count, out);
    int code_left = value_from_json(&run->arena, buffer_bytes(out), &left, &notes_left, &e);
    CHECK((code == 0) == (code_left == 0) || code == ERR_LIMIT);
    if (code)
        return;
    /* Names that stand twice around items are noted in both, unless a stretch hid them: whoever remembers
     * stretches remembers none of a page with such names. */
    CHECK(run->has_stretch || notes_left.duplicate_keys <= notes.duplicate_keys);
    if (notes_left.duplicate_keys || (run->has_stretch && notes.duplicate_keys))
        return;
    pointer_walk(&run->pointer, &whole, false, NULL, take, &run->whole);
    check_items(run);
    check_left(run, &left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    struct error e;
    struct finder f;
    struct buffer out = {0};
    struct bytes rest = {(const char *)data, size}, pointer = fuzz_line(&rest);
    run = (struct run){.choices = fuzz_line(&rest)};
    char *exact = malloc(rest.len); /* so that a sanitizer sees who reads on */
    CHECK(exact || rest.len == 0);
    if (rest.len)
        memcpy(exact, rest.data, rest.len);
    run.body = (struct bytes){exact, rest.len};
    if (pointer_parse(&run.arena, pointer, &run.pointer, &e) == 0 && find(&run, &f))
        compare(&run, &f, &out);
    free(exact);
    buffer_close(&out);
    arena_close(&run.arena);
    return 0;
}
