/* Sessions: an account's logins, and who waits for them. Not for others than worker/run. */
#ifndef GARNER_RUN_SESSION_H
#define GARNER_RUN_SESSION_H

#include "worker/aws/chain.h"
#include "worker/harvest/exchange.h"
#include "worker/run/task.h"

struct account;
struct fetch_timer;

/* A login's request: larger than all else of an account, so only who logs in has one. */
struct login {
    struct exchange exchange;
    struct collection_def def; /* of its exchange */
};

struct session {
    struct account *account;
    const struct auth_def *def; /* the first one seen of its index */
    struct auth_session session;
    struct login *login;        /* of kind login, once it has begun */
    struct aws_chain *chain;    /* of kind aws_sigv4 */
    struct session *next_chain; /* behind it in the run's queue */
    bool is_due;                /* its turn is to go on, not to begin */
    int64_t told_skew_ms;       /* that was warned of */
    bool awaited;               /* by its account, which can't begin without it */
    struct fetch_timer *timer;
    struct task_list waiting;
};

void session_renew(struct session *s); /* begin; tasks wait with session_wait */
void session_ended(struct session *s); /* one way or the other: those that wait go on */
void session_failed(struct session *s, struct error *e);
void session_wait(struct session *s, struct task *task);
void session_forget(struct session *s, struct task *task); /* it waits no more */
void session_close(struct session *s);

/* --- session_aws.c --- */

bool session_begin_aws(struct account *a); /* as a part of its credentials; false: it needs none */
void session_renew_aws(struct session *s);
void session_close_aws(struct session *s);
void session_tell_skew(struct session *s); /* warn, once, of clocks that differ */

#endif
