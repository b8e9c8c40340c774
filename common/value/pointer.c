#include "common/value/pointer.h"

#include "common/limits.h"
#include "common/value/trail.h"

/* Unescape in one pass from the left, so that "~01" is "~1" and not "/". */
static bool unescape(struct arena *arena, struct bytes escaped, struct bytes *out)
{
    char *to = arena_alloc(arena, escaped.len + 1);
    *out = (struct bytes){to, 0};
    for (size_t i = 0; i < escaped.len; i++) {
        char c = escaped.data[i];
        if (c == '~') {
            i++;
            if (i == escaped.len || (escaped.data[i] != '0' && escaped.data[i] != '1'))
                return false;
            c = escaped.data[i] == '0' ? '~' : '/';
        }
        to[out->len++] = c;
    }
    to[out->len] = 0;
    return true;
}

static uint32_t count_segments(struct bytes text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.len && count <= LIMIT_DEPTH; i++)
        count += text.data[i] == '/';
    return count;
}

int pointer_parse(struct arena *arena, struct bytes text, struct pointer *out, struct error *e)
{
    *out = (struct pointer){.text = arena_copy(arena, text), .count = count_segments(text)};
    if (text.len && text.data[0] != '/')
        return error_set(e, ERR_CONFIG, "pointer \"%.*s\" must be \"\" or begin with \"/\"", BYTES_ARG(text));
    if (out->count > LIMIT_DEPTH)
        return error_set(e, ERR_CONFIG, "pointer \"%.*s\" has more than %d segments, and nothing is so deep",
                         BYTES_ARG(text), LIMIT_DEPTH);
    out->segments = arena_alloc(arena, out->count * sizeof *out->segments);
    out->walks = arena_alloc(arena, out->count * sizeof *out->walks);
    struct bytes rest = out->text;
    for (uint32_t i = 0; i < out->count; i++) {
        rest = bytes_from(rest, 1);
        struct bytes segment = {rest.data, 0};
        while (segment.len < rest.len && rest.data[segment.len] != '/')
            segment.len++;
        rest = bytes_from(rest, segment.len);
        if (!unescape(arena, segment, &out->segments[i]))
            return error_set(e, ERR_CONFIG,
                             "pointer \"%.*s\" has a \"~\" that is neither \"~0\" (a \"~\") nor "
                             "\"~1\" (a \"/\")",
                             BYTES_ARG(text));
        out->walks[i] = bytes_is(segment, "*");
        out->has_walk = out->has_walk || out->walks[i];
    }
    return 0;
}

struct pointer *pointers_walk_single(struct arena *arena, const struct pointer *pointers, size_t count)
{
    struct pointer *copies = count ? arena_alloc(arena, count * sizeof *copies) : NULL;
    for (size_t i = 0; i < count; i++) {
        copies[i] = pointers[i];
        copies[i].walks_single = true;
    }
    return copies;
}

static const struct value *step(const struct value *value, struct bytes segment)
{
    uint64_t index;
    if (value->type != VALUE_ARRAY)
        return value_get(value, segment);
    return trail_index(segment, &index) && index < value->count ? &value->items[index] : NULL;
}

const struct value *pointer_get(const struct pointer *pointer, const struct value *root)
{
    if (pointer->has_walk)
        return NULL;
    for (uint32_t i = 0; i < pointer->count && root; i++)
        root = step(root, pointer->segments[i]);
    return root;
}

struct walk {
    const struct pointer *pointer;
    bool single;
    struct pointer_missed missed;
    int (*visit)(void *context, const struct value *found);
    void *context;
};

static int walk_from(struct walk *w, uint32_t at, const struct value *value);

static int walk_items(struct walk *w, uint32_t at, const struct value *value)
{
    if (value->type == VALUE_ARRAY) {
        int rc = 0;
        for (uint32_t i = 0; i < value->count && rc == 0; i++)
            rc = walk_from(w, at + 1, &value->items[i]);
        return rc;
    }
    if (value->type == VALUE_NULL) {
        w->missed.absent++;
        return 0;
    }
    if (!w->single) {
        w->missed.wrong++;
        return 0;
    }
    return trail_is_blank(value) ? 0 : walk_from(w, at + 1, value);
}

static int walk_from(struct walk *w, uint32_t at, const struct value *value)
{
    if (at == w->pointer->count)
        return w->visit(w->context, value);
    if (w->pointer->walks[at])
        return walk_items(w, at, value);
    const struct value *next = step(value, w->pointer->segments[at]);
    if (next)
        return walk_from(w, at + 1, next);
    bool is_empty = w->single && trail_is_blank(value);
    if (is_empty && at > 0)
        return 0;
    if (is_empty || value->type == VALUE_OBJECT || value->type == VALUE_ARRAY || value->type == VALUE_NULL)
        w->missed.absent++;
    else
        w->missed.wrong++;
    return 0;
}

int pointer_walk(const struct pointer *pointer, const struct value *root, bool single,
                 struct pointer_missed *missed, int (*visit)(void *context, const struct value *found),
                 void *context)
{
    struct walk w = {.pointer = pointer, .single = single, .visit = visit, .context = context};
    int rc = walk_from(&w, 0, root);
    if (missed)
        *missed = w.missed;
    return rc;
}
