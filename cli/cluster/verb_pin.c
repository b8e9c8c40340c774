/* pin, unpin: where a shard has to be, whatever its load. */
#include <inttypes.h>

#include "cli/cluster/ask.h"
#include "cli/cluster/shard_print.h"
#include "cli/say.h"
#include "cli/verbs.h"

static int run_pin(const struct options *options)
{
    struct arena arena = {0};
    struct cluster_ask ask = {.verb = CLUSTER_PIN};
    int exit_code = ask_shard(options->operands[0], &ask);
    if (!exit_code)
        exit_code = ask_worker(&arena, "--to", options->to, &ask);
    if (!exit_code)
        exit_code = ask_and_print(options, &ask, shard_print_one);
    if (!exit_code)
        say("shard %" PRIu32 " is pinned to %s: it is moved there if it isn't, and stays until `garner unpin "
            "%" PRIu32 "`",
            ask.shard, options->to, ask.shard);
    arena_close(&arena);
    return exit_code;
}

const struct verb verb_pin = {
    .name = "pin",
    .summary = "keep a shard at a worker",
    .operands = "SHARD",
    .options = OPTION_AT | OPTION_JSON | OPTION_TO,
    .about =
        "Say where a shard has to be: it is moved there by itself, and neither a rebalance nor a drain takes "
        "it away. If that worker dies another one has the shard until it is back.",
    .examples = "Example:\n"
                "  garner pin 17 --to w2\n",
    .run = run_pin,
};

static int run_unpin(const struct options *options)
{
    struct cluster_ask ask = {.verb = CLUSTER_UNPIN};
    int exit_code = ask_shard(options->operands[0], &ask);
    return exit_code ? exit_code : ask_and_print(options, &ask, shard_print_one);
}

const struct verb verb_unpin = {
    .name = "unpin",
    .summary = "let a shard be where placement wants it",
    .operands = "SHARD",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Take a pin away. The shard stays where it is, until a plan or a drain moves it.",
    .examples = "Example:\n"
                "  garner unpin 17\n",
    .run = run_unpin,
};
