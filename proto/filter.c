#include "proto/filter.h"

#include <inttypes.h>

#include "common/hash.h"
#include "proto/field.h"
#include "proto/wire.h"

/* The numbers of operator.proto's Filter. */
enum { ACCOUNTS = 1, PROVIDERS, REGIONS, TYPES, ID_PREFIX, OPS, NO_INITIAL, TOUCHES, MEMBERS, MEMBER };

static const unsigned all_ops = 1u << CHANGE_CREATED | 1u << CHANGE_UPDATED | 1u << CHANGE_DELETED |
                                1u << CHANGE_STATUS;

/* --- is it one that can be meant? --- */

static unsigned op_bit(struct bytes name)
{
    for (enum change_op op = CHANGE_CREATED; op <= CHANGE_STATUS; op++)
        if (bytes_is(name, change_op_name(op)))
            return 1u << op;
    return 0;
}

bool filter_read_ops(struct bytes names, unsigned *ops, struct bytes *unknown)
{
    for (bool more = true; more;) {
        const char *comma = names.len ? memchr(names.data, ',', names.len) : NULL;
        size_t len = comma ? (size_t)(comma - names.data) : names.len;
        *unknown = bytes_trim((struct bytes){names.data, len});
        unsigned bit = op_bit(*unknown);
        if (!bit)
            return false;
        *ops |= bit;
        more = comma;
        names = bytes_from(names, len + 1);
    }
    return true;
}

int filter_check(struct filter *filter, struct arena *arena, struct error *e)
{
    if (filter->ops & ~all_ops)
        return error_set(e, ERR_USAGE,
                         "the filter's ops are %#x: there are the bits %#x (created 2, updated 4, deleted 8, "
                         "status 16)",
                         filter->ops, all_ops);
    if (filter->members > LIMIT_FILTER_MEMBERS)
        return error_set(e, ERR_USAGE, "a partition of %" PRIu32 " members: %d are allowed", filter->members,
                         LIMIT_FILTER_MEMBERS);
    if (filter->member >= (filter->members ? filter->members : 1))
        return error_set(e, ERR_USAGE,
                         "member %" PRIu32 " of %" PRIu32 ": members are counted from 0 up to one less than "
                         "there are",
                         filter->member, filter->members);
    if (filter->touches.data && pointer_parse(arena, filter->touches, &filter->touched, e)) {
        error_at(e, "touches '%.*s'", BYTES_ARG(filter->touches));
        return e->code = ERR_USAGE;
    }
    return 0;
}

bool filter_is_any(const struct filter *filter)
{
    return !filter->accounts.count && !filter->providers.count && !filter->regions.count &&
           !filter->types.count && !filter->id_prefix.data && !filter->ops && !filter->no_initial &&
           !filter->touches.data && filter->members < 2;
}

/* --- collections --- */

void filter_split_account(struct bytes name, struct bytes *provider, struct bytes *account)
{
    const char *slash = name.len ? memchr(name.data, '/', name.len) : NULL;
    *provider = slash ? (struct bytes){name.data, (size_t)(slash - name.data)} : (struct bytes){0};
    *account = slash ? bytes_from(name, provider->len + 1) : name;
}

bool filter_account_is(struct bytes wanted, struct bytes provider, struct bytes account)
{
    struct bytes of, id;
    filter_split_account(wanted, &of, &id);
    return bytes_equal(id, account) && (!of.data || bytes_equal(of, provider));
}

bool filter_has_account(const struct filter_list *wanted, struct bytes provider, struct bytes account)
{
    bool found = !wanted->count;
    for (uint32_t i = 0; i < wanted->count && !found; i++)
        found = filter_account_is(wanted->items[i], provider, account);
    return found;
}

static bool has(const struct filter_list *list, struct bytes name)
{
    bool found = !list->count;
    for (uint32_t i = 0; i < list->count && !found; i++)
        found = bytes_equal(list->items[i], name);
    return found;
}

uint64_t filter_share(const struct collection_key *key)
{
    const struct bytes parts[] = {key->provider, key->account, key->region, key->type, key->parent};
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buffer_add_bytes(&text, parts[i]);
        buffer_add_char(&text, 0);
    }
    uint64_t share = hash64(buffer_bytes(&text));
    buffer_close(&text);
    return share;
}

bool filter_passes_collection(const struct filter *filter, const struct collection_key *key)
{
    return filter_has_account(&filter->accounts, key->provider, key->account) &&
           has(&filter->providers, key->provider) && has(&filter->regions, key->region) &&
           has(&filter->types, key->type) &&
           (filter->members < 2 || filter_share(key) % filter->members == filter->member);
}

/* --- what is touched --- */

bool filter_touches(const struct pointer *pointer, const struct pointer *path)
{
    uint32_t common = pointer->count < path->count ? pointer->count : path->count;
    for (uint32_t i = 0; i < common; i++)
        if (!pointer->walks[i] && !bytes_equal(pointer->segments[i], path->segments[i]))
            return false;
    return true;
}

static int note_visit(void *context, const struct value *found)
{
    (void)found;
    *(bool *)context = true;
    return 1;
}

static int document_touches(const struct filter *filter, struct bytes packed, struct arena *scratch,
                            bool *does, struct error *e)
{
    struct value document;
    int r = value_from_msgpack(scratch, packed, &document, e);
    if (!r)
        pointer_walk(&filter->touched, &document, true, NULL, note_visit, does);
    return r;
}

