/* libmicrohttpd could open the socket itself, but doesn't say why it couldn't. */
#include "common/http/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"

/* Part "HOST:PORT", or "[IPV6]:PORT". */
static bool part(const char *address, char host[NI_MAXHOST], char port[NI_MAXSERV])
{
    const char *colon = strrchr(address, ':');
    uint64_t number;
    if (!colon || colon == address || !bytes_to_u64(bytes_of(colon + 1), &number) || number > UINT16_MAX)
        return false;
    struct bytes name = {address, (size_t)(colon - address)};
    if (name.data[0] == '[' && name.data[name.len - 1] == ']' && name.len > 2)
        name = (struct bytes){name.data + 1, name.len - 2};
    if (name.len >= NI_MAXHOST)
        return false;
    snprintf(host, NI_MAXHOST, "%.*s", BYTES_ARG(name));
    snprintf(port, NI_MAXSERV, "%u", (unsigned)number);
    return true;
}

static int open_one(const struct addrinfo *at)
{
    int yes = 1;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes); /* what a run before this one left to wait */
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LIMIT_HTTP_CONNECTIONS) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static int refuse(const char *address, int number, struct error *e)
{
    switch (number) {
    case EADDRINUSE:
        return error_set(e, ERR_BUSY,
                         "http %s: another program listens there, maybe another garner: end it, or take "
                         "another port",
                         address);
    case EADDRNOTAVAIL:
        return error_set(
            e, ERR_CONFIG,
            "http %s: this machine doesn't have that address: take one of its own, as 127.0.0.1, "
            "or 0.0.0.0 for all",
            address);
    case EACCES:
        return error_set(e, ERR_CONFIG,
                         "http %s: not allowed: ports below 1024 are root's, take a higher one", address);
    default:
        return error_set(e, ERR_IO, "http %s: can't listen there: %s", address, strerrordesc_np(number));
    }
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len))
        return 0;
    return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                            : ((struct sockaddr_in *)&name)->sin_port);
}

int http_listen(const char *address, int *out, uint16_t *port, struct error *e)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    if (!part(address, host, service))
        return error_set(e, ERR_CONFIG, "http %s: HOST:PORT is needed, as 127.0.0.1:7800 or [::1]:7800",
                         address);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed)
        return error_set(e, ERR_CONFIG,
                         "http %s: this host has no address here: %s: write one of this machine's, as "
                         "127.0.0.1:7800",
                         address, gai_strerror(failed));
    int fd = -1, number = 0;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = open_one(at);
        number = fd < 0 ? errno : 0;
    }
    freeaddrinfo(found);
    if (fd < 0)
        return refuse(address, number, e);
    *out = fd;
    *port = port_of(fd);
    return 0;
}
