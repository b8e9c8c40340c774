/* Following: two owners that serve and write, and one who follows them, over connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/test_copy_lab.h"
#include "worker/feed/holds.h"
#include "worker/follow/following.h"
#include "worker/serve/serve.h"

enum { OWNERS = 2, SHARDS = 3, FOLLOWER = 9, PATIENCE_MS = 20000 };

struct owner {
    char path[256], address[64];
    struct folder folder;
    struct feed_holds *holds;
    struct serve *serve;
};

struct place {
    struct owner owners[OWNERS];
    char path[256];
    struct folder folder; /* the follower's */
    struct following *following;
    uint32_t owner_of[SHARDS];
    struct followed followed[SHARDS];
    uint32_t followed_count;
    uint64_t orders;
    struct history history;
    struct arena arena;
    struct error e;
    pthread_mutex_t lock; /* of: */
    struct copy_state stored[SHARDS];
    unsigned stored_count[SHARDS];
    struct buffer lines;
};

/* --- the follower --- */

static void on_stored(void *context, uint32_t shard)
{
    struct place *place = context;
    struct copy_state state;
    struct store *store;
    struct error e;
    if (folder_store(&place->folder, shard, &store, &e) || store_copy_state(store, &state, &e))
        abort();
    pthread_mutex_lock(&place->lock);
    place->stored[shard] = state;
    place->stored_count[shard]++;
    pthread_mutex_unlock(&place->lock);
}

static void on_trouble(void *context, const char *line)
{
    struct place *place = context;
    pthread_mutex_lock(&place->lock);
    buffer_printf(&place->lines, "%s\n", line);
    pthread_mutex_unlock(&place->lock);
}

static bool was_said(struct place *place, const char *text)
{
    pthread_mutex_lock(&place->lock);
    bool was = strstr(buffer_text(&place->lines), text);
    pthread_mutex_unlock(&place->lock);
    return was;
}

static unsigned count_said(struct place *place, const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&place->lock);
    for (const char *at = buffer_text(&place->lines); (at = strstr(at, text)); at++)
        count++;
    pthread_mutex_unlock(&place->lock);
    return count;
}

static struct copy_state stored(struct place *place, uint32_t shard)
{
    pthread_mutex_lock(&place->lock);
    struct copy_state state = place->stored[shard];
    pthread_mutex_unlock(&place->lock);
    return state;
}

static void open_following(struct place *place)
{
    struct following_setting setting = {.folder = &place->folder,
                                        .worker = "w9",
                                        .context = place,
                                        .stored = on_stored,
                                        .trouble = on_trouble};
    LAB_OK(place, following_open(&setting, &place->following, &place->e));
    following_lease(place->following, INT64_MAX);
}

static void follow_all(struct place *place)
{
    for (uint32_t i = 0; i < SHARDS; i++)
        place->followed[i] = (struct followed){i, place->owners[place->owner_of[i]].address, i == 1};
    following_set(place->following, place->followed, SHARDS);
}

static void follow_none(struct place *place)
{
    following_set(place->following, NULL, 0);
}

/* --- owners --- */

static struct store *store_of(struct place *place, uint32_t shard)
{
    struct store *store;
    LAB_OK(place, folder_store(&place->owners[place->owner_of[shard]].folder, shard, &store, &place->e));
    return store;
}

static void order(struct place *place, uint32_t shard)
{
    const struct replica_order replica = {.worker = FOLLOWER};
    const struct cluster_peer peer = {FOLLOWER, BYTES("w9"), BYTES("")};
    const struct shard_order order = {.shard = shard,
                                      .role = ROLE_OWNER,
                                      .version = ++place->orders,
                                      .owner = CLUSTER_NOBODY,
                                      .replicas = &replica,
                                      .replica_count = 1};
    store_of(place, shard);
    LAB_OK(place, serve_order(place->owners[place->owner_of[shard]].serve, &order, &peer, 1, &place->e));
}

static void serve(struct place *place, uint32_t number)
{
    struct owner *owner = &place->owners[number];
    struct serve_setting setting = {.address = *owner->address ? owner->address : "tcp://127.0.0.1:0",
                                    .folder = &owner->folder,
                                    .by_orders = true,
                                    .holds = owner->holds};
    int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
    int r;
    while ((r = serve_open(&setting, &owner->serve, &place->e)) && clock_steady_ms() < end_ms)
        usleep(10000); /* the address may be in use for a moment yet */
    LAB_OK(place, r);
    snprintf(owner->address, sizeof owner->address, "%s", serve_address(owner->serve));
    for (uint32_t i = 0; i < SHARDS; i++)
        if (place->owner_of[i] == number)
            order(place, i);
}

static void be_away(struct place *place, uint32_t number)
{
    serve_close(place->owners[number].serve);
    place->owners[number].serve = NULL;
}

