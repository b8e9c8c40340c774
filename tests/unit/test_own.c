/* A worker's shards come and go while it runs, each in its epoch; and it works as long as its lease lasts. */
#include "tests/unit/test_own_lab.h"
#include "worker/run/crew.h"

static void nothing_is_harvested_before_a_shard_is_owned(void **state)
{
    struct world *world = *state;
    begin(world, 2);
    usleep(300000);
    for (unsigned place = 0; place < PLACES; place++)
        assert_int_equal(asked(world, place), 0);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_false(folder_has(&world->folder, i));
    assert_int_equal(crew_load(world->crew, 0, INT64_MAX), 0);
}

static void what_is_owned_is_harvested_and_what_is_released_is_left_alone(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 2);
    OK(world, try_own(world, shard, 3, true));
    WAIT(head_of(world, shard) >= 3);
    release(world, shard);
    rests(world, TWO);
    assert_int_equal(log_of(world, shard).epoch, 3);
    uint64_t head = head_of(world, shard);
    OK(world, try_own(world, shard, 5, false));
    WAIT(head_of(world, shard) > head);
    release(world, shard);
    struct log log = log_of(world, shard);
    assert_int_equal(log.epoch, 5);
    assert_int_equal(log.first, head + 1);
    assert_int_equal(log.statuses, 1); /* listed */
    end(world);
    said_nothing(world);
}

static void a_shard_comes_and_goes_any_number_of_times(void **state)
{
    struct world *world = *state;
    int64_t longest_ms = 0;
    begin(world, 2);
    atomic_store(&world->cloud.pages, 20);
    atomic_store(&world->cloud.delay_ms, 2);
    for (uint64_t epoch = 1; epoch <= 20; epoch++) {
        for (uint32_t i = 0; i < SHARDS; i++)
            OK(world, try_own(world, i, epoch, true));
        usleep((unsigned)(epoch * 3000));
        for (uint32_t i = 0; i < SHARDS; i++) {
            int64_t took_ms = release(world, i);
            longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        }
    }
    print_message("the longest release took %lld ms\n", (long long)longest_ms);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_int_equal(log_of(world, i).unwatched, 0);
    said_nothing(world);
}

static void somebody_else_may_have_written_in_between(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    struct store *store;
    struct collection_record record = lab_record("t");
    struct change change = {.time_ms = 1, .status = {.kind = STATUS_LISTED}};
    begin(world, 1);
    OK(world, try_own(world, shard, 1, true));
    WAIT(head_of(world, shard) >= 2);
    release(world, shard);
    OK(world, folder_store(&world->folder, shard, &store, &world->e));
    OK(world, store_begin_epoch(store, 2, &world->e));
    record.key.provider = BYTES("q");
    record.key.account = BYTES("two");
    record.key.type = BYTES("q.thing");
    record.key.region = (struct bytes){0};
    OK(world, store_collection_find(store, &record.key, &world->arena, &record, &world->e));
    OK(world, store_status(store, &record, &change, &world->e));
    OK(world, store_commit(store, &world->e));
    uint64_t head = head_of(world, shard);
    OK(world, try_own(world, shard, 3, false));
    WAIT(head_of(world, shard) > head);
    end(world);
    assert_int_equal(log_of(world, shard).first, head + 1);
}

static void what_is_gathered_is_committed_by_a_release_and_a_listing_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 1);
    atomic_store(&world->cloud.pages, 40);
    atomic_store(&world->cloud.delay_ms, 20);
    OK(world, try_own(world, shard, 1, true));
    WAIT(asked(world, TWO) == 6);
    assert_int_equal(head_of(world, shard), 0);
    int64_t took_ms = release(world, shard);
    assert_true(took_ms < EVERY_MS);
    assert_true(log_of(world, shard).resources >= 4);
    usleep(50000);
    atomic_store(&world->cloud.lowest[TWO], 1000);
    OK(world, try_own(world, shard, 2, false));
    WAIT(atomic_load(&world->cloud.page[TWO]) == 39);
    assert_in_range(atomic_load(&world->cloud.lowest[TWO]), 4, 6);
}

