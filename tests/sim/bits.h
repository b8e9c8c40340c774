/* Bits: a set of small numbers, by which things of one collection are known. */
#ifndef GARNER_SIM_BITS_H
#define GARNER_SIM_BITS_H

#include <stdbool.h>
#include <stdint.h>

enum { BITS_WORDS = 2, BITS = 64 * BITS_WORDS };

struct bits {
    uint64_t words[BITS_WORDS];
};

static inline bool bits_have(const struct bits *b, unsigned i)
{
    return b->words[i / 64] >> i % 64 & 1;
}

static inline void bits_add(struct bits *b, unsigned i)
{
    b->words[i / 64] |= UINT64_C(1) << i % 64;
}

static inline void bits_remove(struct bits *b, unsigned i)
{
    b->words[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static inline unsigned bits_count(const struct bits *b)
{
    return (unsigned)(__builtin_popcountll(b->words[0]) + __builtin_popcountll(b->words[1]));
}

static inline struct bits bits_both(const struct bits *a, const struct bits *b)
{
    return (struct bits){{a->words[0] | b->words[0], a->words[1] | b->words[1]}};
}

static inline struct bits bits_less(const struct bits *a, const struct bits *b)
{
    return (struct bits){{a->words[0] & ~b->words[0], a->words[1] & ~b->words[1]}};
}

#endif
