/* drain, undrain: workers give all away that they have, to be stopped for good.
 *
 * The coordinator does it, and checks first whether the others have room. Here it is waited for: the workers'
 * own counts say when nothing is left; every few seconds their shards are looked at, too, and each that is
 * stuck is told of once, with the reason. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cluster/document.h"
#include "cli/cluster/wait.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/text.h"

enum { STUCK_EVERY_MS = 5000, STUCK_FIRST_MS = 2000, SHOWN = 20 };

struct draining {
    struct ask *ask;
    const struct cluster_ask *named;
    struct buffer names;                     /* of the workers, as a command line has them */
    uint64_t all, shards, copies, under_way; /* that there were, and that are left */
    uint32_t called_off;                     /* of the workers: they don't drain any more */
    int64_t stuck_ms;                        /* when stuck shards are looked for next */
    bool told[LIMIT_SHARDS];
    struct arena arena;   /* of: */
    struct value at_last; /* the workers, as they were looked at last */
};

/* --- how far it is --- */

static bool is_named(const struct cluster_ask *named, struct bytes name)
{
    bool is = false;
    for (uint32_t i = 0; i < named->worker_count; i++)
        is = is || bytes_equal(named->workers[i], name);
    return is;
}

static void count(struct draining *d, const struct value *workers)
{
    d->shards = d->copies = d->under_way = 0;
    d->called_off = 0;
    for (uint32_t i = 0; i < workers->count; i++) {
        const struct value *worker = &workers->items[i];
        if (!is_named(d->named, document_text(worker, "worker")))
            continue;
        d->shards += document_u64(worker, "shards");
        d->copies += document_u64(worker, "follows");
        d->under_way += document_u64(worker, "leaving");
        d->called_off += !document_bool(worker, "draining");
    }
}

/* Of the whole document those that are named. */
static void keep(struct draining *d, const struct value *document)
{
    const struct value *workers = document_list(document, "workers");
    arena_reset(&d->arena);
    struct value kept = value_array(&d->arena, workers->count);
    kept.count = 0;
    for (uint32_t i = 0; i < workers->count; i++)
        if (is_named(d->named, document_text(&workers->items[i], "worker")))
            kept.items[kept.count++] = value_copy(&d->arena, &workers->items[i]);
    d->at_last = value_object(&d->arena, 1);
    value_put(&d->at_last, BYTES("workers"), kept);
    count(d, workers);
}

/* --- what is stuck --- */

/* At one that is named, whose it is or who has a copy of it. */
static struct bytes where_left(const struct draining *d, const struct value *shard)
{
    const struct value *followers = document_list(shard, "followers");
    struct bytes at = document_name(shard, "owner");
    for (uint32_t i = 0; i < followers->count && !is_named(d->named, at); i++)
        at = document_text(&followers->items[i], "worker");
    return at;
}

static bool is_left(const struct draining *d, const struct value *shard)
{
    return is_named(d->named, where_left(d, shard));
}

static void say_shard(const struct draining *d, const struct value *shard)
{
    struct bytes why = document_text(shard, "why");
    say_line("  shard %" PRIu64 " is still at %.*s: %.*s", document_u64(shard, "shard"),
             BYTES_ARG(where_left(d, shard)), BYTES_ARG(why));
}

/* Each once, and not too many. */
static void say_stuck(struct draining *d, const struct value *shards)
{
    uint32_t said = 0;
    for (uint32_t i = 0; i < shards->count; i++) {
        const struct value *shard = &shards->items[i];
        uint64_t number = document_u64(shard, "shard");
        if (number >= LIMIT_SHARDS || d->told[number] || !document_bool(shard, "stuck") || !is_left(d, shard))
            continue;
        d->told[number] = true;
        if (said++ < SHOWN)
            say_shard(d, shard);
    }
    if (said > SHOWN)
        say_line("  … and %" PRIu32 " more: `garner shards --stuck`", said - SHOWN);
}

static int look_for_stuck(struct draining *d, struct error *e)
{
    struct cluster_ask ask = *d->named;
    struct value document;
    if (clock_steady_ms() < d->stuck_ms)
        return 0;
    d->stuck_ms = clock_steady_ms() + STUCK_EVERY_MS;
    ask.verb = CLUSTER_SHARDS;
    int r = ask_try(d->ask, &ask, &document, e);
    if (!r)
        say_stuck(d, document_list(&document, "shards"));
    return r;
}

