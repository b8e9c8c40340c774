/* Filter: which changes of the feed a command line asks for. */
#ifndef GARNER_CLI_FEED_FILTER_H
#define GARNER_CLI_FEED_FILTER_H

#include "cli/options.h"
#include "client/garner.h"
#include "proto/filter.h"

struct feed_filter {
    struct arena arena, scratch;
    struct bytes account, region, type; /* what the lists below have */
    struct filter filter;
};

/* From --account, --region, --type, --op, --touches and --no-initial. ERR_USAGE. */
int feed_filter_open(struct feed_filter *filter, const struct options *options, struct error *e);
void feed_filter_close(struct feed_filter *filter);

#endif
