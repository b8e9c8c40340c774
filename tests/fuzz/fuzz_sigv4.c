/* A service, a URL and headers, a line each, an empty line, and a body: what can be sent can be signed, the
 * same way twice, and the canonical path and query stand for themselves. */
#include "tests/fuzz/fuzz.h"
#include "worker/provider/sigv4.h"
#include "worker/provider/url.h"

enum { HEADERS_MAX = 64 };

static void read_headers(struct bytes *rest, struct pair *headers, uint32_t *count)
{
    for (struct bytes line = fuzz_line(rest); line.len; line = fuzz_line(rest)) {
        const char *colon = memchr(line.data, ':', line.len);
        bool sent = colon && colon > line.data && !memchr(line.data, 0, line.len) &&
                    !memchr(line.data, '\r', line.len) && *count < HEADERS_MAX;
        if (sent)
            headers[(*count)++] = (struct pair){{line.data, (size_t)(colon - line.data)},
                                                bytes_from(line, (size_t)(colon - line.data) + 1)};
    }
}

static struct bytes canonical_line(struct bytes canonical, int at)
{
    struct bytes line = fuzz_line(&canonical);
    while (at-- > 0)
        line = fuzz_line(&canonical);
    return line;
}

static struct bytes explained(struct arena *arena, const struct sigv4_setting *how,
                              const struct request *request)
{
    struct buffer canonical = {0}, to_sign = {0};
    CHECK(sigv4_explain(how, request, &canonical, &to_sign, NULL) == 0);
    struct bytes copy = arena_copy(arena, buffer_bytes(&canonical));
    buffer_close(&canonical);
    buffer_close(&to_sign);
    return copy;
}

static void check_canonical(struct arena *arena, struct sigv4_setting how, struct request request)
{
    struct bytes canonical = explained(arena, &how, &request);
    struct bytes path = canonical_line(canonical, 1), query = canonical_line(canonical, 2);
    CHECK(path.len && path.data[0] == '/');
    for (size_t i = 0; i < path.len + 1 + query.len; i++)
        CHECK(
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/=&\n", path.data[i]));
    how.keeps_path = true;
    struct bytes origin = url_origin(arena, bytes_of(request.url));
    request.url = arena_printf(arena, "%.*s%.*s?%.*s", BYTES_ARG(origin), BYTES_ARG(path), BYTES_ARG(query));
    if (strlen(request.url) <= 4096 && !sigv4_sign(&how, arena, &request, NULL))
        CHECK(bytes_equal(explained(arena, &how, &request), canonical));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes rest = {(const char *)data, size};
    struct bytes service = fuzz_line(&rest), target = fuzz_line(&rest);
    struct pair headers[HEADERS_MAX];
    struct request request = {.method = "POST", .headers = {headers, 0, HEADERS_MAX}, .has_body = true};
    struct sigv4_setting how = {
        .keys = {BYTES("AKIDEXAMPLE"), BYTES("secret"), BYTES("token")},
        .region = "us-east-1",
        .service = bytes_is(service, "s3") ? "s3" : "service",
        .wall_ms = 1440938160000,
    };
    struct url url;
    request.url = arena_strdup(&arena, target);
    read_headers(&rest, headers, &request.headers.count);
    request.body = rest;

    bool can = url_parse(bytes_of(request.url), &url, NULL) == 0 && !url.has_userinfo;
    for (const char *c = request.url; *c; c++)
        can = can && (unsigned char)*c < 0x80;
    CHECK(can == (sigv4_sign(&how, &arena, &request, NULL) == 0));
    if (can) {
        struct bytes first = request.headers.items[request.headers.count - 1].value;
        uint32_t count = request.headers.count;
        CHECK(sigv4_sign(&how, &arena, &request, NULL) == 0);
        CHECK(bytes_equal(first, request.headers.items[request.headers.count - 1].value));
        CHECK(count == request.headers.count);
        check_canonical(&arena, how, request);
    }
    arena_close(&arena);
    return 0;
}
