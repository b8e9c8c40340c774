/* Client: a connection to a running Garner, as operators' commands and subscribers use it (docs/protocol.md).
 *
 * One thread at a time. Everything blocks, within bounds. When a connection breaks the request under way
 * fails with ERR_CONNECT; the next one connects again by itself, and first greets whoever is there now. */
#ifndef GARNER_CLIENT_H
#define GARNER_CLIENT_H

#include <stdatomic.h>

#include "common/rpc/rpc_lock.h"
#include "proto/operator.h"

struct client;

/* Whom to ask: who was said, else GARNER_AT of the environment, else a run on this machine as it is by
 * default. */
const char *client_address(const char *said);

/* Connect and greet. ERR_CONNECT or ERR_RESOLVE: nobody there, with what to do; ERR_CONFIG: no address;
 * ERR_USAGE: no version that both speak; ERR_BODY: not a Garner. `lock`: of several that are waited for
 * together, and outlives them; null: of its own. */
int client_open(const char *address, struct rpc_lock *lock, struct client **out, struct error *e);
/* The same; answers are there within so long, beside what a request wants to wait, or ERR_CONNECT. */
int client_open_within(const char *address, struct rpc_lock *lock, int64_t answer_ms, struct client **out,
                       struct error *e);
void client_answers_within(struct client *client, int64_t answer_ms); /* likewise, from now on */
void client_close(struct client *client);                             /* null is fine */

/* What of all this is worth another try in a while: nobody is there, or is too busy. */
bool client_is_away(int code);

/* Who is there, as it greeted us last. Valid until the next request. */
const struct operator_hello *client_peer(const struct client *client);

/* Ask. Fills in the request's version and id. The answer lives in the arena; it is of the request's kind.
 * Returns its failure's code with its sentence, or ERR_CONNECT (no answer), ERR_LIMIT (the request is too
 * large), ERR_BODY; or ERR_STOPPED: somebody else is there now, with another feed, and was not asked. */
int client_ask(struct client *client, struct operator_request *request, struct arena *arena,
               struct operator_reply *reply, struct error *e);

/* The same in two steps: send (greets first where it must, and then blocks), and take the answer that is
 * there by `end_ms` of clock_steady_ms. `memory` is what the reply points into, too; it is exchanged for the
 * client's.
 * `*there` false: not yet. After any error nothing is under way. One request at a time. */
int client_send(struct client *client, struct operator_request *request, struct error *e);
int client_receive(struct client *client, int64_t end_ms, struct buffer *memory, struct arena *arena,
                   struct operator_reply *reply, bool *there, struct error *e);

/* Until client_receive has something to tell of one of them, which share a lock: then true; or `end_ms`; or
 * until they are poked: as rpc_client_wait_any. */
bool client_wait_any(struct client *const *clients, size_t count, int64_t end_ms, const atomic_bool *poked);

#endif
