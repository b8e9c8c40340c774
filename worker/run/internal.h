/* What the files of worker/run share: the crew, its runs, their accounts, shards and tasks. Not for others.
 *
 *   account --has--> regions, sessions, broods --make--> tasks --write to--> shards --commit
 *
 * All of that belongs to one thread, whose `struct run` leads to it. What threads share is in `struct crew`.
 *
 * A task is one job (a collection's harvest) or one region discovery. It belongs to a shard until
 * what it wrote is committed. A job is large, so a task has none before its first request may go. Tasks are
 * freed between two turns of the loop only, so that whoever holds one in a callback may go on holding it.
 *
 * Whatever fetch calls back begins with run_tick: what is done then has one time. */
#ifndef GARNER_RUN_INTERNAL_H
#define GARNER_RUN_INTERNAL_H

#include <pthread.h>

#include "worker/aws/chain.h"
#include "worker/fetch/breaker.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/limiter.h"
#include "worker/harvest/job.h"
#include "worker/run/control.h"
#include "worker/run/health.h"
#include "worker/run/roster.h"
#include "worker/run/run.h"
#include "worker/run/watched.h"

enum {
    RUN_PROGRESS_MS = 500,
    RUN_SPARE_TASKS = 64,
    RUN_SPARE_JOBS = 64,
    RUN_ACCOUNT_SLOTS = 4096,
    RUN_REGIONS_MS = 3600000,        /* regions are asked for again */
    RUN_CREDENTIALS_FIRST_MS = 30000 /* … and credentials that failed; then twice as long, five times */
};

struct crew;
struct run;
struct account;

/* One that waits in some list. */
struct task_list {
    struct task *first, *last;
};

/* Where collections stand: a region of an account, or the account as a whole. What all of them there share.
 */
struct place {
    struct place *next;      /* of its account's, but for the whole */
    struct place *same_slot; /* of these by name */
    const char *region;      /* null: the account as a whole */
    struct shard *shard;     /* null until it is asked for; as is: */
    struct bucket *bucket;   /* of the provider's limits */
    bool is_listed;          /* among the account's regions, as far as they are known, and this thread's */
};

/* A harvest that is over, committed but for the commit, and will have nothing to tell: what it takes to say
 * that it failed after all. */
struct ended {
    struct ended *next;
    struct account *account;
    const struct collection_def *def;
    const struct place *place;
    struct bytes parent; /* of its key */
};

struct shard {
    struct shard *next; /* of its run's */
    struct run *run;
    uint32_t number;
    struct store *store;
    struct task_list tasks; /* under way, or done and not committed yet */
    struct ended *ended;    /* not committed yet either; in: */
    struct arena endings;
    uint32_t ended_count;      /* of these */
    struct run_totals sums;    /* of these, to be added to the run's */
    uint64_t told;             /* the last seq that was given to `committed` */
    struct fetch_timer *timer; /* of the next commit */
    int64_t timer_at_ms;
    bool has_changes;        /* gathered, not receipts only */
    bool failing;            /* inside shard_fail */
    bool commit_failed;      /* the last one did */
    int64_t failure_told_ms; /* steady time; 0: never */
    bool is_failure_told;    /* since the last commit */
};

/* A chain of parents, as placeholders need it; in an arena of its own, shared by reference count. */
struct lineage {
    unsigned references;
    struct arena arena;
    struct lineage *above;
    struct resource_view view;
    struct value document;
};

/* The children to be harvested of one listed collection. */
struct brood {
    struct brood *next;
    const struct collection_def *parent_def;
    uint32_t def_index; /* of the next child collection_def to look at, in the provider */
    uint32_t next_row;  /* of the parent's rows, for that def */
    struct shard *shard;
    uint32_t collection; /* the parent's */
    struct receipt_id receipt;
    struct place *place; /* theirs, and the parent's */
    struct lineage *above;
};

struct session {
    struct account *account;
    const struct auth_def *def; /* the first one seen of its index */
    struct auth_session session;
    struct exchange exchange; /* of the login */
    struct collection_def login_def;
    struct aws_chain *chain;    /* of kind aws_sigv4 */
    struct session *next_chain; /* behind it in the run's queue */
    bool is_due;                /* its turn is to go on, not to begin */
    int64_t told_skew_ms;       /* that was warned of */
    bool awaited;               /* by its account, which can't begin without it */
    struct fetch_timer *timer;
    struct task_list waiting;
};

