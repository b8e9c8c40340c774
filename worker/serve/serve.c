/* One request after the other: what they need is short, and stores' readers want one thread. A demand for
 * changes that finds none is kept by the server, and looked at again when something was committed. */
#include "worker/serve/serve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "worker/feed/holds.h"
#include "worker/serve/internal.h"

static const char program[] = "garner " GARNER_VERSION;

/* What isn't here has a copy here at most, of which another worker tells. */
int serve_reader(struct serve *serve, uint32_t shard, struct store **store, struct error *e)
{
    int r = 0;
    if (deliver_has(serve->deliver, shard) && !serve->readers[shard] && folder_has(serve->set.folder, shard))
        r = folder_reader(serve->set.folder, shard, &serve->readers[shard], e);
    *store = serve->readers[shard];
    return r == ERR_NOT_FOUND ? 0 : r; /* just being made */
}

/* --- which collections --- */

static bool is_or_any(struct bytes wanted, struct bytes is)
{
    return !wanted.data || (is.data && bytes_equal(wanted, is));
}

bool serve_means(const struct operator_which *which, const struct collection_key *key)
{
    return census_account_is(which->account, key) && is_or_any(which->region, key->region) &&
           is_or_any(which->type, key->type) && is_or_any(which->parent, key->parent);
}

static struct bytes copy(struct arena *arena, struct bytes span)
{
    return span.data ? arena_copy(arena, span) : span;
}

struct operator_which serve_name(struct arena *arena, const struct collection_key *key)
{
    return (struct operator_which){copy(arena, key->provider), copy(arena, key->account),
                                   copy(arena, key->region), copy(arena, key->type),
                                   copy(arena, key->parent)};
}

/* --- requests --- */

static void hello(const struct serve *serve, struct operator_reply *reply)
{
    reply->hello = (struct operator_hello){
        .from = OPERATOR_VERSION_FROM,
        .to = OPERATOR_VERSION,
        .program = bytes_of(program),
        .role = serve->set.cluster ? BYTES("run") : BYTES("worker"),
        .pid = (uint32_t)getpid(),
        .shards = serve->set.folder->shards,
    };
    memcpy(reply->hello.feed, serve->set.folder->feed, sizeof reply->hello.feed);
}

static int status(struct serve *serve, struct bytes asked, struct arena *arena, struct operator_reply *reply,
                  struct error *e)
{
    struct buffer answer = {0};
    if (!serve->set.status)
        return error_set(e, ERR_USAGE, "%s has no status to tell", program);
    int r = serve->set.status(serve->set.context, asked, &answer, e);
    if (!r)
        reply->status = arena_copy(arena, buffer_bytes(&answer));
    buffer_close(&answer);
    return r;
}

static int no_coordinator(struct error *e)
{
    return error_set(e, ERR_USAGE, "this is no coordinator: give the coordinator's address");
}

static int cluster(struct serve *serve, struct bytes asked, struct arena *arena, struct operator_reply *reply,
                   struct error *e)
{
    struct buffer answer = {0};
    if (!serve->set.cluster)
        return no_coordinator(e);
    int r = serve->set.cluster(serve->set.context, asked, &answer, e);
    if (!r)
        reply->cluster = arena_copy(arena, buffer_bytes(&answer));
    buffer_close(&answer);
    return r;
}

/* Who has a coordinator has all shards itself. */
static int refuse_worker(const struct serve *serve, struct error *e)
{
    if (!serve->set.cluster)
        return no_coordinator(e);
    return error_set(e, ERR_USAGE, "this is `garner run`, which takes no workers: start garner-coordinator");
}

static int ask_crew(struct serve *serve, const struct operator_request *request, struct arena *arena,
                    struct operator_reply *reply, struct error *e)
{
    if (!serve->crew)
        return error_set(e, ERR_BUSY, "the run is starting or ending: ask again in a moment");
    if (request->kind == OPERATOR_HARVEST)
        return serve_harvest(serve, &request->which, reply, e);
    if (request->kind == OPERATOR_CONFIRM)
        return serve_confirm(serve, &request->which, arena, reply, e);
    return serve_retry(serve, &request->quarantine.place, arena, reply, e);
}

static int with_crew(struct serve *serve, const struct operator_request *request, struct arena *arena,
                     struct operator_reply *reply, struct error *e)
{
    pthread_mutex_lock(&serve->lock);
    int r = ask_crew(serve, request, arena, reply, e);
    pthread_mutex_unlock(&serve->lock);
    return r;
}

