/* The top of a provider file, in the order that its parts need each other: names and vars, then scopes,
 * then what all collections share, then the collections. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/check.h"
#include "common/limits.h"
#include "worker/provider/read.h"

static const char *const top_keys[] = {
    "provider",      "auth",           "limits", "regions",     "vars", "errors",
    "allow_origins", "rewrite_origin", "xml",    "collections", NULL};

static bool is_identifier(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (strchr("{}:/ ", name.data[i]))
            return false;
    return name.len > 0;
}

static void read_vars(struct reader *r, const yaml_node *node)
{
    if (!yaml_expect(r->report, r->file, node, YAML_MAP, "a map of names and texts"))
        return;
    uint32_t count = yaml_count(node);
    if (count > LIMIT_NAMES) {
        yaml_error(r->report, r->file, node, "more than %d vars", LIMIT_NAMES);
        return;
    }
    r->provider->vars = value_object(r->arena, count);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *key = yaml_key(node, i);
        const char *text;
        if (!is_identifier(yaml_text(key)))
            yaml_error(r->report, r->file, key, "this can't be the name of a var");
        else if (yaml_read_text(r->report, r->file, yaml_value(node, i), r->arena, &text))
            value_put(&r->provider->vars, arena_copy(r->arena, yaml_text(key)), value_string(bytes_of(text)));
    }
}

/* scheme://host[:port] and nothing more. */
static bool is_origin(const char *text)
{
    size_t scheme = strncasecmp(text, "https://", 8) == 0 ? 8 : strncasecmp(text, "http://", 7) == 0 ? 7 : 0;
    return scheme && text[scheme] && !strpbrk(text + scheme, "/?#@{} \t\\");
}

static void read_origins(struct reader *r, const yaml_node *root)
{
    struct provider *provider = r->provider;
    const yaml_node *list = yaml_get(root, "allow_origins"), *rewrite = yaml_get(root, "rewrite_origin");
    uint32_t count = 0;
    if (list)
        yaml_read_texts(r->report, r->file, list, r->arena, &provider->allow_origins, &count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_origin(provider->allow_origins[i]))
            yaml_error(r->report, r->file, yaml_item(list, i),
                       "an origin is http:// or https://, a host and perhaps a port, nothing behind it");
    if (rewrite && yaml_read_bool(r->report, r->file, rewrite, &provider->rewrite_origin) &&
        provider->rewrite_origin && list)
        yaml_error(r->report, r->file, rewrite,
                   "'rewrite_origin' stands instead of 'allow_origins', not beside it");
}

static void read_xml(struct reader *r, const yaml_node *node)
{
    static const char *const keys[] = {"list_elements", "arrays", NULL};
    struct provider *provider = r->provider;
    const yaml_node *n;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    if ((n = yaml_get(node, "list_elements")))
        yaml_read_texts(r->report, r->file, n, r->arena, &provider->xml.list_elements, NULL);
    if ((n = yaml_get(node, "arrays")))
        read_pointers(r, n, POINTER_WALKS, &provider->xml.arrays, &provider->xml.array_count);
}

/* Whether all requests that use the file's own auth, or its limits, are of a region. */
static bool all_in_region(const yaml_node *root, const struct draft *drafts, uint32_t count, const char *but)
{
    const yaml_node *regions = yaml_get(root, "regions");
    bool all = !regions || yaml_kind(regions) != YAML_MAP || (but && yaml_get(regions, but));
    for (uint32_t i = 0; i < count; i++)
        all = all && (drafts[i].in_region || (but && yaml_get(drafts[i].node, but)));
    return all && count;
}

