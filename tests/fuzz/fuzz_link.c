/* A Link header on the first line and a body behind it: the next request, where there is one, goes to the
 * asked origin and can be sent. */
#include "tests/fuzz/fuzz.h"
#include "worker/provider/paging.h"
#include "worker/provider/url.h"

static void follow(struct arena *arena, struct paging *paging, struct bytes origin)
{
    struct request_parts parts = {.arena = arena, .method = "GET"};
    struct request request;
    struct error e;
    CHECK(url_parse(origin, &parts.url, &e) == 0);
    parts.origin = parts.url;
    if (paging_apply(paging, &parts, &e) == 0 && request_finish(&parts, &request, &e) == 0)
        CHECK(url_same_origin(bytes_of(request.url), origin));
}

static void page(struct arena *arena, const struct collection_def *def, const struct answer *answer,
                 const struct value *body)
{
    const struct bytes origin = BYTES("http://one.example");
    struct url url;
    struct paging paging;
    CHECK(url_parse(origin, &url, NULL) == 0);
    paging_open(&paging, def, &url);
    const struct page_seen seen = {.items = 1, .last_item = body, .last_id = BYTES("1")};
    enum paging_verdict verdict = PAGING_END;
    bool sound = true;
    const char *why = NULL;
    struct error e;
    if (paging_next(&paging, answer, body, &seen, &verdict, &sound, &why, &e) == 0 && verdict == PAGING_MORE)
        follow(arena, &paging, origin);
    paging_close(&paging);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes rest = {(const char *)data, size};
    struct pair header = {BYTES("Link"), fuzz_line(&rest)};
    const struct answer answer = {
        .status = 200,
        .headers = {&header, 1, 1},
        .body = rest,
        .delimited = true,
        .url = "http://one.example/v1/things?page=1",
    };
    const char *const no_origins[] = {NULL};
    const struct provider provider = {.name = "fuzz", .allow_origins = no_origins};
    struct page_part part = {.from = {.kind = SOURCE_HEADER, .name = "Link"}};
    struct collection_def def = {.provider = &provider, .type = "fuzz.thing"};
    def.page = (struct page_def){.style = PAGE_LINK, .parts = &part, .part_count = 1, .pages_max = 10};
    struct value body;
    struct error e;
    if (value_from_json(&arena, rest, &body, NULL, &e))
        body = value_null();
    page(&arena, &def, &answer, &body);

    part.from.kind = SOURCE_BODY;
    CHECK(pointer_parse(&arena, BYTES("/next"), &part.from.pointer, &e) == 0);
    page(&arena, &def, &answer, &body);
    arena_close(&arena);
    return 0;
}
