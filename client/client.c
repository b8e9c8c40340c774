#include "client/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/rpc/rpc_client.h"

static const char address_default[] = "tcp://127.0.0.1:7801";
static const char program[] = "garner " GARNER_VERSION;

struct client {
    char *address;
    struct rpc_client *rpc;
    struct operator_hello peer;
    struct arena greeting; /* of `peer` */
    uint32_t version;      /* that both speak; 0: to be greeted again */
    uint64_t last_id;
    int64_t answer_ms; /* an answer that takes longer is lost */
    enum operator_kind asked;
    struct buffer out, in;
};

const char *client_address(const char *said)
{
    const char *at = getenv("GARNER_AT");
    return said ? said : at && *at ? at : address_default;
}

/* --- one request --- */

/* An answer says which request it is for. */
static int check_answer(const struct client *client, const struct operator_reply *reply, struct error *e)
{
    if (reply->id == client->last_id && (reply->failure.code || reply->kind == client->asked))
        return 0;
    return error_set(e, ERR_BODY, "%s answered another request than ours: is it a Garner?", client->address);
}

static int send_to(struct client *client, struct operator_request *request, struct error *e)
{
    int64_t wait_ms = request->kind == OPERATOR_FETCH ? (int64_t)request->fetch.wait_ms : 0;
    CHECK(wait_ms <= LIMIT_WAIT_MS);
    request->id = ++client->last_id;
    request->version = client->version ? client->version : OPERATOR_VERSION;
    client->asked = request->kind;
    buffer_reset(&client->out);
    operator_request_pack(request, &client->out);
    if (request->kind != OPERATOR_HEARTBEAT && client->out.len > LIMIT_MESSAGE_BYTES)
        return error_set(e, ERR_LIMIT, "a request of %zu bytes to %s: %d are allowed", client->out.len,
                         client->address, LIMIT_MESSAGE_BYTES);
    return rpc_client_send(client->rpc, buffer_bytes(&client->out), client->answer_ms + wait_ms, e);
}

static int unpack(const struct client *client, struct bytes answer, struct arena *arena,
                  struct operator_reply *reply, struct error *e)
{
    int r = operator_reply_unpack(arena, answer, reply, e);
    if (r) {
        error_at(e, "%s", client->address);
        return r;
    }
    return check_answer(client, reply, e);
}

/* What an answer points into is the arena's, too: it outlives the client. */
static int exchange(struct client *client, struct operator_request *request, struct arena *arena,
                    struct operator_reply *reply, struct error *e)
{
    struct bytes answer;
    int r = send_to(client, request, e);
    if (!r)
        r = rpc_client_receive(client->rpc, INT64_MAX, &client->in, &answer, e);
    return r ? r : unpack(client, arena_copy(arena, answer), arena, reply, e);
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

int client_open(const char *address, struct rpc_lock *lock, struct client **out, struct error *e)
{
    return client_open_within(address, lock, LIMIT_RPC_ANSWER_MS, out, e);
}

int client_open_within(const char *address, struct rpc_lock *lock, int64_t answer_ms, struct client **out,
                       struct error *e)
{
    struct client *client = mem_zalloc(sizeof *client);
    struct rpc_client_setting setting = {.address = address,
                                         .lock = lock,
                                         .request_bytes_max = LIMIT_HEARTBEAT_BYTES,
                                         .answer_bytes_max = LIMIT_RECORD_BYTES + LIMIT_MESSAGE_BYTES};
    *out = NULL;
    client->address = mem_strdup(address);
    client->answer_ms = answer_ms;
    int r = rpc_client_open(&setting, &client->rpc, e);
    if (!r)
        r = greet(client, e);
    if (r)
        client_close(client);
    else
        *out = client;
    return r;
}

void client_answers_within(struct client *client, int64_t answer_ms)
{
    client->answer_ms = answer_ms;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    rpc_client_close(client->rpc);
    buffer_close(&client->out);
    buffer_close(&client->in);
    arena_close(&client->greeting);
    free(client->address);
    free(client);
}

bool client_is_away(int code)
{
    return code == ERR_CONNECT || code == ERR_RESOLVE || code == ERR_BUSY;
}

const struct operator_hello *client_peer(const struct client *client)
{
    return &client->peer;
}

/* What a request ended with, for the caller. */
static int conclude(struct client *client, int r, const struct operator_reply *reply, struct error *e)
{
    if (r == ERR_CONNECT)
        client->version = 0; /* who knows who will be there */
    if (!r && reply->failure.code) {
        *e = reply->failure;
        r = e->code;
    }
    return r;
}

int client_ask(struct client *client, struct operator_request *request, struct arena *arena,
               struct operator_reply *reply, struct error *e)
{
    int r = client->version ? 0 : greet(client, e);
    if (!r)
        r = exchange(client, request, arena, reply, e);
    return conclude(client, r, reply, e);
}

int client_send(struct client *client, struct operator_request *request, struct error *e)
{
    static const struct operator_reply none;
    int r = client->version ? 0 : greet(client, e);
    if (!r)
        r = send_to(client, request, e);
    return conclude(client, r, &none, e);
}

int client_receive(struct client *client, int64_t end_ms, struct buffer *memory, struct arena *arena,
                   struct operator_reply *reply, bool *there, struct error *e)
{
    *reply = (struct operator_reply){0};
    struct bytes answer;
    int r = rpc_client_receive(client->rpc, end_ms, memory, &answer, e);
    *there = !r && answer.data;
    if (*there)
        r = unpack(client, answer, arena, reply, e);
    return conclude(client, r, reply, e);
}

bool client_wait_any(struct client *const *clients, size_t count, int64_t end_ms, const atomic_bool *poked)
{
    struct rpc_client **all = mem_alloc((count + 1) * sizeof(struct rpc_client *));
    for (size_t i = 0; i < count; i++)
        all[i] = clients[i]->rpc;
    bool done = rpc_client_wait_any(all, count, end_ms, poked);
    free(all);
    return done;
}
