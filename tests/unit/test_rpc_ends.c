/* The operator's connection: its ends while much goes over it, slow and greedy peers, and NNG's own sockets
 * on the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <dirent.h>

#include "common/random.h"
#include "tests/unit/test_rpc_lab.h"
#include "tests/unit/test_rpc_raw.h"

enum { END_MS = 10000 }; /* for what takes milliseconds, and for ever where it hangs */

/* --- ends --- */

struct asker {
    pthread_t thread;
    char address[64];
    uint64_t seed;
    int closes; /* how often it closes its connection, in the middle or not; 0: until the server is gone */
    int answers, wrong;
};

/* Large answers and small ones, some of which it doesn't wait for. */
static void ask_for_some(struct asker *asker, struct rpc_client *client, struct random *random)
{
    struct error e;
    int r = 0;
    for (int i = 0; i < 20 && (!r || asker->closes); i++) {
        char request[32];
        int len = random_below(random, 2) ? 300000 : 3;
        struct bytes answer;
        snprintf(request, sizeof request, "large %d", len);
        r = rpc_client_ask(client, bytes_of(request), random_below(random, 4) ? END_MS : 0, &answer, &e);
        asker->answers += !r;
        asker->wrong += !r && answer.len != (size_t)len;
    }
}

static void *ask_on(void *context)
{
    struct asker *asker = context;
    struct random random;
    struct rpc_client_setting setting = {
        .address = asker->address, .request_bytes_max = REQUEST_MAX, .answer_bytes_max = ANSWER_MAX};
    struct rpc_client *client;
    struct error e;
    random_seed(&random, asker->seed);
    for (int i = 0; !asker->closes || i < asker->closes; i++) {
        if (rpc_client_open(&setting, &client, &e))
            break;
        ask_for_some(asker, client, &random);
        rpc_client_close(client);
    }
    return NULL;
}

static void start(struct asker *asker, const struct lab *lab, uint64_t seed, int closes)
{
    *asker = (struct asker){.seed = seed, .closes = closes};
    snprintf(asker->address, sizeof asker->address, "%s", rpc_server_address(lab->server));
    assert_int_equal(pthread_create(&asker->thread, NULL, ask_on, asker), 0);
}

/* A server that closes in the midst of it ends, and so do its clients. */
static void a_server_ends_while_much_is_asked(void **state)
{
    enum { ASKERS = 6 };
    struct random random;
    int answers = 0;
    (void)state;
    random_seed(&random, 1);
    for (uint64_t round = 0; round < 40; round++) {
        struct asker askers[ASKERS];
        struct lab lab = {0};
        assert_int_equal(open_at(&lab, "tcp://127.0.0.1:0"), 0);
        for (uint64_t i = 0; i < ASKERS; i++)
            start(&askers[i], &lab, round * ASKERS + i, 0);
        usleep(1000 + random_below(&random, 20000));
        int64_t began_ms = clock_steady_ms();
        rpc_server_close(lab.server);
        for (int i = 0; i < ASKERS; i++) {
            assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
            assert_int_equal(askers[i].wrong, 0);
            answers += askers[i].answers;
        }
        assert_true(clock_steady_ms() - began_ms < END_MS);
    }
    assert_true(answers > 0);
}

static void clients_end_while_answers_come(void **state)
{
    enum { ASKERS = 4 };
    struct lab *lab = *state;
    struct asker askers[ASKERS];
    for (uint64_t i = 0; i < ASKERS; i++)
        start(&askers[i], lab, i, 25);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_true(askers[i].answers > 0);
        assert_int_equal(askers[i].wrong, 0);
    }
    struct rpc_client *client = client_of(lab);
    expect(client, "echo here", "here");
    rpc_client_close(client);
}

/* --- slow and greedy peers --- */

/* This process's; of both sides. */
static int count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* They ask for much and read nothing. Nobody else is held up by it, and the end isn't either; what is kept
 * for them is bounded, by disconnecting some. */
static void who_never_reads_holds_up_nobody(void **state)
{
    enum { STALLED = 100, ANSWER = 1000000, FIT = LIMIT_RPC_ANSWER_BYTES / ANSWER, SMALL = 4096 };
    struct lab *lab = *state;
    int fds[STALLED], files = count_files() + 2 * STALLED;
    for (int i = 0; i < STALLED; i++) {
        fds[i] = raw_connection_of(lab, SMALL);
        raw_greet(fds[i]);
        for (uint32_t n = 0; n < 4; n++)
            raw_ask(fds[i], n, "large 1000000");
    }
    int64_t began_ms = clock_steady_ms();
    while (count_files() > files - (STALLED - FIT - 1) && clock_steady_ms() - began_ms < END_MS)
        usleep(1000);
    assert_in_range(count_files(), files - STALLED + FIT / 2, files - (STALLED - FIT - 1));
    struct rpc_client *client = client_of(lab);
    for (int i = 0; i < 20; i++)
        expect(client, "echo on", "on");
    assert_true(clock_steady_ms() - began_ms < LIMIT_RPC_SEND_MS);
    rpc_client_close(client);
    began_ms = clock_steady_ms();
    rpc_server_close(lab->server);
    lab->server = NULL;
    assert_true(clock_steady_ms() - began_ms < END_MS);
    for (int i = 0; i < STALLED; i++)
        close(fds[i]);
}

