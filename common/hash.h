/* Hashes: XXH3 of 64 and 128 bits. Not for secrets; keyed digests only keep strangers from making two
 * different values that look the same to us. */
#ifndef GARNER_COMMON_HASH_H
#define GARNER_COMMON_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

enum { HASH_SECRET_BYTES = 192 };

/* 128 bits in canonical (big-endian) form, as it is stored. */
struct digest {
    uint8_t bytes[16];
};

/* Random bytes that key a shard's digests; made once, kept in its store. */
struct hash_secret {
    uint8_t bytes[HASH_SECRET_BYTES];
};

uint64_t hash64(struct bytes span);
struct digest hash128(struct bytes span, const struct hash_secret *secret); /* null: unkeyed */
bool digest_equal(struct digest a, struct digest b);

#endif