static void releasing_a_shard_of_an_account_leaves_its_other_one_s_listing_sound(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(0);
    unsigned other = other_region(shard, shard);
    begin(world, 1);
    atomic_store(&world->cloud.pages, 30);
    atomic_store(&world->cloud.delay_ms, 10);
    OK(world, try_own(world, shard, 1, true));
    OK(world, try_own(world, shard_of(other), 1, true));
    WAIT(asked(world, 0) >= 5 && asked(world, other) >= 5);
    atomic_store(&world->cloud.lowest[0], 1000);
    release(world, shard_of(other));
    WAIT(atomic_load(&world->cloud.page[0]) == 29);
    assert_true(atomic_load(&world->cloud.lowest[0]) >= 5); /* it was not begun anew */
    WAIT(record_of(world, 0).sound_harvest == 1);
    rests(world, other);
    assert_int_equal(record_of(world, other).sound_harvest, 0);
    OK(world, try_own(world, shard_of(other), 2, false));
    WAIT(record_of(world, other).rows == 30);
    end(world);
    assert_int_equal(log_of(world, shard_of(other)).unwatched, 0);
    assert_int_equal(log_of(world, shard).unwatched, 0);
    said_nothing(world);
}

static void what_comes_back_keeps_its_period(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(0), two = shard_of(TWO);
    unsigned other = other_region(shard, two);
    write_providers(world, "1h", "");
    begin(world, 1);
    OK(world, try_own(world, shard, 1, true));
    OK(world, try_own(world, shard_of(other), 1, true));
    OK(world, try_own(world, two, 1, true));
    WAIT(record_of(world, other).rows == 1 && head_of(world, two) > 0);
    release(world, shard_of(other)); /* its account has another one here … */
    release(world, two);             /* … and this one has none */
    OK(world, try_own(world, shard_of(other), 2, false));
    OK(world, try_own(world, two, 2, false));
    rests(world, other);
    assert_int_equal(asked(world, other), 1);
    assert_int_equal(asked(world, TWO), 1);
}

static void an_account_as_a_whole_is_harvested_where_its_shard_is_owned(void **state)
{
    struct world *world = *state;
    uint32_t home = shard_of(ONE);
    unsigned other = other_region(home, home);
    char more[300];
    snprintf(more, sizeof more,
             "  - {type: p.whole, scope: account, items: /items/*, id: /id, every: 1s,"
             " request: {url: \"http://127.0.0.1:%u/one/things\"}}\n",
             world->cloud.port);
    write_providers(world, "1s", more);
    begin(world, 1);
    OK(world, try_own(world, shard_of(other), 1, true));
    WAIT(record_of(world, other).rows == 1);
    rests(world, ONE);
    assert_int_equal(asked(world, ONE), 0);
    OK(world, try_own(world, home, 1, true));
    WAIT(asked(world, ONE) > 1);
    release(world, home);
    rests(world, ONE);
    unsigned requests = asked(world, other);
    WAIT(asked(world, other) > requests);
}

static void an_account_that_is_taken_out_is_unwatched_where_it_is_owned_and_nowhere_else(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(0);
    unsigned other = other_region(shard, shard_of(TWO));
    struct setup edited;
    struct adopt_counts counts;
    begin(world, 2);
    OK(world, try_own(world, shard, 1, true));
    OK(world, try_own(world, shard_of(other), 1, true));
    WAIT(record_of(world, 0).rows == 1 && record_of(world, other).rows == 1);
    release(world, shard_of(other));
    write_config(world, ACCOUNT_TWO);
    OK(world, setup_open(world->file, &edited));
    OK(world, control_reload(world->crew, edited.config, edited.providers, edited.config->provider_count,
                             &counts, &world->e));
    config_close(setup_giveaway(&edited));
    WAIT(log_of(world, shard).unwatched > 0);
    rests(world, 0);
    assert_int_equal(log_of(world, shard_of(other)).unwatched, 0);
    OK(world, try_own(world, shard_of(other), 2, false));
    WAIT(log_of(world, shard_of(other)).unwatched > 0);
}

static void accounts_may_come_after_the_run_has_begun(void **state)
{
    struct world *world = *state;
    struct setup edited;
    struct adopt_counts counts;
    write_config(world, "");
    begin(world, 2);
    write_config(world, ACCOUNT_ONE ", " ACCOUNT_TWO);
    OK(world, setup_open(world->file, &edited));
    OK(world, control_reload(world->crew, edited.config, edited.providers, edited.config->provider_count,
                             &counts, &world->e));
    config_close(setup_giveaway(&edited));
    OK(world, try_own(world, shard_of(TWO), 1, true));
    WAIT(head_of(world, shard_of(TWO)) > 0);
}

/* The accounts are others now, the provider files those that there are. */
static void take_accounts(struct world *world, const char *accounts)
{
    struct adopt_counts counts;
    struct setup edited;
    write_config(world, accounts);
    OK(world, setup_open(world->file, &edited));
    OK(world, control_reload(world->crew, edited.config, NULL, 0, &counts, &world->e));
    setup_close(&edited);
}

