/* A lab for paging: pages are scripted as bodies and headers, what was asked and what became of it is
 * told as a diary.
 *
 * Items are what the body has at /items; a page repeats if all its items came before. */
#ifndef GARNER_TEST_PAGING_LAB_H
#define GARNER_TEST_PAGING_LAB_H

#include <inttypes.h>
#include <stdio.h>

#include "test_value_maker.h"
#include "worker/provider/paging.h"

struct lab {
    struct arena arena; /* of the definition */
    struct arena page;  /* of the current page: reset, so that what paging keeps must be its own */
    struct provider provider;
    struct template url;
    struct collection_def def;
    struct page_part part;
    struct paging paging;
    struct buffer seen, diary;
};

enum { SCRIPT_TEXTS = 4 };
typedef const char *script_page[SCRIPT_TEXTS]; /* body and headers ("Name: value"); no body ends a script */

static inline struct pointer lab_pointer(struct arena *arena, const char *text)
{
    struct pointer pointer;
    struct error e;
    if (pointer_parse(arena, bytes_of(text), &pointer, &e))
        fail_msg("%s: %s", text, e.text);
    return pointer;
}

/* "body:/next", "header:Link", "item:/id" */
static inline struct source lab_source(struct arena *arena, const char *text)
{
    const char *rest = strchr(text, ':') + 1;
    if (strncmp(text, "header:", 7) == 0)
        return (struct source){.kind = SOURCE_HEADER, .name = rest};
    return (struct source){.kind = text[0] == 'b' ? SOURCE_BODY : SOURCE_ITEM,
                           .pointer = lab_pointer(arena, rest)};
}

/* "query:page", "form:page", "header:X-Page", "body:/page" */
static inline struct target lab_target(struct arena *arena, const char *text)
{
    static const char *const kinds[] = {[TARGET_QUERY] = "query:",
                                        [TARGET_FORM] = "form:",
                                        [TARGET_HEADER] = "header:",
                                        [TARGET_BODY] = "body:"};
    int kind = TARGET_QUERY;
    while (strncmp(text, kinds[kind], strlen(kinds[kind])) != 0)
        kind++;
    struct target target = {.kind = (enum target_kind)kind, .name = strchr(text, ':') + 1};
    if (target.kind == TARGET_BODY)
        target.pointer = lab_pointer(arena, target.name);
    return target;
}

static inline void lab_more(struct lab *lab, const char *from)
{
    lab->def.page.has_more = true;
    lab->def.page.more = lab_source(&lab->arena, from);
}

static inline void lab_total(struct lab *lab, const char *from)
{
    lab->def.page.has_total = true;
    lab->def.page.total = lab_source(&lab->arena, from);
}

static inline void lab_last(struct lab *lab, const char *from)
{
    lab->def.page.has_last = true;
    lab->def.page.last = lab_source(&lab->arena, from);
}

static inline void lab_size(struct lab *lab, const char *to, uint64_t size, uint64_t max)
{
    lab->def.page.has_size = true;
    lab->def.page.size.to = lab_target(&lab->arena, to);
    lab->def.page.size.default_ = size;
    lab->def.page.size.max = max;
}

/* A GET of https://api.test/things that pages in this style. `from` and `to` may be null. */
static inline void lab_open(struct lab *lab, enum page_style style, const char *from, const char *to)
{
    *lab = (struct lab){.url = {.text = "https://api.test/things"}};
    lab->def.provider = &lab->provider;
    lab->def.request.method = "GET";
    lab->def.request.url = &lab->url;
    lab->def.page.style = style;
    lab->def.page.parts = &lab->part;
    lab->def.page.part_count = 1;
    lab->def.page.first = style == PAGE_NUMBER;
    if (from)
        lab->part.from = lab_source(&lab->arena, from);
    if (to)
        lab->part.to = lab_target(&lab->arena, to);
}

static inline void lab_close(struct lab *lab)
{
    paging_close(&lab->paging);
    arena_close(&lab->page);
    arena_close(&lab->arena);
    buffer_close(&lab->seen);
    buffer_close(&lab->diary);
}

