/* The data folder: which shards there are, whose feed it is, and who writes.
 *
 *     data/garner          format, feed id and shard count, as text; made once, atomically
 *     data/worker          whose it is in a cluster (worker/store/identity.h)
 *     data/lock            locked (flock) by the process that writes
 *     data/shards/012.mdb  a shard's store, made when its first collection comes
 *     data/shards/012.mdb.unreadable-1  one that couldn't be read when the shard began anew
 */
#ifndef GARNER_STORE_FOLDER_H
#define GARNER_STORE_FOLDER_H

#include <pthread.h>

#include "worker/store/store.h"

enum { FOLDER_LOCKS = 16, FOLDER_PATH_BYTES = 4096 };

struct folder {
    char *path;
    uint8_t feed[16];
    uint32_t shards;
    uint64_t map_size;
    bool writing;
    int lock;                        /* file descriptor, -1: none */
    struct store **stores;           /* by shard; null when it isn't open */
    pthread_mutex_t *opening;        /* FOLDER_LOCKS of them, by shard modulo: held while a store is opened */
    struct folder_dropped **dropped; /* by lock: stores without a file that somebody still reads */
};

/* Open for writing: makes the folder when it isn't there. ERR_BUSY: another process writes (its pid is
 * named); ERR_CONFIG: the folder was made with another shard count; ERR_IO; ERR_CORRUPT. */
int folder_open(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size, struct error *e);

/* The same, of a cluster's feed: a new folder is made with it; ERR_CONFIG, too, when a folder is another
 * cluster's. */
int folder_open_as(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size,
                   const uint8_t feed[16], struct error *e);

/* What a folder was made with, before it is opened, also while another process writes. `*is_there` false: it
 * wasn't made yet. ERR_IO, ERR_CORRUPT. */
int folder_peek(const char *path, uint32_t *shards, uint8_t feed[16], bool *is_there, struct error *e);

/* Open for reading: the folder must exist; ERR_NOT_FOUND says how to make one. */
int folder_open_read(struct folder *folder, const char *path, struct error *e);

void folder_close(struct folder *folder); /* closes all stores */

/* The store of a shard, opened (and made, when writing) on first use. Reading: ERR_NOT_FOUND when it
 * was never made. Several threads may ask at once, each for shards of its own. */
int folder_store(struct folder *folder, uint32_t shard, struct store **out, struct error *e);

/* The same; but one that is made begins its history in that epoch. */
int folder_store_new(struct folder *folder, uint32_t shard, uint64_t epoch, struct store **out,
                     struct error *e);

/* A reader of the shard's store, for the calling thread alone, which gives it back with folder_reader_done
 * before the folder is closed. In a folder that is open for writing it stands beside the owner's store, which
 * is opened if it isn't; else it is the one that folder_store gives. ERR_NOT_FOUND when it was never made.
 * Any thread. Who keeps one for longer gives it back once store_reader_is_stale says so. */
int folder_reader(struct folder *folder, uint32_t shard, struct store **out, struct error *e);
void folder_reader_done(const struct folder *folder, struct store *reader); /* null is fine */

/* Delete a shard's file: nothing was ever in it then, and what is made of it anew is another store. Nobody
 * may use what folder_store gave for it any more; readers may be out: they go on with what they have, are
 * stale, and the last one that is given back gives the room back. A shard that has no file is fine. */
int folder_drop(struct folder *folder, uint32_t shard, struct error *e);

/* The same, but the file is kept under another name beside it, which `kept` is given: what can't be read may
 * be of use to somebody. */
int folder_set_aside(struct folder *folder, uint32_t shard, char kept[FOLDER_PATH_BYTES], struct error *e);

/* True if the shard has a file. */
bool folder_has(const struct folder *folder, uint32_t shard);

uint64_t folder_bytes(const struct folder *folder, uint32_t shard); /* that its file takes on the disk */

#endif
