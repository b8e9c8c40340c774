/* Accounts: what a thread has of an account of the configuration. Not for others than worker/run. */
#ifndef GARNER_RUN_ACCOUNT_H
#define GARNER_RUN_ACCOUNT_H

#include "worker/fetch/breaker.h"
#include "worker/fetch/budget.h"
#include "worker/fetch/retry.h"
#include "worker/provider/provider.h"
#include "worker/provider/template.h"
#include "worker/run/place.h"
#include "worker/schedule/schedule.h"

struct run;
struct task;
struct watched;
struct brood;
struct session;
struct fetch_timer;

/* A credential whose command is running. */
struct secret {
    struct account *account;
    const struct credential *credential;
};

struct account {
    struct account *next, *previous; /* of its run's; the next one of those that leave */
    struct account *same_slot;       /* of those by name */
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
    struct arena names;         /* of these, where they were asked for */
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
    struct account *next_queued, *previous_queued;
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

struct account *account_open(struct run *run,
                             const struct config_account *config); /* the caller's to begin */
void account_begin(struct account *a);      /* resolve its credentials, and go on from there */
void account_resolved(struct account *a);   /* its credentials are there, or its error is set */
void account_close(struct account *a);      /* nothing of it is under way; frees it */
bool account_start_next(struct account *a); /* start its next task; false: nothing to start now */
void account_set_regions(struct account *a, const char *const *names, bool certain);
void account_set_last_regions(struct account *a); /* those that the thread's shards know: not certain */
/* Its names are in an arena, which is taken over. */
void account_take_regions(struct account *a, struct arena *arena, const char *const *names, bool certain);
void account_gained(struct account *a); /* it has begun, and another shard of it is this thread's … */
void account_lost(struct account *a);   /* … or is it no more */
void account_heard(struct task *task, const struct error *failed,
                   bool rejected);             /* its harvest ended; null: well */
void account_lost_probe(struct account *a);    /* the breaker's probe came to nothing: another one is to go */
void account_take_out(struct account *a);      /* of the run's accounts: it leaves */
bool account_is_home(const struct account *a); /* is its account scope this thread's? */
struct account *account_find(const struct run *run, struct bytes provider, struct bytes id); /* or null */

/* --- credentials.c --- */

void credentials_resolve(struct account *a); /* ends in account_resolved, now or later */
void credentials_one_done(struct account *a, const struct error *failed); /* of those that take time */
void credentials_wipe(struct account *a);

#endif
