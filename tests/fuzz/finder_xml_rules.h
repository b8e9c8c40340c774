/* What holds of XML's items however they were found: for the fuzz target, and for the unit test's random
 * bodies. Each rule that is broken has a sentence. */
#ifndef GARNER_TEST_FINDER_XML_RULES_H
#define GARNER_TEST_FINDER_XML_RULES_H

#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "worker/decode/decode.h"
#include "worker/decode/finder.h"
#include "worker/decode/xml.h"

enum { TRIAL_ITEMS = 1024 };

struct trial_values {
    const struct value *list[TRIAL_ITEMS];
    uint32_t count;
    struct pointer_missed missed;
};

struct trial {
    struct arena arena;
    const struct pointer *items;
    const struct xml_rules *rules;
    struct bytes body;
    struct value document, reduced;
    struct trial_values values;
    struct finder_cut found[TRIAL_ITEMS]; /* each item's bytes */
    uint32_t count;
    struct finder_cut cuts[TRIAL_ITEMS];
    uint32_t cut_count;
    bool is_cut[TRIAL_ITEMS];
    bool has_stretch;
};

static inline int trial_add(void *context, const struct value *value)
{
    struct trial_values *values = context;
    if (values->count == TRIAL_ITEMS)
        return 1;
    values->list[values->count++] = value;
    return 0;
}

static inline struct bytes trial_bytes(const struct trial *t, uint32_t item)
{
    const struct finder_cut *found = &t->found[item];
    return (struct bytes){t->body.data + found->from, found->to - found->from};
}

/* All items one by one. Null, or what is wrong; `*last` is what ended it. */
static inline const char *trial_find(struct trial *t, enum finder_found *last)
{
    struct finder f;
    size_t behind = 0;
    finder_open(&f, FORMAT_XML, t->body, t->items, t->rules);
    while ((*last = finder_next(&f)) == FINDER_ITEM && t->count < TRIAL_ITEMS) {
        if (f.at < behind || f.at >= t->body.len)
            return "an item begins outside of the body, or before the end of the last";
        size_t len = finder_measure(&f);
        if (finder_skip(&f, t->body.len - f.at + 1))
            return "more than there is was skipped";
        if (len == 0) {
            *last = FINDER_LOST;
            return finder_next(&f) == FINDER_LOST ? NULL : "an item without an end, and it goes on";
        }
        t->found[t->count].from = f.at;
        if (!finder_skip(&f, len))
            return "what was measured can't be skipped";
        behind = t->found[t->count++].to = f.at;
    }
    return *last == FINDER_ITEM || finder_next(&f) == *last ? NULL : "it found another end";
}

/* Which items are cut, singly or as stretches; never the last one. */
static inline void trial_plan(struct trial *t, uint64_t seed, bool singly)
{
    struct random r;
    random_seed(&r, seed);
    for (uint32_t i = 0; i + 1 < t->count;) {
        uint64_t kind = random_below(&r, 3);
        uint32_t span = kind == 2 && !singly ? 1 + (uint32_t)random_below(&r, 5) : 1;
        if (span > t->count - 1 - i)
            span = t->count - 1 - i;
        if (kind > 0)
            t->cuts[t->cut_count++] = (struct finder_cut){t->found[i].from, t->found[i + span - 1].to};
        for (uint32_t j = 0; j < span; j++)
            t->is_cut[i++] = kind > 0;
        t->has_stretch = t->has_stretch || (kind > 0 && span > 1);
    }
}

/* Go through the body again, past what is cut without measuring it. */
static inline const char *trial_cut(struct trial *t, struct buffer *out)
{
    struct finder f;
    uint32_t cut = 0;
    finder_open(&f, FORMAT_XML, t->body, t->items, t->rules);
    for (uint32_t i = 0; i < t->count; i++) {
        if (finder_next(&f) != FINDER_ITEM || f.at != t->found[i].from)
            return "behind what was skipped, it found something else";
        size_t to = t->found[i].to;
        if (t->is_cut[i])
            to = t->cuts[cut++].to;
        if (!finder_skip(&f, to - f.at))
            return "what is to be cut can't be skipped";
        while (t->found[i].to < to)
            i++;
    }
    if (finder_next(&f) != FINDER_END)
        return "behind what was skipped, it found another end";
    finder_cut(&f, t->cuts, t->cut_count, out);
    return NULL;
}

static inline bool trial_items_mean_the_same(struct trial *t)
{
    struct xml_rules rules = {.list_elements = t->rules->list_elements};
    for (uint32_t i = 0; i < t->count; i++) {
        struct error e;
        struct value alone;
        if (xml_decode(&t->arena, trial_bytes(t, i), BYTES(""), &rules, &alone, &e) ||
            !value_equal(&alone, t->values.list[i]))
            return false;
    }
    return true;
}

