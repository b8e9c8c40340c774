/* Mark: up to where subscribers are served a shard, at its owner. A decider: no I/O, no clock.
 *
 * What a subscriber was given must be in every history to come. So where a follower may be promoted, nothing
 * is given that it hasn't acknowledged: the mark is the least that any held follower has. Who isn't held
 * doesn't count, and with nobody held the mark is the head. It never falls, until mark_open.
 *
 *    OUT --told to follow--> LEARNING --has all that was served--> HELD --the coordinator knows--> IN SYNC
 *     ^                       ^                                     |                               |
 *     |                       +---let go, by a newer order----------+-------------------------------+
 *     +---not in a newer order-----(from any of them)
 *
 * Who holds whom: the owner holds a follower first, then says so (mark_report), and then the coordinator may
 * write it down as in sync, which makes it one that may be promoted. It is let go the other way round: first
 * written down as out of sync, and then the owner hears of it. An order is of a version of the shard's
 * record, and what is reported is of that version too: the coordinator takes no `held` of another one than
 * its record has. So whoever isn't in sync in the newest order can't become so by what was said before it,
 * and may be let go. But where it has all and is there, it stays: it is about to be written down.
 *
 * A shard that never rests runs ahead of a follower that learns it. So when that one is nearly there, the
 * mark is frozen for a moment, until it has all that was served.
 *
 * Times are of one clock that doesn't go back. Not for two threads at once. */
#ifndef GARNER_FEED_MARK_H
#define GARNER_FEED_MARK_H

#include "proto/cluster.h"

enum mark_state { MARK_LEARNING, MARK_HELD, MARK_IN_SYNC };

struct mark_follower {
    uint32_t worker;  /* its number */
    int state;        /* enum mark_state */
    bool is_known;    /* it has said what it has, since it began to learn or we began to hold it … */
    uint64_t acked;   /* … which was this, when it last did */
    int64_t since_ms; /* that it got on, or had all there was */
};

struct mark {
    uint64_t version;                /* of the order; 0: none yet */
    uint64_t head, served;           /* that is committed; the mark */
    uint64_t given;                  /* that anybody may have been served, also by an owner before */
    struct mark_follower *followers; /* the order's replicas, in its order */
    uint32_t count;
    uint32_t frozen_for; /* a LEARNING follower, whom `served` waits for; CLUSTER_NOBODY: for none … */
    int64_t frozen_ms;   /* … until then */
    int64_t rest_ms;     /* it isn't frozen again before */
};

/* An owner begins, or begins anew: all up to `head` is committed, and may have been served. Nothing is until
 * the next event. */
void mark_open(struct mark *mark, uint64_t head);
void mark_close(struct mark *mark); /* zero is fine */

/* Whom the owner's order names. One that isn't newer than the last changes nothing. Whoever is in sync by it
 * is held at once: after a start that is one of whom nothing is known, and the mark waits for its first
 * word. */
void mark_order(struct mark *mark, uint64_t version, const struct replica_order *replicas, uint32_t count,
                int64_t now_ms);

/* All up to `head` is committed. One that is lower than before changes nothing. */
void mark_committed(struct mark *mark, uint64_t head, int64_t now_ms);

/* A follower says that it has stored all up to `seq`, which is a point of this history. It is the latest that
 * counts, also where it is less: it may have lost its copy. */
void mark_acked(struct mark *mark, uint32_t worker, uint64_t seq, int64_t now_ms);

/* Time passes: what is frozen too long isn't any more. */
void mark_tick(struct mark *mark, int64_t now_ms);

/* Is it one of the order's replicas? */
bool mark_follows(const struct mark *mark, uint32_t worker);

/* Up to where subscribers are served. */
uint64_t mark_served(const struct mark *mark);

/* For the heartbeat, a bit for each replica of the order, in its order: it is held; it is, and hasn't got on
 * for LIMIT_BEHIND_MS while there was something for it to store. The version of the order; 0: none. One that
 * is held, behind and not in sync by the order stays held until a newer one comes, whatever that says of
 * others. */
uint64_t mark_report(const struct mark *mark, int64_t now_ms, uint32_t *held, uint32_t *behind);

#endif
