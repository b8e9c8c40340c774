/* Check: holds what subscribers got against what was committed, note by note. Pure: no store, no network, no
 * clock; it knows nothing of how the feed works, only what it promises:
 *
 *     what is given was committed, as it is, in the history that the subscriber stands in;
 *     nothing is given twice behind a cursor, or out of its order; nothing that passes the filter is left
 * out; a refusal comes when it is due, and the one that is due; a cursor is never ahead of what was given; a
 * snapshot's rows were there; it and the changes behind it come to what the store has. */
#ifndef GARNER_SIM_FEED_CHECK_H
#define GARNER_SIM_FEED_CHECK_H

#include "tests/sim/feed/truth.h"

/* What a subscriber has of a shard, made by the contract's rules. */
struct view_shard {
    const struct entry *at; /* behind it; null: before the first one */
    bool whole;             /* it is all of the shard, not only what came since */
    struct rows rows;
    /* Of a snapshot. */
    bool owed;              /* the whole state was asked for, and isn't given yet: then nothing else is */
    enum follow_why taking; /* 0: none is under way */
    struct rows staged;
    uint64_t complete[16]; /* collections */
    uint32_t complete_count;
    unsigned told; /* refusals since the last snapshot: bits 1 << enum refusal_kind */
};

struct view {
    struct view_shard *shards, *stored; /* with the last cursor */
    bool has_stored, asked_state, stored_asked_state;
    const struct filter *filter;
};

struct check {
    struct truth truth;
    struct view *views;
    uint32_t view_count;
    struct rows expected, found; /* found: of the store */
    struct arena scratch;
    char failure[512]; /* "": everything is fine */
    uint64_t given, rows;
};

void check_open(struct check *c, uint32_t shards, uint32_t subscribers);
void check_close(struct check *c);

/* False: something is wrong, and `failure` says what. */
bool check_note(struct check *c, const struct note *note);

/* --- the parts --- */

bool check_fail(struct check *c, const struct note *note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct view_shard *check_view(struct check *c, const struct note *note);

bool check_answer(struct check *c, const struct note *note);   /* ACCEPTED, REFUSED */
bool check_snapshot(struct check *c, const struct note *note); /* SNAPSHOT … SNAPSHOT_END */
bool check_end(struct check *c, const struct note *note);      /* STORE_ROW, STORE_END, FINISHED */

#endif
