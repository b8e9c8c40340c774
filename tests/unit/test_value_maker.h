/* Values for tests: of JSON text, or made and changed at random from a seed. */
#ifndef GARNER_TEST_VALUE_MAKER_H
#define GARNER_TEST_VALUE_MAKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* wants those above */

#include "common/random.h"
#include "common/value/value.h"

/* The value of a JSON text, which must be one. */
static inline struct value value_of(struct arena *arena, const char *json)
{
    struct error e;
    struct value value;
    if (value_from_json(arena, bytes_of(json), &value, NULL, &e))
        fail_msg("%s: %s", json, e.text);
    return value;
}

static inline void assert_json(const struct value *value, const char *expected)
{
    struct buffer out = {0};
    value_to_json(value, &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_close(&out);
}

static inline struct bytes maker_text(struct random *r)
{
    static const char *const texts[] = {
        "",     "a",    "b",        "/",    "~",  "~1", "a/b",  "m~n",   "é",
        "\t\n", "\"\\", "0",        "-",    "*",  "1",  "id",   "𝄞",     "\x01",
        "x y",  "01",   "\x7f",     "Tags", "//", "~0", "日本", "~~//~", "\xef\xbb\xbf",
        "%",    " ",    "\xc2\xa0", "A",    "aa"};
    if (random_below(r, 40) == 0)
        return (struct bytes){"nul\0inside", 10};
    return bytes_of(texts[random_below(r, sizeof texts / sizeof *texts)]);
}

static inline struct value maker_number(struct random *r, struct arena *arena)
{
    static const char *const literals[] = {"0",
                                           "-0",
                                           "1.0",
                                           "-0.0",
                                           "1e5",
                                           "1E400",
                                           "1000000000000000000000000000000",
                                           "0.1",
                                           "1e-7",
                                           "1.5e+3",
                                           "5e-324",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "-9223372036854775808",
                                           "3.14",
                                           "1e21",
                                           "1e+21",
                                           "123456789.125",
                                           "0.30000000000000004",
                                           "-1.5",
                                           "100.0",
                                           "0.10"};
    if (random_below(r, 2))
        return value_number(bytes_of(literals[random_below(r, sizeof literals / sizeof *literals)]));
    long long number = (long long)(random_u64(r) >> random_below(r, 64)) - 5;
    return value_number(bytes_of(arena_printf(arena, "%lld", number)));
}

static inline struct value maker_value(struct random *r, struct arena *arena, unsigned depth)
{
    uint64_t kind = random_below(r, depth ? 12 : 7);
    if (kind < 2)
        return kind ? value_null() : value_bool(random_below(r, 2));
    if (kind < 7)
        return kind < 4 ? maker_number(r, arena) : value_string(maker_text(r));
    uint32_t count = (uint32_t)random_below(r, random_below(r, 20) ? 6 : 40);
    struct value made = kind < 9 ? value_array(arena, count) : value_object(arena, count);
    for (uint32_t i = 0; i < count; i++) {
        struct value inner = maker_value(r, arena, depth - 1);
        struct bytes key = maker_text(r);
        if (made.type == VALUE_ARRAY)
            made.items[i] = inner;
        else if (!value_get(&made, key))
            value_put(&made, key, inner);
    }
    return made;
}

static inline void maker_edit(struct random *r, struct arena *arena, struct value *value, unsigned depth);

/* Insert or drop an item, exchange two, or change one. */
static inline void maker_edit_array(struct random *r, struct arena *arena, struct value *value,
                                    unsigned depth)
{
    uint32_t count = value->count, at = (uint32_t)random_below(r, count + 1),
             kind = (uint32_t)random_below(r, 5);
    struct value made = value_array(arena, count + 1);
    memcpy(made.items, value->items, count * sizeof *made.items);
    made.count = count;
    if (kind == 0) {
        memmove(made.items + at + 1, made.items + at, (count - at) * sizeof *made.items);
        made.items[at] = maker_value(r, arena, depth);
        made.count++;
    } else if (at < count && kind == 1) {
        memmove(made.items + at, made.items + at + 1, (count - at - 1) * sizeof *made.items);
        made.count--;
    } else if (at < count && kind == 2) {
        struct value first = made.items[0];
        made.items[0] = made.items[at];
        made.items[at] = first;
    } else if (at < count) {
        maker_edit(r, arena, &made.items[at], depth ? depth - 1 : 0);
    }
    *value = made;
}

static inline void maker_edit_object(struct random *r, struct arena *arena, struct value *value,
                                     unsigned depth)
{
    uint32_t at = (uint32_t)random_below(r, value->count + 1), kind = (uint32_t)random_below(r, 4);
    struct bytes key = maker_text(r);
    struct value made = value_object(arena, value->count + 1);
    for (uint32_t i = 0; i < value->count; i++)
        if (kind != 0 || i != at)
            value_put(&made, value->members[i].key, value->members[i].value);
    if (kind == 1 && !value_get(&made, key))
        value_put(&made, key, maker_value(r, arena, depth));
    else if (kind > 1 && at < made.count)
        maker_edit(r, arena, &made.members[at].value, depth ? depth - 1 : 0);
    *value = made;
}

/* Change a value somewhere. What it shared with others is copied. */
static inline void maker_edit(struct random *r, struct arena *arena, struct value *value, unsigned depth)
{
    if (value->type == VALUE_ARRAY && random_below(r, 20))
        maker_edit_array(r, arena, value, depth);
    else if (value->type == VALUE_OBJECT && random_below(r, 20))
        maker_edit_object(r, arena, value, depth);
    else
        *value = maker_value(r, arena, depth);
}

#endif
