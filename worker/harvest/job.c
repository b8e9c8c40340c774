#include "worker/harvest/job.h"

#include <string.h>

int job_open(struct job *job, const struct job_setting *s, int64_t wall_ms, struct error *e)
{
    memset(job, 0, offsetof(struct job, outcome.error));
    error_none(&job->outcome.error);
    error_none(&job->outcome.fault);
    harvest_open(&job->harvest, s->def, s->values, s->session, s->retry, &job->listing.forecast);
    job->harvest.known = &job->listing.known;
    job->harvest.known_size = &job->listing.record.page_size;
    return listing_open(&job->listing, s->store, s->def, &s->key, s->values, s->parent, wall_ms, e);
}

void job_close(struct job *job)
{
    harvest_close(&job->harvest);
    listing_close(&job->listing);
    arena_close(&job->arena);
}

bool job_want_of(enum harvest_want harvest, enum job_want *want)
{
    switch (harvest) {
    case HARVEST_SEND:
        *want = JOB_SEND;
        return true;
    case HARVEST_WAIT:
        *want = JOB_WAIT;
        return true;
    case HARVEST_RENEW:
        *want = JOB_RENEW;
        return true;
    case HARVEST_WAIT_SESSION:
        *want = JOB_WAIT_SESSION;
        return true;
    default:
        return false;
    }
}

static enum job_want store_failed(struct job *job, const struct error *e)
{
    if (e != &job->store_error)
        job->store_error = *e;
    job->outcome.error = *e;
    return JOB_STORE_FAILED;
}

static enum job_want done(struct job *job)
{
    const struct listing *l = &job->listing;
    struct job_outcome *o = &job->outcome;
    o->complete = l->receipt.complete;
    o->sound = l->receipt.sound;
    o->unmodified = l->unmodified;
    o->faults += l->faults;
    if (l->faults) {
        o->fault = l->fault;
        o->page = o->complete ? l->fault_page : o->page;
        o->is_shown = l->is_shown;
        o->shown = l->shown;
    }
    bool is_own = o->complete && !o->sound && !l->inherited && strcmp(l->unsound, l->fault.text) != 0;
    o->unsound = is_own ? l->unsound : NULL;
    o->held = l->held;
    o->created = l->receipt.created;
    o->updated = l->receipt.updated;
    o->deleted = l->receipt.deleted + l->children_deleted;
    o->unchanged = l->receipt.unchanged;
    o->tier1 = l->receipt.tier1;
    o->tier2 = l->receipt.tier2;
    o->kept = l->record.rows;
    return JOB_DONE;
}

static void fill_receipt(struct job *job)
{
    struct receipt *receipt = &job->listing.receipt;
    job->listing.size_failed = job->harvest.size_failed;
    job->listing.size_smaller = job->harvest.size_smaller;
    receipt->requests = job->requests;
    receipt->bytes = job->bytes;
    receipt->duplicate_keys = job->harvest.duplicate_keys + job->listing.winnow.notes.duplicate_keys;
}

static enum job_want fail(struct job *job, const struct error *why, int64_t wall_ms)
{
    struct error e;
    job->outcome.error = *why;
    job->outcome.page = harvest_page(&job->harvest);
    fill_receipt(job);
    if (listing_fail(&job->listing, &job->outcome.error, wall_ms, &e))
        return store_failed(job, &e);
    return done(job);
}

static enum job_want follow(struct job *job, enum harvest_want want, int64_t now_ms, int64_t wall_ms);

/* What came of asking for a candidate. */
static int note_asked(struct job *job, enum harvest_want want, struct error *e)
{
    if (want == HARVEST_UNSURE && job->outcome.faults++ == 0) {
        job->outcome.fault = job->harvest.error;
        error_at(&job->outcome.fault, "asking whether '%.*s' is gone", BYTES_ARG(job->harvest.asked.id));
    }
    return listing_asked(&job->listing, job->asked, want == HARVEST_GONE, want == HARVEST_THERE, e);
}

static int begin_asking(struct job *job, struct resource_view *view, struct error *e)
{
    struct listing *l = &job->listing;
    job->asked = roaring_bitmap_minimum(l->ask);
    roaring_bitmap_remove(l->ask, job->asked);
    arena_reset(&job->arena);
    return listing_candidate(l, job->asked, &job->arena, view, &job->document, e);
}

static enum job_want finish(struct job *job, int64_t wall_ms)
{
    struct error e;
    fill_receipt(job);
    return listing_finish(&job->listing, wall_ms, &e) ? store_failed(job, &e) : done(job);
}

