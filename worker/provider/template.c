/* How it works: a template is cut into pieces, one at a time: literal text, or a placeholder as a kind, a
 * name or pointer, and how many generations up. Expanding and checking walk the same pieces, so what was
 * checked at start is what is expanded later. Nothing is compiled ahead: templates are short, and a
 * request costs a thousand times what cutting its templates does. */
#include "worker/provider/template.h"

#include <string.h>

#include "common/check.h"
#include "common/nearest.h"
#include "worker/provider/url.h"

enum piece_kind {
    PIECE_LITERAL,
    PIECE_ACCOUNT_ID,
    PIECE_ACCOUNT_KEY,
    PIECE_REGION,
    PIECE_CREDENTIAL,
    PIECE_VAR,
    PIECE_PARENT_ID,
    PIECE_PARENT_POINTER,
    PIECE_ID,
    PIECE_ITEM_POINTER,
    PIECE_TOKEN,
    PIECE_KINDS
};

struct piece {
    enum piece_kind kind;
    struct bytes inner;   /* a literal, or what stands between the braces */
    struct bytes name;    /* a key, or a pointer */
    uint32_t generations; /* parents up; 1 is the parent */
};

static const unsigned needs[PIECE_KINDS] = {
    [PIECE_ACCOUNT_ID] = ALLOW_ACCOUNT,
    [PIECE_ACCOUNT_KEY] = ALLOW_ACCOUNT,
    [PIECE_REGION] = ALLOW_REGION,
    [PIECE_CREDENTIAL] = ALLOW_CREDENTIALS,
    [PIECE_VAR] = ALLOW_VARS,
    [PIECE_PARENT_ID] = ALLOW_PARENT,
    [PIECE_PARENT_POINTER] = ALLOW_PARENT,
    [PIECE_ID] = ALLOW_ITEM,
    [PIECE_ITEM_POINTER] = ALLOW_ITEM,
    [PIECE_TOKEN] = ALLOW_TOKEN,
};

/* How each kind is written, and where it can have a value. */
struct usage {
    unsigned allow;
    const char *head, *forms, *where;
};

static const struct usage usages[] = {
    {ALLOW_ACCOUNT, "account", "{account.id} or {account.KEY}", "this belongs to no account"},
    {ALLOW_REGION, "region", "{region}", "only a collection of scope region has one, or a child of such"},
    {ALLOW_CREDENTIALS, "credentials", "{credentials.NAME}", "credentials go into requests and auth only"},
    {ALLOW_VARS, "vars", "{vars.NAME}", "vars go into requests and auth only"},
    {ALLOW_PARENT, "parent", "{parent.id} or {parent:/POINTER}", "there is no such parent"},
    {ALLOW_ITEM, "id", "{id}", "only `get` has one"},
    {ALLOW_ITEM, "item", "{item:/POINTER}", "only `get` and `id` have one"},
    {ALLOW_TOKEN, "token", "{token}", "only the format of a login or exec auth has one"},
};
enum { USAGES = sizeof usages / sizeof *usages };

static bool take(struct bytes *text, const char *prefix)
{
    if (!bytes_starts(*text, prefix))
        return false;
    *text = bytes_from(*text, strlen(prefix));
    return true;
}

static bool classify_parent(struct bytes rest, struct piece *piece)
{
    piece->generations = 1;
    while (take(&rest, ".parent"))
        piece->generations++;
    if (bytes_is(rest, ".id")) {
        piece->kind = PIECE_PARENT_ID;
        return true;
    }
    piece->kind = PIECE_PARENT_POINTER;
    bool is_pointer = take(&rest, ":");
    piece->name = rest;
    return is_pointer;
}

/* Say which placeholder `piece->inner` is. False when it is none. */
static bool classify(struct piece *piece)
{
    static const struct {
        const char *prefix;
        enum piece_kind kind;
        bool named;
    } forms[] = {
        {"account.", PIECE_ACCOUNT_KEY, true},
        {"credentials.", PIECE_CREDENTIAL, true},
        {"vars.", PIECE_VAR, true},
        {"region", PIECE_REGION, false},
        {"id", PIECE_ID, false},
        {"token", PIECE_TOKEN, false},
    };
    struct bytes rest = piece->inner;
    if (take(&rest, "parent"))
        return classify_parent(rest, piece);
    if (take(&rest, "item:")) {
        piece->kind = PIECE_ITEM_POINTER;
        piece->name = rest;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        rest = piece->inner;
        if (!take(&rest, forms[i].prefix))
            continue;
        piece->kind = bytes_is(piece->inner, "account.id") ? PIECE_ACCOUNT_ID : forms[i].kind;
        piece->name = rest;
        return forms[i].named == (rest.len > 0);
    }
    return false;
}

