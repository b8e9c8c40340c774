/* How it works: a waiting ticket stands in the queue of exactly one bucket, of the one that last was
 * found shut (at first its second, the narrower one). A bucket is in one place:
 *
 *   IDLE --ask--> READY --no slot--> FULL --done--> READY
 *    ^              |  \--no token--> TIMED --time--> READY
 *    +--nobody waits+
 *
 * limiter_next looks only at READY buckets: it takes the head of one's queue, and if that ticket's other
 * bucket is shut moves it over there, in order of arrival. So nothing is ever scanned, and a bucket that
 * thousands wait for costs nothing until it opens.
 *
 * A ticket whose two buckets are never open at the same moment could wait for ever. After
 * LIMIT_LIMITER_PASSES moves it takes its buckets one after the other and holds the first while it waits for
 * the second: always the older bucket first, so no two tickets wait for each other. Holding from the start
 * was not taken: requests of a slow collection would then block their provider's bucket. */
#include "worker/fetch/limiter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "common/limits.h"
#include "common/sm.h"

enum bucket_place { BUCKET_IDLE, BUCKET_READY, BUCKET_FULL, BUCKET_TIMED };

static const struct sm_state places[] = {
    [BUCKET_IDLE] = {"idle", SM_TO(BUCKET_READY)},
    [BUCKET_READY] = {"ready", SM_TO(BUCKET_IDLE) | SM_TO(BUCKET_FULL) | SM_TO(BUCKET_TIMED)},
    [BUCKET_FULL] = {"full", SM_TO(BUCKET_READY) | SM_TO(BUCKET_IDLE)},
    [BUCKET_TIMED] = {"timed", SM_TO(BUCKET_READY) | SM_TO(BUCKET_IDLE)},
};

struct bucket {
    struct bucket *same_slot; /* of the hash table */
    struct bucket *next_ready;
    struct bytes key;
    uint64_t number;  /* the older, the smaller */
    uint64_t renewed; /* as of the limiter, when its limits were set */
    struct pace pace;
    double tokens;
    int64_t filled_ms; /* when tokens were last counted, or NEVER */
    uint32_t running;
    uint64_t requests, throttled, again;
    int place;
    struct heap queue;      /* tickets by arrival */
    struct heap_node timed; /* by when a token will be there */
};

struct limiter {
    struct bucket **slots;
    size_t slot_count, bucket_count;
    uint64_t renewed; /* so often limits were edited */
    int64_t arrivals;
    struct bucket *ready_head, *ready_tail;
    struct heap timed;
    struct random random;
};

enum { SLOTS_FIRST = 64 };
#define NEVER INT64_MIN

struct limiter *limiter_open(uint64_t seed)
{
    struct limiter *limiter = mem_zalloc(sizeof *limiter);
    random_seed(&limiter->random, seed);
    limiter->slot_count = SLOTS_FIRST;
    limiter->slots = mem_zalloc(limiter->slot_count * sizeof(struct bucket *));
    return limiter;
}

void limiter_close(struct limiter *limiter)
{
    if (!limiter)
        return;
    heap_close(&limiter->timed);
    for (size_t i = 0; i < limiter->slot_count; i++) {
        while (limiter->slots[i]) {
            struct bucket *bucket = limiter->slots[i];
            limiter->slots[i] = bucket->same_slot;
            heap_close(&bucket->queue);
            free(bucket);
        }
    }
    free(limiter->slots);
    free(limiter);
}

static struct bucket **slot_of(struct limiter *limiter, struct bytes key)
{
    return &limiter->slots[hash64(key) & (limiter->slot_count - 1)];
}

static void grow(struct limiter *limiter)
{
    struct bucket **old = limiter->slots;
    size_t old_count = limiter->slot_count;
    limiter->slot_count = old_count * 2;
    limiter->slots = mem_zalloc(limiter->slot_count * sizeof(struct bucket *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct bucket *bucket = old[i];
            old[i] = bucket->same_slot;
            struct bucket **slot = slot_of(limiter, bucket->key);
            bucket->same_slot = *slot;
            *slot = bucket;
        }
    }
    free(old);
}

