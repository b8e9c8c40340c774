/* What operators ask the coordinator, and workers that need accounts, as a plain struct, and packed: what an
 * OPERATOR_CLUSTER request holds. Its answer is one document as MessagePack (common/value), to be validated
 * by whoever reads it. */
#ifndef GARNER_PROTO_CLUSTER_ASK_H
#define GARNER_PROTO_CLUSTER_ASK_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/error.h"
#include "common/limits.h"

/* A verb's number is never used again for another one. */
enum cluster_verb {
    CLUSTER_STATUS = 1,
    CLUSTER_WORKERS,
    CLUSTER_SHARDS,
    CLUSTER_WHERE,   /* account */
    CLUSTER_EXPLAIN, /* shard */
    CLUSTER_REBALANCE,
    CLUSTER_APPLY,    /* plan */
    CLUSTER_MOVE,     /* shard, to one worker */
    CLUSTER_PIN,      /* likewise */
    CLUSTER_UNPIN,    /* shard */
    CLUSTER_CORDON,   /* workers */
    CLUSTER_UNCORDON, /* likewise */
    CLUSTER_DRAIN,    /* likewise; force, deadline_ms */
    CLUSTER_UNDRAIN,  /* likewise */
    CLUSTER_CANCEL,   /* shard: its move; none: all moves */
    CLUSTER_PAUSE,
    CLUSTER_RESUME,
    CLUSTER_FORGET, /* workers */
    CLUSTER_RECOVER,
    CLUSTER_ACCOUNTS_ADD,    /* document */
    CLUSTER_ACCOUNTS_REMOVE, /* account */
    CLUSTER_ACCOUNTS_LIST,
    CLUSTER_ACCOUNTS_FETCH, /* version, from */
    CLUSTER_VERB_END
};

/* As operators say it: "accounts add", … */
const char *cluster_verb_name(enum cluster_verb verb);

struct cluster_ask {
    enum cluster_verb verb;
    const struct bytes *workers; /* names, each once */
    uint32_t worker_count;
    bool has_shard;
    uint32_t shard;
    uint64_t plan;         /* its number; 0: none */
    struct bytes account;  /* "provider/id", or the id alone; null: none */
    struct bytes document; /* MessagePack; null: none */
    bool force;
    uint64_t deadline_ms; /* from now; 0: none */
    /* Of ACCOUNTS_FETCH, which is answered in parts: of which list, and from where on in it. */
    uint64_t version; /* 0: whichever there is */
    uint32_t from;
};

void cluster_ask_pack(const struct cluster_ask *ask, struct buffer *out);

/* Names live in the arena, or in what they were unpacked from. 0; ERR_BODY: it is none, or lacks what its
 * verb needs; ERR_USAGE: a verb that only a newer program knows. */
int cluster_ask_unpack(struct arena *arena, struct bytes packed, struct cluster_ask *out, struct error *e);

#endif
