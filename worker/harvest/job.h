/* Job: one collection harvested once, from its first request to its receipt. Joins the harvest (what to ask)
 * with the listing (what the answers change); the caller sends, waits and commits.
 *
 * A job's writes are in its store's open transaction. JOB_DONE means that all is written; it is true only
 * once the caller has committed. */
#ifndef GARNER_JOB_H
#define GARNER_JOB_H

#include "worker/harvest/harvest.h"
#include "worker/harvest/listing.h"

struct job_setting {
    const struct collection_def *def;
    struct collection_key key;           /* copied */
    const struct placeholders *values;   /* must outlive the job, with all it points to */
    const struct listing_parent *parent; /* null in account and region scope */
    struct auth_session *session;
    struct retry *retry;
    struct store *store;
};

enum job_want {
    JOB_SEND,         /* send job_request, then job_answered or job_broke */
    JOB_WAIT,         /* job_due at job_at_ms */
    JOB_RENEW,        /* renew the session, then job_due */
    JOB_WAIT_SESSION, /* job_due when the session's renewal has ended */
    JOB_DONE,         /* `outcome` */
    JOB_STORE_FAILED, /* `store_error`: the transaction must be aborted */
};

/* What a harvest wants while it is on its way: HARVEST_SEND, _WAIT, _RENEW or _WAIT_SESSION. False for all
 * that means more to its owner. */
bool job_want_of(enum harvest_want harvest, enum job_want *want);

struct job_outcome {
    bool complete, sound;
    bool unmodified; /* and so it was, by what the provider says: nothing was listed (tier 0) */
    uint64_t page;   /* that the error or first fault came on; 0: none */
    uint64_t faults; /* wrong items and unanswered `get`s; the first one is `fault` */
    bool is_shown;   /* what `fault` is about is in quarantine, as: */
    struct digest shown;
    const char *unsound; /* why it is complete and not sound by its own fault, unless `fault` says it; or null
                          */
    uint64_t held;       /* rows that the guard holds back */
    uint64_t created, updated, deleted, unchanged; /* deleted: with the children that went along */
    uint64_t tier1, tier2;                         /* of the unchanged, as in a receipt */
    uint64_t kept;                                 /* live rows now */
    /* Large, and so is what follows them in `struct job`: each is begun for itself. */
    struct error error; /* why it is not complete; code ERR_OK when it is */
    struct error fault;
};

struct job {
    struct arena arena; /* of the candidate that is asked for */
    uint32_t asked;     /* its row */
    bool settled;       /* every page came, and what is missing was noted */
    struct value document;
    uint64_t requests, bytes; /* for the receipt: job_count adds to them */
    struct job_outcome outcome;
    struct error store_error;
    struct harvest harvest;
    struct listing listing;
};

/* 0, or a store error. */
int job_open(struct job *job, const struct job_setting *setting, int64_t wall_ms, struct error *e);
void job_close(struct job *job); /* safe twice, and on one that is all zero */

enum job_want job_start(struct job *job, int64_t now_ms, int64_t wall_ms);
enum job_want job_due(struct job *job, int64_t now_ms, int64_t wall_ms);
enum job_want job_answered(struct job *job, const struct answer *answer, int64_t now_ms, int64_t wall_ms);
enum job_want job_broke(struct job *job, const struct error *error, int64_t now_ms, int64_t wall_ms);

/* End a job that was not done: its receipt says why. If every page had come, the listing is complete; what
 * wasn't asked for by then stays. */
enum job_want job_stop(struct job *job, const struct error *why, int64_t wall_ms);

/* Did it delete resources, or forget all? Then what was below them is gone, too. */
bool job_dropped(const struct job *job);

void job_count(struct job *job, uint64_t requests, uint64_t bytes);
const struct request *job_request(struct job *job, int64_t wall_ms); /* right before sending */
int64_t job_at_ms(const struct job *job);

#endif
