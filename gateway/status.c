/* Whom we ask says who has the shards: itself, where it is one process. One worker after the other: an answer
 * takes milliseconds, and who isn't there is left out at once the next time. */
#include "gateway/status.h"

struct gathering {
    struct reach *reach;
    struct bytes packed; /* what is asked */
    struct arena *arena;
    struct status *out;
    bool has_all;              /* somebody has all shards, or: */
    uint32_t shards, answered; /* that those have who have told; these */
};

static int learn_shards(struct reach *reach, uint32_t *shards, struct error *e)
{
    struct client *client;
    int r = reach_client(reach, "", &client, e);
    if (!r)
        *shards = client_peer(client)->shards;
    return r;
}

static int learn_map(struct gathering *g, struct feed_map *map, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_MAP};
    struct operator_reply reply;
    int r = reach_ask(g->reach, "", &request, g->arena, &reply, e);
    if (!r)
        *map = reply.map;
    return r;
}

static int ask_worker(struct gathering *g, const struct feed_worker *worker, struct error *e)
{
    struct operator_request request = {.kind = OPERATOR_STATUS, .status = g->packed};
    struct arena arena = {0};
    struct operator_reply reply;
    struct status one;
    int r = reach_ask(g->reach, arena_strdup(g->arena, worker->address), &request, &arena, &reply, e);
    if (!r)
        r = status_unpack(&arena, reply.status, &one, e);
    if (!r) {
        status_merge(g->arena, g->out, &one);
        g->has_all = g->has_all || worker->all;
        g->shards += worker->shard_count;
        g->answered++;
    }
    arena_close(&arena);
    return r;
}

static int ask_all(struct gathering *g, const struct feed_map *map, struct error *e)
{
    int last = 0;
    for (uint32_t i = 0; i < map->worker_count; i++) {
        int r = ask_worker(g, &map->workers[i], e);
        last = r ? r : last;
    }
    if (g->answered)
        return 0;
    return last ? last : error_set(e, ERR_BUSY, "no worker has shards now: ask again in a moment");
}

int status_gather(struct reach *reach, const struct status_request *asked, struct arena *arena,
                  struct status *out, struct error *e)
{
    struct buffer packed = {0};
    struct gathering g = {.reach = reach, .arena = arena, .out = out};
    struct feed_map map;
    uint32_t shards = 0;
    *out = (struct status){0};
    status_request_pack(asked, &packed);
    g.packed = buffer_bytes(&packed);
    int r = learn_map(&g, &map, e);
    if (!r)
        r = learn_shards(reach, &shards, e);
    if (!r)
        r = ask_all(&g, &map, e);
    out->is_partial = asked->accounts.count > 0;
    out->lacks_parts = !g.has_all && g.shards < shards;
    buffer_close(&packed);
    return r;
}
