/* The state in a file: one environment with two tables, `meta` and `records`. A record's value begins with
 * its revision, big-endian; revisions are numbers of commits, so none is ever used again, even by a record
 * that was deleted.
 *
 * One process has it, for the reading too: a lock file beside it (PATH.lock) says so, since LMDB's own lock
 * only makes writers wait for each other. LMDB runs with its safe settings, as a shard's store does. */
#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/check.h"
#include "common/file.h"
#include "coordinator/state/state.h"

enum { FORMAT = 1, REVISION_BYTES = 8, TABLES = 2, MAGIC = 0x73746174 };

struct file {
    uint32_t magic;
    char *path;
    int lock; /* -1: none */
    MDB_env *env;
    MDB_dbi meta, records;
};

/* --- what goes wrong --- */

static int fault(const struct file *file, int lmdb, const char *doing, struct error *e)
{
    switch (lmdb) {
    case ENOSPC:
    case EDQUOT:
        return error_set(e, ERR_FULL, "the cluster's state %s: its disk is full: free some space",
                         file->path);
    case EFBIG:
        return error_set(e, ERR_FULL,
                         "the cluster's state %s may not grow: raise the process's file size limit "
                         "(ulimit -f) and start again",
                         file->path);
    case MDB_MAP_FULL:
        return error_set(e, ERR_FULL,
                         "the cluster's state %s has reached %" PRIu64 " GiB, which is the most: remove "
                         "accounts",
                         file->path, LIMIT_STATE_MAP_BYTES >> 30);
    case EIO:
        return error_set(e, ERR_FULL,
                         "the cluster's state %s: its disk is full or failing (%s): look at the disk",
                         file->path, strerror(EIO));
    case EROFS:
        return error_set(e, ERR_IO, "the cluster's state %s is on a read-only file system", file->path);
    case EACCES:
    case EPERM:
        return error_set(e, ERR_IO, "the cluster's state: no permission to open %s and its lock files",
                         file->path);
    case ENOENT:
        return error_set(e, ERR_IO,
                         "the cluster's state %s: the folder that it is to be in isn't there: make it",
                         file->path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return error_set(e, ERR_CORRUPT,
                         "the cluster's state %s is no sound file (%s: %s): restore it, or remove it, start "
                         "again, and `garner recover`",
                         file->path, doing, mdb_strerror(lmdb));
    default:
        return error_set(e, ERR_STORE, "the cluster's state %s: %s: %s", file->path, doing,
                         mdb_strerror(lmdb));
    }
}

static int corrupt(const struct file *file, const char *what, struct error *e)
{
    return error_set(e, ERR_CORRUPT, "the cluster's state %s: %s isn't as it was written: restore the file",
                     file->path, what);
}

/* --- the table `meta` --- */

static MDB_val val(const void *data, size_t len)
{
    return (MDB_val){.mv_size = len, .mv_data = (void *)(uintptr_t)data};
}

static int put_number(const struct file *file, MDB_txn *txn, const char *name, uint64_t number)
{
    uint8_t packed[REVISION_BYTES];
    MDB_val key = val(name, strlen(name)), value = val(packed, sizeof packed);
    be64_put(packed, number);
    return mdb_put(txn, file->meta, &key, &value, 0);
}

/* MDB_NOTFOUND; MDB_CORRUPTED: it isn't one. */
static int get_number(const struct file *file, MDB_txn *txn, const char *name, uint64_t *number)
{
    MDB_val key = val(name, strlen(name)), value;
    int r = mdb_get(txn, file->meta, &key, &value);
    if (!r && value.mv_size != REVISION_BYTES)
        r = MDB_CORRUPTED;
    if (!r)
        *number = be64_get(value.mv_data);
    return r;
}

/* One that is new has no format yet. */
static int load_meta(const struct file *file, MDB_txn *txn, struct error *e)
{
    uint64_t format = FORMAT, revision;
    int r = get_number(file, txn, "format", &format);
    if (r == MDB_NOTFOUND) {
        r = put_number(file, txn, "format", FORMAT);
        if (!r)
            r = put_number(file, txn, "revision", 0);
    }
    if (!r && format != FORMAT)
        return error_set(e, ERR_CORRUPT,
                         "the cluster's state %s has format %" PRIu64
                         ", this Garner knows format %d: use the "
                         "one that wrote it, or a newer one",
                         file->path, format, FORMAT);
    if (!r)
        r = get_number(file, txn, "revision", &revision);
    if (r == MDB_NOTFOUND || r == MDB_CORRUPTED)
        return corrupt(file, "the table meta", e);
    return r ? fault(file, r, "reading its format", e) : 0;
}

/* --- opening and closing --- */

static int take_lock(struct file *file, struct error *e)
{
    struct arena arena = {0};
    uint64_t pid;
    int r = file_lock(arena_printf(&arena, "%s.lock", file->path), &file->lock, &pid);
    arena_close(&arena);
    if (r == EWOULDBLOCK && pid)
        return error_set(e, ERR_BUSY,
                         "the cluster's state %s is in use by process %" PRIu64 ", another coordinator: stop "
                         "it first",
                         file->path, pid);
    if (r == EWOULDBLOCK)
        return error_set(e, ERR_BUSY, "the cluster's state %s is in use by another process: stop it first",
                         file->path);
    return r ? fault(file, r, "locking it", e) : 0;
}

static int open_tables(struct file *file, struct error *e)
{
    MDB_txn *txn;
    int lmdb = mdb_txn_begin(file->env, NULL, 0, &txn), r = 0;
    if (lmdb)
        return fault(file, lmdb, "opening", e);
    lmdb = mdb_dbi_open(txn, "meta", MDB_CREATE, &file->meta);
    if (!lmdb)
        lmdb = mdb_dbi_open(txn, "records", MDB_CREATE, &file->records);
    r = lmdb ? fault(file, lmdb, "opening its tables", e) : load_meta(file, txn, e);
    if (r) {
        mdb_txn_abort(txn);
        return r;
    }
    lmdb = mdb_txn_commit(txn);
    if (!lmdb)
        lmdb = file_sync_folder(file->path); /* LMDB syncs the file, not its folder */
    return lmdb ? fault(file, lmdb, "making it", e) : 0;
}

static int open_environment(struct file *file, struct error *e)
{
    int r = mdb_env_create(&file->env);
    if (!r)
        r = mdb_env_set_maxdbs(file->env, TABLES);
    if (!r)
        r = mdb_env_set_mapsize(file->env, LIMIT_STATE_MAP_BYTES);
    if (!r)
        r = mdb_env_open(file->env, file->path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
    return r ? fault(file, r, "opening", e) : open_tables(file, e);
}

static void lmdb_close(void *kept)
{
    struct file *file = kept;
    CHECK_MAGIC(file, MAGIC);
    if (file->env)
        mdb_env_close(file->env);
    if (file->lock >= 0)
        close(file->lock);
    free(file->path);
    free(file);
}

static int lmdb_open(const struct state_setting *setting, void **kept, struct error *e)
{
    struct file *file = mem_alloc(sizeof *file);
    *file = (struct file){.magic = MAGIC, .path = mem_strdup(setting->path), .lock = -1};
    int r = take_lock(file, e);
    if (!r)
        r = open_environment(file, e);
    if (r)
        lmdb_close(file);
    *kept = r ? NULL : file;
    return r;
}

/* --- reading --- */

static int visit_all(struct file *file, MDB_cursor *cursor, state_visit *visit, void *context,
                     struct error *e)
{
    MDB_val key, value;
    int r = 0, lmdb = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; !lmdb && !r; lmdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (value.mv_size < REVISION_BYTES)
            return corrupt(file, "a record", e);
        struct bytes whole = {value.mv_data, value.mv_size};
        r = visit(context, (struct bytes){key.mv_data, key.mv_size}, bytes_from(whole, REVISION_BYTES),
                  be64_get(value.mv_data));
    }
    if (r)
        return r;
    return lmdb == MDB_NOTFOUND ? 0 : fault(file, lmdb, "reading", e);
}

static int lmdb_load(void *kept, state_visit *visit, void *context, struct error *e)
{
    struct file *file = kept;
    MDB_txn *txn;
    MDB_cursor *cursor;
    CHECK_MAGIC(file, MAGIC);
    int r = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn);
    if (r)
        return fault(file, r, "reading", e);
    r = mdb_cursor_open(txn, file->records, &cursor);
    if (r) {
        mdb_txn_abort(txn);
        return fault(file, r, "reading", e);
    }
    r = visit_all(file, cursor, visit, context, e);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return r;
}

