/* The form of a document: its text with keys sorted, without what is ignored, with the tags sorted where
 * their order means nothing. On purpose nothing of Garner's own canonical form, pruning or comparing is used
 * here. */
#include "tests/property/world.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum { MEMBERS_MAX = 32 };

struct rules {
    bool refined;
    unsigned ignores;
};

/* Where in a document: only these places mean anything to the rules. */
enum place { ROOT, META, TAGS, ELSEWHERE };

static bool is_left_out(const struct rules *rules, enum place place, struct bytes key)
{
    return (place == ROOT && (rules->ignores & IGNORE_NOISE) && bytes_is(key, "noise")) ||
           (place == META && (rules->ignores & IGNORE_SEEN) && bytes_is(key, "seen"));
}

static enum place below(enum place place, struct bytes key)
{
    if (place != ROOT)
        return ELSEWHERE;
    return bytes_is(key, "meta") ? META : bytes_is(key, "tags") ? TAGS : ELSEWHERE;
}

static void add(const struct value *v, const struct rules *rules, enum place place, struct buffer *out);

static void add_text(char kind, struct bytes text, struct buffer *out)
{
    uint32_t len = (uint32_t)text.len;
    buffer_add_char(out, kind);
    buffer_add(out, &len, sizeof len);
    buffer_add_bytes(out, text);
}

static void add_object(const struct value *v, const struct rules *rules, enum place place, struct buffer *out)
{
    const struct member *sorted[MEMBERS_MAX];
    uint32_t count = 0;
    CHECK(v->count <= MEMBERS_MAX);
    for (uint32_t i = 0; i < v->count; i++) {
        if (is_left_out(rules, place, v->members[i].key))
            continue;
        uint32_t at = count++;
        for (; at && bytes_compare(v->members[i].key, sorted[at - 1]->key) < 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &v->members[i];
    }
    buffer_add_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        add_text('k', sorted[i]->key, out);
        add(&sorted[i]->value, rules, below(place, sorted[i]->key), out);
    }
    buffer_add_char(out, '}');
}

static int by_bytes(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void add_sorted(const struct value *v, const struct rules *rules, struct buffer *out)
{
    static struct buffer all; /* elements one behind the other, in the order they came */
    size_t ends[MEMBERS_MAX], from = 0;
    struct bytes parts[MEMBERS_MAX];
    CHECK(v->count <= MEMBERS_MAX);
    buffer_reset(&all);
    for (uint32_t i = 0; i < v->count; i++) {
        add(&v->items[i], rules, ELSEWHERE, &all);
        ends[i] = all.len;
    }
    for (uint32_t i = 0; i < v->count; from = ends[i], i++)
        parts[i] = (struct bytes){all.data + from, ends[i] - from};
    if (v->count)
        qsort(parts, v->count, sizeof *parts, by_bytes);
    for (uint32_t i = 0; i < v->count; i++)
        buffer_add_bytes(out, parts[i]);
}

static void add_array(const struct value *v, const struct rules *rules, enum place place, struct buffer *out)
{
    buffer_add_char(out, '[');
    if (place == TAGS && rules->refined) {
        add_sorted(v, rules, out);
    } else {
        for (uint32_t i = 0; i < v->count; i++)
            add(&v->items[i], rules, ELSEWHERE, out);
    }
    buffer_add_char(out, ']');
}

static void add(const struct value *v, const struct rules *rules, enum place place, struct buffer *out)
{
    switch (v->type) {
    case VALUE_NULL:
        buffer_add_char(out, 'n');
        break;
    case VALUE_BOOL:
        buffer_add_char(out, v->boolean ? 't' : 'f');
        break;
    case VALUE_NUMBER: /* integers of the same value are equal, and only minus nought is written otherwise */
        add_text('d', bytes_is(v->text, "-0") ? BYTES("0") : v->text, out);
        break;
    case VALUE_STRING:
        add_text('s', v->text, out);
        break;
    case VALUE_ARRAY:
        add_array(v, rules, place, out);
        break;
    case VALUE_OBJECT:
        add_object(v, rules, place, out);
        break;
    }
}

struct digest form_of(const struct value *document, bool refined, unsigned ignores)
{
    static struct buffer form;
    struct rules rules = {refined, ignores};
    buffer_reset(&form);
    add(document, &rules, ROOT, &form);
    return hash128(buffer_bytes(&form), NULL);
}
