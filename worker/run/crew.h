/* The crew: what the threads of a run share. Not for others than worker/run. */
#ifndef GARNER_RUN_CREW_H
#define GARNER_RUN_CREW_H

#include <pthread.h>

#include "worker/run/directory.h"
#include "worker/run/lease.h"
#include "worker/run/limits.h"
#include "worker/run/roster.h"
#include "worker/run/run.h"

struct account;
struct known_provider;
struct order;
struct shard;
struct run;

/* What others ask of the threads (control.h), one thing at a time. */
struct order;
struct control {
    pthread_mutex_t asking; /* held by whoever asks */
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t ended;
    struct order *order; /* null: none is asked for, or it was taken */
    bool *left;          /* by thread: it takes none any more */
};

/* What was told of an account: each of these once, whoever of its threads finds it. */
enum told { TOLD_FAILED = 1 << 0, TOLD_REGIONS = 1 << 1, TOLD_SKEW = 1 << 2 };

/* What the threads of an account share of it: made when the first one opens it, and kept. */
struct account_notes {
    struct account_notes *same_slot;
    char *name;           /* provider/id */
    uint32_t splits;      /* as it was opened with; fixed */
    unsigned told;        /* enum told */
    struct account *home; /* as the thread of its account scope has it; null: that hasn't opened it */
};

enum { NOTES_SLOTS = 4096 };

/* What any thread may see of a shard. */
struct shown_shard {
    _Atomic uint8_t thread;   /* a worker's: the number of the one whose it is, and 1; 0: it isn't owned */
    _Atomic uint32_t load;    /* milliseconds a minute, at least 1; 0: not reckoned yet, or it isn't owned */
    _Atomic int64_t since_ms; /* that its time is taken */
    _Atomic uint64_t aside;   /* crew_set_aside */
};

/* What the threads of a run share. Read-only while they work, or each thread's own entry, or under a mutex.
 */
struct crew {
    const struct run_setting *set;
    struct roster roster;
    struct limits limits;
    struct run **runs;         /* by thread */
    struct shard **shards;     /* by number; opened by their owner */
    struct shown_shard *shown; /* likewise */
    struct control control;
    struct lease lease;
    pthread_mutex_t changing;         /* held while the configuration or the shards are changed; of: */
    struct directory directory;       /* a worker's: its accounts */
    struct known_provider *providers; /* adopt.c; under: */
    /* Under `telling`, as are calls of the setting's functions: */
    pthread_mutex_t telling;
    bool abandoned;               /* not all threads could be started: none is to begin */
    struct account_notes **notes; /* by a hash of its name: NOTES_SLOTS */
    int64_t shown_ms;
};

void crew_progress(struct run *run); /* note how far this thread is, and now and then tell how far all are */
bool crew_tell_first(const struct account *a, enum told what); /* true the first time */
void crew_tell_again(const struct account *a,
                     enum told what); /* what was told is over: the next time counts */
uint32_t crew_splits(struct crew *crew, struct bytes provider, struct bytes id); /* 0: it was never open */
void crew_keep_splits(const struct account *a);
void crew_keep_home(struct account *a); /* if it is at home here, until: */
void crew_leave_home(struct account *a);
struct account_notes *crew_notes(struct crew *crew, struct bytes provider, struct bytes id);

/* --- control.c --- */

void control_open(struct crew *crew);
void control_close(struct crew *crew);
/* Deal out shards that are nobody's; not while orders are given. */
void control_deal(struct crew *crew, const struct config *config);
void control_give(struct crew *crew, uint32_t shard); /* a worker's: to some thread, unless it is one's … */
void control_take(struct crew *crew, uint32_t shard); /* … and from it */
void control_wake(const struct crew *crew, uint32_t thread);
void control_serve(struct run *run); /* do what is asked of this thread, if anything is */
void control_leave(struct run *run); /* it will do nothing any more */

/* --- own.c: which shards are a thread's own. For the thread itself --- */

void own_know(struct crew *crew, const struct config *config); /* of a worker; `changing` is held */
/* What is set aside, and is reached by the accounts of a configuration that comes, is set aside no more. All
 * are tried; the first error. Not on a thread of the run; `changing` is held. */
int own_reached(struct crew *crew, const struct config *config, struct error *e);
bool own_has(const struct run *run, uint32_t shard);
bool own_has_region(const struct run *run, const struct config_account *account, struct bytes region);
bool own_has_account(const struct run *run, const struct config_account *account); /* any shard of it */

/* --- adopt.c: another configuration (adopt.h), and the provider files of this one --- */

void adopt_first(struct crew *crew); /* those that the run began with, which stay the caller's */
void adopt_last(struct crew *crew);  /* no account is there any more */
const struct provider *adopt_provider(struct crew *crew, const char *name); /* for an account, until: */
void adopt_provider_done(struct crew *crew, const struct provider *provider);
void adopt_leave(struct account *a); /* nothing waits for it any more, in no list: adopt_finish closes it */
void adopt_finish(struct run *run);  /* close what has left and has nothing under way any more */
void adopt_close(struct run *run);

#endif
