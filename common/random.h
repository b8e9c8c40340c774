/* Random numbers from a seed: for jitter and for simulations, never for secrets. xoshiro256**,
 * seeded by splitmix64 (Blackman and Vigna, 2018). */
#ifndef GARNER_COMMON_RANDOM_H
#define GARNER_COMMON_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
uint64_t random_below(struct random *r, uint64_t bound); /* 0 to bound - 1; 0 when bound is 0 */

#endif
