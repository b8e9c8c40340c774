/* World: workers with real stores, an owner that writes to them, a network that loses and delays, and
 * subscribers. One thread; time and chance come from a seed. */
#ifndef GARNER_SIM_FEED_WORLD_H
#define GARNER_SIM_FEED_WORLD_H

#include "common/random.h"
#include "tests/sim/feed/check.h"
#include "worker/feed/deliver.h"
#include "worker/store/folder.h"

enum { SHARDS = 3, WORKERS = 2, SUBSCRIBERS = 9, BACKUPS = 3, STEPS = 700, MESSAGES = 64 };

#define SIM_FEED_LIES(X)                                                                                     \
    X(NONE, "none")                                                                                          \
    X(SKIP, "skip")               /* a change isn't given */                                                 \
    X(TWICE, "twice")             /* one is given twice */                                                   \
    X(ORDER, "order")             /* two of a collection are given the other way round */                    \
    X(UNCOMMITTED, "uncommitted") /* one is given whose transaction was aborted */                           \
    X(FILTER, "filter")           /* the filter is overlooked */                                             \
    X(ROW, "row")                 /* a snapshot lacks a row */                                               \
    X(TAIL, "tail")               /* a snapshot says that the changes behind it begin later */               \
    X(COMPLETE, "complete")       /* … and that a collection is complete that isn't */                     \
    X(DIVERGED, "diverged")       /* another history isn't noticed: nobody looks at check sums */            \
    X(UNTIL, "until")             /* nor what a snapshot was read of besides its position */                 \
    X(FUTURE, "future")           /* a position that isn't there yet is called diverged */                   \
    X(REFUSAL, "refusal")         /* a subscriber goes on with the oldest, where it was refused */           \
    X(WHY, "why")                 /* it says that it fell behind, where the history is another one */        \
    X(CURSOR, "cursor")           /* its cursor is moved before the changes are given */                     \
    X(MARK, "mark")               /* what no follower has is given all the same */                           \
    X(SHOWN, "shown")             /* … by a snapshot */

enum lie {
#define X(name, text) LIE_##name,
    SIM_FEED_LIES(X)
#undef X
        LIES
};

/* What happened, so that a run can say that it has seen it all. */
#define SIM_FEED_TALLY(X)                                                                                    \
    X(commits)        /* of the owner */                                                                     \
    X(aborts)         /* it died before a commit */                                                          \
    X(compactions)    /* of a log */                                                                         \
    X(backups)        /* of a shard */                                                                       \
    X(restores)       /* from a backup, in the same epoch */                                                 \
    X(promotions)     /* to a new epoch */                                                                   \
    X(replicas)       /* that lagged, promoted */                                                            \
    X(moves)          /* to the other worker */                                                              \
    X(absences)       /* of shards, which are nobody's for a while */                                        \
    X(replaced)       /* workers, by others with another address */                                          \
    X(held)           /* followers that came to be in sync */                                                \
    X(struck)         /* … and that weren't any more */                                                    \
    X(failovers)      /* to one that was */                                                                  \
    X(waits)          /* parts of snapshots that were not given yet */                                       \
    X(answers)        /* of servers */                                                                       \
    X(lost)           /* requests and answers */                                                             \
    X(given_up)       /* … since the map changed */                                                        \
    X(compacted)      /* refusals */                                                                         \
    X(diverged)       /* … */                                                                              \
    X(future)         /* … */                                                                              \
    X(moved)          /* … */                                                                              \
    X(snapshots)      /* that were begun */                                                                  \
    X(parts)          /* of snapshots, asked for */                                                          \
    X(torn)           /* snapshots that were refused in their midst */                                       \
    X(crashes_before) /* of subscribers, before the cursor was stored … */                                 \
    X(crashes_after)  /* … and after it */                                                                 \
    X(stalls)         /* of subscribers */                                                                   \
    X(finished)       /* subscribers that came to the end */                                                 \
    X(given)          /* changes */                                                                          \
    X(rows)           /* of snapshots, given */

struct tally {
#define X(name) uint64_t name;
    SIM_FEED_TALLY(X)
#undef X
};

struct worker {
    char path[300];
    struct folder folder;
    struct deliver *deliver;
    bool has[SHARDS];
    uint32_t incarnation; /* its address is another one with each */
};

/* A copy of a shard's file, as it was: a backup, or a replica that lags. */
struct backup {
    char path[320];
    bool is_there;
    uint32_t shard, fork, epochs;
    uint64_t head, oldest;
};

/* A follower's copy of a shard: of what it has stored, it has told its owner. */
struct follower {
    struct backup copy;
    struct position at;
    bool in_sync; /* by the coordinator: it may be promoted */
};

