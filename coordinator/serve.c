/* A heartbeat is kept for up to a tenth of the lease: what is decided meanwhile reaches its worker at once,
 * and a worker that isn't told anything says in time that it is there. */
#include "coordinator/serve.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/rpc/rpc_server.h"
#include "proto/operator.h"

enum { KEPT_SHARE = 10 };

static const char program[] = "garner " GARNER_VERSION;

struct coordinator_serve {
    struct coordinator_serve_setting set;
    struct coordinator *coordinator;
    struct rpc_server *_Atomic server; /* null until it is there */
};

static void changed(void *context)
{
    struct coordinator_serve *serve = context;
    struct rpc_server *server = atomic_load(&serve->server);
    if (server)
        rpc_server_wake(server);
}

/* --- requests --- */

static void hello(const struct coordinator_serve *serve, struct operator_reply *reply)
{
    reply->hello = (struct operator_hello){
        .from = OPERATOR_VERSION_FROM,
        .to = OPERATOR_VERSION,
        .program = bytes_of(program),
        .role = BYTES("coordinator"),
        .pid = (uint32_t)getpid(),
        .shards = serve->set.coordinator.shards,
    };
    memcpy(reply->hello.feed, coordinator_feed(serve->coordinator), sizeof reply->hello.feed);
}

static enum rpc_verdict heartbeat(struct coordinator_serve *serve, const struct operator_request *request,
                                  struct rpc_turn *turn, struct buffer *answer, struct error *e)
{
    turn->wait_ms = serve->set.coordinator.lease_ms / KEPT_SHARE;
    turn->is_last = true; /* a worker that says something new has given up the heartbeat before */
    bool waits = !turn->over && turn->waited_ms < turn->wait_ms;
    int r = coordinator_heartbeat(serve->coordinator, request->heartbeat, &waits, answer, e);
    return !r && waits ? RPC_WAIT : RPC_ANSWER;
}

static int not_here(struct error *e)
{
    return error_set(e, ERR_USAGE,
                     "this is the coordinator: it harvests nothing and keeps no resources; ask the workers "
                     "(`garner workers` has their addresses)");
}

static enum rpc_verdict answer(struct coordinator_serve *serve, struct operator_request *request,
                               struct rpc_turn *turn, struct arena *arena, struct buffer *body,
                               struct operator_reply *reply)
{
    struct error *e = &reply->failure;
    if (operator_request_check(request, program, e))
        return RPC_ANSWER;
    switch (request->kind) {
    case OPERATOR_HELLO:
        hello(serve, reply);
        break;
    case OPERATOR_HEARTBEAT:
        if (heartbeat(serve, request, turn, body, e) == RPC_WAIT)
            return RPC_WAIT;
        reply->heartbeat = buffer_bytes(body);
        break;
    case OPERATOR_CLUSTER:
        if (coordinator_ask(serve->coordinator, request->cluster, body, e) == 0)
            error_none(e); /* what was forced had a reason not to be done */
        reply->cluster = buffer_bytes(body);
        break;
    case OPERATOR_MAP:
        coordinator_map(serve->coordinator, arena, &reply->map);
        break;
    default:
        not_here(e);
    }
    return RPC_ANSWER;
}

static enum rpc_verdict serve_turn(void *context, struct rpc_turn *turn)
{
    struct coordinator_serve *serve = context;
    struct arena arena = {0};
    struct buffer body = {0};
    struct operator_request request;
    struct operator_reply reply = {0};
    enum rpc_verdict verdict = RPC_ANSWER;
    error_none(&reply.failure);
    if (operator_request_unpack(&arena, turn->request, &request, &reply.failure) == 0) {
        reply.kind = request.kind;
        verdict = answer(serve, &request, turn, &arena, &body, &reply);
    }
    reply.id = request.id;
    if (verdict == RPC_ANSWER)
        operator_reply_pack(&reply, &turn->answer);
    buffer_close(&body);
    arena_close(&arena);
    return verdict;
}

/* --- opening and closing --- */

int coordinator_serve_open(const struct coordinator_serve_setting *setting, struct coordinator_serve **out,
                           struct error *e)
{
    struct coordinator_serve *serve = mem_zalloc(sizeof *serve);
    struct rpc_server *server;
    const struct rpc_server_setting listen = {.address = setting->address,
                                              .request_bytes_max = LIMIT_HEARTBEAT_BYTES,
                                              .context = serve,
                                              .serve = serve_turn};
    *out = NULL;
    serve->set = *setting;
    serve->set.coordinator.context = serve;
    serve->set.coordinator.changed = changed;
    int r = coordinator_open(&serve->set.coordinator, &serve->coordinator, e);
    if (!r)
        r = rpc_server_open(&listen, &server, e);
    if (!r)
        atomic_store(&serve->server, server);
    if (r)
        coordinator_serve_close(serve);
    else
        *out = serve;
    return r;
}

struct coordinator *coordinator_serve_its(struct coordinator_serve *serve)
{
    return serve->coordinator;
}

const char *coordinator_serve_address(const struct coordinator_serve *serve)
{
    return rpc_server_address(atomic_load(&serve->server));
}

/* The server's thread asks the coordinator, and the coordinator's wakes the server: first nobody asks any
 * more, then nobody is there to wake it. */
void coordinator_serve_close(struct coordinator_serve *serve)
{
    if (!serve)
        return;
    struct rpc_server *server = atomic_exchange(&serve->server, NULL);
    coordinator_still(serve->coordinator);
    rpc_server_close(server);
    coordinator_close(serve->coordinator);
    free(serve);
}
