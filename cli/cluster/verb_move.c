/* move, cancel: one shard to another worker, and not. */
#include <inttypes.h>

#include "cli/cluster/document.h"
#include "cli/cluster/shard_print.h"
#include "cli/cluster/wait.h"
#include "cli/say.h"
#include "cli/verbs.h"

struct moving {
    struct ask *ask;
    uint32_t shard;
    const char *to;
    bool has_arrived;
    struct arena arena;   /* of: */
    struct value at_last; /* as the shard was when it was looked at last */
};

static void keep(struct moving *m, const struct value *shard)
{
    arena_reset(&m->arena);
    m->at_last = value_copy(&m->arena, shard);
}

static int look(void *context, bool *done, struct buffer *progress, struct error *e)
{
    struct moving *m = context;
    const struct cluster_ask ask = {.verb = CLUSTER_EXPLAIN, .has_shard = true, .shard = m->shard};
    struct value shard;
    int r = ask_try(m->ask, &ask, &shard, e);
    if (r)
        return r;
    const struct value *move = document_object(&shard, "move");
    m->has_arrived = !move && bytes_is(document_name(&shard, "owner"), m->to);
    *done = !move || !bytes_is(document_name(move, "to"), m->to);
    keep(m, &shard);
    buffer_printf(progress, "shard %" PRIu32 ": %.*s", m->shard, BYTES_ARG(document_text(&shard, "why")));
    return 0;
}

static int tell_end(const struct moving *m, enum wait_end end, int exit_code)
{
    struct bytes why = document_text(&m->at_last, "why");
    if (end == WAIT_BROKEN)
        return exit_code;
    if (end == WAIT_STOPPED)
        say("not waited for any more: the move goes on. `garner explain %" PRIu32 "` says how far it is, "
            "`garner cancel %" PRIu32 "` stops it",
            m->shard, m->shard);
    else if (end == WAIT_OVER)
        say("the deadline is reached, and the move goes on (`garner cancel %" PRIu32 "` stops it): %.*s",
            m->shard, BYTES_ARG(why));
    else if (m->has_arrived)
        say("shard %" PRIu32 " is at %s now", m->shard, m->to);
    else
        say("the move of shard %" PRIu32 " to %s was given up or called off, and it is at %.*s: %.*s",
            m->shard, m->to, BYTES_ARG(document_name(&m->at_last, "owner")), BYTES_ARG(why));
    return m->has_arrived ? EXIT_COMPLETE : EXIT_INCOMPLETE;
}

static int await(struct moving *m, const struct options *options, int64_t deadline_ms)
{
    const struct wait_setting setting = {
        .ask = m->ask, .deadline_ms = deadline_ms, .context = m, .look = look};
    int exit_code = 0;
    if (options->no_wait) {
        say("the move has begun: `garner explain %" PRIu32 "` says how far it is, `garner cancel %" PRIu32
            "` stops it",
            m->shard, m->shard);
        return EXIT_COMPLETE;
    }
    say("the move has begun; Ctrl-C leaves it going on");
    enum wait_end end = wait_for(&setting, &exit_code);
    return tell_end(m, end, exit_code);
}

static int move(struct ask *ask, const struct options *options, const struct cluster_ask *what,
                int64_t deadline_ms)
{
    struct moving moving = {.ask = ask, .shard = what->shard, .to = options->to};
    struct value document;
    int exit_code = ask_cluster(ask, what, &document);
    if (exit_code)
        return exit_code;
    keep(&moving, &document);
    exit_code = await(&moving, options, deadline_ms);
    if (options->json)
        ask_print_json(&moving.at_last);
    arena_close(&moving.arena);
    return exit_code;
}

static int run_move(const struct options *options)
{
    struct ask ask;
    struct arena arena = {0};
    struct cluster_ask what = {.verb = CLUSTER_MOVE};
    int64_t deadline_ms;
    int exit_code = wait_deadline(options, &deadline_ms);
    if (!exit_code)
        exit_code = ask_shard(options->operands[0], &what);
    if (!exit_code)
        exit_code = ask_worker(&arena, "--to", options->to, &what);
    if (!exit_code) {
        wait_begin();
        exit_code = ask_open(options, &ask);
        if (!exit_code)
            exit_code = move(&ask, options, &what, deadline_ms);
        ask_close(&ask);
    }
    arena_close(&arena);
    return exit_code;
}

const struct verb verb_move = {
    .name = "move",
    .summary = "move a shard to another worker",
    .operands = "SHARD",
    .options = OPTION_AT | OPTION_JSON | OPTION_TO | OPTION_WAIT,
    .about =
        "Move a shard: the worker makes a copy while the other one goes on harvesting, and takes over when "
        "it has all of it. Waits until it has; Ctrl-C ends the waiting only. A later rebalance may move it "
        "on: pin it where it has to stay.",
    .examples = "Examples:\n"
                "  garner move 17 --to w2\n"
                "  garner move 17 --to w2 --deadline 10m\n\n"
                "Exits with 0 when it is there (with --no-wait: when the move has begun), 1 if it can't be "
                "moved, was given up, or was left going on; 2 if there is no such shard or worker.",
    .run = run_move,
};

/* --- cancel --- */

static void print_cancelled(struct printer *printer, const struct value *document)
{
    uint64_t count = document_u64(document, "cancelled");
    if (count)
        buffer_printf(&printer->out, "%" PRIu64 " move%s stopped: the shards stay where they are\n", count,
                      count == 1 ? " is" : "s are");
    else
        buffer_add_text(&printer->out, "nothing was being moved\n");
}

static int run_cancel(const struct options *options)
{
    struct cluster_ask ask = {.verb = CLUSTER_CANCEL};
    if (options->operands[0] && ask_shard(options->operands[0], &ask))
        return EXIT_USAGE;
    return ask_and_print(options, &ask, print_cancelled);
}

const struct verb verb_cancel = {
    .name = "cancel",
    .summary = "stop a shard's move, or all moves",
    .operands = "[SHARD]",
    .options = OPTION_AT | OPTION_JSON,
    .about =
        "Stop the move of a shard, or all that there are: the shards stay where they are, and nothing of "
        "them is lost. What must move (its worker drains, it is pinned elsewhere) is tried again after a "
        "minute: undrain the worker or unpin the shard if it is to stay; `garner pause` holds all moves.",
    .examples = "Examples:\n"
                "  garner cancel 17\n"
                "  garner cancel\n",
    .run = run_cancel,
};
