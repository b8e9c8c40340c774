/* World: one provider, one store, and what the sim knows of both. A world lives for some dozens of harvests;
 * all that happens in it follows from its seed.
 *
 *   world --has--> places (collections) --harvested by--> visits
 *
 * A place holds the truth, and a mirror: what the feed has told of it so far. A visit is one harvest as the
 * provider saw it: what it was shown, and what must therefore come of it. */
#ifndef GARNER_SIM_WORLD_H
#define GARNER_SIM_WORLD_H

#include "tests/sim/fault.h"
#include "tests/sim/plan.h"
#include "tests/sim/tally.h"
#include "tests/sim/truth.h"
#include "worker/fetch/breaker.h"
#include "worker/fetch/budget.h"
#include "worker/fetch/limiter.h"
#include "worker/harvest/job.h"
#include "worker/schedule/schedule.h"

struct world;

/* The wall clock when the steady one stands at 0. */
#define SIM_WALL_MS INT64_C(1700000000000)

enum { ACCOUNTS_MAX = 3, VISITS_MAX = 3, ACCOUNT_NONE = ACCOUNTS_MAX };

/* A harvest that left a receipt. */
struct past {
    struct bits seen;            /* by its walk */
    bool tainted;                /* it can't have been sound */
    int64_t listed_ms, ended_ms; /* by the wall clock: its last page, its receipt */
};

/* A walk as it stood when a page was asked for, or was to be: what a harvest that goes on from there begins
 * with (walk.c). */
struct mark {
    char position[80]; /* "": nobody asked for it yet */
    int64_t began_ms;  /* the listing's, by which its checkpoint is known */
    uint64_t harvest;
    tick from;
    struct bits shown;
    uint64_t items;
    uint8_t first[THINGS];
    const char *taint;
};

/* One collection. */
struct place {
    struct world *world;
    struct place *above; /* null at the root */
    unsigned number;     /* the account's, or which thing of `above` it belongs to */
    struct truth truth;
    struct place *parts[THINGS]; /* of a root: made when first asked for */
    struct visit *visit;         /* under way, or not committed yet */
    /* The provider's side. */
    struct bits shown_once; /* in the present walk: from page 1 on, through how many harvests it may take */
    tick walk_from;
    struct mark *marks; /* of the walks that a checkpoint may lead back into */
    unsigned mark_count, mark_kept, mark_cap;
    uint8_t snapshot[THINGS],
        snapshot_versions[THINGS]; /* of the present walk, where positions are numbers */
    unsigned snapshot_count;
    bool went_well;              /* its last harvest, if that is committed */
    struct schedule_entry entry; /* in a stretch of its account's schedule (continual.h) */
    int64_t tokens_from_ms;      /* older ones have expired */
    int64_t modified_ms;         /* by the provider's clock */
    uint64_t edition;            /* counts what it noticed */
    bool lied;                   /* and no sound listing saw the truth since */
    /* What the feed said. */
    uint8_t mirror[THINGS]; /* versions */
    struct bits there;      /* of these, those that are there */
    uint32_t collection;    /* 0: not seen yet */
    bool listed, unreachable, held, quarantined;
    struct bits last_seen; /* by the last sound listing */
    struct past *pasts;    /* by harvest number */
    uint64_t past_count;
    int64_t confirmed_ms; /* the operator's, not used yet; 0: none */
    bool spoilt;          /* a page of the last sound listing */
    bool deleted_now;     /* of a child: its parent's delete is in this commit */
};

/* What a run that goes on has for each account. */
struct regime {
    struct schedule schedule;
    struct breaker breaker;
    struct budget budget;
    struct retry retry;
};

