/* Opening, closing and transactions.
 *
 * A write transaction gathers until it is committed: `state` runs ahead of `committed` and falls back to it
 * when the transaction is aborted. What a commit moves on (head, oldest, the next collection's id) is
 * written once a commit, not once a change.
 *
 * A writer reads here and there: what the kernel would read ahead for it is a thousand times of what it
 * needs. Readers go through tables in order, so they are read ahead for.
 *
 * LMDB runs with its safe settings: no WRITEMAP (a full disk would be a SIGBUS), no NOSYNC, no NOMETASYNC.
 * Nor NOMEMINIT: it would write what malloc left in memory, credentials perhaps, to the disk. */
#include "worker/store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/store/tables.h"

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_EPOCHS] = "epochs",
    [TABLE_COLLECTIONS] = "collections",
    [TABLE_RECEIPTS] = "receipts",
    [TABLE_IDS] = "ids",
    [TABLE_SPANS] = "spans",
    [TABLE_HEADS] = "heads",
    [TABLE_DOCUMENTS] = "documents",
    [TABLE_CHANGES] = "changes",
    [TABLE_MISSING] = "missing",
    [TABLE_QUARANTINE] = "quarantine",
    [TABLE_CHECKPOINTS] = "checkpoints",
    [TABLE_CITED] = "cited",
};

/* --- transactions --- */

/* Begin; a reader follows a writer that made the map larger. */
static int begin(struct store *store, bool write, struct error *e)
{
    unsigned flags = write ? 0 : MDB_RDONLY;
    int r = mdb_txn_begin(store->env, NULL, flags, &store->txn);
    if (r == MDB_MAP_RESIZED && !store->borrowed) {
        r = mdb_env_set_mapsize(store->env, 0);
        if (!r)
            r = mdb_txn_begin(store->env, NULL, flags, &store->txn);
    }
    store->writing = write && !r;
    if (!r)
        return 0;
    store->txn = NULL;
    return store_fault(store, r, "beginning a transaction", e);
}

static void forget_transaction(struct store *store)
{
    store->txn = NULL;
    memset(store->cursors, 0, sizeof store->cursors);
    memset(store->inner, 0, sizeof store->inner);
    store->writing = false;
    store->failed = (struct error){0};
    store->gathered = store->gathered_ids = 0;
    store->gathered_bytes = 0;
}

void store_abort(struct store *store)
{
    if (!store->txn)
        return;
    if (store->walk)
        mdb_cursor_close(store->walk);
    store->walk = NULL;
    mdb_txn_abort(store->txn);
    if (store->writing)
        store->state = store->committed;
    forget_transaction(store);
}

int store_read(struct store *store, struct error *e)
{
    CHECK_MAGIC(store, STORE_MAGIC);
    if (store->txn)
        return 0;
    int r = begin(store, false, e);
    if (!r && store->read_only) /* somebody else moves it on */
        r = meta_load_state(store, e);
    if (r)
        store_abort(store);
    return r;
}

void store_done(struct store *store)
{
    if (!store->writing)
        store_abort(store);
}

int store_write(struct store *store, struct error *e)
{
    CHECK_MAGIC(store, STORE_MAGIC);
    CHECK(!store->read_only);
    if (store->writing)
        return store_gathering(store, e);
    store_abort(store); /* a read ends where a write begins */
    return begin(store, true, e);
}

bool store_writing(const struct store *store)
{
    return store->writing;
}

uint32_t store_gathered(const struct store *store)
{
    return store->gathered;
}

/* Records come one behind the other and fill pages. Ids come in any order: until each of their table's pages
 * is written to, most of them take one more. */
static uint64_t bytes_held(struct store *store)
{
    MDB_stat ids = {0};
    mdb_stat(store->txn, store->tables[TABLE_IDS], &ids);
    uint64_t scattered = store->gathered_ids < ids.ms_leaf_pages ? store->gathered_ids : ids.ms_leaf_pages;
    return store->gathered_bytes + scattered * ids.ms_psize;
}

bool store_is_full(struct store *store)
{
    return store->writing &&
           (store->gathered >= LIMIT_COMMIT_ITEMS || bytes_held(store) >= LIMIT_COMMIT_BYTES);
}

static bool has_moved(const struct store *store)
{
    const struct store_state *now = &store->state, *then = &store->committed;
    return now->head != then->head || now->oldest != then->oldest ||
           now->next_collection != then->next_collection;
}

static int finish_writes(struct store *store, struct error *e)
{
    int r = store_gathering(store, e);
    if (!r && has_moved(store)) {
        store->state.log_bytes = table_bytes(store, TABLE_CHANGES);
        r = meta_save_state(store, e);
    }
    return r;
}

int store_commit(struct store *store, struct error *e)
{
    CHECK_MAGIC(store, STORE_MAGIC);
    if (!store->writing)
        return 0;
    int r = finish_writes(store, e);
    if (r) {
        store_abort(store);
        return r;
    }
    int lmdb = mdb_txn_commit(store->txn); /* gone in any case */
    if (lmdb) {
        store->state = store->committed;
        r = store_fault(store, lmdb, "committing", e);
    }
    store->committed = store->state;
    forget_transaction(store);
    return r;
}

/* --- opening and closing --- */

