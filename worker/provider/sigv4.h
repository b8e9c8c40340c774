/* AWS Signature Version 4: the Authorization header of one request. Pure: the time is an argument.
 *
 * Source: "AWS Signature Version 4 for API requests" in the IAM user guide; tests hold it against the
 * published vectors. What is signed is what is sent: the canonical URI and query are made from the bytes of
 * request->url, never from what they stand for, so whoever sends it must leave dot segments in it alone. */
#ifndef GARNER_SIGV4_H
#define GARNER_SIGV4_H

#include "worker/provider/request.h"

/* Keys of one identity. `token` is empty for long-lived ones. Nothing is owned. */
struct sigv4_keys {
    struct bytes id, secret, token;
};

struct sigv4_setting {
    struct sigv4_keys keys;
    const char *region, *service; /* of the credential scope: letters, digits, "-", "_" and "." */
    int64_t wall_ms; /* the time to sign for, in whole seconds; from 1970 to 9999, else the nearest */
    bool keeps_path; /* sign the path as it is, which is always so for service "s3" */
};

/* Sign: adds Host where it isn't there yet (the URL's host in lower case, with a port that isn't the
 * scheme's own), X-Amz-Date, X-Amz-Security-Token (with a token), X-Amz-Content-Sha256 (for service "s3",
 * or where the request has one) and Authorization to the request's headers; ones of these four names are
 * replaced, so a request can be signed again. All headers are signed but Authorization and those that belong
 * to one connection or that proxies and libcurl change (Connection, Expect, Keep-Alive, Proxy-…, TE,
 * Trailer, Transfer-Encoding, Upgrade, User-Agent, X-Amzn-Trace-Id).
 *
 * Path: for "s3" encoded once, whatever of it already is (%2f is %2F, $ is %24, %7E and ~ are ~). For other
 * services empty segments and dot segments are taken out, and all of it is encoded once more (%20 is
 * %2520), as they do with what comes in. Query: encoded once, as S3's path, and in order of the encoded names
 * and then values; "a" is "a=". A "+" is a plus, %2B, as AWS's own signers have it: a space is sent as %20.
 *
 * The list of headers is a new one and all new texts live in `arena`. Sets request->is_signed.
 * Returns 0, or with the request untouched: ERR_CREDENTIALS: key id or secret is empty, or one of id, secret
 * and token holds a control character (line break, NUL, …); ERR_CONFIG: no such region or service; ERR_HTTP:
 * no http(s) URL, or one with a user or a byte that isn't ASCII (it would be encoded on its way). No sentence
 * holds a secret. */
int sigv4_sign(const struct sigv4_setting *how, struct arena *arena, struct request *request,
               struct error *e);

/* The steps in between, for tests and for finding out why a signature doesn't match: the canonical request
 * and the string to sign of a request that sigv4_sign signed with this setting (its Authorization left out).
 * Both are appended. The canonical request holds the token. Errors as above, but for the keys, which it
 * doesn't need. */
int sigv4_explain(const struct sigv4_setting *how, const struct request *request, struct buffer *canonical,
                  struct buffer *to_sign, struct error *e);

#endif
