/* verify: every invariant of every shard. */
#include <inttypes.h>

#include "cli/data.h"
#include "cli/print.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "common/text.h"
#include "common/units.h"
#include "common/value/value.h"

struct verifying {
    struct printer printer;
    bool json;
    uint64_t shards, collections, resources, changes, faults;
};

static void on_fault(void *context, const char *sentence)
{
    struct verifying *v = context;
    struct buffer *out = &v->printer.out;
    if (v->json) {
        buffer_add_text(out, v->faults ? "," : "");
        json_add_string(bytes_of(sentence), out);
    } else {
        text_add_safe(out, bytes_of(sentence));
        buffer_add_char(out, '\n');
    }
    v->faults++;
    if (printer_full(&v->printer))
        printer_flush(&v->printer);
}

static int count(void *context, const struct collection_record *record)
{
    struct verifying *v = context;
    v->collections++;
    v->resources += record->rows;
    return 0;
}

static int count_shard(struct verifying *v, struct store *store, struct error *e)
{
    int r = store_read(store, e);
    if (!r)
        r = store_collections_each(store, count, v, e);
    if (!r)
        v->changes += store_head(store) + 1 - store_oldest(store);
    store_done(store);
    return r;
}

/* A shard that can't be read to its end is a fault, too; the others are still looked at. */
static void verify_shard(struct verifying *v, struct folder *folder, uint32_t shard)
{
    struct store *store;
    struct error e;
    int r = select_store(folder, shard, &store, &e);
    if (!r && !store)
        return;
    v->shards++;
    if (!r)
        r = store_verify(store, on_fault, v, &e);
    if (!r)
        r = count_shard(v, store, &e);
    if (r)
        on_fault(v, e.text);
}

static void tell_result(struct verifying *v)
{
    char shards[UNITS_TEXT_BYTES], collections[UNITS_TEXT_BYTES], resources[UNITS_TEXT_BYTES],
        changes[UNITS_TEXT_BYTES], faults[UNITS_TEXT_BYTES];
    struct buffer *out = &v->printer.out;
    if (v->json) {
        buffer_printf(out,
                      "],\"shards\":%" PRIu64 ",\"collections\":%" PRIu64 ",\"resources\":%" PRIu64
                      ",\"changes\":%" PRIu64 ",\"ok\":%s}\n",
                      v->shards, v->collections, v->resources, v->changes, v->faults ? "false" : "true");
        return;
    }
    buffer_printf(out,
                  "%s shard%s, %s collections, %s resources, %s changes: ", units_count(v->shards, shards),
                  v->shards == 1 ? "" : "s", units_count(v->collections, collections),
                  units_count(v->resources, resources), units_count(v->changes, changes));
    if (v->faults)
        buffer_printf(out, "%s fault%s\n", units_count(v->faults, faults), v->faults == 1 ? "" : "s");
    else
        buffer_add_text(out, "ok\n");
}

static int run(const struct options *options)
{
    struct options named = *options;
    struct verifying v = {.json = options->json};
    struct folder folder;
    if (options->operands[0] && options->data) {
        say("which data: '%s' or '%s'? Give one folder", options->operands[0], options->data);
        return EXIT_USAGE;
    }
    if (options->operands[0])
        named.data = options->operands[0];
    int exit_code = data_open(&named, &folder);
    if (exit_code)
        return exit_code;
    printer_open(&v.printer);
    if (v.json)
        buffer_add_text(&v.printer.out, "{\"faults\":[");
    for (uint32_t shard = 0; shard < folder.shards; shard++)
        verify_shard(&v, &folder, shard);
    tell_result(&v);
    folder_close(&folder);
    int printed = printer_close(&v.printer);
    return v.faults ? EXIT_INCOMPLETE : printed;
}

const struct verb verb_verify = {
    .name = "verify",
    .summary = "check a data folder for faults",
    .operands = "[DATA]",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON,
    .about =
        "Check everything that must be true of a data folder: that each document has its id, that counts "
        "agree, "
        "that no change is missing, that the changes give the documents, and so on. Prints what is wrong, a "
        "line each, and exits with 1 if anything is. Changes nothing.",
    .examples = "Example:\n"
                "  garner verify ./data",
    .run = run,
};