static int open_environment(struct store *store, struct error *e)
{
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (store->read_only ? MDB_RDONLY : MDB_NORDAHEAD);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    int r = mdb_env_create(&store->env);
    if (!r)
        r = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    if (!r && !store->read_only) /* a reader takes the size that the writer noted in the file */
        r = mdb_env_set_mapsize(store->env, (store->map_size + page - 1) / page * page);
    if (!r)
        r = mdb_env_open(store->env, store->path, flags, 0600);
    if (!r) { /* a reader that was killed would hold old pages for good */
        int dead;
        r = mdb_reader_check(store->env, &dead);
    }
    return r ? store_fault(store, r, "opening", e) : 0;
}

static int not_made_yet(const struct store *store, struct error *e)
{
    return error_set(e, ERR_NOT_FOUND, "shard %" PRIu32 ": %s was never made to its end: nothing is in it",
                     store->shard, store->path);
}

/* Versions before had none of these: a reader does without until a writer has come. */
static bool may_lack(int table)
{
    return table == TABLE_HEADS || table == TABLE_CHECKPOINTS || table == TABLE_CITED;
}

static int open_tables(struct store *store, uint64_t first_epoch, struct error *e)
{
    MDB_stat meta;
    int r = begin(store, !store->read_only, e);
    if (r)
        return r;
    for (int i = 0; i < TABLE_COUNT; i++) {
        int lmdb = mdb_dbi_open(store->txn, table_names[i], store->read_only ? 0 : MDB_CREATE,
                                &store->tables[i]);
        if (lmdb == MDB_NOTFOUND && may_lack(i)) {
            store->lacks[i] = true;
            continue;
        }
        if (lmdb == MDB_NOTFOUND)
            return not_made_yet(store, e);
        if (lmdb)
            return store_fault(store, lmdb, "opening its tables", e);
    }
    int lmdb = mdb_stat(store->txn, store->tables[TABLE_META], &meta);
    if (lmdb)
        return store_fault(store, lmdb, "opening its tables", e);
    if (meta.ms_entries == 0) /* killed before its first commit */
        r = store->read_only ? not_made_yet(store, e) : meta_create(store, first_epoch, e);
    if (!r)
        r = meta_load(store, e);
    if (!r && !store->read_only && !store->cited_from)
        r = meta_begin_citing(store, e);
    if (r)
        return r;
    lmdb = mdb_txn_commit(store->txn); /* a reader's too: it keeps the tables open */
    forget_transaction(store);
    return lmdb ? store_fault(store, lmdb, "making its tables", e) : 0;
}

int store_open(const struct store_options *options, struct store **out, struct error *e)
{
    bool empty;
    struct store *store = mem_zalloc(sizeof *store);
    *out = NULL;
    *store = (struct store){
        .magic = STORE_MAGIC,
        .shard = options->shard,
        .path = mem_strdup(options->path),
        .read_only = options->read_only,
        .map_size = options->map_size,
        .hash = hash128,
    };
    int r = 0;
    if (!store->read_only && store->map_size < LIMIT_MAP_BYTES_MIN)
        r = error_set(e, ERR_CONFIG, "map_size is %" PRIu64 " bytes: the least is 1MiB", store->map_size);
    if (!r)
        r = handle_claim(store, &empty, e);
    if (!r && empty && store->read_only)
        r = not_made_yet(store, e);
    if (!r)
        r = open_environment(store, e);
    if (!r)
        r = open_tables(store, options->first_epoch ? options->first_epoch : 1, e);
    if (!r && !store->read_only)
        r = receipts_move_old(store, e);
    if (r)
        store_close(store);
    else
        *out = store;
    return r;
}

/* What is copied never changes once a store is open. */
void store_reader_open(struct store *of, struct store **out)
{
    CHECK_MAGIC(of, STORE_MAGIC);
    struct store *store = mem_zalloc(sizeof *store);
    *store = (struct store){
        .magic = STORE_MAGIC,
        .shard = of->shard,
        .path = mem_strdup(of->path),
        .read_only = true,
        .borrowed = true,
        .of = of,
        .env = of->env,
        .secret = of->secret,
        .cited_from = of->cited_from,
        .hash = of->hash,
    };
    memcpy(store->tables, of->tables, sizeof store->tables);
    atomic_fetch_add(&of->readers, 1);
    *out = store;
}

bool store_reader_is_stale(const struct store *reader)
{
    return reader->of && atomic_load(&reader->of->is_deleted);
}

void store_outlive(struct store *store)
{
    atomic_store(&store->is_deleted, true);
}

uint32_t store_readers(const struct store *store)
{
    return atomic_load(&store->readers);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    CHECK_MAGIC(store, STORE_MAGIC);
    store_abort(store);
    CHECK(store->borrowed || !store_readers(store));
    if (store->env && !store->borrowed)
        mdb_env_close(store->env);
    if (store->of)
        atomic_fetch_sub(&store->of->readers, 1);
    handle_release(store);
    buffer_close(&store->id);
    buffer_close(&store->before);
    buffer_close(&store->packed);
    free(store->path);
    store->magic = 0;
    free(store);
}

uint32_t store_shard(const struct store *store)
{
    return store->shard;
}

const struct hash_secret *store_secret(const struct store *store)
{
    return &store->secret;
}
