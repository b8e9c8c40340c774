/* The operator's connection, below its messages: requests and answers as bytes, between threads of one
 * process that meet at a free port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_rpc_lab.h"

/* --- asking --- */

struct asker {
    pthread_t thread;
    const struct lab *lab;
    int number, right;
};

static void *ask_many(void *context)
{
    struct asker *asker = context;
    struct rpc_client_setting setting = {.address = rpc_server_address(asker->lab->server),
                                         .request_bytes_max = REQUEST_MAX,
                                         .answer_bytes_max = ANSWER_MAX};
    struct rpc_client *client;
    struct bytes answer;
    if (rpc_client_open(&setting, &client, NULL))
        return NULL;
    for (int i = 0; i < 50; i++) {
        char request[32];
        snprintf(request, sizeof request, "echo %d-%d", asker->number, i);
        asker->right += rpc_client_ask(client, bytes_of(request), LONG_MS, &answer, NULL) == 0 &&
                        bytes_is(answer, request + 5);
    }
    rpc_client_close(client);
    return NULL;
}

static void each_client_gets_its_own_answers(void **state)
{
    struct asker askers[12];
    for (int i = 0; i < 12; i++) {
        askers[i] = (struct asker){.lab = *state, .number = i};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].right, 50);
    }
}

static void an_empty_message_is_a_message(void **state)
{
    struct rpc_client *client = client_of(*state);
    expect(client, "", "");
    expect(client, "echo ", "");
    rpc_client_close(client);
}

static void a_late_answer_is_not_the_next_ones(void **state)
{
    struct rpc_client *client = client_of(*state);
    struct error e;
    assert_int_equal(ask(client, "slow first", 50, &e), ERR_CONNECT);
    assert_non_null(strstr(e.text, "doesn't answer"));
    expect(client, "slow second", "second");
    expect(client, "echo third", "third");
    rpc_client_close(client);
}

/* --- waiting --- */

static void *happen_soon(void *context)
{
    struct lab *lab = context;
    while (atomic_load(&lab->kept) == 0)
        usleep(1000);
    rpc_server_wake(lab->server); /* for nothing: it goes on waiting */
    usleep(20000);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    return NULL;
}

static void what_is_kept_is_answered_when_something_happens(void **state)
{
    struct lab *lab = *state;
    struct rpc_client *client = client_of(lab);
    pthread_t thread;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, happen_soon, lab), 0);
    expect(client, "wait 15000", "happened");
    assert_true(clock_steady_ms() - began_ms < 10000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&lab->kept) >= 2);
    rpc_client_close(client);
}

static void what_is_kept_is_told_when_its_time_is_over(void **state)
{
    struct rpc_client *client = client_of(*state);
    int64_t began_ms = clock_steady_ms();
    expect(client, "wait 120", "over");
    assert_in_range(clock_steady_ms() - began_ms, 110, 10000);
    rpc_client_close(client);
}

static void *wait_long(void *context)
{
    struct asker *asker = context;
    struct rpc_client_setting setting = {.address = rpc_server_address(asker->lab->server),
                                         .request_bytes_max = REQUEST_MAX,
                                         .answer_bytes_max = ANSWER_MAX};
    struct rpc_client *client;
    struct bytes answer;
    if (rpc_client_open(&setting, &client, NULL))
        return NULL;
    if (rpc_client_ask(client, BYTES("wait 15000"), LONG_MS, &answer, NULL) == 0)
        asker->right = bytes_is(answer, "happened") ? 1 : 2;
    rpc_client_close(client);
    return NULL;
}

/* However many wait, others are served; and of those that wait, no more than the limit. */
static void those_who_wait_hold_up_nobody(void **state)
{
    enum { ASKERS = LIMIT_RPC_KEPT + 4 };
    struct lab *lab = *state;
    struct asker askers[ASKERS];
    int happened = 0, over = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.lab = lab};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, wait_long, &askers[i]), 0);
    }
    while (atomic_load(&lab->kept) < ASKERS)
        usleep(1000);
    struct rpc_client *client = client_of(lab);
    expect(client, "echo me", "me");
    rpc_client_close(client);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        happened += askers[i].right == 1;
        over += askers[i].right == 2;
    }
    assert_int_equal(happened, LIMIT_RPC_KEPT);
    assert_int_equal(over, ASKERS - LIMIT_RPC_KEPT);
}

static void a_server_that_closes_answers_what_it_kept(void **state)
{
    struct lab *lab = *state;
    struct asker asker = {.lab = lab};
    assert_int_equal(pthread_create(&asker.thread, NULL, wait_long, &asker), 0);
    while (atomic_load(&lab->kept) == 0)
        usleep(1000);
    int64_t began_ms = clock_steady_ms();
    rpc_server_close(lab->server);
    lab->server = NULL;
    assert_true(clock_steady_ms() - began_ms < 5000);
    assert_int_equal(pthread_join(asker.thread, NULL), 0);
    assert_true(clock_steady_ms() - began_ms < 5000);
}

static void a_client_that_goes_away_while_it_is_kept_is_forgotten(void **state)
{
    struct lab *lab = *state;
    struct error e;
    for (int i = 0; i < 8; i++) {
        struct rpc_client *client = client_of(lab);
        assert_int_equal(ask(client, "wait 200", 20, &e), ERR_CONNECT);
        rpc_client_close(client);
    }
    struct rpc_client *client = client_of(lab);
    expect(client, "wait 300", "over");
    expect(client, "echo on", "on");
    rpc_client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_client_gets_its_own_answers),
        TEST(an_empty_message_is_a_message),
        TEST(a_late_answer_is_not_the_next_ones),
        TEST(what_is_kept_is_answered_when_something_happens),
        TEST(what_is_kept_is_told_when_its_time_is_over),
        TEST(those_who_wait_hold_up_nobody),
        TEST(a_server_that_closes_answers_what_it_kept),
        TEST(a_client_that_goes_away_while_it_is_kept_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
