/* Redigest: can an item that is in quarantine be digested now, by the rules of now? Changes nothing: what can
 * be is stored by the listing that meets it, since nobody knows whether it is still as it was. */
#ifndef GARNER_REDIGEST_H
#define GARNER_REDIGEST_H

#include "worker/provider/provider.h"
#include "worker/provider/template.h"
#include "worker/store/store.h"

/* Read an item of a collection anew, in the store's current transaction. `account` are the placeholders of
 * its account; region and parents are found here. Returns 0, and its id, in the arena. ERR_ID, ERR_LIMIT,
 * ERR_ITEMS: it still can't be digested, or nobody can tell without a listing; `why` says it. Else an error
 * of the store. */
int redigest(struct store *store, const struct collection_record *record, const struct collection_def *def,
             const struct placeholders *account, const struct quarantined *item, struct arena *arena,
             struct bytes *id, struct error *why);

#endif
