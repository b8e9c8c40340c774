/* The gateway's streams where shards are with two workers. */
#include "tests/unit/test_serve_lab.h"

#include "gateway/stream.h"
#include "tests/unit/test_serve_guide.h"

enum { BOOKMARK_MS = 1000 }; /* about: when a stream goes on that lacks nothing */

struct viewer {
    struct guide guide;
    struct reach reach;
    struct stream stream;
    struct buffer out;
    struct fault fault;
};

static void view(struct viewer *viewer, enum query_kind kind, const char *from, bool follow)
{
    struct tokens *everybody = tokens_none();
    const struct tenant *tenant = tokens_find(everybody, NULL);
    struct query query;
    query_begin(&query, kind);
    query.from = from;
    query.follow = follow;
    assert_true(query_end(&query, tenant));
    stream_open(&viewer->stream, &query, everybody, tenant);
    tokens_release(everybody);
}

static struct viewer *open_viewer(struct serve_lab *lab)
{
    struct viewer *viewer = mem_zalloc(sizeof *viewer);
    open_guide(lab, &viewer->guide);
    reach_open(&viewer->reach, rpc_server_address(viewer->guide.server), LIMIT_REACH_ANSWER_MS);
    return viewer;
}

static void close_viewer(struct viewer *viewer)
{
    stream_close(&viewer->stream);
    reach_close(&viewer->reach);
    buffer_close(&viewer->out);
    close_guide(&viewer->guide);
    free(viewer);
}

static enum stream_step next(struct viewer *viewer)
{
    buffer_reset(&viewer->out);
    return stream_next(&viewer->stream, &viewer->reach, true, &viewer->out, &viewer->fault);
}

static bool has(const struct viewer *viewer, const char *id)
{
    char text[64];
    snprintf(text, sizeof text, "\"id\":\"%s\"", id);
    return strstr(buffer_text(&viewer->out), text) != NULL;
}

/* Until something of it comes. */
static void expect(struct viewer *viewer, const char *id)
{
    int64_t end_ms = clock_steady_ms() + 10000;
    do {
        if (next(viewer) == STREAM_ENDS)
            fail_msg("it ends: %s", viewer->fault.text);
        assert_true(clock_steady_ms() < end_ms);
        usleep(20000);
    } while (!has(viewer, id));
}

static void a_worker_that_is_away_holds_up_no_other_and_may_be_replaced(void **state)
{
    struct serve_lab *lab = *state;
    struct viewer *viewer = open_viewer(lab);
    view(viewer, QUERY_CHANGES, "now", true);
    assert_int_equal(next(viewer), STREAM_RESTS);
    serve_close(viewer->guide.other);
    viewer->guide.other = NULL;
    set_resource(lab, "1", "t", "a", 1);
    expect(viewer, "a");
    set_resource(lab, "2", "t", "b", 1);
    viewer->guide.owners[shard_of("2")] = 0;
    expect(viewer, "b");
    close_viewer(viewer);
}

static void a_shard_that_moves_is_followed_and_holds_up_no_other(void **state)
{
    struct serve_lab *lab = *state;
    struct viewer *viewer = open_viewer(lab);
    view(viewer, QUERY_CHANGES, "now", true);
    assert_int_equal(next(viewer), STREAM_RESTS);
    assert_true(stream_due_ms(&viewer->stream) > clock_steady_ms() + BOOKMARK_MS / 2);
    lab_place(viewer->guide.other, shard_of("2"), false);
    set_resource(lab, "2", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 1);
    expect(viewer, "b");
    uint64_t asked = viewer->guide.asked;
    for (int i = 0; i < 50; i++)
        next(viewer);
    assert_true(viewer->guide.asked < asked + 10); /* the map, that is the old one */
    assert_true(stream_due_ms(&viewer->stream) < clock_steady_ms() + BOOKMARK_MS);
    viewer->guide.owners[shard_of("2")] = 0;
    expect(viewer, "a");
    close_viewer(viewer);
}

/* It is there, and says nothing new: for who has its shards now may not have told it yet. */
static void the_map_is_asked_for_where_a_worker_has_no_lease(void **state)
{
    struct serve_lab *lab = *state;
    struct viewer *viewer = open_viewer(lab);
    uint32_t shard = shard_of("2");
    view(viewer, QUERY_CHANGES, "now", true);
    assert_int_equal(next(viewer), STREAM_RESTS);
    viewer->guide.owners[shard] = 0;
    uint64_t asked = viewer->guide.asked;
    assert_int_equal(next(viewer), STREAM_RESTS);
    assert_int_equal(viewer->guide.asked, asked);
    serve_lease(viewer->guide.other, clock_steady_ms());
    int64_t end_ms = clock_steady_ms() + 10000;
    while (follow_owner(&viewer->stream.follow, shard) != 0 && clock_steady_ms() < end_ms) {
        assert_int_equal(next(viewer), STREAM_RESTS);
        usleep(20000);
    }
    assert_int_equal(follow_owner(&viewer->stream.follow, shard), 0);
    close_viewer(viewer);
}

static void nobody_begins_at_the_end_of_a_shard_that_is_nobodys(void **state)
{
    struct serve_lab *lab = *state;
    struct viewer *viewer = open_viewer(lab);
    viewer->guide.owners[shard_of("1")] = -1;
    view(viewer, QUERY_CHANGES, "now", true);
    assert_int_equal(next(viewer), STREAM_ENDS);
    assert_int_equal(viewer->fault.kind, FAULT_UNAVAILABLE);
    (void)lab;
    close_viewer(viewer);
}

/* Half of an answer isn't one: it waits for the rest, and says that it lacks it. */
static void what_has_an_end_doesnt_end_without_a_shard_that_is_nobodys(void **state)
{
    struct serve_lab *lab = *state;
    struct viewer *viewer = open_viewer(lab);
    set_resource(lab, "1", "t", "a", 1);
    set_at_other(&viewer->guide, "2", "b", 1);
    viewer->guide.owners[shard_of("2")] = -1;
    view(viewer, QUERY_RESOURCES, NULL, false);
    expect(viewer, "a");
    int64_t began_ms = clock_steady_ms();
    enum stream_step step = STREAM_RESTS;
    while (step != STREAM_ENDS && clock_steady_ms() < began_ms + 20000) {
        step = next(viewer);
        usleep(50000);
    }
    assert_int_equal(step, STREAM_ENDS);
    assert_int_equal(viewer->fault.kind, FAULT_UNAVAILABLE);
    assert_true(clock_steady_ms() - began_ms > 5000);
    close_viewer(viewer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(a_worker_that_is_away_holds_up_no_other_and_may_be_replaced),
        SERVE_TEST(a_shard_that_moves_is_followed_and_holds_up_no_other),
        SERVE_TEST(the_map_is_asked_for_where_a_worker_has_no_lease),
        SERVE_TEST(nobody_begins_at_the_end_of_a_shard_that_is_nobodys),
        SERVE_TEST(what_has_an_end_doesnt_end_without_a_shard_that_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