/* --- writing --- */

/* Is it as it was when its writer read it? */
static int compare(const struct file *file, MDB_txn *txn, const struct state_write *write, struct error *e)
{
    MDB_val key = val(write->key.data, write->key.len), value;
    int r = mdb_get(txn, file->records, &key, &value);
    if (r && r != MDB_NOTFOUND)
        return fault(file, r, "reading", e);
    if (!r && value.mv_size < REVISION_BYTES)
        return corrupt(file, "a record", e);
    uint64_t revision = r ? 0 : be64_get(value.mv_data);
    if (revision == write->revision)
        return 0;
    return error_set(e, ERR_BUSY,
                     "the cluster's state %s: another coordinator has written %.*s (it has revision %" PRIu64
                     ", and had %" PRIu64 "): one at a time may run the cluster",
                     file->path, BYTES_ARG(write->key), revision, write->revision);
}

static int put(const struct file *file, MDB_txn *txn, const struct state_write *write, uint64_t revision)
{
    MDB_val key = val(write->key.data, write->key.len), value = val(NULL, REVISION_BYTES + write->value.len);
    if (!write->value.data)
        return mdb_del(txn, file->records, &key, NULL);
    int r = mdb_put(txn, file->records, &key, &value, MDB_RESERVE);
    if (r)
        return r;
    be64_put(value.mv_data, revision);
    if (write->value.len)
        memcpy((char *)value.mv_data + REVISION_BYTES, write->value.data, write->value.len);
    return 0;
}

