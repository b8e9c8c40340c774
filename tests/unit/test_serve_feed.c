/* A running Garner's feed, asked over its connection. */
#include "tests/unit/test_serve_lab.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>

#include "tests/unit/test_serve_resources.h"

/* --- changes --- */

static struct feed_changes fetch(struct serve_lab *lab, struct feed_demand demand)
{
    struct operator_request request = {.kind = OPERATOR_FETCH, .fetch = demand};
    struct operator_reply reply;
    request.fetch.max_events = request.fetch.max_events ? request.fetch.max_events : 1000;
    request.fetch.max_bytes = LIMIT_MESSAGE_BYTES;
    LAB_OK(lab, client_ask(lab->client, &request, &lab->arena, &reply, &lab->e));
    return reply.fetch;
}

static void expect_seqs(struct serve_lab *lab, const struct feed_changes *changes, const char *wanted)
{
    struct buffer got = {0};
    for (uint32_t i = 0; i < changes->count; i++) {
        struct change change;
        LAB_OK(lab, change_unpack(&lab->arena, changes->changes[i], &change, &lab->e));
        buffer_printf(&got, "%.*s/%" PRIu64 " ", BYTES_ARG(change.key.type), change.seq);
    }
    assert_string_equal(buffer_text(&got), wanted);
    buffer_close(&got);
}

static void a_subscriber_gets_each_change_once_and_goes_on_from_its_position(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 2, 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){0});
    expect_seqs(lab, &got, "t/1 t/2 ");
    assert_int_equal(got.position_count, 1);
    struct feed_demand demand = {.positions = arena_alloc(&lab->arena, sizeof(struct position)), .count = 1};
    memcpy((void *)(uintptr_t)demand.positions, got.positions, sizeof(struct position));
    got = fetch(lab, demand);
    expect_seqs(lab, &got, "");
    write_changes(lab, "1", "u", 1, 0);
    got = fetch(lab, demand);
    expect_seqs(lab, &got, "u/3 ");
}

static void now_is_behind_all_there_is_and_oldest_before(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 3, 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.now = true});
    assert_true(got.position_count == 1 && got.positions[0].seq == 3 && got.positions[0].check);
    got = fetch(lab, (struct feed_demand){.oldest = true});
    assert_true(got.position_count == 0 && got.count == 0); /* before the first one */
}

static void what_is_filtered_out_moves_the_position_all_the_same(void **state)
{
    struct serve_lab *lab = *state;
    const struct bytes type = BYTES("t"), account = BYTES("p/1");
    write_changes(lab, "1", "t", 2, 0);
    write_changes(lab, "1", "u", 2, 0);
    struct feed_changes got =
        fetch(lab, (struct feed_demand){.filter = {.types = {&type, 1}, .accounts = {&account, 1}}});
    expect_seqs(lab, &got, "t/1 t/2 ");
    assert_true(got.position_count == 1 && got.positions[0].seq == 4);
}

static void a_demand_gives_no_more_than_was_asked_for(void **state)
{
    struct serve_lab *lab = *state;
    write_changes(lab, "1", "t", 3, 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.max_events = 2});
    expect_seqs(lab, &got, "t/1 t/2 ");
    assert_true(got.more);
    got = fetch(lab, (struct feed_demand){.max_events = UINT64_C(1) << 63});
    expect_seqs(lab, &got, "t/1 t/2 t/3 ");
    assert_false(got.more);
}

static void *write_soon(void *context)
{
    usleep(200000);
    write_changes(context, "1", "t", 1, 0);
    return NULL;
}

static void who_waits_is_woken_by_a_commit(void **state)
{
    struct serve_lab *lab = *state;
    pthread_t thread;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, write_soon, lab), 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.wait_ms = 20000});
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_seqs(lab, &got, "t/1 ");
    assert_true(clock_steady_ms() - began_ms < 15000);
}

static void who_waits_in_vain_gets_nothing(void **state)
{
    struct serve_lab *lab = *state;
    int64_t began_ms = clock_steady_ms();
    struct feed_changes got = fetch(lab, (struct feed_demand){.wait_ms = 150});
    assert_true(!got.more && !got.count && !got.position_count);
    assert_true(clock_steady_ms() - began_ms >= 140);
}

static void a_position_that_is_not_there_yet_is_refused(void **state)
{
    struct serve_lab *lab = *state;
    const struct position position = {.shard = shard_of("1"), .epoch = 1, .seq = 9};
    write_changes(lab, "1", "t", 2, 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.positions = &position, .count = 1});
    assert_true(got.refusal_count == 1 && got.refusals[0].kind == REFUSAL_FUTURE &&
                got.refusals[0].head == 2);
    assert_int_equal(got.count, 0);
}

