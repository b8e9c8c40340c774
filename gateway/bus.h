/* Bus: every change, told to whoever listens on one address, as it happens (docs/gateway.md). A message is
 * TYPE/PROVIDER/ACCOUNT/REGION/ID, a NUL byte, and the change as JSON. What isn't heard isn't told again. */
#ifndef GARNER_GATEWAY_BUS_H
#define GARNER_GATEWAY_BUS_H

#include "common/metrics.h"
#include "proto/change.h"

struct bus;

/* Tell on `address` what happens at `home`, which is waited for as long as it takes; both must outlive it.
 * ERR_CONFIG: it can't be listened on there; ERR_IO. */
int bus_open(const char *address, const char *home, struct bus **out, struct error *e);
void bus_close(struct bus *bus); /* null is fine */

/* Append a change as a message. 0, or ERR_CORRUPT. */
int bus_write(const struct change *change, struct buffer *out, struct error *e);

void bus_to_metrics(struct bus *bus, struct metrics *metrics);

#endif
