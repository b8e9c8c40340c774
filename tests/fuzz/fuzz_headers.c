/* Headers, one a line, and a body behind an empty one: whatever they are, what is read from them keeps within
 * what its header promises. Link is also followed, in fuzz_link. */
#include <math.h>

#include "common/limits.h"
#include "tests/fuzz/fuzz.h"
#include "worker/decode/decode.h"
#include "worker/fetch/pace.h"
#include "worker/fetch/retry.h"
#include "worker/provider/paging.h"
#include "worker/provider/url.h"

enum { HEADERS_MAX = 64 };
static const int64_t wall_ms = INT64_C(1795341600000), now_ms = 1000000;

static void check_quota(const struct answer *answer)
{
    struct quota q;
    if (!quota_read(answer, wall_ms, &q))
        return;
    CHECK(q.remaining >= 0 || q.after_ms >= 0);
    CHECK(q.limit >= -1 && q.remaining >= -1 && q.after_ms >= -1);
    CHECK(q.reset_ms >= -1 && q.reset_ms <= QUOTA_RESET_MAX_MS);
    CHECK(quota_rate(&q) >= 0);
    struct random random = {{1, 2, 3, 4}};
    for (int verdict = VERDICT_NONE; verdict <= VERDICT_THROTTLED; verdict++) {
        struct pace pace;
        struct heard heard = {.verdict = (enum verdict)verdict, .has_quota = true, .quota = q};
        pace_open(&pace, 10, 5, 8);
        pace_heard(&pace, &heard, 0, now_ms, &random);
        CHECK(pace.paused_ms == PACE_NEVER || pace.paused_ms > now_ms);
        CHECK(pace.paused_ms < now_ms + LIMIT_PAUSE_MS * 11 / 10 + PACE_JITTER_MS);
        CHECK(pace_rate(&pace, now_ms) >= PACE_RATE_MIN && pace_rate(&pace, now_ms) <= 10);
        CHECK(pace.concurrency >= 1 && pace.concurrency <= 8);
    }
}

static void check_retry_after(const struct answer *answer)
{
    struct bytes value;
    struct retry retry = {.random = {{1, 2, 3, 4}}};
    int64_t at_ms;
    if (!answer_header(answer, "Retry-After", &value))
        return;
    int64_t after_ms = retry_after_read(value, wall_ms);
    CHECK(after_ms >= -1);
    if (retry_decide(ERR_THROTTLED, 1, after_ms, now_ms, &retry, &at_ms))
        CHECK(at_ms >= now_ms && at_ms <= now_ms + LIMIT_RETRY_AFTER_MS + LIMIT_RETRY_MAX_MS);
}

static void check_body(struct arena *arena, const struct answer *answer)
{
    struct decoded body;
    struct error e;
    int64_t time_ms;
    answer_date(answer, &time_ms);
    if (decode_body(arena, answer, FORMAT_AUTO, NULL, &body, &e))
        CHECK(e.code != ERR_OK && e.text[0]);
    decode_error_body(arena, answer, NULL, &body.value);
}

static void check_link(const struct answer *answer)
{
    const char *const no_origins[] = {NULL};
    const struct provider provider = {.name = "fuzz", .allow_origins = no_origins};
    struct page_part part = {.from = {.kind = SOURCE_HEADER, .name = "Link"}};
    struct collection_def def = {.provider = &provider, .type = "fuzz.thing"};
    def.page = (struct page_def){.style = PAGE_LINK, .parts = &part, .part_count = 1, .pages_max = 10};
    const struct value body = value_null();
    const struct page_seen seen = {.items = 1, .last_item = &body, .last_id = BYTES("1")};
    enum paging_verdict verdict = PAGING_END;
    bool sound = true;
    const char *why = NULL;
    struct paging paging;
    struct url url;
    struct error e;
    CHECK(url_parse(BYTES("http://one.example"), &url, NULL) == 0);
    paging_open(&paging, &def, &url);
    int code = paging_next(&paging, answer, &body, &seen, &verdict, &sound, &why, &e);
    CHECK(code == 0 || e.text[0]);
    paging_close(&paging);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct pair headers[HEADERS_MAX];
    struct bytes rest = {(const char *)data, size};
    struct answer answer = {
        .status = 200,
        .headers = {headers, 0, HEADERS_MAX},
        .delimited = true,
        .url = "http://one.example/v1/things?page=1",
    };
    for (struct bytes line; answer.headers.count < HEADERS_MAX && (line = fuzz_line(&rest)).len;) {
        const char *colon = memchr(line.data, ':', line.len);
        size_t name = colon ? (size_t)(colon - line.data) : line.len;
        headers[answer.headers.count++] = (struct pair){{line.data, name},
                                                        bytes_trim(bytes_from(line, name + 1))};
    }
    answer.body = rest;
    check_quota(&answer);
    check_retry_after(&answer);
    check_body(&arena, &answer);
    check_link(&answer);
    arena_close(&arena);
    return 0;
}
