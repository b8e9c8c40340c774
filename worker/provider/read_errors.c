/* Errors: where an answer says what is wrong, and what its codes mean. */
#include "worker/provider/read.h"

/* A pointer into the body, or header:NAME (or body:/POINTER). */
static bool read_place(struct reader *r, const yaml_node *node, struct source *out)
{
    if (yaml_kind(node) == YAML_SCALAR && (!yaml_text(node).len || yaml_text(node).data[0] == '/')) {
        *out = (struct source){.kind = SOURCE_BODY};
        return read_pointer(r, node, POINTER_WHOLE, &out->pointer);
    }
    return read_source(r, node, 1 << SOURCE_BODY | 1 << SOURCE_HEADER, out);
}

/* One place, or a list of which the first that is there counts. */
static void read_places(struct reader *r, const yaml_node *node, const struct source **out, uint32_t *count)
{
    bool list = yaml_kind(node) == YAML_LIST;
    uint32_t wanted = list ? yaml_count(node) : 1;
    struct source *places = arena_zalloc(r->arena, (wanted + (size_t)1) * sizeof *places);
    if (!wanted)
        yaml_error(r->report, r->file, node, "this list of places is empty");
    for (uint32_t i = 0; i < wanted; i++)
        if (read_place(r, list ? yaml_item(node, i) : node, &places[*count]))
            ++*count;
    *out = places;
}

static void read_advice(struct reader *r, const yaml_node *node, struct value *out)
{
    if (!yaml_expect(r->report, r->file, node, YAML_MAP, "a map of codes and what to do about them"))
        return;
    *out = value_object(r->arena, yaml_count(node));
    for (uint32_t i = 0; i < yaml_count(node); i++) {
        const char *text;
        if (yaml_read_text(r->report, r->file, yaml_value(node, i), r->arena, &text))
            value_put(out, arena_copy(r->arena, yaml_text(yaml_key(node, i))), value_string(bytes_of(text)));
    }
}

static void read_codes(struct reader *r, const yaml_node *map, const char *key, const char *const **out)
{
    const yaml_node *n = yaml_get(map, key);
    if (n)
        yaml_read_texts(r->report, r->file, n, r->arena, out, NULL);
}

static void read_mark(struct reader *r, const yaml_node *map, const char *key, const char **out)
{
    const yaml_node *n = yaml_get(map, key);
    if (n && yaml_read_text(r->report, r->file, n, r->arena, out) && !**out)
        yaml_error(r->report, r->file, n, "'%s' is empty", key);
}

void read_errors(struct reader *r, const yaml_node *node, struct errors_def *out)
{
    static const char *const keys[] = {"code_at", "code_after", "code_before", "message_at", "throttled",
                                       "expired", "skewed",     "denied",      "advice",     NULL};
    const yaml_node *n;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    *out = (struct errors_def){.advice = value_object(r->arena, 0)};
    if ((n = read_need(r, node, "code_at")))
        read_places(r, n, &out->code_at, &out->code_at_count);
    if ((n = yaml_get(node, "message_at")))
        read_places(r, n, &out->message_at, &out->message_at_count);
    read_mark(r, node, "code_after", &out->code_after);
    read_mark(r, node, "code_before", &out->code_before);
    read_codes(r, node, "throttled", &out->throttled);
    read_codes(r, node, "expired", &out->expired);
    read_codes(r, node, "skewed", &out->skewed);
    read_codes(r, node, "denied", &out->denied);
    if ((n = yaml_get(node, "advice")))
        read_advice(r, n, &out->advice);
}
