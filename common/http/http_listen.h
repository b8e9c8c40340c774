/* Listening: an address as it stands in the configuration becomes a socket. For http_server.c only. */
#ifndef GARNER_HTTP_LISTEN_H
#define GARNER_HTTP_LISTEN_H

#include "common/error.h"

/* Listen on "HOST:PORT"; `*out` is the socket, `*port` the port that it got. Asks for the host's address,
 * which may block. ERR_CONFIG, ERR_BUSY or ERR_IO. */
int http_listen(const char *address, int *out, uint16_t *port, struct error *e);

#endif
