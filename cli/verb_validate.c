/* validate: is the configuration fit to run? */
#include <inttypes.h>

#include "cli/data.h"
#include "cli/print.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/text.h"

static uint64_t count_collections(const struct setup *setup)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < setup->config->provider_count; i++)
        count += setup->providers[i]->collection_count;
    return count;
}

static int run(const struct options *options)
{
    struct setup setup;
    struct printer printer;
    int exit_code = setup_open(options->config, &setup);
    if (exit_code)
        return exit_code;
    uint64_t accounts = setup.config->account_count, providers = setup.config->provider_count,
             collections = count_collections(&setup);
    printer_open(&printer);
    text_add_safe(&printer.out, bytes_of(options->config));
    buffer_printf(&printer.out,
                  ": ok: %" PRIu64 " account%s, %" PRIu64 " provider%s, %" PRIu64 " collection%s\n", accounts,
                  accounts == 1 ? "" : "s", providers, providers == 1 ? "" : "s", collections,
                  collections == 1 ? "" : "s");
    setup_close(&setup);
    return printer_close(&printer);
}

const struct verb verb_validate = {
    .name = "validate",
    .summary = "check a configuration and its provider files",
    .operands = "",
    .options = OPTION_CONFIG,
    .about = "Read a configuration and the provider files that it names, and check them completely: each "
             "mistake is "
             "told with its file, line and column. Nothing is asked of any provider, and no credential is "
             "printed.",
    .examples = "Example:\n"
                "  garner validate -c garner.yaml\n\n"
                "Exits with 2 if there are errors; warnings alone are fine.",
    .run = run,
};
