/* Writer: a new data folder, and created changes for it: documents of 600 bytes, in 40 collections that take
 * turns, a page of a listing each. Documents, ids and digests are made beforehand: they are the harvest's
 * work, not the store's.
 *
 * One thread. What goes wrong ends the program. */
#ifndef GARNER_BENCH_WRITER_H
#define GARNER_BENCH_WRITER_H

#include "worker/store/folder.h"

enum { WRITER_COLLECTIONS = 40, WRITER_DOCUMENT_BYTES = 600 };

struct writer_target { /* a shard */
    struct store *store;
    struct collection_record *records[WRITER_COLLECTIONS];
    uint32_t count;
};

struct writer {
    struct folder folder;
    struct writer_target targets[WRITER_COLLECTIONS];
    struct collection_record records[WRITER_COLLECTIONS];
    struct resource *resources;
    uint64_t count;
    struct arena arena;
};

/* Make the folder with so many shards, and `count` resources. */
void writer_open(struct writer *writer, const char *path, uint64_t count, uint64_t shards);

/* Append the change that creates resource `i`, below `count`: with what is kept of the resource, or as a log
 * alone that keeps no state. */
void writer_append(struct writer *writer, uint64_t i, bool log_alone);
uint32_t writer_shard_of(const struct writer *writer, uint64_t i); /* where resource `i` is created */
bool writer_is_full(const struct writer *writer, uint64_t i); /* that shard has gathered LIMIT_COMMIT_ITEMS */
uint64_t writer_commit(struct writer *writer, uint32_t shard); /* synced; returns the shard's last seq */
void writer_close(struct writer *writer);

#endif