/* A store that was restored from a backup gives the same numbers to other changes. */
static void a_position_of_another_change_is_refused(void **state)
{
    struct serve_lab *lab = *state;
    struct position position = {.shard = shard_of("1"), .epoch = 1, .seq = 1, .check = 12345};
    write_changes(lab, "1", "t", 2, 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.positions = &position, .count = 1});
    assert_true(got.refusal_count == 1 && got.refusals[0].kind == REFUSAL_DIVERGED);
    position.check = 0; /* unknown */
    got = fetch(lab, (struct feed_demand){.positions = &position, .count = 1});
    expect_seqs(lab, &got, "t/2 ");
}

/* … also where there is nothing behind it yet: who stands there would wait for what never fits. */
static void a_position_of_another_history_is_refused_at_the_head_too(void **state)
{
    struct serve_lab *lab = *state;
    struct position position = {.shard = shard_of("1"), .epoch = 1, .seq = 2, .check = 12345};
    const struct feed_demand demand = {.positions = &position, .count = 1};
    write_changes(lab, "1", "t", 2, 0);
    for (int i = 0; i < 2; i++) {
        struct feed_changes got = fetch(lab, (struct feed_demand){0});
        assert_int_equal(fetch(lab, demand).refusals[0].kind, REFUSAL_DIVERGED);
        assert_int_equal(
            fetch(lab, (struct feed_demand){.positions = got.positions, .count = 1}).refusal_count, 0);
    }
    position = (struct position){.shard = position.shard, .epoch = 2, .seq = 2};
    assert_int_equal(fetch(lab, demand).refusals[0].kind, REFUSAL_FUTURE);
}

/* Each is refused, and together they take no more memory than so many do. */
static void as_many_positions_as_there_may_be_are_refused(void **state)
{
    struct serve_lab *lab = *state;
    const uint32_t count = LIMIT_SHARDS - SHARDS;
    struct position *positions = arena_zalloc(&lab->arena, count * sizeof *positions);
    for (uint32_t i = 0; i < count; i++)
        positions[i] = (struct position){.shard = SHARDS + i, .epoch = 1, .seq = 1};
    struct feed_changes got = fetch(lab, (struct feed_demand){.positions = positions, .count = count});
    assert_int_equal(got.refusal_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_true(got.refusals[i].kind == REFUSAL_FUTURE && got.refusals[i].shard == SHARDS + i);
}

static struct feed_map ask_map(struct serve_lab *lab)
{
    struct operator_request request = {.kind = OPERATOR_MAP};
    struct operator_reply reply;
    LAB_OK(lab, client_ask(lab->client, &request, &lab->arena, &reply, &lab->e));
    return reply.map;
}

static void a_shard_that_is_elsewhere_is_said_to_have_moved(void **state)
{
    struct serve_lab *lab = *state;
    const uint32_t shard = shard_of("1"), other = shard_of("2");
    struct operator_request snapshot = {.kind = OPERATOR_SNAPSHOT,
                                        .snapshot = {.shard = shard, .max_bytes = 1000}};
    struct operator_reply reply;
    write_changes(lab, "1", "t", 2, 0);
    assert_true(ask_map(lab).workers[0].all);
    lab_place(lab->serve, shard, false);

    struct feed_changes got = fetch(lab, (struct feed_demand){0});
    assert_true(got.refusal_count == 1 && got.refusals[0].kind == REFUSAL_MOVED);
    assert_true(got.refusals[0].shard == shard && got.count == 0);
    assert_int_equal(fetch(lab, (struct feed_demand){.now = true}).refusals[0].kind, REFUSAL_MOVED);
    got = fetch(lab, (struct feed_demand){.shards = &other, .shard_count = 1});
    assert_int_equal(got.refusal_count, 0);
    LAB_OK(lab, client_ask(lab->client, &snapshot, &lab->arena, &reply, &lab->e));
    assert_int_equal(reply.snapshot.refusal.kind, REFUSAL_MOVED);
    struct feed_map map = ask_map(lab);
    assert_true(map.version == 2 && !map.workers[0].all && map.workers[0].shard_count == SHARDS - 1);
    for (uint32_t i = 0; i < map.workers[0].shard_count; i++)
        assert_int_not_equal(map.workers[0].shards[i], shard);

    lab_place(lab->serve, shard, true);
    got = fetch(lab, (struct feed_demand){0});
    expect_seqs(lab, &got, "t/1 t/2 ");
    assert_true(ask_map(lab).version == 3 && ask_map(lab).workers[0].all);
}

static void *move_soon(void *context)
{
    struct serve_lab *lab = context;
    usleep(200000);
    lab_place(lab->serve, shard_of("1"), false);
    return NULL;
}

static void who_waits_for_a_shard_that_moves_is_told_at_once(void **state)
{
    struct serve_lab *lab = *state;
    pthread_t thread;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, move_soon, lab), 0);
    struct feed_changes got = fetch(lab, (struct feed_demand){.wait_ms = 20000});
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(got.refusal_count == 1 && got.refusals[0].kind == REFUSAL_MOVED);
    assert_true(clock_steady_ms() - began_ms < 15000);
}

