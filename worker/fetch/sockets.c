/* How it works: between two requests on a kept connection libcurl says that it wants nothing of its socket,
 * and then wants the same as before. The watch only falls asleep in between, and wakes without a system call;
 * it is taken out when an event comes while it sleeps, as the server closes the connection.
 *
 * A descriptor that is closed leaves epoll by itself, and its number is given again: nobody may believe it to
 * be watched then. libcurl says when it closes a connection's, and when it has opened one; of its other
 * descriptors (its resolver's) it says neither, so their watches never sleep. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "worker/fetch/internal.h"

static struct socket *socket_of(struct fetch *fetch, curl_socket_t fd)
{
    CHECK(fd >= 0);
    size_t place = (size_t)fd, count = fetch->socket_count;
    if (place >= count) {
        while (place >= count)
            count = count ? count * 2 : 64;
        fetch->sockets = mem_resize(fetch->sockets, count * sizeof *fetch->sockets);
        memset(fetch->sockets + fetch->socket_count, 0,
               (count - fetch->socket_count) * sizeof *fetch->sockets);
        fetch->socket_count = count;
    }
    return &fetch->sockets[place];
}

static void stop(struct fetch *fetch, struct socket *socket)
{
    loop_unwatch(&fetch->loop, socket->watch);
    socket->watch = NULL;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct fetch *fetch = watch->context;
    struct socket *socket = socket_of(fetch, watch->fd);
    int running, flags = 0;
    if (socket->is_asleep) {
        stop(fetch, socket);
        return;
    }
    if (events & EPOLLIN)
        flags |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        flags |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        flags |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
    curl_multi_socket_action(fetch->multi, watch->fd, flags, &running);
}

int sockets_wish(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    (void)easy, (void)assigned;
    struct fetch *fetch = context;
    struct socket *socket = socket_of(fetch, fd);
    socket->is_asleep = what == CURL_POLL_REMOVE;
    if (socket->is_asleep) {
        if (!socket->is_connection)
            stop(fetch, socket);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (!socket->watch)
        socket->watch = loop_watch(&fetch->loop, fd, events, fetch, on_ready);
    else if (socket->events != events)
        loop_watch_events(&fetch->loop, socket->watch, events);
    socket->events = events;
    return 0; /* an error would kill all transfers; without a watch, this one times out */
}

/* Room for a whole page, so that a provider need not wait with it until we have seen to another one. A
 * socket's buffer grows by itself as more comes in a round trip than fits, which takes its time, and over
 * short ways, as within a machine, never happens. SO_RCVBUF would fix the size for good, below what it may
 * grow to; SO_RCVLOWAT only raises it (since Linux 4.18), and is set back at once. */
int sockets_opened(void *context, curl_socket_t fd, curlsocktype purpose)
{
    struct fetch *fetch = context;
    struct socket *socket = socket_of(fetch, fd);
    int page = LIMIT_RECEIVE_BYTES, any = 1;
    (void)purpose;
    stop(fetch, socket);
    *socket = (struct socket){.is_connection = true};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &page, sizeof page) == 0)
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any) == 0);
    return CURL_SOCKOPT_OK;
}

int sockets_closed(void *context, curl_socket_t fd)
{
    struct fetch *fetch = context;
    struct socket *socket = socket_of(fetch, fd);
    stop(fetch, socket);
    *socket = (struct socket){0};
    return close(fd);
}