static int look(void *context, bool *done, struct buffer *progress, struct error *e)
{
    struct draining *d = context;
    struct value document;
    int r = ask_try(d->ask, &(struct cluster_ask){.verb = CLUSTER_WORKERS}, &document, e);
    if (r)
        return r;
    keep(d, &document);
    *done = d->called_off || (!d->shards && !d->copies);
    if (!*done)
        r = look_for_stuck(d, e);
    buffer_printf(progress,
                  "%" PRIu64 " of %" PRIu64 " shards and %" PRIu64 " followers' copies are left; %" PRIu64
                  " moves are under way or wait for their turn",
                  d->shards, d->all, d->copies, d->under_way);
    return r;
}

/* --- its end --- */

/* All that is left, each with the reason, whether it is stuck or waits for its turn. */
static void say_left(struct draining *d)
{
    struct cluster_ask ask = *d->named;
    struct value document;
    struct error e;
    uint32_t said = 0;
    ask.verb = CLUSTER_SHARDS;
    if (ask_try(d->ask, &ask, &document, &e)) {
        say_line("%s", e.text);
        return;
    }
    const struct value *shards = document_list(&document, "shards");
    for (uint32_t i = 0; i < shards->count; i++) {
        const struct cluster_ask one = {.verb = CLUSTER_EXPLAIN,
                                        .has_shard = true,
                                        .shard = (uint32_t)document_u64(&shards->items[i], "shard")};
        struct value shard;
        if (is_left(d, &shards->items[i]) && said++ < SHOWN && ask_try(d->ask, &one, &shard, &e) == 0)
            say_shard(d, &shard);
    }
    if (said > SHOWN)
        say_line("  … and %" PRIu32 " more: `garner shards --worker WORKER`", said - SHOWN);
}

static int tell_end(struct draining *d, enum wait_end end, int exit_code)
{
    switch (end) {
    case WAIT_BROKEN:
        return exit_code;
    case WAIT_STOPPED:
        say("not waited for any more: the drain goes on. `garner workers` shows how far it is, `garner "
            "undrain "
            "%s` ends it",
            buffer_text(&d->names));
        return EXIT_INCOMPLETE;
    case WAIT_OVER:
        say("the deadline is reached, with %" PRIu64 " shards and %" PRIu64
            " followers' copies left; the drain goes on (`garner undrain %s` ends it):",
            d->shards, d->copies, buffer_text(&d->names));
        say_left(d);
        return EXIT_INCOMPLETE;
    case WAIT_DONE:
        break;
    }
    if (d->called_off) {
        say("the drain was called off meanwhile, with %" PRIu64 " shards left", d->shards);
        return EXIT_INCOMPLETE;
    }
    for (uint32_t i = 0; i < d->named->worker_count; i++)
        say("%.*s has nothing left: it can be stopped", BYTES_ARG(d->named->workers[i]));
    return EXIT_COMPLETE;
}

static int await(struct draining *d, const struct options *options, int64_t deadline_ms)
{
    const struct wait_setting setting = {
        .ask = d->ask, .deadline_ms = deadline_ms, .context = d, .look = look};
    int exit_code = 0;
    if (options->no_wait) {
        say("%" PRIu64 " shards are to be moved: `garner workers` shows how far it is, `garner undrain %s` "
            "ends it",
            d->shards, buffer_text(&d->names));
        return EXIT_COMPLETE;
    }
    say("%" PRIu64 " shards are to be moved, two at a time from and to a worker; Ctrl-C leaves it going on",
        d->shards);
    d->stuck_ms = clock_steady_ms() + STUCK_FIRST_MS;
    enum wait_end end = wait_for(&setting, &exit_code);
    return tell_end(d, end, exit_code);
}

static void add_names(const struct cluster_ask *named, struct buffer *out)
{
    for (uint32_t i = 0; i < named->worker_count; i++) {
        buffer_add_text(out, i ? " " : "");
        text_add_shell(out, named->workers[i]);
    }
}