static int patch_touches(const struct filter *filter, struct bytes packed, struct arena *scratch, bool *does,
                         struct error *e)
{
    struct value patch;
    int r = value_from_msgpack(scratch, packed, &patch, e);
    for (uint32_t i = 0; !r && !*does && patch.type == VALUE_ARRAY && i < patch.count; i++) {
        const struct value *text = value_get_text(&patch.items[i], "path");
        struct pointer path;
        if (!text || text->type != VALUE_STRING || pointer_parse(scratch, text->text, &path, e))
            r = error_set(e, ERR_CORRUPT, "a patch has an operation without a readable path");
        else
            *does = filter_touches(&filter->touched, &path);
    }
    return r;
}

/* --- changes and rows --- */

static bool has_prefix(const struct filter *filter, struct bytes id)
{
    struct bytes prefix = filter->id_prefix;
    return !prefix.len || (id.len >= prefix.len && memcmp(id.data, prefix.data, prefix.len) == 0);
}

static bool passes_plainly(const struct filter *filter, const struct change *change)
{
    return (!filter->ops || (filter->ops & 1u << change->op)) && !(filter->no_initial && change->initial) &&
           (change->op == CHANGE_STATUS || has_prefix(filter, change->id)) &&
           filter_passes_collection(filter, &change->key);
}

int filter_passes(const struct filter *filter, const struct change *change, struct arena *scratch,
                  bool *passes, struct error *e)
{
    *passes = passes_plainly(filter, change);
    if (!*passes || !filter->touches.data)
        return 0;
    *passes = false;
    arena_reset(scratch);
    switch (change->op) {
    case CHANGE_CREATED:
        return document_touches(filter, change->after, scratch, passes, e);
    case CHANGE_DELETED:
        return document_touches(filter, change->before, scratch, passes, e);
    case CHANGE_UPDATED:
        return patch_touches(filter, change->patch, scratch, passes, e);
    default: /* a status is about no document */
        return 0;
    }
}

int filter_passes_row(const struct filter *filter, struct bytes id, struct bytes document,
                      struct arena *scratch, bool *passes, struct error *e)
{
    *passes = has_prefix(filter, id);
    if (!*passes || !filter->touches.data)
        return 0;
    *passes = false;
    arena_reset(scratch);
    return document_touches(filter, document, scratch, passes, e);
}

/* --- as a message --- */

static void add_list(struct buffer *out, unsigned number, const struct filter_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        field_add_bytes(out, number, list->items[i]);
}

void filter_pack(const struct filter *filter, struct buffer *out)
{
    add_list(out, ACCOUNTS, &filter->accounts);
    add_list(out, PROVIDERS, &filter->providers);
    add_list(out, REGIONS, &filter->regions);
    add_list(out, TYPES, &filter->types);
    if (filter->id_prefix.data)
        field_add_bytes(out, ID_PREFIX, filter->id_prefix);
    if (filter->ops)
        field_add_u64(out, OPS, filter->ops);
    if (filter->no_initial)
        field_add_u64(out, NO_INITIAL, 1);
    if (filter->touches.data)
        field_add_bytes(out, TOUCHES, filter->touches);
    if (filter->members) {
        field_add_u64(out, MEMBERS, filter->members);
        field_add_u64(out, MEMBER, filter->member);
    }
}

/* How long each list is, so that it is allocated once. */
static bool count_lists(struct bytes packed, uint32_t counts[TYPES + 1])
{
    struct field field;
    while (field_next(&packed, &field))
        if (field.number >= ACCOUNTS && field.number <= TYPES && ++counts[field.number] > LIMIT_FILTER_VALUES)
            return false;
    return !packed.len;
}

static bool take_text(const struct field *field, struct bytes *out)
{
    *out = field->span;
    return field->kind == FIELD_BYTES && wire_is_utf8(field->span);
}

/* Of what isn't in a list. What we don't know is left alone. */
static bool take_one(const struct field *field, struct filter *to)
{
    switch (field->number) {
    case ID_PREFIX:
        return take_text(field, &to->id_prefix);
    case OPS:
        return field_take_u32(field, &to->ops);
    case NO_INITIAL:
        return field_take_bool(field, &to->no_initial);
    case TOUCHES:
        return take_text(field, &to->touches);
    case MEMBERS:
        return field_take_u32(field, &to->members);
    case MEMBER:
        return field_take_u32(field, &to->member);
    default:
        return true;
    }
}

bool filter_unpack(struct arena *arena, struct bytes packed, struct filter *out)
{
    struct filter_list *lists[] = {[ACCOUNTS] = &out->accounts,
                                   [PROVIDERS] = &out->providers,
                                   [REGIONS] = &out->regions,
                                   [TYPES] = &out->types};
    uint32_t counts[TYPES + 1] = {0};
    struct bytes *items[TYPES + 1];
    struct field field;
    *out = (struct filter){0};
    if (!count_lists(packed, counts))
        return false;
    for (unsigned i = ACCOUNTS; i <= TYPES; i++)
        lists[i]->items = items[i] = counts[i] ? arena_alloc(arena, counts[i] * sizeof **items) : NULL;
    while (field_next(&packed, &field)) {
        bool is_list = field.number >= ACCOUNTS && field.number <= TYPES;
        if (is_list ? !take_text(&field, &items[field.number][lists[field.number]->count++])
                    : !take_one(&field, out))
            return false;
    }
    return true;
}