static void a_sole_workers_shard_that_no_account_reaches_has_no_store_until_one_does(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO), other = (shard + 1) % SHARDS;
    world->is_sole = true;
    write_config(world, "");
    begin(world, 2);
    OK(world, try_own(world, shard, 4, true));
    OK(world, try_own(world, other, 1, true));
    assert_int_equal(crew_set_aside(world->crew, shard), 4);
    assert_false(folder_has(&world->folder, shard));
    take_accounts(world, ACCOUNT_TWO);
    WAIT(head_of(world, shard) > 0);
    assert_int_equal(crew_set_aside(world->crew, shard), 0);
    assert_int_equal(epoch_of(world, shard), 4);
    assert_int_equal(crew_set_aside(world->crew, other), 1);
    assert_false(folder_has(&world->folder, other));
    said_nothing(world);
}

static void a_sole_workers_shard_that_an_account_reaches_is_harvested_at_once(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    world->is_sole = true;
    begin(world, 2);
    OK(world, try_own(world, shard, 1, true));
    assert_int_equal(crew_set_aside(world->crew, shard), 0);
    WAIT(head_of(world, shard) > 0);
}

static void what_is_set_aside_may_be_released_or_given_another_epoch(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    world->is_sole = true;
    write_config(world, "");
    begin(world, 1);
    OK(world, try_own(world, shard, 1, true));
    release(world, shard);
    assert_int_equal(crew_set_aside(world->crew, shard), 0);
    take_accounts(world, ACCOUNT_TWO);
    assert_false(folder_has(&world->folder, shard));
    take_accounts(world, "");
    OK(world, try_own(world, shard, 2, true));
    OK(world, try_own(world, shard, 3, true));
    take_accounts(world, ACCOUNT_TWO);
    WAIT(head_of(world, shard) > 0);
    assert_int_equal(epoch_of(world, shard), 3);
}

static void a_sole_workers_shards_are_dealt_out_as_accounts_come(void **state)
{
    struct world *world = *state;
    uint8_t counts[2] = {0};
    world->is_sole = true;
    write_config(world, "");
    begin(world, 2);
    for (uint32_t i = 0; i < SHARDS; i++)
        OK(world, try_own(world, i, 1, true));
    take_accounts(world, ACCOUNT_ONE);
    for (uint32_t i = 0; i < SHARDS; i++)
        if (!crew_set_aside(world->crew, i))
            counts[world->crew->roster.owner[i]]++;
    assert_in_range(counts[0] - counts[1] + 1, 0, 2);
    assert_true(counts[0] > 0 && counts[1] > 0);
}

static void an_order_that_does_not_fit_the_store_changes_nothing(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 1);
    assert_int_equal(try_own(world, shard, 4, false), ERR_NOT_FOUND);
    OK(world, try_own(world, shard, 4, true));
    OK(world, try_own(world, shard, 4, false));
    assert_int_equal(try_own(world, shard, 3, false), ERR_STORE);
    WAIT(head_of(world, shard) > 0);
    uint64_t head = head_of(world, shard);
    OK(world, try_own(world, shard, 6, false)); /* the same owner, in another epoch */
    WAIT(head_of(world, shard) > head + 1);
    release(world, shard);
    assert_int_equal(log_of(world, shard).epoch, 6);
    assert_int_equal(try_own(world, shard, 5, false), ERR_STORE);
    rests(world, TWO);
}

static void without_a_lease_nothing_is_committed_or_asked_and_with_it_all_goes_on(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 2);
    atomic_store(&world->cloud.pages, 30);
    atomic_store(&world->cloud.delay_ms, 20);
    OK(world, try_own(world, shard, 1, true));
    WAIT(asked(world, TWO) == 5);
    crew_lease(world->crew, clock_steady_ms());
    rests(world, TWO);
    assert_int_equal(head_of(world, shard), 0);
    assert_in_range(asked(world, TWO), 5, 6);
    assert_int_equal(try_own(world, shard_of(0), 1, true), ERR_STOPPED);
    crew_lease(world->crew, clock_steady_ms() + 60000);
    WAIT(atomic_load(&world->cloud.page[TWO]) == 29);
    assert_in_range(asked(world, TWO), 30, 31); /* none of them twice */
    WAIT(log_of(world, shard).resources >= 30);
    end(world);
    pthread_mutex_lock(&world->lock);
    assert_non_null(strstr(buffer_text(&world->said), "lease has ended"));
    assert_non_null(strstr(buffer_text(&world->said), "heard again"));
    pthread_mutex_unlock(&world->lock);
    assert_int_equal(atomic_load(&world->troubles), 2);
}

