/* Filter: which changes of the feed are asked for. */
#ifndef GARNER_CLI_FEED_FILTER_H
#define GARNER_CLI_FEED_FILTER_H

#include "cli/options.h"
#include "cli/select.h"
#include "common/value/pointer.h"

struct feed_filter {
    struct arena arena;
    struct selection selection; /* account and type */
    unsigned ops;               /* bits 1 << enum change_op; 0: all */
    bool no_initial;
    bool has_touches;
    struct pointer touches;
};

/* From --account, --type, --op, --touches and --no-initial. ERR_USAGE. */
int feed_filter_open(struct feed_filter *filter, const struct options *options, struct error *e);
void feed_filter_close(struct feed_filter *filter);

/* `scratch` is used for what is unpacked. 0, or ERR_CORRUPT. */
int feed_filter_passes(const struct feed_filter *filter, const struct change *change, struct arena *scratch,
                       bool *passes, struct error *e);

/* True if a pointer of a patch leads to what `pointer` names, into it, or to what holds it. */
bool feed_filter_touches(const struct pointer *pointer, const struct pointer *path);

#endif
