/* What following's .c files share. For them only. */
#ifndef GARNER_FOLLOW_INTERNAL_H
#define GARNER_FOLLOW_INTERNAL_H

#include <stdatomic.h>

#include "worker/follow/dialer.h"
#include "worker/follow/following.h"
#include "worker/follow/pursuit.h"
#include "worker/store/copy.h"

/* A connection to an owner. */
struct following_link {
    struct client *client; /* null: there is none */
    uint64_t ticket;       /* of the dialer; 0: none is being made */
    bool is_troubled;      /* it was told that it fails */
    int64_t used_ms;
};

struct following_shard {
    struct copy *copy;                       /* null: it has none yet */
    bool is_wanted;                          /* it is followed, or is to be once its copy can be opened */
    bool is_open;                            /* its copy is, or it is known that there is none */
    bool stays;                              /* it is in the list that is taken over */
    bool is_touched, is_written, has_failed; /* by the answer that is stored; changes; it couldn't be */
    bool is_troubled;                        /* it was told that it fails */
    char *address;                           /* of its owner */
    bool hasten;
    int64_t again_ms; /* its copy is to be opened then */
};

struct following {
    struct following_setting set;
    struct pursuit pursuit;
    struct following_shard *shards;
    struct following_link (*links)[PURSUIT_LINES]; /* by place of the owner */
    uint32_t link_count;
    uint64_t last_ticket;
    struct dialer *dialer;
    struct arena arena; /* of a request, or an answer */
    struct buffer memory;
    uint32_t *touched; /* by the answer that is stored */
    uint32_t touched_count;
    struct refusal *refused;
    _Atomic int64_t lease_ms;
    struct rpc_lock lock;    /* of what connections wait for, and: */
    struct followed *wanted; /* with addresses of their own */
    uint32_t wanted_count;
    bool is_new; /* it wasn't taken over yet */
    bool ending;
    pthread_cond_t applied; /* it was */
    atomic_bool is_poked;   /* there is something to look at under the lock */
    pthread_t thread;
    bool has_thread;
};

void following_say(struct following *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- connections (following_links.c) --- */

/* Make connections, ask, and wait for an answer for no longer than a slice. */
void following_ask_all(struct following *f);
/* Take one answer, if there is one, and store what is in it. */
void following_take_all(struct following *f);
/* To owners that have no shards any more. */
void following_close_links(struct following *f, bool all);

/* --- copies (following_store.c) --- */

/* Open what isn't, and begin to follow it. */
void following_open_copies(struct following *f);
void following_close_copy(struct following *f, uint32_t shard);
void following_store(struct following *f, uint32_t owner, enum pursuit_line line,
                     const struct operator_reply *reply, const struct pursuit_arrival *arrival);

#endif
