/* A cloud for the tests of a worker's run: regions r0 to r7 of account one, with children of each thing, and
 * account two as a whole.
 *
 *     /one/regions  /one/r3/things?token=2  /one/r3/things/i2/parts  /one/things  /two/things?token=2
 *
 * Things come on pages of one each, as many as it is told; in each answer they are other ones than before.
 * Include after cmocka. */
#ifndef GARNER_TESTS_UNIT_TEST_OWN_CLOUD_H
#define GARNER_TESTS_UNIT_TEST_OWN_CLOUD_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"

enum { REGIONS = 8, CONNECTIONS = 256 };

/* Places: the regions of account one, account two as a whole, and account one as a whole. */
enum { TWO = REGIONS, ONE, PLACES };

struct cloud {
    int listening;
    unsigned port;
    pthread_t accepting, serving[CONNECTIONS];
    uint32_t count;
    _Atomic unsigned pages, delay_ms;
    _Atomic unsigned endless;          /* a place whose listing has no end; TWO: there is none */
    _Atomic unsigned generation;       /* of the items */
    _Atomic unsigned requests[PLACES]; /* that have come */
    _Atomic unsigned page[PLACES];     /* the last one asked for */
    _Atomic unsigned lowest[PLACES];   /* the lowest one asked for, since it was set */
};

static inline bool read_head(int fd, char *head, size_t room)
{
    size_t len = 0;
    while (len + 1 < room) {
        ssize_t n = recv(fd, head + len, room - len - 1, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n"))
            return true;
    }
    return false;
}

static inline bool answer_with(int fd, const char *body)
{
    char out[512];
    int len = snprintf(out, sizeof out,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    return send(fd, out, (size_t)len, MSG_NOSIGNAL) == len;
}

static inline bool answer(struct cloud *cloud, int fd, const char *head)
{
    char body[256], next[32] = "";
    const char *token = strstr(head, "token=");
    unsigned place = TWO, page = token ? (unsigned)strtoul(token + 6, NULL, 10) : 0;
    if (strncmp(head, "GET /one/regions", 16) == 0)
        return answer_with(fd, "{\"items\":[{\"id\":\"r0\"},{\"id\":\"r1\"},{\"id\":\"r2\"},{\"id\":\"r3\"},"
                               "{\"id\":\"r4\"},{\"id\":\"r5\"},{\"id\":\"r6\"},{\"id\":\"r7\"}]}");
    if (sscanf(head, "GET /one/r%u/", &place) != 1)
        place = strncmp(head, "GET /one/", 9) == 0 ? ONE : TWO;
    if (strstr(head, "/parts"))
        return answer_with(fd, "{\"items\":[{\"id\":\"p\"}]}");
    atomic_store(&cloud->page[place], page);
    if (page < atomic_load(&cloud->lowest[place]))
        atomic_store(&cloud->lowest[place], page);
    atomic_fetch_add(&cloud->requests[place], 1);
    usleep(atomic_load(&cloud->delay_ms) * 1000);
    if (page + 1 < atomic_load(&cloud->pages) || (place != TWO && place == atomic_load(&cloud->endless)))
        snprintf(next, sizeof next, ",\"next\":\"%u\"", page + 1);
    snprintf(body, sizeof body, "{\"items\":[{\"id\":\"i%u\",\"n\":%u}]%s}", page,
             atomic_fetch_add(&cloud->generation, 1), next);
    return answer_with(fd, body);
}

struct connection {
    struct cloud *cloud;
    int fd;
};

static inline void *serve(void *context)
{
    struct connection *connection = context;
    char head[4096];
    while (read_head(connection->fd, head, sizeof head) && answer(connection->cloud, connection->fd, head))
        ;
    close(connection->fd);
    free(connection);
    return NULL;
}

static inline void *accept_all(void *context)
{
    struct cloud *cloud = context;
    int fd;
    while (cloud->count < CONNECTIONS && (fd = accept(cloud->listening, NULL, NULL)) >= 0) {
        struct connection *connection = mem_alloc(sizeof *connection);
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        *connection = (struct connection){cloud, fd};
        if (pthread_create(&cloud->serving[cloud->count], NULL, serve, connection) == 0)
            cloud->count++;
    }
    return NULL;
}

static inline void cloud_open(struct cloud *cloud)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    cloud->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(cloud->listening >= 0);
    assert_int_equal(bind(cloud->listening, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(cloud->listening, 64), 0);
    assert_int_equal(getsockname(cloud->listening, (struct sockaddr *)&address, &len), 0);
    cloud->port = ntohs(address.sin_port);
    atomic_store(&cloud->pages, 1);
    atomic_store(&cloud->endless, TWO);
    assert_int_equal(pthread_create(&cloud->accepting, NULL, accept_all, cloud), 0);
}

/* The run has ended, and with it all connections. */
static inline void cloud_close(struct cloud *cloud)
{
    shutdown(cloud->listening, SHUT_RDWR);
    pthread_join(cloud->accepting, NULL);
    close(cloud->listening);
    for (uint32_t i = 0; i < cloud->count; i++)
        pthread_join(cloud->serving[i], NULL);
}

#endif
