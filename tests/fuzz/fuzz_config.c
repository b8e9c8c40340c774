/* Any text as a configuration: read with messages, or without; one without errors keeps to its own limits,
 * and its accounts are the same ones when they were JSON in between. */
#include "common/config/account_text.h"
#include "common/limits.h"
#include "tests/fuzz/fuzz.h"

/* libfyaml 0.7.12 loses a buffer when a long quoted text is broken off; ours are still looked for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void look(const struct config *config)
{
    CHECK(config->data && config->providers && config->provider_count);
    CHECK(config->shards >= 1 && config->shards <= LIMIT_SHARDS);
    CHECK(config->threads <= LIMIT_THREADS);
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        CHECK(account->id && account->id[0] && account->provider && account->provider[0]);
        CHECK(account->splits >= 1 && account->splits <= LIMIT_SPLITS);
        CHECK(account->keys.type == VALUE_OBJECT && account->vars.type == VALUE_OBJECT);
        for (uint32_t k = 0; k < account->credential_count; k++)
            CHECK(account->credentials[k].name &&
                  (account->credentials[k].text || account->credentials[k].command));
    }
}

static void look_as_json(const struct config *config)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct config_account *again;
    uint32_t count;
    struct error e;
    buffer_add_char(&json, '[');
    for (uint32_t i = 0; i < config->account_count; i++) {
        if (i)
            buffer_add_char(&json, ',');
        config_account_to_json(&config->accounts[i], &json);
    }
    buffer_add_char(&json, ']');
    CHECK(config_accounts_from_json(&arena, buffer_bytes(&json), &again, &count, &e) == 0);
    CHECK(count == config->account_count);
    for (uint32_t i = 0; i < count; i++)
        CHECK(digest_equal(again[i].written, config->accounts[i].written));
    buffer_close(&json);
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_report report = {0};
    struct config *config = config_open(fuzz_file((struct bytes){(const char *)data, size}), CONFIG_RUN,
                                        &report);
    CHECK(config || report.errors);
    if (config && !report.errors) {
        look(config);
        look_as_json(config);
    }
    config_close(config);
    yaml_report_close(&report);
    return 0;
}
