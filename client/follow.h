/* Follow: what a subscriber asks next, and of whom; and where it stands. A decider: no I/O, no clock.
 *
 * Each shard has two positions. `asked` is behind what has arrived: what is asked for next begins there.
 * `given` is behind what the subscriber was handed: its cursor. An answer moves the one when it arrives, and
 * the other when it is given; answers are given in the order in which they arrived.
 *
 *     FETCHING --COMPACTED, DIVERGED, or the whole state is wanted--> SNAPSHOT --last part--> FETCHING
 *        |  ^                                                          |     ^
 *        |  '--map-- MOVED: nobody's                                   '-----' refused: from its beginning
 *        '--FUTURE--> an error, until the subscriber seeks elsewhere
 *
 * Of one worker one thing at a time is asked, so what a worker answers needs no order. A shard that nobody
 * has isn't asked for, and holds up no other. */
#ifndef GARNER_CLIENT_FOLLOW_H
#define GARNER_CLIENT_FOLLOW_H

#include "proto/operator.h"

/* Why a shard is to be snapshot: as garner.h's enum garner_why. */
enum follow_why { FOLLOW_ASKED = 1, FOLLOW_COMPACTED, FOLLOW_DIVERGED };

enum follow_asked { FOLLOW_IDLE, FOLLOW_FETCH, FOLLOW_SNAPSHOT };

struct follow_shard {
    struct position asked, given;
    enum follow_why why; /* it needs a snapshot; 0: it doesn't … */
    enum follow_why owed; /* … any more: but until it is given, giving up what is under way needs one again */
    uint32_t worker;      /* that has it by the map; UINT32_MAX: nobody … */
    bool has_moved;       /* … and that says that it hasn't */
};

struct follow_worker {
    char *address; /* "": whom the map came from */
    uint32_t was;  /* its number by the map before; UINT32_MAX: it had none */
    enum follow_asked asked;
    /* The snapshot that is taken there. */
    bool begun; /* its first part has arrived */
    uint32_t shard;
    struct position begin;
    uint32_t collection, row; /* where the next part begins */
};

struct follow_setting {
    uint8_t feed[16];
    uint32_t shards;
    struct filter filter; /* its texts must outlive it */
    uint64_t max_events, max_bytes;
    bool snapshots; /* COMPACTED and DIVERGED are answered by one; else they are errors */
};

struct follow {
    struct follow_setting set;
    struct follow_shard *all; /* by number */
    struct follow_worker *workers;
    uint32_t worker_count;
    uint64_t map_version; /* 0: none is known */
    bool needs_map;
    bool is_stale; /* a worker isn't sure to have what it has: the map may know another one. Until that comes
                    */
};

/* Begins before the first change of every shard. */
void follow_open(struct follow *follow, const struct follow_setting *setting);
void follow_close(struct follow *follow);

/* Ask where the shards that a worker has end (`now`), or begin, and put their positions behind the `*count`
 * that are there. False: the worker has none. ERR_BUSY: one isn't where the map says. What the request points
 * to lives in the arena. */
bool follow_ask_ends(const struct follow *follow, uint32_t worker, bool now, struct arena *arena,
                     struct operator_request *request);
int follow_take_ends(const struct follow *follow, uint32_t worker, const struct feed_changes *answer,
                     struct position *to, uint32_t *count, struct error *e);

/* Where to begin; what is under way is given up. At positions, all others before their first change.
 * ERR_USAGE: a shard that isn't there. */
int follow_seek(struct follow *follow, const struct position *positions, uint32_t count, struct error *e);
/* With the whole state: a snapshot of each shard, because of `why`. */
void follow_seek_state(struct follow *follow, enum follow_why why);

/* What to ask of a worker, unless it was asked already or there is nothing to ask. `wait_ms` is for changes.
 * What the request points to lives in the arena. */
bool follow_ask(struct follow *follow, uint32_t worker, uint64_t wait_ms, struct arena *arena,
                struct operator_request *request);

/* The request, or its answer, is lost. */
void follow_lost(struct follow *follow, uint32_t worker);

/* What an answer is, for when it is given. */
struct follow_arrival {
    enum follow_asked kind; /* IDLE: there is nothing to give */
    uint32_t events;        /* of FETCH */
    /* Of SNAPSHOT: */
    uint32_t shard;
    enum follow_why why;
    bool first;
};

/* An answer has arrived. ERR_USAGE: refused, and not to be answered by a snapshot; ERR_BODY: it can't be
 * right. `*refused` is set with ERR_USAGE to what was. */
int follow_arrived(struct follow *follow, uint32_t worker, const struct operator_reply *reply,
                   struct follow_arrival *arrival, enum refusal_kind *refused, struct error *e);

/* All of it has been given. */
void follow_given(struct follow *follow, const struct follow_arrival *arrival,
                  const struct operator_reply *reply);

/* The positions behind what was given, in the arena. */
void follow_cursor(const struct follow *follow, struct arena *arena, struct cursor *out);

#endif
