/* What LMDB says, in words that name the shard and what to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "worker/store/tables.h"

enum { SIZE_TEXT_BYTES = 32 };

static char *size_text(uint64_t bytes, char out[SIZE_TEXT_BYTES])
{
    if (bytes % ((uint64_t)1 << 30) == 0)
        snprintf(out, SIZE_TEXT_BYTES, "%" PRIu64 " GiB", bytes >> 30);
    else if (bytes % (1 << 20) == 0)
        snprintf(out, SIZE_TEXT_BYTES, "%" PRIu64 " MiB", bytes >> 20);
    else
        snprintf(out, SIZE_TEXT_BYTES, "%" PRIu64 " bytes", bytes);
    return out;
}

static uint64_t map_size(const struct store *store)
{
    MDB_envinfo info;
    return store->env && mdb_env_info(store->env, &info) == 0 ? info.me_mapsize : store->map_size;
}

int store_fault(const struct store *store, int lmdb, const char *doing, struct error *e)
{
    char size[SIZE_TEXT_BYTES];
    uint32_t shard = store->shard;
    switch (lmdb) {
    case MDB_MAP_FULL:
        return error_set(e, ERR_FULL,
                         "shard %" PRIu32
                         "'s map of %s is full: set map_size larger in the configuration and "
                         "start again",
                         shard, size_text(map_size(store), size));
    case ENOSPC:
    case EDQUOT:
        return error_set(e, ERR_FULL, "shard %" PRIu32 ": the disk of %s is full: free some space", shard,
                         store->path);
    case EFBIG:
        return error_set(e, ERR_FULL,
                         "shard %" PRIu32
                         ": %s may not grow: raise the process's file size limit (ulimit -f) and "
                         "start again",
                         shard, store->path);
    case EIO:
        return error_set(e, ERR_FULL,
                         "shard %" PRIu32 ": the disk of %s is full or failing (%s): look at the disk", shard,
                         store->path, strerror(EIO));
    case EROFS:
        return error_set(e, ERR_STORE,
                         "shard %" PRIu32
                         ": %s is on a read-only file system: it can be read, not harvested into",
                         shard, store->path);
    case EACCES:
    case EPERM:
        return error_set(e, ERR_STORE,
                         "shard %" PRIu32
                         ": no permission to open %s and its lock file (readers need to write "
                         "the lock file too)",
                         shard, store->path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return error_set(e, ERR_CORRUPT,
                         "shard %" PRIu32
                         ": %s is no sound store (%s: %s): restore it, or remove it and harvest "
                         "anew",
                         shard, store->path, doing, mdb_strerror(lmdb));
    case MDB_READERS_FULL:
        return error_set(e, ERR_BUSY, "shard %" PRIu32 ": too many readers of %s at once: stop some", shard,
                         store->path);
    default:
        return error_set(e, ERR_STORE, "shard %" PRIu32 ": %s: %s (%s)", shard, doing, mdb_strerror(lmdb),
                         store->path);
    }
}
