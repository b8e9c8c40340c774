/* Tenure: what a worker may do with each of its shards now. A decider: no I/O, no clock.
 *
 *     tenure_copy, tenure_orders      what it has; what the coordinator wants
 *     tenure_plan … tenure_done       what is to be done about it, and that it was
 *     tenure_report                   what is true of a shard, for the next heartbeat
 *
 * An order is carried out only if the copy is one that it can mean: so what a worker does is right also where
 * its disk isn't the one that the coordinator remembers. Times are of a clock that counts while the machine
 * is suspended. */
#ifndef GARNER_TENURE_H
#define GARNER_TENURE_H

#include "proto/cluster.h"

/* What a worker has of a shard; epoch 0: nothing. */
struct tenure_copy {
    uint64_t epoch, head;
    uint32_t check; /* position_check of the change at head; 0: there is none */
    bool is_whole;
};

struct tenure_shard {
    struct tenure_copy copy;
    /* What is wanted, of the order with the highest version. */
    enum cluster_role wanted;
    uint64_t version, epoch, base, disk;
    uint32_t owner;
    bool hasten;
    struct replica_order replicas[CLUSTER_REPLICAS];
    uint32_t replica_count;
    int64_t until_ms; /* 7/10 of the lease that was given with it; INT64_MIN: none was */
    /* What it does. */
    enum cluster_role role; /* NONE, OWNER or FOLLOWER */
    uint32_t followed;      /* as a follower: whose number */
    bool is_hasty;          /* likewise */
};

struct tenure {
    uint64_t disk;
    uint32_t shards;
    struct tenure_shard *all; /* by number */
    uint64_t answered;        /* the number of the heartbeat that the last answer was to */
};

void tenure_open(struct tenure *t, uint32_t shards, uint64_t disk);
void tenure_close(struct tenure *t); /* zero is fine */

/* What there is of a shard now. */
void tenure_copy(struct tenure *t, uint32_t shard, const struct tenure_copy *copy);

/* An answer has come, to a heartbeat that was sent at `sent_ms`. False: it is older than one that came
 * before, and changes nothing. What it says nothing of is to be left alone. */
bool tenure_orders(struct tenure *t, const struct orders *orders, int64_t sent_ms);

/* Until when commits to a shard and requests for it are allowed: 7/10 of the lease. INT64_MIN: not at all. To
 * be looked at right before each, also while it is let go of: an answer may take it away at once. Of one that
 * is followed: until when its owner may be asked, and told what is stored. Who isn't heard any more may have
 * lost its name to another disk, and what it has must not be taken for what that one has. */
int64_t tenure_until(const struct tenure *t, uint32_t shard);

enum tenure_do {
    TENURE_RELEASE, /* nothing is harvested or committed any more; what is gathered is */
    TENURE_LEAVE,   /* it isn't followed any more */
    TENURE_DROP,    /* its copy is deleted */
    TENURE_FOLLOW,  /* `owner` is followed; also when it is followed already, and another one is */
    TENURE_OWN      /* `epoch` is begun, unless it was; and its collections are harvested */
};

struct tenure_action {
    uint32_t shard;
    enum tenure_do what;
    uint64_t epoch;
    bool is_new; /* of OWN: the history begins here; what may be there of another one was dropped before */
    uint32_t owner;
    bool hasten;
};

/* What is to be done next, one thing a shard, in the order of enum tenure_do; `out` has room for one a shard.
 * Asked again when it was done: there may be more to do. */
uint32_t tenure_plan(const struct tenure *t, struct tenure_action *out);

/* It was done; `copy` is what there is then. Or not (`well` false): it will be planned again. */
void tenure_done(struct tenure *t, const struct tenure_action *action, const struct tenure_copy *copy,
                 bool well);

/* What is true of a shard, but its bytes, load and followers. False: there is nothing to say. */
bool tenure_report(const struct tenure *t, uint32_t shard, struct shard_report *out);

#endif
