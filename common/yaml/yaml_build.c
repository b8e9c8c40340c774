/* From libfyaml's events to nodes of our own.
 *
 * Its event parser doesn't recurse; its document builder does, and resolves aliases by copying. So the
 * tree is built here: one loop with a stack of open lists and maps, bounded in depth; an alias is a
 * pointer to the node it names, and the weights of nodes bound what walking over all aliases can cost. */
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/yaml/yaml_node.h"

struct frame {
    yaml_node *node;
    size_t first; /* where its children begin in `pending` */
};

struct anchor {
    struct bytes name;
    yaml_node *node;
};

struct builder {
    struct yaml_file *file;
    struct yaml_report *report;
    struct fy_diag *diag;
    struct fy_parser *parser;
    const yaml_node **pending; /* children of all open lists and maps */
    size_t pending_count, pending_cap;
    struct frame frames[LIMIT_DEPTH];
    unsigned depth;
    struct anchor anchors[LIMIT_YAML_ANCHORS];
    unsigned anchor_count;
    unsigned documents;
    uint64_t alias_nodes;
    struct yaml_place last; /* of the node before: for empty values, which have no place */
    const yaml_node *root;
};

#define FAIL(b, place, ...)                                                                                  \
    (yaml_report_error((b)->report, (b)->file->name, (b)->file->text, place, __VA_ARGS__), false)

static void add_child(struct builder *b, const yaml_node *child)
{
    if (!b->depth) {
        b->root = child;
        return;
    }
    if (b->pending_count == b->pending_cap) {
        b->pending_cap = b->pending_cap ? b->pending_cap * 2 : 256;
        b->pending = mem_resize(b->pending, b->pending_cap * sizeof *b->pending);
    }
    b->pending[b->pending_count++] = child;
}

static yaml_node *new_node(struct builder *b, struct fy_event *event, enum yaml_kind kind)
{
    yaml_node *node = arena_zalloc(&b->file->arena, sizeof *node);
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark)
        b->last = (struct yaml_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1, mark->input_pos};
    node->kind = kind;
    node->place = b->last;
    node->weight = 1;
    node->height = kind == YAML_SCALAR ? 0 : 1;
    return node;
}

/* libfyaml places quoted texts and aliases behind their first character: go back to it. */
static void step_back(struct builder *b, yaml_node *node, const char *marks)
{
    struct yaml_place *place = &node->place;
    if (!place->offset || place->column < 2 || !strchr(marks, b->file->text.data[place->offset - 1]))
        return;
    place->offset--;
    place->column--;
}

static struct bytes token_text(struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return text ? (struct bytes){text, len} : BYTES("");
}

/* Tags are refused, anchors remembered. */
static bool take_properties(struct builder *b, yaml_node *node, struct fy_token *tag, struct fy_token *anchor)
{
    if (tag)
        return FAIL(b, node->place, "tags such as '!!str' are not supported");
    if (!anchor)
        return true;
    if (b->anchor_count == LIMIT_YAML_ANCHORS)
        return FAIL(b, node->place, "more than %d anchors", LIMIT_YAML_ANCHORS);
    b->anchors[b->anchor_count++] = (struct anchor){arena_copy(&b->file->arena, token_text(anchor)), node};
    return true;
}

static bool take_scalar(struct builder *b, struct fy_event *event)
{
    struct yaml_place before = b->last;
    yaml_node *node = new_node(b, event, YAML_SCALAR);
    struct fy_token *value = event->scalar.value;
    node->plain = !value || fy_token_scalar_style(value) == FYSS_PLAIN;
    node->text = arena_copy(&b->file->arena, token_text(value));
    if (!node->plain)
        step_back(b, node, "'\"");
    else if (!node->text.len) /* nothing stands nowhere: it is shown at what it belongs to */
        node->place = b->last = before;
    add_child(b, node);
    return take_properties(b, node, event->scalar.tag, event->scalar.anchor);
}

static bool take_alias(struct builder *b, struct fy_event *event)
{
    struct bytes name = token_text(event->alias.anchor);
    yaml_node *at = new_node(b, event, YAML_SCALAR);
    step_back(b, at, "*");
    unsigned i = b->anchor_count;
    while (i > 0 && !bytes_equal(b->anchors[i - 1].name, name))
        i--;
    if (i == 0)
        return FAIL(b, at->place, "there is no anchor '&%.*s' before this alias",
                    BYTES_ARG(yaml_shown(b->report, name)));
    const yaml_node *named = b->anchors[i - 1].node;
    if (named->open)
        return FAIL(b, at->place, "alias '*%.*s' stands within what it names",
                    BYTES_ARG(yaml_shown(b->report, name)));
    if (b->depth + named->height > LIMIT_DEPTH)
        return FAIL(b, at->place, "more than %d lists and maps within each other", LIMIT_DEPTH);
    b->alias_nodes += named->weight;
    if (b->alias_nodes > LIMIT_YAML_ALIASED)
        return FAIL(b, at->place, "the aliases of this file stand for more than %d values",
                    LIMIT_YAML_ALIASED);
    add_child(b, named);
    return true;
}

