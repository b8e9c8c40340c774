/* The finder of XML against decoding: of random bodies it finds what pointer_walk visits, and a body that
 * any of these were cut out of is the body without them (tests/fuzz/finder_xml_rules.h). Seeded: a failure
 * names its round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/finder_xml_rules.h"

enum { ROUNDS = 30000 };

static const char *const pointers[] = {"/s/*", "/a/s/*", "/a/*/s/*", "/a/*/b/s/*", "/*", "/*/s/*"};
enum { POINTERS = sizeof pointers / sizeof *pointers };

static const char *const array_pointers[] = {"/s", "/s/*/t", "/a/*/s", "/t", "/a/s/*/t/*/u", "/s/u"};
enum { ARRAYS = sizeof array_pointers / sizeof *array_pointers };

static const char *const list_elements[] = {"item", "member", NULL};

struct round {
    struct random random;
    struct arena arena;
    struct pointer items;
    struct buffer body;
    unsigned spaces;   /* in a hundred places */
    unsigned prefixes; /* of a hundred names */
    unsigned odd;      /* things in a thousand that the finder may get lost at */
};

static bool chance(struct round *round, unsigned times, unsigned of)
{
    return random_below(&round->random, of) < times;
}

static const char *one_of(struct round *round, const char *const *list, size_t count)
{
    return list[random_below(&round->random, count)];
}

