/* Pages: what a run answers over HTTP (docs/metrics.md). */
#ifndef GARNER_CLI_PAGES_H
#define GARNER_CLI_PAGES_H

#include "common/error.h"

struct crew;
struct pages;

/* Answer on `address` for a run that has been started. ERR_CONFIG, ERR_BUSY, ERR_IO: it can't be listened on.
 */
int pages_open(const char *address, struct crew *crew, struct pages **out, struct error *e);

/* Before the run is over; null is fine. */
void pages_close(struct pages *pages);

#endif
