/* Inside, a heartbeat is a call. One that the coordinator has nothing new for is kept here: whatever changes
 * there pokes the agent, which says another one; and when its time is over it is asked again, not to wait. */
#include "worker/agent/line.h"

#include <stdlib.h>

#include "client/client.h"
#include "common/check.h"
#include "common/clock.h"

struct line {
    const char *address;
    const struct agent_line *inside; /* null: over the wire */
    struct rpc_lock *lock;
    /* Over the wire: */
    struct client *client; /* null: there is none */
    struct buffer memory;
    struct arena arena; /* of the last answer */
    /* Inside: */
    struct buffer said, answer; /* … and what it was answered; empty: nothing yet */
};

struct line *line_open(const char *address, const struct agent_line *inside, struct rpc_lock *lock)
{
    struct line *line = mem_zalloc(sizeof *line);
    line->address = address;
    line->inside = inside;
    line->lock = lock;
    return line;
}

void line_close(struct line *line)
{
    if (!line)
        return;
    client_close(line->client);
    buffer_close(&line->memory);
    arena_close(&line->arena);
    buffer_close(&line->said);
    buffer_close(&line->answer);
    free(line);
}

int line_connect(struct line *line, struct error *e)
{
    return line_is_connected(line) ? 0 : client_open(line->address, line->lock, &line->client, e);
}

bool line_is_connected(const struct line *line)
{
    return line->inside || line->client;
}

/* --- heartbeats --- */

static int beat(struct line *line, bool may_wait, struct error *e)
{
    bool waits = may_wait;
    buffer_reset(&line->answer);
    int r = line->inside->beat(line->inside->context, buffer_bytes(&line->said), &waits, &line->answer, e);
    if (r)
        buffer_reset(&line->answer);
    return r;
}

int line_say(struct line *line, struct bytes heartbeat, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_HEARTBEAT, .heartbeat = heartbeat};
    if (!line->inside)
        return client_send(line->client, &request, e);
    buffer_reset(&line->said);
    buffer_add_bytes(&line->said, heartbeat);
    return beat(line, true, e);
}

static bool is_poked(const atomic_bool *poked)
{
    return poked && atomic_load(poked);
}

static bool wait_inside(struct line *line, int64_t until_ms, const atomic_bool *poked)
{
    if (line->answer.len)
        return true;
    pthread_mutex_lock(&line->lock->mutex);
    while (clock_steady_ms() < until_ms && !is_poked(poked))
        rpc_lock_wait(line->lock, until_ms);
    pthread_mutex_unlock(&line->lock->mutex);
    return !is_poked(poked);
}

bool line_wait(struct line *line, int64_t until_ms, const atomic_bool *poked)
{
    return line->inside ? wait_inside(line, until_ms, poked)
                        : client_wait_any(&line->client, 1, until_ms, poked);
}

static int hear_client(struct line *line, struct bytes *answer, struct error *e)
{
    struct operator_reply reply;
    bool is_there;
    arena_reset(&line->arena);
    int r = client_receive(line->client, clock_steady_ms(), &line->memory, &line->arena, &reply, &is_there,
                           e);
    if (!r && is_there)
        *answer = reply.heartbeat;
    return r;
}

int line_hear(struct line *line, struct bytes *answer, struct error *e)
{
    int r = 0;
    *answer = (struct bytes){0};
    if (!line->inside)
        return hear_client(line, answer, e);
    if (!line->answer.len)
        r = beat(line, false, e);
    if (!r)
        *answer = buffer_bytes(&line->answer);
    return r;
}

/* --- what else is asked --- */

static int ask_inside(const struct agent_line *inside, struct bytes ask, struct arena *arena,
                      struct bytes *answer, struct error *e)
{
    struct buffer buffer = {0};
    int r = inside->ask(inside->context, ask, &buffer, e);
    if (!r)
        *answer = arena_copy(arena, buffer_bytes(&buffer));
    buffer_close(&buffer);
    return r;
}

int line_ask(struct line *line, struct bytes ask, struct arena *arena, struct bytes *answer, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_CLUSTER, .cluster = ask};
    struct operator_reply reply;
    if (line->inside)
        return ask_inside(line->inside, ask, arena, answer, e);
    int r = client_ask(line->client, &request, arena, &reply, e);
    if (!r)
        *answer = reply.cluster;
    return r;
}
