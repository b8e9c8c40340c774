/* Origins: what all transfers to one scheme, host and port share. Internal to fetch.
 *
 * At most LIMIT_CONNECTIONS_PER_HOST transfers are admitted to one origin at a time; the others are held, in
 * order, and take up none of LIMIT_TRANSFERS. libcurl would hold them too, but as handles that it tries all
 * anew whenever one transfer ends. */
#ifndef GARNER_ORIGIN_H
#define GARNER_ORIGIN_H

#include <curl/curl.h>

#include "common/bytes.h"
#include "common/error.h"

struct transfer;

/* Linked through the transfers themselves; each is in one list at most. */
struct transfers {
    struct transfer *head, *tail;
};

struct origin {
    struct origin *same_slot;
    CURLU *url; /* of its root */
    char *host; /* as written, IPv6 in brackets */
    unsigned port;
    bool is_https, is_plain; /* plain: its host needs no DNS */
    unsigned admitted;       /* transfers */
    struct transfers held;   /* only while as many are admitted as may be */
    char *told;              /* the addresses that libcurl knows; null: none */
    size_t text_len;
    char text[]; /* scheme://host:port as it was first written */
};

enum { ORIGIN_SLOTS = 256 };

typedef void origin_forget(void *context, const struct origin *origin);

/* `forget` is told of each that is about to be freed while others stay. */
struct origins {
    struct origin *slots[ORIGIN_SLOTS];
    unsigned count;
    void *context;
    origin_forget *forget;
};

/* The origin that a URL begins with, made on first use. It stays as long as a transfer is admitted to it, and
 * then until there are more than LIMIT_ORIGINS. Null with ERR_HTTP in `e` if there is none. */
struct origin *origin_find(struct origins *origins, struct bytes url, struct error *e);
void origins_close(struct origins *origins);

#endif
