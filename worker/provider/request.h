/* Requests and answers as plain data, and how a request is made from its definition. Pure: whoever sends
 * them is in worker/fetch.
 *
 * A request is made in steps: request_begin (definition and placeholders), then paging and auth add to
 * its parts, then request_finish makes what goes over the wire. */
#ifndef GARNER_REQUEST_H
#define GARNER_REQUEST_H

#include "worker/provider/provider.h"
#include "worker/provider/template.h"
#include "worker/provider/url.h"

struct pair {
    struct bytes name, value;
};
struct pairs {
    struct pair *items;
    uint32_t count, cap;
};

/* Parts, all in the arena, values not yet encoded. */
struct request_parts {
    struct arena *arena;
    const char *method;
    struct url url; /* of a text with a NUL behind it; may have a query of its own, which stays in front */
    struct pairs query, headers, form;
    struct value body;
    bool has_body, has_form;
    struct url origin;             /* whose origin the definition led to; set by request_begin */
    const struct url *link_origin; /* the next link that `url` now is, its origin having been allowed; set by
                                      paging_apply, else null. Secrets go to these two origins only */
};

/* What goes over the wire. */
struct request {
    const char *method;
    const char *url;      /* absolute, encoded, without fragment */
    struct pairs headers; /* with Content-Type where there is a body; no CR, LF or NUL in any */
    struct bytes body;
    bool has_body;
    bool is_signed;  /* holds for this URL only: redirects aren't followed, they come back as answers */
    bool is_direct;  /* past any proxy: for what is on this machine or link */
    int64_t wait_ms; /* for a connection, and for the answer; 0: as in limits.h */
};

/* What came back. Headers in the order they came; of redirects only the last answer's. */
struct answer {
    int status;
    struct pairs headers;
    struct bytes body; /* decompressed */
    bool delimited;    /* the transfer said where it ends (length, chunks or frames): a cut can't go unseen */
    const char *url;   /* that was asked */
};

/* The (last) header of that name, case-insensitive; false if there is none. */
bool answer_header(const struct answer *answer, const char *name, struct bytes *value);

/* The server's own time, by its Date header, in ms since 1970; false without one that can be read. */
bool answer_date(const struct answer *answer, int64_t *time_ms);

/* Expand a definition. Placeholders that stand in the URL anywhere but at its start can't leave their
 * path segment. Returns 0; ERR_PLACEHOLDER or ERR_HTTP (no http(s) URL) with the part's place in front,
 * never its value. */
int request_begin(struct request_parts *parts, struct arena *arena, const struct request_def *def,
                  const struct placeholders *values, struct error *e);

/* Put a value where a target says; a parameter of that name is replaced. `value` is any JSON value: as
 * its text into query, form and header, as it is into a body (one is begun if there is none). The value
 * is copied. 0; ERR_PAGING (not a scalar); ERR_CONFIG (a form and a body, or no way to the pointer). */
int request_set(struct request_parts *parts, const struct target *target, const struct value *value,
                struct error *e);
void request_set_header(struct request_parts *parts, const char *name, struct bytes value); /* copies */

/* Which request these parts are, as far as they go: before auth_apply, all but who asks; before paging_apply,
 * the same on each page. Never 0. (request_hash.c) */
uint64_t request_hash(const struct request_parts *parts);

/* Encode: query into the URL (RFC 3986: everything but unreserved is %XX), form as
 * application/x-www-form-urlencoded (a space is %20), body as JSON with its Content-Type unless headers
 * name one. Returns 0; ERR_LIMIT; ERR_HTTP for a header with CR, LF or NUL or a name that is none, or a
 * URL that holds a user. */
int request_finish(const struct request_parts *parts, struct request *out, struct error *e);

#endif