static void what_only_waits_for_its_commit_is_committed_when_the_lease_goes_on(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    unsigned busy = other_region(shard, shard);
    write_providers(world, "1h", "");
    begin(world, 1);
    atomic_store(&world->cloud.delay_ms, 300);
    OK(world, try_own(world, shard, 1, true));
    WAIT(asked(world, TWO) == 1);
    atomic_store(&world->cloud.endless, busy); /* so that the thread never has nothing else under way */
    OK(world, try_own(world, shard_of(busy), 1, true));
    crew_lease(world->crew, clock_steady_ms());
    usleep(1200000);
    assert_int_equal(head_of(world, shard), 0);
    crew_lease(world->crew, INT64_MAX);
    WAIT(head_of(world, shard) > 0);
    assert_int_equal(asked(world, TWO), 1);
}

static void a_release_without_a_lease_gives_up_what_is_gathered(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 1);
    atomic_store(&world->cloud.pages, 30);
    atomic_store(&world->cloud.delay_ms, 20);
    OK(world, try_own(world, shard, 1, true));
    WAIT(asked(world, TWO) == 5);
    crew_lease(world->crew, clock_steady_ms());
    assert_int_equal(control_release(world->crew, &shard, 1, &world->e), ERR_STOPPED);
    assert_int_equal(head_of(world, shard), 0);
    crew_lease(world->crew, INT64_MAX);
    rests(world, TWO);
    OK(world, try_own(world, shard, 2, false));
    WAIT(log_of(world, shard).resources >= 30);
}

static void a_run_without_a_lease_ends_all_the_same(void **state)
{
    struct world *world = *state;
    begin(world, 2);
    atomic_store(&world->cloud.pages, 30);
    atomic_store(&world->cloud.delay_ms, 20);
    for (uint32_t i = 0; i < SHARDS; i++)
        OK(world, try_own(world, i, 1, true));
    WAIT(asked(world, TWO) >= 5 && asked(world, 0) >= 5);
    crew_lease(world->crew, clock_steady_ms());
    usleep(700000);
    end(world);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_int_equal(head_of(world, i), 0);
}

static void a_shard_that_is_at_work_has_a_load(void **state)
{
    struct world *world = *state;
    uint32_t shard = shard_of(TWO);
    begin(world, 1);
    atomic_store(&world->cloud.pages, 30);
    OK(world, try_own(world, shard, 1, true));
    WAIT(crew_load(world->crew, shard, clock_steady_ms() + CREW_LOAD_SETTLES_MS) > 1);
    assert_int_equal(crew_load(world->crew, shard, clock_steady_ms()), 0);
    assert_int_equal(crew_load(world->crew, (shard + 1) % SHARDS, INT64_MAX), 0);
    release(world, shard);
    assert_int_equal(crew_load(world->crew, shard, INT64_MAX), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_harvested_before_a_shard_is_owned),
        TEST(what_is_owned_is_harvested_and_what_is_released_is_left_alone),
        TEST(a_shard_comes_and_goes_any_number_of_times),
        TEST(somebody_else_may_have_written_in_between),
        TEST(what_is_gathered_is_committed_by_a_release_and_a_listing_goes_on_where_it_was),
        TEST(releasing_a_shard_of_an_account_leaves_its_other_one_s_listing_sound),
        TEST(what_comes_back_keeps_its_period),
        TEST(an_account_as_a_whole_is_harvested_where_its_shard_is_owned),
        TEST(an_account_that_is_taken_out_is_unwatched_where_it_is_owned_and_nowhere_else),
        TEST(accounts_may_come_after_the_run_has_begun),
        TEST(a_sole_workers_shard_that_no_account_reaches_has_no_store_until_one_does),
        TEST(a_sole_workers_shard_that_an_account_reaches_is_harvested_at_once),
        TEST(what_is_set_aside_may_be_released_or_given_another_epoch),
        TEST(a_sole_workers_shards_are_dealt_out_as_accounts_come),
        TEST(an_order_that_does_not_fit_the_store_changes_nothing),
        TEST(without_a_lease_nothing_is_committed_or_asked_and_with_it_all_goes_on),
        TEST(what_only_waits_for_its_commit_is_committed_when_the_lease_goes_on),
        TEST(a_release_without_a_lease_gives_up_what_is_gathered),
        TEST(a_run_without_a_lease_ends_all_the_same),
        TEST(a_shard_that_is_at_work_has_a_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
