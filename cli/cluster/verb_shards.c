/* shards, where, explain: which shard is where, and why. */
#include <inttypes.h>

#include "cli/cluster/ask.h"
#include "cli/cluster/document.h"
#include "cli/cluster/shard_print.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/verbs.h"

/* --- shards --- */

/* In place: what isn't stuck is left out. */
static void keep_stuck(struct value *document)
{
    struct value *shards = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < document->count; i++)
        if (bytes_is(document->members[i].key, "shards") && document->members[i].value.type == VALUE_ARRAY)
            shards = &document->members[i].value;
    for (uint32_t i = 0; shards && i < shards->count; i++)
        if (document_bool(&shards->items[i], "stuck"))
            shards->items[count++] = shards->items[i];
    if (shards)
        shards->count = count;
}

static int print_shards(const struct options *options, const struct value *document)
{
    struct printer printer;
    if (options->json)
        return ask_print_json(document);
    printer_open(&printer);
    uint32_t count = shard_print_table(&printer, document_list(document, "shards"), false);
    int exit_code = printer_close(&printer);
    if (!count)
        say(options->stuck ? "no shard is stuck"
                           : "%s has nothing: it owns no shard, follows none, and none is moved to it",
            options->worker);
    return exit_code;
}

static int shards(const struct options *options)
{
    struct ask ask;
    struct value document;
    struct cluster_ask what = {.verb = CLUSTER_SHARDS};
    int exit_code = ask_open(options, &ask);
    if (!exit_code && options->worker)
        exit_code = ask_worker(&ask.arena, "--worker", options->worker, &what);
    if (!exit_code)
        exit_code = ask_cluster(&ask, &what, &document);
    if (!exit_code && options->stuck)
        keep_stuck(&document);
    if (!exit_code)
        exit_code = print_shards(options, &document);
    ask_close(&ask);
    return exit_code;
}

const struct verb verb_shards = {
    .name = "shards",
    .summary = "list the shards, where each is, and what is stuck",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON | OPTION_SHARDS,
    .about =
        "List the shards: served, moving, waiting (nobody harvests it now) or unknown (a worker has a later "
        "copy than the coordinator knows of); whose it is, who follows it, and where it is moved to. With "
        "--stuck only those that aren't as they should be and won't soon be by themselves, each with the "
        "reason: not served, a move that doesn't get on, nobody who takes it, too few followers in sync.",
    .examples = "Examples:\n"
                "  garner shards --stuck\n"
                "  garner shards --worker w1\n"
                "  garner shards --json | jq -r '.shards[] | select(.owner == null).shard'\n",
    .run = shards,
};

/* --- where --- */

static void print_where(struct printer *printer, const struct value *document)
{
    shard_print_table(printer, document_list(document, "shards"), false);
}

static int where(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_WHERE, .account = remote_text(options->operands[0])};
    return ask_and_print(options, &ask, print_where);
}

const struct verb verb_where = {
    .name = "where",
    .summary = "print which shards an account is in, and who harvests them",
    .operands = "ACCOUNT",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Print the shards that an account's collections are in (as many as its `splits`, or fewer), who "
             "harvests each, and why it is there.",
    .examples = "Examples:\n"
                "  garner where aws/1234567890\n"
                "  garner where aws/1234567890 --json | jq -r '.shards[].owner'\n",
    .run = where,
};

/* --- explain --- */

static int explain(const struct options *options)
{
    struct cluster_ask ask = {.verb = CLUSTER_EXPLAIN};
    int exit_code = ask_shard(options->operands[0], &ask);
    return exit_code ? exit_code : ask_and_print(options, &ask, shard_print_one);
}

const struct verb verb_explain = {
    .name = "explain",
    .summary = "print why a shard is where it is, and what it waits for",
    .operands = "SHARD",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Print where a shard is, who follows it, whether it moves, why that is so, and what it waits "
             "for.",
    .examples = "Example:\n"
                "  garner explain 17\n",
    .run = explain,
};
