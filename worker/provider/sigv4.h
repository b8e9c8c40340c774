/* AWS Signature Version 4: the Authorization header of one request. Pure: the time is an argument.
 *
 * Source: "AWS Signature Version 4 for API requests" in the IAM user guide; tests hold it against the
 * published vectors. What is signed is what is sent: the canonical URI and query are made from the bytes of
 * request->url, never from what they stand for. */
#ifndef GARNER_SIGV4_H
#define GARNER_SIGV4_H

#include "worker/provider/request.h"

/* Keys of one identity. `token` is empty for long-lived ones. Nothing is owned. */
struct sigv4_keys {
    struct bytes id, secret, token;
};

struct sigv4_setting {
    struct sigv4_keys keys;
    const char *region, *service; /* of the credential scope */
    int64_t wall_ms;              /* the time to sign for; seconds count */
};

/* Sign: adds X-Amz-Date, X-Amz-Security-Token (with a token), Host where it isn't there yet (the URL's host,
 * with a port that isn't the scheme's own), for service "s3" X-Amz-Content-Sha256, and Authorization, to the
 * request's headers; ones of the same names are replaced. All headers are signed but those that proxies and
 * libcurl change (Authorization, Connection, Expect, TE, Transfer-Encoding, User-Agent, X-Amzn-Trace-Id).
 *
 * For "s3" the path is signed as it is; for others dot segments and repeated slashes are taken out of the
 * canonical URI and it is encoded once more. All new texts live in `arena`. Sets request->is_signed.
 * Returns 0; ERR_CREDENTIALS: key id, secret or token hold a line break, NUL or nothing; ERR_HTTP: no
 * http(s) URL. No sentence holds a secret. */
int sigv4_sign(const struct sigv4_setting *how, struct arena *arena, struct request *request,
               struct error *e);

/* The steps in between, for tests and for finding out why a signature doesn't match: the canonical request
 * and the string to sign of a request that sigv4_sign signed with this setting (its Authorization left out).
 */
int sigv4_explain(const struct sigv4_setting *how, const struct request *request, struct buffer *canonical,
                  struct buffer *to_sign, struct error *e);

#endif