/* What was most likely meant by an unknown placeholder. */
static int unknown(struct bytes inner, struct error *e)
{
    const char *heads[USAGES];
    size_t len = 0;
    while (len < inner.len && inner.data[len] != '.' && inner.data[len] != ':')
        len++;
    for (size_t i = 0; i < USAGES; i++)
        heads[i] = usages[i].head;
    const char *nearest = nearest_word((struct bytes){inner.data, len}, heads, USAGES);
    for (size_t i = 0; i < USAGES; i++)
        if (nearest == heads[i])
            return error_set(e, ERR_CONFIG, "unknown placeholder {%.*s}: did you mean %s?", BYTES_ARG(inner),
                             usages[i].forms);
    return error_set(e, ERR_CONFIG,
                     "unknown placeholder {%.*s}: the known ones are {account.id}, {account.KEY}, {region}, "
                     "{credentials.NAME}, {vars.NAME}, {parent.id}, {parent:/POINTER}, {id} and "
                     "{item:/POINTER}; a brace is written {{ or }}",
                     BYTES_ARG(inner));
}

/* Cut the next piece off `*rest`, which isn't empty. Literal text comes in runs up to the next brace. */
static int next_piece(struct bytes *rest, struct piece *piece, struct error *e)
{
    *piece = (struct piece){.kind = PIECE_LITERAL};
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '{' && rest->data[len] != '}')
        len++;
    if (len == 0 && (bytes_starts(*rest, "{{") || bytes_starts(*rest, "}}"))) {
        piece->inner = (struct bytes){rest->data, 1};
        *rest = bytes_from(*rest, 2);
        return 0;
    }
    if (len > 0) {
        piece->inner = (struct bytes){rest->data, len};
        *rest = bytes_from(*rest, len);
        return 0;
    }
    if (rest->data[0] == '}')
        return error_set(e, ERR_CONFIG, "a '}' without a '{' before it: a brace is written }}");
    const char *end = memchr(rest->data, '}', rest->len);
    if (!end)
        return error_set(e, ERR_CONFIG, "a '{' without a '}' behind it: a brace is written {{");
    piece->inner = (struct bytes){rest->data + 1, (size_t)(end - rest->data) - 1};
    *rest = bytes_from(*rest, piece->inner.len + 2);
    return classify(piece) ? 0 : unknown(piece->inner, e);
}

/* --- Expanding --- */

static int no_value(const struct piece *piece, struct error *e, const char *why)
{
    return error_set(e, ERR_PLACEHOLDER, "{%.*s} has no value: %s", BYTES_ARG(piece->inner), why);
}

static int scalar(const struct piece *piece, const struct value *value, const char *missing,
                  struct bytes *out, struct error *e)
{
    if (!value)
        return no_value(piece, e, missing);
    if (value_scalar_text(value, out))
        return 0;
    return error_set(e, ERR_PLACEHOLDER, "{%.*s} has no value: %s %s is no text", BYTES_ARG(piece->inner),
                     value->type == VALUE_ARRAY || value->type == VALUE_OBJECT ? "an" : "a",
                     value_type_name(value->type));
}

static int from_pointer(const struct piece *piece, const struct resource_view *resource, struct bytes *out,
                        struct error *e)
{
    struct arena arena = {0};
    struct pointer pointer;
    int err;
    if (!resource->document)
        return no_value(piece, e, "the document isn't known");
    err = pointer_parse(&arena, piece->name, &pointer, e);
    if (!err && pointer.has_walk)
        err = no_value(piece, e, "a pointer with * leads to many");
    if (!err)
        err = scalar(piece, pointer_get(&pointer, resource->document), "the document has nothing there", out,
                     e);
    arena_close(&arena);
    return err;
}

static int from_parent(const struct piece *piece, const struct placeholders *values, struct bytes *out,
                       struct error *e)
{
    const struct resource_view *parent = values->parent;
    for (uint32_t i = 1; parent && i < piece->generations; i++)
        parent = parent->parent;
    if (!parent)
        return no_value(piece, e, "there is no such parent here");
    if (piece->kind == PIECE_PARENT_POINTER)
        return from_pointer(piece, parent, out, e);
    *out = parent->id;
    return 0;
}

static int from_item(const struct piece *piece, const struct placeholders *values, struct bytes *out,
                     struct error *e)
{
    if (!values->item)
        return no_value(piece, e, "there is no item here");
    if (piece->kind == PIECE_ITEM_POINTER)
        return from_pointer(piece, values->item, out, e);
    *out = values->item->id;
    return 0;
}

