/* pause, resume, recover: what concerns the whole cluster. */
#include <inttypes.h>

#include "cli/cluster/ask.h"
#include "cli/cluster/document.h"
#include "cli/verbs.h"

static void print_paused(struct printer *printer, const struct value *document)
{
    buffer_add_text(&printer->out,
                    document_bool(document, "paused")
                        ? "no move begins until `garner resume`; those that are being copied go on\n"
                        : "moves begin again\n");
}

static int run_pause(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_PAUSE};
    return ask_and_print(options, &ask, print_paused);
}

const struct verb verb_pause = {
    .name = "pause",
    .summary = "let no move begin",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON,
    .about = "No move begins until `garner resume`, whoever wants it: rebalances, drains, pins, new workers. "
             "Moves that are being copied go on (`garner cancel` stops them), and shards of workers that die "
             "are still taken over. It is kept when the coordinator is started anew.",
    .examples = "Example:\n"
                "  garner pause\n",
    .run = run_pause,
};

static int run_resume(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_RESUME};
    return ask_and_print(options, &ask, print_paused);
}

const struct verb verb_resume = {
    .name = "resume",
    .summary = "let moves begin again",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Undo `pause`: moves that wait begin, a few at a time.",
    .examples = "Example:\n"
                "  garner resume\n",
    .run = run_resume,
};

static void print_recovered(struct printer *printer, const struct value *document)
{
    uint64_t count = document_u64(document, "shards");
    buffer_printf(&printer->out,
                  "%" PRIu64 " shard%s on with the farthest copy that a worker has: `garner shards` shows "
                  "where\n",
                  count, count == 1 ? " goes" : "s go");
}

static int run_recover(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_RECOVER};
    return ask_and_print(options, &ask, print_recovered);
}

const struct verb verb_recover = {
    .name = "recover",
    .summary = "go on with the workers' copies when the coordinator's state is lost",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON,
    .about =
        "A coordinator whose state was lost, or is an older copy, does nothing with shards of which workers "
        "have later copies than it knows of (`garner status`: unknown). This has each of them go on with the "
        "farthest copy that is there. Do it once all workers that have copies are alive (`garner workers`): "
        "what only an absent one has is lost.",
    .examples = "Example:\n"
                "  garner recover\n",
    .run = run_recover,
};