struct visit {
    bool open, ended; /* `ended`: the job is done, and waits for its commit */
    struct place *place;
    struct job job;
    struct limiter_ticket ticket;
    struct placeholders values;
    struct arena arena; /* of the parent's document */
    struct resource_view parent_view;
    struct value parent_document;
    struct listing_parent parent;
    bool parent_sound; /* what `parent` is was */
    enum job_want want;
    /* What it was shown. */
    uint8_t first[THINGS]; /* the version that came first in this harvest; VERSION_NONE */
    struct bits sure;      /* on pages that were gone on from */
    struct bits pending;   /* on the page that came last */
    struct bits odd;       /* items that can't be taken, or may not */
    struct bits refused;   /* of these, those whose id can be read */
    struct bits clashed;   /* came with two contents */
    unsigned nameless;     /* and how many can't */
    struct bits refuted;   /* `get` said that it is there */
    struct bits told;      /* the feed has a change of it */
    struct bits before;    /* what the mirror had when it began */
    uint64_t items, total;
    unsigned pages;
    char position[64]; /* that was asked for last */
    uint8_t last_page[THINGS];
    unsigned last_count;
    bool is_probe, is_refused; /* of its account's breaker, or by it */
    bool resumed, at_end, must_fail, started, lied;
    bool spoilt;            /* a page wasn't what the provider has */
    bool unchanged, behind; /* it was told that nothing has changed; and that was not so */
    const char *taint;      /* why it can't be sound; null while it can */
    enum fault sticky;
    unsigned sticky_times;
    /* What came of it. */
    bool complete, sound, stopped, unmodified;
    bool orphaned;     /* its collection went with its parent, in the same commit */
    int64_t listed_ms; /* its last page, by the wall clock: what it missed was judged then */
    uint64_t harvest;  /* its receipt's number */
    struct error error;
};

struct world {
    uint64_t seed, number;
    struct random random, compacting; /* the latter for itself, so that it changes nothing else */
    struct replay *replay;            /* of the feed so far (check_end.c); null: none yet */
    struct plan plan;
    struct provider *provider;
    struct limiter *limiter;
    struct bucket *bucket;
    struct retry retry;
    struct store *store;
    char folder[64], file[96];
    int lie; /* enum lie */
    int64_t now_ms, skew_ms;
    tick tick;
    bool is_continual; /* harvests begin as the schedules say */
    bool restarted;    /* the worker crashed, and its regimes are to be made anew */
    struct regime regimes[ACCOUNTS_MAX];
    enum fault outage; /* of the whole provider … */
    int64_t outage_until_ms;
    bool quiet; /* nothing changes, nothing goes wrong */
    struct place *roots[ACCOUNTS_MAX];
    struct auth_session sessions[ACCOUNTS_MAX];
    unsigned tokens[ACCOUNTS_MAX]; /* the login token that is good */
    struct visit visits[VISITS_MAX];
    uint64_t told; /* the last seq that was looked at */
    uint64_t harvests;
    uint64_t nonce;
    struct tally *tally;
    struct buffer *diary; /* null: none is kept */
    bool failed;
    char failure[1024];
};

static inline int64_t world_wall(const struct world *w)
{
    return SIM_WALL_MS + w->now_ms + w->skew_ms;
}

/* Open a world with its store; false: it couldn't be (said on stderr). `style` as of plan_make. */
bool world_open(struct world *w, uint64_t seed, uint64_t number, unsigned style, enum fault_level level,
                struct tally *tally);
void world_close(struct world *w);
bool world_open_store(struct world *w);

/* The children of a root's thing. */
struct place *world_part(struct place *root, unsigned thing);

/* Its texts: account, and of a child the parent's id. */
const char *account_name(unsigned account);
struct collection_key place_key(const struct place *place, char parent[32]);
struct place *place_of_key(struct world *w, const struct collection_key *key); /* null: there is none */
unsigned place_account(const struct place *place);
const char *place_text(const struct place *place); /* for reports; valid until the next call */

/* Is the mirror what the provider has, and nothing open? */
bool place_is_equal(const struct place *place);

/* Let things happen, as the plan says. */
void world_change(struct world *w);

/* Write into the diary. */
void world_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The sim has found something wrong: the first one counts. Returns false. */
bool world_fault(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
