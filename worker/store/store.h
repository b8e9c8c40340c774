/* The store: one shard in one LMDB file. The only code that touches it (docs/store.md).
 *
 * One thread owns a store and is its only writer. Its calls work in the current transaction: a write
 * transaction that gathers until store_commit, or else a read transaction between store_read and
 * store_done. Spans that a call returns are valid until the next write or the transaction's end, so copy
 * what must outlive that. Other processes read at any time (store_open with `read_only`), and so do other
 * threads (store_reader_open).
 *
 * A change and the state that it changes are written by the same call, in the same transaction.
 *
 * Errors everywhere: ERR_STORE, ERR_FULL (disk or map: the sentence says which and what to do),
 * ERR_CORRUPT. After a failed write the whole transaction must be aborted: store_commit does it by
 * itself and returns the error, and every write until then returns it again. What is found wrong before the
 * first write spoils nothing: ERR_LIMIT (a document, change or id beyond its limit), ERR_ID (an id that is
 * no UTF-8), a resource that isn't there or is there already. After an abort, records that the caller
 * holds (rows, next_row, ids of new collections) are stale: read them again. */
#ifndef GARNER_STORE_H
#define GARNER_STORE_H

#include <roaring/roaring.h>

#include "proto/change.h"
#include "proto/checkpoint.h"
#include "proto/quarantined.h"
#include "proto/record.h"
#include "proto/stretch.h"

struct store;

struct store_options {
    const char *path; /* of the file; LMDB's lock file stands beside it */
    uint32_t shard;
    uint64_t map_size;
    bool read_only;       /* the file must exist */
    uint64_t first_epoch; /* of one that is created; 0: 1 */
};

/* Open or create. ERR_CORRUPT: no store, a newer format, or another shard's; ERR_BUSY: this process has
 * it open already; ERR_NOT_FOUND: `read_only`, and never made. A reader takes its map's size from the
 * file, and follows a writer that makes it larger. */
int store_open(const struct store_options *options, struct store **out, struct error *e);
void store_close(struct store *store); /* aborts what is open; null is fine */

/* A reader of its own beside the one that writes, for another thread: same file, transactions of its own,
 * which should be short. Sees what is committed. To be closed before `of`. */
void store_reader_open(struct store *of, struct store **out);
/* Its file was deleted since: it goes on as it was, but nobody writes to it any more. */
bool store_reader_is_stale(const struct store *reader);
/* The file of an open store was deleted, so its readers are stale. Any thread. */
void store_outlive(struct store *store);
uint32_t store_readers(const struct store *store); /* that are open */

uint32_t store_shard(const struct store *store);
const struct hash_secret *store_secret(const struct store *store);
/* Of the changes that come next. A reader's is that of its last transaction, or of a look that it takes now.
 */
uint64_t store_epoch(struct store *store);

/* The shard's epochs, ascending; in the arena. */
int store_epochs(struct store *store, struct arena *arena, const struct store_epoch **epochs, uint32_t *count,
                 struct error *e);

/* The history goes on in a higher epoch, from head + 1 on: gathered as any write is, and gone with an abort.
 * ERR_STORE: it isn't higher than store_epoch, and nothing was written. */
int store_begin_epoch(struct store *store, uint64_t epoch, struct error *e);

/* --- transactions --- */

int store_read(struct store *store, struct error *e);  /* nothing to do when a write transaction is open */
void store_done(struct store *store);                  /* ends a read; leaves a write transaction open */
int store_write(struct store *store, struct error *e); /* begin gathering, or go on with it */
bool store_writing(const struct store *store);
uint32_t store_gathered(const struct store *store); /* changes and documents since the last commit */
/* It is time to commit: LIMIT_COMMIT_ITEMS are gathered, or about LIMIT_COMMIT_BYTES of memory are held for
 * them. */
bool store_is_full(struct store *store);
int store_commit(struct store *store, struct error *e); /* synced to disk on return; 0 if nothing is open */
void store_abort(struct store *store);

/* --- collections --- */

/* ERR_NOT_FOUND when it isn't there. Texts live in the arena. */
int store_collection_find(struct store *store, const struct collection_key *key, struct arena *arena,
                          struct collection_record *out, struct error *e);
int store_collection_by_id(struct store *store, uint32_t id, struct arena *arena,
                           struct collection_record *out, struct error *e);
/* The first one from `id` on. ERR_NOT_FOUND when there is none. */
int store_collection_next(struct store *store, uint32_t id, struct arena *arena,
                          struct collection_record *out, struct error *e);
/* Write a record; id 0 makes it new and sets the id. */
int store_collection_put(struct store *store, struct collection_record *record, struct error *e);
/* Forget a collection and all that is kept of it but its changes and receipts: for a child whose parent
 * is deleted, or with `keep_record` for one that starts anew: its stored record then counts no rows, the
 * caller's is the caller's to set. The feed must hear of the rows too: by a delete each, or a status that
 * says `void`. */
int store_collection_drop(struct store *store, uint32_t id, bool keep_record, struct error *e);
/* Call `visit` for each, by id; the record is valid during the call. `visit` must not write. */
int store_collections_each(struct store *store,
                           int (*visit)(void *context, const struct collection_record *record), void *context,
                           struct error *e);
