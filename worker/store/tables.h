/* Tables: what the store's .c files share. Which tables there are, how keys are laid out, and the calls
 * that read and write them. Nothing outside of worker/store (and its tests) includes this.
 *
 * docs/store.md describes every table's keys and values for people; the two say the same. All integers are
 * big-endian: keys so that they sort by number, values so that a store can be read on any machine. */
#ifndef GARNER_STORE_TABLES_H
#define GARNER_STORE_TABLES_H

#include <lmdb.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "common/check.h"
#include "worker/store/copy.h"

enum table {
    TABLE_META,
    TABLE_EPOCHS,
    TABLE_COLLECTIONS,
    TABLE_RECEIPTS,
    TABLE_IDS,
    TABLE_SPANS,
    TABLE_HEADS,
    TABLE_DOCUMENTS,
    TABLE_CHANGES,
    TABLE_MISSING,
    TABLE_QUARANTINE,
    TABLE_CHECKPOINTS,
    TABLE_CITED,
    TABLE_COUNT
};

/* Of a write transaction: one for each table, and more for collections: to look up keys, and to write records
 * behind those that are being read. */
enum { CURSOR_KEYS = TABLE_COUNT, CURSOR_RECORDS, CURSOR_COUNT };

enum {
    STORE_FORMAT = 1,
    STORE_MAGIC = 0x6761726e,
    /* tags of a key that holds an id or a collection's key as it is, or its digest because it is long */
    TAG_SHORT = 0,
    TAG_LONG = 1,
    /* first byte of the collections' keys */
    COLLECTION_BY_ID = 'i',
    COLLECTION_BY_KEY = 'k',
    /* a document: digest, first seen, last seq, length of the id; then id and MessagePack */
    DOCUMENT_HEAD_BYTES = 16 + 8 + 8 + 4,
    RECEIPT_PINNED = 1, /* of the byte before a receipt */
    /* a stretch: length, digest; then each item's row, length, digest */
    STRETCH_HEAD_BYTES = 4 + 16,
    STRETCH_ITEM_BYTES = 4 + 4 + 16,
    /* its head: length, digest, number of items, row */
    HEAD_BYTES = 4 + 16 + 4 + 4
};

/* How far a copy has come (copy.h); stands in `meta`. */
struct copy_mark {
    enum copy_phase phase;
    uint64_t epoch; /* that its last change is of, or its snapshot: a store in a later one was owned since */
    uint64_t from;  /* its documents have the changes up to there in them: those are only kept … */
    struct point until; /* … and may have later ones up to there: they are whole once the changes are, too */
};

/* What one commit moves on. */
struct store_state {
    uint64_t head, oldest;
    uint64_t epoch; /* of the changes that come next */
    uint32_t next_collection;
    uint32_t
        cut_check; /* of the change before `oldest`: what tells that a position there is this history's */
    uint64_t log_bytes; /* of the changes' table: isn't written, since LMDB knows it */
};

struct store {
    uint32_t magic;
    uint32_t shard;
    char *path;
    bool read_only, claimed, writing;
    bool borrowed;            /* the environment and its tables are another's: store_reader_open */
    struct store *of;         /* … whose */
    _Atomic uint32_t readers; /* that are open of it */
    atomic_bool is_deleted;   /* its file was */
    bool lacks[TABLE_COUNT];  /* a reader's: the table isn't there */
    dev_t device;             /* of the file: what `handles.c` knows it by */
    ino_t inode;
    uint64_t map_size;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    MDB_txn *txn;                      /* null: no transaction is open */
    MDB_cursor *cursors[CURSOR_COUNT]; /* of a write transaction, which closes them; null: not open */
    MDB_cursor *walk;                  /* of a read transaction: over changes; null: not open */
    uint64_t walked;                   /* seq that it stands on */
    uint32_t inner[TABLE_COUNT];       /* of it: a collection that isn't the table's last; 0: none is known */
    struct hash_secret secret;
    uint64_t cited_from; /* the first seq from which on `cited` tells all; 0: it isn't known */
    struct store_state state, committed;
    uint32_t gathered;
    size_t gathered_bytes; /* of keys and values */
    uint32_t gathered_ids;
    struct error failed;              /* of the first write that failed in this transaction */
    struct buffer id, before, packed; /* copies that outlive the next write */
    struct digest (*hash)(struct bytes span,
                          const struct hash_secret *secret); /* of long keys; tests make them collide */
};