/* Ask for one candidate after the other, then end. */
static enum job_want ask_all(struct job *job, int64_t now_ms, int64_t wall_ms)
{
    struct listing *l = &job->listing;
    struct error e;
    while (!rows_are_none(l->ask)) {
        struct resource_view view;
        if (begin_asking(job, &view, &e))
            return store_failed(job, &e);
        enum harvest_want want = harvest_get(&job->harvest, &view, now_ms);
        if (want != HARVEST_UNSURE) /* it is on its way */
            return follow(job, want, now_ms, wall_ms);
        if (note_asked(job, want, &e))
            return store_failed(job, &e);
    }
    return finish(job, wall_ms);
}

static enum job_want take(struct job *job, int64_t now_ms, int64_t wall_ms)
{
    struct harvest *h = &job->harvest;
    struct page_seen seen;
    struct error e;
    bool reread;
    if (job->listing.receipt.pages == 0)
        harvest_validators(h, &job->listing.arena, &job->listing.fresh);
    int code = listing_take(&job->listing, &h->page, wall_ms, &seen, &reread, &e);
    if (!code && reread) {
        if (harvest_reread(h, &e))
            return follow(job, harvest_refused(h, &e), now_ms, wall_ms);
        code = listing_take(&job->listing, &h->page, wall_ms, &seen, &reread, &e);
    }
    if (code == ERR_DEGRADED)
        return follow(job, harvest_refused(h, &e), now_ms, wall_ms);
    if (code)
        return store_failed(job, &e);
    return follow(job, harvest_taken(h, &seen, now_ms), now_ms, wall_ms);
}

static enum job_want settle(struct job *job, int64_t now_ms, int64_t wall_ms)
{
    struct error e;
    if (!job->harvest.sound)
        listing_unsound(&job->listing, job->harvest.why);
    if (listing_settle(&job->listing, wall_ms, &e))
        return store_failed(job, &e);
    job->settled = true;
    return ask_all(job, now_ms, wall_ms);
}

static enum job_want leave(struct job *job, int64_t wall_ms)
{
    struct error e;
    return listing_unmodified(&job->listing, wall_ms, &e) ? store_failed(job, &e) : done(job);
}

static enum job_want follow(struct job *job, enum harvest_want want, int64_t now_ms, int64_t wall_ms)
{
    enum job_want on_its_way;
    if (job_want_of(want, &on_its_way))
        return on_its_way;
    switch (want) {
    case HARVEST_PAGE:
        return take(job, now_ms, wall_ms);
    case HARVEST_UNMODIFIED:
        return leave(job, wall_ms);
    case HARVEST_LISTED:
        return settle(job, now_ms, wall_ms);
    case HARVEST_GONE:
    case HARVEST_THERE:
    case HARVEST_UNSURE:
        return note_asked(job, want, &job->store_error) ? store_failed(job, &job->store_error)
                                                        : ask_all(job, now_ms, wall_ms);
    default:
        return fail(job, &job->harvest.error, wall_ms);
    }
}

enum job_want job_start(struct job *job, int64_t now_ms, int64_t wall_ms)
{
    return follow(job, harvest_start(&job->harvest, now_ms), now_ms, wall_ms);
}

enum job_want job_due(struct job *job, int64_t now_ms, int64_t wall_ms)
{
    return follow(job, harvest_due(&job->harvest, now_ms), now_ms, wall_ms);
}

enum job_want job_answered(struct job *job, const struct answer *answer, int64_t now_ms, int64_t wall_ms)
{
    if (answer->status != 304)
        listing_begin(&job->listing);
    return follow(job, harvest_answered(&job->harvest, answer, now_ms, wall_ms), now_ms, wall_ms);
}

enum job_want job_broke(struct job *job, const struct error *error, int64_t now_ms, int64_t wall_ms)
{
    return follow(job, harvest_broke(&job->harvest, error, now_ms), now_ms, wall_ms);
}

/* A settled listing has noted what it missed under its number, as a sound one: so it is one, though not all
 * that it missed was asked for. */
enum job_want job_stop(struct job *job, const struct error *why, int64_t wall_ms)
{
    if (!job->settled)
        return fail(job, why, wall_ms);
    if (job->outcome.faults++ == 0) {
        job->outcome.fault = *why;
        error_at(&job->outcome.fault, "asking whether what it missed is gone");
    }
    return finish(job, wall_ms);
}

bool job_dropped(const struct job *job)
{
    return job->listing.receipt.deleted || job->listing.voided;
}

void job_count(struct job *job, uint64_t requests, uint64_t bytes)
{
    job->requests += requests;
    job->bytes += bytes;
}

const struct request *job_request(struct job *job, int64_t wall_ms)
{
    return harvest_request(&job->harvest, wall_ms);
}

int64_t job_at_ms(const struct job *job)
{
    return harvest_at_ms(&job->harvest);
}