static int write_all(const struct file *file, MDB_txn *txn, const struct state_write *writes, uint32_t count,
                     uint64_t *revision, struct error *e)
{
    int r = 0, lmdb = get_number(file, txn, "revision", revision);
    for (uint32_t i = 0; i < count && !lmdb && !r; i++)
        r = compare(file, txn, &writes[i], e);
    if (r)
        return r;
    *revision += 1;
    for (uint32_t i = 0; i < count && !lmdb; i++)
        lmdb = put(file, txn, &writes[i], *revision);
    if (!lmdb)
        lmdb = put_number(file, txn, "revision", *revision);
    return lmdb ? fault(file, lmdb, "writing", e) : 0;
}

static int lmdb_write(void *kept, const struct state_write *writes, uint32_t count, uint64_t *revision,
                      struct error *e)
{
    struct file *file = kept;
    MDB_txn *txn;
    CHECK_MAGIC(file, MAGIC);
    int lmdb = mdb_txn_begin(file->env, NULL, 0, &txn);
    if (lmdb)
        return fault(file, lmdb, "writing", e);
    int r = write_all(file, txn, writes, count, revision, e);
    if (r) {
        mdb_txn_abort(txn);
        return r;
    }
    lmdb = mdb_txn_commit(txn);
    return lmdb ? fault(file, lmdb, "committing", e) : 0;
}

const struct state_kind state_lmdb = {lmdb_open, lmdb_load, lmdb_write, lmdb_close};
