/* Status: how a run, or a data folder, is doing: as a plain struct, as a message, and as JSON. */
#ifndef GARNER_PROTO_STATUS_H
#define GARNER_PROTO_STATUS_H

#include "proto/filter.h"

/* When a collection is harvested next. */
enum status_state { STATE_WAITING, STATE_DUE, STATE_UNDER_WAY, STATE_COUNT };

/* What can be wrong with a collection; worst first. */
#define TROUBLES(X)                                                                                          \
    X(UNREACHABLE, "unreachable") /* its last harvest failed */                                              \
    X(FAILING, "failing")         /* its last listing was complete, and isn't sound by a fault of its own */ \
    X(HELD, "held")               /* the guard holds deletions back */                                       \
    X(QUARANTINED, "quarantined") /* items that couldn't be digested */                                      \
    X(STALE, "stale")             /* nothing of that, and yet older than STATUS_LATE_PERIODS periods */

enum trouble {
#define X(name, text) TROUBLE_##name,
    TROUBLES(X)
#undef X
        TROUBLE_COUNT
};

const char *status_state_name(enum status_state state); /* "under_way", … */
const char *trouble_name(enum trouble trouble);

struct status_trouble {
    struct collection_key key;
    enum trouble kind;
    int64_t since_ms;  /* 0: not known */
    enum err error;    /* of UNREACHABLE */
    const char *cause; /* null: there is nothing more to say */
    int64_t next_ms;   /* when it is harvested next; 0: not known */
    uint64_t count;    /* of HELD: deletions; of QUARANTINED: items; else 0 */
};

/* Append what to do about it, in a few words. */
void trouble_advice(const struct status_trouble *trouble, struct buffer *out);

enum {
    STATUS_LATE_PERIODS = 3,
    STATUS_TIERS = 5,
    STATUS_PRIORITIES = 4, /* high, normal, low, and of those whose provider file we don't have */
    STATUS_AGE_BOUNDS = 11
};

extern const double status_age_bounds[STATUS_AGE_BOUNDS]; /* seconds */
const char *status_priority_name(int priority);           /* "high", …, "unknown" */

/* How old what we know is: the time since a collection's last harvest that went well. */
struct status_age {
    uint64_t collections; /* that are watched */
    uint64_t never;       /* of these, that no harvest went well of yet; the rest is of the others */
    uint64_t late;        /* older than STATUS_LATE_PERIODS periods */
    int64_t oldest_ms, oldest_period_ms;
    int64_t p99_ms; /* 99 of 100 aren't older; up to a sixteenth too much */
    int64_t sum_ms;
    uint64_t counts[STATUS_AGE_BOUNDS + 1]; /* as of a metrics_histogram */
};

/* What was done: since a run began, or by each collection's last harvest in a folder. */
#define STATUS_WORK(X)                                                                                       \
    X(sound)                                                                                                 \
    X(unsound)                                                                                               \
    X(failed_all)                                                                                            \
    X(unmodified)                                                                                            \
    X(items) X(created) X(updated) X(deleted) X(requests) X(bytes) X(retries) X(throttled) X(commits)

struct status_work {
#define X(name) uint64_t name;
    STATUS_WORK(X)
#undef X
    uint64_t tiers[STATUS_TIERS]; /* items */
    uint64_t failed[ERR_COUNT];   /* harvests, of `failed_all`, by code */
};

struct status {
    int64_t time_ms;
    int64_t started_ms; /* of a run; 0: a folder */
    bool scheduled;     /* states, and when collections are harvested next, are known */
    uint64_t collections, unwatched,
        resources; /* unwatched ones aren't among the first, nor are what they hold */
    uint64_t states[STATE_COUNT];
    uint64_t troubled[TROUBLE_COUNT]; /* a collection may count in several */
    struct status_age ages[STATUS_PRIORITIES];
    struct status_work work;
    bool lacks_parts;  /* not all of it is harvested, or could be asked: it isn't well. Not packed */
    bool is_partial;   /* of some accounts only: `work` and the window, which are of all, aren't told */
    int64_t window_ms; /* of a run: lately; 0: not known */
    uint64_t window_requests, window_throttled;
    uint64_t accounts, accounts_failed, breakers_open; /* accounts 0: not known */
    const struct status_trouble *troubles;             /* worst first */
    uint32_t trouble_count;
    uint64_t left_out; /* troubles beyond them */
};

/* For which collections a running Garner is asked; none, and a null `data`, stand for any. */
struct status_request {
    struct filter_list accounts; /* as "provider/id", or the id alone */
    struct bytes type;
};

void status_request_pack(const struct status_request *request, struct buffer *out);
/* Texts live in the arena. 0 or ERR_BODY: it is none. */
int status_request_unpack(struct arena *arena, struct bytes packed, struct status_request *out,
                          struct error *e);

/* Put the status of one more worker into that of all, which begins as all zero: `to` is of the collections of
 * both. What can't be told of both together is the worst (the 99th percentile of ages) or the most (accounts,
 * and failed ones, which each worker counts by itself). Its texts are copied into the arena. */
void status_merge(struct arena *arena, struct status *to, const struct status *from);

/* Nothing is wrong. */
bool status_is_well(const struct status *status);

void status_pack(const struct status *status, struct buffer *out);
/* Its troubles live in the arena. 0 or ERR_CORRUPT. */
int status_unpack(struct arena *arena, struct bytes packed, struct status *out, struct error *e);

/* Append one object (docs/cli.md), without a newline. */
void status_to_json(const struct status *status, struct buffer *out);

#endif
