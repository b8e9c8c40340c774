/* cordon, uncordon, forget: what workers are given, and who isn't expected any more. */
#include "cli/cluster/ask.h"
#include "cli/say.h"
#include "cli/verbs.h"

static int run(const struct options *options, enum cluster_verb verb, const char *sentence)
{
    struct arena arena = {0};
    struct cluster_ask ask = {.verb = verb};
    int exit_code = ask_workers(&arena, options, 0, &ask);
    if (!exit_code)
        exit_code = ask_and_print(options, &ask, NULL);
    for (uint32_t i = 0; !exit_code && i < ask.worker_count; i++)
        say("%.*s %s", BYTES_ARG(ask.workers[i]), sentence);
    arena_close(&arena);
    return exit_code;
}

static int run_cordon(const struct options *options)
{
    return run(options, CLUSTER_CORDON,
               "is cordoned: it keeps what it has, and is given nothing more (`garner uncordon` lets it, "
               "`garner drain` takes all away)");
}

const struct verb verb_cordon = {
    .name = "cordon",
    .summary = "give workers no more shards",
    .operands = "WORKER [WORKER...]",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Workers that are cordoned keep the shards that they have, and are given none: no move, no "
             "follower, none of a worker that died.",
    .examples = "Example:\n"
                "  garner cordon w1 w2\n",
    .run = run_cordon,
};

static int run_uncordon(const struct options *options)
{
    return run(options, CLUSTER_UNCORDON,
               "is given shards again: `garner rebalance` plans which, if it has few");
}

const struct verb verb_uncordon = {
    .name = "uncordon",
    .summary = "let workers be given shards again",
    .operands = "WORKER [WORKER...]",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Undo `cordon`. Nothing is moved by that: `garner rebalance` makes a plan.",
    .examples = "Example:\n"
                "  garner uncordon w1\n",
    .run = run_uncordon,
};

/* One by one: of several one may still have something. */
static int forget_all(struct ask *ask, const struct cluster_ask *named, struct value *document)
{
    int exit_code = 0;
    for (uint32_t i = 0; i < named->worker_count; i++) {
        const struct cluster_ask one = {
            .verb = CLUSTER_FORGET, .workers = &named->workers[i], .worker_count = 1};
        int failed = ask_cluster(ask, &one, document);
        if (!failed)
            say("%.*s is forgotten: it joins anew, with an empty share, if it ever comes back",
                BYTES_ARG(named->workers[i]));
        exit_code = failed ? failed : exit_code;
    }
    return exit_code;
}

static int run_forget(const struct options *options)
{
    struct ask ask;
    struct arena arena = {0};
    struct cluster_ask named = {0};
    struct value document;
    int exit_code = ask_workers(&arena, options, 0, &named);
    if (!exit_code) {
        exit_code = ask_open(options, &ask);
        if (!exit_code)
            exit_code = forget_all(&ask, &named, &document);
        if (!exit_code && options->json)
            exit_code = ask_print_json(&document);
        ask_close(&ask);
    }
    arena_close(&arena);
    return exit_code;
}

const struct verb verb_forget = {
    .name = "forget",
    .summary = "forget dead workers that won't come back",
    .operands = "WORKER [WORKER...]",
    .options = OPTION_AT | OPTION_JSON,
    .about = "Take workers off the list that are dead and own no shard any more: their pins and follower's "
             "places go with them. Its name is free then.",
    .examples = "Example:\n"
                "  garner forget w3\n\n"
                "Exits with 1 if one isn't dead, or still owns a shard.",
    .run = run_forget,
};
