/* apply: the moves of a plan, all of them or none; then until each has ended.
 *
 * A move that isn't under way any more has ended: well, if the shard is where it was to go. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cluster/document.h"
#include "cli/cluster/wait.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"

enum { SHOWN = 20 };
enum move_state { MOVING_ON, ARRIVED, GIVEN_UP };

struct plan_move {
    uint64_t shard;
    const char *to;
    enum move_state state;
};

struct applying {
    struct ask *ask;
    uint64_t plan;
    struct arena arena; /* of the plan */
    struct plan_move *moves;
    uint32_t count;
    uint32_t sums[GIVEN_UP + 1];
};

static void take_plan(struct applying *a, const struct value *document)
{
    const struct value *moves = document_list(document, "moves");
    a->plan = document_u64(document, "plan");
    a->count = moves->count;
    a->moves = arena_zalloc(&a->arena, (a->count + (size_t)1) * sizeof *a->moves);
    for (uint32_t i = 0; i < a->count; i++)
        a->moves[i] =
            (struct plan_move){.shard = document_u64(&moves->items[i], "shard"),
                               .to = arena_strdup(&a->arena, document_name(&moves->items[i], "to"))};
}

static void note(struct plan_move *move, const struct value *shard)
{
    bool moves = document_object(shard, "move") != NULL;
    bool is_there = bytes_is(document_name(shard, "owner"), move->to);
    move->state = moves ? MOVING_ON : is_there ? ARRIVED : GIVEN_UP;
}

/* Both are by shard. */
static void note_all(struct applying *a, const struct value *shards)
{
    for (uint32_t i = 0, at = 0; i < a->count; i++) {
        while (at < shards->count && document_u64(&shards->items[at], "shard") < a->moves[i].shard)
            at++;
        if (at < shards->count)
            note(&a->moves[i], &shards->items[at]);
    }
    for (int state = 0; state <= GIVEN_UP; state++)
        a->sums[state] = 0;
    for (uint32_t i = 0; i < a->count; i++)
        a->sums[a->moves[i].state]++;
}

static int look(void *context, bool *done, struct buffer *progress, struct error *e)
{
    struct applying *a = context;
    struct value document;
    int r = ask_try(a->ask, &(struct cluster_ask){.verb = CLUSTER_SHARDS}, &document, e);
    if (r)
        return r;
    note_all(a, document_list(&document, "shards"));
    *done = !a->sums[MOVING_ON];
    buffer_printf(progress, "plan %" PRIu64 ": %" PRIu32 " of %" PRIu32 " moves are done, %" PRIu32 " to go",
                  a->plan, a->sums[ARRIVED], a->count, a->sums[MOVING_ON]);
    if (a->sums[GIVEN_UP])
        buffer_printf(progress, ", %" PRIu32 " given up", a->sums[GIVEN_UP]);
    return 0;
}

/* Those that are in this state, each with what the coordinator says of its shard. */
static void say_why(struct applying *a, enum move_state state)
{
    uint32_t said = 0;
    struct error e;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct cluster_ask ask = {
            .verb = CLUSTER_EXPLAIN, .has_shard = true, .shard = (uint32_t)a->moves[i].shard};
        struct value document;
        if (a->moves[i].state != state || said++ >= SHOWN || ask_try(a->ask, &ask, &document, &e))
            continue;
        struct bytes why = document_text(&document, "why");
        say_line("  shard %" PRIu64 " (to %s): %.*s", a->moves[i].shard, a->moves[i].to, BYTES_ARG(why));
    }
    if (said > SHOWN)
        say_line("  … and %" PRIu32 " more: `garner shards`", said - SHOWN);
}

static int tell_end(struct applying *a, enum wait_end end, int exit_code)
{
    if (end == WAIT_BROKEN)
        return exit_code;
    if (end == WAIT_STOPPED) {
        say("not waited for any more: the %" PRIu32 " moves that are left go on. `garner shards` shows them, "
            "`garner cancel` stops them",
            a->sums[MOVING_ON]);
        return EXIT_INCOMPLETE;
    }
    if (end == WAIT_OVER) {
        say("the deadline is reached, and %" PRIu32 " moves are left, which go on (`garner cancel` stops "
            "them):",
            a->sums[MOVING_ON]);
        say_why(a, MOVING_ON);
        return EXIT_INCOMPLETE;
    }
    if (!a->sums[GIVEN_UP])
        return EXIT_COMPLETE;
    say("%" PRIu32 " of %" PRIu32 " moves were given up, and their shards are where they were: `garner "
        "rebalance` makes another plan",
        a->sums[GIVEN_UP], a->count);
    say_why(a, GIVEN_UP);
    return EXIT_INCOMPLETE;
}

static int await(struct applying *a, const struct options *options, int64_t deadline_ms)
{
    const struct wait_setting setting = {
        .ask = a->ask, .deadline_ms = deadline_ms, .context = a, .look = look};
    int exit_code = 0;
    if (options->no_wait) {
        say("%" PRIu32 " moves are under way: `garner shards` shows them, `garner cancel` stops them",
            a->count);
        return EXIT_COMPLETE;
    }
    say("plan %" PRIu64 ": %" PRIu32 " moves have begun; Ctrl-C leaves them going on", a->plan, a->count);
    enum wait_end end = wait_for(&setting, &exit_code);
    exit_code = tell_end(a, end, exit_code);
    if (end == WAIT_DONE && !exit_code)
        say("all %" PRIu32 " moves of plan %" PRIu64 " are done", a->count, a->plan);
    return exit_code;
}

static int apply(struct ask *ask, const struct options *options, uint64_t plan, int64_t deadline_ms)
{
    struct applying applying = {.ask = ask};
    struct value document;
    int exit_code = ask_cluster(ask, &(struct cluster_ask){.verb = CLUSTER_APPLY, .plan = plan}, &document);
    if (exit_code)
        return exit_code;
    take_plan(&applying, &document);
    int printed = options->json ? ask_print_json(&document) : 0;
    if (applying.count)
        exit_code = await(&applying, options, deadline_ms);
    else
        say("plan %" PRIu64 " has no moves: there is nothing to do", plan);
    arena_close(&applying.arena);
    return exit_code ? exit_code : printed;
}

static int run(const struct options *options)
{
    struct ask ask;
    uint64_t plan;
    int64_t deadline_ms;
    int exit_code = wait_deadline(options, &deadline_ms);
    if (!exit_code)
        exit_code = ask_number(options->operands[0], "a plan's number: `garner rebalance` makes one", &plan);
    if (exit_code)
        return exit_code;
    wait_begin();
    exit_code = ask_open(options, &ask);
    if (!exit_code)
        exit_code = apply(&ask, options, plan, deadline_ms);
    ask_close(&ask);
    return exit_code;
}

const struct verb verb_apply = {
    .name = "apply",
    .summary = "run a plan that `rebalance` made",
    .operands = "PLAN",
    .options = OPTION_AT | OPTION_JSON | OPTION_WAIT,
    .about =
        "Run exactly the moves of a plan, and wait until each has ended. If the workers or one of its shards "
        "have changed since it was made, nothing is done: make another one. Ctrl-C ends the waiting only: "
        "the moves go on.",
    .examples = "Examples:\n"
                "  garner apply 28731455\n"
                "  garner apply 28731455 --no-wait\n\n"
                "Exits with 0 when all moves are done (with --no-wait: have begun), 1 when the plan doesn't "
                "fit any more, a move was given up, or was left going on; 2 if there is no such plan.",
    .run = run,
};
