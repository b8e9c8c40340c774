/* What workers and the coordinator say to each other (docs/cluster.md), as plain structs, and packed.
 *
 * A heartbeat says all that is true of a worker, its answer all that should be: each replaces whatever was
 * said before, so one that is lost, late, doubled or out of order costs nothing but time. */
#ifndef GARNER_PROTO_CLUSTER_H
#define GARNER_PROTO_CLUSTER_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/error.h"
#include "common/limits.h"

enum { CLUSTER_VERSION = 1 }; /* of what is said here */

/* Of a shard, beside its owner's: followers, and where it is moved to. */
enum { CLUSTER_REPLICAS = LIMIT_FOLLOWERS + 1 };

#define CLUSTER_NOBODY UINT32_MAX /* no worker's number */

enum cluster_role {
    ROLE_NONE,     /* it is left alone: its copy stays, and nobody is served from it */
    ROLE_OWNER,    /* harvested, and its history extended */
    ROLE_SEALED,   /* its owner, that commits nothing more in this epoch; reads go on */
    ROLE_FOLLOWER, /* a copy of the owner's */
    ROLE_DROP      /* its copy is to be deleted: the shard is another's, and that one has it */
};
const char *cluster_role_name(enum cluster_role role); /* "owner", … */

/* What a worker has of a shard, and does with it. */
struct shard_report {
    uint32_t shard;
    enum cluster_role role; /* as which it acts; never ROLE_DROP */
    uint64_t version;       /* of the order that it acts by; 0: none */
    uint64_t known;         /* the highest version of an order that it was given */
    bool is_whole;          /* its copy is no snapshot that is half taken */
    uint64_t epoch;         /* that its copy has come to; 0: it has none */
    uint64_t head;          /* the last seq that is committed */
    uint32_t check;         /* position_check of it */
    /* An owner's, a bit for each replica of its order: it serves subscribers no further than that one has
     * acknowledged; that one has acknowledged nothing for so long that subscribers wait for it. */
    uint32_t held, behind;
    uint64_t bytes; /* that its copy takes */
    uint32_t load;  /* what it costs to harvest: milliseconds of its thread, a minute; 0: not known yet */
};

struct heartbeat {
    uint32_t version;     /* CLUSTER_VERSION of who says it */
    struct bytes cluster; /* its name */
    struct bytes worker;  /* its name */
    struct bytes address; /* where it serves the feed and operators */
    struct bytes program; /* "garner 0.1.0" */
    uint32_t shards;      /* as its data folder was made with; 0: it has none yet */
    struct bytes feed;    /* 16 bytes, likewise; null: none yet */
    uint64_t disk;        /* a random number that its data folder is known by; never 0 */
    uint64_t incarnation; /* of this process only; higher than those of the folder's processes before */
    uint64_t number;      /* how many heartbeats it has sent, with this one */
    bool restarts;        /* it commits nothing from now on, and will be back in a moment */
    uint32_t capacity;    /* in proportion to others': 1 to LIMIT_CAPACITY */
    uint64_t room;        /* bytes that its disk has left */
    uint64_t known;       /* `version` of the last answer: may wait for a newer one; 0: doesn't wait */
    const struct shard_report *reports; /* by shard, ascending: all of which it has a copy, or an order */
    uint32_t report_count;
};

struct replica_order {
    uint32_t worker; /* its number */
    bool in_sync;    /* it may be promoted: it is to be held */
};

/* What a worker is to do with a shard. */
struct shard_order {
    uint32_t shard;
    enum cluster_role role;
    uint64_t version; /* of the shard's record: what comes with an older one is no order any more */
    uint64_t epoch;   /* as its owner: that it extends the history in */
    uint64_t base;    /* … and that its copy must have come to; 0: the history begins here, empty, … */
    uint64_t disk;    /* … on this disk and no other one */
    uint32_t owner;   /* as a follower: whose number; CLUSTER_NOBODY: it is nobody's for now */
    bool hasten;      /* likewise: it is waited for, so all that it stores is worth a heartbeat */
    const struct replica_order *replicas; /* as its owner; up to CLUSTER_REPLICAS */
    uint32_t replica_count;
};

struct cluster_peer {
    uint32_t number;
    struct bytes name, address; /* address empty: it isn't there now */
};

/* The answer to a heartbeat. */
struct orders {
    uint64_t version;  /* of this answer, as far as it is this worker's: rises with each change of it */
    uint64_t number;   /* of the heartbeat that it answers */
    uint32_t worker;   /* the asker's number */
    int64_t lease_ms;  /* from when the heartbeat was sent */
    uint32_t shards;   /* of the cluster */
    struct bytes feed; /* 16 bytes: the cluster's */
    uint64_t accounts; /* version of the list of accounts */
    const struct shard_order *orders; /* by shard, ascending */
    uint32_t order_count;
    const struct cluster_peer *peers; /* all of which the orders speak */
    uint32_t peer_count;
};

void heartbeat_pack(const struct heartbeat *heartbeat, struct buffer *out);
void orders_pack(const struct orders *orders, struct buffer *out);

/* Texts and arrays live in the arena, or in what they were unpacked from. What comes from outside is
 * validated: sizes, UTF-8, ranges, order, each shard once. 0 or ERR_BODY. */
int heartbeat_unpack(struct arena *arena, struct bytes packed, struct heartbeat *out, struct error *e);
int orders_unpack(struct arena *arena, struct bytes packed, struct orders *out, struct error *e);

#endif
