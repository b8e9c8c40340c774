/* Snapshots of a shard that has followers: what a part shows must be stored by them. */
#include "tests/unit/test_serve_lab.h"

#include "tests/unit/test_serve_followers.h"
#include "tests/unit/test_serve_resources.h"

/* What it shows waits for the followers, not for the shard to rest: it is given as it was read. */
static void a_part_of_a_snapshot_is_given_once_what_it_shows_is_served(void **state)
{
    struct serve_lab *lab = *state;
    struct later later = {.lab = lab, .first = 1, .second = 2};
    struct feed_part part;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 2);
    own(lab, 1, true);
    fetch(lab, "w7", 1, 0);
    int64_t began_ms = clock_steady_ms();
    begin_later(&later);
    LAB_OK(lab, ask_part(lab, NULL, &part));
    assert_true(clock_steady_ms() - began_ms >= 350);
    end_later(&later);
    assert_true(part.begin.seq == 2 && part.collection_count == 1 && part.collections[0].row_count == 2);

    set_resource(lab, "1", "t", "c", 3);
    LAB_OK(lab, ask_part(lab, "w7", &part)); /* who follows doesn't wait for itself */
    assert_true(part.begin.seq == 3 && part.collections[0].row_count == 3);
}

static void *change_soon(void *context)
{
    struct serve_lab *lab = context;
    struct client *client;
    struct error e;
    if (client_open(serve_address(lab->serve), NULL, &client, &e))
        abort();
    usleep(200000);
    serve_committed(lab->serve, shard_of("1"), 1000); /* it has gone on meanwhile */
    say(client, 2);
    client_close(client);
    return NULL;
}

static void a_shard_that_never_rests_holds_up_no_snapshot(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_part part;
    pthread_t thread;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 2);
    own(lab, 1, true);
    fetch(lab, "w7", 1, 0);
    assert_int_equal(pthread_create(&thread, NULL, change_soon, lab), 0);
    LAB_OK(lab, ask_part(lab, NULL, &part));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(part.begin.seq == 2 && part.collections[0].row_count == 2);
}

static void a_snapshot_whose_followers_say_nothing_is_to_be_asked_again(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_part part;
    set_resource(lab, "1", "t", "a", 1);
    own(lab, 1, true);
    assert_int_equal(ask_part(lab, NULL, &part), ERR_BUSY);
    assert_non_null(strstr(lab->e.text, "ask again"));
}

static void *move_soon(void *context)
{
    usleep(200000);
    lab_place(((struct serve_lab *)context)->serve, shard_of("1"), false);
    return NULL;
}

static void a_snapshot_that_waits_is_told_when_the_shard_moves(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_part part;
    pthread_t thread;
    set_resource(lab, "1", "t", "a", 1);
    own(lab, 1, true);
    assert_int_equal(pthread_create(&thread, NULL, move_soon, lab), 0);
    LAB_OK(lab, ask_part(lab, NULL, &part));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(part.refusal.kind, REFUSAL_MOVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(a_part_of_a_snapshot_is_given_once_what_it_shows_is_served),
        SERVE_TEST(a_shard_that_never_rests_holds_up_no_snapshot),
        SERVE_TEST(a_snapshot_whose_followers_say_nothing_is_to_be_asked_again),
        SERVE_TEST(a_snapshot_that_waits_is_told_when_the_shard_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