static void write_some(struct place *place, uint32_t shard, uint32_t harvests)
{
    struct store *store = store_of(place, shard);
    struct serve *serve = place->owners[place->owner_of[shard]].serve;
    place->history.shard = shard;
    LAB_OK(place, store_write(store, &place->e));
    for (uint32_t i = 0; i < harvests; i++)
        history_harvest(&place->history, store);
    LAB_OK(place, store_commit(store, &place->e));
    if (serve)
        serve_committed(serve, shard, store_head(store));
}

/* --- the lab --- */

static int setup(void **state)
{
    static const uint8_t feed[16] = {7};
    struct place *place = mem_zalloc(sizeof *place);
    random_seed(&place->history.random, 5);
    place->history.now_ms = INT64_C(1795341600123);
    CHECK(pthread_mutex_init(&place->lock, NULL) == 0);
    place->owner_of[2] = 1;
    for (uint32_t i = 0; i < OWNERS; i++) {
        lab_make_folder(place->owners[i].path);
        LAB_OK(place, folder_open_as(&place->owners[i].folder, place->owners[i].path, SHARDS,
                                     (uint64_t)64 << 20, feed, &place->e));
        place->owners[i].holds = feed_holds_open();
        serve(place, i);
    }
    lab_make_folder(place->path);
    LAB_OK(place, folder_open_as(&place->folder, place->path, SHARDS, (uint64_t)64 << 20, feed, &place->e));
    open_following(place);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    following_close(place->following);
    folder_close(&place->folder);
    lab_remove_folder(place->path);
    for (uint32_t i = 0; i < OWNERS; i++) {
        serve_close(place->owners[i].serve);
        feed_holds_close(place->owners[i].holds);
        folder_close(&place->owners[i].folder);
        lab_remove_folder(place->owners[i].path);
    }
    arena_close(&place->history.arena);
    arena_close(&place->arena);
    buffer_close(&place->lines);
    pthread_mutex_destroy(&place->lock);
    free(place);
    return 0;
}

/* Until the copy is whole and has all that its owner has. */
static void wait_for(struct place *place, uint32_t shard)
{
    int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
    uint64_t head = store_head(store_of(place, shard));
    struct copy_state state = stored(place, shard);
    while ((!state.is_whole || state.head != head) && clock_steady_ms() < end_ms) {
        usleep(2000);
        state = stored(place, shard);
    }
    if (!state.is_whole || state.head != head)
        fail_msg("shard %u: is whole: %d, at %llu of %llu; said: %s", shard, state.is_whole,
                 (unsigned long long)state.head, (unsigned long long)head, buffer_text(&place->lines));
}

static void wait_for_all(struct place *place)
{
    for (uint32_t i = 0; i < SHARDS; i++)
        wait_for(place, i);
}

static void wait_for_line(struct place *place, const char *text)
{
    int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
    while (!was_said(place, text) && clock_steady_ms() < end_ms)
        usleep(2000);
    if (!was_said(place, text))
        fail_msg("'%s' is not said: %s", text, buffer_text(&place->lines));
}

/* Nobody may be writing to the copies. */
static void compare_all(struct place *place)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct copy_lab lab = {.sides[0].store = store_of(place, i)};
        LAB_OK(place, folder_store(&place->folder, i, &lab.sides[1].store, &place->e));
        copy_compare(&lab);
        arena_close(&lab.arena);
        buffer_close(&lab.faults);
    }
}

/* --- tests --- */

static void shards_of_several_owners_are_followed_while_they_write(void **state)
{
    struct place *place = *state;
    for (uint32_t i = 0; i < SHARDS; i++)
        write_some(place, i, 80);
    follow_all(place);
    for (uint32_t i = 0; i < 60; i++) {
        write_some(place, i % SHARDS, 3);
        usleep(1000);
    }
    wait_for_all(place);
    for (uint32_t i = 0; i < 10; i++)
        write_some(place, i % SHARDS, 2);
    wait_for_all(place);
    follow_none(place);
    compare_all(place);
    assert_string_equal(buffer_text(&place->lines), "");
}

static void a_shard_in_which_nothing_has_happened_is_followed(void **state)
{
    struct place *place = *state;
    follow_all(place);
    wait_for_all(place);
    write_some(place, 0, 5);
    wait_for_all(place);
    follow_none(place);
    compare_all(place);
}

/* What is stored is told the owner at once: so it may let others have it. */
static void owners_hear_at_once_what_is_stored(void **state)
{
    struct place *place = *state;
    uint32_t held = 0, behind = 0;
    int64_t end_ms = clock_steady_ms() + PATIENCE_MS;
    write_some(place, 1, 30);
    follow_all(place);
    wait_for(place, 1);
    while (!held && clock_steady_ms() < end_ms) {
        usleep(2000);
        serve_report(place->owners[0].serve, 1, &held, &behind);
    }
    assert_int_equal(held, 1);
}

