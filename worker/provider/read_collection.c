/* Collections: each key by itself, then what needs several of them. Region discovery is read as a
 * collection with fewer keys. */
#include <string.h>

#include "common/config/config.h"
#include "common/limits.h"
#include "worker/provider/read.h"

static const char *const collection_keys[] = {
    "type",  "auth",  "errors",   "scope",      "request", "format", "items",       "items_optional",
    "id",    "page",  "get",      "absent",     "require", "parse",  "ignore",      "unordered",
    "order", "every", "priority", "full_every", "delete",  "limits", "permissions", NULL};

static const char *const discovery_keys[] = {"request", "items",  "items_optional", "id",          "page",
                                             "format",  "errors", "auth",           "permissions", NULL};

static const char *const format_names[] = {"json", "xml", "jsonl", NULL};
static const enum format_kind formats[] = {FORMAT_JSON, FORMAT_XML, FORMAT_JSONL};

static const int64_t every_default_ms = 5 * 60 * 1000, full_every_default_ms = 24 * 3600 * 1000;

/* `items`: what it leads to are the items, so it walks them. */
static void read_items(struct reader *r, const yaml_node *map, struct collection_def *out)
{
    const yaml_node *n = yaml_get(map, "items");
    struct error e;
    if (!n && out->format == FORMAT_JSONL) {
        pointer_parse(r->arena, BYTES("/*"), &out->items, &e);
        return;
    }
    if (!n) {
        yaml_error(r->report, r->file, map,
                   "the key 'items' is missing: where in the answer the list of items is");
        return;
    }
    if (!read_pointer(r, n, POINTER_WALKS | POINTER_WHOLE, &out->items))
        return;
    uint32_t count = out->items.count;
    if (count && !out->items.walks[count - 1])
        yaml_error(r->report, r->file, n,
                   "'items' must end in '*', which walks the list: did you mean '%.*s/*'?",
                   BYTES_ARG(out->items.text));
}

/* True if a template uses {id}, which in `id` itself would be a circle. */
static bool uses_id(const char *text)
{
    for (; *text; text++) {
        if (text[0] == '{' && text[1] == '{')
            text++;
        else if (strncmp(text, "{id}", 4) == 0)
            return true;
    }
    return false;
}

static void read_id_template(struct reader *r, const yaml_node *node, struct collection_def *out)
{
    unsigned before = r->allowed;
    r->allowed = (r->allowed & ~(unsigned)ALLOW_CREDENTIALS) | ALLOW_ITEM;
    out->id_kind = ID_TEMPLATE;
    if (read_template(r, node, &out->id_template)) {
        if (uses_id(out->id_template->text))
            yaml_error(r->report, r->file, node, "{id} can't stand in 'id' itself: use {item:/POINTER}");
        else if (!strchr(out->id_template->text, '{') && out->items.count)
            yaml_error(
                r->report, r->file, node,
                "all items would have the id '%s': a pointer begins with '/', a template has a placeholder",
                out->id_template->text);
    }
    r->allowed = before;
}

static void read_id(struct reader *r, const yaml_node *map, struct collection_def *out)
{
    const yaml_node *n = read_need(r, map, "id");
    if (!n)
        return;
    if (yaml_kind(n) == YAML_LIST) {
        if (!yaml_count(n))
            yaml_error(r->report, r->file, n, "'id' is an empty list");
        read_pointers(r, n, 0, &out->id_pointers, &out->id_pointer_count);
        return;
    }
    if (yaml_kind(n) != YAML_SCALAR || yaml_is_null(n)) {
        yaml_error(r->report, r->file, n, "expected a pointer, a list of pointers or a template");
        return;
    }
    struct bytes text = yaml_text(n);
    if (text.len && text.data[0] != '/') {
        read_id_template(r, n, out);
        return;
    }
    struct pointer *pointer = arena_zalloc(r->arena, sizeof *pointer);
    if (!read_pointer(r, n, POINTER_WHOLE, pointer))
        return;
    out->id_pointers = pointer;
    out->id_pointer_count = 1;
}

