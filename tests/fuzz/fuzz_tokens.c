/* Any text as a file of tokens: read, or refused with messages in which no token stands. Who is found by a
 * token has a name, and accounts of their own, which are found in turn. */
#include "common/limits.h"
#include "gateway/tokens.h"
#include "proto/filter.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "open-sesame-0123"

/* libfyaml 0.7.12 loses a buffer when a long quoted text is broken off; ours are still looked for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void look(const struct tokens *tokens, const struct tenant *tenant)
{
    const struct tenant nobody = {.count = 0};
    CHECK(tenant->name && !tokens_are_none(tokens));
    CHECK(tokens_find_again(tokens, tenant) == tenant && tenant_equal(tenant, tenant));
    CHECK(tenant->all || (tenant->count >= 1 && tenant->count <= LIMIT_FILTER_VALUES));
    CHECK(!tenant_equal(tenant, &nobody));
    for (uint32_t i = 0; i < tenant->count; i++) {
        struct bytes name = tenant->accounts[i], provider, account;
        filter_split_account(name, &provider, &account);
        CHECK(provider.len && account.len);
        CHECK(tenant_has(tenant, provider, account));
        CHECK(i == 0 || bytes_compare(tenant->accounts[i - 1], name) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {size ? (const char *)data : "", size};
    struct buffer warnings = {0};
    struct tokens *tokens;
    struct error e;
    int r = tokens_open(fuzz_file(text), &tokens, &warnings, &e);
    CHECK(!r == (tokens != NULL));
    CHECK(!r || (r == ERR_CONFIG && e.text[0] && !strstr(e.text, TOKEN)));
    if (tokens) {
        const struct tenant *tenant = tokens_find(tokens, "Bearer " TOKEN);
        if (tenant)
            look(tokens, tenant);
        CHECK(!tokens_find(tokens, NULL) && !tokens_find(tokens, TOKEN));
    }
    tokens_release(tokens);
    buffer_close(&warnings);
    return 0;
}
