/* What the files of worker/agent share. Not for others. */
#ifndef GARNER_AGENT_INTERNAL_H
#define GARNER_AGENT_INTERNAL_H

#include <stdatomic.h>

#include "worker/agent/agent.h"
#include "worker/agent/line.h"
#include "worker/follow/following.h"
#include "worker/tenure/tenure.h"

/* What is known of a shard, beside its tenure. */
struct agent_shard {
    atomic_bool is_dirty;   /* its copy isn't as it was read last */
    uint64_t bytes;         /* that it takes on disk */
    uint64_t served;        /* the version of the order that those who serve have; 0: none */
    enum cluster_role role; /* … as which it is served */
    uint32_t held, behind;  /* as they said last */
    bool is_unreadable;     /* its store is no sound one, or of another version: not of a copy */
    enum err failed;        /* the code of what can't be done with it, and was told; 0: nothing */
};

struct agent {
    struct agent_setting set;
    struct tenure tenure;
    struct agent_shard *shards;
    struct following *following; /* null: with a coordinator in this process */
    struct followed *followed;   /* all that is followed */
    uint32_t followed_count;
    struct cluster_peer *peers; /* by number; addresses and names are `orders_arena`'s */
    uint32_t peer_count;
    struct tenure_action *actions; /* room for one a shard */
    struct arena orders_arena;     /* of the last orders */
    struct orders orders;
    uint64_t accounts; /* version of those that were taken; 0: none were */
    struct {
        uint64_t version; /* of those that couldn't be taken; 0: none. Why, and when it is tried again: */
        struct error why;
        int64_t again_ms;
    } refused;

    /* Of the connection. */
    struct line *line;
    struct rpc_lock lock; /* of all that is waited for */
    uint64_t number;      /* of the last heartbeat */
    int64_t sent_ms;      /* then */
    bool is_unanswered;   /* so far */
    bool is_urgent;       /* the one before it wasn't answered: the coordinator doesn't keep this one */
    enum err told;        /* the code of what keeps it from the coordinator, and was told; 0: nothing */

    atomic_bool is_poked; /* there is something to say */
    atomic_bool is_hasty; /* each commit is */
    atomic_bool is_ending, is_leaving;
    atomic_bool is_ready;
    pthread_t thread;
    bool has_thread;
};

/* copies.c: what there is of shards. Read what has changed since; ERR_STORE, ERR_CORRUPT: told, and the copy
 * is taken for none. */
void agent_read_copies(struct agent *agent);
struct tenure_copy agent_read_copy(struct agent *agent, uint32_t shard);

/* act.c: carry the orders out. `renew`: the lease is renewed between what ends and what begins. */
void agent_act(struct agent *agent);

/* speak.c: a heartbeat, in the arena; have those who serve something new to say? */
void agent_heartbeat(struct agent *agent, struct arena *arena, struct heartbeat *out);
bool agent_has_news(struct agent *agent);

/* accounts.c: fetch the accounts, if they are others than ours. */
int agent_fetch_accounts(struct agent *agent, struct error *e);

#endif
