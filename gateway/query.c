/* An account that isn't the tenant's is answered the same, whether or not there is such a one. */
#include "gateway/query.h"

#include <string.h>

#include "common/nearest.h"

enum parameter {
    FROM,
    ACCOUNT,
    PROVIDER,
    REGION,
    TYPE,
    ID_PREFIX,
    OP,
    NO_INITIAL,
    TOUCHES,
    LIMIT,
    FOLLOW,
    PARAMETERS
};

static const char *const names[PARAMETERS] = {"from",    "account",   "provider", "region",
                                              "type",    "id_prefix", "op",       "no_initial",
                                              "touches", "limit",     "follow"};

/* How many of the names an answer knows, and which. */
static const struct {
    const char *path;
    unsigned known; /* bits */
} kinds[] = {
    [QUERY_CHANGES] = {"/v1/changes", (1u << PARAMETERS) - 1},
    [QUERY_RESOURCES] = {"/v1/resources",
                         1u << ACCOUNT | 1u << PROVIDER | 1u << REGION | 1u << TYPE | 1u << ID_PREFIX},
    [QUERY_STATUS] = {"/v1/status", 1u << ACCOUNT | 1u << TYPE},
};

void query_begin(struct query *query, enum query_kind kind)
{
    *query = (struct query){.kind = kind, .follow = kind == QUERY_CHANGES, .limit = UINT64_MAX};
}

void query_close(struct query *query)
{
    arena_close(&query->arena);
}

/* --- parameters --- */

static bool unknown(struct query *query, struct bytes name)
{
    const char *known[PARAMETERS];
    struct buffer all = {0};
    size_t count = 0;
    for (int i = 0; i < PARAMETERS; i++)
        if (kinds[query->kind].known & 1u << i) {
            known[count] = names[i];
            buffer_printf(&all, "%s%s", count++ ? ", " : "", names[i]);
        }
    const char *nearest = nearest_word(name, known, count);
    int len = name.len < LIMIT_NAME_BYTES ? (int)name.len : LIMIT_NAME_BYTES;
    if (nearest)
        fault_set(&query->fault, FAULT_USAGE, "unknown parameter '%.*s': did you mean '%s'?", len, name.data,
                  nearest);
    else
        fault_set(&query->fault, FAULT_USAGE, "unknown parameter '%.*s': %s knows %s", len, name.data,
                  kinds[query->kind].path, buffer_text(&all));
    buffer_close(&all);
    return false;
}

static bool wrong(struct query *query, enum parameter which, const char *what)
{
    fault_set(&query->fault, FAULT_USAGE, "%s: %s", names[which], what);
    return false;
}

static bool take_bool(struct query *query, enum parameter which, struct bytes value, bool *out)
{
    *out = !value.len || bytes_is(value, "true") || bytes_is(value, "1");
    if (*out || bytes_is(value, "false") || bytes_is(value, "0"))
        return true;
    return wrong(query, which, "true or false is needed");
}

/* A list has room for a power of two; it is moved when that is full. */
static bool add(struct query *query, enum parameter which, struct bytes value, struct filter_list *list)
{
    uint32_t count = list->count;
    struct bytes *items = (struct bytes *)list->items;
    if (count == LIMIT_FILTER_VALUES)
        return wrong(query, which, "too many of them: name fewer, or none for all");
    if ((count & (count - 1)) == 0)
        items = arena_alloc(&query->arena, (count ? 2 * (size_t)count : 1) * sizeof *items);
    if (count && items != list->items)
        memcpy(items, list->items, count * sizeof *items);
    items[count] = arena_copy(&query->arena, value);
    *list = (struct filter_list){items, count + 1};
    return true;
}

static bool take_ops(struct query *query, struct bytes value)
{
    struct bytes unknown;
    if (filter_read_ops(value, &query->filter.ops, &unknown))
        return true;
    return wrong(query, OP, "there are created, updated, deleted and status, separated by commas");
}

static bool take_limit(struct query *query, struct bytes value)
{
    if (bytes_to_u64(value, &query->limit) && query->limit)
        return true;
    return wrong(query, LIMIT, "a number from 1 on is needed");
}

