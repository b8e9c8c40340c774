/* Expanding and checking; what a template is made of is in template_piece.c. */
#include "worker/provider/template_piece.h"

#include <string.h>

#include "common/check.h"
#include "worker/provider/url.h"

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
    [PIECE_AUTH_REGION] = ALLOW_AUTH_REGION,
};

/* --- Expanding --- */

enum { ROOM_BYTES = 64 }; /* beside what is known to come: most URLs need no more */

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
    if (!resource->document)
        return no_value(piece, e, "the document isn't known");
    if (piece->pointer.has_walk)
        return no_value(piece, e, "a pointer with * leads to many");
    return scalar(piece, pointer_get(&piece->pointer, resource->document), "the document has nothing there",
                  out, e);
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
    case PIECE_AUTH_REGION:
        *out = bytes_of(values->auth_region);
        return values->auth_region ? 0 : no_value(piece, e, "nothing is signed here");
    case PIECE_NOTHING:
        *out = BYTES("");
        return 0;
    case PIECE_LITERAL:
    case PIECE_KINDS:
        break;
    }
    CHECK(!"a placeholder");
    return ERR_PLACEHOLDER;
}

/* The value of the first alternative that has one, which `*piece` then is; else why the first has none. */
static int find_any(const struct piece **piece, const struct placeholders *values, struct bytes *out,
                    struct error *e)
{
    const struct piece *first = *piece;
    if (!first->has_other)
        return find_value(first, values, out, e);
    int err = find_value(first, values, out, NULL);
    while (err && (*piece)->has_other)
        err = find_value(++*piece, values, out, NULL);
    return err ? find_value(first, values, out, e) : 0;
}

/* Encoding can't keep these two from being taken for a step within the path. */
static bool is_step(struct bytes segment)
{
    return bytes_is(segment, ".") || bytes_is(segment, "..");
}

static bool has_step(struct bytes path)
{
    for (size_t from = 0, at = 0; at <= path.len; at++) {
        if (at < path.len && path.data[at] != '/')
            continue;
        if (is_step((struct bytes){path.data + from, at - from}))
            return true;
        from = at + 1;
    }
    return false;
}

/* What is written goes on in the arena, or, without one, in a buffer of its own. */
static void make_room(struct arena *arena, struct buffer *out, size_t more)
{
    if (out->cap - out->len > more)
        return;
    if (!arena) {
        buffer_grow(out, more);
        return;
    }
    struct buffer wider = {.len = out->len, .cap = 2 * (out->len + more) + ROOM_BYTES};
    wider.data = arena_alloc(arena, wider.cap);
    memcpy(wider.data, out->len ? out->data : "", out->len);
    *out = wider;
}

/* As url_encode_to, but a "/" stays one (RFC 6570, 3.2.3). */
static char *write_path(char *to, struct bytes path)
{
    for (size_t from = 0, at = 0; at <= path.len; at++) {
        if (at < path.len && path.data[at] != '/')
            continue;
        to = url_encode_to(to, (struct bytes){path.data + from, at - from});
        if (at < path.len)
            *to++ = '/';
        from = at + 1;
    }
    return to;
}

static void add_plain(struct arena *arena, struct bytes value, struct buffer *out)
{
    make_room(arena, out, value.len);
    if (value.len)
        memcpy(out->data + out->len, value.data, value.len);
    out->len += value.len;
}

static int add_encoded(struct arena *arena, const struct piece *piece, struct bytes value, struct buffer *out,
                       struct error *e)
{
    if (piece->keeps_slashes ? has_step(value) : is_step(value))
        return error_set(e, ERR_PLACEHOLDER, "{%.*s} is \"%.*s\", which can't be a part of a URL's path",
                         BYTES_ARG(piece->inner), BYTES_ARG(value));
    make_room(arena, out, 3 * value.len);
    char *to = out->data + out->len;
    to = piece->keeps_slashes ? write_path(to, value) : url_encode_to(to, value);
    out->len = (size_t)(to - out->data);
    return 0;
}

static int expand(struct arena *arena, const struct template *template, const struct placeholders *values,
                  enum template_encoding encoding, struct buffer *out, struct error *e)
{
    const struct piece *end = template->pieces + template->count;
    for (const struct piece *piece = template->pieces; piece < end; piece++) {
        struct bytes value;
        bool is_encoded = encoding == TEMPLATE_URL && piece > template->pieces; /* not at its start */
        if (piece->kind == PIECE_LITERAL) {
            add_plain(arena, piece->inner, out);
            continue;
        }
        int err = find_any(&piece, values, &value, e);
        if (!err && is_encoded)
            err = add_encoded(arena, piece, value, out, e);
        else if (!err)
            add_plain(arena, value, out);
        if (err)
            return err;
        while (piece->has_other)
            piece++;
    }
    out->data[out->len] = 0;
    return 0;
}

int template_expand(const struct template *template, const struct placeholders *values,
                    enum template_encoding encoding, struct buffer *out, struct error *e)
{
    size_t before = out->len;
    if (!template->count) {
        buffer_add_text(out, template->text);
        return 0;
    }
    if (!expand(NULL, template, values, encoding, out, e))
        return 0;
    out->len = before; /* nothing half-made stays */
    if (out->data)
        out->data[before] = 0;
    return ERR_PLACEHOLDER;
}

int template_expand_in(struct arena *arena, const struct template *template,
                       const struct placeholders *values, enum template_encoding encoding, struct bytes *out,
                       struct error *e)
{
    struct buffer text = {0};
    if (!template->count) {
        *out = bytes_of(template->text);
        return 0;
    }
    if (expand(arena, template, values, encoding, &text, e))
        return ERR_PLACEHOLDER;
    *out = buffer_bytes(&text);
    return 0;
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
    while (template_usages[i].allow != need ||
           (piece->kind == PIECE_ITEM_POINTER && strcmp(template_usages[i].head, "item") != 0))
        i++;
    return error_set(e, ERR_CONFIG, "{%.*s} can't have a value here: %s", BYTES_ARG(piece->inner),
                     template_usages[i].where);
}

static void tell_use(const struct piece *piece,
                     void (*use)(void *context, const char *kind, struct bytes name), void *context)
{
    if (piece->kind == PIECE_ACCOUNT_KEY)
        use(context, "account", piece->name);
    if (piece->kind == PIECE_CREDENTIAL)
        use(context, "credentials", piece->name);
    if (piece->kind == PIECE_VAR)
        use(context, "vars", piece->name);
}

int template_check(const char *text, unsigned allowed, unsigned parents,
                   void (*use)(void *context, const char *kind, struct bytes name), void *context,
                   struct error *e)
{
    struct bytes rest = bytes_of(text);
    struct piece piece = {0};
    while (rest.len || piece.has_other) {
        int err = piece.has_other ? template_next_alternative(&piece, e)
                                  : template_next_piece(&rest, &piece, e);
        if (err)
            return err;
        if (piece.kind == PIECE_LITERAL || piece.kind == PIECE_NOTHING)
            continue;
        err = check_allowed(&piece, allowed, parents, e);
        if (!err && (piece.kind == PIECE_PARENT_POINTER || piece.kind == PIECE_ITEM_POINTER))
            err = check_pointer(&piece, e);
        if (err)
            return err;
        if (use)
            tell_use(&piece, use, context);
    }
    return 0;
}