static void read_shared(struct reader *r, const yaml_node *root, const struct draft *drafts, uint32_t count,
                        struct collection_def *shared)
{
    const yaml_node *n;
    unsigned region = all_in_region(root, drafts, count, "auth") ? ALLOW_REGION : 0;
    r->allowed = ALLOW_REQUEST | region;
    shared->auth = (struct auth_def){.kind = AUTH_NONE, .place = root};
    if ((n = yaml_get(root, "auth")))
        read_auth(r, n, &shared->auth);
    else
        r->provider->auth_count = 1;
    if ((n = yaml_get(root, "errors")))
        read_errors(r, n, &shared->errors);
    r->allowed = ALLOW_REQUEST | (all_in_region(root, drafts, count, NULL) ? ALLOW_REGION : 0);
    if ((n = yaml_get(root, "limits")))
        read_limits(r, n, &r->provider->limits);
    read_origins(r, root);
    if ((n = yaml_get(root, "xml")))
        read_xml(r, n);
}

static void read_collections(struct reader *r, const yaml_node *root)
{
    struct provider *provider = r->provider;
    struct collection_def shared = {0};
    const yaml_node *list = read_need(r, root, "collections");
    struct draft *drafts = NULL;
    uint32_t count = 0;
    if (list && yaml_expect(r->report, r->file, list, YAML_LIST, "a list of collections")) {
        drafts = read_drafts(r, list, &count);
        if (!yaml_count(list))
            yaml_error(r->report, r->file, list, "'collections' is empty");
    }
    read_shared(r, root, drafts, count, &shared);
    provider->regions.discovery.auth = shared.auth;
    provider->regions.discovery.errors = shared.errors;
    const yaml_node *regions = yaml_get(root, "regions");
    if (regions)
        read_regions(r, regions);

    provider->collections = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *provider->collections);
    provider->collection_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct collection_def *def = &provider->collections[drafts[i].position];
        *def = shared;
        def->type = drafts[i].type ? drafts[i].type : "";
        if (drafts[i].parent >= 0)
            def->parent = &provider->collections[drafts[drafts[i].parent].position];
    }
    for (uint32_t i = 0; i < count; i++)
        read_collection(r, &drafts[i], &provider->collections[drafts[i].position]);
}

static void read_root(struct reader *r, const yaml_node *root)
{
    struct provider *provider = r->provider;
    const yaml_node *n;
    if ((n = read_need(r, root, "provider")))
        read_name(r, n, &provider->name);
    if ((n = yaml_get(root, "vars")))
        read_vars(r, n);
    read_collections(r, root);
}

/* Takes the file over. */
static struct provider *read_file(const char *name, struct yaml_file *file, struct yaml_report *report)
{
    static const char *const nothing[] = {NULL};
    if (!file)
        return NULL;
    struct provider *provider = mem_zalloc(sizeof *provider);
    provider->file = file;
    provider->path = arena_strdup(&provider->arena, bytes_of(name));
    provider->name = "";
    provider->vars = value_object(&provider->arena, 0);
    provider->allow_origins = nothing;
    struct reader r = {.provider = provider, .report = report, .file = file, .arena = &provider->arena};
    if (!yaml_check_keys(report, file, yaml_root(file), top_keys)) {
        provider_close(provider);
        return NULL;
    }
    read_root(&r, yaml_root(file));
    provider->credentials = r.credentials.count ? r.credentials.items : nothing;
    provider->uses_aws = r.has_aws_auth;
    provider->account_keys = r.account_keys.count ? r.account_keys.items : nothing;
    return provider;
}

struct provider *provider_open(const char *path, struct yaml_report *report)
{
    return read_file(path, yaml_open(path, report), report);
}

struct provider *provider_open_text(const char *name, struct bytes text, struct yaml_report *report)
{
    return read_file(name, yaml_open_text(name, text, report), report);
}

void provider_close(struct provider *provider)
{
    if (!provider)
        return;
    yaml_close(provider->file);
    arena_close(&provider->arena);
    free(provider);
}

const struct collection_def *provider_find(const struct provider *provider, const char *type)
{
    for (uint32_t i = 0; i < provider->collection_count; i++)
        if (strcmp(provider->collections[i].type, type) == 0)
            return &provider->collections[i];
    return NULL;
}
