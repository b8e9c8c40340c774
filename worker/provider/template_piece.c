/* How it works: a template is cut into pieces, one at a time: literal text, or a placeholder as a kind, a
 * name or pointer, and how many generations up. Checking and compiling walk the same pieces, so what was
 * checked at start is what is expanded later. */
#include "worker/provider/template_piece.h"

#include <string.h>

#include "common/check.h"
#include "common/nearest.h"

const struct template_usage template_usages[] = {
    {ALLOW_ACCOUNT, "account", "{account.id} or {account.KEY}", "this belongs to no account"},
    {ALLOW_REGION, "region", "{region}", "only a collection of scope region has one, or a child of such"},
    {ALLOW_CREDENTIALS, "credentials", "{credentials.NAME}", "credentials go into requests and auth only"},
    {ALLOW_VARS, "vars", "{vars.NAME}", "vars go into requests and auth only"},
    {ALLOW_PARENT, "parent", "{parent.id} or {parent:/POINTER}", "there is no such parent"},
    {ALLOW_ITEM, "id", "{id}", "only `get` has one"},
    {ALLOW_ITEM, "item", "{item:/POINTER}", "only `get` and `id` have one"},
    {ALLOW_TOKEN, "token", "{token}", "only the format of a login or exec auth has one"},
    {ALLOW_AUTH_REGION, "auth", "{auth.region}", "only requests with auth of kind aws_sigv4 have one"},
};
enum { USAGES = sizeof template_usages / sizeof *template_usages };

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
        {"auth.region", PIECE_AUTH_REGION, false},
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
        heads[i] = template_usages[i].head;
    const char *nearest = nearest_word((struct bytes){inner.data, len}, heads, USAGES);
    for (size_t i = 0; i < USAGES; i++)
        if (nearest == heads[i])
            return error_set(e, ERR_CONFIG, "unknown placeholder {%.*s}: did you mean %s?", BYTES_ARG(inner),
                             template_usages[i].forms);
    return error_set(e, ERR_CONFIG,
                     "unknown placeholder {%.*s}: the known ones are {account.id}, {account.KEY}, {region}, "
                     "{credentials.NAME}, {vars.NAME}, {parent.id}, {parent:/POINTER}, {id} and "
                     "{item:/POINTER}; a brace is written {{ or }}",
                     BYTES_ARG(inner));
}

int template_next_alternative(struct piece *piece, struct error *e)
{
    const char *bar = piece->others.len ? memchr(piece->others.data, '|', piece->others.len) : NULL;
    piece->inner = piece->others;
    piece->has_other = bar != NULL;
    if (bar) {
        piece->inner.len = (size_t)(bar - piece->others.data);
        piece->others = bytes_from(piece->others, piece->inner.len + 1);
    } else if (!piece->inner.len) {
        piece->kind = PIECE_NOTHING;
        return 0;
    }
    return classify(piece) ? 0 : unknown(piece->inner, e);
}

/* What stands between two braces: "+" and alternatives. */
static int open_placeholder(struct bytes inside, struct piece *piece, struct error *e)
{
    piece->keeps_slashes = take(&inside, "+");
    piece->others = inside;
    if (!inside.len || inside.data[0] == '|')
        return unknown(inside, e);
    return template_next_alternative(piece, e);
}

int template_next_piece(struct bytes *rest, struct piece *piece, struct error *e)
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
    struct bytes inside = {rest->data + 1, (size_t)(end - rest->data) - 1};
    *rest = bytes_from(*rest, inside.len + 2);
    return open_placeholder(inside, piece, e);
}

static int read_pointer(struct arena *arena, struct piece *piece, struct error *e)
{
    int err = pointer_parse(arena, piece->name, &piece->pointer, e);
    if (err)
        error_at(e, "{%.*s}", BYTES_ARG(piece->inner));
    return err;
}

/* Cut the whole text. `pieces` is null when they are only counted; else literals are written to `plain`, one
 * behind the other, so that those which only a doubled brace parts become one. */
static int cut_all(struct arena *arena, struct bytes rest, char *plain, struct piece *pieces, uint32_t *count,
                   struct error *e)
{
    struct piece piece = {.kind = PIECE_NOTHING};
    *count = 0;
    while (rest.len || piece.has_other) {
        bool joins = piece.kind == PIECE_LITERAL;
        int err = piece.has_other ? template_next_alternative(&piece, e)
                                  : template_next_piece(&rest, &piece, e);
        if (!err && (piece.kind == PIECE_PARENT_POINTER || piece.kind == PIECE_ITEM_POINTER))
            err = read_pointer(arena, &piece, e);
        if (err)
            return err;
        joins = joins && piece.kind == PIECE_LITERAL;
        if (pieces && piece.kind == PIECE_LITERAL) {
            memcpy(plain, piece.inner.data, piece.inner.len);
            piece.inner.data = plain;
            plain += piece.inner.len;
        }
        if (pieces && joins)
            pieces[*count - 1].inner.len += piece.inner.len;
        else if (pieces)
            pieces[*count] = piece;
        *count += !joins;
    }
    return 0;
}

int template_compile(struct arena *arena, const char *text, const struct template **out, struct error *e)
{
    struct template *template = arena_alloc(arena, sizeof *template);
    struct bytes all = bytes_of(text);
    *template = (struct template){.text = text};
    *out = template;
    if (!text[strcspn(text, "{}")])
        return 0;
    int err = cut_all(arena, all, NULL, NULL, &template->count, e);
    if (err)
        return err;
    struct piece *pieces = arena_alloc(arena, template->count * sizeof *pieces);
    CHECK(!cut_all(arena, all, arena_alloc(arena, all.len), pieces, &template->count, NULL));
    template->pieces = pieces;
    return 0;
}
