/* Exchange: one request until it has its answer: session, retries, what the answer means. Pure.
 *
 *   NEW --start--> SESSION --ready--> SENT --answer--> DONE
 *                    ^                 | ^
 *                    +---- rejected ---+ |due
 *                                      | |
 *                                 retry+>WAITING
 *
 * Each step returns what the caller must do next. Time is of the steady clock. */
#ifndef GARNER_EXCHANGE_H
#define GARNER_EXCHANGE_H

#include "common/limits.h"
#include "worker/fetch/pace.h"
#include "worker/fetch/retry.h"
#include "worker/harvest/answer.h"
#include "worker/provider/auth.h"

struct exchange_setting {
    const struct collection_def *def;
    const struct auth_def *auth;
    const struct placeholders *values;
    struct auth_session *session; /* may be null for an auth without one */
    struct retry *retry;
    /* Make the request's parts but auth; called again for each try. */
    int (*build)(void *context, struct request_parts *parts, struct error *e);
    void *context;
    const struct answer_decoder *decoder; /* of bodies; null: decode_body. Not for a `get` */
    const struct request_def *request;    /* what `build` begins with */
    bool is_sized; /* a page that can be asked for in smaller pieces: after a few tries it fails, to be so */
    bool is_get;   /* judge answers as those of a `get` */
};

enum exchange_want {
    EXCHANGE_SEND,         /* send exchange_request(), then exchange_answered or exchange_broke */
    EXCHANGE_WAIT,         /* call exchange_due at `at_ms` */
    EXCHANGE_RENEW,        /* renew the session, then exchange_due */
    EXCHANGE_WAIT_SESSION, /* somebody else renews it: exchange_due when that has ended */
    EXCHANGE_DONE,         /* `kind` and `body` */
    EXCHANGE_FAILED,       /* `error` */
};

struct exchange {
    struct exchange_setting set;
    struct arena arena; /* of the current try: request, answer's document */
    int state;
    unsigned tries;
    uint64_t generation;             /* of the session's token that was sent */
    bool is_conditional;             /* `build` asked whether anything has changed: 304 is an answer */
    bool is_suspect;                 /* after EXCHANGE_FAILED: the page's size may be why */
    bool renewed;                    /* a rejected token was renewed already */
    bool corrected;                  /* the provider's clock was followed already */
    bool moved;                      /* a redirect to another region was followed already */
    char region[LIMIT_REGION_BYTES]; /* that is signed for */
    int64_t signed_ms;               /* the time that was signed for */
    struct request request;          /* signed by exchange_request */
    enum answer_kind kind;
    struct decoded body;
    int status;                  /* of the last answer; 0: none came to this request */
    const struct answer *answer; /* during exchange_answered, and until the caller's answer goes */
    struct heard heard;          /* what the last request that was sent came to, for its limits */
    int64_t at_ms;
    struct error error; /* last: only begun with a NUL */
};

void exchange_open(struct exchange *x, const struct exchange_setting *setting);
void exchange_close(struct exchange *x); /* safe twice, and on one that is all zero */

/* Begin (again, with a new request of the same setting). */
enum exchange_want exchange_start(struct exchange *x, int64_t now_ms);
enum exchange_want exchange_due(struct exchange *x, int64_t now_ms);

/* What to send now, signed as of `wall_ms`: call it right before sending. */
const struct request *exchange_request(struct exchange *x, int64_t wall_ms);

/* The document is in x->arena; strings of `answer` are used until the next step. `wall_ms` is for dates in
 * Retry-After. */
enum exchange_want exchange_answered(struct exchange *x, const struct answer *answer, int64_t now_ms,
                                     int64_t wall_ms);
enum exchange_want exchange_broke(struct exchange *x, const struct error *error, int64_t now_ms);

/* Take secrets out of a sentence: every resolved credential, and the session's token or keys. */
void exchange_redact(const struct placeholders *values, const struct auth_session *session, struct error *e);

#endif