static void make_ready(struct limiter *limiter, struct bucket *bucket)
{
    if (bucket->place == BUCKET_TIMED)
        heap_remove(&limiter->timed, &bucket->timed);
    sm_move(places, &bucket->place, BUCKET_READY);
    bucket->next_ready = NULL;
    if (limiter->ready_tail)
        limiter->ready_tail->next_ready = bucket;
    else
        limiter->ready_head = bucket;
    limiter->ready_tail = bucket;
}

void limiter_renew(struct limiter *limiter)
{
    limiter->renewed++;
}

/* Whoever waits for it is looked at again: perhaps there is room now. */
static void set_limits(struct limiter *limiter, struct bucket *bucket, double rate, double burst,
                       uint32_t concurrency)
{
    bucket->renewed = limiter->renewed;
    if (!pace_configure(&bucket->pace, rate, burst, concurrency ? concurrency : LIMIT_TRANSFERS_PER_KEY))
        return;
    bucket->tokens = pace_burst(&bucket->pace);
    bucket->filled_ms = NEVER;
    if (bucket->place == BUCKET_FULL || bucket->place == BUCKET_TIMED)
        make_ready(limiter, bucket);
}

struct bucket *limiter_bucket(struct limiter *limiter, struct bytes key, double rate, double burst,
                              uint32_t concurrency)
{
    for (struct bucket *bucket = *slot_of(limiter, key); bucket; bucket = bucket->same_slot) {
        if (!bytes_equal(bucket->key, key))
            continue;
        if (bucket->renewed != limiter->renewed)
            set_limits(limiter, bucket, rate, burst, concurrency);
        return bucket;
    }
    if (limiter->bucket_count >= limiter->slot_count)
        grow(limiter);
    struct bucket *bucket = mem_zalloc(sizeof *bucket + key.len);
    char *name = (char *)(bucket + 1);
    if (key.len)
        memcpy(name, key.data, key.len);
    bucket->key = (struct bytes){name, key.len};
    bucket->number = limiter->bucket_count++;
    set_limits(limiter, bucket, rate, burst, concurrency);
    struct bucket **slot = slot_of(limiter, key);
    bucket->same_slot = *slot;
    *slot = bucket;
    return bucket;
}

/* Take the first ready bucket off the list. It still counts as READY until it is moved. */
static struct bucket *pop_ready(struct limiter *limiter)
{
    struct bucket *bucket = limiter->ready_head;
    if (!bucket)
        return NULL;
    limiter->ready_head = bucket->next_ready;
    if (!limiter->ready_head)
        limiter->ready_tail = NULL;
    return bucket;
}

static struct bucket *other_of(const struct limiter_ticket *ticket, const struct bucket *bucket)
{
    struct bucket *other = bucket == ticket->first ? ticket->second : ticket->first;
    return other == bucket ? NULL : other;
}

static void enqueue(struct limiter *limiter, struct bucket *bucket, struct limiter_ticket *ticket)
{
    ticket->queue = bucket;
    heap_push(&bucket->queue, &ticket->node, ticket->arrival);
    if (bucket->place == BUCKET_IDLE)
        make_ready(limiter, bucket);
}

static void dequeue(struct limiter *limiter, struct limiter_ticket *ticket)
{
    struct bucket *bucket = ticket->queue;
    heap_remove(&bucket->queue, &ticket->node);
    ticket->queue = NULL;
    if (bucket->queue.count == 0 && bucket->place == BUCKET_TIMED)
        heap_remove(&limiter->timed, &bucket->timed);
    if (bucket->queue.count == 0 && (bucket->place == BUCKET_TIMED || bucket->place == BUCKET_FULL))
        sm_move(places, &bucket->place, BUCKET_IDLE);
}

void limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket)
{
    CHECK(!ticket->waiting && ticket->first);
    ticket->waiting = true;
    ticket->arrival = limiter->arrivals++;
    ticket->holds = NULL;
    ticket->passes = 0;
    enqueue(limiter, ticket->second ? ticket->second : ticket->first, ticket);
}

static void release(struct limiter *limiter, struct bucket *bucket)
{
    CHECK(bucket->running > 0);
    bucket->running--;
    if (bucket->place == BUCKET_FULL)
        make_ready(limiter, bucket);
}

void limiter_cancel(struct limiter *limiter, struct limiter_ticket *ticket)
{
    if (!ticket->waiting)
        return;
    dequeue(limiter, ticket);
    ticket->waiting = false;
    if (ticket->holds) {
        ticket->holds->tokens += 1; /* was not used */
        release(limiter, ticket->holds);
        ticket->holds = NULL;
    }
}

void limiter_done(struct limiter *limiter, const struct limiter_ticket *ticket)
{
    CHECK(!ticket->waiting);
    release(limiter, ticket->first);
    if (ticket->second && ticket->second != ticket->first)
        release(limiter, ticket->second);
}

/* --- tokens --- */

static void refill(struct bucket *bucket, int64_t now_ms)
{
    if (bucket->filled_ms == NEVER)
        bucket->filled_ms = now_ms; /* it begins with its burst */
    if (now_ms <= bucket->filled_ms)
        return;
    double rate = pace_rate(&bucket->pace, now_ms);
    bucket->tokens += (double)(now_ms - bucket->filled_ms) * rate / 1000;
    /* A millisecond's worth above the burst: what a timer that can't be finer is late by isn't lost. */
    bucket->tokens = fmin(bucket->tokens, pace_burst(&bucket->pace) + rate / 1000);
    bucket->filled_ms = now_ms;
}

static bool has_token(const struct bucket *bucket, int64_t now_ms)
{
    return bucket->tokens >= 1 - 1e-9 || /* ten tenths are a whole */
           pace_rate(&bucket->pace, now_ms) <= 0;
}

static bool is_open(struct bucket *bucket, int64_t now_ms)
{
    refill(bucket, now_ms);
    return bucket->running < bucket->pace.concurrency && has_token(bucket, now_ms) &&
           !pace_paused(&bucket->pace, now_ms);
}

static void take(struct bucket *bucket, int64_t now_ms)
{
    bucket->running++;
    bucket->requests++;
    bucket->tokens = fmax(bucket->tokens - 1, 0);
    pace_went(&bucket->pace, now_ms);
}

/* The head of an open bucket's queue: let go (true), or moved to its other bucket's queue. */
static bool try_head(struct limiter *limiter, struct bucket *bucket, struct limiter_ticket *ticket,
                     int64_t now_ms)
{
    struct bucket *other = other_of(ticket, bucket);
    dequeue(limiter, ticket);
    if (!other || ticket->holds == other || is_open(other, now_ms)) {
        take(bucket, now_ms);
        if (other && ticket->holds != other)
            take(other, now_ms);
        ticket->holds = NULL;
        ticket->waiting = false;
        ticket->went_ms = now_ms;
        return true;
    }
    if (ticket->passes < LIMIT_LIMITER_PASSES) {
        ticket->passes++;
    } else if (bucket->number < other->number) {
        take(bucket, now_ms);
        ticket->holds = bucket;
    }
    enqueue(limiter, other, ticket);
    return false;
}

/* When time alone lets a bucket go that isn't full. */
static int64_t opens_ms(const struct bucket *bucket, int64_t now_ms)
{
    const struct pace *pace = &bucket->pace;
    if (pace_paused(pace, now_ms))
        return pace->paused_ms;
    double wait_ms = ceil((1 - bucket->tokens) * 1000 / pace_rate(pace, now_ms));
    if (now_ms < pace->quota_ms)
        wait_ms = fmin(wait_ms, (double)(pace->quota_ms - now_ms)); /* there is another rate then */
    return now_ms + (int64_t)fmin(fmax(wait_ms, 1), 1e15);
}

