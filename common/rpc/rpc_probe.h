/* Probe: connect as a client of NNG does, and hang up. For the .c files of common/rpc only. */
#ifndef GARNER_RPC_PROBE_H
#define GARNER_RPC_PROBE_H

#include <nng/nng.h>

/* Blocks up to `ms` for each of three steps. 0: a server answered as ours do, and has a connection less in a
 * moment; NNG_EPROTO: something else listens there; or NNG's error. */
int rpc_probe(const char *address, nng_duration ms);

#endif