/* A credential whose command is running. */
struct secret {
    struct account *account;
    const struct credential *credential;
};

struct account {
    struct account *next;      /* of its run's */
    struct account *same_slot; /* of those by name */
    struct run *run;
    const struct config_account *config;
    struct account_notes *notes;
    const struct provider *provider;
    struct arena arena;
    struct value credentials, vars;
    struct secret *secrets;     /* as many as the account has credentials */
    uint32_t resolving;         /* of these, commands that are running */
    struct placeholders values; /* without region and parent */
    struct session *sessions;   /* provider->auth_count */
    struct error error;         /* it can't be harvested at all; code ERR_OK when it can */
    const char *const *regions; /* ended by null; null while they are being asked for */
    struct place **own;         /* of these, those whose shards are this thread's; likewise */
    uint32_t own_count;         /* of these */
    struct place whole;         /* beside them */
    struct place *places;       /* of all regions that were ever heard of */
    struct place **place_slots; /* these by name; as many as a power of 2, or none yet */
    uint32_t place_slot_count, place_count;
    bool limited_as_one; /* its provider's limits have the same key in all places */
    bool regions_asked;
    struct task *discovery; /* under way */
    bool regions_certain;   /* not the last known ones after a failed discovery */
    uint32_t limited;       /* of its tasks, those that wait for their limits */
    uint32_t active;        /* its tasks */
    uint32_t tasks;         /* these, and those that are dead and not freed yet */
    struct account *next_queued;
    bool queued;
    struct retry patience;  /* with all its requests, logins aside */
    struct budget budget;   /* for them; a run of once has none */
    struct breaker breaker; /* fed with all harvests that end; a run of once doesn't ask it */

    /* Once: where the iteration over root collections stands, and the children of what was listed. */
    int priority;
    uint32_t def_index, region_index;
    struct brood *broods;

    /* Again and again. */
    struct schedule schedule;
    struct watched *watched, *watched_last;
    uint64_t watched_count;
    struct watched *regions_watched; /* the discovery of regions; null: they are not asked for */
    struct heap_node sleeping;       /* until something of it is due */
    struct fetch_timer *retry;       /* of credentials that couldn't be resolved */
    unsigned retries;
    bool is_resolved; /* its credentials are there, or failed */
    bool is_leaving;  /* it isn't in the configuration any more, or not as it was */
    bool is_gone;     /* it isn't there any more */
    bool is_adopted;  /* after the run's start: what failed before is due at once */
    bool has_begun;   /* what the shards know of it was read, and its credentials were asked for */
};

enum task_kind { TASK_COLLECTION, TASK_REGIONS };
enum task_state { TASK_NEW, TASK_LIMITED, TASK_SENT, TASK_TIMER, TASK_SESSION, TASK_DONE, TASK_DEAD };

struct discovery {
    struct harvest harvest;
    struct winnow winnow;
    struct arena arena;
    const char **names;
    uint32_t count;
    struct error error;
};

struct task {
    struct task *next, *previous; /* in its shard's tasks */
    struct task *next_waiting;    /* in a session's waiting, among those let go, or among the dead */
    struct run *run;
    struct account *account;
    struct place *place;
    struct shard *shard; /* null for a discovery */
    enum task_kind kind;
    enum task_state state;
    const struct collection_def *def;
    struct arena arena;
    struct placeholders values;
    struct lineage *lineage;
    struct listing_parent parent; /* with a lineage */
    struct watched *watched;      /* what it harvests; null: once, and not again */
    bool is_void;                 /* what it wrote was lost */
    struct limiter_ticket ticket;
    struct session *session; /* it waits for */
    struct fetch_timer *timer;
    bool in_flight;     /* a request of it is under way: don't free it */
    bool owes;          /* its request has ended, and the limits don't know yet: */
    struct heard heard; /* this is what became of it */
    bool is_probe;      /* its account's breaker waits for it */
    bool is_refused;    /* its account's breaker is open: nothing is asked */
    struct job *job;    /* of a collection, once it has begun */
    struct discovery *discovery;
};

