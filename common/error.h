/* Errors: a code for programs, a sentence for people.
 *
 * A function that can fail returns 0 or an `enum err`, and writes the sentence into the `struct error`
 * that it was given. The sentence names the thing, the cause and, where it can, what to do; whoever
 * passes it on puts the place in front of it. Bugs are not errors: they abort (check.h). */
#ifndef GARNER_COMMON_ERROR_H
#define GARNER_COMMON_ERROR_H

#include <stdarg.h>

#include "common/bytes.h"

/* Codes are stored in receipts by name, so a name is never used for something else later. */
#define ERRORS(X)                                                                                            \
    X(OK, "ok")                                                                                              \
    X(USAGE, "usage")             /* the command line */                                                     \
    X(CONFIG, "configuration")    /* configuration or provider file */                                       \
    X(CREDENTIALS, "credentials") /* a credential that can't be resolved */                                  \
    X(RESOLVE, "name resolution") /* the host has no address */                                              \
    X(CONNECT, "connection")      /* refused, no route, timed out while connecting */                        \
    X(TLS, "tls")                 /* the peer's certificate or the handshake */                              \
    X(TRANSFER, "transfer")       /* broken off, cut, silent for too long */                                 \
    X(REDIRECT, "redirect")       /* to another origin, or too many */                                       \
    X(THROTTLED, "throttled")     /* 429, or a throttling code */                                            \
    X(SERVER, "server error")     /* 5xx */                                                                  \
    X(DENIED, "denied")           /* 403, or 401 after a renewal */                                          \
    X(HTTP, "http status")        /* any other status that is no answer */                                   \
    X(BODY, "body")               /* doesn't parse as what it should be */                                   \
    X(LIMIT, "limit")             /* a limit of limits.h was met */                                          \
    X(ITEMS, "items")             /* `items` leads nowhere */                                                \
    X(ID, "id")                   /* an item without a readable id */                                        \
    X(PAGING, "paging")           /* the page says to go on, and not where */                                \
    X(LOOP, "loop")               /* a token or page seen before in this listing */                          \
    X(DEGRADED, "degraded")       /* `require`d parts are missing from many items */                         \
    X(PLACEHOLDER, "placeholder") /* a placeholder without a value */                                        \
    X(LOGIN, "login")             /* auth of kind login or exec gave no token */                             \
    X(STORE, "store")             /* LMDB said no */                                                         \
    X(FULL, "full")               /* the disk or the map is full */                                          \
    X(CORRUPT, "corrupt")         /* a record that can't be what was written */                              \
    X(BUSY, "busy")               /* somebody else uses it */                                                \
    X(NOT_FOUND, "not found")                                                                                \
    X(IO, "input/output")                                                                                    \
    X(STOPPED, "stopped") /* told to stop */

enum err {
#define X(name, text) ERR_##name,
    ERRORS(X)
#undef X
        ERR_COUNT
};

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    enum err code;
    char text[ERROR_TEXT_MAX]; /* one line, no newline at its end; cut with "…" if it was longer */
};

/* The code's short name, e.g. "server error". Never null. */
const char *error_name(int code);

/* The code of a name that error_name gave; ERR_COUNT if there is none. */
int error_of_name(const char *name);

/* No error. To clear all of the text as well would be felt where thousands are begun. */
static inline void error_none(struct error *e)
{
    e->code = ERR_OK;
    e->text[0] = 0;
}

/* Set code and sentence, and return the code, so that `return error_set(...)` reads well. Control
 * characters become `?`, so that what a server sent can't forge log lines. `e` may be null. */
int error_set(struct error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Blank a secret out wherever the sentence has it. One of less than 4 bytes stays: it would blank out half of
 * any sentence, and is none. */
void error_redact(struct error *e, struct bytes secret);

/* Put a place in front of the sentence: "place: sentence". Returns the code. */
int error_at(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