/* --- keys --- */

struct key {
    uint8_t bytes[LIMIT_KEY_BYTES];
    size_t len;
};

struct key key_u64(uint64_t number);                       /* changes, epochs */
struct key key_collection(uint32_t collection);            /* what all keys of a collection begin with */
struct key key_row(uint32_t collection, uint32_t row);     /* documents, missing */
struct key key_place(uint32_t collection, uint64_t place); /* spans */
struct bytes key_bytes(const struct key *key);

/* --- reading and writing (tables.c) --- */

/* Aborts unless a transaction is open (and writes): calling without one is a bug. Returns the error that
 * poisoned the transaction. */
int store_reading(struct store *store, struct error *e);
int store_gathering(struct store *store, struct error *e);

/* Note that the transaction can only be aborted; returns `r`. */
int store_poison(struct store *store, int r, struct error *e);

int table_get(struct store *store, enum table table, struct bytes key, struct bytes *value, struct error *e);
int table_put(struct store *store, enum table table, struct bytes key, struct bytes value, unsigned flags,
              struct error *e);
/* Write what isn't there yet. `*is_new` false: something is, which `value` is then; nothing was written. */
int table_put_new(struct store *store, enum table table, struct bytes key, struct bytes *value, bool *is_new,
                  struct error *e);
/* The same, for what mostly comes behind all of its collection, as new rows and places do. */
int table_append(struct store *store, enum table table, uint32_t collection, struct bytes key,
                 struct bytes value, struct error *e);
int table_delete(struct store *store, enum table table, struct bytes key,
                 struct error *e);                                          /* absent is fine */
int table_drop_all(struct store *store, enum table table, struct error *e); /* the table itself stays */
int table_drop_prefix(struct store *store, enum table table, struct bytes prefix, struct error *e);
/* Delete from key `first` on, up to and with those that begin with `last`. */
int table_drop_range(struct store *store, enum table table, struct bytes first, struct bytes last,
                     struct error *e);

/* Delete from the first key on, as long as `goes` says so: 0 (it doesn't), 1, or minus an error. */
typedef int table_goes(void *context, struct bytes key, struct bytes value);
int table_drop_first(struct store *store, enum table table, table_goes *goes, void *context, struct error *e);

/* The last key and its value. ERR_NOT_FOUND: the table is empty. */
int table_last(struct store *store, enum table table, struct bytes *key, struct bytes *value,
               struct error *e);

uint64_t table_bytes(struct store *store, enum table table); /* of its pages; in any transaction */

typedef int table_visit(void *context, struct bytes key, struct bytes value);

/* Visit what begins with `prefix`, from key `from` on (empty: from the first). Stops at a non-zero return
 * and gives it back. `visit` must not write. */
int table_each(struct store *store, enum table table, struct bytes prefix, struct bytes from,
               table_visit *visit, void *context, struct error *e);

/* Add the rows that a table keyed by collection and row has of a collection. */
int table_rows(struct store *store, enum table table, uint32_t collection, roaring_bitmap_t *rows,
               struct error *e);

/* Long names. `key` holds a prefix, to which a digest of `name` and a counter are added. `is_it` tells
 * whether a value is that name's, in full: 1, 0, or minus an error. Finds its key and value, or
 * ERR_NOT_FOUND and the first key that is free. */
typedef int long_match(struct store *store, void *context, struct bytes value, struct error *e);
int table_find_long(struct store *store, enum table table, struct key *key, struct bytes name,
                    long_match *is_it, void *context, struct bytes *value, struct error *e);

/* --- parts of the store --- */

/* handles.c: one handle a file in a process. */
int handle_claim(struct store *store, bool *empty, struct error *e);
void handle_release(struct store *store);

/* fault.c: what LMDB said, as an error of ours. Returns its code. */
int store_fault(const struct store *store, int lmdb, const char *doing, struct error *e);

/* meta.c */
int meta_create(struct store *store, uint64_t epoch, struct error *e);
int meta_load(struct store *store, struct error *e);
int meta_load_state(struct store *store, struct error *e);
/* From now on `cited` tells of all that changes rest on. */
int meta_begin_citing(struct store *store, struct error *e);
int meta_save_state(struct store *store, struct error *e);
int meta_corrupt(const struct store *store, const char *what,
                 struct error *e); /* ERR_CORRUPT, with a sentence */
