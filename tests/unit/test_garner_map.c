/* libgarner where shards are with two workers: whoever is named gives the map, and each worker is asked for
 * what it has. The workers are two servers on one folder. */
#include "tests/unit/test_serve_lab.h"

#include "client/garner.h"
#include "common/rpc/rpc_server.h"
#include "tests/unit/test_serve_resources.h"

enum { PATIENCE_MS = 10000 };

/* Who knows who has what, and has nothing itself. */
struct guide {
    struct serve_lab *lab;
    struct rpc_server *server;
    struct serve *other; /* has the shard of account "2"; the lab's has the others */
    _Atomic uint64_t version;
    _Atomic bool has_moved; /* the lab's has account "1"'s no more: the other has it */
};

static struct feed_map map_of(struct guide *guide, struct arena *arena)
{
    struct feed_worker *workers = arena_zalloc(arena, 2 * sizeof *workers);
    uint32_t *shards[2];
    struct serve *const serves[2] = {guide->lab->serve, guide->other};
    for (int i = 0; i < 2; i++) {
        shards[i] = arena_alloc(arena, SHARDS * sizeof **shards);
        workers[i] = (struct feed_worker){.address = bytes_of(serve_address(serves[i])), .shards = shards[i]};
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        bool is_others = i == shard_of("2") || (guide->has_moved && i == shard_of("1"));
        shards[is_others][workers[is_others].shard_count++] = i;
    }
    return (struct feed_map){.version = guide->version, .workers = workers, .worker_count = 2};
}

static enum rpc_verdict answer(void *context, struct rpc_turn *turn)
{
    struct guide *guide = context;
    struct arena arena = {0};
    struct operator_request request;
    struct error e;
    assert_int_equal(operator_request_unpack(&arena, turn->request, &request, &e), 0);
    struct operator_reply reply = {.id = request.id, .kind = request.kind};
    reply.hello = *client_peer(guide->lab->client);
    reply.map = map_of(guide, &arena);
    operator_reply_pack(&reply, &turn->answer);
    arena_close(&arena);
    return RPC_ANSWER;
}

static void open_guide(struct serve_lab *lab, struct guide *guide)
{
    struct rpc_server_setting setting = {.address = "tcp://127.0.0.1:0",
                                         .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                         .context = guide,
                                         .serve = answer};
    struct serve_setting other = {
        .address = "tcp://127.0.0.1:0", .folder = &lab->folder, .holds = lab->holds};
    *guide = (struct guide){.lab = lab, .version = 1};
    LAB_OK(lab, serve_open(&other, &guide->other, &lab->e));
    LAB_OK(lab, rpc_server_open(&setting, &guide->server, &lab->e));
}

static void close_guide(struct guide *guide)
{
    rpc_server_close(guide->server);
    serve_close(guide->other);
}

/* The lab's server is told by itself. */
static void set_at_other(struct guide *guide, const char *account, const char *id, int n)
{
    struct store *store;
    set_resource(guide->lab, account, "t", id, n);
    LAB_OK(guide->lab, folder_store(&guide->lab->folder, shard_of(account), &store, &guide->lab->e));
    serve_committed(guide->other, store_shard(store), store_head(store));
}

static struct garner *subscribe(struct serve_lab *lab, const struct guide *guide)
{
    struct garner_options options = GARNER_OPTIONS;
    struct garner_error error;
    options.address = rpc_server_address(guide->server);
    options.from = "now";
    struct garner *feed = garner_open(&options, &error);
    if (!feed)
        fail_msg("%s", error.text);
    (void)lab;
    return feed;
}

/* Take batches until so many changes have come, each of which is to be the first of its id. */
static void take(struct garner *feed, size_t wanted)
{
    const struct garner_batch *batch;
    struct garner_error error;
    int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
    size_t count = 0;
    while (count < wanted) {
        if (garner_next(feed, 1000, &batch, &error))
            fail_msg("%s", error.text);
        count += batch->change_count;
        assert_true(clock_steady_ms() < end_ms);
    }
    assert_int_equal(count, wanted);
}

static void take_nothing(struct garner *feed)
{
    const struct garner_batch *batch;
    struct garner_error error;
    if (garner_next(feed, 300, &batch, &error))
        fail_msg("%s", error.text);
    assert_int_equal(batch->change_count, 0);
}

static void each_worker_is_asked_for_what_it_has(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    assert_int_not_equal(shard_of("1"), shard_of("2"));
    open_guide(lab, &guide);
    set_resource(lab, "1", "t", "a", 1);
    struct garner *feed = subscribe(lab, &guide);
    set_resource(lab, "1", "t", "b", 1);
    take(feed, 1);
    set_at_other(&guide, "2", "c", 1);
    take(feed, 1);
    garner_close(feed);
    close_guide(&guide);
}

static void a_worker_that_is_gone_holds_up_nobody_elses_changes(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    struct garner *feed = subscribe(lab, &guide);
    char *address = arena_strdup(&lab->arena, bytes_of(serve_address(guide.other)));
    serve_close(guide.other);
    for (int i = 0; i < 5; i++) {
        set_resource(lab, "1", "t", arena_printf(&lab->arena, "a%d", i), 1);
        take(feed, 1);
    }
    struct serve_setting again = {.address = address, .folder = &lab->folder, .holds = lab->holds};
    LAB_OK(lab, serve_open(&again, &guide.other, &lab->e));
    set_at_other(&guide, "2", "c", 1);
    take(feed, 1);
    garner_close(feed);
    close_guide(&guide);
}

/* The old one says so before the map does: what comes meanwhile isn't lost, and nothing comes twice. */
static void a_shard_that_moves_is_followed(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    lab_place(guide.other, shard_of("1"), false);
    struct garner *feed = subscribe(lab, &guide);
    set_resource(lab, "1", "t", "a", 1);
    take(feed, 1);
    lab_place(lab->serve, shard_of("1"), false);
    lab_place(guide.other, shard_of("1"), true);
    set_at_other(&guide, "1", "b", 1);
    take_nothing(feed);
    guide.has_moved = true;
    guide.version++;
    take(feed, 1);
    set_at_other(&guide, "1", "c", 1);
    take(feed, 1);
    garner_close(feed);
    close_guide(&guide);
}

/* Who begins just then is told to come again, and doesn't begin somewhere else. */
static void nobody_begins_at_the_end_of_a_shard_that_is_on_its_way(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    struct garner_options options = GARNER_OPTIONS;
    struct garner_error error;
    open_guide(lab, &guide);
    lab_place(lab->serve, shard_of("1"), false);
    options.address = rpc_server_address(guide.server);
    options.from = "now";
    assert_null(garner_open(&options, &error));
    assert_int_equal(error.code, GARNER_CONNECT);
    assert_non_null(strstr(error.text, "on its way to another worker"));
    close_guide(&guide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(each_worker_is_asked_for_what_it_has),
        SERVE_TEST(a_worker_that_is_gone_holds_up_nobody_elses_changes),
        SERVE_TEST(a_shard_that_moves_is_followed),
        SERVE_TEST(nobody_begins_at_the_end_of_a_shard_that_is_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
