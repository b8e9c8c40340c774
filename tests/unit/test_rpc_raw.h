/* Peers that speak SP by hand, over plain sockets. Include after cmocka and test_rpc_lab.h. */
#ifndef GARNER_TESTS_RPC_RAW_H
#define GARNER_TESTS_RPC_RAW_H

#include <arpa/inet.h>
#include <sys/socket.h>

#include "common/rpc/sp.h"

/* With a socket that takes about so much unread; 0: as it comes. */
static inline int raw_connection_of(const struct lab *lab, int unread_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(rpc_server_address(lab->server), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (unread_bytes)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &unread_bytes, sizeof unread_bytes), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline int raw_connection(const struct lab *lab)
{
    return raw_connection_of(lab, 0);
}

static inline void raw_put(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void raw_get(int fd, void *data, size_t len)
{
    assert_int_equal(recv(fd, data, len, MSG_WAITALL), (ssize_t)len);
}

static inline void raw_greet(int fd)
{
    char hello[SP_HELLO_BYTES], came[SP_HELLO_BYTES];
    sp_hello(SP_REQ, hello);
    raw_put(fd, hello, sizeof hello);
    raw_get(fd, came, sizeof came);
    sp_hello(SP_REP, hello);
    assert_memory_equal(came, hello, sizeof hello);
}

static inline void raw_ask(int fd, uint32_t id, const char *request)
{
    char message[256];
    size_t len = strlen(request);
    assert_true(len <= sizeof message - 12);
    be64_put(message, 4 + len);
    be32_put(message + 8, id | UINT32_C(1) << 31);
    memcpy(message + 12, request, len);
    raw_put(fd, message, 12 + len);
}

/* Any answer if `wanted` is null. */
static inline void raw_expect(int fd, const char *wanted)
{
    char head[12], body[256];
    raw_get(fd, head, sizeof head);
    uint64_t len = be64_get(head) - 4;
    assert_true(len < sizeof body);
    if (len)
        raw_get(fd, body, len);
    body[len] = 0;
    if (wanted)
        assert_string_equal(body, wanted);
}

#endif