static bool take(struct query *query, enum parameter which, struct bytes value)
{
    struct filter *filter = &query->filter;
    switch (which) {
    case FROM:
        query->from = arena_strdup(&query->arena, value);
        return true;
    case ACCOUNT:
        query->has_accounts = true;
        return add(query, which, value, &filter->accounts);
    case PROVIDER:
        return add(query, which, value, &filter->providers);
    case REGION:
        return add(query, which, value, &filter->regions);
    case TYPE:
        return add(query, which, value, &filter->types);
    case ID_PREFIX:
        filter->id_prefix = arena_copy(&query->arena, value);
        return true;
    case OP:
        return take_ops(query, value);
    case NO_INITIAL:
        return take_bool(query, which, value, &filter->no_initial);
    case TOUCHES:
        filter->touches = arena_copy(&query->arena, value);
        return true;
    case LIMIT:
        return take_limit(query, value);
    default:
        return take_bool(query, which, value, &query->follow);
    }
}

bool query_take(struct query *query, struct bytes name, struct bytes value)
{
    for (int i = 0; i < PARAMETERS; i++) {
        if (!(kinds[query->kind].known & 1u << i) || !bytes_is(name, names[i]))
            continue;
        if (!bytes_is_utf8(value, NULL) || (value.len && memchr(value.data, 0, value.len)))
            return wrong(query, (enum parameter)i, "text in UTF-8, without NUL, is needed");
        return take(query, (enum parameter)i, value);
    }
    return unknown(query, name);
}

/* --- headers --- */

static bool accepts(struct bytes accept, const char *type)
{
    return memmem(accept.data, accept.len, type, strlen(type)) != NULL;
}

bool query_take_headers(struct query *query, const char *accept, const char *last_event_id)
{
    struct bytes types = bytes_of(accept);
    bool is_stream = query->kind == QUERY_CHANGES;
    if (last_event_id && *last_event_id && is_stream)
        query->from = arena_strdup(&query->arena, bytes_of(last_event_id));
    if (is_stream && accepts(types, HTTP_EVENTS))
        query->format = QUERY_EVENTS;
    else if (types.len && !accepts(types, HTTP_NDJSON) && !accepts(types, HTTP_JSON) &&
             !accepts(types, "*/*") && !accepts(types, "application/*"))
        fault_set(&query->fault, FAULT_NOT_ACCEPTABLE, "%s is given as %s", kinds[query->kind].path,
                  is_stream                     ? HTTP_NDJSON " or " HTTP_EVENTS
                  : query->kind == QUERY_STATUS ? HTTP_JSON
                                                : HTTP_NDJSON);
    return !query->fault.kind;
}

/* --- what a tenant may have --- */

static bool is_meant(const struct filter_list *wanted, struct bytes name)
{
    struct bytes provider, account;
    filter_split_account(name, &provider, &account);
    return filter_has_account(wanted, provider, account);
}

static bool restrict_to(struct query *query, const struct tenant *tenant)
{
    struct filter_list *wanted = &query->filter.accounts;
    struct bytes *items = arena_alloc(&query->arena, (tenant->count + 1) * sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < tenant->count; i++)
        if (is_meant(wanted, tenant->accounts[i]))
            items[count++] = tenant->accounts[i];
    if (!count) {
        fault_set(&query->fault, FAULT_NOT_FOUND, "account '%.*s': this token has no such account",
                  wanted->items[0].len < LIMIT_NAME_BYTES ? (int)wanted->items[0].len : LIMIT_NAME_BYTES,
                  wanted->items[0].data);
        return false;
    }
    *wanted = (struct filter_list){items, count};
    return true;
}

bool query_end(struct query *query, const struct tenant *tenant)
{
    struct error e;
    if (query->fault.kind)
        return false;
    if (!tenant->all && !restrict_to(query, tenant))
        return false;
    if (filter_check(&query->filter, &query->arena, &e)) {
        fault_set(&query->fault, FAULT_USAGE, "%s", e.text);
        return false;
    }
    return true;
}
