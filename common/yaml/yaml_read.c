/* Typed reading: what a scalar means is decided here and nowhere else, and strictly: `010`, `0x10` and
 * `yes` are mistakes, not 8, 16 and true. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/nearest.h"
#include "common/units.h"
#include "common/yaml/yaml_node.h"

static const char *kind_name(const yaml_node *n)
{
    if (yaml_is_null(n))
        return "nothing";
    return n->kind == YAML_SCALAR ? "a text" : n->kind == YAML_LIST ? "a list" : "a map";
}

/* "expected WHAT, not 'TEXT'". Always false. */
static bool unexpected(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, const char *what)
{
    if (n->kind == YAML_SCALAR && !yaml_is_null(n))
        yaml_error(r, f, n, "expected %s, not '%.*s'", what, BYTES_ARG(yaml_shown(r, n->text)));
    else
        yaml_error(r, f, n, "expected %s, not %s", what, kind_name(n));
    return false;
}

bool yaml_expect(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, enum yaml_kind kind,
                 const char *what)
{
    return n->kind == kind || unexpected(r, f, n, what);
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

bool yaml_check_keys(struct yaml_report *r, const struct yaml_file *f, const yaml_node *map,
                     const char *const *known)
{
    if (map->kind != YAML_MAP)
        return unexpected(r, f, map, "a map of keys and values");
    size_t count = count_words(known);
    for (uint32_t i = 0; i < map->count; i++) {
        const yaml_node *key = yaml_key(map, i);
        size_t k = 0;
        while (k < count && !bytes_is(key->text, known[k]))
            k++;
        if (k < count)
            continue;
        const char *nearest = nearest_word(key->text, known, count);
        if (nearest)
            yaml_error(r, f, key, "unknown key '%.*s': did you mean '%s'?",
                       BYTES_ARG(yaml_shown(r, key->text)), nearest);
        else
            yaml_error(r, f, key, "unknown key '%.*s'", BYTES_ARG(yaml_shown(r, key->text)));
    }
    return true;
}

bool yaml_read_text(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                    const char **out)
{
    if (n->kind != YAML_SCALAR || yaml_is_null(n))
        return unexpected(r, f, n, "a text");
    if (n->text.len && memchr(n->text.data, 0, n->text.len)) {
        yaml_error(r, f, n, "a text must not hold a NUL character");
        return false;
    }
    *out = arena_strdup(a, n->text);
    return true;
}

bool yaml_read_u64(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, uint64_t min,
                   uint64_t max, uint64_t *out)
{
    uint64_t number;
    if (n->kind != YAML_SCALAR || !bytes_to_u64(n->text, &number) ||
        (n->text.len > 1 && n->text.data[0] == '0'))
        return unexpected(r, f, n, "a whole number");
    if (number < min || number > max) {
        if (max == UINT64_MAX)
            yaml_error(r, f, n, "%" PRIu64 " is out of range: at least %" PRIu64, number, min);
        else
            yaml_error(r, f, n, "%" PRIu64 " is out of range: %" PRIu64 " to %" PRIu64, number, min, max);
        return false;
    }
    *out = number;
    return true;
}

bool yaml_read_bool(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, bool *out)
{
    bool yes = n->kind == YAML_SCALAR && bytes_is(n->text, "true");
    if (!yes && (n->kind != YAML_SCALAR || !bytes_is(n->text, "false")))
        return unexpected(r, f, n, "true or false");
    *out = yes;
    return true;
}

bool yaml_read_size(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, uint64_t *bytes)
{
    if (n->kind != YAML_SCALAR || !units_size(n->text, bytes))
        return unexpected(r, f, n, "a size such as 500MB, 10GB or 64GiB");
    return true;
}

bool yaml_read_duration(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, int64_t *ms)
{
    if (n->kind != YAML_SCALAR || !units_duration(n->text, ms))
        return unexpected(r, f, n, "a duration such as 30s, 5m, 1h or 7d");
    return true;
}

bool yaml_read_word(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n,
                    const char *const *words, int *index)
{
    size_t count = count_words(words);
    struct buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        if (n->kind == YAML_SCALAR && bytes_is(n->text, words[i])) {
            *index = (int)i;
            buffer_close(&all);
            return true;
        }
        buffer_printf(&all, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    }
    const char *nearest = n->kind == YAML_SCALAR ? nearest_word(n->text, words, count) : NULL;
    if (nearest)
        yaml_error(r, f, n, "expected %s, not '%.*s': did you mean '%s'?", buffer_text(&all),
                   BYTES_ARG(yaml_shown(r, n->text)), nearest);
    else
        unexpected(r, f, n, buffer_text(&all));
    buffer_close(&all);
    return false;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first text that stands twice, or null. Long lists mostly are sorted already. */
static const char *find_twice(const char *const *texts, uint32_t count)
{
    const char *twice = NULL;
    uint32_t ascending = 1;
    while (ascending < count && strcmp(texts[ascending - 1], texts[ascending]) < 0)
        ascending++;
    if (ascending >= count)
        return NULL;
    const char **sorted = mem_alloc((count + (size_t)1) * sizeof *sorted);
    memcpy(sorted, texts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_texts);
    for (uint32_t i = 1; i < count && !twice; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            twice = sorted[i];
    free(sorted);
    return twice;
}

bool yaml_read_texts(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                     const char *const **out, uint32_t *count)
{
    if (!yaml_expect(r, f, n, YAML_LIST, "a list of texts"))
        return false;
    bool good = true;
    const char **texts = arena_zalloc(a, (n->count + (size_t)1) * sizeof *texts);
    for (uint32_t i = 0; i < n->count; i++) {
        if (!yaml_read_text(r, f, n->items[i], a, &texts[i]))
            good = false;
        else if (!*texts[i])
            good = (yaml_error(r, f, n->items[i], "a text in this list must not be empty"), false);
    }
    if (!good)
        return false;
    const char *twice = find_twice(texts, n->count);
    if (twice) {
        yaml_error(r, f, n, "'%.*s' stands twice in this list", BYTES_ARG(yaml_shown(r, bytes_of(twice))));
        return false;
    }
    *out = texts;
    if (count)
        *count = n->count;
    return true;
}

/* JSON's number grammar. */
static bool is_number(struct bytes t)
{
    size_t i = t.len && t.data[0] == '-', digits = i;
    while (i < t.len && t.data[i] >= '0' && t.data[i] <= '9')
        i++;
    if (i == digits || (t.data[digits] == '0' && i - digits > 1))
        return false;
    if (i < t.len && t.data[i] == '.') {
        digits = ++i;
        while (i < t.len && t.data[i] >= '0' && t.data[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    if (i < t.len && (t.data[i] == 'e' || t.data[i] == 'E')) {
        i++;
        if (i < t.len && (t.data[i] == '+' || t.data[i] == '-'))
            i++;
        digits = i;
        while (i < t.len && t.data[i] >= '0' && t.data[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    return i == t.len;
}

static struct value scalar_value(const yaml_node *n, struct arena *a)
{
    if (yaml_is_null(n))
        return value_null();
    if (n->plain && (bytes_is(n->text, "true") || bytes_is(n->text, "false")))
        return value_bool(n->text.data[0] == 't');
    struct bytes text = arena_copy(a, n->text);
    return n->plain && is_number(text) ? value_number(text) : value_string(text);
}

bool yaml_read_value(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                     struct value *out)
{
    bool good = true;
    if (n->kind == YAML_SCALAR) {
        *out = scalar_value(n, a);
    } else if (n->kind == YAML_LIST) {
        *out = value_array(a, n->count);
        for (uint32_t i = 0; i < n->count; i++)
            good = yaml_read_value(r, f, n->items[i], a, &out->items[i]) && good;
    } else {
        *out = value_object(a, n->count);
        for (uint32_t i = 0; i < n->count; i++) {
            struct value member;
            good = yaml_read_value(r, f, yaml_value(n, i), a, &member) && good;
            value_put(out, arena_copy(a, yaml_key(n, i)->text), member);
        }
    }
    return good;
}
