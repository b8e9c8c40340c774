/* A coordinator in the process of the only worker there is: all shards are that worker's, whatever became of
 * the state; and the accounts of its configuration, and those that were added beside them. */
#include "tests/unit/test_coordinator_lab.h"

/* --- shards --- */

/* What it is told, as soon as it is told to have all. */
static void hear(struct lab *lab, const struct shard_report *reports, uint32_t count)
{
    const int64_t end_ms = clock_steady_ms() + WITHIN_MS;
    lab->orders = (struct orders){0};
    while (lab->orders.order_count < SHARDS && clock_steady_ms() < end_ms) {
        struct buffer packed = {0}, answer = {0};
        bool waits = false;
        add_heartbeat(lab, reports, count, &packed);
        OK(lab, coordinator_heartbeat(lab->coordinator, buffer_bytes(&packed), &waits, &answer, &lab->e));
        take_orders(lab, buffer_bytes(&answer));
        buffer_close(&packed);
        buffer_close(&answer);
    }
    assert_int_equal(lab->orders.order_count, SHARDS);
}

static void assert_begins(const struct lab *lab, uint32_t shard, uint64_t epoch)
{
    const struct shard_order *order = &lab->orders.orders[shard];
    assert_int_equal(order->role, ROLE_OWNER);
    assert_int_equal(order->epoch, epoch);
    assert_int_equal(order->base, 0);
    assert_int_equal(order->disk, lab->disk);
}

static void assert_goes_on(const struct lab *lab, uint32_t shard, uint64_t epoch)
{
    const struct shard_order *order = &lab->orders.orders[shard];
    assert_int_equal(order->role, ROLE_OWNER);
    assert_int_equal(order->epoch, epoch);
    assert_int_equal(order->base, epoch);
}

static struct shard_report owned(uint32_t shard, uint64_t epoch, uint64_t head)
{
    return (struct shard_report){
        .shard = shard, .role = ROLE_OWNER, .is_whole = true, .epoch = epoch, .head = head, .load = 1};
}

static void all_shards_begin_at_once(void **state)
{
    struct lab *lab = *state;
    OK(lab, open_coordinator(lab));
    usleep(200000); /* its first tick is over */
    const int64_t before_ms = clock_steady_ms();
    hear(lab, NULL, 0);
    assert_true(clock_steady_ms() - before_ms < 600); /* no tick was waited for */
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_begins(lab, i, 1);
}

static void a_state_that_is_new_takes_the_copies_there_are_as_they_are(void **state)
{
    struct lab *lab = *state;
    const struct shard_report copies[] = {owned(1, 1, 10), owned(2, 5, 1)};
    OK(lab, open_coordinator(lab));
    hear(lab, copies, 2);
    assert_begins(lab, 0, 1);
    assert_goes_on(lab, 1, 1);
    assert_goes_on(lab, 2, 5);
    assert_begins(lab, 3, 1);
}

/* Nothing is on disk of what is set aside: its epoch hasn't begun, and doesn't rise. */
static void what_has_not_begun_begins_in_the_same_epoch_each_time(void **state)
{
    struct lab *lab = *state;
    const struct shard_report set_aside = {.shard = 3, .role = ROLE_OWNER, .load = 1};
    for (int life = 0; life < 3; life++) {
        OK(lab, open_coordinator(lab));
        hear(lab, NULL, 0);
        hear(lab, &set_aside, 1);
        assert_begins(lab, 3, 1);
        close_coordinator(lab);
        lab->incarnation++;
        lab->number = 0;
    }
}

static void what_is_remembered_goes_on_with_another_disk(void **state)
{
    struct lab *lab = *state;
    const struct shard_report copy = owned(1, 1, 10);
    OK(lab, open_coordinator(lab));
    hear(lab, &copy, 1);
    close_coordinator(lab);
    lab->disk = 8;
    lab->number = 0;
    OK(lab, open_coordinator(lab));
    const int64_t end_ms = clock_steady_ms() + WITHIN_MS;
    do
        hear(lab, &copy, 1);
    while (lab->orders.orders[0].disk != lab->disk && clock_steady_ms() < end_ms);
    assert_goes_on(lab, 1, 1);
    assert_begins(lab, 0, 2);
}