/* A thread of a run, and all that is its own. */
struct run {
    struct crew *crew;
    uint32_t thread; /* its number */
    pthread_t id;    /* but of the first one: that is the caller's */
    const struct run_setting *set;
    struct fetch *fetch;
    int64_t now_ms, wall_ms; /* when fetch last called back, or the loop's turn began */
    struct fetch_timer *limits_timer;
    int64_t limits_at_ms;
    bool unpumped; /* something was given back to the limits, and may let others go */
    bool pumping;
    struct task_list let_go; /* taken from the inbox, and not sent yet */
    struct retry retry;
    struct account *accounts, *accounts_last;
    struct account *slots[RUN_ACCOUNT_SLOTS]; /* by a hash of their names */
    struct account *leaving; /* none of the above any more: to be closed when nothing is under way */
    struct account *queue, *queue_last; /* those that may have something to start */
    struct heap sleeping;               /* accounts of which nothing is due yet, by when something is */
    struct fetch_timer *due_timer;      /* for the first of them */
    int64_t due_at_ms;
    struct shard *shards; /* those that it has open */
    uint64_t active;      /* tasks not dead */
    uint64_t resolving;   /* commands that give credentials */
    struct {
        unsigned under_way;
        struct session *first, *last; /* that wait for their turn */
        bool turning;
    } chains;           /* of session_aws.c */
    uint64_t done;      /* of these, done and not committed yet */
    uint64_t gathering; /* shards that have gathered changes */
    struct task *dead;  /* to be buried; linked by next_waiting */
    /* Memory for the next ones: what was used last is taken first. */
    struct task *spare_tasks[RUN_SPARE_TASKS];
    struct job *spare_jobs[RUN_SPARE_JOBS];
    uint32_t spare_task_count, spare_job_count;
    bool stopping;
    struct health health;
    struct run_totals totals;
    struct run_totals shown; /* a copy of them, under crew->telling */
    uint64_t shown_active;   /* likewise */
};

/* What others ask of the threads (control.h), one thing at a time. */
struct order;
struct control {
    pthread_mutex_t asking; /* held by whoever asks */
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t ended;
    struct order *order; /* null: none is asked for, or it was taken */
    bool *left;          /* by thread: it takes none any more */
};

/* What was let go for a thread, by whichever thread. */
struct inbox {
    struct task_list let_go;
    int wake; /* an eventfd; -1 where nobody else has anything to say */
    bool left;
};

