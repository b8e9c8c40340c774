/* The finder of JSON against decoding: of random bodies it finds what pointer_walk visits, and a body that
 * any of these were cut out of is the body without them. Seeded: a failure names its round. */
#include "test_value_maker.h"
#include "worker/decode/finder.h"

enum { ROUNDS = 30000, ITEMS_MAX = 512 };

static const char *const pointers[] = {"/*",       "/items/*",     "/*/*",    "/a/b/*",
                                       "/r/*/i/*", "/r/*/a/*/i/*", "/*/i/*/*"};
enum { POINTERS = sizeof pointers / sizeof *pointers };

struct round {
    struct random random;
    struct arena arena;
    struct pointer items;
    struct buffer body, left;
    struct value document;
    const struct value *walked[ITEMS_MAX];
    uint32_t walked_count;
    struct finder_cut spans[ITEMS_MAX];
    bool is_cut[ITEMS_MAX];
    uint32_t count;
    bool is_odd;    /* it isn't what the pointer says, or a key has escapes */
    bool is_merged; /* a stretch that is cut went from one list into another */
};

/* --- A body --- */

/* What the pointer leads to from its segment `at` on, with other things beside it. */
static struct value make(struct round *round, uint32_t at)
{
    struct random *r = &round->random;
    if (at == round->items.count)
        return maker_value(r, &round->arena, 3);
    if (random_below(r, 150) == 0) {
        round->is_odd = true;
        return maker_value(r, &round->arena, 1);
    }
    uint32_t count = (uint32_t)random_below(r, round->items.count > 3 ? 4 : 6);
    if (round->items.walks[at]) {
        struct value list = value_array(&round->arena, count);
        for (uint32_t i = 0; i < count; i++)
            list.items[i] = make(round, at + 1);
        return list;
    }
    struct value object = value_object(&round->arena, count + 1);
    uint32_t place = (uint32_t)random_below(r, count + 1);
    for (uint32_t i = 0; i <= count; i++) {
        struct bytes key = i == place ? round->items.segments[at] : maker_text(r);
        if (i != place && bytes_equal(key, round->items.segments[at]))
            continue;
        if (value_get(&object, key))
            continue;
        value_put(&object, key, i == place ? make(round, at + 1) : maker_value(r, &round->arena, 2));
        round->is_odd = round->is_odd ||
                        (key.len && (memchr(key.data, '\\', key.len) || memchr(key.data, '\t', key.len) ||
                                     memchr(key.data, 1, key.len) || memchr(key.data, 0, key.len)));
    }
    return object;
}

static void print_space(struct round *round, unsigned often)
{
    while (random_below(&round->random, 100) < often)
        buffer_add_char(&round->body, " \n\r\t"[random_below(&round->random, 4)]);
}

static void print(struct round *round, const struct value *value, unsigned often)
{
    struct buffer *out = &round->body;
    bool is_array = value->type == VALUE_ARRAY;
    if (!is_array && value->type != VALUE_OBJECT) {
        value_to_json(value, out);
        return;
    }
    buffer_add_char(out, is_array ? '[' : '{');
    print_space(round, often);
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0) {
            buffer_add_char(out, ',');
            print_space(round, often);
        }
        if (!is_array) {
            json_add_string(value->members[i].key, out);
            print_space(round, often);
            buffer_add_char(out, ':');
            print_space(round, often);
        }
        print(round, is_array ? &value->items[i] : &value->members[i].value, often);
        print_space(round, often);
    }
    buffer_add_char(out, is_array ? ']' : '}');
}

/* --- What it says, and what is found --- */

static int take_walked(void *context, const struct value *found)
{
    struct round *round = context;
    assert_true(round->walked_count < ITEMS_MAX);
    round->walked[round->walked_count++] = found;
    return 0;
}

static void walk(struct round *round, const struct value *document)
{
    round->walked_count = 0;
    pointer_walk(&round->items, document, false, NULL, take_walked, round);
}

static struct value decode(struct round *round, struct bytes body)
{
    struct error e;
    struct value value;
    struct json_notes notes;
    if (value_from_json(&round->arena, body, &value, &notes, &e))
        fail_msg("%s: %.*s", e.text, BYTES_ARG(body));
    assert_int_equal(round->is_merged ? 0 : notes.duplicate_keys, 0);
    return value;
}

static enum finder_found find(struct round *round, struct finder *f)
{
    enum finder_found found;
    struct bytes body = buffer_bytes(&round->body);
    finder_open(f, FORMAT_JSON, body, &round->items, NULL);
    for (round->count = 0; (found = finder_next(f)) == FINDER_ITEM; round->count++) {
        size_t len = finder_measure(f);
        struct value item = decode(round, (struct bytes){body.data + f->at, len});
        assert_true(round->count < round->walked_count);
        assert_true(value_equal(&item, round->walked[round->count]));
        round->spans[round->count] = (struct finder_cut){f->at, f->at + len};
        assert_true(finder_skip(f, len));
    }
    return found;
}

