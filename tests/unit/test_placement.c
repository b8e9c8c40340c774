/* Where shards are placed: nobody above its cap, little moved, pins and drains kept, the same again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "coordinator/placement/placement.h"
#include "coordinator/placement/rendezvous.h"

enum { WORKERS = 64, SHARDS = 4096, NOBODY = -1 };

struct lab {
    struct random random;
    struct placement_worker workers[WORKERS];
    struct placement_shard shards[SHARDS];
    struct placement_loads loads[WORKERS];
    uint32_t worker_count, shard_count;
};

static struct lab lab;

static void has(uint32_t workers, uint32_t shards, uint64_t seed)
{
    memset(&lab, 0, sizeof lab);
    random_seed(&lab.random, seed);
    lab.worker_count = workers;
    lab.shard_count = shards;
    for (uint32_t j = 0; j < workers; j++)
        lab.workers[j] = (struct placement_worker){.key = random_u64(&lab.random), .capacity = 1};
    for (uint32_t i = 0; i < shards; i++)
        lab.shards[i] = (struct placement_shard){.number = i,
                                                 .weight = 1000,
                                                 .at = PLACEMENT_NOBODY,
                                                 .pin = PLACEMENT_NOBODY,
                                                 .ready = PLACEMENT_NOBODY};
}

static uint64_t solve(void) /* the weight of what moves */
{
    uint64_t moved = 0;
    placement_solve(lab.workers, lab.worker_count, lab.shards, lab.shard_count, lab.loads);
    for (uint32_t i = 0; i < lab.shard_count; i++)
        moved += lab.shards[i].to != lab.shards[i].at ? lab.shards[i].weight : 0;
    return moved;
}

static uint64_t apply(void)
{
    uint64_t moved = solve();
    for (uint32_t i = 0; i < lab.shard_count; i++)
        lab.shards[i].at = lab.shards[i].to;
    return moved;
}

static uint64_t total(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < lab.shard_count; i++)
        sum += lab.shards[i].weight;
    return sum;
}

static uint64_t at(uint32_t worker)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < lab.shard_count; i++)
        sum += lab.shards[i].at == worker ? lab.shards[i].weight : 0;
    return sum;
}

static uint32_t count_at(uint32_t worker)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < lab.shard_count; i++)
        count += lab.shards[i].at == worker;
    return count;
}

static void equal_shards_are_within_ceil_or_a_twentieth(void **state)
{
    static const uint32_t sizes[][2] = {{1, 16},    {3, 256}, {7, 64}, {16, 4096},
                                        {17, 4096}, {60, 64}, {10, 3}};
    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        uint32_t workers = sizes[n][0], shards = sizes[n][1];
        has(workers, shards, n);
        assert_true(apply() == total());
        uint32_t cap = shards * 21 / (20 * workers), ceiling = (shards + workers - 1) / workers;
        for (uint32_t j = 0; j < workers; j++)
            assert_true(count_at(j) <= (cap > ceiling ? cap : ceiling));
        assert_true(apply() == 0);
    }
}

/* zipf(1.1): nobody above a twentieth more than the average, but who has one shard only. */
static void heavy_shards_are_alone(void **state)
{
    static const uint32_t sizes[][2] = {{3, 256}, {16, 4096}, {60, 1024}, {5, 4096}};
    static const double weight[] = {1e8, 1.1};
    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        has(sizes[n][0], sizes[n][1], n);
        for (uint32_t i = 0; i < lab.shard_count; i++)
            lab.shards[i].weight = (uint32_t)(weight[0] / __builtin_pow(i + 1, weight[1])) + 1;
        apply();
        for (uint32_t j = 0; j < lab.worker_count; j++)
            assert_true(count_at(j) == 1 || at(j) * 20 * lab.worker_count <= total() * 21);
        assert_true(apply() == 0);
    }
}

/* The lower bound of adding one is its share, of removing one what it had. */
static void little_moves_when_workers_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        has(17, 4096, seed);
        lab.workers[16].state = PLACEMENT_GONE;
        apply();
        lab.workers[16].state = PLACEMENT_TAKES;
        assert_true(apply() * 17 * 10 <= total() * 11);
        uint64_t had = at(3);
        lab.workers[3].state = seed & 1 ? PLACEMENT_GONE : PLACEMENT_DRAINS;
        assert_true(apply() * 10 <= had * 11);
        assert_true(at(3) == 0);
    }
}

static void twice_the_capacity_has_twice_as_many(void **state)
{
    (void)state;
    has(4, 4096, 5);
    lab.workers[1].capacity = lab.workers[2].capacity = 2;
    lab.workers[3].capacity = 4;
    apply();
    for (uint32_t j = 0; j < 4; j++) {
        uint64_t share = 4096 * lab.workers[j].capacity / 9;
        assert_true(count_at(j) * 20 <= share * 21 && count_at(j) * 20 >= share * 19);
    }
}

/* A draw is as even as chance: of 16 workers each wins its share of 65,536 shards, within four deviations. */
static void draws_are_even(void **state)
{
    uint32_t won[16] = {0};
    (void)state;
    for (uint32_t shard = 0; shard < 65536; shard++) {
        uint32_t best = 0;
        for (uint32_t j = 1; j < 16; j++)
            if (rendezvous_draw(shard, j) > rendezvous_draw(shard, best))
                best = j;
        won[best]++;
    }
    for (uint32_t j = 0; j < 16; j++)
        assert_in_range(won[j], 4096 - 4 * 62, 4096 + 4 * 62);
}