/* All that is not below the pointer's first segment. */
static inline bool trial_envelope_is_the_same(struct trial *t)
{
    struct pointer first;
    struct error e;
    const char *slash = memchr(t->items->text.data + 1, '/', t->items->text.len - 1);
    struct bytes name = {t->items->text.data, slash ? (size_t)(slash - t->items->text.data) : 0};
    if (t->items->walks[0] || pointer_parse(&t->arena, name, &first, &e))
        return true;
    struct value before = pointer_prune(&t->arena, &t->document, &first, 1);
    struct value after = pointer_prune(&t->arena, &t->reduced, &first, 1);
    return value_equal(&before, &after);
}

static inline const char *trial_of_valid(struct trial *t, uint64_t seed)
{
    struct buffer out = {0};
    struct error e;
    pointer_walk(t->items, &t->document, true, &t->values.missed, trial_add, &t->values);
    if (t->values.count != t->count)
        return "it found more items than there are, or less";
    if (t->values.missed.absent || t->values.missed.wrong)
        return "it isn't lost where there are no items";
    if (t->rules->array_count == 0 && !trial_items_mean_the_same(t))
        return "what it found is another item";
    trial_plan(t, seed, false);
    const char *wrong = trial_cut(t, &out);
    struct trial_values kept = {0};
    if (!wrong && xml_decode(&t->arena, buffer_bytes(&out), BYTES(""), t->rules, &t->reduced, &e))
        wrong = "without what was cut, it can't be read";
    else if (!wrong)
        pointer_walk(t->items, &t->reduced, true, &kept.missed, trial_add, &kept);
    buffer_close(&out);
    if (wrong)
        return wrong;
    if (kept.missed.absent || kept.missed.wrong)
        return "without what was cut, there are no items";
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->count; i++)
        if (!t->is_cut[i] && (count == kept.count || !value_equal(kept.list[count++], t->values.list[i])))
            return "one that was kept isn't there, or is another";
    if (count != kept.count)
        return "one that was cut is still there";
    return t->has_stretch || trial_envelope_is_the_same(t) ? NULL : "around the items, something changed";
}

/* Of what can't be read, whatever is cut that can be read by itself leaves something that can't be read. */
static inline const char *trial_of_broken(struct trial *t, uint64_t seed)
{
    struct buffer out = {0};
    struct error e;
    struct value value;
    uint32_t count = 0;
    trial_plan(t, seed, true);
    for (uint32_t i = 0, cut = 0; i < t->count; i++) {
        if (!t->is_cut[i])
            continue;
        t->is_cut[i] = xml_decode(&t->arena, trial_bytes(t, i), BYTES(""), t->rules, &value, &e) == 0;
        if (t->is_cut[i])
            t->cuts[count++] = t->cuts[cut];
        cut++;
    }
    t->cut_count = count;
    const char *wrong = trial_cut(t, &out);
    if (!wrong && xml_decode(&t->arena, buffer_bytes(&out), BYTES(""), t->rules, &value, &e) == 0)
        wrong = "a byte was skipped that mattered";
    buffer_close(&out);
    return wrong;
}

/* The sentence of the rule that a finder breaks with this body; null if it breaks none. `*count` becomes the
 * number of items, or -1 if it was lost. */
static inline const char *trial_run(struct bytes body, const struct pointer *items,
                                    const struct xml_rules *rules, uint64_t seed, int *count)
{
    *count = -1;
    struct answer answer = {.status = 200, .body = body, .delimited = true};
    if (decode_format(&answer, FORMAT_XML) != FORMAT_XML)
        return NULL;
    /* A copy, so that a sanitizer sees reads outside of it. */
    char *copy = malloc(body.len ? body.len : 1);
    struct trial *t = calloc(1, sizeof *t);
    struct error e;
    enum finder_found last;
    memcpy(copy, body.data, body.len);
    t->body = (struct bytes){copy, body.len};
    t->items = items;
    t->rules = rules;
    const char *wrong = trial_find(t, &last);
    *count = last == FINDER_END ? (int)t->count : -1;
    if (!wrong && last == FINDER_END) {
        int code = xml_decode(&t->arena, t->body, BYTES(""), rules, &t->document, &e);
        if (code == 0)
            wrong = trial_of_valid(t, seed);
        else if (code == ERR_BODY)
            wrong = trial_of_broken(t, seed);
    }
    arena_close(&t->arena);
    free(copy);
    free(t);
    return wrong;
}

#endif
