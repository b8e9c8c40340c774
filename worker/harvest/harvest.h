/* Harvest: one walk over a collection's pages, and the questions that follow it. Pure: the caller sends,
 * waits and stores.
 *
 *                     +-------------unmodified----------------------+
 *                     |                                             v
 *   IDLE --start--> ASKING --page--> TAKING --taken--> ASKING … --last--> LISTED
 *                     |                 |                               |  ^
 *                     +-----error-------+--> FAILED                 get |  | answer
 *                                                                       v  |
 *                                                                    CONFIRMING     */
#ifndef GARNER_HARVEST_H
#define GARNER_HARVEST_H

#include "worker/harvest/exchange.h"
#include "worker/harvest/page.h"
#include "worker/harvest/validators.h"
#include "worker/provider/paging.h"

enum harvest_want {
    HARVEST_SEND,         /* send harvest_request, then harvest_answered or harvest_broke */
    HARVEST_WAIT,         /* harvest_due at harvest_at_ms */
    HARVEST_RENEW,        /* renew the session, then harvest_due */
    HARVEST_WAIT_SESSION, /* harvest_due when the session's renewal has ended */
    HARVEST_PAGE,         /* take `page`, then harvest_taken or harvest_refused */
    HARVEST_UNMODIFIED,   /* nothing has changed since the listing that `known` is of; it ends here */
    HARVEST_LISTED,       /* every page came; harvest_get may ask for single resources now */
    HARVEST_FAILED,       /* `error`; it ends here */
    HARVEST_GONE,         /* what harvest_get asked for isn't there */
    HARVEST_THERE,        /* it is */
    HARVEST_UNSURE,       /* `error` came instead of an answer */
};

/* Whether it goes on from where an earlier harvest was stopped. */
enum harvest_resume {
    RESUME_NOT,   /* it begins with the first page */
    RESUME_ASKED, /* it is to, and its first request wasn't made yet */
    RESUME_DONE,  /* it does */
    RESUME_VOID,  /* the position is no good: it begins with the first page */
};

struct harvest {
    const struct collection_def *def;
    struct placeholders values; /* a copy: harvest_get adds the item */
    int state;
    struct answer_decoder decoder;
    struct resource_view asked; /* by harvest_get */
    uint64_t first_request;     /* which one the first request was, as validators_request says */
    /* To be set after harvest_open, where there are any; to outlive it. */
    const struct validators *known;
    const struct page_size *known_size;
    uint64_t size_tried; /* pages of so many items kept failing, and none came since; 0: no */
    /* Pages of so many kept failing, and so many were asked for with success, or shall be by the next
     * listing. */
    uint64_t size_failed, size_smaller;
    /* Of the listing so far. */
    uint64_t pages; /* that were taken, those of the harvests that it goes on from among them */
    uint64_t duplicate_keys;
    bool sound;   /* by what the pages said */
    bool refused; /* the provider said that there is no such page as it was asked for */
    enum harvest_resume resume;
    uint64_t resumed_page;         /* RESUME_DONE: the page that it goes on with */
    uint64_t request;              /* request_hash of its pages; 0: none was made yet */
    const struct checkpoint *from; /* RESUME_ASKED */

    /* Large: each opens its own, and texts are only begun with a NUL. */
    struct exchange exchange;
    struct paging paging; /* opened with the first request */
    struct page page;     /* that is being taken; its items live until the next step */
    char why[256];        /* when it isn't sound */
    struct error error;
};

/* `values`, `session`, `retry` and `forecast` (null: none) must outlive it, and it must stay where it is. */
void harvest_open(struct harvest *h, const struct collection_def *def, const struct placeholders *values,
                  struct auth_session *session, struct retry *retry, struct forecast *forecast);
void harvest_close(struct harvest *h); /* safe twice, and on one that is all zero */

/* Before harvest_start: go on from there, if the request is the same and its position one of this paging. If
 * the provider then refuses that position (a 4xx that is about the request, or `absent`), the harvest begins
 * with the first page by itself. `from` must outlive the first step. */
void harvest_resume(struct harvest *h, const struct checkpoint *from);

/* Where the next harvest can go on when this one ends here. False: nowhere; it begins with the first page. */
bool harvest_position(const struct harvest *h, struct arena *arena, struct checkpoint_position *out);

enum harvest_want harvest_start(struct harvest *h, int64_t now_ms);
enum harvest_want harvest_due(struct harvest *h, int64_t now_ms);
enum harvest_want harvest_answered(struct harvest *h, const struct answer *answer, int64_t now_ms,
                                   int64_t wall_ms);
enum harvest_want harvest_broke(struct harvest *h, const struct error *error, int64_t now_ms);
enum harvest_want harvest_taken(struct harvest *h, const struct page_seen *seen, int64_t now_ms);
enum harvest_want harvest_refused(struct harvest *h, const struct error *error);

/* Between HARVEST_PAGE and harvest_taken: read the page again, as a whole, whatever the forecast recognised.
 * 0 or the error of a body that can't be read. */
int harvest_reread(struct harvest *h, struct error *e);

/* Between the first HARVEST_PAGE and harvest_taken: what the page came with, copied. False: nothing that can
 * be asked with, or this isn't the first page. */
bool harvest_validators(const struct harvest *h, struct arena *arena, struct validators *out);

/* After HARVEST_LISTED: ask for one resource with the collection's `get`. The view must live until the
 * answer. */
enum harvest_want harvest_get(struct harvest *h, const struct resource_view *item, int64_t now_ms);

const struct request *harvest_request(struct harvest *h, int64_t wall_ms); /* right before sending */
int64_t harvest_at_ms(const struct harvest *h);
uint64_t
harvest_page(const struct harvest *h); /* the page being asked for or taken, from 1; 0 before and after */

#endif
