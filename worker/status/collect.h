/* Collecting: what a store's records say of a collection, as an entry of a tally. Reads only. */
#ifndef GARNER_STATUS_COLLECT_H
#define GARNER_STATUS_COLLECT_H

#include "worker/provider/provider.h"
#include "worker/status/tally.h"
#include "worker/store/store.h"

/* Fill in what the record and its receipts say, within a read transaction; `definition` may be null: then
 * period and priority aren't known. Texts live in the arena. `last` is its last receipt; its id's harvest is
 * 0 when there is none. State and `next_ms` stay as they are. */
int collect_entry(struct store *store, const struct collection_record *record,
                  const struct collection_def *definition, struct arena *arena, struct tally_entry *entry,
                  struct receipt *last, struct error *e);

#endif