static int ask_fetch(struct serve_lab *lab, struct feed_demand demand)
{
    struct operator_request request = {.kind = OPERATOR_FETCH, .fetch = demand};
    struct operator_reply reply;
    return client_ask(lab->client, &request, &lab->arena, &reply, &lab->e);
}

static void a_demand_that_cannot_be_meant_is_told_why(void **state)
{
    struct serve_lab *lab = *state;
    const uint32_t shards[] = {LIMIT_SHARDS - 1};
    assert_int_equal(ask_fetch(lab, (struct feed_demand){.max_bytes = 1}), ERR_USAGE);
    assert_int_equal(ask_fetch(lab, (struct feed_demand){.max_events = 1}), ERR_USAGE);
    struct feed_demand one = {.max_events = 1, .max_bytes = 1};
    one.filter = (struct filter){.members = 2, .member = 2};
    assert_int_equal(ask_fetch(lab, one), ERR_USAGE);
    one.filter = (struct filter){.touches = BYTES("no-pointer")};
    assert_int_equal(ask_fetch(lab, one), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "no-pointer"));
    one.filter = (struct filter){.ops = 1u << 9};
    assert_int_equal(ask_fetch(lab, one), ERR_USAGE);
    one.filter = (struct filter){0};
    one.shards = shards;
    one.shard_count = 1;
    assert_int_equal(ask_fetch(lab, one), ERR_USAGE);
}

static void positions_of_another_feed_are_refused(void **state)
{
    static const uint8_t foreign[16] = {1};
    struct serve_lab *lab = *state;
    struct operator_request request = {.kind = OPERATOR_SNAPSHOT,
                                       .snapshot = {.feed = foreign, .max_bytes = 1}};
    struct operator_reply reply;
    struct feed_demand demand = {.max_events = 1, .max_bytes = 1, .feed = foreign};
    assert_int_equal(ask_fetch(lab, demand), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "another feed"));
    assert_int_equal(client_ask(lab->client, &request, &lab->arena, &reply, &lab->e), ERR_USAGE);
    demand.feed = lab->folder.feed;
    LAB_OK(lab, ask_fetch(lab, demand));
}

/* --- snapshots, the map, hints --- */

static struct feed_part ask_part(struct serve_lab *lab, struct feed_snapshot demand)
{
    struct operator_request request = {.kind = OPERATOR_SNAPSHOT, .snapshot = demand};
    struct operator_reply reply;
    LAB_OK(lab, client_ask(lab->client, &request, &lab->arena, &reply, &lab->e));
    return reply.snapshot;
}

static void a_snapshot_holds_the_changes_behind_it_back(void **state)
{
    struct serve_lab *lab = *state;
    uint32_t shard = shard_of("1");
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 1);
    struct feed_part part = ask_part(lab, (struct feed_snapshot){.shard = shard, .max_bytes = 1});
    assert_true(!part.last && part.collection_count == 1 && part.collections[0].row_count == 1);
    assert_true(part.begin.seq == 2 && part.begin.check != 0 && part.collections[0].complete);
    assert_int_equal(feed_holds_seq(lab->holds, shard, clock_steady_ms()), 2);
    struct feed_snapshot next = {.shard = shard,
                                 .has_begin = true,
                                 .begin = part.begin,
                                 .collection = part.collection,
                                 .row = part.row,
                                 .max_bytes = 1000};
    part = ask_part(lab, next);
    assert_true(part.last && part.collections[0].row_count == 1);
    assert_true(bytes_is(part.collections[0].rows[0].id, "b"));
    set_resource(lab, "1", "t", "a", 2);
    set_resource(lab, "1", "t", "a", 3);
    forget_changes(lab, "1", 3);
    part = ask_part(lab, next);
    assert_int_equal(part.refusal.kind, REFUSAL_COMPACTED);
}

