/* Headers that say where and when to ask again. First line: the status, as a digit from 0, and the method.
 * Second: a Location, which is followed within the origin only. Third: a Retry-After, which is no time in the
 * past. */
#include "tests/fuzz/fuzz.h"
#include "worker/fetch/redirect.h"
#include "worker/fetch/retry.h"
#include "worker/provider/url.h"

#define WALL_MS INT64_C(1795341600000)

static void follow(struct arena *arena, int status, const char *method, struct bytes location)
{
    static const char *const no_origins[] = {NULL};
    static const char *const one_more[] = {"http://two.example", NULL};
    struct pair header = {BYTES("Location"), location};
    const struct request asked = {.url = "http://one.example/v1/things?page=1", .method = method};
    const struct answer answer = {
        .status = status, .headers = {&header, 1, 1}, .delimited = true, .url = asked.url};
    enum redirect_verdict verdict = REDIRECT_NONE;
    struct request next;
    struct error e;
    if (redirect_decide(arena, &asked, &answer, no_origins, 0, &verdict, &next, &e) == 0 &&
        verdict == REDIRECT_FOLLOW)
        CHECK(url_same_origin(bytes_of(next.url), bytes_of(asked.url)));
    if (redirect_decide(arena, &asked, &answer, one_more, 1, &verdict, &next, &e) == 0 &&
        verdict == REDIRECT_FOLLOW)
        CHECK(url_same_origin(bytes_of(next.url), bytes_of(asked.url)) ||
              url_same_origin(bytes_of(next.url), BYTES("http://two.example")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 300, 301, 302, 303, 304, 305, 307, 308};
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT"};
    struct arena arena = {0};
    struct bytes rest = {(const char *)data, size}, first = fuzz_line(&rest), location = fuzz_line(&rest);
    const unsigned a = first.len > 0 ? (unsigned char)first.data[0] : 0,
                   b = first.len > 1 ? (unsigned char)first.data[1] : 0;
    follow(&arena, statuses[a % (sizeof statuses / sizeof *statuses)], methods[b % 4], location);
    CHECK(retry_after_read(fuzz_line(&rest), WALL_MS) >= -1);
    arena_close(&arena);
    return 0;
}
