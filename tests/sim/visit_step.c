/* Steps of a harvest, as a worker drives it, and its end. */
#include "tests/sim/visit_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/continual.h"
#include "tests/sim/lie.h"

static void send(struct visit *v)
{
    struct world *w = v->place->world;
    int64_t at_ms;
    limiter_ask(w->limiter, &v->ticket);
    while (limiter_next(w->limiter, w->now_ms, &at_ms) != &v->ticket) {
        CHECK(at_ms > w->now_ms && at_ms < INT64_MAX);
        w->now_ms = at_ms;
    }
    visit_answer(v);
    limiter_heard(w->limiter, &v->ticket, &v->job.harvest.exchange.heard, w->now_ms);
    limiter_done(w->limiter, &v->ticket);
}

static void renew(struct visit *v)
{
    struct world *w = v->place->world;
    struct auth_session *session = &w->sessions[place_account(v->place)];
    const struct auth_def *auth = &v->job.harvest.def->auth;
    struct arena arena = {0};
    struct error e;
    if (!w->quiet && w->plan.faults && one_in(&w->random, 3)) {
        w->tally->faults[FAULT_RENEWAL]++;
        error_set(&e, ERR_LOGIN, "sim: the login failed");
        auth_failed(session, &e, w->now_ms);
    } else {
        char token[32];
        snprintf(token, sizeof token, "T%u", w->tokens[place_account(v->place)]);
        struct value body = value_object(&arena, 1);
        value_put(&body, BYTES("token"), value_string(bytes_of(token)));
        struct answer answer = {.status = 200, .delimited = true, .url = "http://sim/login"};
        CHECK(!auth_renewed(session, auth, &answer, &body, w->now_ms, &e));
    }
    arena_close(&arena);
    world_note(w, "%s: the login %s", place_text(v->place), session->error.code ? "fails" : "is renewed");
    v->want = job_due(&v->job, w->now_ms, world_wall(w));
}

static void note_past(struct visit *v)
{
    struct place *place = v->place;
    if (v->harvest >= place->past_count) {
        uint64_t count = v->harvest + 16;
        place->pasts = mem_resize(place->pasts, count * sizeof *place->pasts);
        memset(place->pasts + place->past_count, 0, (count - place->past_count) * sizeof *place->pasts);
        place->past_count = count;
    }
    place->pasts[v->harvest] = (struct past){
        .seen = place->shown_once,
        .tainted = visit_taint(v),
        .listed_ms = v->listed_ms,
        .ended_ms = world_wall(place->world),
    };
}

static void end(struct visit *v)
{
    struct world *w = v->place->world;
    const struct job_outcome *o = &v->job.outcome;
    v->ended = true;
    continual_heard(v);
    v->complete = o->complete;
    v->sound = o->sound;
    v->harvest = v->job.listing.receipt.id.harvest;
    v->error = o->error;
    if (o->error.code == ERR_STOPPED) /* or whoever was to renew the login that it waited for */
        v->stopped = true;
    v->unmodified = o->unmodified;
    w->tally->unmodified += o->unmodified;
    w->tally->complete += o->complete;
    w->tally->sound += o->sound;
    if (v->complete)
        visit_make_sure(v);
    if (!v->unmodified) /* or else it has no receipt of its own */
        note_past(v);
    world_note(w, "%s: harvest %" PRIu64 " ends: %s%s%s", place_text(v->place), v->harvest,
               !o->complete    ? "failed: "
               : o->unmodified ? "unmodified"
               : o->sound      ? "sound"
                               : "unsound: ",
               !o->complete ? o->error.text
               : o->sound   ? ""
                            : v->job.listing.unsound,
               v->taint ? " (tainted)" : "");
}

void visit_see_end(struct visit *v)
{
    if (v->want == JOB_DONE)
        end(v);
    else if (v->want == JOB_STORE_FAILED)
        world_fault(v->place->world, "the store failed: %s", v->job.store_error.text);
}

void visit_step(struct visit *v)
{
    struct world *w = v->place->world;
    lie_step(v);
    switch (v->want) {
    case JOB_SEND:
        send(v);
        break;
    case JOB_WAIT:
        if (job_at_ms(&v->job) > w->now_ms)
            w->now_ms = job_at_ms(&v->job);
        v->want = job_due(&v->job, w->now_ms, world_wall(w));
        break;
    case JOB_WAIT_SESSION:
        v->want = job_due(&v->job, w->now_ms, world_wall(w));
        break;
    case JOB_RENEW:
        renew(v);
        break;
    case JOB_DONE:
    case JOB_STORE_FAILED:
        break;
    }
    visit_see_end(v);
    if (w->plan.has_children && !v->place->above && job_dropped(&v->job))
        visit_end_orphans(v);
}