/* --- Cutting --- */

/* The document without the items that are cut; `*at` counts them. */
static struct value without(struct round *round, const struct value *value, uint32_t level, uint32_t *at)
{
    struct value copy = *value;
    if (!round->items.walks[level]) {
        copy = value_object(&round->arena, value->count);
        for (uint32_t i = 0; i < value->count; i++) {
            const struct member *m = &value->members[i];
            bool is_way = bytes_equal(m->key, round->items.segments[level]);
            value_put(&copy, m->key, is_way ? without(round, &m->value, level + 1, at) : m->value);
        }
        return copy;
    }
    copy = value_array(&round->arena, value->count);
    copy.count = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        if (level + 1 < round->items.count)
            copy.items[copy.count++] = without(round, &value->items[i], level + 1, at);
        else if (!round->is_cut[(*at)++])
            copy.items[copy.count++] = value->items[i];
    }
    return copy;
}

/* Cut some, of which some that are side by side as one; go over the body again skipping what is cut at once.
 */
static void cut_some(struct round *round, struct finder *f)
{
    struct finder_cut cuts[ITEMS_MAX];
    uint32_t count = 0;
    unsigned often = (unsigned)random_below(&round->random, 101);
    struct bytes body = buffer_bytes(&round->body);
    round->is_merged = false;
    finder_open(f, FORMAT_JSON, body, &round->items, NULL);
    for (uint32_t i = 0; i < round->count; i++) {
        struct finder_cut span = round->spans[i];
        round->is_cut[i] = random_below(&round->random, 100) < often;
        while (round->is_cut[i] && i + 1 < round->count && random_below(&round->random, 3)) {
            round->is_merged = round->is_merged ||
                               memchr(body.data + span.to, ']', round->spans[i + 1].from - span.to) != NULL;
            span.to = round->spans[++i].to;
            round->is_cut[i] = true;
        }
        assert_int_equal(finder_next(f), FINDER_ITEM);
        assert_int_equal(f->at, span.from);
        assert_true(finder_skip(f, span.to - span.from));
        if (round->is_cut[i])
            cuts[count++] = span;
    }
    assert_int_equal(finder_next(f), FINDER_END);
    buffer_reset(&round->left);
    finder_cut(f, cuts, count, &round->left);
}

static void check_left(struct round *round)
{
    const struct value *before[ITEMS_MAX];
    uint32_t kept = 0, at = 0, before_count = round->walked_count;
    memcpy(before, round->walked, sizeof before);
    struct value left = decode(round, buffer_bytes(&round->left));
    walk(round, &left);
    for (uint32_t i = 0; i < before_count; i++)
        if (!round->is_cut[i]) {
            assert_true(kept < round->walked_count);
            assert_true(value_equal(round->walked[kept++], before[i]));
        }
    assert_int_equal(kept, round->walked_count);
    if (!round->is_merged) {
        struct value wanted = without(round, &round->document, 0, &at);
        assert_true(value_equal(&left, &wanted));
    }
}

/* What a body's finder finds is what its document has there, and with any of it cut out all else is as it
 * was. */
static void found_is_what_is_walked(void **state)
{
    (void)state;
    struct round *round = calloc(1, sizeof *round);
    uint32_t lost = 0, items = 0;
    assert_non_null(round);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct error e;
        struct finder f;
        random_seed(&round->random, i);
        round->is_odd = round->is_merged = false;
        arena_reset(&round->arena);
        buffer_reset(&round->body);
        struct bytes pointer = bytes_of(pointers[random_below(&round->random, POINTERS)]);
        assert_int_equal(pointer_parse(&round->arena, pointer, &round->items, &e), 0);
        round->document = make(round, 0);
        print(round, &round->document, (unsigned)random_below(&round->random, 3) * 30);
        round->document = decode(round, buffer_bytes(&round->body));
        walk(round, &round->document);
        if (find(round, &f) == FINDER_LOST) {
            assert_true(round->is_odd);
            lost++;
            continue;
        }
        assert_int_equal(round->count, round->walked_count);
        items += round->count;
        cut_some(round, &f);
        check_left(round);
    }
    assert_in_range(lost, 1, ROUNDS / 2);
    assert_true(items > ROUNDS);
    arena_close(&round->arena);
    buffer_close(&round->body);
    buffer_close(&round->left);
    free(round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_is_what_is_walked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
