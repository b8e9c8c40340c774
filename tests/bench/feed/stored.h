/* Stored: the changes of a data folder, as they are stored, in memory. What the others are given is what
 * Garner wrote, byte for byte. */
#ifndef GARNER_BENCH_STORED_H
#define GARNER_BENCH_STORED_H

#include "common/bytes.h"

struct stored {
    struct buffer all;
    struct bytes *changes; /* in `all`, shard by shard */
    uint64_t count;
};

void stored_read(const char *folder, struct stored *out); /* dies when it can't */
void stored_close(struct stored *stored);

#endif