/* A bucket that was taken off the ready list and is shut waits for what opens it. */
static void park(struct limiter *limiter, struct bucket *bucket, int64_t now_ms)
{
    if (bucket->queue.count == 0) {
        sm_move(places, &bucket->place, BUCKET_IDLE);
    } else if (bucket->running >= bucket->pace.concurrency) {
        sm_move(places, &bucket->place, BUCKET_FULL);
    } else {
        sm_move(places, &bucket->place, BUCKET_TIMED);
        heap_push(&limiter->timed, &bucket->timed, opens_ms(bucket, now_ms));
    }
}

struct limiter_ticket *limiter_next(struct limiter *limiter, int64_t now_ms, int64_t *at_ms)
{
    struct heap_node *due;
    while ((due = heap_first(&limiter->timed)) && due->key <= now_ms)
        make_ready(limiter, HEAP_OWNER(due, struct bucket, timed));
    for (struct bucket *bucket; (bucket = pop_ready(limiter));) {
        while (bucket->queue.count && is_open(bucket, now_ms)) {
            struct limiter_ticket *ticket = HEAP_OWNER(heap_first(&bucket->queue), struct limiter_ticket,
                                                       node);
            if (!try_head(limiter, bucket, ticket, now_ms))
                continue;
            sm_move(places, &bucket->place, BUCKET_IDLE); /* next time behind the other buckets */
            if (bucket->queue.count)
                make_ready(limiter, bucket);
            *at_ms = now_ms;
            return ticket;
        }
        park(limiter, bucket, now_ms);
    }
    due = heap_first(&limiter->timed);
    *at_ms = due ? due->key : INT64_MAX;
    return NULL;
}

/* --- what was heard --- */

static void heard_in(struct limiter *limiter, struct bucket *bucket, const struct limiter_ticket *ticket,
                     const struct heard *heard, int64_t now_ms)
{
    bucket->throttled += heard->verdict == VERDICT_THROTTLED;
    bucket->again += heard->again;
    if (!heard->has_quota && heard->verdict != VERDICT_THROTTLED && !bucket->pace.slowed)
        return;
    refill(bucket, now_ms); /* at the rate that was */
    if (pace_heard(&bucket->pace, heard, ticket->went_ms, now_ms, &limiter->random))
        bucket->tokens = 0;
    if (heard->has_quota && heard->quota.remaining >= 0)
        bucket->tokens = fmin(bucket->tokens, (double)heard->quota.remaining);
}

void limiter_heard(struct limiter *limiter, const struct limiter_ticket *ticket, const struct heard *heard,
                   int64_t now_ms)
{
    heard_in(limiter, ticket->first, ticket, heard, now_ms);
    if (ticket->second && ticket->second != ticket->first)
        heard_in(limiter, ticket->second, ticket, heard, now_ms);
}

void limiter_each(const struct limiter *limiter, int64_t now_ms,
                  void (*see)(void *context, const struct bucket_view *view), void *context)
{
    for (size_t i = 0; i < limiter->slot_count; i++)
        for (const struct bucket *b = limiter->slots[i]; b; b = b->same_slot) {
            const struct bucket_view view = {
                .key = b->key,
                .rate = pace_rate(&b->pace, now_ms),
                .base_rate = b->pace.base_rate,
                .concurrency = b->pace.concurrency,
                .base_concurrency = b->pace.base_concurrency,
                .running = b->running,
                .waiting = b->queue.count,
                .requests = b->requests,
                .throttled = b->throttled,
                .again = b->again,
                .paused_ms = pace_paused(&b->pace, now_ms) ? b->pace.paused_ms : PACE_NEVER,
            };
            see(context, &view);
        }
}
