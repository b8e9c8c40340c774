/* Messages: what is sent from one place to another, as structs that nobody packs. */
#ifndef GARNER_SIM_CLUSTER_MESSAGE_H
#define GARNER_SIM_CLUSTER_MESSAGE_H

#include "proto/feed.h"
#include "tests/sim/cluster/copy.h"

enum {
    SHARDS = 8,
    NODES = 6, /* workers, and one more that has the name of another one */
    SUBSCRIBERS = 2,
    REPLICAS = 8, /* that are ever seen of a shard */
    LEASE_MS = 10000,
    GRACE_MS = 30000,
    TICK_MS = 250,
    SETTLE_MS = 2000,
    AT_COORDINATOR = 0, /* places: who sends, and is sent to */
    AT_NODES = 1,
    AT_SUBSCRIBERS = AT_NODES + NODES,
    PLACES = AT_SUBSCRIBERS + SUBSCRIBERS,
    NO_NODE = NODES,
    CHANGES_AT_ONCE = 8 /* in an answer */
};

enum message_kind {
    MESSAGE_HEARTBEAT,
    MESSAGE_ORDERS,
    MESSAGE_REFUSED, /* a heartbeat */
    MESSAGE_ASKED,   /* for changes or a snapshot; by a follower or a subscriber */
    MESSAGE_ANSWER,
    MESSAGE_MAP_ASKED,
    MESSAGE_MAP
};

struct said {
    struct heartbeat heartbeat;
    struct shard_report reports[SHARDS];
};

struct told {
    struct orders orders;
    struct shard_order list[SHARDS];
    struct replica_order replicas[SHARDS][REPLICAS];
    uint32_t peer_nodes[NODES * 2]; /* where each worker is, by number; NO_NODE: it isn't */
};

struct asked {
    uint32_t shard;
    bool is_snapshot, is_follower;
    uint32_t follower; /* its number as a worker */
    uint32_t part;     /* of a snapshot … */
    struct position
        position; /* where changes are to begin; that the snapshot is of, from its second part on */
};

struct answer {
    uint32_t shard, node;
    bool is_snapshot;
    struct refusal refusal;
    uint32_t part;
    struct position position; /* of a snapshot */
    uint32_t count;           /* of changes, behind the position that was asked for */
    uint64_t epochs[CHANGES_AT_ONCE];
    uint32_t checks[CHANGES_AT_ONCE];
    /* For the checker's eyes: the server's history, up to the position that was asked for and each change. */
    uint64_t through, throughs[CHANGES_AT_ONCE];
    struct copy *copy; /* with a snapshot's last part; on the heap */
};

struct map {
    uint32_t nodes[SHARDS]; /* NO_NODE: nobody */
};

struct message {
    enum message_kind kind;
    uint32_t from, to;
    uint64_t process, to_process; /* of the sender; that it was sent to, 0: whichever */
    uint64_t id;                  /* an answer has that of its request */
    union {
        struct said said;
        struct told told;
        struct asked asked;
        struct answer answer;
        struct map map;
    };
};

#endif