static enum rpc_verdict answer(struct serve *serve, struct operator_request *request, struct rpc_turn *turn,
                               struct arena *arena, struct operator_reply *reply)
{
    struct error *e = &reply->failure;
    if (operator_request_check(request, program, e))
        return RPC_ANSWER;
    switch (request->kind) {
    case OPERATOR_HELLO:
        hello(serve, reply);
        break;
    case OPERATOR_HARVEST:
    case OPERATOR_CONFIRM:
        with_crew(serve, request, arena, reply, e);
        break;
    case OPERATOR_QUARANTINE:
        if (request->quarantine.action == QUARANTINE_RETRY)
            with_crew(serve, request, arena, reply, e);
        else
            serve_quarantine(serve, &request->quarantine, arena, reply, e);
        break;
    case OPERATOR_FETCH:
        return serve_fetch(serve, request, turn, e);
    case OPERATOR_SNAPSHOT:
        return serve_snapshot(serve, request, turn, e);
    case OPERATOR_MAP:
        deliver_map(serve->deliver, arena, &reply->map);
        break;
    case OPERATOR_STATUS:
        status(serve, request->status, arena, reply, e);
        break;
    case OPERATOR_CLUSTER:
        cluster(serve, request->cluster, arena, reply, e);
        break;
    case OPERATOR_HEARTBEAT:
        refuse_worker(serve, e);
        break;
    case OPERATOR_NONE: /* was refused above */
        break;
    }
    return RPC_ANSWER;
}

static enum rpc_verdict serve_turn(void *context, struct rpc_turn *turn)
{
    struct serve *serve = context;
    struct arena arena = {0};
    struct operator_request request;
    struct operator_reply reply = {0};
    enum rpc_verdict verdict = RPC_ANSWER;
    error_none(&reply.failure);
    if (operator_request_unpack(&arena, turn->request, &request, &reply.failure) == 0) {
        reply.kind = request.kind;
        pthread_mutex_lock(&serve->reading);
        verdict = answer(serve, &request, turn, &arena, &reply);
        bool risen = deliver_has_risen(serve->deliver);
        pthread_mutex_unlock(&serve->reading);
        if (risen)
            rpc_server_wake(serve->server);
    }
    reply.id = request.id;
    if (verdict == RPC_WAIT || reply.failure.code)
        buffer_reset(&turn->answer); /* what was begun */
    if (verdict == RPC_ANSWER && !turn->answer.len)
        operator_reply_pack(&reply, &turn->answer);
    arena_close(&arena);
    return verdict;
}

/* --- opening and closing --- */

static uint64_t mark_of(void *context, uint32_t shard)
{
    const struct serve *serve = context;
    return deliver_mark(serve->deliver, shard);
}

int serve_open(const struct serve_setting *setting, struct serve **out, struct error *e)
{
    struct serve *serve = mem_zalloc(sizeof *serve);
    struct rpc_server_setting server = {.address = setting->address,
                                        .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                        .context = serve,
                                        .serve = serve_turn,
                                        .tell = serve_tell};
    *out = NULL;
    serve->set = *setting;
    serve->readers = mem_zalloc(setting->folder->shards * sizeof(struct store *));
    CHECK(pthread_mutex_init(&serve->lock, NULL) == 0);
    CHECK(pthread_mutex_init(&serve->reading, NULL) == 0);
    int r = deliver_open(setting->folder, setting->by_orders, &serve->deliver, e);
    if (!r && setting->by_orders && setting->holds)
        feed_holds_mark(setting->holds, mark_of, serve);
    if (!r)
        r = rpc_server_open(&server, &serve->server, e);
    if (r)
        serve_close(serve);
    else
        *out = serve;
    return r;
}

void serve_crew(struct serve *serve, struct crew *crew)
{
    pthread_mutex_lock(&serve->lock);
    serve->crew = crew;
    pthread_mutex_unlock(&serve->lock);
}

void serve_committed(struct serve *serve, uint32_t shard, uint64_t last)
{
    deliver_committed(serve->deliver, shard, last);
    rpc_server_wake(serve->server);
}

int serve_order(struct serve *serve, const struct shard_order *order, const struct cluster_peer *peers,
                uint32_t peer_count, struct error *e)
{
    pthread_mutex_lock(&serve->reading);
    int r = deliver_order(serve->deliver, order, peers, peer_count, e);
    if (!deliver_has(serve->deliver, order->shard)) {
        folder_reader_done(serve->set.folder, serve->readers[order->shard]);
        serve->readers[order->shard] = NULL;
    }
    pthread_mutex_unlock(&serve->reading);
    rpc_server_wake(serve->server);
    return r;
}

void serve_lease(struct serve *serve, int64_t until_ms)
{
    deliver_lease(serve->deliver, until_ms);
}

uint64_t serve_report(struct serve *serve, uint32_t shard, uint32_t *held, uint32_t *behind)
{
    bool risen;
    uint64_t version = deliver_report(serve->deliver, shard, held, behind, &risen);
    if (risen)
        rpc_server_wake(serve->server);
    return version;
}

const char *serve_address(const struct serve *serve)
{
    return rpc_server_address(serve->server);
}

void serve_close(struct serve *serve)
{
    if (!serve)
        return;
    rpc_server_close(serve->server);
    if (serve->set.holds)
        feed_holds_mark(serve->set.holds, NULL, NULL);
    deliver_close(serve->deliver);
    for (uint32_t i = 0; i < serve->set.folder->shards; i++)
        folder_reader_done(serve->set.folder, serve->readers[i]);
    free(serve->readers);
    pthread_mutex_destroy(&serve->lock);
    pthread_mutex_destroy(&serve->reading);
    free(serve);
}
