/* Shards, leases and accounts come and go at random while a worker harvests: whatever came between, each
 * store is sound in itself, nothing is deleted, and in the end all is harvested. GARNER_OWN_SEED and
 * GARNER_OWN_MS say which and for how long. */
#include "common/random.h"
#include "tests/unit/test_own_lab.h"

enum { PAGES = 4, LAST_MS = 4000, THREADS = 3 };

struct shards {
    struct world *world;
    struct random random;
    uint64_t epochs[SHARDS];
    bool is_owned[SHARDS];
    bool has_lease;
};

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void has_children(struct world *world)
{
    char more[300];
    snprintf(more, sizeof more,
             "  - {type: p.part, scope: {parent: p.thing}, items: /items/*, id: /id, every: 1s,"
             " request: {url: \"http://127.0.0.1:%u/{account.id}/{region}/things/{parent.id}/parts\"}}\n",
             world->cloud.port);
    write_providers(world, "1s", more);
}

static void reload(struct world *world, const char *accounts)
{
    struct setup edited;
    struct adopt_counts counts;
    write_config(world, accounts);
    OK(world, setup_open(world->file, &edited));
    OK(world, control_reload(world->crew, edited.config, edited.providers, edited.config->provider_count,
                             &counts, &world->e));
    config_close(setup_giveaway(&edited));
}

static void come_or_go(struct shards *shards, uint32_t i)
{
    struct world *world = shards->world;
    if (shards->is_owned[i]) {
        int code = control_release(world->crew, &i, 1, &world->e);
        assert_true(!code || (code == ERR_STOPPED && !shards->has_lease));
        shards->is_owned[i] = false;
        return;
    }
    int code = try_own(world, i, shards->epochs[i] + 1, true);
    assert_true(shards->has_lease ? !code : code == ERR_STOPPED);
    shards->is_owned[i] = !code;
    shards->epochs[i] += !code;
}

static void do_something(struct shards *shards)
{
    struct world *world = shards->world;
    uint64_t what = random_below(&shards->random, 20);
    if (what == 0)
        reload(world, ACCOUNT_ONE);
    else if (what == 1)
        reload(world, ACCOUNT_ONE ", " ACCOUNT_TWO);
    else if (what == 2 || (what < 6 && !shards->has_lease)) {
        shards->has_lease = !shards->has_lease;
        crew_lease(world->crew, shards->has_lease ? INT64_MAX : clock_steady_ms());
    } else
        come_or_go(shards, (uint32_t)random_below(&shards->random, SHARDS));
    usleep((useconds_t)random_below(&shards->random, 40000));
}

static void print_fault(void *context, const char *sentence)
{
    print_message("%s\n", sentence);
    ++*(unsigned *)context;
}

static void is_sound(struct shards *shards, uint32_t i)
{
    struct world *world = shards->world;
    struct store *store;
    unsigned faults = 0;
    OK(world, folder_store(&world->folder, i, &store, &world->e));
    OK(world, store_verify(store, print_fault, &faults, &world->e));
    assert_int_equal(faults, 0);
    struct log log = log_of(world, i);
    assert_int_equal(log.deleted, 0);
    assert_true(log.epoch <= shards->epochs[i]);
}

static void whatever_comes_and_goes_stores_are_sound_and_all_is_harvested_in_the_end(void **state)
{
    struct world *world = *state;
    uint64_t seed = number_of("GARNER_OWN_SEED", (uint64_t)clock_steady_ns());
    int64_t end_ms = clock_steady_ms() + (int64_t)number_of("GARNER_OWN_MS", LAST_MS);
    struct shards shards = {.world = world, .has_lease = true};
    print_message("GARNER_OWN_SEED=%llu\n", (unsigned long long)seed);
    random_seed(&shards.random, seed);
    has_children(world);
    atomic_store(&world->cloud.pages, PAGES);
    atomic_store(&world->cloud.delay_ms, 3);
    begin(world, THREADS);
    while (clock_steady_ms() < end_ms)
        do_something(&shards);
    crew_lease(world->crew, INT64_MAX);
    reload(world, ACCOUNT_ONE ", " ACCOUNT_TWO);
    shards.has_lease = true;
    for (uint32_t i = 0; i < SHARDS; i++)
        if (!shards.is_owned[i])
            come_or_go(&shards, i);
    for (unsigned place = 0; place < REGIONS; place++)
        WAIT(record_of(world, place).rows == PAGES);
    uint64_t head = head_of(world, shard_of(TWO));
    WAIT(head_of(world, shard_of(TWO)) > head);
    end(world);
    for (uint32_t i = 0; i < SHARDS; i++)
        is_sound(&shards, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            whatever_comes_and_goes_stores_are_sound_and_all_is_harvested_in_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
