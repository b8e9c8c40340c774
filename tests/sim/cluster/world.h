/* World: a coordinator, workers, and subscribers, with a clock and a network that come from a seed. The
 * deciders are the real ones; what is around them (processes, disks, what is sent) is a model. One thread, no
 * I/O.
 *
 *     coordinator.c  its process, its state, what it answers    worker.c, act.c  a worker's process
 *     serve.c        an owner's answers                         follow.c         a follower's requests
 *     subscriber.c   subscribers                                operate.c        operators' commands
 *     network.c      messages, partitions                       fault.c          what goes wrong
 *     check*.c       what must hold                             guard.c          what is broken on purpose */
#ifndef GARNER_SIM_CLUSTER_WORLD_H
#define GARNER_SIM_CLUSTER_WORLD_H

#include "common/random.h"
#include "coordinator/membership/cluster.h"
#include "tests/sim/cluster/message.h"
#include "tests/sim/cluster/tally.h"
#include "worker/feed/mark.h"

/* A clock that counts while the machine is suspended: it drifts, and leaps forward. */
struct clock {
    int64_t offset_ms, drift_ppm;
};

/* --- what happens when --- */

enum event_kind {
    EVENT_ARRIVE,    /* a message */
    EVENT_TICK,      /* of the coordinator */
    EVENT_HEARTBEAT, /* of a worker: its time has come */
    EVENT_PLAN,      /* of a worker: it looks for what is to be done */
    EVENT_ACT,       /* of a worker: an action comes to its end */
    EVENT_COMMIT,    /* of a worker */
    EVENT_FOLLOW,    /* of a worker: it asks its shard's owner */
    EVENT_SUBSCRIBE, /* of a subscriber: it asks */
    EVENT_EXIT,      /* of a worker that restarts */
    EVENT_OPERATE,
    EVENT_FAULT,
    EVENT_HEAL,    /* of a worker: its disk has room again */
    EVENT_START,   /* of a place: a process starts there */
    EVENT_RESTORE, /* of a worker: its disk is what it was a moment ago */
    EVENT_KILL,    /* of a worker's process */
    EVENT_LOOK     /* is all well? When all is quiet */
};

struct event {
    int64_t at_ms;
    uint64_t serial;
    enum event_kind kind;
    uint32_t place, shard;
    uint64_t process; /* it is for; 0: for whichever */
    bool waits;       /* for a process that is suspended */
    struct message *message;
};

/* --- a place where a process may be --- */

struct place {
    bool is_up;
    uint64_t process;   /* numbers rise all over the world */
    int64_t stopped_ms; /* until then it is suspended */
    struct clock clock;
};

/* --- the coordinator --- */

enum { KEPT_WORKERS = 2 * NODES };

/* What is on its disk. */
struct kept {
    struct cluster_worker workers[KEPT_WORKERS];
    uint32_t worker_count;
    struct cluster_shard shards[SHARDS];
    bool is_there[SHARDS], is_paused, waits_recover;
};

/* A heartbeat that waits for its answer. */
struct poll {
    bool is_held;
    uint64_t process, number, known, disk;
    uint32_t worker;
    int64_t until_ms; /* of the world */
};

struct coordinator {
    struct cluster cluster;
    struct kept kept, older; /* `older`: a copy that somebody has put aside */
    bool has_older;
    struct poll polls[NODES];
    uint64_t version[KEPT_WORKERS], hash[KEPT_WORKERS]; /* of a worker's orders, as they were said last */
    int64_t begun_ms;
};

/* --- a worker --- */

struct disk {
    uint64_t number, incarnation; /* 0: it is empty */
    bool is_made;                 /* it knows whose it is */
    struct copy copies[SHARDS];
};

struct acting {
    bool is_busy;
    struct tenure_action action;
};

struct following {
    bool is_on;
    uint32_t owner;
    uint64_t id;              /* of what was asked, and isn't answered; 0: nothing */
    int64_t asked_ms, due_ms; /* … then; it asks again then */
    bool takes;               /* a snapshot */
    uint32_t part;            /* next */
    struct position begin;
};

enum { ASKERS = NODES + SUBSCRIBERS, HEARTBEATS_KNOWN = 64 };

/* Who waits for changes behind what he has. */
struct waiting {
    bool is_held;
    uint64_t id, process;
    struct asked asked;
    int64_t until_ms;
};

struct serving {
    bool is_on;
    struct mark mark;
    struct waiting waiting[ASKERS]; /* by place, from AT_NODES on */
};

struct node {
    uint32_t named; /* as this one: itself, unless it takes another one's name */
    bool ends;      /* it was told to stop, and does nothing any more */
    bool is_full;   /* its disk */
    struct disk disk, older;
    bool has_older;
    /* Of its process: */
    struct tenure tenure;
    bool is_open;
    uint64_t number;                   /* of its last heartbeat */
    int64_t sent_ms[HEARTBEATS_KNOWN]; /* by its number, by its own clock */
    int64_t said_ms;                   /* of the world: when it sent the last */
    uint64_t said_hash;                /* of what that said that others may wait for */
    uint64_t known;
    uint32_t self; /* its number as a worker; CLUSTER_NOBODY: not known yet */
    uint32_t peer_nodes[NODES * 2];
    struct acting acting[SHARDS];
    struct following following[SHARDS];
    struct serving serving[SHARDS];
};

