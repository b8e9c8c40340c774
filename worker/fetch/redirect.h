/* Redirects: may this answer be followed, and with what. Pure. */
#ifndef GARNER_REDIRECT_H
#define GARNER_REDIRECT_H

#include "worker/provider/request.h"

enum redirect_verdict { REDIRECT_NONE, REDIRECT_FOLLOW };

/* `hops` redirects were followed already. 301, 302, 307, 308 keep the method and body of GET and HEAD;
 * 307 and 308 of all; 303 turns into GET; a 301 or 302 of another method is an error, for repeating it or
 * turning it into GET could both be wrong. 304 and 300 are no redirects, and a signed request follows
 * none. Only to the request's own origin
 * (https instead of http of the same host on default ports counts as another one) or one in `allow_origins`.
 * Returns 0 and the verdict, or ERR_REDIRECT (the sentence names where it leads, without its query). */
int redirect_decide(struct arena *arena, const struct request *asked, const struct answer *answer,
                    const char *const *allow_origins, unsigned hops, enum redirect_verdict *verdict,
                    struct request *next, struct error *e);

#endif
