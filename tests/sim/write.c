/* Pages as bytes: JSON and XML. What stands around the items differs from answer to answer, as request ids
 * do. */
#include "tests/sim/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "tests/sim/validate.h"

/* --- items --- */

/* What a document says beside its id, in this order. */
struct said {
    char id[32], version[8], rank[8], name[32];
    bool has_rank, has_name;
};

static void say(const struct plan *plan, unsigned thing, unsigned version, struct said *s)
{
    unsigned content = version % VERSIONS;
    thing_id(thing, s->id);
    snprintf(s->version, sizeof s->version, "%u", content);
    snprintf(s->rank, sizeof s->rank, "%u", thing);
    snprintf(s->name, sizeof s->name, "n%.*s", (int)(content / 2 * 3), "abcdefghijkl");
    s->has_rank = plan->style == STYLE_MARKER;
    s->has_name = version < VERSIONS;
}

void thing_write(const struct plan *plan, unsigned thing, unsigned version, struct buffer *out)
{
    struct said s;
    const char *quote = plan->xml ? "\"" : "";
    say(plan, thing, version, &s);
    buffer_printf(out, "{\"id\":\"%s\",\"v\":%s%s%s", s.id, quote, s.version, quote);
    if (s.has_rank)
        buffer_printf(out, ",\"rank\":%s%s%s", quote, s.rank, quote);
    if (s.has_name)
        buffer_printf(out, ",\"name\":\"%s\"", s.name);
    buffer_add_text(out, ",\"tags\":[\"a\",\"b\"]}");
}

static void fill(struct buffer *out, char c, size_t count)
{
    buffer_reserve(out, count);
    memset(out->data + out->len, c, count);
    out->len += count;
    out->data[out->len] = 0;
}

static void write_odd_json(const struct item *item, struct buffer *out)
{
    char id[32];
    thing_id(item->thing, id);
    switch (item->kind) {
    case ITEM_NO_ID:
        buffer_add_text(out, item->thing % 2 ? "{\"id\":null,\"v\":1}" : "{\"v\":1}");
        break;
    case ITEM_LONG_ID:
        buffer_add_text(out, "{\"id\":\"");
        fill(out, 'x', LIMIT_ID_BYTES + 1);
        buffer_add_text(out, "\"}");
        break;
    case ITEM_HUGE:
        buffer_printf(out, "{\"id\":\"%s\",\"v\":\"", id);
        fill(out, 'h', LIMIT_DOCUMENT_BYTES + 1);
        buffer_add_text(out, "\"}");
        break;
    default:
        buffer_printf(out, "{\"id\":\"%s\",\"v\":", id);
        fill(out, '[', LIMIT_DEPTH + 1);
        fill(out, ']', LIMIT_DEPTH + 1);
        buffer_add_char(out, '}');
        break;
    }
}

static void write_odd_xml(const struct item *item, struct buffer *out)
{
    char id[32];
    thing_id(item->thing, id);
    switch (item->kind) {
    case ITEM_NO_ID:
        buffer_add_text(out, item->thing % 2 ? "<item><id/><v>1</v></item>" : "<item><v>1</v></item>");
        break;
    case ITEM_LONG_ID:
        buffer_add_text(out, "<item><id>");
        fill(out, 'x', LIMIT_ID_BYTES + 1);
        buffer_add_text(out, "</id></item>");
        break;
    case ITEM_HUGE:
        buffer_printf(out, "<item><id>%s</id><v>", id);
        fill(out, 'h', LIMIT_DOCUMENT_BYTES + 1);
        buffer_add_text(out, "</v></item>");
        break;
    default:
        buffer_printf(out, "<item><id>%s</id>", id);
        for (unsigned i = 0; i <= LIMIT_DEPTH; i++)
            buffer_add_text(out, "<d>");
        for (unsigned i = 0; i <= LIMIT_DEPTH; i++)
            buffer_add_text(out, "</d>");
        buffer_add_text(out, "</item>");
        break;
    }
}

static void write_json(const struct plan *plan, const struct item *item, uint64_t nonce, struct buffer *out)
{
    if (item->kind != ITEM_WHOLE) {
        write_odd_json(item, out);
        return;
    }
    thing_write(plan, item->thing, item->version, out);
    if (!plan->noisy)
        return;
    out->len--;
    buffer_printf(out, ",\"noise\":%" PRIu64 "}", nonce);
}

static void write_xml(const struct plan *plan, const struct item *item, uint64_t nonce, struct buffer *out)
{
    struct said s;
    if (item->kind != ITEM_WHOLE) {
        write_odd_xml(item, out);
        return;
    }
    say(plan, item->thing, item->version, &s);
    buffer_printf(out, "<item><id>%s</id><v>%s</v>", s.id, s.version);
    if (s.has_rank)
        buffer_printf(out, "<rank>%s</rank>", s.rank);
    if (s.has_name)
        buffer_printf(out, "<name>%s</name>", s.name);
    buffer_add_text(out, "<tags><item>a</item><item>b</item></tags>");
    if (plan->noisy)
        buffer_printf(out, "<noise>%" PRIu64 "</noise>", nonce);
    buffer_add_text(out, "</item>");
}

/* --- answers --- */

