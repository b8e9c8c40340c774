/* Pursuit: what a follower asks of the owners of its shards, next. A decider: no I/O, no clock.
 *
 *     SNAPSHOT --last part--> LOG --whole--> CHANGES --refused: COMPACTED, DIVERGED, FUTURE--> SNAPSHOT
 *
 * Each owner is asked on two lines, on each for one thing at a time. LIVE is a long poll for all shards that
 * have had all there was: so what they have stored is told at once, and subscribers needn't wait for it. BULK
 * is for the others, one shard after the other, and no faster than the setting allows.
 *
 * A position is told once it is stored, never before. Times are of one clock that doesn't go back. */
#ifndef GARNER_FOLLOW_PURSUIT_H
#define GARNER_FOLLOW_PURSUIT_H

#include "proto/operator.h"

#define PURSUIT_NOBODY UINT32_MAX

enum pursuit_line { PURSUIT_LIVE, PURSUIT_BULK, PURSUIT_LINES };

enum pursuit_need {
    PURSUIT_SNAPSHOT, /* nothing is there, or nothing that counts */
    PURSUIT_LOG,      /* its documents are, its changes aren't all */
    PURSUIT_CHANGES   /* all up to a position */
};

enum pursuit_what { PURSUIT_NOTHING, PURSUIT_FETCH, PURSUIT_PART, PURSUIT_OLDEST };

struct pursuit_shard {
    bool is_followed, hasten;
    uint32_t owner; /* its place; PURSUIT_NOBODY */
    enum pursuit_need need;
    struct position at; /* up to which it is stored */
    bool is_near;       /* it has had all there was: LIVE is for it */
    bool lacks_log;     /* where the owner's log begins has to be asked first */
    uint32_t asked;     /* on which line it is, plus 1; 0: on none */
    /* The snapshot that is taken. */
    bool begun;
    struct position begin;
    uint32_t collection, row; /* where its next part begins */
    int64_t again_ms;         /* it is left alone until then */
    uint32_t failures;        /* in succession */
};

struct pursuit_owner {
    char *address; /* null: the place is free */
    struct {
        enum pursuit_what what;     /* that is asked now */
        uint32_t shard;             /* of BULK: the last one */
        int64_t asked_ms, until_ms; /* an answer of nothing may take until then */
        int64_t again_ms;           /* it is left alone until then */
        uint32_t failures;
    } lines[PURSUIT_LINES];
};

struct pursuit_setting {
    uint8_t feed[16];
    struct bytes name; /* the follower's; must outlive it */
    uint32_t shards;
    uint64_t bytes_per_s; /* of BULK, of all owners */
};

struct pursuit {
    struct pursuit_setting set;
    struct pursuit_shard *all; /* by number */
    uint32_t *followed;        /* their numbers, ascending */
    uint32_t followed_count;
    struct pursuit_owner *owners;
    uint32_t owner_count; /* places */
    int64_t bulk_ms;      /* the bytes that came by BULK are paid for then */
};

void pursuit_open(struct pursuit *p, const struct pursuit_setting *setting);
void pursuit_close(struct pursuit *p);

/* Begin to follow a shard, as it is stored now; or another owner of it, or no owner ("") for now. What is
 * under way for it with another one is given up. */
void pursuit_follow(struct pursuit *p, uint32_t shard, const char *address, bool hasten);
void pursuit_leave(struct pursuit *p, uint32_t shard);
/* Give places of owners without shards free; their connections may be closed. */
void pursuit_tidy(struct pursuit *p);

/* What is stored of a shard now: at first, and after each commit. One that was refused as it is stays so. */
void pursuit_stored(struct pursuit *p, uint32_t shard, enum pursuit_need need, const struct position *at);
/* It couldn't be: it is tried again in a while; `anew`, from a snapshot on. */
void pursuit_failed(struct pursuit *p, uint32_t shard, bool anew, int64_t now_ms);

/* There is something to ask, so a connection is needed. */
bool pursuit_wants(const struct pursuit *p, uint32_t owner, enum pursuit_line line, int64_t now_ms);

/* What to ask an owner on a line; false: nothing, or not yet. A request that is under way on it is given up
 * then. Positions that it tells are told until `lease_ms`: nothing is asked after. What the request points to
 * lives in the arena. */
bool pursuit_ask(struct pursuit *p, uint32_t owner, enum pursuit_line line, int64_t now_ms, int64_t lease_ms,
                 struct arena *arena, struct operator_request *request);
/* What an answer is for. */
struct pursuit_arrival {
    enum pursuit_what what; /* NOTHING: there is nothing in it */
    uint32_t shard;         /* of PART and OLDEST */
    bool first;             /* of PART */
    struct position oldest; /* of OLDEST */
    /* Shards that were refused, and begin anew: room for all is the caller's. */
    struct refusal *refused;
    uint32_t refused_count;
};

/* An answer of so many bytes has come. False: it can't be right, and counts as lost. */
bool pursuit_arrived(struct pursuit *p, uint32_t owner, enum pursuit_line line,
                     const struct operator_reply *reply, size_t bytes, int64_t now_ms,
                     struct pursuit_arrival *arrival);
/* Changes of the shard that came with it are to be stored. */
bool pursuit_takes(const struct pursuit *p, uint32_t owner, enum pursuit_line line, uint32_t shard);
/* What came is stored, as far as it could be. `more`: there is more already. */
void pursuit_taken(struct pursuit *p, uint32_t owner, enum pursuit_line line, bool more);

/* The connection is lost, or the owner couldn't be asked (`is_away`), or it couldn't answer. */
void pursuit_lost(struct pursuit *p, uint32_t owner, enum pursuit_line line, bool is_away, int64_t now_ms);

#endif
