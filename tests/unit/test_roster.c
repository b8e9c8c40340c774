/* Which thread owns which shard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/sharding.h"
#include "worker/run/roster.h"
#include "worker/store/folder.h"

enum { SHARDS = 64, ACCOUNTS = 40 };

struct lab {
    struct config config;
    struct config_account accounts[ACCOUNTS];
    char ids[ACCOUNTS][16];
    struct roster roster;
};

/* Accounts of two providers that share their ids; every fifth one has splits. */
static void lab_has(struct lab *lab, uint32_t count, uint32_t threads)
{
    *lab = (struct lab){.config = {.accounts = lab->accounts, .account_count = count}};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(lab->ids[i], sizeof lab->ids[i], "acct-%u", i / 2 * 7 % 20);
        lab->accounts[i] = (struct config_account){
            .id = lab->ids[i], .provider = i % 2 ? "p" : "q", .splits = i % 5 ? 1 : 8};
    }
    roster_open(&lab->roster, &lab->config, SHARDS, threads, false);
}

static bool reaches(const struct config_account *account, uint32_t shard)
{
    for (uint32_t split = 0; split < account->splits; split++)
        if (sharding_of_split(bytes_of(account->provider), bytes_of(account->id), split, SHARDS) == shard)
            return true;
    return false;
}

/* The shards that accounts can reach, by thread; returns how many these are. */
static uint32_t count_shards(const struct lab *lab, uint32_t counts[LIMIT_THREADS])
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < LIMIT_THREADS; i++)
        counts[i] = 0;
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        bool reached = false;
        for (uint32_t i = 0; i < lab->config.account_count; i++)
            reached = reached || reaches(&lab->accounts[i], shard);
        all += reached;
        counts[lab->roster.owner[shard]] += reached;
    }
    return all;
}

static void shards_that_are_used_are_dealt_out_evenly_and_no_thread_has_none(void **state)
{
    static const uint32_t account_counts[] = {1, 2, 7, ACCOUNTS}, thread_counts[] = {1, 2, 3, 64};
    uint32_t counts[LIMIT_THREADS];
    struct lab lab;
    (void)state;
    for (int a = 0; a < 4; a++)
        for (int t = 0; t < 4; t++) {
            lab_has(&lab, account_counts[a], thread_counts[t]);
            uint32_t all = count_shards(&lab, counts), threads = lab.roster.threads;
            assert_int_equal(threads, all < thread_counts[t] ? all : thread_counts[t]);
            for (uint32_t i = 0; i < LIMIT_THREADS; i++)
                assert_in_range(counts[i], i < threads ? all / threads : 0,
                                i < threads ? (all + threads - 1) / threads : 0);
            roster_close(&lab.roster);
        }
}

static void without_accounts_there_is_one_thread(void **state)
{
    struct lab lab;
    (void)state;
    lab_has(&lab, 0, 8);
    assert_int_equal(lab.roster.threads, 1);
    assert_null(roster_find(&lab.roster, BYTES("p"), BYTES("acct-1")));
    roster_close(&lab.roster);
}

static void an_account_is_with_the_threads_that_own_its_shards(void **state)
{
    struct lab lab;
    (void)state;
    lab_has(&lab, ACCOUNTS, 5);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        const struct config_account *account = &lab.accounts[i];
        bool has[5] = {false};
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            has[lab.roster.owner[shard]] |= reaches(account, shard);
        for (uint32_t thread = 0; thread < 5; thread++)
            assert_int_equal(roster_has(&lab.roster, thread, account), has[thread]);
        for (int region = 0; region < 20; region++) {
            char name[16];
            snprintf(name, sizeof name, "r%d", region);
            struct bytes scope = region ? bytes_of(name) : (struct bytes){0};
            uint32_t shard = sharding_of(bytes_of(account->provider), bytes_of(account->id), scope,
                                         account->splits, SHARDS);
            assert_int_equal(roster_thread(&lab.roster, account, scope), lab.roster.owner[shard]);
            assert_true(has[lab.roster.owner[shard]]);
        }
    }
    roster_close(&lab.roster);
}

static void accounts_are_found_by_provider_and_id(void **state)
{
    struct lab lab;
    (void)state;
    lab_has(&lab, ACCOUNTS, 2);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        assert_ptr_equal(roster_find(&lab.roster, bytes_of(lab.accounts[i].provider), bytes_of(lab.ids[i])),
                         &lab.accounts[i]);
    assert_null(roster_find(&lab.roster, BYTES("p"), BYTES("acct")));
    assert_null(roster_find(&lab.roster, BYTES("p"), BYTES("acct-99")));
    assert_null(roster_find(&lab.roster, BYTES("o"), BYTES("acct-1")));
    assert_null(roster_find(&lab.roster, BYTES("z"), BYTES("")));
    roster_close(&lab.roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_that_are_used_are_dealt_out_evenly_and_no_thread_has_none),
        cmocka_unit_test(without_accounts_there_is_one_thread),
        cmocka_unit_test(an_account_is_with_the_threads_that_own_its_shards),
        cmocka_unit_test(accounts_are_found_by_provider_and_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