#define ONE_OF(round, ...)                                                                                   \
    one_of(round, (const char *const[]){__VA_ARGS__},                                                        \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void add(struct round *round, const char *text)
{
    buffer_add_text(&round->body, text);
}

static void add_space(struct round *round)
{
    while (chance(round, round->spaces, 100))
        add(round, ONE_OF(round, " ", "\n", "\r\n", "\t", "          "));
}

/* What may stand between tags without meaning anything; or, rarely, what does. */
static void add_gap(struct round *round)
{
    add_space(round);
    if (chance(round, 1, 30))
        add(round, ONE_OF(round, "<!-- <s> -->", "<!---->", "<?p </s> ?>", "<!-- ' -->", "<?p?>"));
    if (chance(round, round->odd, 1000))
        add(round, ONE_OF(round, "text", "<![CDATA[]]>", "&#32;", "]]", "/>"));
    add_space(round);
}

static void add_start(struct round *round, const char *name, unsigned attributes)
{
    static const char *const texts[] = {" a='1'", " b = \"/>\"", " xmlns:x='urn:x'", "\nc='>'", " d=\"'\""};
    uint64_t used = 0;
    buffer_printf(&round->body, "<%s%s", chance(round, round->prefixes, 100) ? "x:" : "", name);
    while (chance(round, attributes, 100)) {
        size_t which = (size_t)random_below(&round->random, sizeof texts / sizeof *texts);
        if (!(used & (1u << which)))
            add(round, texts[which]);
        used |= 1u << which;
    }
}

/* The end tag has the prefix that the start tag at `from` has. */
static void add_end(struct round *round, size_t from, const char *name)
{
    bool has_prefix = !strncmp(round->body.data + from, "<x:", 3);
    buffer_printf(&round->body, "</%s%s%s>", has_prefix ? "x:" : "", name, chance(round, 1, 20) ? " " : "");
}

/* Any element, of this name or one that may mean something where it stands. */
static void add_any(struct round *round, const char *name, unsigned depth)
{
    size_t from = round->body.len;
    add_start(round, name, 10);
    if (chance(round, 1, 5)) {
        add(round, "/>");
        return;
    }
    add(round, ">");
    if (depth == 0 || chance(round, 1, 3))
        add(round, ONE_OF(round, "1", "text", " ", "", "\n  ", "&lt;s>", "/>", "<![CDATA[</s>]]>", "&#32;",
                          "x&amp;y",
                          "a longer text, with which an element reaches over a block of sixty-four bytes"));
    else
        for (uint64_t count = random_below(&round->random, 4); count > 0; count--) {
            add_space(round);
            add_any(round, ONE_OF(round, "item", "item", "t", "u", "s", "member"), depth - 1);
        }
    add_end(round, from, name);
}

static void add_others(struct round *round)
{
    for (uint64_t count = random_below(&round->random, 3); count > 0; count--) {
        add_gap(round);
        bool odd = chance(round, round->odd, 1000);
        add_any(round, odd ? ONE_OF(round, "s", "a", "item") : ONE_OF(round, "t", "u", "n"), 2);
    }
    add_gap(round);
}

/* One of repeated elements: no list, and mostly not empty. */
static void add_repeated(struct round *round, const char *name)
{
    size_t from = round->body.len;
    if (chance(round, round->odd, 1000)) {
        add_any(round, name, 3);
        return;
    }
    add_start(round, name, 10);
    add(round, ">");
    for (uint64_t count = 1 + random_below(&round->random, 3); count > 0; count--)
        add_any(round, ONE_OF(round, "t", "u", "n"), 2);
    add_end(round, from, name);
}

static void add_inside(struct round *round, uint32_t at);

/* An element on the way, or an item. */
static void add_element(struct round *round, const char *name, uint32_t at)
{
    size_t from = round->body.len;
    if (at == round->items.count) {
        add_any(round, name, 3);
        return;
    }
    add_start(round, name, 5);
    add(round, ">");
    add_inside(round, at);
    add_end(round, from, name);
}

static void add_list(struct round *round, const char *name, uint32_t at)
{
    const char *outer = ONE_OF(round, "item", "member");
    size_t from = round->body.len;
    add_start(round, name, chance(round, round->odd, 1000) ? 50 : 0);
    add(round, ">");
    for (uint64_t count = random_below(&round->random, 6); count > 0; count--) {
        const char *odd = ONE_OF(round, "t", "member");
        bool is_item = at + 1 == round->items.count && chance(round, 1, 2);
        add_gap(round);
        add_element(round, chance(round, round->odd, 3000) ? odd : is_item ? "item" : outer, at + 1);
    }
    add_gap(round);
    add_end(round, from, name);
}

/* What the pointer leads to by its segment `at` in an element that is open. */
static void add_inside(struct round *round, uint32_t at)
{
    const struct pointer *items = &round->items;
    const char *name = arena_strdup(&round->arena, items->segments[at]);
    add_others(round);
    if (!items->walks[at + 1]) {
        add_element(round, name, at + 1);
    } else if (chance(round, 2, 3) || (at > 1 && !chance(round, round->odd, 1000))) {
        add_list(round, name, at + 1);
    } else {
        for (uint64_t count = 1 + random_below(&round->random, 4); count > 0; count--) {
            if (at + 2 == items->count)
                add_repeated(round, name);
            else
                add_element(round, name, at + 2);
            add_others(round);
        }
    }
    add_others(round);
}

static void make_body(struct round *round)
{
    struct random *r = &round->random;
    struct error e;
    const char *pointer = pointers[random_below(r, POINTERS)];
    assert_int_equal(pointer_parse(&round->arena, bytes_of(pointer), &round->items, &e), 0);
    round->spaces = random_below(r, 2) ? 40 : 0;
    round->prefixes = random_below(r, 2) ? 5 : 0;
    round->odd = random_below(r, 2) ? 20 : 0;
    if (random_below(r, 3) == 0)
        add(round, ONE_OF(round, "<?xml version='1.0'?>", "\xef\xbb\xbf", "\n<!-- -->"));
    if (round->items.walks[0])
        add_list(round, "r", 0);
    else
        add_element(round, "r", 0);
    add_space(round);
}

/* Half of the bodies have no item at odds with the pointer; of one in ten a byte is another, or missing. */
static void random_bodies_keep_the_rules(void **state)
{
    (void)state;
    unsigned found = 0, items = 0;
    struct round round = {0};
    struct pointer arrays[ARRAYS];
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct error e;
        int count;
        random_seed(&round.random, i);
        make_body(&round);
        for (size_t j = 0; j < ARRAYS; j++) {
            assert_int_equal(pointer_parse(&round.arena, bytes_of(array_pointers[j]), &arrays[j], &e), 0);
            arrays[j].fills = j % 2;
        }
        struct xml_rules rules = {list_elements, arrays, i % 3 ? 0 : ARRAYS};
        if (i % 10 == 0)
            round.body.data[random_below(&round.random, round.body.len)] = *ONE_OF(&round, "<", ">", "/", " ",
                                                                                   "x");
        const char *wrong = trial_run(buffer_bytes(&round.body), &round.items, &rules, ~i, &count);
        if (wrong)
            fail_msg("round %d: %s", (int)i, wrong);
        found += count > 0;
        items += count > 0 ? (unsigned)count : 0;
        buffer_reset(&round.body);
        arena_reset(&round.arena);
    }
    print_message("%u of %d bodies had items that were found, %u altogether\n", found, ROUNDS, items);
    assert_true(found > ROUNDS / 4);
    buffer_close(&round.body);
    arena_close(&round.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bodies_keep_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
