/* libgarner where shards are with two workers: whoever is named gives the map, and each worker is asked for
 * what it has. The workers are two servers on one folder. */
#include "tests/unit/test_serve_lab.h"

#include "client/garner.h"
#include "tests/unit/test_serve_guide.h"

enum { PATIENCE_MS = 10000 };

static struct buffer said;

static void say_sentence(void *context, const char *sentence)
{
    (void)context;
    buffer_printf(&said, "%s\n", sentence);
}

static struct garner *subscribe_for(const struct guide *guide, int give_up_ms)
{
    struct garner_options options = GARNER_OPTIONS;
    struct garner_error error;
    options.give_up_ms = give_up_ms;
    options.say = say_sentence;
    buffer_close(&said);
    options.address = rpc_server_address(guide->server);
    options.from = "now";
    struct garner *feed = garner_open(&options, &error);
    if (!feed)
        fail_msg("%s", error.text);
    return feed;
}

static struct garner *subscribe(const struct guide *guide)
{
    return subscribe_for(guide, 0);
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
    struct garner *feed = subscribe(&guide);
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
    struct garner *feed = subscribe(&guide);
    serve_close(guide.other);
    for (int i = 0; i < 5; i++) {
        set_resource(lab, "1", "t", arena_printf(&lab->arena, "a%d", i), 1);
        take(feed, 1);
    }
    struct serve_setting again = {.address = guide.addresses[1], .folder = &lab->folder, .holds = lab->holds};
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
    struct garner *feed = subscribe(&guide);
    set_resource(lab, "1", "t", "a", 1);
    take(feed, 1);
    lab_place(lab->serve, shard_of("1"), false);
    lab_place(guide.other, shard_of("1"), true);
    set_at_other(&guide, "1", "b", 1);
    take_nothing(feed);
    guide.owners[shard_of("1")] = 1;
    take(feed, 1);
    set_at_other(&guide, "1", "c", 1);
    take(feed, 1);
    garner_close(feed);
    close_guide(&guide);
}

/* It is refused with its worker's others, and holds them up for no longer than that. */
static void a_shard_that_is_on_its_way_holds_up_no_other(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    guide.owners[shard_of("2")] = 0;
    struct garner *feed = subscribe(&guide);
    lab_place(lab->serve, shard_of("1"), false);
    for (int i = 0; i < 5; i++) {
        set_resource(lab, "2", "t", arena_printf(&lab->arena, "a%d", i), 1);
        take(feed, 1);
    }
    assert_true(guide.asked < 20);
    garner_close(feed);
    close_guide(&guide);
}

static void a_shard_that_is_nobodys_is_waited_for_and_that_is_said_once(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    struct garner *feed = subscribe(&guide);
    lab_place(lab->serve, shard_of("1"), false);
    guide.owners[shard_of("1")] = -1;
    set_resource(lab, "1", "t", "a", 1);
    for (int i = 0; i < 8; i++)
        take_nothing(feed);
    lab_place(lab->serve, shard_of("1"), true);
    guide.owners[shard_of("1")] = 0;
    take(feed, 1);
    const char *wanted =
        arena_printf(&lab->arena,
                     "shard %u is nobody's for now: waiting for a worker that has what is missing\n"
                     "all shards are somebody's again: going on where we were\n",
                     shard_of("1"));
    for (int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
         said.len < strlen(wanted) && clock_steady_ms() < end_ms;)
        take_nothing(feed);
    assert_string_equal(buffer_text(&said), wanted);
    assert_true(guide.asked < 30);
    garner_close(feed);
    close_guide(&guide);
}

static void who_gives_up_is_told_which_shards_are_nobodys(void **state)
{
    struct serve_lab *lab = *state;
    const struct garner_batch *batch;
    struct guide guide;
    struct garner_error error;
    int64_t end_ms = clock_steady_ms() + 2 * PATIENCE_MS;
    open_guide(lab, &guide);
    struct garner *feed = subscribe_for(&guide, 1);
    lab_place(lab->serve, shard_of("1"), false);
    guide.owners[shard_of("1")] = -1;
    while (garner_next(feed, 200, &batch, &error) == GARNER_OK) {
        assert_false(batch->at_end && clock_steady_ms() > end_ms - 2 * PATIENCE_MS + 1000);
        assert_true(clock_steady_ms() < end_ms);
    }
    assert_int_equal(error.code, GARNER_CONNECT);
    assert_non_null(strstr(error.text, arena_printf(&lab->arena, "shard %u is nobody's", shard_of("1"))));
    garner_close(feed);
    close_guide(&guide);
}

static void what_a_worker_had_that_is_gone_for_good_is_followed_where_it_goes(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    struct garner *feed = subscribe(&guide);
    serve_close(guide.other);
    guide.other = NULL;
    take_nothing(feed);
    set_resource(lab, "2", "t", "a", 1);
    guide.owners[shard_of("2")] = 0;
    take(feed, 1);
    set_resource(lab, "1", "t", "b", 1);
    take(feed, 1);
    garner_close(feed);
    close_guide(&guide);
}

/* Who gives the map may be away: what is known of it goes on. */
static void without_a_guide_subscribers_go_on_with_the_workers(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    open_guide(lab, &guide);
    struct garner *feed = subscribe(&guide);
    rpc_server_close(guide.server);
    guide.server = NULL;
    lab_place(lab->serve, shard_of("1"), false); /* the map is wanted, and not to be had */
    for (int i = 0; i < 3; i++) {
        set_at_other(&guide, "2", arena_printf(&lab->arena, "a%d", i), 1);
        take(feed, 1);
    }
    lab_place(lab->serve, shard_of("1"), true);
    garner_close(feed);
    close_guide(&guide);
}

static void *arrive_soon(void *context)
{
    struct guide *guide = context;
    usleep(500000);
    guide->owners[shard_of("1")] = 1;
    return NULL;
}

static void who_begins_at_the_end_waits_for_a_shard_that_is_on_its_way(void **state)
{
    struct serve_lab *lab = *state;
    struct guide guide;
    pthread_t thread;
    open_guide(lab, &guide);
    set_resource(lab, "1", "t", "a", 1);
    deliver_elsewhere(&guide, "1");
    lab_place(lab->serve, shard_of("1"), false);
    assert_int_equal(pthread_create(&thread, NULL, arrive_soon, &guide), 0);
    struct garner *feed = subscribe(&guide);
    assert_int_equal(pthread_join(thread, NULL), 0);
    set_at_other(&guide, "1", "b", 1);
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
        SERVE_TEST(a_shard_that_is_on_its_way_holds_up_no_other),
        SERVE_TEST(a_shard_that_is_nobodys_is_waited_for_and_that_is_said_once),
        SERVE_TEST(who_gives_up_is_told_which_shards_are_nobodys),
        SERVE_TEST(what_a_worker_had_that_is_gone_for_good_is_followed_where_it_goes),
        SERVE_TEST(without_a_guide_subscribers_go_on_with_the_workers),
        SERVE_TEST(who_begins_at_the_end_waits_for_a_shard_that_is_on_its_way),
        SERVE_TEST(nobody_begins_at_the_end_of_a_shard_that_is_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
