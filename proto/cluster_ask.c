/* One table says what each verb needs; what it doesn't need is left alone, as fields of newer versions are.
 */
#include "proto/cluster_ask.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"
#include "proto/cluster.pb-c.h"
#include "proto/wire.h"

enum {
    NEEDS_WORKER = 1,
    NEEDS_WORKERS = 2,
    NEEDS_SHARD = 4,
    NEEDS_PLAN = 8,
    NEEDS_ACCOUNT = 16,
    NEEDS_DOCUMENT = 32
};
enum { ACCOUNT_BYTES_MAX = 2 * LIMIT_NAME_BYTES + 1 }; /* provider/id */

static const struct {
    const char *name;
    unsigned needs;
} verbs[CLUSTER_VERB_END] = {
    [CLUSTER_STATUS] = {"status", 0},
    [CLUSTER_WORKERS] = {"workers", 0},
    [CLUSTER_SHARDS] = {"shards", 0},
    [CLUSTER_WHERE] = {"where", NEEDS_ACCOUNT},
    [CLUSTER_EXPLAIN] = {"explain", NEEDS_SHARD},
    [CLUSTER_REBALANCE] = {"rebalance", 0},
    [CLUSTER_APPLY] = {"apply", NEEDS_PLAN},
    [CLUSTER_MOVE] = {"move", NEEDS_SHARD | NEEDS_WORKER},
    [CLUSTER_PIN] = {"pin", NEEDS_SHARD | NEEDS_WORKER},
    [CLUSTER_UNPIN] = {"unpin", NEEDS_SHARD},
    [CLUSTER_CORDON] = {"cordon", NEEDS_WORKERS},
    [CLUSTER_UNCORDON] = {"uncordon", NEEDS_WORKERS},
    [CLUSTER_DRAIN] = {"drain", NEEDS_WORKERS},
    [CLUSTER_UNDRAIN] = {"undrain", NEEDS_WORKERS},
    [CLUSTER_CANCEL] = {"cancel", 0},
    [CLUSTER_PAUSE] = {"pause", 0},
    [CLUSTER_RESUME] = {"resume", 0},
    [CLUSTER_FORGET] = {"forget", NEEDS_WORKERS},
    [CLUSTER_RECOVER] = {"recover", 0},
    [CLUSTER_ACCOUNTS_ADD] = {"accounts add", NEEDS_DOCUMENT},
    [CLUSTER_ACCOUNTS_REMOVE] = {"accounts remove", NEEDS_ACCOUNT},
    [CLUSTER_ACCOUNTS_LIST] = {"accounts list", 0},
    [CLUSTER_ACCOUNTS_FETCH] = {"accounts fetch", 0},
};

static bool is_verb(uint32_t verb)
{
    return verb < CLUSTER_VERB_END && verbs[verb].name;
}

const char *cluster_verb_name(enum cluster_verb verb)
{
    CHECK(is_verb(verb));
    return verbs[verb].name;
}

void cluster_ask_pack(const struct cluster_ask *ask, struct buffer *out)
{
    Garner__ClusterAsk to;
    ProtobufCBinaryData *workers = mem_alloc((ask->worker_count + (size_t)1) * sizeof *workers);
    garner__cluster_ask__init(&to);
    to.verb = ask->verb;
    to.workers = workers;
    for (uint32_t i = 0; i < ask->worker_count; i++)
        workers[to.n_workers++] = wire_bytes(ask->workers[i]);
    to.has_shard = ask->has_shard;
    to.shard = ask->shard;
    to.has_plan = ask->plan != 0;
    to.plan = ask->plan;
    to.has_account = ask->account.data != NULL;
    to.account = wire_bytes(ask->account);
    to.has_document = ask->document.data != NULL;
    to.document = wire_bytes(ask->document);
    to.has_force = to.force = ask->force;
    to.has_deadline_ms = ask->deadline_ms != 0;
    to.deadline_ms = ask->deadline_ms;
    to.has_version = ask->version != 0;
    to.version = ask->version;
    to.has_from = ask->from != 0;
    to.from = ask->from;
    wire_pack(&to, out);
    free(workers);
}

static int compare(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* In the order in which they were named. */
static bool workers_from_wire(struct arena *arena, const Garner__ClusterAsk *from, struct cluster_ask *to)
{
    size_t count = from->n_workers;
    bool sound = count <= LIMIT_WORKERS;
    struct bytes *names = arena_alloc(arena, (count + 1) * sizeof *names),
                 *sorted = arena_alloc(arena, (count + 1) * sizeof *sorted);
    for (size_t i = 0; i < count && sound; i++) {
        names[i] = sorted[i] = wire_span(from->workers[i]);
        sound = text_is_name(names[i], LIMIT_WORKER_NAME_BYTES);
    }
    if (!sound)
        return false;
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(sorted[i - 1], sorted[i]))
            return false;
    to->workers = names;
    to->worker_count = (uint32_t)count;
    return true;
}

static bool has_what_it_needs(const struct cluster_ask *ask)
{
    unsigned needs = verbs[ask->verb].needs;
    return (!(needs & NEEDS_WORKER) || ask->worker_count == 1) &&
           (!(needs & NEEDS_WORKERS) || ask->worker_count > 0) &&
           (!(needs & NEEDS_SHARD) || ask->has_shard) && (!(needs & NEEDS_PLAN) || ask->plan) &&
           (!(needs & NEEDS_ACCOUNT) || ask->account.data) &&
           (!(needs & NEEDS_DOCUMENT) || ask->document.data);
}

static bool ask_from_wire(struct arena *arena, const Garner__ClusterAsk *from, struct cluster_ask *to)
{
    *to = (struct cluster_ask){
        .verb = (enum cluster_verb)from->verb,
        .has_shard = from->has_shard,
        .shard = from->has_shard ? from->shard : 0,
        .plan = from->has_plan ? from->plan : 0,
        .account = wire_optional(from->has_account, from->account),
        .document = wire_optional(from->has_document, from->document),
        .force = from->has_force && from->force,
        .deadline_ms = from->has_deadline_ms ? from->deadline_ms : 0,
        .version = from->has_version ? from->version : 0,
        .from = from->has_from ? from->from : 0,
    };
    return to->shard < LIMIT_SHARDS && to->deadline_ms <= INT64_MAX &&
           (!to->account.data || text_is_name(to->account, ACCOUNT_BYTES_MAX)) &&
           workers_from_wire(arena, from, to) && has_what_it_needs(to);
}

int cluster_ask_unpack(struct arena *arena, struct bytes packed, struct cluster_ask *out, struct error *e)
{
    const Garner__ClusterAsk *from = wire_unpack(&garner__cluster_ask__descriptor, arena, packed,
                                                 LIMIT_MESSAGE_BYTES);
    int r = 0;
    if (!from)
        r = error_set(e, ERR_BODY, "what is asked of the cluster isn't readable (%zu bytes)", packed.len);
    else if (!is_verb(from->verb))
        r = error_set(e, ERR_USAGE,
                      "the coordinator doesn't know what is asked: it is older than who asks, "
                      "update it");
    else if (!ask_from_wire(arena, from, out))
        r = error_set(e, ERR_BODY,
                      "what is asked of the cluster lacks something that `%s` needs, or has what can't be",
                      verbs[from->verb].name);
    if (r)
        *out = (struct cluster_ask){0};
    return r;
}