/* Who rebuilds a shard needs what deletes rest on: of what is retained, and of what comes. */
static void receipts_come_with_what_rests_on_them(void **state)
{
    struct serve_lab *lab = *state;
    struct receipt receipt;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 1);
    set_resource(lab, "1", "t", "a", -1);
    struct feed_changes got = fetch(lab, (struct feed_demand){.receipts = true});
    assert_true(got.count == 3 && got.receipt_count == 1);
    LAB_OK(lab, receipt_unpack(&lab->arena, got.receipts[0], &receipt, &lab->e));
    assert_true(receipt.sound && receipt.id.shard == shard_of("1") && receipt.id.harvest == 1);
    got = fetch(lab, (struct feed_demand){0});
    assert_int_equal(got.receipt_count, 0);
    struct feed_part part =
        ask_part(lab, (struct feed_snapshot){.shard = shard_of("1"), .max_bytes = 1000, .receipts = true});
    assert_true(part.last && part.collections[0].row_count == 1 && part.collections[0].receipt_count == 1);
    LAB_OK(lab, receipt_unpack(&lab->arena, part.collections[0].receipts[0], &receipt, &lab->e));
    assert_int_equal(receipt.id.harvest, 1);
}

static void the_map_says_that_all_is_here(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_request request = {.kind = OPERATOR_MAP};
    struct operator_reply reply;
    LAB_OK(lab, client_ask(lab->client, &request, &lab->arena, &reply, &lab->e));
    assert_true(reply.map.version > 0 && reply.map.worker_count == 1 && reply.map.workers[0].all);
    assert_int_equal(reply.map.workers[0].address.len, 0);
}

/* Hear hints until one says that the shard ends there. */
static void hear(struct serve_lab *lab, nng_socket listener, uint32_t shard, uint64_t seq)
{
    for (bool heard = false; !heard;) {
        struct feed_hint hint;
        void *data;
        size_t len;
        assert_int_equal(nng_recv(listener, &data, &len, NNG_FLAG_ALLOC), 0);
        assert_true(feed_hint_unpack(&lab->arena, (struct bytes){data, len}, &hint));
        assert_memory_equal(hint.feed, lab->folder.feed, sizeof hint.feed);
        for (uint32_t i = 0; i < hint.head_count; i++)
            heard |= hint.heads[i].shard == shard && hint.heads[i].seq == seq && hint.heads[i].epoch == 1;
        nng_free(data, len);
    }
}

static void who_listens_hears_where_shards_end(void **state)
{
    struct serve_lab *lab = *state;
    nng_socket listener;
    set_resource(lab, "1", "t", "a", 1);
    assert_int_equal(nng_sub0_open(&listener), 0);
    assert_int_equal(nng_socket_set(listener, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
    assert_int_equal(nng_socket_set_ms(listener, NNG_OPT_RECVTIMEO, 20000), 0);
    assert_int_equal(nng_dial(listener, serve_address(lab->serve), NULL, 0), 0);
    hear(lab, listener, shard_of("1"), 1); /* what was before it listened, too */
    set_resource(lab, "1", "t", "a", 2);
    hear(lab, listener, shard_of("1"), 2);
    struct feed_changes got = fetch(lab, (struct feed_demand){0}); /* others are served meanwhile */
    assert_int_equal(got.count, 2);
    assert_int_equal(nng_close(listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(a_subscriber_gets_each_change_once_and_goes_on_from_its_position),
        SERVE_TEST(now_is_behind_all_there_is_and_oldest_before),
        SERVE_TEST(what_is_filtered_out_moves_the_position_all_the_same),
        SERVE_TEST(a_demand_gives_no_more_than_was_asked_for),
        SERVE_TEST(who_waits_is_woken_by_a_commit),
        SERVE_TEST(who_waits_in_vain_gets_nothing),
        SERVE_TEST(a_position_that_is_not_there_yet_is_refused),
        SERVE_TEST(a_position_of_another_change_is_refused),
        SERVE_TEST(a_position_of_another_history_is_refused_at_the_head_too),
        SERVE_TEST(as_many_positions_as_there_may_be_are_refused),
        SERVE_TEST(a_shard_that_is_elsewhere_is_said_to_have_moved),
        SERVE_TEST(who_waits_for_a_shard_that_moves_is_told_at_once),
        SERVE_TEST(a_demand_that_cannot_be_meant_is_told_why),
        SERVE_TEST(a_snapshot_holds_the_changes_behind_it_back),
        SERVE_TEST(positions_of_another_feed_are_refused),
        SERVE_TEST(receipts_come_with_what_rests_on_them),
        SERVE_TEST(the_map_says_that_all_is_here),
        SERVE_TEST(who_listens_hears_where_shards_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
