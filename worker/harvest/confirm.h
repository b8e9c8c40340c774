/* Confirm: let the next sound listing of a collection delete what the guard holds back. */
#ifndef GARNER_HARVEST_CONFIRM_H
#define GARNER_HARVEST_CONFIRM_H

#include "worker/store/store.h"

/* Note it in the collection's record, in the store's write transaction, which the caller commits. The record
 * as it is now lives in the arena. Whoever holds a copy of it must set its confirmed_ms, too. */
int confirm_collection(struct store *store, uint32_t collection, int64_t now_ms, struct arena *arena,
                       struct collection_record *record, struct error *e);

#endif
