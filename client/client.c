#include "client/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/rpc/rpc_client.h"

static const char program[] = "garner " GARNER_VERSION;

struct client {
    char *address;
    struct rpc_client *rpc;
    struct operator_hello peer;
    struct arena greeting; /* of `peer` */
    uint32_t version;      /* that both speak; 0: to be greeted again */
    uint64_t last_id;
    struct buffer out;
};

/* --- one request --- */

/* An answer says which request it is for. */
static int check_answer(const struct client *client, const struct operator_request *request,
                        const struct operator_reply *reply, struct error *e)
{
    if (reply->id == request->id && (reply->failure.code || reply->kind == request->kind))
        return 0;
    return error_set(e, ERR_BODY, "%s answered another request than ours: is it a Garner?", client->address);
}

static int exchange(struct client *client, struct operator_request *request, struct arena *arena,
                    struct operator_reply *reply, struct error *e)
{
    struct bytes answer;
    int64_t wait_ms = request->kind == OPERATOR_FETCH ? (int64_t)request->fetch.wait_ms : 0;
    CHECK(wait_ms <= LIMIT_WAIT_MS);
    request->id = ++client->last_id;
    request->version = client->version ? client->version : OPERATOR_VERSION;
    buffer_reset(&client->out);
    operator_request_pack(request, &client->out);
    int r = rpc_client_ask(client->rpc, buffer_bytes(&client->out), LIMIT_RPC_ANSWER_MS + wait_ms, &answer,
                           e);
    if (r)
        return r;
    r = operator_reply_unpack(arena, answer, reply, e);
    if (r) {
        error_at(e, "%s", client->address);
        return r;
    }
    return check_answer(client, request, reply, e);
}

/* --- who is there --- */

/* The first one is whom we mean; later ones must have the same feed. */
static int greet(struct client *client, struct error *e)
{
    struct operator_request request = {
        .kind = OPERATOR_HELLO,
        .hello = {.from = OPERATOR_VERSION_FROM, .to = OPERATOR_VERSION, .program = bytes_of(program)}};
    struct operator_reply reply;
    uint8_t feed[sizeof client->peer.feed];
    bool known = client->peer.shards > 0;
    memcpy(feed, client->peer.feed, sizeof feed);
    arena_reset(&client->greeting);
    int r = exchange(client, &request, &client->greeting, &reply, e);
    if (!r && reply.failure.code) {
        *e = reply.failure;
        r = e->code;
    }
    if (r) {
        client->peer.program = client->peer.role = (struct bytes){0};
        return r;
    }
    client->peer = reply.hello;
    if (known && memcmp(feed, reply.hello.feed, sizeof feed) != 0)
        return error_set(e, ERR_STOPPED, "%s: another Garner runs there now, with another feed: ask it anew",
                         client->address);
    client->version = operator_version_with(&client->peer, program, e);
    return client->version ? 0 : error_at(e, "%s", client->address);
}

int client_open(const char *address, struct client **out, struct error *e)
{
    struct client *client = mem_zalloc(sizeof *client);
    struct rpc_client_setting setting = {.address = address,
                                         .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                         .answer_bytes_max = LIMIT_RECORD_BYTES + LIMIT_MESSAGE_BYTES};
    *out = NULL;
    client->address = mem_strdup(address);
    int r = rpc_client_open(&setting, &client->rpc, e);
    if (!r)
        r = greet(client, e);
    if (r)
        client_close(client);
    else
        *out = client;
    return r;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    rpc_client_close(client->rpc);
    buffer_close(&client->out);
    arena_close(&client->greeting);
    free(client->address);
    free(client);
}

const struct operator_hello *client_peer(const struct client *client)
{
    return &client->peer;
}

int client_ask(struct client *client, struct operator_request *request, struct arena *arena,
               struct operator_reply *reply, struct error *e)
{
    int r = client->version ? 0 : greet(client, e);
    if (!r)
        r = exchange(client, request, arena, reply, e);
    if (r == ERR_CONNECT)
        client->version = 0; /* who knows who will be there */
    if (!r && reply->failure.code) {
        *e = reply->failure;
        r = e->code;
    }
    return r;
}