/* Make the request, and tell it. False when that is an error. */
static inline bool lab_ask(struct lab *lab, struct request *request, struct error *e)
{
    static const struct placeholders none;
    struct request_parts parts;
    int err = request_begin(&parts, &lab->page, &lab->def.request, &none, e);
    if (!err && !lab->paging.def)
        paging_open(&lab->paging, &lab->def, &parts.origin);
    if (!err)
        err = paging_apply(&lab->paging, &parts, e);
    if (!err)
        err = request_finish(&parts, request, e);
    if (err) {
        buffer_printf(&lab->diary, "-> %s: %s\n", error_name(err), e->text);
        return false;
    }
    buffer_printf(&lab->diary, "%" PRIu64 " %s %s", paging_page(&lab->paging), request->method, request->url);
    for (uint32_t i = 0; i < request->headers.count; i++)
        if (!bytes_is(request->headers.items[i].name, "Content-Type"))
            buffer_printf(&lab->diary, " %.*s: %.*s", BYTES_ARG(request->headers.items[i].name),
                          BYTES_ARG(request->headers.items[i].value));
    if (request->has_body)
        buffer_printf(&lab->diary, " %.*s", BYTES_ARG(request->body));
    buffer_add_char(&lab->diary, '\n');
    return true;
}

static inline struct page_seen lab_look(struct lab *lab, const struct value *body)
{
    struct page_seen seen = {0};
    const struct value *items = value_get_text(body, "items");
    bool fresh = false;
    for (uint32_t i = 0; items && i < items->count; i++) {
        struct buffer text = {0};
        buffer_add_char(&text, '\n');
        value_to_json(&items->items[i], &text);
        buffer_add_char(&text, '\n');
        if (!lab->seen.len || !strstr(buffer_text(&lab->seen), buffer_text(&text))) {
            fresh = true;
            buffer_add_bytes(&lab->seen, buffer_bytes(&text));
        }
        buffer_close(&text);
        seen.last_item = &items->items[i];
        const struct value *id = value_get_text(seen.last_item, "id");
        value_scalar_text(id ? id : seen.last_item, &seen.last_id);
        seen.items++;
    }
    seen.repeats = seen.items > 0 && !fresh;
    return seen;
}

/* True if the listing goes on. */
static inline bool lab_answer(struct lab *lab, const char *url, const script_page page)
{
    struct pair pairs[SCRIPT_TEXTS];
    struct answer answer = {.status = 200, .url = url, .headers = {.items = pairs}};
    for (int i = 1; i < SCRIPT_TEXTS && page[i]; i++) {
        const char *colon = strchr(page[i], ':');
        pairs[answer.headers.count++] = (struct pair){{page[i], (size_t)(colon - page[i])},
                                                      bytes_of(colon + 2)};
    }
    struct value body = value_of(&lab->page, page[0]);
    struct page_seen seen = lab_look(lab, &body);
    enum paging_verdict verdict = PAGING_END;
    bool sound = true;
    const char *why = "";
    struct error e;
    int err = paging_next(&lab->paging, &answer, &body, &seen, &verdict, &sound, &why, &e);
    if (err)
        buffer_printf(&lab->diary, "-> %s: %s\n", error_name(err), e.text);
    else if (verdict == PAGING_END)
        buffer_printf(&lab->diary, "-> end%s%s\n", sound ? "" : ", not sound: ", why);
    return !err && verdict == PAGING_MORE;
}

/* Play a script to its end or until the listing ends, compare the diary, and close the lab. */
static inline void lab_play(struct lab *lab, const script_page *pages, const char *expected)
{
    struct request request;
    struct error e;
    bool more = true;
    while (more && **pages) {
        more = lab_ask(lab, &request, &e) && lab_answer(lab, request.url, *pages);
        pages++;
        arena_reset(&lab->page);
    }
    if (more) /* what would be asked next */
        lab_ask(lab, &request, &e);
    if (**pages)
        buffer_add_text(&lab->diary, "(the script has more pages)\n");
    assert_string_equal(buffer_text(&lab->diary), expected);
    lab_close(lab);
}

#define PAGES(...) ((script_page[]){__VA_ARGS__, {NULL}})

#endif