static void read_absent(struct reader *r, const yaml_node *node, struct collection_def *out)
{
    static const char *const keys[] = {"status", "code", NULL};
    const yaml_node *n;
    uint64_t status;
    if (!yaml_expect(r->report, r->file, node, YAML_LIST, "a list of {status, code}"))
        return;
    uint32_t count = yaml_count(node);
    struct absent_def *list = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *item = yaml_item(node, i);
        if (!yaml_check_keys(r->report, r->file, item, keys))
            continue;
        if ((n = read_need(r, item, "status")) && yaml_read_u64(r->report, r->file, n, 200, 599, &status))
            list[i].status = (uint32_t)status;
        if ((n = yaml_get(item, "code")) && yaml_read_text(r->report, r->file, n, r->arena, &list[i].code) &&
            !out->errors.code_at_count)
            yaml_error(r->report, r->file, n,
                       "'code' needs 'errors' with 'code_at': where in the body a code is");
    }
    out->absent = list;
    out->absent_count = count;
}

static void read_period(struct reader *r, const yaml_node *node, int64_t *out)
{
    if (node && yaml_read_duration(r->report, r->file, node, out) && *out == 0)
        yaml_error(r->report, r->file, node, "a period must be longer than 0");
}

static bool begins_with(const struct pointer *pointer, const struct pointer *start)
{
    bool begins = start->count <= pointer->count;
    for (uint32_t i = 0; begins && i < start->count; i++)
        begins = start->walks[i] == pointer->walks[i] &&
                 bytes_equal(start->segments[i], pointer->segments[i]);
    return begins;
}

/* The file's rules, for this collection: arrays are made where they are missing, but never on the way to the
 * items, where an answer that is something else would look like an empty list. */
static struct xml_rules xml_rules_of(struct reader *r, const struct pointer *items)
{
    struct xml_rules rules = r->provider->xml;
    struct pointer *arrays = arena_alloc(r->arena, (rules.array_count + (size_t)1) * sizeof *arrays);
    for (uint32_t i = 0; i < rules.array_count; i++) {
        arrays[i] = rules.arrays[i];
        arrays[i].fills = !begins_with(items, &arrays[i]);
    }
    rules.arrays = arrays;
    return rules;
}

/* What a collection and region discovery have in common. */
static void read_listing(struct reader *r, const yaml_node *map, struct collection_def *out)
{
    const yaml_node *n;
    int index;
    if ((n = yaml_get(map, "auth")))
        read_auth(r, n, &out->auth);
    if (out->auth.kind == AUTH_AWS_SIGV4)
        r->allowed |= ALLOW_AUTH_REGION;
    if ((n = yaml_get(map, "errors")))
        read_errors(r, n, &out->errors);
    if ((n = yaml_get(map, "permissions")))
        yaml_read_texts(r->report, r->file, n, r->arena, &out->permissions, NULL);
    if ((n = read_need(r, map, "request")))
        read_request(r, n, &out->request);
    if ((n = yaml_get(map, "format")) && yaml_read_word(r->report, r->file, n, format_names, &index))
        out->format = formats[index];
    read_items(r, map, out);
    if (out->format == FORMAT_XML || out->format == FORMAT_AUTO)
        out->xml = xml_rules_of(r, &out->items);
    if ((n = yaml_get(map, "items_optional")))
        yaml_read_bool(r->report, r->file, n, &out->items_optional);
    read_id(r, map, out);
    read_page(r, yaml_get(map, "page"), &out->request, &out->page);
}

static void read_get(struct reader *r, const yaml_node *node, struct collection_def *out)
{
    unsigned before = r->allowed;
    struct names *vars = r->used_vars;
    r->allowed |= ALLOW_ITEM;
    r->used_vars = NULL; /* its document isn't stored */
    read_request(r, node, &out->get);
    out->has_get = true;
    r->allowed = before;
    r->used_vars = vars;
}

static void read_require(struct reader *r, const yaml_node *node, struct collection_def *out)
{
    if (read_pointers(r, node, POINTER_WALKS, &out->require, &out->require_count) &&
        out->require_count > LIMIT_REQUIRE)
        yaml_error(r->report, r->file, node, "more than %d pointers", LIMIT_REQUIRE);
}

static size_t text_bytes(const struct pointer *pointers, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += pointers[i].text.len;
    return bytes;
}

static void check_rules(struct reader *r, const yaml_node *map, const struct collection_def *def)
{
    if (text_bytes(def->parse, def->parse_count) + text_bytes(def->ignore, def->ignore_count) +
            text_bytes(def->unordered, def->unordered_count) >
        LIMIT_RULES_BYTES)
        yaml_error(r->report, r->file, map,
                   "'parse', 'ignore' and 'unordered' have more than %d KiB together",
                   LIMIT_RULES_BYTES >> 10);
}