/* --- a subscriber --- */

struct given {
    struct position at;
    uint64_t through;
    bool needs_snapshot;
    bool asks;
    uint64_t id;
    int64_t asked_ms;
    uint32_t part;
    struct position begin;
};

struct subscriber {
    struct map map;
    bool has_map, map_is_known; /* it is the latest, as far as it knows; there is one */
    int64_t map_asked_ms;
    struct given shards[SHARDS];
};

/* --- what the checker knows --- */

enum { EPOCHS_KNOWN = 400, COMMITS_KNOWN = 1 << 13 };

struct known_epoch {
    uint64_t epoch, disk; /* that extends it */
};

struct known_shard {
    struct known_epoch epochs[EPOCHS_KNOWN];
    uint32_t epoch_count;
    uint64_t sealed;                  /* the highest epoch that was said to be sealed */
    uint64_t begun;                   /* that was begun last */
    uint64_t highest;                 /* that was ever begun */
    uint64_t given[COPY_CHANGES + 1]; /* what subscribers were given, by seq, as a hash of all up to it; … */
    uint64_t head;                    /* … up to this one */
    bool is_lost[NODES];              /* its disk isn't the one any more that had all */
    bool went_back[NODES];            /* … but an older one, so an epoch may go two ways */
    bool is_excused;                  /* what is begun next may lack what was given */
    bool is_loose;     /* the coordinator's state is an older one: hardly anything is promised */
    bool was_loose;    /* … or so it was once: there may be copies that it doesn't know of */
    bool recovers;     /* … if that is written */
    bool is_recovered; /* just now */
    bool has_parted;   /* something given was lost, and that was excused */
    bool was_foreign;
    int64_t heard_ms; /* when its owner was last, … */
    int64_t lost_ms;  /* … and when that had its copy last */
};

struct commit {
    uint64_t key, through; /* key 0: none */
};

struct check {
    struct known_shard shards[SHARDS];
    struct commit commits[COMMITS_KNOWN];
    uint32_t commit_count;
    uint32_t node_of[KEPT_WORKERS]; /* who has that number; NO_NODE: nobody yet */
    bool is_operated;               /* a command is carried out */
    char failure[512];
};

/* --- the world --- */

enum { EVENTS = 4096, MESSAGES = 1024 };

struct world {
    uint64_t seed, number;
    struct random random;
    int64_t now_ms;
    enum guard guard; /* that is broken */
    /* What kind of a world it is. */
    uint32_t shards, nodes, followers;
    unsigned loss, doubles, slow;            /* messages, in 1,000 */
    unsigned crashes;                        /* at steps, in 10,000 */
    unsigned faults;                         /* a bit for each enum fault that happens in it */
    int64_t fault_ms, commit_ms, operate_ms; /* on average, between two */
    uint32_t load[SHARDS];
    int64_t leapt_ms;                   /* the coordinator's clock has, in all */
    bool is_calm;                       /* nothing goes wrong any more; … */
    int64_t calm_ms, quiet_ms, well_ms; /* … since then; nothing is committed since; all is well since */
    bool is_over;

    struct place places[PLACES];
    uint64_t processes; /* so far */
    uint64_t disks;
    uint64_t ids;
    struct coordinator coordinator;
    struct node all[NODES];
    struct subscriber subscribers[SUBSCRIBERS];
    int64_t blocked_ms[PLACES][PLACES]; /* from, to: until then */
    struct lag {
        int64_t until_ms, by_ms;
        bool of_orders; /* and what it is told */
    } lags[PLACES];     /* of what a worker says to the coordinator */

    struct event *heap;
    uint32_t event_count;
    uint64_t serial;
    struct message *messages, **unused;
    uint32_t unused_count;

    struct check check;
    struct buffer *diary; /* null: none is wanted */
    struct tally *tally;
};

void world_open(struct world *w, uint64_t seed, uint64_t number, struct tally *tally);
void world_close(struct world *w);
bool world_run(struct world *w); /* false: `check.failure` */

bool chance(struct world *w, unsigned in_thousand);
uint32_t pick(struct world *w, uint32_t count); /* 0 … count - 1 */
int64_t between(struct world *w, int64_t from_ms, int64_t to_ms);
int64_t about(struct world *w, int64_t mean_ms); /* much more, or much less */

/* What time it is for a process there. */
int64_t place_now(const struct world *w, uint32_t place);
const char *place_name(const struct world *w, uint32_t place);

void world_later(struct world *w, int64_t after_ms, struct event event);
void world_wake(struct world *w); /* whoever is suspended goes on, and so does what waits for that */
void world_tell(struct world *w, uint32_t place, const char *format, ...) /* in the diary */
    __attribute__((format(printf, 3, 4)));
