/* Faults: what goes wrong between a provider and whoever asks it, and how each is made from an honest answer.
 */
#ifndef GARNER_SIM_FAULT_H
#define GARNER_SIM_FAULT_H

#include <stdbool.h>

struct visit;
struct shown;
struct asked;
struct reply;

#define SIM_FAULTS(X)                                                                                        \
    X(NONE, "none")                                                                                          \
    /* no answer */                                                                                          \
    X(TIMEOUT, "timeout")                                                                                    \
    X(RESET, "reset")                                                                                        \
    X(REFUSED, "connection refused")                                                                         \
    X(NAMELESS, "no such host")                                                                              \
    X(TLS, "bad certificate")                                                                                \
    X(OVERSIZE, "body beyond the limit")                                                                     \
    /* an answer that says so */                                                                             \
    X(THROTTLED, "429")                                                                                      \
    X(THROTTLED_SECONDS, "429, Retry-After in seconds")                                                      \
    X(THROTTLED_DATE, "429, Retry-After as a date")                                                          \
    X(THROTTLED_LONG, "429, Retry-After an hour")                                                            \
    X(INTERNAL, "500")                                                                                       \
    X(GATEWAY, "502 in HTML")                                                                                \
    X(UNAVAILABLE, "503, Retry-After")                                                                       \
    X(UNAUTHORIZED, "401, the login's token was revoked")                                                    \
    X(DENIED, "403")                                                                                         \
    X(DENIED_CODE, "400 with a code that denies")                                                            \
    X(MISSING, "404 without a code")                                                                         \
    X(UNASKED, "304 that nobody asked for")                                                                  \
    X(NO_CONTENT, "204")                                                                                     \
    /* a body that is none */                                                                                \
    X(CUT, "cut body")                                                                                       \
    X(HTML, "200 with HTML")                                                                                 \
    X(EMPTY, "200 with nothing")                                                                             \
    X(GARBLED, "bytes that are no UTF-8")                                                                    \
    X(ERROR_BODY, "200 with an error")                                                                       \
    X(THROTTLING_BODY, "200 with a throttling code")                                                         \
    X(LISTLESS, "200 without a list")                                                                        \
    /* a page that isn't right */                                                                            \
    X(EMPTY_LIE, "empty where there was plenty")                                                             \
    X(ABSENT_LIE, "absent where there was plenty")                                                           \
    X(SHORT_LIE, "ends early")                                                                               \
    X(SAME_TOKEN, "repeated token or link")                                                                  \
    X(SAME_PAGE, "repeated page")                                                                            \
    X(EXPIRED, "expired token")                                                                              \
    X(WRONG_TOTAL, "wrong total")                                                                            \
    X(WRONG_MORE, "more, and nothing to go on with")                                                         \
    X(DUPLICATE, "an item twice")                                                                            \
    X(CLASH, "one id, two contents")                                                                         \
    X(NO_ID, "item without id")                                                                              \
    X(LONG_ID, "id beyond the limit")                                                                        \
    X(HUGE, "document beyond the limit")                                                                     \
    X(DEEP, "item nested too deep")                                                                          \
    X(DEGRADED, "required parts missing")                                                                    \
    /* elsewhere */                                                                                          \
    X(RENEWAL, "failed login")                                                                               \
    X(CRASH, "crash")                                                                                        \
    X(COMMIT, "failed commit")                                                                               \
    X(STOP, "graceful stop")                                                                                 \
    X(CLOCK, "wall clock set otherwise")

enum fault {
#define X(name, text) FAULT_##name,
    SIM_FAULTS(X)
#undef X
        FAULTS
};

const char *fault_name(enum fault fault);

/* What goes wrong with the answer to this request: FAULT_NONE mostly. `page` is what the honest one would
 * show. */
enum fault fault_choose(struct visit *v, const struct asked *asked, const struct shown *page);

/* Change a page (and what the visit is to come to), before it is written. */
void fault_spoil_page(struct visit *v, enum fault fault, const struct asked *asked, struct shown *page);

/* Change a written answer, or put another in its place. */
void fault_spoil_reply(struct visit *v, enum fault fault, const struct asked *asked, struct reply *reply);

#endif
