/* Each value is a letter and what it needs: 'n'ull, 't'rue, 'f'alse; '#' or '"' with length and text;
 * '[' with count and items; '{' with count and, by key, length and key and value of each member. Lengths
 * and counts are 32 bits, big-endian. A letter says what follows and a length how much, so no two
 * different documents share a form, and a value's form is never the beginning of another's. */
#include "common/value/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/value/members.h"
#include "common/value/number.h"
#include "common/value/trail.h"

enum { HEAD_BYTES = 5 };

struct writer {
    struct buffer *out;
    struct trails trails; /* of `unordered` */
};

static void write_value(struct writer *w, struct level level, const struct value *value);

static char *put_head(char *to, char letter, size_t number)
{
    CHECK(number <= UINT32_MAX);
    *to = letter;
    be32_put(to + 1, (uint32_t)number);
    return to + HEAD_BYTES;
}

static void end_at(struct buffer *out, char *to)
{
    *to = 0;
    out->len = (size_t)(to - out->data);
}

static void write_head(struct buffer *out, char letter, size_t number)
{
    buffer_reserve(out, HEAD_BYTES);
    end_at(out, put_head(out->data + out->len, letter, number));
}

static void write_text(struct buffer *out, char letter, struct bytes text)
{
    buffer_reserve(out, HEAD_BYTES + text.len);
    end_at(out, bytes_put(put_head(out->data + out->len, letter, text.len), text));
}

static void write_scalar(struct buffer *out, const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        buffer_add_char(out, 'n');
        break;
    case VALUE_BOOL:
        buffer_add_char(out, value->boolean ? 't' : 'f');
        break;
    case VALUE_NUMBER:
        write_text(out, '#', number_canonical(value->text));
        break;
    default:
        write_text(out, '"', value->text);
    }
}

/* --- where no pointer leads: most values --- */

static void write_plain(struct buffer *out, const struct value *value);

static void write_plain_members(struct buffer *out, const struct value *object)
{
    struct members_sorted sorted;
    write_head(out, '{', object->count);
    members_sorted_open(&sorted, object);
    for (uint32_t i = 0; i < sorted.count; i++) {
        write_text(out, '"', sorted.list[i]->key);
        write_plain(out, &sorted.list[i]->value);
    }
    members_sorted_close(&sorted);
}

static void write_plain(struct buffer *out, const struct value *value)
{
    if (value->type == VALUE_OBJECT) {
        write_plain_members(out, value);
    } else if (value->type == VALUE_ARRAY) {
        write_head(out, '[', value->count);
        for (uint32_t i = 0; i < value->count; i++)
            write_plain(out, &value->items[i]);
    } else {
        write_scalar(out, value);
    }
}

/* --- where one does --- */

static int compare_forms(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Bring the forms that were written from `start` on into order; `ends` says where each ends. */
static void sort_forms(struct buffer *out, size_t start, const size_t *ends, uint32_t count)
{
    size_t len = out->len - start;
    char *copy = mem_alloc(len + 1);
    memcpy(copy, out->data + start, len);
    struct bytes *forms = mem_alloc(count * sizeof *forms);
    for (uint32_t i = 0; i < count; i++) {
        size_t from = i ? ends[i - 1] : start;
        forms[i] = (struct bytes){copy + (from - start), ends[i] - from};
    }
    qsort(forms, count, sizeof *forms, compare_forms);
    out->len = start;
    for (uint32_t i = 0; i < count; i++)
        buffer_add_bytes(out, forms[i]);
    free(forms);
    free(copy);
}

static void write_items(struct writer *w, struct level level, const struct value *array, bool in_order)
{
    write_head(w->out, '[', array->count);
    size_t start = w->out->len;
    size_t *ends = in_order ? NULL : mem_alloc((array->count + (size_t)1) * sizeof *ends);
    for (uint32_t i = 0; i < array->count; i++) {
        struct level inside = trails_enter_item(&w->trails, level, i);
        write_value(w, inside, &array->items[i]);
        trails_leave(&w->trails, inside);
        if (ends)
            ends[i] = w->out->len;
    }
    if (ends && array->count > 1)
        sort_forms(w->out, start, ends, array->count);
    free(ends);
}

static void write_members(struct writer *w, struct level level, const struct value *object)
{
    struct members_sorted sorted;
    write_head(w->out, '{', object->count);
    members_sorted_open(&sorted, object);
    for (uint32_t i = 0; i < sorted.count; i++) {
        const struct member *member = sorted.list[i];
        struct level inside = trails_enter_member(&w->trails, level, member->key);
        write_text(w->out, '"', member->key);
        write_value(w, inside, &member->value);
        trails_leave(&w->trails, inside);
    }
    members_sorted_close(&sorted);
}

static void write_value(struct writer *w, struct level level, const struct value *value)
{
    if (trails_none(level)) {
        write_plain(w->out, value);
        return;
    }
    bool is_named = trails_arrive(&w->trails, level, value);
    if (value->type == VALUE_ARRAY)
        write_items(w, level, value, !is_named);
    else if (value->type == VALUE_OBJECT)
        write_members(w, level, value);
    else
        write_scalar(w->out, value);
}

void canonical_form(const struct value *document, const struct pointer *unordered, size_t count,
                    struct buffer *out)
{
    struct writer w = {.out = out};
    write_value(&w, trails_open(&w.trails, unordered, count), document);
    trails_close(&w.trails);
}

struct digest canonical_digest(const struct value *document, const struct pointer *unordered, size_t count,
                               const struct hash_secret *secret, struct buffer *scratch)
{
    buffer_reset(scratch);
    canonical_form(document, unordered, count, scratch);
    return hash128(buffer_bytes(scratch), secret);
}