#define TELL(w, place, ...) ((w)->diary ? world_tell(w, place, __VA_ARGS__) : (void)0)

/* Processes: what is told of all kinds of them. */
void place_start(struct world *w, uint32_t place);
void place_crash(struct world *w, uint32_t place, const char *why);
/* It crashes here and now, by chance. */
bool crashes_at(struct world *w, uint32_t place, const char *step);

/* --- network.c --- */

struct message *message_new(struct world *w, enum message_kind kind, uint32_t from,
                            uint32_t to); /* or null */
void message_free(struct world *w, struct message *message);
void network_send(struct world *w, struct message *message);
bool network_is_open(const struct world *w, uint32_t from, uint32_t to);
void network_arrive(struct world *w, struct message *message);

/* --- coordinator.c --- */

void coordinator_start(struct world *w);
void coordinator_stop(struct world *w); /* its process is gone */
void coordinator_tick(struct world *w);
void coordinator_heard(struct world *w, const struct message *message);
void coordinator_map(struct world *w, const struct message *message);
/* Something was decided: keep it, then answer who waits. */
void coordinator_settle(struct world *w);
uint32_t coordinator_node_of(const struct world *w, uint32_t worker); /* by what was heard */
bool coordinator_is_up(const struct world *w);
int64_t coordinator_now(const struct world *w);

/* --- worker.c --- */

void worker_start(struct world *w, uint32_t node);
void worker_stop(struct world *w, uint32_t node);
void worker_heartbeat(struct world *w, uint32_t node);
void worker_told(struct world *w, uint32_t node, const struct message *message);
void worker_end(struct world *w, uint32_t node); /* SIGTERM */
void worker_commit(struct world *w, uint32_t node);
void worker_after(struct world *w, uint32_t node); /* something has happened there: it says so, and acts */
bool worker_may_commit(const struct world *w, uint32_t node, uint32_t shard);
int64_t node_now(const struct world *w, uint32_t node);
bool node_is_up(const struct world *w, uint32_t node);

/* --- act.c --- */

void act_plan(struct world *w, uint32_t node);
void act_end(struct world *w, uint32_t node, uint32_t shard);

/* --- serve.c --- */

enum cluster_role serve_role(const struct node *n, uint32_t shard); /* as which it acts */
void serve_sync(struct world *w, uint32_t node);                    /* begins and ends with roles */
void serve_asked(struct world *w, uint32_t node, const struct message *message);
void serve_waiting(struct world *w, uint32_t node, uint32_t shard); /* there may be more for them */
uint64_t serve_mark(struct world *w, uint32_t node, uint32_t shard);

/* --- follow.c --- */

void follow_begin(struct world *w, uint32_t node, uint32_t shard, uint32_t owner);
void follow_end(struct world *w, uint32_t node, uint32_t shard);
void follow_step(struct world *w, uint32_t node, uint32_t shard);
void follow_answered(struct world *w, uint32_t node, const struct message *message);

/* --- subscriber.c --- */

void subscriber_step(struct world *w, uint32_t number);
void subscriber_answered(struct world *w, uint32_t number, const struct message *message);
void subscriber_mapped(struct world *w, uint32_t number, const struct message *message);

/* --- operate.c, fault.c --- */

void operate(struct world *w);
void operate_calm(struct world *w); /* what an operator does so that all can become well */
void fault_draw(struct world *w);   /* which kinds there are */
void fault_strikes(struct world *w);
void fault_restores(struct world *w, uint32_t node);
void fault_kills(struct world *w, uint32_t place);
void fault_calm(struct world *w); /* all that is broken is mended */

/* --- check.c, check_record.c, check_end.c --- */

void check_open(struct world *w);
bool check_fails(struct world *w, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool check_is_fine(const struct world *w);
uint64_t check_common(const struct known_shard *known,
                      const struct copy *copy); /* of what was given, it has */
void check_event(struct world *w);              /* after each */
void check_commit(struct world *w, uint32_t node, uint32_t shard);
void check_sealed(struct world *w, uint32_t shard, uint64_t epoch);
void check_order(struct world *w, uint32_t worker, const struct shard_order *order);
void check_begins(struct world *w, uint32_t node, uint32_t shard); /* as owner, with what it has */
void check_drops(struct world *w, uint32_t node, uint32_t shard);
void check_gives(struct world *w, uint32_t node, uint32_t shard, uint64_t seq, uint64_t through);
void check_refused(struct world *w, uint32_t node, uint32_t subscriber, const struct answer *answer);
void check_named(struct world *w, uint32_t worker, uint32_t node); /* it was heard under that number */
void check_disk_lost(struct world *w, uint32_t node, const struct disk *is); /* instead of its own */
void check_state_lost(struct world *w, bool older);
void check_recovers(struct world *w, uint32_t shard);           /* once that is written … */
void check_unwritten(struct world *w);                          /* … and it never is */
void check_records(struct world *w, const struct kept *before); /* they were kept */
void check_plan(struct world *w, const struct cluster_plan *plan);
void check_end(struct world *w); /* is all well? */

#endif
