/* The cluster: what the coordinator knows of workers and shards, and what it decides. Pure: no I/O, no clock.
 *
 *     cluster_heartbeat, cluster_tick, a command    change it
 *     cluster_changed_…                             what of it is to be kept, before anybody is answered
 *     cluster_order                                 what a worker is to do with a shard: a function of it
 *
 * What is kept is enough to go on from: a coordinator that begins anew with it, and hears heartbeats, decides
 * as the one before. All times are milliseconds of one clock that counts while the machine is suspended, and
 * rise. docs/cluster.md tells how a shard changes hands; here is who does what:
 *
 *     lease.c      who is alive                  failover.c   whose shard it is, when its owner isn't there
 *     replicas.c   who follows, who is in sync   move.c       from one owner to the next
 *     spread.c     where shards should be        command.c    what operators want
 *     explain.c    why it is as it is            cluster.c    the records, and what workers are told */
#ifndef GARNER_CLUSTER_H
#define GARNER_CLUSTER_H

#include "proto/cluster.h"

enum {
    CLUSTER_MOVES = 2,       /* at a time, from or to a worker */
    RECOVERED_EPOCHS = 1000, /* that cluster_recover leaves out, where that isn't below the time of the day */
    RECOVERED_SHIFT = 32     /* and the versions begin at the epoch, shifted so far */
};

/*   UNKNOWN --heartbeat--> ALIVE <--heartbeat--> AWAY --grace over--> DEAD --heartbeat--> ALIVE
 *      |                     |   (it said that it restarts)            ^
 *      +---lease over--------+-----------------------------------------+                          */
enum worker_life { WORKER_UNKNOWN, WORKER_ALIVE, WORKER_AWAY, WORKER_DEAD };

struct cluster_worker {
    /* Kept: */
    char name[LIMIT_WORKER_NAME_BYTES + 1];
    uint64_t disk; /* that its data folder is known by; 0: it was forgotten, and its number isn't used */
    bool is_cordoned, is_draining;
    /* As it was heard of: */
    enum worker_life life;
    uint64_t incarnation, number; /* of its last heartbeat; 0: none was heard */
    int64_t until_ms;             /* its lease, or its time away, ends */
    int64_t since_ms;             /* of its life as it is */
    char address[LIMIT_ADDRESS_BYTES + 1];
    char program[LIMIT_PROGRAM_BYTES + 1];
    uint32_t capacity;
    uint64_t room;                /* bytes */
    struct shard_report *reports; /* of its last heartbeat, by shard, ascending */
    uint32_t report_count;
    bool is_changed; /* what is kept of it isn't, yet */
};

/*   NONE --> QUEUED --a slot is free--> COPYING --caught up--> SEALING --has all--> NONE, the next epoch
 *              |                           |                      |
 *              +-------cancelled-----------+---or out of time-----+--> NONE                          */
enum move_phase { MOVE_NONE, MOVE_QUEUED, MOVE_COPYING, MOVE_SEALING };

struct cluster_replica {
    uint32_t worker;
    bool in_sync; /* has all that subscribers were served, and may be promoted */
};

struct cluster_shard {
    /* Kept: */
    uint64_t version;     /* of this record; rises with each change of it */
    uint64_t epoch;       /* 0: it was never anybody's */
    uint64_t base;        /* of `epoch`: its owner's copy had come to this one; 0: it begins empty */
    uint64_t disk;        /* that its owner's copy is on … */
    uint64_t incarnation; /* … and which of that disk's processes `epoch` is for */
    uint32_t owner, pin;  /* CLUSTER_NOBODY: none */
    struct cluster_replica replicas[CLUSTER_REPLICAS];
    uint32_t replica_count;
    enum move_phase phase;
    uint32_t to; /* of a move; in COPYING and SEALING one of the replicas */
    /* Not kept: */
    int64_t phase_ms;     /* when it came into its phase, or last got on in it */
    uint64_t phase_head;  /* as far as the destination's copy was, … */
    uint64_t phase_bytes; /* … and as large as it was */
    uint64_t known_head;  /* that its owner has reported, in `epoch` or when it was given the shard */
    int64_t lost_ms;      /* since when its owner is there without its copy; INT64_MIN: it has it */
    uint64_t doubted; /* whoever knows this version says what it had once its owner had ended; 0: no doubt */
    int64_t retry_ms; /* no move is queued by itself before; INT64_MIN: at any time */
    bool is_foreign;  /* a worker has a copy of an epoch beyond this one: nothing is done with the shard, and
                       * none is begun anew; since: */
    int64_t foreign_ms;
    bool is_changed;
};

