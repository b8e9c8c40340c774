/* A cluster in small, for whoever follows one: two servers on the serving lab's folder, and a guide that has
 * the map, as a coordinator does. Include after test_serve_lab.h. */
#ifndef GARNER_TESTS_UNIT_TEST_SERVE_GUIDE_H
#define GARNER_TESTS_UNIT_TEST_SERVE_GUIDE_H

#include "common/rpc/rpc_server.h"
#include "tests/unit/test_serve_resources.h"

/* Who knows who has what, and has nothing itself. */
struct guide {
    struct serve_lab *lab;
    struct rpc_server *server;
    struct serve *other;
    char addresses[2][64];      /* the lab's server, and the other */
    _Atomic int owners[SHARDS]; /* 0: the lab's, 1: the other; -1: nobody */
    _Atomic uint64_t asked;     /* how often it was, for the map */
};

static inline struct feed_map map_of(struct guide *guide, struct arena *arena)
{
    struct feed_worker *workers = arena_zalloc(arena, 2 * sizeof *workers);
    for (int i = 0; i < 2; i++) {
        uint32_t *shards = arena_alloc(arena, SHARDS * sizeof *shards);
        workers[i] = (struct feed_worker){.address = bytes_of(guide->addresses[i]), .shards = shards};
        for (uint32_t j = 0; j < SHARDS; j++)
            if (guide->owners[j] == i)
                shards[workers[i].shard_count++] = j;
    }
    return (struct feed_map){.version = 1, .workers = workers, .worker_count = 2};
}

static inline enum rpc_verdict answer(void *context, struct rpc_turn *turn)
{
    struct guide *guide = context;
    struct arena arena = {0};
    struct operator_request request;
    struct error e;
    assert_int_equal(operator_request_unpack(&arena, turn->request, &request, &e), 0);
    struct operator_reply reply = {.id = request.id, .kind = request.kind};
    reply.hello = *client_peer(guide->lab->client);
    reply.hello.role = BYTES("coordinator");
    reply.map = map_of(guide, &arena);
    guide->asked += request.kind == OPERATOR_MAP;
    operator_reply_pack(&reply, &turn->answer);
    arena_close(&arena);
    return RPC_ANSWER;
}

static inline void open_guide(struct serve_lab *lab, struct guide *guide)
{
    struct rpc_server_setting setting = {.address = "tcp://127.0.0.1:0",
                                         .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                         .context = guide,
                                         .serve = answer};
    struct serve_setting other = {
        .address = "tcp://127.0.0.1:0", .folder = &lab->folder, .holds = lab->holds};
    *guide = (struct guide){.lab = lab};
    guide->owners[shard_of("2")] = 1;
    LAB_OK(lab, serve_open(&other, &guide->other, &lab->e));
    snprintf(guide->addresses[0], sizeof guide->addresses[0], "%s", serve_address(lab->serve));
    snprintf(guide->addresses[1], sizeof guide->addresses[1], "%s", serve_address(guide->other));
    LAB_OK(lab, rpc_server_open(&setting, &guide->server, &lab->e));
}

static inline void close_guide(struct guide *guide)
{
    rpc_server_close(guide->server);
    serve_close(guide->other);
}

/* The lab's server is told by itself. */
static inline void deliver_elsewhere(const struct guide *guide, const char *account)
{
    struct store *store;
    LAB_OK(guide->lab, folder_store(&guide->lab->folder, shard_of(account), &store, &guide->lab->e));
    serve_committed(guide->other, store_shard(store), store_head(store));
}

static inline void set_at_other(struct guide *guide, const char *account, const char *id, int n)
{
    set_resource(guide->lab, account, "t", id, n);
    deliver_elsewhere(guide, account);
}

#endif
