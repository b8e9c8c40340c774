/* Line: how an agent speaks to the coordinator: over the wire, or to one in its own process.
 *
 * A heartbeat is said, its answer waited for and heard; one that is said meanwhile takes its place. One
 * thread at a time. What is given back is valid until the next call. */
#ifndef GARNER_AGENT_LINE_H
#define GARNER_AGENT_LINE_H

#include <stdatomic.h>

#include "common/rpc/rpc_lock.h"
#include "worker/agent/agent.h"

struct line;

/* `address`: of the coordinator; or `inside`, which isn't null then. `lock`: of whoever pokes the agent.
 * These must outlive it. */
struct line *line_open(const char *address, const struct agent_line *inside, struct rpc_lock *lock);
void line_close(struct line *line); /* null is fine */

/* Be connected: as client_open. Nothing is to be done where it is. */
int line_connect(struct line *line, struct error *e);
bool line_is_connected(const struct line *line);

/* Say a heartbeat (proto/cluster.h), packed. Over the wire as client_send, inside as the coordinator. */
int line_say(struct line *line, struct bytes heartbeat, struct error *e);

/* Until there is something to hear, or `until_ms`, or until it is `poked` (may be null). True: there is;
 * inside also once the time is over: what keeps the answer back there then gives it. */
bool line_wait(struct line *line, int64_t until_ms, const atomic_bool *poked);

/* The answer, packed; no data: it isn't there yet. */
int line_hear(struct line *line, struct bytes *answer, struct error *e);

/* Ask something else (proto/cluster_ask.h), and wait for it; the answer is in the arena. */
int line_ask(struct line *line, struct bytes ask, struct arena *arena, struct bytes *answer, struct error *e);

#endif