static int find_value(const struct piece *piece, const struct placeholders *values, struct bytes *out,
                      struct error *e)
{
    switch (piece->kind) {
    case PIECE_ACCOUNT_ID:
        *out = values->account_id;
        return out->data ? 0 : no_value(piece, e, "there is no account here");
    case PIECE_ACCOUNT_KEY:
        return scalar(piece, value_get(values->account_keys, piece->name),
                      "the account has no such key in the configuration", out, e);
    case PIECE_CREDENTIAL:
        return scalar(piece, value_get(values->credentials, piece->name),
                      "the account has no such credential in the configuration", out, e);
    case PIECE_VAR:
        return scalar(piece, value_get(values->vars, piece->name), "no such var is set", out, e);
    case PIECE_REGION:
        *out = bytes_of(values->region);
        return values->region ? 0 : no_value(piece, e, "there is no region here");
    case PIECE_TOKEN:
        *out = values->token;
        return values->has_token ? 0 : no_value(piece, e, "there is no token here");
    case PIECE_PARENT_ID:
    case PIECE_PARENT_POINTER:
        return from_parent(piece, values, out, e);
    case PIECE_ID:
    case PIECE_ITEM_POINTER:
        return from_item(piece, values, out, e);
    case PIECE_LITERAL:
    case PIECE_KINDS:
        break;
    }
    CHECK(!"a placeholder");
    return ERR_PLACEHOLDER;
}

static int add_value(const struct piece *piece, struct bytes value, enum template_encoding encoding,
                     bool at_start, struct buffer *out, struct error *e)
{
    if (encoding == TEMPLATE_URL && !at_start) {
        /* Encoding can't keep these two from being taken for a step within the path. */
        if (bytes_is(value, ".") || bytes_is(value, ".."))
            return error_set(e, ERR_PLACEHOLDER, "{%.*s} is \"%.*s\", which can't be a part of a URL's path",
                             BYTES_ARG(piece->inner), BYTES_ARG(value));
        url_encode(value, out);
    } else {
        buffer_add_bytes(out, value);
    }
    return 0;
}

int template_expand(const char *text, const struct placeholders *values, enum template_encoding encoding,
                    struct buffer *out, struct error *e)
{
    struct bytes rest = bytes_of(text);
    size_t before = out->len;
    int err = 0;
    for (bool at_start = true; !err && rest.len; at_start = false) {
        struct piece piece;
        struct bytes value;
        err = next_piece(&rest, &piece, e);
        if (err)
            break;
        if (piece.kind == PIECE_LITERAL) {
            buffer_add_bytes(out, piece.inner);
            continue;
        }
        err = find_value(&piece, values, &value, e);
        if (!err)
            err = add_value(&piece, value, encoding, at_start, out, e);
    }
    if (!err)
        return 0;
    if (out->data) { /* nothing half-made stays */
        out->len = before;
        out->data[before] = 0;
    }
    if (e)
        e->code = ERR_PLACEHOLDER;
    return ERR_PLACEHOLDER;
}

/* --- Checking --- */

static int check_pointer(const struct piece *piece, struct error *e)
{
    struct arena arena = {0};
    struct pointer pointer;
    int err = pointer_parse(&arena, piece->name, &pointer, e);
    if (err)
        error_at(e, "{%.*s}", BYTES_ARG(piece->inner));
    else if (pointer.has_walk)
        err = error_set(e, ERR_CONFIG, "{%.*s}: a pointer with * leads to many, a placeholder needs one",
                        BYTES_ARG(piece->inner));
    arena_close(&arena);
    return err;
}

static int check_allowed(const struct piece *piece, unsigned allowed, unsigned parents, struct error *e)
{
    unsigned need = needs[piece->kind];
    if ((allowed & need) && need == ALLOW_PARENT && piece->generations > parents)
        return error_set(e, ERR_CONFIG, "{%.*s} can't have a value here: this has %u parent%s",
                         BYTES_ARG(piece->inner), parents, parents == 1 ? "" : "s");
    if (allowed & need)
        return 0;
    size_t i = 0;
    while (usages[i].allow != need ||
           (piece->kind == PIECE_ITEM_POINTER && strcmp(usages[i].head, "item") != 0))
        i++;
    return error_set(e, ERR_CONFIG, "{%.*s} can't have a value here: %s", BYTES_ARG(piece->inner),
                     usages[i].where);
}

int template_check(const char *text, unsigned allowed, unsigned parents,
                   void (*use)(void *context, const char *kind, struct bytes name), void *context,
                   struct error *e)
{
    struct bytes rest = bytes_of(text);
    while (rest.len) {
        struct piece piece;
        int err = next_piece(&rest, &piece, e);
        if (err)
            return err;
        if (piece.kind == PIECE_LITERAL)
            continue;
        err = check_allowed(&piece, allowed, parents, e);
        if (!err && (piece.kind == PIECE_PARENT_POINTER || piece.kind == PIECE_ITEM_POINTER))
            err = check_pointer(&piece, e);
        if (err)
            return err;
        if (!use)
            continue;
        if (piece.kind == PIECE_ACCOUNT_KEY)
            use(context, "account", piece.name);
        if (piece.kind == PIECE_CREDENTIAL)
            use(context, "credentials", piece.name);
        if (piece.kind == PIECE_VAR)
            use(context, "vars", piece.name);
    }
    return 0;
}