struct shard {
    uint32_t worker, fork;
    bool is_nobodys;   /* `worker` says MOVED … */
    uint64_t until_ms; /* … until then */
    uint64_t version;  /* of its order */
    struct follower follower;
    uint64_t epoch;        /* the highest that there ever was */
    struct buffer aborted; /* a change that was never committed; empty: none */
};

/* A request under way to a worker, or its answer. */
struct message {
    bool is_under_way, is_answer, is_lost;
    uint32_t sub, generation;
    uint32_t asked;               /* worker, by the subscriber's map … */
    uint32_t worker, incarnation; /* … which is that one */
    uint64_t due_ms;
    uint32_t forks[SHARDS]; /* that the answer is of … */
    uint64_t heads[SHARDS]; /* … and their heads then */
    struct buffer packed;
};

struct subscriber;

struct world {
    uint64_t seed, number, now_ms;
    struct random random;
    enum lie lie;
    char path[256];
    struct worker workers[WORKERS];
    uint32_t worker_count;
    struct shard shards[SHARDS];
    struct backup backups[BACKUPS];
    uint64_t map_version;
    uint32_t was_at[SHARDS]; /* by the map before */
    struct message messages[MESSAGES];
    struct subscriber *subs[SUBSCRIBERS];
    bool is_followed; /* shards have followers, and whoever isn't in sync isn't promoted: nothing given is
                         lost */
    bool calm;        /* nothing goes wrong any more, and nothing is written */
    struct check check;
    struct buffer *diary; /* null: none is wanted */
    struct tally *tally;
    struct arena scratch;
    struct error e;
    uint64_t made; /* documents */
};

bool world_open(struct world *w, uint64_t seed, uint64_t number, struct tally *tally);
void world_close(struct world *w);
bool world_run(struct world *w); /* false: `check.failure` */

/* Note what happens. False: something is wrong. */
bool world_note(struct world *w, struct note note);

bool chance(struct world *w, unsigned percent);
uint32_t pick(struct world *w, uint32_t count); /* 0 … count - 1 */

/* What couldn't be done at all: the machine's or the test's fault. Ends the program. */
#define WORLD_OK(w, call)                                                                                    \
    do {                                                                                                     \
        if (call)                                                                                            \
            world_die(w, #call);                                                                             \
    } while (0)
_Noreturn void world_die(struct world *w, const char *what);

/* --- the owner (owner.c) --- */

struct store *owner_store(struct world *w, uint32_t shard);
bool owner_writes(struct world *w);    /* a commit, or one that is aborted */
bool owner_lists_all(struct world *w); /* every collection is listed at last */
bool owner_shows(struct world *w);     /* what the stores have */

/* --- histories (fate.c): what befalls shards --- */

void worker_open(struct world *w, struct worker *worker);
void worker_close(struct world *w, struct worker *worker);
bool fate_strikes(struct world *w);
bool fate_ends_absences(struct world *w); /* of shards whose time it is */
bool fate_goes_back(struct world *w, const struct backup *backup, bool promoted);
void fate_copies(struct world *w, uint32_t shard, struct backup *to); /* its file, as it is */

/* --- followers (follower.c) --- */

/* What the owner of a shard is told, which it is by now or isn't. */
void follower_order(struct world *w, uint32_t shard, bool owns);
bool follower_steps(struct world *w); /* one copies, and says so; the coordinator hears how things are */
bool follower_takes_over(struct world *w);

/* --- the network (network.c) --- */

/* `asked`: a worker of that address, by the subscriber's map. */
bool network_send(struct world *w, uint32_t sub, uint32_t asked, const char *address, uint32_t generation,
                  struct operator_request *request); /* false: it is full */
bool network_step(struct world *w);
/* Who has which shards; it may be what was so before. */
void network_map(struct world *w, struct arena *arena, struct feed_map *out);

/* The end or the beginning of all shards, as they are now. False: not all can say so now. */
bool network_ends(struct world *w, bool now, struct position positions[SHARDS], uint32_t *count);

/* --- subscribers (subscriber.c) --- */

struct subscriber *subscriber_new(struct world *w, uint32_t number);
void subscriber_close(struct subscriber *sub);
bool subscriber_steps(struct world *w, struct subscriber *sub);
bool subscriber_takes(struct world *w, struct subscriber *sub, struct message *answer);
void subscriber_loses(struct subscriber *sub, const struct message *message);
bool subscriber_is_done(const struct world *w, const struct subscriber *sub);

/* --- lies (lie.c) --- */

int lie_of_name(const char *name); /* -1: none */
const char *lie_name(enum lie lie);
void lie_demand(struct world *w, struct operator_request *request);
void lie_reply(struct world *w, const struct operator_request *request, struct operator_reply *reply,
               struct arena *arena);

#endif
