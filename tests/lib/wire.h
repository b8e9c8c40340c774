/* Wire: an HTTP server that says exactly the bytes it is told, to test what a client makes of them.
 *
 * It listens on 127.0.0.1, a thread a connection. Each request, whole with its body, takes the next scripted
 * answer; when there is none left the connection is closed. Any thread may call. Nothing here asserts:
 * cmocka wants that on the test's own thread. */
#ifndef GARNER_TESTS_WIRE_H
#define GARNER_TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct wire;

/* What happens to the connection once an answer's bytes are out. */
enum wire_then {
    WIRE_KEEP,  /* the next request may come */
    WIRE_CLOSE, /* in good order */
    WIRE_RESET, /* RST */
    WIRE_STALL, /* it stays open, and nothing more comes */
};

/* `tls`: with a certificate for 127.0.0.1 that it signed itself. Null if the machine doesn't let us. */
struct wire *wire_open(bool tls);
void wire_close(struct wire *wire); /* ends all connections; null is fine */

unsigned wire_port(const struct wire *wire);
const char *wire_certificate(const struct wire *wire); /* path of a PEM file; null without TLS */

/* "http://127.0.0.1:port" + path. Lives as long as the wire. */
const char *wire_url(struct wire *wire, const char *path);

void wire_answers(struct wire *wire, const char *text, enum wire_then then);
void wire_answers_bytes(struct wire *wire, const void *data, size_t len, enum wire_then then);
/* In pieces of `piece` bytes, with a pause between them. */
void wire_answers_slowly(struct wire *wire, const char *text, size_t piece, unsigned pause_ms,
                         enum wire_then then);

/* The n-th request (from 0) as it came, head and body; "" if there was none. Lives as long as the wire. */
const char *wire_request(struct wire *wire, size_t n);
size_t wire_requests(struct wire *wire);
size_t wire_connections(struct wire *wire); /* ever accepted */

#endif