static void pins_hold_and_say_why_they_cannot(void **state)
{
    static const struct {
        enum placement_worker_state state;
        bool home;
        enum placement_stuck stuck;
    } cases[] = {
        {PLACEMENT_TAKES, false, PLACEMENT_FREE},       {PLACEMENT_TAKES, true, PLACEMENT_FREE},
        {PLACEMENT_KEEPS, true, PLACEMENT_FREE},        {PLACEMENT_KEEPS, false, PLACEMENT_PIN_CORDONED},
        {PLACEMENT_DRAINS, true, PLACEMENT_PIN_DRAINS}, {PLACEMENT_DRAINS, false, PLACEMENT_PIN_DRAINS},
        {PLACEMENT_GONE, true, PLACEMENT_PIN_GONE},     {PLACEMENT_GONE, false, PLACEMENT_PIN_GONE},
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        has(3, 30, n);
        apply();
        struct placement_shard *shard = &lab.shards[7];
        uint32_t elsewhere = (shard->at + 1) % 3;
        shard->pin = cases[n].home ? shard->at : elsewhere;
        lab.workers[shard->pin].state = cases[n].state;
        solve();
        bool is_there = cases[n].state == PLACEMENT_TAKES ||
                        (cases[n].home && cases[n].state != PLACEMENT_GONE);
        assert_int_equal(shard->stuck, cases[n].stuck);
        assert_true((shard->to == shard->pin) == is_there);
    }
}

static void nobody_takes_what_the_last_one_cannot_give(void **state)
{
    (void)state;
    has(2, 10, 1);
    apply();
    lab.workers[0].state = PLACEMENT_GONE;
    lab.workers[1].state = PLACEMENT_DRAINS;
    solve();
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(lab.shards[i].stuck, PLACEMENT_NO_WORKER);
        assert_true(lab.shards[i].to == (lab.shards[i].at == 1 ? 1 : PLACEMENT_NOBODY));
    }
}

/* A shard that must move goes where a copy of it is, unless that one is full. */
static void a_copy_is_taken_where_there_is_room(void **state)
{
    (void)state;
    has(8, 160, 3);
    apply();
    lab.workers[2].state = PLACEMENT_DRAINS;
    for (uint32_t i = 0; i < lab.shard_count; i++)
        if (lab.shards[i].at == 2)
            lab.shards[i].ready = i % 2 ? 5 : PLACEMENT_NOBODY;
    solve();
    uint32_t taken = 0, ready = 0;
    for (uint32_t i = 0; i < lab.shard_count; i++) {
        ready += lab.shards[i].at == 2 && lab.shards[i].ready == 5;
        taken += lab.shards[i].at == 2 && lab.shards[i].to == 5;
    }
    uint64_t room = (lab.loads[5].cap - (lab.loads[5].load - taken * 1000)) / 1000;
    assert_true(taken >= (ready < room ? ready : room));
    assert_true(lab.loads[5].load <= lab.loads[5].cap);
}

/* Whatever there is: nothing is given to who doesn't take, nothing stays at who is gone, pins
 * hold, who is given more than the cap was below its share or is relieved; and asked again, nothing moves. */
static void properties_of_any_problem(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        has(1 + (uint32_t)seed % 12, 1 + (uint32_t)(seed * 37 % 300), seed);
        struct random *r = &lab.random;
        for (uint32_t j = 0; j < lab.worker_count; j++) {
            lab.workers[j].capacity = 1 + (uint32_t)random_below(r, seed % 3 ? 1 : 8);
            lab.workers[j].state = random_below(r, 3) ? PLACEMENT_TAKES
                                                      : (enum placement_worker_state)random_below(r, 4);
        }
        for (uint32_t i = 0; i < lab.shard_count; i++) {
            struct placement_shard *shard = &lab.shards[i];
            shard->weight = 1 + (uint32_t)random_below(r, seed % 2 ? 1 : UINT64_C(1) << random_below(r, 20));
            shard->at = random_below(r, 4) ? (uint32_t)random_below(r, lab.worker_count) : PLACEMENT_NOBODY;
            shard->pin = random_below(r, 9) ? PLACEMENT_NOBODY : (uint32_t)random_below(r, lab.worker_count);
            shard->ready = random_below(r, 5) ? PLACEMENT_NOBODY
                                              : (uint32_t)random_below(r, lab.worker_count);
        }
        solve();
        for (uint32_t i = 0; i < lab.shard_count; i++) {
            const struct placement_shard *shard = &lab.shards[i];
            if (shard->to == PLACEMENT_NOBODY) {
                assert_true(shard->stuck != PLACEMENT_FREE);
                continue;
            }
            assert_true(shard->to == shard->at || lab.workers[shard->to].state == PLACEMENT_TAKES);
            assert_true(lab.workers[shard->to].state <= PLACEMENT_KEEPS || shard->stuck != PLACEMENT_FREE);
            assert_true(lab.workers[shard->to].state != PLACEMENT_GONE);
            assert_true((shard->why == PLACEMENT_STAYS) == (shard->to == shard->at));
            if (shard->pin != PLACEMENT_NOBODY)
                assert_true(shard->to == shard->pin || shard->stuck != PLACEMENT_FREE);
        }
        for (uint32_t i = 0; i < lab.shard_count; i++)
            lab.shards[i].at = lab.shards[i].to;
        assert_true(solve() == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_shards_are_within_ceil_or_a_twentieth),
        cmocka_unit_test(heavy_shards_are_alone),
        cmocka_unit_test(little_moves_when_workers_come_and_go),
        cmocka_unit_test(twice_the_capacity_has_twice_as_many),
        cmocka_unit_test(draws_are_even),
        cmocka_unit_test(pins_hold_and_say_why_they_cannot),
        cmocka_unit_test(nobody_takes_what_the_last_one_cannot_give),
        cmocka_unit_test(a_copy_is_taken_where_there_is_room),
        cmocka_unit_test(properties_of_any_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
