/* The small parts that provider files are made of. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/config.h"
#include "common/limits.h"
#include "common/nearest.h"
#include "worker/provider/read.h"

const yaml_node *read_need(struct reader *r, const yaml_node *map, const char *key)
{
    const yaml_node *node = yaml_get(map, key);
    if (!node)
        yaml_error(r->report, r->file, map, "the key '%s' is missing", key);
    return node;
}

bool read_name(struct reader *r, const yaml_node *node, const char **out)
{
    const char *text;
    if (!yaml_read_text(r->report, r->file, node, r->arena, &text))
        return false;
    bool good = *text != 0;
    for (const char *c = text; *c; c++)
        good = good && (isalnum((unsigned char)*c) || *c == '.' || *c == '_' || *c == '-');
    if (good && strlen(text) <= LIMIT_NAME_BYTES) {
        *out = text;
        return true;
    }
    if (good)
        yaml_error(r->report, r->file, node, "this name is longer than %d bytes", LIMIT_NAME_BYTES);
    else
        yaml_error(r->report, r->file, node, "a name is made of letters, digits, '.', '_' and '-'");
    return false;
}

void names_add(struct reader *r, struct names *names, struct bytes name)
{
    for (uint32_t i = 0; i < names->count; i++)
        if (bytes_is(name, names->items[i]))
            return;
    if (names->count + 1 >= names->cap) {
        uint32_t cap = names->cap ? names->cap * 2 : 8;
        const char **more = arena_zalloc(r->arena, cap * sizeof *more);
        if (names->count)
            memcpy(more, names->items, names->count * sizeof *more);
        names->items = more;
        names->cap = cap;
    }
    names->items[names->count++] = arena_strdup(r->arena, name);
}

/* What template_check tells of one template. */
struct uses {
    struct reader *reader;
    const yaml_node *node;
    bool good;
};

static bool check_var(struct uses *uses, struct bytes name)
{
    struct reader *r = uses->reader;
    const struct value *vars = &r->provider->vars;
    if (value_get(vars, name))
        return true;
    const char **known = mem_alloc((vars->count + (size_t)1) * sizeof *known);
    for (uint32_t i = 0; i < vars->count; i++)
        known[i] = vars->members[i].key.data; /* arena_copy'd: NUL behind it */
    const char *nearest = nearest_word(name, known, vars->count);
    if (nearest)
        yaml_error(r->report, r->file, uses->node, "'vars' has no '%.*s': did you mean {vars.%s}?",
                   BYTES_ARG(name), nearest);
    else
        yaml_error(r->report, r->file, uses->node,
                   "'vars' has no '%.*s': a default for {vars.%.*s} is needed there", BYTES_ARG(name),
                   BYTES_ARG(name));
    free(known);
    return false;
}

static void note_use(void *context, const char *kind, struct bytes name)
{
    struct uses *uses = context;
    struct reader *r = uses->reader;
    struct names *names = NULL;
    if (strcmp(kind, "credentials") == 0)
        names = &r->credentials;
    else if (strcmp(kind, "account") == 0 && !bytes_is(name, "id"))
        names = &r->account_keys;
    else if (strcmp(kind, "vars") == 0 && check_var(uses, name))
        names = r->used_vars;
    else if (strcmp(kind, "vars") == 0)
        uses->good = names != NULL;
    if (!names)
        return;
    if (names->count < LIMIT_NAMES) {
        names_add(r, names, name);
    } else if (uses->good) {
        yaml_error(r->report, r->file, uses->node, "a file can't use more than %d different {%s.…}",
                   LIMIT_NAMES, kind);
        uses->good = false;
    }
}

bool read_check_template(struct reader *r, const yaml_node *node, const char *text)
{
    struct error e;
    struct uses uses = {r, node, true};
    if (template_check(text, r->allowed, r->parents, note_use, &uses, &e)) {
        yaml_error(r->report, r->file, node, "%s", e.text);
        return false;
    }
    return uses.good;
}

const struct template *read_own_template(struct reader *r, const char *text)
{
    const struct template *template;
    CHECK(!template_compile(r->arena, text, &template,
                            NULL)); /* whoever wrote it, or template_check, saw to it */
    return template;
}

bool read_template(struct reader *r, const yaml_node *node, const struct template **out)
{
    const char *text;
    if (!yaml_read_text(r->report, r->file, node, r->arena, &text) || !read_check_template(r, node, text))
        return false;
    *out = read_own_template(r, text);
    return true;
}

bool read_check_header_value(struct reader *r, const yaml_node *node, const char *text)
{
    if (!strpbrk(text, "\r\n"))
        return true;
    yaml_error(r->report, r->file, node, "a header's value must not hold a line break");
    return false;
}

bool read_check_header_name(struct reader *r, const yaml_node *node, const char *name)
{
    bool good = *name != 0;
    for (const char *c = name; *c; c++) /* a token of RFC 9110, 5.6.2 */
        good = good && (isalnum((unsigned char)*c) || strchr("!#$%&'*+-.^_`|~", *c));
    if (!good)
        yaml_error(r->report, r->file, node, "'%s' can't be the name of a header", name);
    return good;
}

static bool parse_pointer(struct reader *r, const yaml_node *node, struct bytes text, unsigned flags,
                          struct pointer *out)
{
    struct error e;
    struct pointer pointer;
    if (pointer_parse(r->arena, arena_copy(r->arena, text), &pointer, &e)) {
        yaml_error(r->report, r->file, node, "%s", e.text);
        return false;
    }
    if (pointer.has_walk && !(flags & POINTER_WALKS)) {
        yaml_error(r->report, r->file, node, "a pointer with '*' leads to many values: one is needed here");
        return false;
    }
    if (!pointer.count && !(flags & POINTER_WHOLE)) {
        yaml_error(r->report, r->file, node, "an empty pointer is the whole document: a part is needed here");
        return false;
    }
    *out = pointer;
    return true;
}