/* One that asks for more than its share at once gets it all, and others aren't left out meanwhile. */
static void one_peer_has_a_share_of_the_places(void **state)
{
    enum { ASKED = 5 * LIMIT_RPC_REQUESTS };
    struct lab *lab = *state;
    int fd = raw_connection(lab);
    raw_greet(fd);
    for (uint32_t i = 0; i < ASKED; i++)
        raw_ask(fd, i, "wait 15000");
    while (atomic_load(&lab->kept) < LIMIT_RPC_PEER_REQUESTS)
        usleep(1000);
    struct rpc_client *client = client_of(lab);
    expect(client, "echo me", "me");
    assert_int_equal(atomic_load(&lab->kept), LIMIT_RPC_PEER_REQUESTS);
    rpc_client_close(client);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    for (int i = 0; i < ASKED; i++)
        raw_expect(fd, "happened");
    close(fd);
}

/* More than are served at once, from many peers, and half of these go away. */
static void all_peers_get_their_turn(void **state)
{
    enum { PEERS = 24, ASKED = 12 };
    struct lab *lab = *state;
    int fds[PEERS];
    for (int i = 0; i < PEERS; i++) {
        fds[i] = raw_connection(lab);
        raw_greet(fds[i]);
        for (uint32_t n = 0; n < ASKED; n++)
            raw_ask(fds[i], n, "wait 15000");
    }
    while (atomic_load(&lab->kept) < LIMIT_RPC_KEPT)
        usleep(1000);
    for (int i = 0; i < PEERS; i += 2)
        close(fds[i]);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    for (int i = 1; i < PEERS; i += 2) {
        for (int n = 0; n < ASKED; n++)
            raw_expect(fds[i], NULL);
        close(fds[i]);
    }
}

/* --- NNG's own sockets --- */

static void nng_asks_us(void **state)
{
    struct lab *lab = *state;
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, LONG_MS), 0);
    assert_int_equal(nng_dial(socket, rpc_server_address(lab->server), NULL, 0), 0);
    for (int i = 0; i < 100; i++) {
        char request[] = "echo nng", *answer;
        size_t len;
        assert_int_equal(nng_send(socket, request, sizeof request - 1, 0), 0);
        assert_int_equal(nng_recv(socket, &answer, &len, NNG_FLAG_ALLOC), 0);
        assert_true(bytes_is((struct bytes){answer, len}, "nng"));
        nng_free(answer, len);
    }
    nng_close(socket);
}

static void *answer_hi(void *context)
{
    nng_socket *socket = context;
    for (;;) {
        char *request, answer[] = "hi";
        size_t len;
        if (nng_recv(*socket, &request, &len, NNG_FLAG_ALLOC))
            return NULL;
        nng_free(request, len);
        assert_int_equal(nng_send(*socket, answer, 2, 0), 0);
    }
}

static void we_ask_nng_at(const char *address)
{
    nng_socket socket;
    pthread_t thread;
    assert_int_equal(nng_rep0_open(&socket), 0);
    assert_int_equal(nng_listen(socket, address, NULL, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_hi, &socket), 0);
    struct rpc_client *client = client_to(address, REQUEST_MAX);
    for (int i = 0; i < 100; i++)
        expect(client, "whatever", "hi");
    rpc_client_close(client);
    nng_close(socket);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void we_ask_nng(void **state)
{
    char root[] = "/tmp/garner-rpc-XXXXXX", address[64];
    struct lab lab = {0};
    (void)state;
    assert_int_equal(open_at(&lab, "tcp://127.0.0.1:0"), 0); /* for a port that is free */
    snprintf(address, sizeof address, "%s", rpc_server_address(lab.server));
    rpc_server_close(lab.server);
    we_ask_nng_at(address);
    assert_non_null(mkdtemp(root));
    snprintf(address, sizeof address, "ipc://%s/s", root);
    we_ask_nng_at(address);
    unlink(address + 6);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_ends_while_much_is_asked),
        TEST(clients_end_while_answers_come),
        TEST(who_never_reads_holds_up_nobody),
        TEST(one_peer_has_a_share_of_the_places),
        TEST(all_peers_get_their_turn),
        TEST(nng_asks_us),
        cmocka_unit_test(we_ask_nng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
