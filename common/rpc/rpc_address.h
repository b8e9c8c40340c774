/* Addresses that processes of Garner meet at: tcp://HOST:PORT and ipc://PATH. */
#ifndef GARNER_RPC_ADDRESS_H
#define GARNER_RPC_ADDRESS_H

#include "common/error.h"

/* 0, or ERR_CONFIG with a sentence that begins with the address and says what one looks like. */
int rpc_address_check(const char *address, struct error *e);

/* Of a sound one: a socket in a folder, not TCP. */
bool rpc_address_is_ipc(const char *address);

/* Of a sound one: all addresses of a machine (0.0.0.0, [::]), to listen at, and not to connect to. */
bool rpc_address_is_any(const char *address);

/* Of a sound one: nobody on another machine can connect to it. */
bool rpc_address_is_local(const char *address);

#endif
