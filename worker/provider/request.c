/* How it works: a request stays in parts, unencoded, until everybody has added theirs; only
 * request_finish encodes, so nothing is ever encoded twice or taken apart again. All lives in one arena,
 * the old pieces of grown lists too: a request is small and its arena short-lived.
 *
 * Sentences name the template or the header, never a value: values may be secrets. */
#include "worker/provider/request.h"

#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/units.h"
#include "worker/provider/url.h"

bool answer_header(const struct answer *answer, const char *name, struct bytes *value)
{
    for (uint32_t i = answer->headers.count; i > 0; i--) {
        if (bytes_is_nocase(answer->headers.items[i - 1].name, name)) {
            *value = answer->headers.items[i - 1].value;
            return true;
        }
    }
    return false;
}

bool answer_date(const struct answer *answer, int64_t *time_ms)
{
    struct bytes date;
    return answer_header(answer, "Date", &date) && units_http_date(bytes_trim(date), time_ms);
}

static void pairs_add(struct arena *arena, struct pairs *pairs, struct bytes name, struct bytes value)
{
    if (pairs->count == pairs->cap) {
        uint32_t cap = pairs->cap ? pairs->cap * 2 : 8;
        struct pair *items = arena_alloc(arena, cap * sizeof *items);
        if (pairs->count)
            memcpy(items, pairs->items, pairs->count * sizeof *items);
        pairs->items = items;
        pairs->cap = cap;
    }
    pairs->items[pairs->count++] = (struct pair){name, value};
}

static bool same_name(struct bytes a, struct bytes b, bool nocase)
{
    return a.len == b.len &&
           (nocase ? a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0 : bytes_equal(a, b));
}

/* The first pair of that name takes the value, others of it go; without one a pair is added. */
static void pairs_set(struct arena *arena, struct pairs *pairs, struct bytes name, struct bytes value,
                      bool nocase)
{
    uint32_t kept = 0;
    bool placed = false;
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct pair pair = pairs->items[i];
        if (same_name(pair.name, name, nocase)) {
            if (placed)
                continue;
            pair.value = value;
            placed = true;
        }
        pairs->items[kept++] = pair;
    }
    pairs->count = kept;
    if (!placed)
        pairs_add(arena, pairs, name, value);
}

/* --- Beginning --- */

static int expand_fields(struct arena *arena, const struct fields *fields, const char *where,
                         const struct placeholders *values, struct pairs *out, struct error *e)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        for (uint32_t j = 0; j < field->count; j++) {
            struct bytes value;
            int err = template_expand_in(arena, field->values[j], values, TEMPLATE_PLAIN, &value, e);
            if (err) {
                error_at(e, "%s %s", where, field->name);
                return err;
            }
            pairs_add(arena, out, bytes_of(field->name), value);
        }
    }
    return 0;
}

static int expand_body(struct arena *arena, const struct value *from, const struct placeholders *values,
                       struct value *out, struct error *e)
{
    int err = 0;
    *out = *from;
    if (from->type == VALUE_STRING) {
        if (from->text.len && memchr(from->text.data, 0, from->text.len))
            return error_set(e, ERR_CONFIG, "a text with NUL can't be a template");
        const struct template *template;
        err = template_compile(arena, arena_strdup(arena, from->text), &template, e);
        return err ? err : template_expand_in(arena, template, values, TEMPLATE_PLAIN, &out->text, e);
    }
    if (from->type == VALUE_ARRAY) {
        *out = value_array(arena, from->count);
        for (uint32_t i = 0; i < from->count && !err; i++)
            err = expand_body(arena, &from->items[i], values, &out->items[i], e);
    }
    if (from->type == VALUE_OBJECT) {
        *out = value_object(arena, from->count);
        for (uint32_t i = 0; i < from->count && !err; i++) {
            struct value inner;
            err = expand_body(arena, &from->members[i].value, values, &inner, e);
            if (!err)
                value_put(out, from->members[i].key, inner);
        }
    }
    return err;
}