static int drain(struct ask *ask, const struct options *options, const struct cluster_ask *named,
                 int64_t deadline_ms)
{
    struct value document;
    int exit_code = ask_cluster(ask, named, &document);
    if (exit_code)
        return exit_code;
    struct draining *d = mem_zalloc(sizeof *d);
    d->ask = ask;
    d->named = named;
    add_names(named, &d->names);
    keep(d, &document);
    d->all = d->shards;
    exit_code = await(d, options, deadline_ms);
    if (options->json)
        ask_print_json(&d->at_last);
    arena_close(&d->arena);
    buffer_close(&d->names);
    free(d);
    return exit_code;
}

static int run_drain(const struct options *options)
{
    struct ask ask;
    struct arena arena = {0};
    struct cluster_ask named = {.verb = CLUSTER_DRAIN, .force = options->force};
    int64_t deadline_ms;
    int exit_code = wait_deadline(options, &deadline_ms);
    if (!exit_code)
        exit_code = ask_workers(&arena, options, 0, &named);
    if (!exit_code) {
        wait_begin();
        exit_code = ask_open(options, &ask);
        if (!exit_code)
            exit_code = drain(&ask, options, &named, deadline_ms);
        ask_close(&ask);
    }
    arena_close(&arena);
    return exit_code;
}

const struct verb verb_drain = {
    .name = "drain",
    .summary = "move all away from workers, to stop them for good",
    .operands = "WORKER [WORKER...]",
    .options = OPTION_AT | OPTION_JSON | OPTION_WAIT | OPTION_FORCE,
    .about =
        "Move all shards and followers' copies away from workers, so that they can be stopped for good; "
        "several at once, so that nothing is moved from one to the next. It is refused if nobody would be "
        "left who takes shards, or if the disks of the others lack room (--force does it all the same). "
        "Waits until nothing is left, and names each shard that is stuck, and why. Ctrl-C ends the waiting "
        "only: the drain goes on until `garner undrain`. To restart a worker no drain is needed.",
    .examples = "Examples:\n"
                "  garner drain w1\n"
                "  garner drain w1 w2 --deadline 30m\n\n"
                "Exits with 0 when nothing is left (with --no-wait: when it has begun), 1 if it is refused, "
                "was left going on, or the deadline is reached; 2 if there is no such worker.",
    .run = run_drain,
};

/* --- undrain --- */

static void say_leaving(const struct cluster_ask *named, const struct value *document)
{
    const struct value *workers = document_list(document, "workers");
    for (uint32_t i = 0; i < workers->count; i++) {
        struct bytes name = document_text(&workers->items[i], "worker");
        uint64_t leaving = document_u64(&workers->items[i], "leaving");
        if (!is_named(named, name))
            continue;
        say("%.*s takes shards again, and keeps those that it has", BYTES_ARG(name));
        if (leaving)
            say_line("  moves that had begun go on, %" PRIu64 " of them: `garner shards --worker %.*s` shows "
                     "them, `garner cancel SHARD` stops one",
                     leaving, BYTES_ARG(name));
    }
}

static int run_undrain(const struct options *options)
{
    struct ask ask;
    struct arena arena = {0};
    struct cluster_ask named = {.verb = CLUSTER_UNDRAIN};
    struct value document;
    int exit_code = ask_workers(&arena, options, 0, &named);
    if (!exit_code) {
        exit_code = ask_open(options, &ask);
        if (!exit_code)
            exit_code = ask_cluster(&ask, &named, &document);
        if (!exit_code)
            say_leaving(&named, &document);
        if (!exit_code && options->json)
            exit_code = ask_print_json(&document);
        ask_close(&ask);
    }
    arena_close(&arena);
    return exit_code;
}

const struct verb verb_undrain = {
    .name = "undrain",
    .summary = "end a drain: workers keep what they have",
    .operands = "WORKER [WORKER...]",
    .options = OPTION_AT | OPTION_JSON,
    .about = "End the drain of workers: they keep what they still have, and are given shards again. Moves "
             "that had begun go on; those that waited for their turn don't begin.",
    .examples = "Example:\n"
                "  garner undrain w1\n",
    .run = run_undrain,
};
