/* Verify: what its parts share. One struct for one run, within one transaction.
 *
 * A fault is told and gone on from; only an error of LMDB's own ends a run. */
#ifndef GARNER_STORE_VERIFY_H
#define GARNER_STORE_VERIFY_H

#include "common/value/canonical.h"
#include "worker/store/tables.h"

/* A collection whose record could be read. Lives in `verify.arena`. */
struct known {
    uint32_t id;
    const char *name;
    struct bytes key;                        /* as collection_key_bytes writes it */
    uint64_t rows;                           /* that the record says */
    uint64_t found;                          /* documents met */
    uint64_t quarantined, quarantined_found; /* likewise, of items in quarantine */
    uint32_t next_row;
    uint64_t next_harvest;
    const struct pointer *ignore[2], *unordered[2]; /* [1]: for documents of XML, as in winnow.h */
    uint32_t ignore_count, unordered_count;
    bool mixed; /* digests may be by older rules too: they aren't checked */
    bool has_forecast, forecast_unsettled, has_checkpoint;
};

struct epoch {
    uint64_t number, first_seq;
};

struct verify {
    struct store *store;
    void (*fault)(void *context, const char *sentence);
    void *context;
    struct error *e;
    struct arena arena; /* of the run */
    struct arena brief; /* of one record: reset by whoever begins with one */
    struct buffer scratch;
    struct known *known; /* by id */
    size_t known_count, known_cap;
    size_t lookups;       /* keys that lead to collections */
    uint64_t checkpoints; /* met, of records that say so */
    struct epoch *epochs;
    size_t epoch_count, epoch_cap;
    uint64_t next_seq; /* that the changes go on with */
    struct replay *replay;
    uint32_t stretched_collection;
    roaring_bitmap_t *stretched; /* its rows that stretches named so far */
};

/* Tell one fault: the shard is put in front. */
void verify_fault(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct known *verify_known(struct verify *v, uint32_t collection); /* null: there is no such one */
const char *verify_name(struct verify *v, uint32_t collection);    /* for a sentence */

/* The parts, in the order in which they run. Each returns 0 or an error that ends it all. */
int verify_collections(struct verify *v); /* verify_rows.c */
int verify_receipts(struct verify *v);    /* verify_local.c */
int verify_changes(struct verify *v);     /* verify_changes.c: fills the replay */
int verify_documents(struct verify *v);   /* verify_rows.c */
int verify_ids(struct verify *v);
int verify_local(struct verify *v);    /* verify_local.c: stretches, missing, quarantine, checkpoints */
int verify_vanished(struct verify *v); /* verify_changes.c: what only the changes know */

/* The replay (verify_replay.c): which resources the changes leave, and the seq of the last change of each.
 * It holds 40 bytes a resource. */
struct replayed {
    struct digest name; /* of collection and id, keyed */
    uint64_t seq;
    uint32_t collection;
    bool used, live, matched;
};

struct replay *replay_open(const struct hash_secret *secret);
void replay_close(struct replay *replay);
/* The entry of a resource; made, not live and with seq 0, when it isn't there and `make` is set. Valid until
 * the next one is made. */
struct replayed *replay_entry(struct replay *replay, uint32_t collection, struct bytes id, bool make);
/* A `void` status: everything of the collection up to `seq` is forgotten. */
void replay_void(struct replay *replay, uint32_t collection, uint64_t seq);
uint64_t replay_voided(struct replay *replay, uint32_t collection); /* up to which seq; 0: none is told */
bool replay_is_live(struct replay *replay, const struct replayed *entry);
/* Visit all that are live and not matched. */
int replay_each_unmatched(struct replay *replay, int (*visit)(void *context, const struct replayed *entry),
                          void *context);

#endif
