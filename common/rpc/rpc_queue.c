#include "common/rpc/rpc_queue.h"

#include <stdlib.h>

#include "common/check.h"

void rpc_queue_open(struct rpc_queue *queue, uint32_t kept_max)
{
    *queue = (struct rpc_queue){.kept_max = kept_max, .wakes = 1};
    queue->end = &queue->first;
}

static void drop_at(struct rpc_queue *queue, struct rpc_request **at)
{
    struct rpc_request *request = *at;
    *at = request->next;
    if (queue->end == &request->next)
        queue->end = at;
    queue->kept -= request->state == RPC_KEPT;
    queue->held -= request->held;
    queue->count--;
    queue->bytes -= request->message.len;
    queue->left -= request->left.len;
    buffer_close(&request->message);
    buffer_close(&request->left);
    free(request);
}

void rpc_queue_close(struct rpc_queue *queue)
{
    while (queue->first)
        drop_at(queue, &queue->first);
}

void rpc_queue_add(struct rpc_queue *queue, void *peer, struct buffer *message, size_t route_len,
                   int64_t now_ms)
{
    struct rpc_request *request = mem_zalloc(sizeof *request);
    request->peer = peer;
    request->message = *message;
    *message = (struct buffer){0};
    request->route_len = route_len;
    request->came_ms = now_ms;
    *queue->end = request;
    queue->end = &request->next;
    queue->count++;
    queue->bytes += request->message.len;
}

void rpc_queue_hold(struct rpc_queue *queue, const void *peer, bool held)
{
    for (struct rpc_request *request = queue->first; request; request = request->next)
        if (request->peer == peer && request->held != held) {
            request->held = held;
            queue->held += held ? 1 : UINT32_MAX;
        }
}

/* Of several kept ones, the one first that was looked at longest ago. */
static void prefer(struct rpc_request **found, struct rpc_request *request)
{
    if (!*found || request->wakes < (*found)->wakes)
        *found = request;
}

struct rpc_request *rpc_queue_take(struct rpc_queue *queue, int64_t now_ms, bool closing, bool *over)
{
    struct rpc_request *due = NULL, *queued = NULL, *woken = NULL;
    for (struct rpc_request *request = queue->first; request; request = request->next) {
        if (request->held && !closing)
            continue;
        if (request->state == RPC_QUEUED && !queued)
            queued = request;
        else if (request->state == RPC_KEPT && (closing || request->until_ms <= now_ms))
            prefer(&due, request);
        else if (request->state == RPC_KEPT && request->wakes != queue->wakes)
            prefer(&woken, request);
    }
    struct rpc_request *found = due ? due : queued ? queued : woken;
    *over = closing || (found && found == due);
    if (found) {
        queue->kept -= found->state == RPC_KEPT;
        found->state = RPC_SERVING;
        found->wakes = queue->wakes;
    }
    return found;
}

int64_t rpc_queue_next_ms(const struct rpc_queue *queue)
{
    int64_t next_ms = INT64_MAX;
    for (const struct rpc_request *request = queue->first; request; request = request->next)
        if (request->state == RPC_KEPT && !request->held && request->until_ms < next_ms)
            next_ms = request->until_ms;
    return next_ms;
}

struct buffer rpc_queue_take_left(struct rpc_queue *queue, struct rpc_request *request)
{
    struct buffer left = request->left;
    request->left = (struct buffer){0};
    queue->left -= left.len;
    return left;
}

void rpc_queue_keep(struct rpc_queue *queue, struct rpc_request *request, int64_t wait_ms,
                    struct buffer *left)
{
    request->left = *left;
    *left = (struct buffer){0};
    queue->left += request->left.len;
    request->until_ms = queue->kept < queue->kept_max ? request->came_ms + wait_ms : INT64_MIN;
    request->state = RPC_KEPT;
    queue->kept++;
}

void rpc_queue_drop(struct rpc_queue *queue, struct rpc_request *request)
{
    struct rpc_request **at = &queue->first;
    while (*at != request)
        at = &(*at)->next;
    drop_at(queue, at);
}

/* Up to one of them (null: all). */
static uint32_t drop_until(struct rpc_queue *queue, const void *peer, const struct rpc_request *end)
{
    struct rpc_request **at = &queue->first;
    uint32_t count = 0;
    while (*at && *at != end)
        if ((*at)->peer == peer && ((*at)->state == RPC_KEPT || (!end && (*at)->state == RPC_QUEUED))) {
            drop_at(queue, at);
            count++;
        } else {
            at = &(*at)->next;
        }
    return count;
}

uint32_t rpc_queue_drop_before(struct rpc_queue *queue, const struct rpc_request *served)
{
    return drop_until(queue, served->peer, served);
}

uint32_t rpc_queue_drop_of(struct rpc_queue *queue, const void *peer)
{
    return drop_until(queue, peer, NULL);
}
