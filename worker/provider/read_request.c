/* Requests: a URL, its parameters, headers, and a form or a body. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/provider/read.h"

static bool is_scalar(const yaml_node *node)
{
    return yaml_kind(node) == YAML_SCALAR && !yaml_is_null(node);
}

/* One parameter: a scalar, a list of scalars, or null. */
static bool read_field(struct reader *r, const yaml_node *node, bool header, struct field *out)
{
    bool list = yaml_kind(node) == YAML_LIST, good = true;
    uint32_t count = list ? yaml_count(node) : yaml_is_null(node) ? 0 : 1;
    const struct template **values = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *values);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *value = list ? yaml_item(node, i) : node;
        if (!is_scalar(value)) {
            yaml_error(r->report, r->file, value,
                       "'%s' needs a text, a list of texts, or null to leave it out", out->name);
            return false;
        }
        good = read_template(r, value, &values[i]) &&
               (!header || read_check_header_value(r, value, values[i]->text)) && good;
    }
    out->values = values;
    out->count = count;
    return good;
}

bool read_fields(struct reader *r, const yaml_node *node, bool headers, struct fields *out)
{
    if (!yaml_expect(r->report, r->file, node, YAML_MAP, "a map of names and values"))
        return false;
    bool good = true;
    uint32_t count = yaml_count(node);
    struct field *items = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *items);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *key = yaml_key(node, i);
        bool named = yaml_read_text(r->report, r->file, key, r->arena, &items[i].name) &&
                     (!headers || read_check_header_name(r, key, items[i].name));
        good = named && read_field(r, yaml_value(node, i), headers, &items[i]) && good;
    }
    *out = (struct fields){items, good ? count : 0};
    return good;
}

static void read_method(struct reader *r, const yaml_node *node, struct request_def *out)
{
    static const char *const methods[] = {"GET",    "POST",     "PUT",    "PATCH", "HEAD",
                                          "SEARCH", "PROPFIND", "REPORT", NULL};
    for (int i = 0; methods[i]; i++)
        if (yaml_kind(node) == YAML_SCALAR && bytes_is_nocase(yaml_text(node), methods[i])) {
            out->method = methods[i];
            return;
        }
    int index;
    yaml_read_word(r->report, r->file, node, methods, &index);
}

/* The first character of a template's literal text that can't stand in a URL; 0 if there is none. */
static char find_bad_character(const char *url)
{
    bool within = false;
    for (const char *c = url; *c; c++) {
        if (*c == '{' && c[1] == '{')
            c++;
        else if (*c == '{' || *c == '}')
            within = *c == '{';
        else if (!within &&
                 ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("<>\"\\^`|", *c)))
            return *c;
    }
    return 0;
}

static void read_url(struct reader *r, const yaml_node *node, struct request_def *out)
{
    const struct template *template;
    if (!read_template(r, node, &template))
        return;
    const char *url = template->text;
    bool placed = url[0] == '{' && url[1] != '{';
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    if (!placed && (!scheme || !url[scheme] || strchr("/?#", url[scheme]))) {
        yaml_error(r->report, r->file, node,
                   "a url begins with http:// or https:// and a host, or with a placeholder");
        return;
    }
    if (find_bad_character(url)) {
        yaml_error(
            r->report, r->file, node,
            "this can't stand in a url as it is: white space, non-ASCII and <>\"\\^`| are written %%XX");
        return;
    }
    out->url = template;
}

/* All strings in a body, but not its keys, are templates. */
static void check_body(struct reader *r, const yaml_node *node, const struct value *value)
{
    if (value->type == VALUE_STRING)
        read_check_template(r, node, arena_strdup(r->arena, value->text));
    else if (value->type == VALUE_ARRAY)
        for (uint32_t i = 0; i < value->count; i++)
            check_body(r, yaml_item(node, i), &value->items[i]);
    else if (value->type == VALUE_OBJECT)
        for (uint32_t i = 0; i < value->count; i++)
            check_body(r, yaml_value(node, i), &value->members[i].value);
}

void read_request(struct reader *r, const yaml_node *node, struct request_def *out)
{
    static const char *const keys[] = {"method", "url", "query", "headers", "form", "body", NULL};
    const yaml_node *n;
    *out = (struct request_def){.method = "GET", .url = read_own_template(r, ""), .place = node};
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    if ((n = read_need(r, node, "url")))
        read_url(r, n, out);
    if ((n = yaml_get(node, "method")))
        read_method(r, n, out);
    if ((n = yaml_get(node, "query")))
        read_fields(r, n, false, &out->query);
    if ((n = yaml_get(node, "headers")))
        read_fields(r, n, true, &out->headers);
    if ((n = yaml_get(node, "form")))
        read_fields(r, n, false, &out->form);
    if ((n = yaml_get(node, "body")) && !yaml_is_null(n)) {
        out->has_body = yaml_read_value(r->report, r->file, n, r->arena, &out->body);
        if (out->has_body)
            check_body(r, n, &out->body);
        if (yaml_get(node, "form"))
            yaml_error(r->report, r->file, n, "a request has a 'form' or a 'body', not both");
    }
}
