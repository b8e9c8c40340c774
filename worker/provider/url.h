/* URLs: just enough of RFC 3986 for links, redirects and origins. Pure. */
#ifndef GARNER_URL_H
#define GARNER_URL_H

#include "common/arena.h"
#include "common/error.h"

/* Parts point into what was parsed. All zero is no URL. */
struct url {
    struct bytes text; /* all of it, without its fragment */
    struct bytes scheme, userinfo, host, port, path,
        query;            /* as written; an IPv6 host with its brackets, query without "?" */
    uint32_t port_number; /* what stands in `port`, or the scheme's default */
    bool has_query, has_userinfo, is_https;
    bool is_plain; /* ASCII, with a path, without fragment, user and an empty port: nothing of it is to be
                      encoded or left out before it is sent */
};

/* Split an absolute http or https URL. 0 or ERR_HTTP with the cause (other scheme, no host, bad port,
 * control characters or spaces). A fragment is dropped. */
int url_parse(struct bytes text, struct url *out, struct error *e);

/* Same scheme, host (ASCII case-insensitive) and port (default ports count). Both must parse. */
bool url_same_origin(struct bytes a, struct bytes b);
bool url_same_origin_of(const struct url *a, const struct url *b); /* of two that were parsed */

/* scheme://host[:port] in lower case, without a default port. Empty if it doesn't parse. */
struct bytes url_origin(struct arena *arena, struct bytes text);
struct bytes url_origin_of(struct arena *arena, const struct url *url); /* of one that was parsed */

/* Resolve a reference against the URL it was found at (RFC 3986, 5.2). 0 or ERR_HTTP: also if what comes
 * out isn't an http(s) URL. Its fragment is dropped. */
int url_resolve(struct arena *arena, struct bytes base, struct bytes reference, struct bytes *out,
                struct error *e);

/* Append with everything but unreserved characters as %XX. `url_encode_to` writes where there is room for
 * three times as much, without a NUL, and returns the end. */
void url_encode(struct bytes text, struct buffer *out);
char *url_encode_to(char *to, struct bytes text);

/* Append a part of a composite id: with "/" and "%" as %XX, and nothing else. */
void url_encode_part(struct bytes part, struct buffer *out);

#endif
