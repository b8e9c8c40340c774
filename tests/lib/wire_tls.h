/* The TLS of wire.c: a key and a certificate that signs itself, made anew for each server. */
#ifndef GARNER_TESTS_WIRE_TLS_H
#define GARNER_TESTS_WIRE_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* A server's context for 127.0.0.1, its certificate written to `path` (PEM). Null if OpenSSL says no. */
SSL_CTX *wire_tls_open(const char *path);

#endif
