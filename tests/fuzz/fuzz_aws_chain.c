/* The AWS credential chain with a config file (up to a line "--") and one answer to all that it asks, both of
 * the input: it ends within its bounds, asks nothing that can't be sent, and its keys can be signed with. */
#include "tests/fuzz/fuzz.h"
#include "worker/aws/chain.h"
#include "worker/provider/url.h"

enum { STEPS_MAX = 200, NOW_MS = 1000 };

#define WALL_MS INT64_C(1795341600000)

struct world {
    struct aws_chain *chain;
    struct bytes config, body;
    unsigned asked;
};

static enum aws_want send(struct world *w)
{
    const struct request *request = &aws_chain_result(w->chain)->request;
    const struct answer answer = {.status = w->asked++ % 3 ? 200 : 403, .body = w->body, .delimited = true};
    struct url url;
    CHECK(url_parse(bytes_of(request->url), &url, NULL) == 0);
    for (uint32_t i = 0; i < request->headers.count; i++)
        CHECK(!memchr(request->headers.items[i].value.data, '\n', request->headers.items[i].value.len));
    return aws_chain_answered(w->chain, &answer, NOW_MS, WALL_MS);
}

static enum aws_want step(struct world *w, enum aws_want want)
{
    const struct aws_result *result = aws_chain_result(w->chain);
    switch (want) {
    case AWS_FILE:
        return aws_chain_file(w->chain, strcmp(result->path, "/credentials") == 0 ? w->body : w->config, NULL,
                              NOW_MS, WALL_MS);
    case AWS_SEND:
        return send(w);
    case AWS_COMMAND:
        CHECK(result->command[0]);
        return aws_chain_output(w->chain, w->body, NULL, NOW_MS, WALL_MS);
    default:
        CHECK(want == AWS_WAIT);
        return aws_chain_due(w->chain, NOW_MS, WALL_MS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const environment[] = {"AWS_CONFIG_FILE=/config",
                                              "AWS_SHARED_CREDENTIALS_FILE=/credentials", NULL};
    struct bytes input = {(const char *)data, size};
    const char *parted = size ? memmem(data, size, "\n--\n", 4) : NULL;
    size_t config = parted ? (size_t)(parted - input.data) + 1 : size;
    struct retry retry = {.first_ms = 1};
    struct aws_setting setting = {.environment = environment, .retry = &retry};
    struct world w = {.config = {input.data, config}, .body = bytes_from(input, config + 3)};
    int64_t skew_ms = 0;
    random_seed(&retry.random, size);
    w.chain = aws_chain_open(&setting);
    enum aws_want want = aws_chain_start(w.chain, &skew_ms, NOW_MS, WALL_MS);
    for (unsigned steps = 0; want != AWS_DONE && want != AWS_FAILED; steps++) {
        CHECK(steps < STEPS_MAX);
        want = step(&w, want);
    }
    const struct aws_result *result = aws_chain_result(w.chain);
    CHECK((want == AWS_DONE) == (result->error.code == 0));
    CHECK((want == AWS_DONE) == (result->keys.id.len && result->keys.secret.len));
    aws_chain_close(w.chain);
    return 0;
}
