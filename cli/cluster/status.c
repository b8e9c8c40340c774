#include "cli/cluster/status.h"

#include <inttypes.h>

#include "cli/cluster/document.h"
#include "cli/cluster/fan.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/status_print.h"
#include "common/limits.h"
#include "common/text.h"
#include "proto/status.h"

struct gathering {
    struct ask ask;
    struct fan fan;
    struct arena arena; /* of: */
    struct status all;
    struct error broken; /* code 0: all that came was a status */
    struct value cluster;
};

static void take(void *context, const struct operator_reply *reply)
{
    struct gathering *g = context;
    struct arena arena = {0};
    struct status one;
    if (status_unpack(&arena, reply->status, &one, &g->broken) == 0)
        status_merge(&g->arena, &g->all, &one);
    arena_close(&arena);
}

static int gather(struct gathering *g, const struct options *options)
{
    struct buffer packed = {0};
    int exit_code = fan_open(&g->ask, remote_text(options->account), &g->fan);
    if (exit_code)
        return exit_code;
    const struct bytes account = bytes_of(g->fan.account);
    const struct status_request asked = {.accounts = {&account, g->fan.account != NULL},
                                         .type = remote_text(options->type)};
    status_request_pack(&asked, &packed);
    struct operator_request request = {.kind = OPERATOR_STATUS, .status = buffer_bytes(&packed)};
    exit_code = fan_ask(&g->fan, &request, g, take);
    buffer_close(&packed);
    return g->broken.code ? say_error(&g->broken) : exit_code;
}

/* --- for people --- */

static void add_count(struct buffer *out, const struct value *object, const char *key, const char *what)
{
    uint64_t count = document_u64(object, key);
    if (count)
        buffer_printf(out, ", %" PRIu64 " %s", count, what);
}

static void add_workers(struct buffer *out, const struct value *workers)
{
    buffer_printf(out, "; %" PRIu64 " workers alive", document_u64(workers, "alive"));
    add_count(out, workers, "away", "away for a moment");
    add_count(out, workers, "dead", "dead");
    add_count(out, workers, "unknown", "not heard of yet");
}

/* "cluster garner: 256 shards, 254 served, 2 waiting; 3 workers alive, 1 dead; 12 accounts". */
static void add_cluster(struct buffer *out, const struct value *cluster)
{
    const struct value *shards = document_object(cluster, "shards");
    uint64_t followers = document_u64(cluster, "followers");
    buffer_printf(out, "cluster %.*s: %" PRIu64 " shards, %" PRIu64 " served",
                  BYTES_ARG(document_name(cluster, "cluster")), document_u64(shards, "all"),
                  document_u64(shards, "served"));
    add_count(out, shards, "moving", "moving");
    add_count(out, shards, "waiting", "waiting");
    add_count(out, shards, "unknown", "unknown");
    if (followers)
        buffer_printf(out, ", %" PRIu64 " with all %" PRIu64 " followers in sync",
                      document_u64(shards, "in_sync"), followers);
    add_workers(out, document_object(cluster, "workers"));
    buffer_printf(out, "; %" PRIu64 " accounts", document_u64(cluster, "accounts"));
    if (document_bool(cluster, "paused"))
        buffer_add_text(out, "; moves are paused");
    buffer_add_char(out, '\n');
}

/* What to do about what is wrong with the cluster. */
static void say_advice(const struct value *cluster)
{
    const struct value *shards = document_object(cluster, "shards");
    if (document_u64(shards, "unknown"))
        say("workers have later copies of shards than the coordinator knows of: its state was lost or is an "
            "older one. Restore it, or `garner recover` (docs/operating.md)");
    else if (document_u64(shards, "stuck"))
        say("%" PRIu64 " shards aren't as they should be: `garner shards --stuck` says which and why",
            document_u64(shards, "stuck"));
    if (document_bool(cluster, "paused"))
        say("moves are paused: `garner resume` lets them begin");
}

static void print(struct printer *printer, const struct gathering *g)
{
    struct buffer text = {0};
    add_cluster(&text, &g->cluster);
    text_add_safe(&printer->out, (struct bytes){text.data, text.len - 1});
    buffer_add_char(&printer->out, '\n');
    status_print(printer, &g->all, "harvests");
    buffer_close(&text);
}

/* --- for programs --- */

static struct value unheard(const struct gathering *g, struct arena *arena)
{
    struct value names = value_array(arena, g->fan.count);
    names.count = 0;
    for (uint32_t i = 0; i < g->fan.count; i++)
        if (!g->fan.workers[i].is_heard)
            names.items[names.count++] = value_string(bytes_of(g->fan.workers[i].name));
    return names;
}

/* What `garner status --json` prints of a run, and before it what there is of the cluster. */
static void print_object(struct printer *printer, struct gathering *g)
{
    struct buffer text = {0}, harvests = {0};
    struct value names = unheard(g, &g->arena);
    buffer_add_text(&text, "{\"cluster\":");
    value_to_json(&g->cluster, &text);
    buffer_add_text(&text, ",\"unheard\":");
    value_to_json(&names, &text);
    buffer_add_char(&text, ',');
    status_to_json(&g->all, &harvests);
    buffer_add_bytes(&text, bytes_from(buffer_bytes(&harvests), 1));
    print_json(printer, buffer_bytes(&text));
    buffer_close(&harvests);
    buffer_close(&text);
}

static bool lacks_parts(const struct gathering *g)
{
    const struct value *shards = document_object(&g->cluster, "shards");
    bool lacks = document_u64(shards, "served") < document_u64(shards, "all") ||
                 document_u64(shards, "stuck");
    for (uint32_t i = 0; i < g->fan.count; i++)
        lacks = lacks || !g->fan.workers[i].is_heard;
    return lacks;
}

static int print_all(struct gathering *g, const struct options *options)
{
    struct printer printer;
    g->all.lacks_parts = lacks_parts(g);
    printer_open(&printer);
    if (options->json)
        print_object(&printer, g);
    else
        print(&printer, g);
    int exit_code = printer_close(&printer);
    if (!options->json)
        say_advice(&g->cluster);
    return exit_code ? exit_code : status_is_well(&g->all) ? EXIT_COMPLETE : EXIT_INCOMPLETE;
}

int cluster_status(const struct options *options, struct client *client, const char *address)
{
    struct gathering g = {.ask = {.client = client, .address = address}};
    int exit_code = ask_cluster(&g.ask, &(struct cluster_ask){.verb = CLUSTER_STATUS}, &g.cluster);
    if (!exit_code)
        exit_code = gather(&g, options);
    if (exit_code == 0 || exit_code == EXIT_INCOMPLETE) {
        int printed = print_all(&g, options);
        exit_code = exit_code ? exit_code : printed;
    }
    fan_close(&g.fan);
    arena_close(&g.ask.arena);
    arena_close(&g.arena);
    return exit_code;
}
