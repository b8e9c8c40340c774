/* Any text as a provider file: read with messages, or without; one without errors makes requests. */
#include "common/limits.h"
#include "tests/fuzz/fuzz.h"
#include "worker/provider/request.h"

/* libfyaml 0.7.12 loses a buffer when a long quoted text is broken off; ours are still looked for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void ask(const struct provider *provider)
{
    const struct value keys = {.type = VALUE_OBJECT};
    const struct placeholders values = {
        .account_id = BYTES("acct"),
        .account_keys = &keys,
        .credentials = &keys,
        .vars = &provider->vars,
        .region = "north",
    };
    for (uint32_t i = 0; i < provider->collection_count; i++) {
        const struct collection_def *def = &provider->collections[i];
        struct arena arena = {0};
        struct request_parts parts;
        struct request request;
        struct error e;
        CHECK(provider_find(provider, def->type) == def);
        if (request_begin(&parts, &arena, &def->request, &values, &e) == 0)
            request_finish(&parts, &request, &e);
        arena_close(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_report report = {0};
    struct provider *provider = provider_open_text("fuzz.yaml", (struct bytes){(const char *)data, size},
                                                   &report);
    CHECK(provider || report.errors);
    CHECK(!report.errors == !memmem(buffer_text(&report.text), report.text.len, ": error: ", 9) ||
          report.errors + report.warnings > LIMIT_YAML_MESSAGES);
    if (provider && !report.errors)
        ask(provider);
    provider_close(provider);
    yaml_report_close(&report);
    return 0;
}
