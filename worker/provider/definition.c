/* A definition's digest: of a document made from what was parsed, with all defaults in their places, so
 * that layout, comments, key order and written-out defaults make no difference. What doesn't shape
 * documents and listings stays out: auth, errors, get, limits, every, full_every, priority, delete. */
#include "common/value/canonical.h"
#include "worker/provider/read.h"

enum { MEMBERS_MAX = 24 }; /* of the largest object made here */

static struct value text(const char *t)
{
    return t ? value_string(bytes_of(t)) : value_null();
}

static struct value template_text(const struct template *t)
{
    return text(t ? t->text : NULL);
}

static void put(struct value *object, const char *key, struct value value)
{
    value_put(object, bytes_of(key), value);
}

static struct value texts(struct arena *a, const char *const *list)
{
    uint32_t count = 0;
    while (list && list[count])
        count++;
    struct value out = value_array(a, count);
    for (uint32_t i = 0; i < count; i++)
        out.items[i] = text(list[i]);
    return out;
}

static struct value pointers(struct arena *a, const struct pointer *list, uint32_t count)
{
    struct value out = value_array(a, count);
    for (uint32_t i = 0; i < count; i++)
        out.items[i] = value_string(list[i].text);
    return out;
}

static struct value fields(struct arena *a, const struct fields *f)
{
    struct value out = value_object(a, f->count);
    for (uint32_t i = 0; i < f->count; i++) {
        struct value values = value_array(a, f->items[i].count);
        for (uint32_t k = 0; k < f->items[i].count; k++)
            values.items[k] = template_text(f->items[i].values[k]);
        put(&out, f->items[i].name, values);
    }
    return out;
}

static struct value request(struct arena *a, const struct request_def *def)
{
    struct value out = value_object(a, MEMBERS_MAX);
    put(&out, "method", text(def->method));
    put(&out, "url", template_text(def->url));
    put(&out, "query", fields(a, &def->query));
    put(&out, "headers", fields(a, &def->headers));
    put(&out, "form", fields(a, &def->form));
    put(&out, "body", def->has_body ? def->body : value_null());
    return out;
}

static struct value source(struct arena *a, bool there, const struct source *s)
{
    if (!there)
        return value_null();
    struct value out = value_object(a, MEMBERS_MAX);
    put(&out, "kind", value_u64(a, s->kind));
    put(&out, "at", s->kind == SOURCE_HEADER ? text(s->name) : value_string(s->pointer.text));
    return out;
}

static struct value target(struct arena *a, bool there, const struct target *t)
{
    if (!there)
        return value_null();
    struct value out = value_object(a, MEMBERS_MAX);
    put(&out, "kind", value_u64(a, t->kind));
    put(&out, "at", t->kind == TARGET_BODY ? value_string(t->pointer.text) : text(t->name));
    return out;
}

static struct value page_parts(struct arena *a, const struct page_def *page)
{
    bool has_from = page->style == PAGE_TOKEN || page->style == PAGE_LINK ||
                    (page->style == PAGE_MARKER && !page->marker_is_id);
    bool has_to = page->style != PAGE_LINK;
    struct value out = value_array(a, page->part_count);
    for (uint32_t i = 0; i < page->part_count; i++) {
        out.items[i] = value_object(a, MEMBERS_MAX);
        put(&out.items[i], "from", source(a, has_from, &page->parts[i].from));
        put(&out.items[i], "to", target(a, has_to, &page->parts[i].to));
    }
    return out;
}

static struct value paging(struct arena *a, const struct page_def *page)
{
    struct value out = value_object(a, MEMBERS_MAX);
    put(&out, "style", value_u64(a, page->style));
    put(&out, "parts", page_parts(a, page));
    put(&out, "marker_is_id", value_bool(page->marker_is_id));
    put(&out, "end_short", value_bool(page->end_short));
    put(&out, "total", source(a, page->has_total, &page->total));
    put(&out, "last", source(a, page->has_last, &page->last));
    put(&out, "more", source(a, page->has_more, &page->more));
    put(&out, "first", value_u64(a, page->first));
    put(&out, "pages_max", value_u64(a, page->pages_max));
    put(&out, "size_to", target(a, page->has_size, &page->size.to));
    put(&out, "size_min", value_u64(a, page->size.min));
    put(&out, "size_max", value_u64(a, page->size.max));
    put(&out, "size_default", value_u64(a, page->size.default_));
    return out;
}

static struct value id_rule(struct arena *a, const struct collection_def *def)
{
    if (def->id_kind == ID_TEMPLATE)
        return template_text(def->id_template);
    return pointers(a, def->id_pointers, def->id_pointer_count);
}

static struct value absents(struct arena *a, const struct collection_def *def)
{
    struct value out = value_array(a, def->absent_count);
    for (uint32_t i = 0; i < def->absent_count; i++) {
        out.items[i] = value_object(a, MEMBERS_MAX);
        put(&out.items[i], "status", value_u64(a, def->absent[i].status));
        put(&out.items[i], "code", text(def->absent[i].code));
    }
    return out;
}

static struct value xml(struct arena *a, const struct provider *provider)
{
    struct value out = value_object(a, MEMBERS_MAX);
    put(&out, "list_elements", texts(a, provider->xml.list_elements));
    put(&out, "arrays", pointers(a, provider->xml.arrays, provider->xml.array_count));
    return out;
}

static struct value used_vars(struct arena *a, const struct names *names, const struct value *vars)
{
    struct value out = value_object(a, names->count);
    for (uint32_t i = 0; i < names->count; i++) {
        const struct value *found = value_get_text(vars, names->items[i]);
        put(&out, names->items[i], found ? *found : value_null());
    }
    return out;
}

static struct digest digest_of(const struct value *value)
{
    struct buffer scratch = {0};
    canonical_form(value, NULL, 0, &scratch);
    struct digest digest = hash128(buffer_bytes(&scratch), NULL);
    buffer_close(&scratch);
    return digest;
}

void definition_digest(const struct reader *r, const struct names *vars, struct collection_def *def)
{
    const struct provider *provider = r->provider;
    struct arena arena = {0};
    struct arena *a = &arena;
    bool may_be_xml = def->format == FORMAT_XML || def->format == FORMAT_AUTO;
    struct value id = id_rule(a, def), all = value_object(a, MEMBERS_MAX);
    put(&all, "scope", value_u64(a, def->scope));
    put(&all, "parent", def->parent ? text(def->parent->type) : value_null());
    put(&all, "request", request(a, &def->request));
    put(&all, "format", value_u64(a, def->format));
    put(&all, "items", value_string(def->items.text));
    put(&all, "items_optional", value_bool(def->items_optional));
    put(&all, "id", id);
    put(&all, "page", paging(a, &def->page));
    put(&all, "absent", absents(a, def));
    put(&all, "require", pointers(a, def->require, def->require_count));
    if (def->parse_count) /* stores are older than the key: without it nothing changes for them */
        put(&all, "parse", pointers(a, def->parse, def->parse_count));
    put(&all, "ignore", pointers(a, def->ignore, def->ignore_count));
    put(&all, "unordered", pointers(a, def->unordered, def->unordered_count));
    put(&all, "order_stable", value_bool(def->order_stable));
    put(&all, "xml", may_be_xml ? xml(a, provider) : value_null());
    put(&all, "vars", used_vars(a, vars, &provider->vars));
    def->definition = digest_of(&all);
    def->id_rule = digest_of(&id);
    arena_close(a);
}
