/* Placement: which worker each shard should be at. Pure.
 *
 * Weighted rendezvous hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018) and stickiness: a
 * shard stays where it is, unless its worker is gone or drains, it is pinned elsewhere, its worker is over
 * its cap, or another one has far less than its share. The cap is the share by capacity, and a twentieth
 * more; where shards can't be split that finely, what the least loaded ones come to; a shard heavier than the
 * cap is alone. What is asked again after it was done is answered with no move. */
#ifndef GARNER_PLACEMENT_H
#define GARNER_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PLACEMENT_SLACK = 20, /* a twentieth above the share, and below */
    PLACEMENT_WEIGHT_MAX = 1 << 30,
    PLACEMENT_CAPACITY_MAX = 1 << 12
};
#define PLACEMENT_NOBODY UINT32_MAX

enum placement_worker_state {
    PLACEMENT_TAKES,
    PLACEMENT_KEEPS, /* cordoned: what it has stays, and it is given nothing */
    PLACEMENT_DRAINS,
    PLACEMENT_GONE
};

struct placement_worker {
    uint64_t key;      /* a hash of its name */
    uint32_t capacity; /* in proportion to others': 1 to PLACEMENT_CAPACITY_MAX */
    enum placement_worker_state state;
};

/* Why a shard is placed where it is. */
enum placement_why {
    PLACEMENT_STAYS,
    PLACEMENT_HOMELESS, /* it was nobody's, or its worker is gone */
    PLACEMENT_LEAVES,   /* its worker drains */
    PLACEMENT_PINNED,
    PLACEMENT_SHED, /* its worker was over its cap */
    PLACEMENT_FILLS /* its new worker had far less than its share */
};

/* Why it isn't where it should be. */
enum placement_stuck {
    PLACEMENT_FREE,
    PLACEMENT_NO_WORKER,    /* nobody takes shards */
    PLACEMENT_PIN_GONE,     /* it is pinned to a worker that is gone, … */
    PLACEMENT_PIN_DRAINS,   /* … drains … */
    PLACEMENT_PIN_CORDONED, /* … or is cordoned */
    PLACEMENT_OVER_CAP      /* its worker is over its cap, and no other one has room */
};

struct placement_shard {
    uint32_t number;
    uint32_t weight; /* its load: 1 to PLACEMENT_WEIGHT_MAX */
    uint32_t at;     /* index of its worker, or PLACEMENT_NOBODY */
    uint32_t pin;    /* likewise: must be there */
    uint32_t ready;  /* likewise: has a copy, and is taken where there is room, if it must move */
    /* The answer: */
    uint32_t to;
    enum placement_why why;
    enum placement_stuck stuck;
};

struct placement_loads {
    uint64_t load, share, cap; /* of a worker: sums of weights */
};

/* Place all shards: up to LIMIT_SHARDS, on up to LIMIT_WORKERS. `loads` is by worker, with what they have
 * then; may be null. O(shards * workers) at worst, where all are homeless. */
void placement_solve(const struct placement_worker *workers, uint32_t worker_count,
                     struct placement_shard *shards, uint32_t shard_count, struct placement_loads *loads);

#endif