struct cluster_setting {
    uint32_t shards, followers;
    int64_t lease_ms, grace_ms;
    int64_t settle_ms; /* shards that were never anybody's wait until nobody new has come for so long */
    bool adopts;       /* copies that the state doesn't know of are taken as they are: one process has all */
};

struct cluster {
    struct cluster_setting set;
    struct cluster_worker *workers; /* by number; numbers are never used again */
    uint32_t worker_count, worker_room;
    struct cluster_shard *shards; /* by number */
    bool is_paused;               /* kept: no move begins */
    bool waits_recover; /* kept: it is in the place of one that was lost, so nothing is given away */
    bool is_changed;    /* one of these two */
    int64_t begun_ms;   /* when it did; INT64_MIN: not yet */
    int64_t ticked_ms;  /* what time it was last; likewise */
    int64_t joined_ms;  /* when a worker came last that wasn't there; INT64_MIN: none has */
    bool is_unspread;   /* workers have come, gone or changed since shards were last spread */
    bool fills;         /* … and one that came is to be filled */
    int64_t spread_ms;  /* then; INT64_MIN: never */
};

/* All shards are nobody's, and nobody is there. */
void cluster_open(struct cluster *c, const struct cluster_setting *setting);
void cluster_close(struct cluster *c); /* zero is fine */

/* What was kept: to be put back before the first event. `number`s may come in any order. */
void cluster_put_worker(struct cluster *c, uint32_t number, const struct cluster_worker *kept);
void cluster_put_shard(struct cluster *c, uint32_t shard, const struct cluster_shard *kept);

/* It goes on with what was kept: for one lease nobody is called dead, and no shard is taken from anybody. */
void cluster_begin(struct cluster *c, int64_t now_ms);

/* --- events --- */

/* A worker says what is true of it; `*number` is its own. Then it may be answered: that is what renews its
 * lease. ERR_BUSY: another process of that name is here, or was a moment ago, with another disk; a later
 * process has this disk; or a later heartbeat was heard of this one. ERR_CONFIG: it is another cluster's feed
 * or shard count
 * (`feed`: ours, 16 bytes). ERR_LIMIT: there are LIMIT_WORKERS. Then nothing has changed. */
int cluster_heartbeat(struct cluster *c, const struct heartbeat *heartbeat, const uint8_t *feed,
                      int64_t now_ms, uint32_t *number, struct error *e);

/* Time passes: to be called a few times a second. */
void cluster_tick(struct cluster *c, int64_t now_ms);

/* --- what comes of it --- */

/* What a worker is to do with a shard; false: nothing, and it has nothing of it. `replicas` points into `c`'s
 * record, or into `room`, of CLUSTER_REPLICAS. */
bool cluster_order(const struct cluster *c, uint32_t worker, uint32_t shard, struct replica_order *room,
                   struct shard_order *order);

/* A copy of a shard that the state knows nothing of: its epoch is beyond the record's. Nothing is done with
 * such a shard until cluster_recover. The worker that has the farthest; false: there is none. Looks at all
 * workers: is_foreign of the record says the same. */
bool cluster_find_foreign(const struct cluster *c, uint32_t shard, uint32_t *worker, uint64_t *epoch);

/* --- commands (command.c). 0, or ERR_USAGE, ERR_NOT_FOUND, ERR_BUSY with what to do; then nothing has
 * changed. --- */

int cluster_find_worker(const struct cluster *c, struct bytes name, uint32_t *number, struct error *e);
int cluster_move(struct cluster *c, uint32_t shard, uint32_t to, int64_t now_ms, struct error *e);
int cluster_cancel(struct cluster *c, uint32_t shard, int64_t now_ms, struct error *e);
uint32_t cluster_cancel_all(struct cluster *c, int64_t now_ms); /* how many moves there were */
int cluster_pin(struct cluster *c, uint32_t shard, uint32_t to, struct error *e); /* NOBODY: unpin */
int cluster_cordon(struct cluster *c, uint32_t worker, bool is_cordoned, struct error *e);
/* Refuses where nobody would be left, or the others lack `room` for what is moved, unless `forces`. */
int cluster_drain(struct cluster *c, const uint32_t *workers, uint32_t count, bool forces, struct error *e);
int cluster_undrain(struct cluster *c, uint32_t worker, struct error *e);
int cluster_pause(struct cluster *c, bool is_paused, struct error *e);
/* A worker that is dead and has nothing any more is forgotten. */
int cluster_forget(struct cluster *c, uint32_t worker, struct error *e);
/* Go on with the copies that there are, of all shards that are foreign; `*count` of them. Epochs go on beyond
 * all that were heard of, and beyond `wall_s`, the time since 1970: nobody has had a later one whom nobody
 * has heard, since a shard never comes to one a second. */
