/* A listener of NNG 1.5.2 accepts nobody any more once a peer has hung up at such a moment that greeting it
 * is an EPIPE (a port scan will do): it takes that for having been closed, and nothing tells us. It does
 * count it, among other faults. So when that count has moved, a connection of our own is tried; if NNG
 * doesn't tell of it the listener is closed and opened again, which costs its peers their connections. */
#include "common/rpc/rpc_listener.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/rpc/rpc_probe.h"

enum { PROBE_MS = 1000, ARRIVAL_MS = 1000, STEP_MS = 5 };

/* Peers beyond the limit are turned away before they are heard. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct rpc_listener *listener = context;
    if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&listener->peers, 1);
        return;
    }
    atomic_fetch_add(&listener->arrivals, 1);
    if (atomic_fetch_add(&listener->peers, 1) >= LIMIT_RPC_PEERS)
        nng_pipe_close(pipe);
}

static int fault(const char *address, int number, struct error *e)
{
    switch (number) {
    case NNG_EADDRINUSE:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s is in use by another process: if that is another `garner run`, give this "
            "one an address of its own, e.g. listen: tcp://127.0.0.1:7802",
            address);
    case NNG_EADDRINVAL:
    case NNG_ENOENT:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s is no address of this machine: use one of its own, e.g. tcp://127.0.0.1:7801",
            address);
    case NNG_EPERM:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s: this user may not listen there: use a port from 1024 on, or a folder that "
            "is this user's",
            address);
    default:
        return error_set(e, ERR_IO, "listen: %s: %s", address, nng_strerror(number));
    }
}

/* With the port that the system chose in place of 0. */
static char *bound_address(nng_listener listener, const char *address)
{
    int port;
    const char *colon = strrchr(address, ':');
    struct buffer text = {0};
    if (nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port))
        return mem_strdup(address);
    buffer_printf(&text, "%.*s:%d", (int)(colon - address), address, port);
    return text.data;
}

int rpc_listener_open(struct rpc_listener *listener, nng_socket socket, const char *address, struct error *e)
{
    listener->socket = socket;
    CHECK(nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe, listener) == 0 &&
          nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, listener) == 0);
    int r = nng_listen(socket, address, &listener->listener, 0);
    if (r)
        return fault(address, r, e);
    listener->address = bound_address(listener->listener, address);
    return 0;
}

/* What NNG counts beside the faults that it has a name for. */
static uint64_t count_faults(const struct rpc_listener *listener)
{
    nng_stat *all, *own = NULL, *other = NULL;
    if (nng_stats_get(&all))
        return listener->faults;
    own = nng_stat_find_listener(all, listener->listener);
    if (own)
        other = nng_stat_find(own, "other");
    uint64_t faults = other ? nng_stat_value(other) : 0;
    nng_stats_free(all);
    return faults;
}

static bool lets_in(const struct rpc_listener *listener)
{
    unsigned arrivals = atomic_load(&listener->arrivals);
    int r = rpc_probe(listener->address, PROBE_MS);
    for (int ms = 0; !r && ms < ARRIVAL_MS && atomic_load(&listener->arrivals) == arrivals; ms += STEP_MS)
        usleep(STEP_MS * 1000);
    return atomic_load(&listener->arrivals) != arrivals;
}

void rpc_listener_check(struct rpc_listener *listener)
{
    struct error e;
    uint64_t faults = count_faults(listener);
    if (faults == listener->faults)
        return;
    listener->faults = faults;
    if (lets_in(listener))
        return;
    log_line(LOG_WARN, "listening anew: a peer that hung up had ended it", "address", listener->address,
             NULL);
    nng_listener_close(listener->listener);
    int r = nng_listen(listener->socket, listener->address, &listener->listener, 0);
    listener->faults = r ? UINT64_MAX : 0; /* of a new one; or else: look again */
    if (r) {
        fault(listener->address, r, &e);
        log_line(LOG_ERROR, "can't listen any more, and will try again", "cause", e.text, NULL);
    }
}

void rpc_listener_close(struct rpc_listener *listener)
{
    free(listener->address);
    listener->address = NULL;
}