/* Another endpoint in the place of scheme, host and port; its path goes in front of the URL's own. */
static int move_to(struct arena *arena, struct bytes endpoint, struct url *url, struct error *e)
{
    struct url to;
    int err = url_parse(endpoint, &to, e);
    if (err)
        return error_at(e, "endpoint %.*s", BYTES_ARG(endpoint));
    struct bytes path = url->path.len ? url->path : BYTES("/");
    while (to.path.len && to.path.data[to.path.len - 1] == '/')
        to.path.len--;
    const char *text = arena_printf(arena, "%.*s://%.*s%s%.*s%.*s%.*s%s%.*s", BYTES_ARG(to.scheme),
                                    BYTES_ARG(to.host), to.port.len ? ":" : "", BYTES_ARG(to.port),
                                    BYTES_ARG(to.path), BYTES_ARG(path), url->has_query ? "?" : "",
                                    BYTES_ARG(url->query));
    return url_parse(bytes_of(text), url, e);
}

int request_begin(struct request_parts *parts, struct arena *arena, const struct request_def *def,
                  const struct placeholders *values, struct error *e)
{
    *parts = (struct request_parts){
        .arena = arena, .method = def->method, .has_body = def->has_body, .has_form = def->form.count > 0};
    CHECK(def->method && !(def->has_body && def->form.count > 0));
    struct bytes url;
    int err = template_expand_in(arena, def->url, values, TEMPLATE_URL, &url, e);
    if (!err)
        err = url_parse(url, &parts->url, e);
    if (!err && values->endpoint.len && def->url->text[0] != '{')
        err = move_to(arena, values->endpoint, &parts->url, e);
    if (err) {
        error_at(e, "url %s", def->url->text);
        return err;
    }
    parts->origin = parts->url;
    err = expand_fields(arena, &def->query, "query", values, &parts->query, e);
    if (!err)
        err = expand_fields(arena, &def->headers, "header", values, &parts->headers, e);
    if (!err)
        err = expand_fields(arena, &def->form, "form", values, &parts->form, e);
    if (!err && def->has_body) {
        err = expand_body(arena, &def->body, values, &parts->body, e);
        if (err)
            error_at(e, "body");
    }
    return err;
}

/* --- Setting --- */

static int set_in_body(struct request_parts *parts, const struct target *target, const struct value *value,
                       struct error *e)
{
    if (parts->has_form)
        return error_set(e, ERR_CONFIG, "body:%.*s can't be set: the request has a form",
                         BYTES_ARG(target->pointer.text));
    if (!parts->has_body)
        parts->body = value_object(parts->arena, 0);
    parts->has_body = true;
    return pointer_set(parts->arena, &parts->body, &target->pointer, value_copy(parts->arena, value), e);
}

int request_set(struct request_parts *parts, const struct target *target, const struct value *value,
                struct error *e)
{
    static const char *const names[] = {
        [TARGET_QUERY] = "query", [TARGET_FORM] = "form", [TARGET_HEADER] = "header"};
    struct arena *arena = parts->arena;
    struct bytes text;
    if (target->kind == TARGET_BODY)
        return set_in_body(parts, target, value, e);
    if (!value_scalar_text(value, &text))
        return error_set(e, ERR_PAGING, "%s:%s can't be set: a value of type %s has no text",
                         names[target->kind], target->name, value_type_name(value->type));
    text = arena_copy(arena, text);
    struct bytes name = arena_copy(arena, bytes_of(target->name));
    switch (target->kind) {
    case TARGET_QUERY:
        pairs_set(arena, &parts->query, name, text, false);
        break;
    case TARGET_FORM:
        if (parts->has_body)
            return error_set(e, ERR_CONFIG, "form:%s can't be set: the request has a body", target->name);
        parts->has_form = true;
        pairs_set(arena, &parts->form, name, text, false);
        break;
    case TARGET_HEADER:
        pairs_set(arena, &parts->headers, name, text, true);
        break;
    case TARGET_BODY:
        break;
    }
    return 0;
}

void request_set_header(struct request_parts *parts, const char *name, struct bytes value)
{
    pairs_set(parts->arena, &parts->headers, arena_copy(parts->arena, bytes_of(name)),
              arena_copy(parts->arena, value), true);
}

/* --- Finishing --- */

static void encode_pairs(const struct pairs *pairs, char separator, struct buffer *out)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (separator)
            buffer_add_char(out, separator);
        url_encode(pairs->items[i].name, out);
        buffer_add_char(out, '=');
        url_encode(pairs->items[i].value, out);
        separator = '&';
    }
}

/* Bytes beyond ASCII as %XX: libcurl would do so on the way, and then something else is sent than was signed.
 */
static void add_ascii(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x80)
            buffer_add_char(out, text.data[i]);
        else
            url_encode((struct bytes){text.data + i, 1}, out);
}

enum { FINISH_RESERVE_BYTES = 256 }; /* for a query of usual length */

