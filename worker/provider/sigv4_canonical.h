/* The canonical request of AWS Signature Version 4: one text for one request, whoever writes it. Pure. For
 * sigv4.c, whose header says how paths, queries and headers are written. */
#ifndef GARNER_SIGV4_CANONICAL_H
#define GARNER_SIGV4_CANONICAL_H

#include "worker/provider/request.h"
#include "worker/provider/url.h"

/* Append the canonical request to `out`, and the signed headers' names ("host;x-amz-date") to `names`.
 * `url` is request->url, parsed; `content_hash` the SHA-256 of the body, in hex. */
void sigv4_canonical(const struct request *request, const struct url *url, bool keeps_path,
                     const char *content_hash, struct buffer *out, struct buffer *names);

#endif