static void read_rest(struct reader *r, const yaml_node *map, struct collection_def *out)
{
    static const char *const orders[] = {"any", "stable", NULL};
    static const char *const priorities[] = {
        [PRIORITY_HIGH] = "high", [PRIORITY_NORMAL] = "normal", [PRIORITY_LOW] = "low", NULL};
    const yaml_node *n;
    int index;
    if ((n = yaml_get(map, "get")))
        read_get(r, n, out);
    if ((n = yaml_get(map, "absent")))
        read_absent(r, n, out);
    if ((n = yaml_get(map, "require")))
        read_require(r, n, out);
    if ((n = yaml_get(map, "parse")))
        read_pointers(r, n, POINTER_WALKS, &out->parse, &out->parse_count);
    if ((n = yaml_get(map, "ignore")))
        read_pointers(r, n, POINTER_WALKS, &out->ignore, &out->ignore_count);
    if ((n = yaml_get(map, "unordered")))
        read_pointers(r, n, POINTER_WALKS | POINTER_WHOLE, &out->unordered, &out->unordered_count);
    check_rules(r, map, out);
    if ((n = yaml_get(map, "order")) && yaml_read_word(r->report, r->file, n, orders, &index))
        out->order_stable = index == 1;
    if ((n = yaml_get(map, "priority")) && yaml_read_word(r->report, r->file, n, priorities, &index))
        out->priority = (enum priority)index;
    read_period(r, yaml_get(map, "every"), &out->every_ms);
    read_period(r, yaml_get(map, "full_every"), &out->full_every_ms);
    if ((n = yaml_get(map, "limits")))
        read_limits(r, n, &out->limits);
    read_delete(r, map, out);
}

void read_collection(struct reader *r, const struct draft *draft, struct collection_def *out)
{
    struct names vars = {0};
    struct provider *provider = r->provider;
    out->provider = provider;
    out->scope = draft->scope;
    out->format = FORMAT_AUTO;
    out->every_ms = every_default_ms;
    out->full_every_ms = full_every_default_ms;
    out->priority = PRIORITY_NORMAL;
    out->place = draft->node;
    if (yaml_kind(draft->node) != YAML_MAP)
        return;
    r->allowed = ALLOW_REQUEST | (draft->in_region ? ALLOW_REGION : 0) | (draft->parents ? ALLOW_PARENT : 0);
    r->parents = draft->parents;
    if (draft->scope == SCOPE_PARENT &&
        !draft->parents) { /* unknown, which was told: not its placeholders too */
        r->allowed |= ALLOW_REGION | ALLOW_PARENT;
        r->parents = LIMIT_PARENTS;
    }
    r->used_vars = &vars;
    yaml_check_keys(r->report, r->file, draft->node, collection_keys);
    read_listing(r, draft->node, out);
    read_rest(r, draft->node, out);
    r->used_vars = NULL;
    if (!r->report->errors)
        definition_digest(r, &vars, out);
}

static void read_region_names(struct reader *r, const yaml_node *node)
{
    uint32_t count;
    if (!yaml_read_texts(r->report, r->file, node, r->arena, &r->provider->regions.names, &count))
        return;
    if (!count)
        yaml_error(r->report, r->file, node, "'regions' is empty");
    for (uint32_t i = 0; i < count; i++)
        if (yaml_text(yaml_item(node, i)).len > LIMIT_NAME_BYTES)
            yaml_error(r->report, r->file, yaml_item(node, i), "this name is longer than %d bytes",
                       LIMIT_NAME_BYTES);
}

void read_regions(struct reader *r, const yaml_node *node)
{
    struct regions_def *regions = &r->provider->regions;
    if (yaml_kind(node) == YAML_LIST) {
        read_region_names(r, node);
        return;
    }
    if (yaml_kind(node) != YAML_MAP) {
        yaml_error(
            r->report, r->file, node,
            "expected a list of regions, or a map with 'request', 'items' and 'id' that discovers them");
        return;
    }
    regions->discovered = true;
    struct draft draft = {.node = node, .type = "regions", .scope = SCOPE_ACCOUNT, .parent = -1};
    struct collection_def *out = &regions->discovery;
    *out = (struct collection_def){.provider = r->provider,
                                   .type = draft.type,
                                   .scope = SCOPE_ACCOUNT,
                                   .format = FORMAT_AUTO,
                                   .auth = out->auth,
                                   .errors = out->errors,
                                   .every_ms = every_default_ms,
                                   .full_every_ms = full_every_default_ms,
                                   .priority = PRIORITY_NORMAL,
                                   .place = node};
    r->allowed = ALLOW_REQUEST;
    r->parents = 0;
    yaml_check_keys(r->report, r->file, node, discovery_keys);
    read_listing(r, node, out);
}
