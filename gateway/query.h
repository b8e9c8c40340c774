/* Query: what a request asks of the feed, from its URL; and what of that a tenant may have. Pure. */
#ifndef GARNER_GATEWAY_QUERY_H
#define GARNER_GATEWAY_QUERY_H

#include "common/arena.h"
#include "gateway/fault.h"
#include "gateway/tokens.h"
#include "proto/filter.h"

enum query_kind { QUERY_CHANGES, QUERY_RESOURCES, QUERY_STATUS };
enum query_format { QUERY_NDJSON, QUERY_EVENTS };

struct query {
    enum query_kind kind;
    struct arena arena; /* of all texts */
    const char *from;   /* a cursor; "now"; "oldest"; null: nothing was said */
    struct filter filter;
    bool has_accounts; /* some were asked for by name */
    bool follow;       /* go on when all was given */
    uint64_t limit;    /* changes; UINT64_MAX: any number */
    enum query_format format;
    struct fault fault; /* the first one */
};

void query_begin(struct query *query, enum query_kind kind);
void query_close(struct query *query);

/* One parameter. False: it is wrong, and query->fault says why. */
bool query_take(struct query *query, struct bytes name, struct bytes value);

/* What the headers say: Accept, Last-Event-ID; null where there is none. */
bool query_take_headers(struct query *query, const char *accept, const char *last_event_id);

/* All was taken. From now on the filter passes what the tenant may have, and no more; tenant->accounts must
 * outlive it. */
bool query_end(struct query *query, const struct tenant *tenant);

#endif
