/* Connections of the gateway to workers, of whom some can't be reached. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gateway/reach.h"

struct port {
    int fd;
    char address[64];
};

/* Nobody listens there, and nobody else can. */
static struct port hold_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct port port = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    assert_int_equal(bind(port.fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(port.fd, (struct sockaddr *)&at, &len), 0);
    snprintf(port.address, sizeof port.address, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    return port;
}

static bool somebody_came(const struct port *port)
{
    int fd = accept(port->fd, NULL, NULL);
    assert_true(fd >= 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void refuse(struct reach *reach, const char *address, const struct port *named)
{
    struct client *client;
    struct error e;
    assert_int_equal(reach_client(reach, address, &client, &e), ERR_CONNECT);
    assert_null(client);
    assert_non_null(strstr(e.text, named->address));
}

static void whoever_cant_be_reached_is_left_alone_for_a_moment(void **state)
{
    (void)state;
    struct port home = hold_port(), other = hold_port();
    struct reach reach;
    reach_open(&reach, home.address);
    int64_t began_ms = clock_steady_ms();
    refuse(&reach, other.address, &other);
    refuse(&reach, "", &home); /* each has a moment of its own */
    assert_int_equal(listen(other.fd, 4), 0);
    bool in_time = clock_steady_ms() - began_ms < 150; /* a busy machine may let the moment pass */
    refuse(&reach, other.address, &other);
    assert_false(somebody_came(&other) && in_time);
    assert_int_equal(reach.count, 2);
    reach_close(&reach);
    close(home.fd);
    close(other.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_cant_be_reached_is_left_alone_for_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
