/* When all places are taken a further hold is refused, rather than another one dropped: if newcomers could
 * push out those who are half-way, with enough of them nobody would ever come to the end.
 *
 * A shard's owner asks once a look at its log, and the table is small: it is walked through. */
#include "worker/feed/holds.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "worker/feed/retention.h"

struct hold {
    uint32_t shard;
    uint64_t seq;
    int64_t until_ms; /* it is over from then on; 0: it was never taken */
};

struct feed_holds {
    pthread_mutex_t lock; /* of: */
    struct hold holds[LIMIT_FEED_HOLDS];
    uint64_t (*mark)(void *context, uint32_t shard); /* null: nobody follows */
    void *context;
};

struct feed_holds *feed_holds_open(void)
{
    struct feed_holds *holds = mem_zalloc(sizeof *holds);
    CHECK(pthread_mutex_init(&holds->lock, NULL) == 0);
    return holds;
}

void feed_holds_close(struct feed_holds *holds)
{
    if (!holds)
        return;
    pthread_mutex_destroy(&holds->lock);
    free(holds);
}

static bool is_over(const struct hold *hold, int64_t now_ms)
{
    return hold->until_ms <= now_ms;
}

/* The one that it is, or else a free place; null: none is free. */
static struct hold *place_for(struct feed_holds *holds, uint32_t shard, uint64_t seq, int64_t now_ms)
{
    struct hold *free_one = NULL;
    for (struct hold *hold = holds->holds; hold < holds->holds + LIMIT_FEED_HOLDS; hold++) {
        if (is_over(hold, now_ms))
            free_one = hold;
        else if (hold->shard == shard && hold->seq == seq)
            return hold;
    }
    return free_one;
}

void feed_holds_mark(struct feed_holds *holds, uint64_t (*mark)(void *context, uint32_t shard), void *context)
{
    pthread_mutex_lock(&holds->lock);
    holds->mark = mark;
    holds->context = context;
    pthread_mutex_unlock(&holds->lock);
}

bool feed_hold(struct feed_holds *holds, uint32_t shard, uint64_t seq, int64_t now_ms)
{
    pthread_mutex_lock(&holds->lock);
    struct hold *hold = place_for(holds, shard, seq, now_ms);
    if (hold)
        *hold = (struct hold){shard, seq, now_ms + LIMIT_FEED_HOLD_MS};
    pthread_mutex_unlock(&holds->lock);
    return hold != NULL;
}

uint64_t feed_holds_seq(struct feed_holds *holds, uint32_t shard, int64_t now_ms)
{
    pthread_mutex_lock(&holds->lock);
    uint64_t seq = holds->mark ? holds->mark(holds->context, shard) : RETENTION_HELD_NONE;
    for (const struct hold *hold = holds->holds; hold < holds->holds + LIMIT_FEED_HOLDS; hold++)
        if (!is_over(hold, now_ms) && hold->shard == shard && hold->seq < seq)
            seq = hold->seq;
    pthread_mutex_unlock(&holds->lock);
    return seq;
}
