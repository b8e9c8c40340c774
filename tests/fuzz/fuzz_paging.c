/* A listing whose answers are the input's: the first byte says which style, then each line is the body of a
 * page. It ends within its pages: at the latest when all lines were served, since the last one comes again
 * and again. */
#include "tests/fuzz/fuzz.h"
#include "worker/provider/paging.h"
#include "worker/provider/url.h"

enum { PAGES_MAX = 40 };

#define ORIGIN BYTES("http://one.example/v1/things")

struct lab {
    struct provider provider;
    struct page_part parts[2];
    struct collection_def def;
};

static struct source from_body(struct arena *arena, const char *pointer)
{
    struct source source = {.kind = SOURCE_BODY};
    CHECK(pointer_parse(arena, bytes_of(pointer), &source.pointer, NULL) == 0);
    return source;
}

static void lab_open(struct lab *lab, struct arena *arena, unsigned choice)
{
    static const char *const no_origins[] = {NULL};
    static const enum page_style styles[] = {PAGE_TOKEN, PAGE_LINK, PAGE_OFFSET, PAGE_NUMBER, PAGE_MARKER};
    *lab = (struct lab){.provider = {.name = "fuzz", .allow_origins = no_origins}};
    lab->parts[0] = (struct page_part){from_body(arena, "/next"), {TARGET_QUERY, "token", {0}}};
    lab->parts[1] = (struct page_part){from_body(arena, "/more"), {TARGET_QUERY, "more", {0}}};
    lab->def = (struct collection_def){.provider = &lab->provider, .type = "fuzz.thing"};
    struct page_def *page = &lab->def.page;
    page->style = styles[choice % (sizeof styles / sizeof *styles)];
    page->parts = lab->parts;
    page->part_count = page->style == PAGE_TOKEN ? 1 + choice / 5 % 2 : 1;
    page->pages_max = PAGES_MAX;
}

static void choose(struct lab *lab, struct arena *arena, unsigned choice)
{
    struct page_def *page = &lab->def.page;
    page->marker_is_id = choice & 1;
    page->end_short = choice & 2;
    page->has_total = choice & 4;
    page->has_more = choice & 8;
    page->has_last = choice & 16 && page->style == PAGE_NUMBER;
    page->has_size = choice & 32;
    page->total = from_body(arena, "/total");
    page->more = from_body(arena, "/more");
    page->last = from_body(arena, "/last");
    page->size.to = (struct target){TARGET_QUERY, "size", {0}};
    page->size.min = 1;
    page->size.max = page->size.default_ = 3;
    page->first = page->style == PAGE_NUMBER;
    if (page->style == PAGE_MARKER) {
        lab->parts[0].from = from_body(arena, "/id");
        lab->parts[0].from.kind = SOURCE_ITEM;
    }
}

/* What would be asked next can be sent, and to the same origin. */
static void ask(struct arena *arena, const struct paging *paging)
{
    struct request_parts parts = {.arena = arena, .method = "GET"};
    struct request request;
    struct error e;
    CHECK(url_parse(ORIGIN, &parts.url, &e) == 0);
    parts.origin = parts.url;
    if (paging_apply(paging, &parts, &e) == 0 && request_finish(&parts, &request, &e) == 0)
        CHECK(url_same_origin(bytes_of(request.url), ORIGIN));
}

/* Takes in one page. True if there is another one. */
static bool take(struct arena *arena, struct paging *paging, struct bytes body)
{
    const struct answer answer = {
        .status = 200, .body = body, .delimited = true, .url = "http://one.example/v1/things"};
    struct value document;
    struct error e;
    if (value_from_json(arena, body, &document, NULL, &e))
        return false;
    const struct value *items = value_get(&document, BYTES("items"));
    const bool has = items && items->type == VALUE_ARRAY && items->count;
    const struct value *last = has ? &items->items[items->count - 1] : NULL;
    const struct page_seen seen = {.items = has ? items->count : 0, .last_item = last, .last_id = BYTES("1")};
    enum paging_verdict verdict = PAGING_END;
    bool sound = true;
    const char *why = NULL;
    int r = paging_next(paging, &answer, &document, &seen, &verdict, &sound, &why, &e);
    CHECK(r == 0 || r == ERR_LOOP || r == ERR_PAGING || r == ERR_REDIRECT || r == ERR_LIMIT);
    CHECK(r || sound || why);
    return r == 0 && verdict == PAGING_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena arena = {0};
    struct lab lab;
    struct url origin;
    struct paging paging;
    lab_open(&lab, &arena, data[0]);
    choose(&lab, &arena, data[1]);
    CHECK(url_parse(ORIGIN, &origin, NULL) == 0);
    struct bytes rest = {(const char *)data + 2, size - 2}, line = {0};
    paging_open(&paging, &lab.def, &origin);
    unsigned pages = 0;
    do {
        CHECK(++pages <= PAGES_MAX && paging_page(&paging) == pages);
        ask(&arena, &paging);
        if (rest.len)
            line = fuzz_line(&rest);
    } while (take(&arena, &paging, line));
    paging_close(&paging);
    arena_close(&arena);
    return 0;
}
