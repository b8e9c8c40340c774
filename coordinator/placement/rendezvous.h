/* Rendezvous hashing: of all workers, the one that scores highest for a shard is its own. Pure.
 *
 * A worker that comes or goes changes the highest score of its own share of the shards, and of no others
 * (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998). A worker of twice the
 * capacity wins twice as often if the score is -capacity / ln(u), with u uniform in (0, 1) (Schindelhauer and
 * Schomaker, "Weighted distributed hash tables", 2005). */
#ifndef GARNER_RENDEZVOUS_H
#define GARNER_RENDEZVOUS_H

#include <stdbool.h>
#include <stdint.h>

/* What a worker draws for a shard: of a hash of its name, the same on every machine. */
uint64_t rendezvous_draw(uint32_t shard, uint64_t worker_key);

struct rendezvous_score {
    uint64_t draw;
    uint32_t capacity;
};

/* Does `a` score higher than `b`? */
bool rendezvous_beats(struct rendezvous_score a, struct rendezvous_score b);

#endif