static void the_state_of_a_cluster_with_others_is_refused(void **state)
{
    struct lab *lab = *state;
    OK(lab, open_coordinator(lab));
    hear(lab, NULL, 0);
    close_coordinator(lab);
    lab->sole = "another";
    assert_int_equal(open_coordinator(lab), ERR_CONFIG);
    assert_non_null(strstr(lab->e.text, "with a worker run"));
}

/* --- accounts --- */

static void take_config(struct lab *lab, const char *accounts)
{
    const struct config config = config_of(lab, accounts);
    coordinator_take_config(lab->coordinator, &config);
}

static void added_accounts_are_there_in_the_next_life(void **state)
{
    struct lab *lab = *state;
    lab->config = config_of(lab, "[" ONE "]");
    OK(lab, open_coordinator(lab));
    add(lab, TWO, false);
    assert_string_equal(listed(lab), "p/1 file, p/2 added");
    close_coordinator(lab);
    OK(lab, open_coordinator(lab));
    assert_string_equal(listed(lab), "p/1 file, p/2 added");
    ask_coordinator(lab, &(struct cluster_ask){.verb = CLUSTER_ACCOUNTS_REMOVE, .account = BYTES("p/2")}, 0);
    close_coordinator(lab);
    OK(lab, open_coordinator(lab));
    assert_string_equal(listed(lab), "p/1 file");
}

static void a_file_that_is_read_anew_replaces_its_own_accounts_only(void **state)
{
    struct lab *lab = *state;
    lab->config = config_of(lab, "[" ONE "]");
    OK(lab, open_coordinator(lab));
    add(lab, TWO, false);
    take_config(lab, "[{\"id\":\"3\",\"provider\":\"p\"},{\"id\":\"0\",\"provider\":\"p\"}]");
    assert_string_equal(listed(lab), "p/0 file, p/2 added, p/3 file");
    take_config(lab, "[]");
    assert_string_equal(listed(lab), "p/2 added");
}

static void an_account_of_the_file_hides_the_added_one_of_its_name_as_long_as_it_is_there(void **state)
{
    struct lab *lab = *state;
    OK(lab, open_coordinator(lab));
    add(lab, ONE, false);
    take_config(lab, "[{\"id\":\"1\",\"provider\":\"p\",\"regions\":[\"r\"]}]");
    assert_string_equal(listed(lab), "p/1 file");
    assert_int_equal(coordinator_added(lab->coordinator, &lab->arena).count, 1);
    add(lab, ONE, true);
    ask_coordinator(lab, &(struct cluster_ask){.verb = CLUSTER_ACCOUNTS_REMOVE, .account = BYTES("1")},
                    ERR_USAGE);
    take_config(lab, "[]");
    assert_string_equal(listed(lab), "p/1 added");
}

static void a_version_is_of_what_the_list_says_wherever_it_stands(void **state)
{
    struct lab *lab = *state;
    const struct config one = config_of(lab, "[" ONE "]"), both = config_of(lab, "[" TWO "," ONE "]");
    lab->config = one;
    OK(lab, open_coordinator(lab));
    hear(lab, NULL, 0);
    assert_int_equal(lab->orders.accounts, coordinator_version_of(&one));
    add(lab, TWO, false);
    hear(lab, NULL, 0);
    assert_int_equal(lab->orders.accounts, coordinator_version_of(&both));
    assert_int_not_equal(coordinator_version_of(&one), coordinator_version_of(&both));
    coordinator_take_config(lab->coordinator, &both);
    hear(lab, NULL, 0);
    assert_int_equal(lab->orders.accounts, coordinator_version_of(&both));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_shards_begin_at_once),
        TEST(a_state_that_is_new_takes_the_copies_there_are_as_they_are),
        TEST(what_has_not_begun_begins_in_the_same_epoch_each_time),
        TEST(what_is_remembered_goes_on_with_another_disk),
        TEST(the_state_of_a_cluster_with_others_is_refused),
        TEST(added_accounts_are_there_in_the_next_life),
        TEST(a_file_that_is_read_anew_replaces_its_own_accounts_only),
        TEST(an_account_of_the_file_hides_the_added_one_of_its_name_as_long_as_it_is_there),
        TEST(a_version_is_of_what_the_list_says_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