/* The changes begin behind `seq`, whose check sum that is; 0: unknown. */
int meta_begin_log(struct store *store, uint64_t seq, uint32_t check, struct error *e);
/* What a copy is (copy.c); all zero: the store is none. */
int meta_put_copy(struct store *store, const struct copy_mark *mark, struct error *e);
int meta_get_copy(struct store *store, struct copy_mark *out, struct error *e);

/* epochs.c */
int epochs_put(struct store *store, uint64_t epoch, uint64_t first_seq, struct error *e);
int epochs_last(struct store *store, uint64_t *epoch, struct error *e);

/* ids.c: resources' ids -> rows. */
int ids_find(struct store *store, uint32_t collection, struct bytes id, uint32_t *row, struct error *e);
/* Add what isn't there yet. ERR_STORE: it is, and nothing was written. */
int ids_add(struct store *store, uint32_t collection, struct bytes id, uint32_t row, struct error *e);
int ids_delete(struct store *store, uint32_t collection, struct bytes id, struct error *e);

/* resources.c */
int document_read(struct bytes value, uint32_t row, struct document *out, struct error *e);
int document_write(struct store *store, uint32_t collection, const struct document *document, bool is_new,
                   struct error *e);

/* apply.c: the id and document of a row, and its missing entry, go. */
int row_delete(struct store *store, uint32_t collection, const struct document *document, struct error *e);

/* stretches.c: ERR_CORRUPT when it can't be one. */
int stretch_read(struct bytes value, uint64_t place, struct stretch *out, struct error *e);
int stretch_read_head(struct bytes value, uint64_t place, struct stretch *out, struct error *e);

/* checkpoints.c: one as it is stored, and its rows, which are below `next_row` and are the caller's to free
 * (null without any). ERR_CORRUPT. */
int checkpoint_read(struct bytes value, uint32_t next_row, struct arena *arena, struct checkpoint *out,
                    roaring_bitmap_t **seen, struct error *e);

/* receipts.c: keys of those of the last harvests, as they are and as older versions wrote them, and of those
 * that are pinned. */
struct key key_recent(uint32_t collection, uint64_t harvest);
struct key key_old_recent(uint32_t collection, uint64_t harvest);
struct key key_kept(uint32_t collection, uint64_t harvest);

/* Which of them a key is, and which receipt stands under it; harvest 0: one that doesn't belong there. */
enum receipt_place { RECEIPT_NOWHERE, RECEIPT_RECENT, RECEIPT_OLD_RECENT, RECEIPT_KEPT };
enum receipt_place receipt_place(const struct store *store, struct bytes key, struct bytes value,
                                 struct receipt_id *out);

/* cited.c: a change of that seq rests on receipts of this shard: note it. */
int receipts_cite(struct store *store, const struct change *change, struct error *e);

/* The last change that is known to rest on a receipt; 0: none does. */
int receipt_last_cited(struct store *store, struct receipt_id id, uint64_t *seq, struct error *e);

/* Among those of the last harvests there is room for it: its slot is empty, or has an earlier one. */
int receipt_has_room(struct store *store, struct receipt_id id, bool *has, struct error *e);

/* Move the receipts of an older version to where they stand now, in transactions of its own. Where there are
 * none it costs a look at one key. */
int receipts_move_old(struct store *store, struct error *e);

/* quarantine.c */
struct key key_quarantined(uint32_t collection, struct digest digest);
bool key_quarantined_read(struct bytes key, uint32_t *collection, struct digest *digest);

/* changes.c: pack the change that `change` is now, as seq head + 1, into store->packed (ERR_LIMIT: it is too
 * large, nothing was written), and append what is packed. */
int change_encode(struct store *store, const struct change *change, struct error *e);
int change_append(struct store *store, struct error *e);

/* collections.c: a collection's key as bytes, for the lookup. */
void collection_key_bytes(const struct collection_key *key, struct buffer *out);
/* Write the record of a collection that isn't there, under the id that it has already. Its key may lead to
 * one with a lower id, which was given up since: that one is dropped, if it has no rows or `anyhow`.
 * ERR_NOT_FOUND: it leads to one with a higher id, so this one was given up. ERR_CORRUPT: to one that has
 * rows. */
int collection_put_as(struct store *store, const struct collection_record *record, bool anyhow,
                      struct error *e);
int collection_lookup(struct store *store, const struct collection_key *key, uint32_t *id, struct error *e);

#endif
