/* A base and a reference, a line each: what they resolve to is a URL that can be sent, and stays itself. */
#include "tests/fuzz/fuzz.h"
#include "worker/provider/url.h"

static void check_encoding(struct bytes text)
{
    struct buffer out = {0};
    url_encode(text, &out);
    for (size_t i = 0; i < out.len; i++)
        CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%", out.data[i]));
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes rest = {(const char *)data, size};
    struct bytes base = fuzz_line(&rest), reference = fuzz_line(&rest), out, again;
    struct url url;
    struct error e;

    check_encoding(reference);
    bool absolute = url_parse(base, &url, &e) == 0;
    CHECK(absolute == (url_origin(&arena, base).len > 0));
    CHECK(absolute == url_same_origin(base, base));
    if (absolute && url_resolve(&arena, base, reference, &out, &e) == 0) {
        CHECK(url_parse(out, &url, &e) == 0);
        CHECK(!memchr(out.data, '#', out.len));
        for (size_t i = 0; i < out.len; i++)
            CHECK((unsigned char)out.data[i] > 0x20 && out.data[i] != 0x7f);
        CHECK(url_resolve(&arena, base, out, &again, &e) == 0);
        CHECK(url_same_origin(out, again));
    }
    arena_close(&arena);
    return 0;
}