/* The same with their keys alone, for a tenth of the time: accounts stand together, and their regions.
 * `visit` may look up records. */
int store_collection_keys_each(struct store *store,
                               int (*visit)(void *context, uint32_t id, const struct collection_key *key),
                               void *context, struct error *e);

/* --- resources --- */

struct document {
    uint32_t row;
    struct bytes id;
    struct digest digest; /* canonical, keyed with store_secret */
    int64_t first_seen_ms;
    uint64_t last_seq;
    struct bytes packed; /* MessagePack */
};

int store_row_find(struct store *store, uint32_t collection, struct bytes id, uint32_t *row, struct error *e);
int store_document(struct store *store, uint32_t collection, uint32_t row, struct document *out,
                   struct error *e);
/* By row, from `from` on; `visit` must not write; stops at a non-zero return and gives it back. */
int store_documents_each(struct store *store, uint32_t collection, uint32_t from,
                         int (*visit)(void *context, const struct document *document), void *context,
                         struct error *e);
/* Add the live rows of a collection to a bitmap. */
int store_rows(struct store *store, uint32_t collection, roaring_bitmap_t *rows, struct error *e);

/* Write one change of a resource, and the state that it is about. Fills in shard, epoch, seq, previous,
 * and `before` of updated and deleted ones, from what is stored. `record` (its rows and next_row) is
 * updated here and must be put by the caller before the commit. `row`: set for created, given otherwise.
 * `digest` is the canonical digest of `after`. A deleted row loses its id and missing entry;
 * stretches that name it must have been dropped before. `change->before` is valid until the next write. */
int store_apply(struct store *store, struct collection_record *record, struct change *change,
                const struct digest *digest, uint32_t *row, struct error *e);

/* The document changed in a way that its rules don't see (other ignored parts, order): store it without
 * a change. Same for a new digest after the rules changed. */
int store_document_put(struct store *store, uint32_t collection, uint32_t row, struct bytes packed,
                       const struct digest *digest, struct error *e);

/* Append a status change of a collection. */
int store_status(struct store *store, const struct collection_record *record, struct change *change,
                 struct error *e);

/* --- stretches: what the last listing saw, in its order (proto/stretch.h) --- */

/* By place, from `from` on; `visit` must not write; stops at a non-zero return and gives it back. The stretch
 * is valid during the call. */
int store_stretches_each(struct store *store, uint32_t collection, uint64_t from,
                         int (*visit)(void *context, const struct stretch *stretch), void *context,
                         struct error *e);
/* The same, brief: without their items, for which store_stretch reads one in full. */
int store_stretches_brief(struct store *store, uint32_t collection, uint64_t from,
                          int (*visit)(void *context, const struct stretch *stretch), void *context,
                          struct error *e);
int store_stretch(struct store *store, uint32_t collection, uint64_t place, struct stretch *out,
                  struct error *e);
int store_stretch_put(struct store *store, uint32_t collection, const struct stretch *stretch,
                      struct error *e);
/* Forget those from place `from` up to and with `to`. Absent ones are fine. */
int store_stretches_drop(struct store *store, uint32_t collection, uint64_t from, uint64_t to,
                         struct error *e);

/* --- missing rows --- */

int store_missing_get(struct store *store, uint32_t collection, uint32_t row, struct missing *out,
                      struct error *e);
int store_missing_put(struct store *store, uint32_t collection, uint32_t row, const struct missing *missing,
                      struct error *e);
/* Forget those of the rows that are in `seen` (null: all). Writes only if there are any. */
int store_missing_forget(struct store *store, uint32_t collection, const roaring_bitmap_t *seen,
                         struct error *e);
int store_missing_rows(struct store *store, uint32_t collection, roaring_bitmap_t *rows, struct error *e);

/* --- quarantine: items that couldn't be digested --- */

/* Put an item in, or note that it was met again: then `first_ms` is set to the first time's. `record` (its
 * quarantined) is updated here and in the calls below, and must be put by the caller before the commit.
 * `*is_kept` false: LIMIT_QUARANTINE_ITEMS are there already, and nothing was written. */
int store_quarantine_put(struct store *store, struct collection_record *record, struct quarantined *item,
                         bool *is_kept, struct error *e);
/* Of one collection, by digest; the item is valid during the call. `visit` must not write; stops at a
 * non-zero return and gives it back. */
int store_quarantine_each(struct store *store, uint32_t collection,
                          int (*visit)(void *context, const struct quarantined *item), void *context,
                          struct error *e);
/* ERR_NOT_FOUND when it isn't there. */
int store_quarantine_get(struct store *store, uint32_t collection, struct digest digest, struct arena *arena,
                         struct quarantined *out, struct error *e);
/* Take one out. ERR_NOT_FOUND likewise. */
int store_quarantine_drop(struct store *store, struct collection_record *record, struct digest digest,
                          struct error *e);
/* Take those out that another harvest than this one met last. Writes only if there are any. */
int store_quarantine_drop_unmet(struct store *store, struct collection_record *record, uint64_t harvest,
                                struct error *e);

