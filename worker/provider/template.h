/* Templates: text with {placeholders}, `{{` and `}}` for braces. Pure.
 *
 * {A|B} stands for the first of several placeholders that has a value, {A|} for nothing if A has none. In a
 * URL {+A} keeps the slashes of its value. So a pointer in a placeholder can't hold "|". */
#ifndef GARNER_TEMPLATE_H
#define GARNER_TEMPLATE_H

#include "common/value/pointer.h"

struct piece;

/* A template as it is kept: read once, expanded often. Without pieces it is a text without braces, which
 * stands for itself. */
struct template
{
    const char *text; /* as written */
    const struct piece *pieces;
    uint32_t count;
};

/* One of a literal without braces, that lives as long as the literal's block. */
#define TEMPLATE(literal) (&(const struct template){.text = "" literal})

/* One resource whose parts placeholders may name: a parent, its parent, …, or an item. */
struct resource_view {
    struct bytes id;
    const struct value *document; /* null when it isn't known */
    const struct resource_view *parent;
};

/* What placeholders stand for. Null parts have no value. Nothing is owned. */
struct placeholders {
    struct bytes account_id;
    const struct value *account_keys; /* object of strings */
    const struct value *credentials;  /* object of strings: resolved secrets */
    const struct value *vars;
    const char *region;
    const struct resource_view *parent;
    const struct resource_view *item; /* {id}, {item:/POINTER} */
    struct bytes token;               /* {token} in an auth's format */
    bool has_token;
    const char *auth_region; /* {auth.region}: what aws_sigv4 signs for */
    struct bytes endpoint;   /* takes the place of scheme, host and port of a URL that is written out in the
                                provider file, its path going in front; empty: nothing does */
};

/* Which placeholders a text may use, for checking at start. */
enum {
    ALLOW_ACCOUNT = 1 << 0,
    ALLOW_REGION = 1 << 1,
    ALLOW_CREDENTIALS = 1 << 2,
    ALLOW_VARS = 1 << 3,
    ALLOW_PARENT = 1 << 4,
    ALLOW_ITEM = 1 << 5, /* {id} and {item:…} */
    ALLOW_TOKEN = 1 << 6,
    ALLOW_AUTH_REGION = 1 << 7,
};

enum template_encoding {
    TEMPLATE_PLAIN,
    TEMPLATE_URL, /* one at the very start goes in as it is, others percent-encoded as one path segment */
};

/* Make a template of a text, which must outlive it; all else is in the arena. Returns 0 or ERR_CONFIG, with
 * the sentences of template_check, which also knows what may stand where. */
int template_compile(struct arena *arena, const char *text, const struct template **out, struct error *e);

/* Expand a template onto `out`. Returns 0 or ERR_PLACEHOLDER, with `out` as it was: which one has no value,
 * and why. Values of pointers are a scalar's text; null, arrays and objects are no value. */
int template_expand(const struct template *template, const struct placeholders *values,
                    enum template_encoding encoding, struct buffer *out, struct error *e);

/* Likewise into an arena, with a NUL behind it; a text without braces is given back itself. */
int template_expand_in(struct arena *arena, const struct template *template,
                       const struct placeholders *values, enum template_encoding encoding, struct bytes *out,
                       struct error *e);

/* Check a template: its syntax, and that it names only known and allowed placeholders. `parents` is how
 * many parents there are. Calls `use(context, kind, name)` (may be null) for each {account.KEY}
 * (kind "account"), {credentials.NAME} ("credentials") and {vars.NAME} ("vars"). Returns 0 or ERR_CONFIG
 * with a sentence that names the nearest known placeholder. */
int template_check(const char *text, unsigned allowed, unsigned parents,
                   void (*use)(void *context, const char *kind, struct bytes name), void *context,
                   struct error *e);

#endif