void reply_open(struct reply *reply, int status)
{
    static struct buffer body; /* kept from answer to answer */
    buffer_reset(&body);
    reply->answer = (struct answer){.status = status, .delimited = true};
    reply->answer.headers = (struct pairs){reply->headers, 0, REPLY_HEADERS};
    reply->body = &body;
    reply->bears_page = false;
    error_none(&reply->broken);
}

void reply_header(struct reply *reply, const char *name, const char *format, ...)
{
    struct pairs *headers = &reply->answer.headers;
    CHECK(headers->count < headers->cap);
    char *text = reply->texts[headers->count];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof reply->texts[0], format, args);
    va_end(args);
    headers->items[headers->count++] = (struct pair){bytes_of(name), bytes_of(text)};
}

/* A link to where a token leads to: the whole URL, or from here. */
static void link_of(const struct plan *plan, const struct asked *asked, const struct shown *page,
                    char out[160])
{
    char id[32], size[32] = "";
    const struct place *place = asked->place;
    if (plan->sized)
        snprintf(size, sizeof size, "%ssize=%u", plan->xml ? "&amp;" : "&", asked->size);
    if (plan->relative) {
        snprintf(out, 160, "?t=%s%s", page->next, size);
        return;
    }
    snprintf(out, 160, "http://sim/%s/thing", account_name(asked->account));
    if (place->above) {
        struct buffer path = {0};
        url_encode_part(bytes_of(thing_id(place->number, id)), &path);
        snprintf(out, 160, "http://sim/%s/thing/%s/part", account_name(asked->account), buffer_text(&path));
        buffer_close(&path);
    }
    snprintf(out + strlen(out), 160 - strlen(out), "?t=%s%s", page->next, size);
}

/* What the body says of the next page; "" is nothing. */
static void next_of(const struct plan *plan, const struct asked *asked, const struct shown *page,
                    char out[160])
{
    out[0] = 0;
    if (!page->has_next)
        return;
    if (plan->style == STYLE_LINK_BODY)
        link_of(plan, asked, page, out);
    else if (!plan->from_header && plan->style <= STYLE_PARTS)
        snprintf(out, 160, "%s", page->next);
}

static void write_json_page(const struct visit *v, const char *next, const struct shown *page,
                            struct buffer *out)
{
    const struct plan *plan = &v->place->world->plan;
    uint64_t nonce = v->place->world->nonce;
    buffer_printf(out, "{\"request\":\"%" PRIx64 "\",\"items\":[", nonce * UINT64_C(0x9e3779b97f4a7c15));
    for (unsigned i = 0; i < page->count; i++) {
        if (i)
            buffer_add_char(out, ',');
        write_json(plan, &page->items[i], nonce, out);
    }
    buffer_add_char(out, ']');
    if (next[0])
        buffer_printf(out, ",\"next\":\"%s\"", next);
    else if (nonce % 3)
        buffer_add_text(out, nonce % 3 == 1 ? ",\"next\":null" : ",\"next\":\"\"");
    if (page->beside[0])
        buffer_printf(out, ",\"beside\":\"%s\"", page->beside);
    if (plan->has_more)
        buffer_printf(out, ",\"more\":%s", page->more ? "true" : "false");
    if (plan->has_total)
        buffer_printf(out, ",\"total\":%" PRIu64, page->total);
    if (plan->has_last)
        buffer_printf(out, ",\"last\":%" PRIu64, page->last);
    buffer_add_char(out, '}');
}

static void write_xml_page(const struct visit *v, const char *next, const struct shown *page,
                           struct buffer *out)
{
    const struct plan *plan = &v->place->world->plan;
    uint64_t nonce = v->place->world->nonce;
    buffer_printf(out, "<r><request>%" PRIx64 "</request><items>", nonce * UINT64_C(0x9e3779b97f4a7c15));
    for (unsigned i = 0; i < page->count; i++)
        write_xml(plan, &page->items[i], nonce, out);
    buffer_add_text(out, "</items>");
    if (next[0] || nonce % 2)
        buffer_printf(out, "<next>%s</next>", next);
    if (page->beside[0])
        buffer_printf(out, "<beside>%s</beside>", page->beside);
    if (plan->has_more)
        buffer_printf(out, "<more>%s</more>", page->more ? "true" : "false");
    if (plan->has_total)
        buffer_printf(out, "<total>%" PRIu64 "</total>", page->total);
    if (plan->has_last)
        buffer_printf(out, "<last>%" PRIu64 "</last>", page->last);
    buffer_add_text(out, "</r>");
}

void reply_page(struct visit *v, const struct asked *asked, const struct shown *page, struct reply *reply)
{
    const struct plan *plan = &v->place->world->plan;
    char next[160];
    reply_open(reply, 200);
    reply->bears_page = true;
    reply_header(reply, "Content-Type", "%s", plan->xml ? "application/xml" : "application/json");
    validate_add(asked, page, reply);
    next_of(plan, asked, page, next);
    (plan->xml ? write_xml_page : write_json_page)(v, next, page, reply->body);
    if (!page->has_next)
        return;
    if (plan->from_header)
        reply_header(reply, "X-Next", "%s", page->next);
    if (plan->style != STYLE_LINK_HEADER)
        return;
    struct plan as_header = *plan;
    as_header.xml = false; /* there `&` is one */
    link_of(&as_header, asked, page, next);
    reply_header(reply, "Link", "<%s>; rel=\"next\"", next);
}