/* One for all threads. All of it is under `lock`. */
struct limits {
    pthread_mutex_t lock;
    struct limiter *limiter;
    struct inbox *inboxes; /* by thread */
    uint32_t threads;
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

/* What the threads of a run share. Read-only while they work, or each thread's own entry, or under a mutex.
 */
struct crew {
    const struct run_setting *set;
    struct roster roster;
    struct limits limits;
    struct run **runs;     /* by thread */
    struct shard **shards; /* by number; opened by their owner */
    struct control control;
    struct known_provider *providers; /* adopt.c; under: */
    /* Under `telling`, as are calls of the setting's functions: */
    pthread_mutex_t telling;
    bool abandoned;               /* not all threads could be started: none is to begin */
    struct account_notes **notes; /* by a hash of its name: NOTES_SLOTS */
    int64_t shown_ms;
};

/* crew.c */
void crew_progress(struct run *run); /* note how far this thread is, and now and then tell how far all are */
bool crew_tell_first(const struct account *a, enum told what); /* true the first time */
void crew_tell_again(const struct account *a,
                     enum told what); /* what was told is over: the next time counts */
uint32_t crew_splits(struct crew *crew, struct bytes provider, struct bytes id); /* 0: it was never open */
void crew_keep_splits(const struct account *a);
struct account_notes *crew_notes(struct crew *crew, struct bytes provider, struct bytes id);

/* control.c */
void control_open(struct crew *crew);
void control_close(struct crew *crew);
/* Deal out shards that are nobody's; not while orders are given. */
void control_deal(struct crew *crew, const struct config *config);
void control_serve(struct run *run); /* do what is asked of this thread, if anything is */
void control_leave(struct run *run); /* it will do nothing any more */

/* run.c */
int run_open(struct run **out, struct crew *crew, uint32_t thread, struct error *e);
void run_harvest(struct run *run);                /* on its thread, until all is done or stopped */
void run_close(struct run *run);                  /* when all threads have ended; null is fine */
void run_queue(struct account *a);                /* it may have something to start */
void run_sleep(struct account *a, int64_t at_ms); /* it has not, until then */
void run_tick(struct run *run);                   /* read the clocks */
bool run_is_once(const struct run *run);
void run_commit_all(struct run *run);
void run_begin_accounts(struct run *run); /* those that were opened since the last time */
void run_stop_account(struct account *a, const struct error *why); /* end what it has under way */

/* limits.c: may be called by any thread for what is its own */
int limits_open(struct limits *limits, uint32_t threads, bool wakes,
                struct error *e);                  /* wakes: by eventfds */
void limits_close(struct limits *limits);          /* safe twice */
int limits_join(struct run *run, struct error *e); /* its fetch is open: let it be woken */
void limits_leave(struct run *run);                /* it asks for nothing any more */
struct bucket *limits_bucket(struct run *run, struct bytes key, const struct limits_def *def);
void limits_edited(
    struct limits *limits);            /* provider files were: buckets take what they are next asked for */
void limits_ask(struct task *task);    /* pays what it owes; ends in task_send, now or later */
void limits_cancel(struct task *task); /* that asked, and was not sent */
void limits_heard(struct task *task, const struct heard *heard); /* for when it pays what it owes */
void limits_done(struct task *task);    /* what let it go is given back; limits_pump is to follow */
void limits_pass_on(struct task *task); /* both */
void limits_pump(struct run *run);      /* send what may go */
/* How all buckets are doing, under the mutex: `see` must be quick, and not call limits. Any thread. */
void limits_each(struct limits *limits, int64_t now_ms,
                 void (*see)(void *context, const struct bucket_view *view), void *context);

/* account.c */
struct account *account_open(struct run *run,
                             const struct config_account *config); /* the caller's to begin */
void account_begin(struct account *a);      /* resolve its credentials, and go on from there */
void account_resolved(struct account *a);   /* its credentials are there, or its error is set */
void account_close(struct account *a);      /* nothing of it is under way; frees it */
bool account_start_next(struct account *a); /* start its next task; false: nothing to start now */
void account_set_regions(struct account *a, const char *const *names, bool certain);
void account_heard(struct task *task, const struct error *failed,
                   bool rejected);             /* its harvest ended; null: well */
void account_lost_probe(struct account *a);    /* the breaker's probe came to nothing: another one is to go */
void account_take_out(struct account *a);      /* of the run's accounts: it leaves */
bool account_is_home(const struct account *a); /* is its account scope this thread's? */
struct account *account_find(const struct run *run, struct bytes provider, struct bytes id); /* or null */

/* place.c */
struct place *account_place(struct account *a,
                            struct bytes region); /* made when it is new; of no region: the whole */
struct collection_key place_key(const struct account *a, const struct place *place,
                                const struct collection_def *def, struct bytes parent);
int place_shard(struct account *a, struct place *place, struct shard **out, struct error *e); /* opens it */
/* The buckets of its next request. */
void place_limits(struct task *task);

/* credentials.c */
void credentials_resolve(struct account *a); /* ends in account_resolved, now or later */
void credentials_one_done(struct account *a, const struct error *failed); /* of those that take time */
void credentials_wipe(struct account *a);

/* session.c */
void session_renew(struct session *s); /* begin; tasks wait with session_wait */
void session_ended(struct session *s); /* one way or the other: those that wait go on */
void session_failed(struct session *s, struct error *e);
void session_wait(struct session *s, struct task *task);
void session_forget(struct session *s, struct task *task); /* it waits no more */
void session_close(struct session *s);

/* session_aws.c */
bool session_begin_aws(struct account *a); /* as a part of its credentials; false: it needs none */
void session_renew_aws(struct session *s);
void session_close_aws(struct session *s);
void session_tell_skew(struct session *s); /* warn, once, of clocks that differ */

/* discovery.c */
void discovery_begin(struct account *a);
enum job_want discovery_follow(struct task *task, enum harvest_want want);
void discovery_ended(struct task *task);

/* What a collection's harvest begins with. */
struct start {
    const struct collection_def *def;
    struct place *place;
    struct lineage *lineage; /* of a child, else null; taken over */
    struct listing_parent parent;
    struct watched *watched; /* null: once, and not again */
    bool is_probe;           /* its account's breaker waits for it */
    bool is_refused;         /* the breaker is open: it ends at once, and says why */
};

/* task.c */
struct task *task_new(struct account *a, enum task_kind kind, const struct collection_def *def);
void task_start(struct account *a, const struct start *start);
void task_follow(struct task *task, enum job_want want);
void task_due(struct task *task);
void task_end(struct task *task); /* it is over: dead, to be buried */
void task_stop(struct task *task, const struct error *why);
void task_send(struct task *task); /* the limits let it go: begin, if it hasn't, and send */
void task_free(struct task *task);

/* lineage.c */
struct lineage *lineage_new(struct lineage *above);
void lineage_release(struct lineage *lineage);                         /* null is fine */
void lineage_path(const struct lineage *lineage, struct buffer *path); /* the `parent` of a collection_key */
int lineage_fill(struct lineage *lineage, const struct document *document, struct error *e);
/* That of a stored resource, with all above it. In a transaction. ERR_NOT_FOUND: one of them isn't there. */
int lineage_read(struct store *store, uint32_t collection, uint32_t row, struct lineage **out,
                 struct error *e);

/* brood.c: children, once */
bool brood_has(const struct collection_def *def); /* does any collection have it as parent? */
void brood_begin(struct task *task);
bool brood_start_next(struct account *a);
void brood_close_all(struct account *a);
/* The next collection that has `parent` as its parent, from `*index` on; null when there is none. */
const struct collection_def *brood_next_def(const struct collection_def *parent, uint32_t *index);

/* adopt.c: another configuration (adopt.h), and the provider files of this one */
void adopt_first(struct crew *crew); /* those that the run began with, which stay the caller's */
void adopt_last(struct crew *crew);  /* no account is there any more */
const struct provider *adopt_provider(struct crew *crew, const char *name); /* for an account, until: */
void adopt_provider_done(struct crew *crew, const struct provider *provider);
void adopt_finish(struct run *run); /* close what has left and has nothing under way any more */
void adopt_close(struct run *run);

/* shard.c */
int shard_open(struct run *run, uint32_t number, struct shard **out, struct error *e);
void shard_add(struct shard *shard, struct task *task);
void shard_drop(struct shard *shard, struct task *task);
void shard_job_done(struct shard *shard, struct task *task); /* may end the task, or commit */
void shard_after_write(struct shard *shard, bool soon);      /* commit when enough has gathered, or soon */
int shard_commit(struct shard *shard); /* 0, or the error's code: who is concerned has been told */
void shard_fail(struct shard *shard, const struct error *error);

/* watch.c */
int watch_check(struct crew *crew, struct error *e); /* before threads start: `splits` is what it was */
/* The same for the collections of a shard of the calling thread and the accounts of any roster. */
int watch_check_shard(struct folder *folder, const struct roster *roster, uint32_t number, struct error *e);
int watch_mark(struct crew *crew, struct error *e);  /* when all have ended: what isn't watched any more */
const char *const *watch_regions(struct account *a); /* the last known ones of its thread, in a's arena */
/* These collections of an open shard are not watched any more: write it, and say so. */
int watch_end(struct shard *shard, const roaring_bitmap_t *collections, struct error *e);

/* report.c */
void report_outcome(struct task *task, const struct job_outcome *outcome);
bool report_is_due(const struct task *task); /* will report_outcome have anything to say of its job? */
void report_count(struct run_totals *totals, const struct job_outcome *outcome);
void report_add(struct run_totals *totals, const struct run_totals *more);
/* `what` failed (null: all of it), `so` …: what became of it. */
void report_account(struct account *a, const struct error *error, const char *what, const char *so);
void report_shard(struct shard *shard, const struct error *error);
void report_shard_failure(struct shard *shard,
                          const struct error *error); /* a run that goes on: what was gathered is void */
void report_shard_well(struct shard *shard);          /* … and now commits succeed again */
void report_number(struct run *run, uint32_t shard, const struct error *error); /* one that can't be opened */
void report_failure(struct account *a, const struct collection_key *key, const struct error *error);
void report_count_failure(struct run_totals *totals, const struct error *error);

#endif
