/* Scopes first: which placeholders may stand in a collection depends on what is above it, so types,
 * scopes and parents of all collections are known before any of their parts is read.
 *
 * The order is the file's, but a parent that stands behind its first child is pulled in front of it. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/nearest.h"
#include "worker/provider/read.h"

struct scopes {
    struct reader *reader;
    struct draft *drafts;
    uint32_t count;
    uint32_t *by_type; /* drafts with a type, sorted by it */
    uint32_t typed;
};

static void read_scope(struct scopes *s, const yaml_node *node, struct draft *out)
{
    static const char *const words[] = {
        [SCOPE_ACCOUNT] = "account", [SCOPE_REGION] = "region", "{parent: TYPE}", NULL};
    static const char *const keys[] = {"parent", NULL};
    struct reader *r = s->reader;
    int index;
    out->scope = SCOPE_ACCOUNT;
    if (!node)
        return;
    if (yaml_kind(node) == YAML_SCALAR) {
        if (yaml_read_word(r->report, r->file, node, words, &index) && index != SCOPE_PARENT)
            out->scope = (enum scope_kind)index;
        return;
    }
    const char *type;
    if (!yaml_check_keys(r->report, r->file, node, keys) || !(node = read_need(r, node, "parent")) ||
        !yaml_read_text(r->report, r->file, node, r->arena, &type))
        return;
    out->scope = SCOPE_PARENT;
    out->parent_node = node;
}

static void read_draft(struct scopes *s, const yaml_node *node, struct draft *out)
{
    struct reader *r = s->reader;
    const yaml_node *n;
    *out = (struct draft){.node = node, .parent = -1};
    if (!yaml_expect(r->report, r->file, node, YAML_MAP, "a collection: a map with 'type' and 'request'"))
        return;
    if ((n = read_need(r, node, "type")))
        read_name(r, n, &out->type);
    read_scope(s, yaml_get(node, "scope"), out);
}

static int compare_types(const void *a, const void *b, void *context)
{
    const struct draft *drafts = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(drafts[x].type, drafts[y].type);
    return order ? order : (x > y) - (x < y);
}

static void sort_types(struct scopes *s)
{
    struct reader *r = s->reader;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->drafts[i].type)
            s->by_type[s->typed++] = i;
    qsort_r(s->by_type, s->typed, sizeof *s->by_type, compare_types, s->drafts);
    for (uint32_t i = 1; i < s->typed; i++) {
        const struct draft *first = &s->drafts[s->by_type[i - 1]], *second = &s->drafts[s->by_type[i]];
        if (strcmp(first->type, second->type) == 0)
            yaml_error(r->report, r->file, yaml_get(second->node, "type"),
                       "type '%s' stands twice: first in line %u", second->type,
                       yaml_line(yaml_get(first->node, "type")));
    }
}

static int64_t find_type(const struct scopes *s, struct bytes type)
{
    uint32_t low = 0, high = s->typed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(bytes_of(s->drafts[s->by_type[middle]].type), type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < s->typed && bytes_is(type, s->drafts[s->by_type[low]].type);
    return found ? (int64_t)s->by_type[low] : -1;
}

static void report_unknown(struct scopes *s, const yaml_node *node)
{
    struct reader *r = s->reader;
    struct bytes type = yaml_text(node);
    const char **known = mem_alloc((s->typed + (size_t)1) * sizeof *known);
    for (uint32_t i = 0; i < s->typed; i++)
        known[i] = s->drafts[s->by_type[i]].type;
    const char *nearest = nearest_word(type, known, s->typed);
    if (nearest)
        yaml_error(r->report, r->file, node, "there is no type '%.*s' in this file: did you mean '%s'?",
                   BYTES_ARG(type), nearest);
    else
        yaml_error(r->report, r->file, node, "there is no type '%.*s' in this file", BYTES_ARG(type));
    free(known);
}

static void find_parents(struct scopes *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct draft *draft = &s->drafts[i];
        if (draft->scope != SCOPE_PARENT)
            continue;
        draft->parent = find_type(s, yaml_text(draft->parent_node));
        if (draft->parent < 0)
            report_unknown(s, draft->parent_node);
    }
}

/* Count parents and find the root's scope. Whoever is part of a circle is told so; those that only lead
 * into one are not, it isn't their mistake. */
static void climb(struct scopes *s, uint32_t index)
{
    struct reader *r = s->reader;
    struct draft *draft = &s->drafts[index];
    int64_t at = index;
    while (s->drafts[at].parent >= 0 && draft->parents <= s->count) {
        at = s->drafts[at].parent;
        draft->parents++;
        if (at == index)
            break;
    }
    draft->in_region = s->drafts[at].scope == SCOPE_REGION;
    if (at == index && draft->parents > 0)
        yaml_error(r->report, r->file, draft->parent_node,
                   "'%s' is its own parent, by way of %u collection%s", draft->type ? draft->type : "this",
                   draft->parents, draft->parents == 1 ? "" : "s");
    else if (draft->parents > LIMIT_PARENTS && draft->parents <= s->count)
        yaml_error(r->report, r->file, draft->parent_node, "more than %d parents above each other",
                   LIMIT_PARENTS);
}

static void place(struct scopes *s, uint32_t index, uint32_t *next)
{
    struct draft *draft = &s->drafts[index];
    if (draft->position != UINT32_MAX)
        return;
    if (draft->parent >= 0) /* at most LIMIT_PARENTS deep, or it was cut */
        place(s, (uint32_t)draft->parent, next);
    draft->position = (*next)++;
}

/* With a circle or too many parents somewhere, the others are read as if nobody had one in the list; how
 * many there were still counts for placeholders. */
static void begin_places(struct scopes *s, bool broken)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->drafts[i].position = UINT32_MAX;
        if (broken)
            s->drafts[i].parent = -1;
    }
}

struct draft *read_drafts(struct reader *r, const yaml_node *list, uint32_t *count)
{
    struct scopes s = {.reader = r, .count = yaml_count(list)};
    uint32_t next = 0;
    if (s.count > LIMIT_COLLECTIONS) {
        yaml_error(r->report, r->file, list, "%u collections are more than %d", s.count, LIMIT_COLLECTIONS);
        s.count = 0;
    }
    s.drafts = arena_zalloc(r->arena, (s.count + (size_t)1) * sizeof *s.drafts);
    s.by_type = arena_zalloc(r->arena, (s.count + (size_t)1) * sizeof *s.by_type);
    for (uint32_t i = 0; i < s.count; i++)
        read_draft(&s, yaml_item(list, i), &s.drafts[i]);
    sort_types(&s);
    find_parents(&s);
    unsigned before = r->report->errors;
    for (uint32_t i = 0; i < s.count; i++)
        climb(&s, i);
    begin_places(&s, r->report->errors > before);
    for (uint32_t i = 0; i < s.count; i++)
        place(&s, i, &next);
    *count = s.count;
    return s.drafts;
}