static void add_url(const struct url *url, struct buffer *out)
{
    buffer_add_bytes(out, url->scheme);
    buffer_add_text(out, "://");
    buffer_add_bytes(out, url->host);
    if (url->port.len) {
        buffer_add_char(out, ':');
        buffer_add_bytes(out, url->port);
    }
    add_ascii(url->path.len ? url->path : BYTES("/"), out);
    if (url->has_query) {
        buffer_add_char(out, '?');
        add_ascii(url->query, out);
    }
}

static int encode_url(const struct request_parts *parts, struct request *out, struct error *e)
{
    const struct url *url = &parts->url;
    struct buffer text = {0};
    int err = 0;
    buffer_reserve(&text, url->text.len + FINISH_RESERVE_BYTES);
    if (url->is_plain)
        buffer_add_bytes(&text, url->text);
    else
        add_url(url, &text);
    bool first = !url->has_query;
    bool joined = url->has_query && (url->query.len == 0 || url->query.data[url->query.len - 1] == '&');
    encode_pairs(&parts->query, first ? '?' : joined ? 0 : '&', &text);
    if (text.len > LIMIT_URL_BYTES)
        err = error_set(e, ERR_LIMIT, "the URL would have %zu bytes, and at most %d are sent", text.len,
                        LIMIT_URL_BYTES);
    else
        out->url = arena_strdup(parts->arena, buffer_bytes(&text));
    buffer_close(&text);
    return err;
}

static int finish_url(const struct request_parts *parts, struct request *out, struct error *e)
{
    const struct url *url = &parts->url;
    CHECK(url->text.len);
    if (url->has_userinfo)
        return error_set(e, ERR_HTTP,
                         "a URL with a user or password in it isn't asked: use auth of kind basic");
    if (url->is_plain && !parts->query.count)
        out->url = url->text.data; /* it has no fragment, so its NUL is behind it */
    else if (encode_url(parts, out, e))
        return ERR_LIMIT;
    return 0;
}

/* RFC 9110, 5.6.2: a token. */
static bool is_header_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) /* nearly always */
            continue;
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return name.len > 0;
}

static bool breaks_line(struct bytes value)
{
    return value.len && (memchr(value.data, '\r', value.len) || memchr(value.data, '\n', value.len) ||
                         memchr(value.data, 0, value.len));
}

static int finish_headers(const struct request_parts *parts, struct request *out, struct error *e)
{
    out->headers = parts->headers; /* they may go on in what is free behind the parts' own */
    for (uint32_t i = 0; i < parts->headers.count; i++) {
        struct pair pair = parts->headers.items[i];
        if (!is_header_name(pair.name))
            return error_set(e, ERR_HTTP, "\"%.*s\" can't be a header's name", BYTES_ARG(pair.name));
        if (breaks_line(pair.value))
            return error_set(e, ERR_HTTP, "header %.*s: its value has a line break or NUL",
                             BYTES_ARG(pair.name));
    }
    return 0;
}

static int finish_body(const struct request_parts *parts, struct request *out, struct error *e)
{
    CHECK(!(parts->has_body && parts->has_form));
    if (!parts->has_body && !parts->has_form)
        return 0;
    struct buffer text = {0};
    int err = 0;
    if (parts->has_body)
        value_to_json(&parts->body, &text);
    else
        encode_pairs(&parts->form, 0, &text); /* a space as %20, which every decoder reads; not all read + */
    if (text.len > LIMIT_REQUEST_BYTES)
        err = error_set(e, ERR_LIMIT, "the request's %s would have %zu bytes, and at most %d are sent",
                        parts->has_body ? "body" : "form", text.len, LIMIT_REQUEST_BYTES);
    else
        out->body = arena_copy(parts->arena, buffer_bytes(&text));
    out->has_body = true;
    buffer_wipe(&text);
    for (uint32_t i = 0; i < out->headers.count; i++)
        if (bytes_is_nocase(out->headers.items[i].name, "Content-Type"))
            return err;
    pairs_add(parts->arena, &out->headers, BYTES("Content-Type"),
              parts->has_body ? BYTES("application/json") : BYTES("application/x-www-form-urlencoded"));
    return err;
}

int request_finish(const struct request_parts *parts, struct request *out, struct error *e)
{
    *out = (struct request){.method = parts->method};
    int err = finish_url(parts, out, e);
    if (!err)
        err = finish_headers(parts, out, e);
    if (!err)
        err = finish_body(parts, out, e);
    return err;
}