static bool take_start(struct builder *b, struct fy_event *event, enum yaml_kind kind)
{
    yaml_node *node = new_node(b, event, kind);
    if (b->depth == LIMIT_DEPTH)
        return FAIL(b, node->place, "more than %d lists and maps within each other", LIMIT_DEPTH);
    add_child(b, node);
    node->open = true;
    b->frames[b->depth++] = (struct frame){node, b->pending_count};
    return kind == YAML_MAP
               ? take_properties(b, node, event->mapping_start.tag, event->mapping_start.anchor)
               : take_properties(b, node, event->sequence_start.tag, event->sequence_start.anchor);
}

static int compare_keys(const void *a, const void *b)
{
    const yaml_node *x = *(const yaml_node *const *)a, *y = *(const yaml_node *const *)b;
    int order = bytes_compare(x->text, y->text);
    return order ? order : (x->place.offset > y->place.offset) - (x->place.offset < y->place.offset);
}

/* Keys are scalars and stand once. */
static bool check_map(struct builder *b, const yaml_node *map)
{
    bool sound = true;
    for (uint32_t i = 0; i < map->count; i++) {
        const yaml_node *key = map->items[2 * (size_t)i];
        if (key->kind != YAML_SCALAR)
            return FAIL(b, key->place, "a key must be a text, not a list or map");
        if (key->plain && bytes_is(key->text, "<<"))
            sound = FAIL(b, key->place, "merge keys ('<<') are not supported");
    }
    if (map->count < 2)
        return sound;
    const yaml_node **keys = mem_alloc(map->count * sizeof *keys);
    for (uint32_t i = 0; i < map->count; i++)
        keys[i] = map->items[2 * (size_t)i];
    qsort(keys, map->count, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < map->count; i++)
        if (bytes_equal(keys[i - 1]->text, keys[i]->text))
            sound = FAIL(b, keys[i]->place, "key '%.*s' stands twice: first in line %u",
                         BYTES_ARG(yaml_shown(b->report, keys[i]->text)), keys[i - 1]->place.line);
    free(keys);
    return sound;
}

static bool take_end(struct builder *b)
{
    CHECK(b->depth > 0);
    struct frame frame = b->frames[--b->depth];
    size_t children = b->pending_count - frame.first, bytes = children * sizeof *b->pending;
    yaml_node *node = frame.node;
    node->open = false;
    node->items = arena_alloc(&b->file->arena, bytes);
    if (children)
        memcpy(node->items, b->pending + frame.first, bytes);
    b->pending_count = frame.first;
    for (size_t i = 0; i < children; i++) {
        node->weight += node->items[i]->weight;
        if (node->items[i]->height >= node->height)
            node->height = node->items[i]->height + 1;
    }
    node->count = (uint32_t)(node->kind == YAML_MAP ? children / 2 : children);
    return node->kind != YAML_MAP || check_map(b, node);
}

static bool take_event(struct builder *b, struct fy_event *event)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (b->documents++ == 0)
            return true;
        new_node(b, event, YAML_SCALAR); /* takes over the place */
        return FAIL(b, b->last, "a second document begins here: a file holds one");
    case FYET_SCALAR:
        return take_scalar(b, event);
    case FYET_ALIAS:
        return take_alias(b, event);
    case FYET_MAPPING_START:
        return take_start(b, event, YAML_MAP);
    case FYET_SEQUENCE_START:
        return take_start(b, event, YAML_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return take_end(b);
    default:
        return true;
    }
}

static bool report_syntax(struct builder *b)
{
    void *previous = NULL;
    const struct fy_diag_error *found = fy_diag_errors_iterate(b->diag, &previous);
    while (found && found->type != FYET_ERROR)
        found = fy_diag_errors_iterate(b->diag, &previous);
    if (!found)
        return FAIL(b, b->last, "isn't valid YAML from here on");
    uint32_t line = found->line > 0 ? (uint32_t)found->line : 1;
    uint32_t column = found->column > 0 ? (uint32_t)found->column : 1;
    return FAIL(b, yaml_place_of_line(b->file->text, line, column), "%s", found->msg);
}

static bool run(struct builder *b)
{
    bool sound = true;
    struct fy_event *event;
    while (sound && (event = fy_parser_parse(b->parser))) {
        sound = take_event(b, event);
        fy_parser_event_free(b->parser, event);
    }
    if (sound && fy_parser_get_stream_error(b->parser))
        return report_syntax(b);
    if (sound && (!b->root || yaml_is_null(b->root)))
        return FAIL(b, (struct yaml_place){0}, "the file is empty");
    return sound;
}

const yaml_node *yaml_build(struct yaml_file *file, struct yaml_report *report)
{
    struct fy_diag_cfg how;
    fy_diag_cfg_default(&how);
    how.fp = NULL;
    struct builder *b = mem_zalloc(sizeof *b);
    *b = (struct builder){.file = file, .report = report, .last = {1, 1, 0}};
    CHECK(b->diag = fy_diag_create(&how));
    fy_diag_set_collect_errors(b->diag, true);
    struct fy_parse_cfg cfg = {
        .search_path = "",
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = b->diag,
    };
    CHECK(b->parser = fy_parser_create(&cfg));
    CHECK(fy_parser_set_string(b->parser, file->text.data, file->text.len) == 0);

    const yaml_node *root = run(b) ? b->root : NULL;
    fy_parser_destroy(b->parser);
    fy_diag_destroy(b->diag);
    free(b->pending);
    free(b);
    return root;
}
