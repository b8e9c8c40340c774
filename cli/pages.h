/* Pages: what a run answers over HTTP (docs/metrics.md), the gateway's part included (docs/gateway.md). */
#ifndef GARNER_CLI_PAGES_H
#define GARNER_CLI_PAGES_H

#include "common/error.h"

struct crew;
struct pages;

struct pages_setting {
    const char *http; /* where to answer */
    struct crew *crew;
    const char *listen;       /* where the same process serves the feed: the gateway's part asks there */
    const char *tokens, *bus; /* of the configuration; may be null */
    void *context;
    bool (*is_ready)(void *context, struct buffer *reasons); /* is whatever else there is; may be null */
};

/* Answer for a run that has been started. ERR_CONFIG, ERR_BUSY, ERR_IO: it can't be listened on, or the
 * tokens can't be read. What the setting points to must outlive it. */
int pages_open(const struct pages_setting *setting, struct pages **out, struct error *e);

/* Before the run is over; null is fine. */
void pages_close(struct pages *pages);

#endif
