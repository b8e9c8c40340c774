/* What is watched over: collections that are harvested again and again. Internal to worker/run. */
#ifndef GARNER_WATCHED_H
#define GARNER_WATCHED_H

#include "proto/record.h"
#include "worker/provider/provider.h"
#include "worker/schedule/schedule.h"

struct account;
struct offspring;
struct place;
struct run;
struct task;

/* A collection that is harvested again and again: there may be a million, so it is small. */
struct watched {
    struct schedule_entry entry;
    struct watched *next, *previous; /* of its account's */
    struct account *account;
    struct place *place;
    const struct collection_def *def;
    struct offspring *offspring; /* of a parent, once it was listed: whose children are watched; else null */
    int64_t good_ms;             /* when its last harvest that went well began; INT64_MIN: none yet */
    uint32_t parent, row;        /* of its parent's collection and row; 0: it has none */
    uint32_t id;                 /* its collection's in the store; 0: not known yet */
    uint32_t told;               /* what was last told of it, as a hash; 0: nothing, or that it is well */
    uint32_t rows;               /* live ones, as its record says; likewise: */
    bool is_unreachable, is_held, is_quarantined;
    bool is_unsound; /* its last listing was complete, and isn't sound by a fault of its own */
    bool is_gone;    /* under way, and to be forgotten when that has ended */
};

/* watched.c: what is harvested again and again, and when */
struct watched *watched_add(struct account *a, const struct collection_def *def, struct place *place,
                            uint32_t parent, uint32_t row);  /* not scheduled yet */
void watched_schedule(struct watched *w, int64_t period_ms); /* OUT before */
void watched_begin(struct watched *w);  /* schedule it, once its account and its place are ready */
void watched_remove(struct watched *w); /* now, or when it isn't under way any more */
void watched_remove_all(struct account *a);
bool watched_start_next(struct account *a);
void watched_ended(struct task *task, bool well); /* its harvest is over */
void watched_now(struct account *a);              /* what is unreachable and waits is due */
void watched_resolved(struct account *a);         /* its credentials are there, or failed */
void watched_regions(struct account *a);          /* they were set, perhaps once more */
void watched_remember(struct watched *w, const struct collection_record *record);

/* offspring.c: children of what is watched */
void offspring_update(struct watched *parent); /* watch the children that are not watched yet */
void offspring_note(struct watched *parent, const struct watched *child); /* this one is */
void offspring_forget(struct watched *parent);
bool offspring_is_due(const struct task *task);  /* what it listed may have children that are not watched */
void offspring_end_orphans(struct task *parent); /* children under way whose parent it deleted */

/* load.c: what the shards of a thread know of its accounts that haven't begun */
void load_watched(struct run *run);
void load_gained(struct run *run, uint32_t number); /* one that is new here knows, of all its accounts */
void load_unwatch(struct watched *w);               /* it is in the store, and not watched any more */

#endif
