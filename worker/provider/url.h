/* URLs: just enough of RFC 3986 for links, redirects and origins. Pure. */
#ifndef GARNER_URL_H
#define GARNER_URL_H

#include "common/arena.h"
#include "common/error.h"

struct url {
    struct bytes scheme, userinfo, host, port, path,
        query; /* as written; an IPv6 host with its brackets, query without "?" */
    bool has_query, has_userinfo;
};

/* Split an absolute http or https URL. 0 or ERR_HTTP with the cause (other scheme, no host, bad port,
 * control characters or spaces). A fragment is dropped. */
int url_parse(struct bytes text, struct url *out, struct error *e);

/* Same scheme, host (ASCII case-insensitive) and port (default ports count). Both must parse. */
bool url_same_origin(struct bytes a, struct bytes b);

/* scheme://host[:port] in lower case, without a default port. Empty if it doesn't parse. */
struct bytes url_origin(struct arena *arena, struct bytes text);
struct bytes url_origin_of(struct arena *arena, const struct url *url); /* of one that was parsed */

/* Resolve a reference against the URL it was found at (RFC 3986, 5.2). 0 or ERR_HTTP: also if what comes
 * out isn't an http(s) URL. Its fragment is dropped. */
int url_resolve(struct arena *arena, struct bytes base, struct bytes reference, struct bytes *out,
                struct error *e);

/* Append with everything but unreserved characters as %XX. */
void url_encode(struct bytes text, struct buffer *out);

/* Append a part of a composite id: with "/" and "%" as %XX, and nothing else. */
void url_encode_part(struct bytes part, struct buffer *out);

#endif
