/* Fault: why somebody isn't answered, as HTTP status, as a word for programs and as a sentence. */
#ifndef GARNER_GATEWAY_FAULT_H
#define GARNER_GATEWAY_FAULT_H

#include "common/http/http_server.h"

/* Status, word, and how many seconds later it may go better (0: not by waiting). */
#define FAULTS(X)                                                                                            \
    X(USAGE, 400, "USAGE", 0)                                                                                \
    X(UNAUTHORIZED, 401, "UNAUTHORIZED", 0)                                                                  \
    X(FORBIDDEN, 403, "FORBIDDEN", 0)                                                                        \
    X(NOT_FOUND, 404, "NOT_FOUND", 0)                                                                        \
    X(NOT_ACCEPTABLE, 406, "NOT_ACCEPTABLE", 0)                                                              \
    X(FUTURE, 409, "FUTURE", 0)                                                                              \
    X(COMPACTED, 410, "COMPACTED", 0)                                                                        \
    X(DIVERGED, 410, "DIVERGED", 0)                                                                          \
    X(FOREIGN, 410, "FOREIGN", 0)                                                                            \
    X(STREAMS, 429, "LIMIT", 5)           /* this tenant's are as many as it may have */                     \
    X(REFUSED, 500, "REFUSED", 0)         /* the worker couldn't */                                          \
    X(ALL_STREAMS, 503, "LIMIT", 5)       /* … all together */                                             \
    X(UNAVAILABLE, 503, "UNAVAILABLE", 1) /* no worker is there */

enum fault_kind {
    FAULT_NONE,
#define X(name, status, word, retry_after_s) FAULT_##name,
    FAULTS(X)
#undef X
};

struct fault {
    enum fault_kind kind;
    char text[ERROR_TEXT_MAX];
};

/* Returns the kind, which is true: `return fault_set(...)` reads well. */
enum fault_kind fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* {"error":WORD,"message":SENTENCE}, as an answer. */
void fault_to_reply(const struct fault *fault, struct http_reply *reply);

/* Append what stands for it in the midst of a stream: {"op":"error","error":WORD,"message":SENTENCE}. */
void fault_to_json(const struct fault *fault, struct buffer *out);

#endif
