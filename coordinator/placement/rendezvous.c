/* A draw is splitmix64's finalizer (Steele, Lea and Flood, 2014) over shard and worker: to plan 16,384 shards
 * on 1,000 workers takes 16 million of them. Logarithms are taken only where capacities differ and draws
 * don't decide. */
#include "coordinator/placement/rendezvous.h"

#include <math.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t rendezvous_draw(uint32_t shard, uint64_t worker_key)
{
    return mix(worker_key ^ mix(shard + UINT64_C(0x9e3779b97f4a7c15)));
}

/* -ln(u) / capacity: the lower the better. */
static double distance(struct rendezvous_score score)
{
    return -log(((double)score.draw + 0.5) * 0x1p-64) / score.capacity;
}

bool rendezvous_beats(struct rendezvous_score a, struct rendezvous_score b)
{
    if (a.capacity == b.capacity || (a.capacity < b.capacity) == (a.draw < b.draw))
        return a.draw > b.draw || (a.draw == b.draw && a.capacity > b.capacity);
    return distance(a) < distance(b);
}