/* --- checkpoints (checkpoints.c) --- */

/* Write a collection's, with the rows that its listing saw (null: without); `seen` of the struct isn't used.
 * Where they take more than LIMIT_CHECKPOINT_SEEN_BYTES it goes without. The record's `has_checkpoint` is the
 * caller's to set. `seen` may be packed more tightly, and stays the same set. */
int store_checkpoint_put(struct store *store, uint32_t collection, const struct checkpoint *checkpoint,
                         roaring_bitmap_t *seen, struct error *e);
/* ERR_NOT_FOUND; ERR_CORRUPT, also when its rows aren't below `next_row`. `*seen` is the caller's to free:
 * null without. Texts live in the arena. */
int store_checkpoint_get(struct store *store, uint32_t collection, uint32_t next_row, struct arena *arena,
                         struct checkpoint *out, roaring_bitmap_t **seen, struct error *e);
int store_checkpoint_drop(struct store *store, uint32_t collection, struct error *e); /* absent is fine */

/* --- receipts --- */

/* Write one. Of its collection, keeps those of the last LIMIT_RECEIPTS harvests and all that deletes rest on
 * (`pinned`: this one is such). */
int store_receipt_put(struct store *store, const struct receipt *receipt, bool pinned, struct error *e);
/* The provider said at `wall_ms` that nothing has changed since that harvest: its receipt counts it. Errors
 * as store_receipt_get, and then nothing was written. */
int store_receipt_unmodified(struct store *store, struct receipt_id id, int64_t wall_ms, struct error *e);
int store_receipt_pin(struct store *store, struct receipt_id id, struct error *e);
int store_receipt_get(struct store *store, struct receipt_id id, struct arena *arena, struct receipt *out,
                      struct error *e);
/* Of one collection, oldest first. */
int store_receipts_each(struct store *store, uint32_t collection, uint64_t next_harvest,
                        int (*visit)(void *context, const struct receipt *receipt), void *context,
                        struct error *e);

/* Of those that are kept for deletes, the ones behind `*last` that are kept for nothing any more: no change
 * that is still in the log rests on them, and no missing entry names them. Looks at up to `most`, puts those
 * that it finds into `found` (room for `most`), and moves `*last` on; `*end`: it came to their end, and
 * `*last` is where it began. Starts with `*last` all zero. */
int store_receipts_unneeded(struct store *store, struct receipt_id *last, uint32_t most,
                            struct receipt_id *found, uint32_t *count, bool *end, struct error *e);
/* Keep it for nothing any more: it goes back among those of the last harvests, unless a later one has its
 * place there, or its collection is gone. */
int store_receipt_unpin(struct store *store, struct receipt_id id, struct error *e);

/* --- changes --- */

uint64_t store_head(struct store *store);   /* the last seq; 0: none */
uint64_t store_oldest(struct store *store); /* the first one kept; head + 1 when none is */
/* position_check of the change before the oldest one, that was cut off last; 0: nothing was, or it isn't
 * known. */
uint32_t store_cut_check(struct store *store);
/* Fastest in their order, one after the other. */
int store_change(struct store *store, uint64_t seq, struct bytes *packed, struct error *e);
/* From `seq` on, in order. */
int store_changes_each(struct store *store, uint64_t seq,
                       int (*visit)(void *context, uint64_t seq, struct bytes packed), void *context,
                       struct error *e);

/* --- compacting the changes (compact.c) --- */

/* Bytes that the changes take in the file: whole pages. As of the last commit, or of a reader's last look. */
uint64_t store_log_bytes(struct store *store);

/* When the oldest change came; ERR_NOT_FOUND: there is none, ERR_CORRUPT: it can't be read. */
int store_oldest_ms(struct store *store, int64_t *time_ms, struct error *e);

struct store_compaction {
    uint64_t up_to;
    int64_t before_ms;
    uint64_t bytes;
    uint32_t most;
};

/* Delete the oldest changes, up to and with `up_to` and no more than `most`: each that came before
 * `before_ms`, or while the changes take more than `bytes`; the first one that stays ends it. `*count`: so
 * many. ERR_CORRUPT: a change can't be read; those before it are deleted. */
int store_compact(struct store *store, const struct store_compaction *what, uint32_t *count, struct error *e);

/* --- verify (verify.c) --- */

/* Check every invariant of docs/store.md: documents have ids and ids documents, digests fit, rows
 * agree, stretches and missing entries name live rows, quarantined items are counted, checkpoints name rows
 * that were given out, seqs have no holes, chains of `previous` are right, the changes replayed give the
 * documents (by the `ignore` and `unordered` of the collection's record), deletes cite receipts that are
 * there, a sound one among them. Of a copy that isn't whole (copy.h) nothing holds yet, and nothing is
 * checked. Calls `fault` with a sentence for each. Works in the current transaction, or in one of its own.
 * Returns 0 or an error when it can't go on. */
int store_verify(struct store *store, void (*fault)(void *context, const char *sentence), void *context,
                 struct error *e);

#endif