static void an_owner_that_is_away_is_told_of_once_and_followed_again(void **state)
{
    struct place *place = *state;
    for (uint32_t i = 0; i < SHARDS; i++)
        write_some(place, i, 20);
    follow_all(place);
    wait_for_all(place);
    be_away(place, 0);
    wait_for_line(place, "can't be followed");
    write_some(place, 0, 5);
    write_some(place, 2, 5);
    wait_for(place, 2); /* the other owner's */
    usleep(600000);
    assert_int_equal(count_said(place, "can't be followed"), 1);
    serve(place, 0);
    wait_for_all(place);
    wait_for_line(place, "are followed again");
    follow_none(place);
    compare_all(place);
}

static void what_is_not_followed_any_more_is_not_written_to(void **state)
{
    struct place *place = *state;
    struct store *store;
    write_some(place, 0, 20);
    write_some(place, 2, 20);
    follow_all(place);
    wait_for_all(place);
    following_set(place->following, &place->followed[2], 1);
    LAB_OK(place, folder_store(&place->folder, 0, &store, &place->e));
    uint64_t head = store_head(store);
    write_some(place, 0, 5);
    write_some(place, 2, 5);
    wait_for(place, 2);
    usleep(200000);
    LAB_OK(place, store_read(store, &place->e));
    store_done(store);
    assert_int_equal(store_head(store), head);
    LAB_OK(place, folder_drop(&place->folder, 0, &place->e)); /* nobody has it in use */
    follow_all(place);
    wait_for_all(place);
    follow_none(place);
    compare_all(place);
}

static void without_a_lease_nothing_is_asked(void **state)
{
    struct place *place = *state;
    write_some(place, 0, 20);
    following_lease(place->following, clock_steady_ms());
    follow_all(place);
    usleep(300000);
    assert_int_equal(stored(place, 0).head, 0);
    following_lease(place->following, INT64_MAX);
    wait_for_all(place);
}

static void a_copy_with_another_history_is_begun_anew_and_that_is_said(void **state)
{
    struct place *place = *state;
    write_some(place, 0, 20);
    follow_all(place);
    wait_for_all(place);
    follow_none(place);
    place->owner_of[0] = 1; /* it knows nothing of that shard, and begins */
    write_some(place, 0, 50);
    order(place, 0);
    follow_all(place);
    wait_for_line(place, "shard 0: the copy is begun anew: its owner's history is another one");
    wait_for_all(place);
    follow_none(place);
    compare_all(place);
}

/* The one whose map is full is tried again, and delays nobody. */
static void a_copy_that_cannot_be_stored_is_told_of_once_and_others_go_on(void **state)
{
    struct place *place = *state;
    following_close(place->following);
    place->folder.map_size = (uint64_t)1 << 20;
    open_following(place);
    write_some(place, 2, 900);
    write_some(place, 0, 5);
    follow_all(place);
    wait_for_line(place, "shard 2: its copy doesn't go on");
    wait_for(place, 0);
    for (int i = 0; i < 10; i++) {
        write_some(place, 0, 2);
        wait_for(place, 0);
    }
    assert_int_equal(count_said(place, "shard 2: its copy doesn't go on"), 1);
}

/* Owners come and go, and so does the follower: each of them with what it had. */
static void whoever_comes_and_goes_the_copies_come_to_be_the_same(void **state)
{
    struct place *place = *state;
    struct history *h = &place->history;
    for (int round = 0; round < 40; round++) {
        uint32_t what = history_pick(h, 10), number = history_pick(h, OWNERS);
        write_some(place, history_pick(h, SHARDS), 1 + history_pick(h, 20));
        if (what == 0 && place->owners[number].serve)
            be_away(place, number);
        else if (what <= 2 && !place->owners[number].serve)
            serve(place, number);
        else if (what == 3)
            follow_none(place);
        else if (what == 4) {
            following_close(place->following);
            open_following(place);
        } else if (what <= 7) {
            follow_all(place);
        }
        usleep(history_pick(h, 40000));
    }
    for (uint32_t i = 0; i < OWNERS; i++)
        if (!place->owners[i].serve)
            serve(place, i);
    follow_all(place);
    wait_for_all(place);
    follow_none(place);
    compare_all(place);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(shards_of_several_owners_are_followed_while_they_write),
        T(a_shard_in_which_nothing_has_happened_is_followed),
        T(owners_hear_at_once_what_is_stored),
        T(an_owner_that_is_away_is_told_of_once_and_followed_again),
        T(what_is_not_followed_any_more_is_not_written_to),
        T(without_a_lease_nothing_is_asked),
        T(a_copy_with_another_history_is_begun_anew_and_that_is_said),
        T(a_copy_that_cannot_be_stored_is_told_of_once_and_others_go_on),
        T(whoever_comes_and_goes_the_copies_come_to_be_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
