/* A shard of the serving lab that has followers: orders of its owner, what followers and subscribers ask.
 * Include after test_serve_lab.h. */
#ifndef GARNER_TESTS_UNIT_TEST_SERVE_FOLLOWERS_H
#define GARNER_TESTS_UNIT_TEST_SERVE_FOLLOWERS_H

static const struct cluster_peer peers[] = {{.number = 7, .name = {"w7", 2}},
                                            {.number = 8, .name = {"w8", 2}}};

static inline void order(struct serve_lab *lab, uint64_t version, enum cluster_role role, uint64_t epoch,
                         const struct replica_order *replicas, uint32_t count)
{
    const struct shard_order order = {.shard = shard_of("1"),
                                      .role = role,
                                      .version = version,
                                      .epoch = epoch,
                                      .replicas = replicas,
                                      .replica_count = count};
    LAB_OK(lab, serve_order(lab->serve, &order, peers, 2, &lab->e));
}

/* The shard has followers 7 and 8, of which one may be in sync. */
static inline void own(struct serve_lab *lab, uint64_t version, bool in_sync)
{
    const struct replica_order replicas[] = {{.worker = 7, .in_sync = in_sync}, {.worker = 8}};
    order(lab, version, ROLE_OWNER, 1, replicas, 2);
}

static inline uint32_t held(struct serve_lab *lab)
{
    uint32_t held, behind;
    serve_report(lab->serve, shard_of("1"), &held, &behind);
    return held;
}

/* --- asking --- */

static inline struct feed_changes ask(struct serve_lab *lab, struct client *client, struct feed_demand demand)
{
    const uint32_t shard = shard_of("1");
    struct operator_request request = {.kind = OPERATOR_FETCH, .fetch = demand};
    struct operator_reply reply;
    request.fetch.max_events = 1000;
    request.fetch.max_bytes = LIMIT_MESSAGE_BYTES;
    request.fetch.shards = &shard;
    request.fetch.shard_count = 1;
    LAB_OK(lab, client_ask(client, &request, &lab->arena, &reply, &lab->e));
    return reply.fetch;
}

/* What follows a seq, to a subscriber (null) or a follower that has stored all up to it. */
static inline struct feed_changes fetch(struct serve_lab *lab, const char *follower, uint64_t seq,
                                        uint64_t wait_ms)
{
    const struct position at = {.shard = shard_of("1"), .epoch = 1, .seq = seq};
    return ask(lab, lab->client,
               (struct feed_demand){.positions = &at,
                                    .count = seq > 0,
                                    .follower = follower ? bytes_of(follower) : (struct bytes){0},
                                    .wait_ms = wait_ms});
}

/* How far a subscriber gets. */
static inline uint64_t served(struct serve_lab *lab)
{
    struct feed_changes got = fetch(lab, NULL, 0, 0);
    assert_int_equal(got.refusal_count, 0);
    return got.position_count ? got.positions[0].seq : 0;
}

static inline int ask_part(struct serve_lab *lab, const char *follower, struct feed_part *part)
{
    struct operator_request request = {
        .kind = OPERATOR_SNAPSHOT,
        .snapshot = {.shard = shard_of("1"),
                     .max_bytes = LIMIT_MESSAGE_BYTES,
                     .follower = follower ? bytes_of(follower) : (struct bytes){0}}};
    struct operator_reply reply;
    int r = client_ask(lab->client, &request, &lab->arena, &reply, &lab->e);
    *part = reply.snapshot;
    return r;
}

/* --- in a while --- */

struct later {
    struct serve_lab *lab;
    pthread_t thread;
    uint64_t first, second; /* what follower w7 says; 0: nothing */
};

static inline void say(struct client *client, uint64_t seq)
{
    const struct position at = {.shard = shard_of("1"), .epoch = 1, .seq = seq};
    struct operator_request request = {.kind = OPERATOR_FETCH,
                                       .fetch = {.positions = &at,
                                                 .count = 1,
                                                 .shards = &at.shard,
                                                 .shard_count = 1,
                                                 .follower = BYTES("w7"),
                                                 .max_events = 1000,
                                                 .max_bytes = LIMIT_MESSAGE_BYTES}};
    struct arena arena = {0};
    struct operator_reply reply;
    struct error e;
    if (client_ask(client, &request, &arena, &reply, &e))
        abort();
    arena_close(&arena);
}

static inline void *say_soon(void *context)
{
    const struct later *later = context;
    struct client *client;
    struct error e;
    if (client_open(serve_address(later->lab->serve), NULL, &client, &e))
        abort();
    usleep(200000);
    say(client, later->first);
    usleep(later->second ? 200000 : 0);
    if (later->second)
        say(client, later->second);
    client_close(client);
    return NULL;
}

static inline void begin_later(struct later *later)
{
    assert_int_equal(pthread_create(&later->thread, NULL, say_soon, later), 0);
}

static inline void end_later(const struct later *later)
{
    assert_int_equal(pthread_join(later->thread, NULL), 0);
}

#endif
