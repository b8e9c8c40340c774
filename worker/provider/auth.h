/* Auth: what makes a request be somebody's, as plain decisions. Pure; no sentence holds a secret.
 *
 * Kinds none, basic, bearer and header need only credentials. login, exec and aws_sigv4 need a session: a
 * token, or keys, that were fetched and may expire. One session serves all collections of an account that
 * share an auth.
 *
 *   NONE --need--> RENEWING --token--> READY --expires or 401--> RENEWING
 *                     |                                             |
 *                     +--error--> FAILED --retry time passed--------+
 *                                 (READY, if it has keys of AWS that are still good)    */
#ifndef GARNER_AUTH_H
#define GARNER_AUTH_H

#include "worker/provider/request.h"
#include "worker/provider/sigv4.h"

struct auth_session {
    int state; /* enum auth_state, auth_session.c */
    struct buffer token;
    struct buffer key_id, secret; /* aws_sigv4: with `token`, the keys */
    struct arena arena;           /* of endpoints */
    struct value endpoints;       /* aws_sigv4: as of aws_endpoint (worker/aws/chain.h) */
    bool doubted;                 /* aws_sigv4: its keys were renewed since somebody refused them, at: */
    int64_t doubted_ms;
    int64_t skew_ms;       /* what the provider's clock is ahead of ours, once it complained */
    uint64_t generation;   /* grows with each token: tells a 401 of an old token from one of the new */
    int64_t expires_ms;    /* INT64_MAX: not known */
    int64_t renew_ms;      /* from when on a renewal is due */
    int64_t wall_ahead_ms; /* the wall clock less the clock of now_ms, for `expires_at`; whoever renews sets
                              it before auth_renewed; 0 if now_ms is the wall clock's */
    struct error error;    /* why the last renewal failed */
    int64_t failed_ms;
};

enum auth_need { AUTH_GO, AUTH_RENEW, AUTH_WAIT, AUTH_FAIL };

/* May a request go out now? AUTH_RENEW: the caller must renew (this call moves the session to
 * RENEWING, so exactly one caller is told); AUTH_WAIT: somebody else is renewing; AUTH_FAIL: a renewal
 * failed (session->error says why), for 30 s from then. Renews 30 s before expiry, or at half of the
 * token's life if that is later, so that after a renewal there is always AUTH_GO for a while. `session`
 * may be null for kinds without one. Whoever was told AUTH_RENEW ends it by auth_renewed or auth_failed,
 * even when stopped: else the others wait for ever. */
enum auth_need auth_need(struct auth_session *session, const struct auth_def *def, int64_t now_ms);

/* A 401 came to a request that was sent with that generation's token. True: ask the same page again, with the
 * token of now, which is renewed first if it is that one. False: the kind has no session, or the token that
 * failed was fresh. Keys of aws_sigv4 are doubted once in 30 s only: a 401 may as well come from a region
 * that is switched off, and new keys for each request to it would help nobody. */
bool auth_rejected(struct auth_session *session, const struct auth_def *def, uint64_t generation, bool fresh,
                   int64_t now_ms);

/* The result of a renewal: `answer` and its decoded body (exec: status 200, no headers, standard output
 * as body). Takes token and expiry, or sets the error (ERR_LOGIN). */
int auth_renewed(struct auth_session *session, const struct auth_def *def, const struct answer *answer,
                 const struct value *body, int64_t now_ms, struct error *e);
/* A renewal failed. Keys of aws_sigv4 that haven't expired stay in use, with the error kept for those they
 * don't help. */
void auth_failed(struct auth_session *session, const struct error *e, int64_t now_ms);

/* The same for aws_sigv4: the keys that the chain found (copied), until when by the wall clock (INT64_MAX:
 * not known), and its endpoints (copied), as of worker/aws/chain.h. Fails if they have expired already, or
 * can't be keys. */
int auth_renewed_keys(struct auth_session *session, const struct sigv4_keys *keys, int64_t expires_wall_ms,
                      const struct value *endpoints, int64_t now_ms, struct error *e);

/* Add what the kind needs to a request's parts, after paging_apply. 0; ERR_PLACEHOLDER; ERR_CREDENTIALS: no
 * token, a user with ':', or a URL whose origin is neither the definition's nor an allowed link's. */
int auth_apply(const struct auth_def *def, const struct auth_session *session,
               const struct placeholders *values, struct request_parts *parts, struct error *e);

/* Sign a finished request for a region, at the very last moment: signatures hold for minutes only. Nothing to
 * do for kinds but aws_sigv4. `wall_ms` is our clock's; the provider's is session->skew_ms ahead. */
void auth_sign(const struct auth_def *def, const struct auth_session *session, const char *region,
               int64_t wall_ms, struct arena *arena, struct request *request);

bool auth_renewing(const struct auth_session *session); /* an AUTH_RENEW that was told hasn't ended */
void auth_session_close(struct auth_session *session);  /* wipes what is secret */

#endif