int cluster_recover(struct cluster *c, int64_t now_ms, uint64_t wall_s, uint32_t *count, struct error *e);

/* --- plans (spread.c) --- */

struct cluster_step {
    uint32_t shard, from, to; /* from NOBODY: it is nobody's */
    uint64_t version;         /* of the shard's record, when it was planned */
    uint8_t why;              /* enum placement_why */
    uint64_t bytes;           /* to be copied */
};

struct cluster_plan {
    struct cluster_step *steps; /* by shard; the caller's to free */
    uint32_t count;
    uint64_t workers;     /* a hash of who there is, and takes shards */
    double before, after; /* the highest load of a worker, as a share of what would be its own */
    uint64_t bytes;       /* of all steps */
};

/* Where shards should be, as things are now, and what would have to move. Changes nothing. */
void cluster_plan(const struct cluster *c, struct cluster_plan *plan);

/* Queue all of its moves, or none: ERR_BUSY, when a shard's record or the set of workers isn't what it was.
 */
int cluster_apply(struct cluster *c, const struct cluster_plan *plan, int64_t now_ms, struct error *e);

/* Why a shard's owner isn't the one that it should have, or what that waits for, as a sentence; false:
 * nothing is to be said. */
bool cluster_explain(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out);

const char *cluster_life_name(enum worker_life life);  /* "alive", … */
const char *cluster_phase_name(enum move_phase phase); /* "copying", … */

/* --- for the files of coordinator/membership only --- */

bool cluster_is_alive(const struct cluster *c, uint32_t worker);
const struct shard_report *cluster_report(const struct cluster *c, uint32_t worker,
                                          uint32_t shard); /* or null */
/* A shard's record is about to change: its version rises. */
struct cluster_shard *cluster_change(struct cluster *c, uint32_t shard);
struct cluster_worker *cluster_change_worker(struct cluster *c, uint32_t worker);
uint32_t cluster_add_worker(struct cluster *c, struct bytes name); /* there are fewer than LIMIT_WORKERS */
struct cluster_replica *cluster_replica(struct cluster_shard *shard, uint32_t worker); /* or null */
void cluster_add_replica(struct cluster_shard *shard, uint32_t worker);
void cluster_drop_replica(struct cluster_shard *shard, uint32_t worker);
/* Give a shard to a worker, in its next epoch: `base` 0: it begins empty there. */
void cluster_give(struct cluster *c, uint32_t shard, uint32_t worker, uint64_t base);

void lease_tick(struct cluster *c, int64_t now_ms);
/* A lease has passed since it began: nobody has one that it doesn't know of, though its state may be an older
 * one. */
bool lease_is_settled(const struct cluster *c, int64_t now_ms);
/* One that is foreign goes on with the farthest copy, in an epoch beyond `least`. */
void recover_shard(struct cluster *c, uint32_t shard, uint64_t least);
/* Its owner's process is another one than that which its epoch is for: it has to begin the next one. */
bool failover_is_another(const struct cluster *c, const struct cluster_shard *shard);
void failover_note_later(struct cluster *c, uint32_t shard, const struct shard_report *report);
void failover_step(struct cluster *c, uint32_t shard, int64_t now_ms);
void replicas_step(struct cluster *c, uint32_t shard, int64_t now_ms);
void move_step(struct cluster *c, uint32_t shard, int64_t now_ms);
void move_queue(struct cluster *c, uint32_t shard, uint32_t to, int64_t now_ms); /* out of NONE */
/* Out of any phase, without having moved. */
void move_end(struct cluster *c, uint32_t shard, int64_t retry_ms);
void move_start(struct cluster *c, int64_t now_ms); /* those for which there are slots */
void spread_tick(struct cluster *c, int64_t now_ms);

#endif