bool read_pointer(struct reader *r, const yaml_node *node, unsigned flags, struct pointer *out)
{
    const char *text;
    return yaml_read_text(r->report, r->file, node, r->arena, &text) &&
           parse_pointer(r, node, bytes_of(text), flags, out);
}

bool read_pointers(struct reader *r, const yaml_node *node, unsigned flags, const struct pointer **out,
                   uint32_t *count)
{
    if (!yaml_expect(r->report, r->file, node, YAML_LIST, "a list of pointers"))
        return false;
    bool good = true;
    uint32_t wanted = yaml_count(node);
    struct pointer *list = arena_zalloc(r->arena, (wanted + (size_t)1) * sizeof *list);
    for (uint32_t i = 0; i < wanted; i++)
        good = read_pointer(r, yaml_item(node, i), flags, &list[i]) && good;
    if (!good)
        return false;
    *out = list;
    *count = wanted;
    return true;
}

/* Split "KIND:REST" where KIND is one of `kinds`; -1 if it isn't. */
static int split_kind(const char *text, const char *const *kinds, struct bytes *rest)
{
    for (int i = 0; kinds[i]; i++) {
        size_t len = strlen(kinds[i]);
        if (strncmp(text, kinds[i], len) == 0 && text[len] == ':') {
            *rest = bytes_of(text + len + 1);
            return i;
        }
    }
    return -1;
}

bool read_source(struct reader *r, const yaml_node *node, unsigned kinds, struct source *out)
{
    static const char *const names[] = {
        [SOURCE_BODY] = "body", [SOURCE_HEADER] = "header", [SOURCE_ITEM] = "item", NULL};
    static const char *const forms[] = {"body:/pointer", "header:NAME", "item:/pointer"};
    const char *text;
    struct bytes rest;
    if (!yaml_read_text(r->report, r->file, node, r->arena, &text))
        return false;
    int kind = split_kind(text, names, &rest);
    if (kind < 0 || !(kinds & (1u << kind))) {
        struct buffer allowed = {0};
        for (int i = 0; i < 3; i++)
            if (kinds & (1u << i))
                buffer_printf(&allowed, "%s%s", allowed.len ? " or " : "", forms[i]);
        yaml_error(r->report, r->file, node, "expected %s, not '%s'", buffer_text(&allowed), text);
        buffer_close(&allowed);
        return false;
    }
    *out = (struct source){.kind = (enum source_kind)kind};
    if (kind == SOURCE_HEADER)
        return read_check_header_name(r, node, out->name = arena_strdup(r->arena, rest));
    return parse_pointer(r, node, rest, POINTER_WHOLE, &out->pointer);
}

bool read_target(struct reader *r, const yaml_node *node, struct target *out)
{
    static const char *const names[] = {[TARGET_QUERY] = "query",
                                        [TARGET_FORM] = "form",
                                        [TARGET_HEADER] = "header",
                                        [TARGET_BODY] = "body",
                                        NULL};
    const char *text;
    struct bytes rest;
    if (!yaml_read_text(r->report, r->file, node, r->arena, &text))
        return false;
    int kind = split_kind(text, names, &rest);
    if (kind < 0 || !rest.len) {
        yaml_error(r->report, r->file, node,
                   "expected query:NAME, form:NAME, header:NAME or body:/pointer, not '%s'", text);
        return false;
    }
    *out = (struct target){.kind = (enum target_kind)kind};
    if (kind == TARGET_BODY)
        return parse_pointer(r, node, rest, 0, &out->pointer);
    out->name = arena_strdup(r->arena, rest);
    return kind != TARGET_HEADER || read_check_header_name(r, node, out->name);
}

/* A decimal number above 0, without sign or exponent. */
static bool read_decimal(struct reader *r, const yaml_node *node, double *out)
{
    const char *text;
    if (!yaml_read_text(r->report, r->file, node, r->arena, &text))
        return false;
    size_t whole = strspn(text, "0123456789");
    size_t part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    bool good = whole > 0 && whole <= 9 && (whole == 1 || *text != '0') &&
                text[whole + (part ? part + 1 : 0)] == 0;
    double number = good ? strtod(text, NULL) : 0;
    if (number > 0) {
        *out = number;
        return true;
    }
    yaml_error(r->report, r->file, node, "expected a number above 0 such as 10 or 0.5, not '%s'", text);
    return false;
}

void read_limits(struct reader *r, const yaml_node *node, struct limits_def *out)
{
    static const char *const keys[] = {"rate", "burst", "concurrency", "key", NULL};
    const yaml_node *n;
    uint64_t concurrency;
    unsigned before = r->allowed;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    out->set = true;
    if ((n = yaml_get(node, "rate")) && read_decimal(r, n, &out->rate))
        out->burst = out->rate < 1 ? 1 : out->rate;
    if ((n = yaml_get(node, "burst"))) {
        if (!yaml_get(node, "rate"))
            yaml_error(r->report, r->file, n, "'burst' needs a 'rate'");
        else if (read_decimal(r, n, &out->burst) && out->burst < 1)
            yaml_error(r->report, r->file, n, "a burst is at least 1");
    }
    if ((n = yaml_get(node, "concurrency")) && yaml_read_u64(r->report, r->file, n, 1, 100000, &concurrency))
        out->concurrency = (uint32_t)concurrency;
    r->allowed &= ~(unsigned)(ALLOW_CREDENTIALS | ALLOW_PARENT | ALLOW_ITEM); /* keys show in metrics */
    if ((n = yaml_get(node, "key")))
        read_template(r, n, &out->key);
    r->allowed = before;
}
