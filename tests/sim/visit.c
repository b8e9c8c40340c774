#include "tests/sim/visit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "tests/sim/lie.h"
#include "tests/sim/show.h"
#include "tests/sim/walk.h"

/* --- begin and end --- */

/* What a child needs of its parent, from the store. False: the parent isn't there any more. */
static bool read_parent(struct visit *v)
{
    struct world *w = v->place->world;
    struct collection_record record;
    struct document stored;
    struct error e;
    char unused[32], id[32];
    struct collection_key key = place_key(v->place->above, unused);
    uint32_t row;
    if (store_read(w->store, &e))
        return world_fault(w, "%s", e.text);
    int code = store_collection_find(w->store, &key, &v->arena, &record, &e);
    if (!code)
        code = store_row_find(w->store, record.id, bytes_of(thing_id(v->place->number, id)), &row, &e);
    if (!code)
        code = store_document(w->store, record.id, row, &stored, &e);
    if (!code)
        code = value_from_msgpack(&v->arena, arena_copy(&v->arena, stored.packed), &v->parent_document, &e);
    store_done(w->store);
    if (code)
        return code == ERR_NOT_FOUND ? false : world_fault(w, "%s", e.text);
    v->parent_view = (struct resource_view){.id = arena_copy(&v->arena, bytes_of(id)),
                                            .document = &v->parent_document};
    v->parent = (struct listing_parent){record.id, row, {0}};
    if (record.sound_harvest && record.sound_harvest + 1 == record.next_harvest)
        v->parent.receipt = (struct receipt_id){store_shard(w->store), record.id, record.sound_harvest};
    v->parent_sound = v->parent.receipt.harvest != 0;
    return true;
}

static struct visit *free_slot(struct world *w)
{
    for (unsigned i = 0; i < VISITS_MAX; i++)
        if (!w->visits[i].open)
            return &w->visits[i];
    return NULL;
}

static bool open_job(struct visit *v)
{
    static struct value nothing = {.type = VALUE_OBJECT};
    struct place *place = v->place;
    struct world *w = place->world;
    struct error e;
    char parent[32];
    const struct collection_def *def =
        lie_definition(w, provider_find(w->provider, place->above ? "part" : "thing"));
    v->values = (struct placeholders){
        .account_id = bytes_of(account_name(place_account(place))),
        .account_keys = &nothing,
        .credentials = &nothing,
        .vars = &nothing,
        .parent = place->above ? &v->parent_view : NULL,
    };
    struct job_setting setting = {
        .def = def,
        .key = place_key(place, parent),
        .values = &v->values,
        .parent = place->above ? &v->parent : NULL,
        .session = &w->sessions[place_account(place)],
        .retry = &w->retry,
        .store = w->store,
    };
    if (job_open(&v->job, &setting, world_wall(w), &e))
        return world_fault(w, "%s", e.text);
    return true;
}

static const char *place_text(const struct place *place)
{
    static char text[64];
    snprintf(text, sizeof text, place->above ? "%s/r%03u" : "%s", account_name(place_account(place)),
             place->number);
    return text;
}

/* --- what it was shown --- */

/* Would this page change what nearly all of its items had? */
static bool is_degraded(const struct visit *v, const struct shown *page)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < page->count; i++) {
        uint8_t before = v->place->mirror[page->items[i].thing];
        lost += page->items[i].version >= VERSIONS && before < VERSIONS;
    }
    return v->place->world->plan.requires && lost * 100 > page->count * LIMIT_DEGRADED_PERCENT;
}

static void note_item(struct visit *v, const struct item *item)
{
    if (item->kind == ITEM_NO_ID || item->kind == ITEM_LONG_ID)
        v->taint = "an item's id couldn't be read";
    if (item->kind != ITEM_WHOLE) {
        bits_add(&v->odd, item->thing);
        return;
    }
    bits_add(&v->place->shown_once, item->thing);
    bits_add(&v->pending, item->thing);
    if (v->first[item->thing] == VERSION_NONE)
        v->first[item->thing] = item->version;
    else if (v->first[item->thing] != item->version)
        v->taint = "two items had one id and different content";
}

/* The page was taken, or may have been. */
static void note_page(struct visit *v, const struct shown *page)
{
    v->pending = (struct bits){{0}};
    v->last_count = 0;
    for (unsigned i = 0; i < page->count; i++) {
        note_item(v, &page->items[i]);
        if (page->items[i].kind == ITEM_WHOLE)
            v->last_page[v->last_count++] = page->items[i].thing;
    }
    v->items += page->count;
    v->total = page->total;
    v->pages++;
    v->at_end = page->is_last;
}

static void make_sure(struct visit *v)
{
    v->sure = bits_both(&v->sure, &v->pending);
    v->pending = (struct bits){{0}};
}

/* A 2xx with a page was handed on. Whether it was taken shows in what is wanted next: to wait is to ask for
 * it again. */
static void after_page(struct visit *v, const struct shown *page, bool degraded)
{
    if (v->want == JOB_WAIT)
        return;
    if (degraded) {
        v->must_fail = true;
        return;
    }
    note_page(v, page);
    walk_shown(v);
    if (v->want != JOB_DONE)
        make_sure(v);
}

/* --- asking and answering --- */

static bool has_parent(const struct place *place)
{
    return !place->above || place->above->truth.things[place->number].lives;
}

static void answer_one(struct visit *v, const struct asked *asked, struct reply *reply)
{
    bool lives = asked->place->truth.things[asked->thing].lives;
    (void)v;
    reply_open(reply, lives ? 200 : 404);
    buffer_add_text(reply->body, lives ? "{}" : "");
}

static void answer_honestly(struct visit *v, const struct asked *asked, const struct shown *page,
                            struct reply *reply)
{
    if (!asked->is_authorized) {
        reply_open(reply, 401);
    } else if (asked->kind == ASKED_ONE) {
        answer_one(v, asked, reply);
    } else if (page->expired) {
        reply_open(reply, 400);
        buffer_add_text(reply->body, "{\"code\":\"TokenExpired\"}");
    } else if (!has_parent(asked->place)) {
        reply_open(reply, 404);
        buffer_add_text(reply->body, v->place->world->plan.xml ? "<r><code>NoSuchThing</code></r>"
                                                               : "{\"code\":\"NoSuchThing\"}");
        reply_header(reply, "Content-Type", "%s",
                     v->place->world->plan.xml ? "text/xml" : "application/json");
        reply->bears_page = v->place->world->plan.absent; /* one without items */
    } else {
        reply_page(v, asked, page, reply);
    }
}

static void deliver(struct visit *v, const struct request *request, struct reply *reply)
{
    struct world *w = v->place->world;
    job_count(&v->job, 1, reply->body->len);
    reply->answer.url = request->url;
    reply->answer.body = buffer_bytes(reply->body);
    v->want = reply->broken.code ? job_broke(&v->job, &reply->broken, w->now_ms, world_wall(w))
                                 : job_answered(&v->job, &reply->answer, w->now_ms, world_wall(w));
}

static void note_answer(struct visit *v, const struct asked *asked, enum fault fault,
                        const struct shown *page, const struct reply *reply)
{
    struct world *w = v->place->world;
    char text[400] = "";
    if (!w->diary)
        return;
    for (unsigned i = 0; reply->bears_page && i < page->count && strlen(text) < 360; i++)
        snprintf(text + strlen(text), 24, " %u=%u%s", page->items[i].thing, page->items[i].version,
                 page->items[i].kind == ITEM_WHOLE ? "" : "?");
    world_note(w, "%s: asked %s%s%s -> %d%s%s%s%s%s%s", place_text(v->place),
               asked->kind == ASKED_ONE ? "one " : "page ", asked->has_position ? asked->position : "first",
               "", reply->broken.code ? 0 : reply->answer.status, fault ? ", fault: " : "",
               fault ? fault_name(fault) : "", reply->bears_page ? ", shows" : "", text,
               reply->bears_page && page->is_last ? ", the last" : "", w->quiet ? " (quiet)" : "");
}

static void answer(struct visit *v)
{
    struct world *w = v->place->world;
    static struct reply reply;
    static struct shown page;
    struct asked asked;
    const struct request *request = job_request(&v->job, world_wall(w));
    w->tally->requests++;
    if (!asked_read(w, request, &asked) || asked.place != v->place) {
        world_fault(w, "%s was asked for, which isn't there", request->url);
        return;
    }
    page = (struct shown){.is_last = true};
    bool listing = asked.kind == ASKED_LISTING;
    if (listing) {
        walk_ask(v, &asked);
        show_page(asked.place, &asked, &page);
    }
    bool fair = asked.is_authorized && !page.expired && has_parent(asked.place);
    if (!fair)
        page = (struct shown){.is_last = true, .expired = page.expired};
    enum fault fault = fair ? fault_choose(v, &asked, &page) : FAULT_NONE;
    w->tally->faults[fault]++;
    snprintf(v->position, sizeof v->position, "%s", asked.position);
    fault_spoil_page(v, fault, &asked, &page);
    answer_honestly(v, &asked, &page, &reply);
    fault_spoil_reply(v, fault, &asked, &reply);
    note_answer(v, &asked, fault, &page, &reply);
    v->lied = v->lied || fault == FAULT_EMPTY_LIE || fault == FAULT_ABSENT_LIE || fault == FAULT_SHORT_LIE;
    bool there = !listing && reply.answer.status == 200 && !reply.broken.code;
    if (there)
        bits_add(&v->refuted, asked.thing);
    bool degraded = reply.bears_page && is_degraded(v, &page);
    if (reply.answer.status == 404) /* absent: it speaks of no total */
        page.total = v->items;
    lie_reply(v, &asked, &page, &reply);
    deliver(v, request, &reply);
    if (listing && reply.bears_page)
        after_page(v, &page, degraded);
}

/* --- steps --- */

static void send(struct visit *v)
{
    struct world *w = v->place->world;
    int64_t at_ms;
    limiter_ask(w->limiter, &v->ticket);
    while (limiter_next(w->limiter, w->now_ms, &at_ms) != &v->ticket) {
        CHECK(at_ms > w->now_ms && at_ms < INT64_MAX);
        w->now_ms = at_ms;
    }
    answer(v);
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

const char *visit_taint(const struct visit *v)
{
    const struct plan *plan = &v->place->world->plan;
    if (v->taint)
        return v->taint;
    if (v->place->above && !v->parent_sound)
        return "its parent's listing wasn't";
    if (plan->has_total && v->pages && v->total != v->items)
        return "the total was another";
    return v->at_end ? NULL : "its end wasn't shown";
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
        .ended_ms = world_wall(place->world),
    };
}

static void end(struct visit *v)
{
    struct world *w = v->place->world;
    const struct job_outcome *o = &v->job.outcome;
    v->ended = true;
    v->complete = o->complete;
    v->sound = o->sound;
    v->harvest = v->job.listing.receipt.id.harvest;
    v->error = o->error;
    w->tally->complete += o->complete;
    w->tally->sound += o->sound;
    if (v->complete)
        make_sure(v);
    note_past(v);
    world_note(w, "%s: harvest %" PRIu64 " ends: %s%s%s", place_text(v->place), v->harvest,
               !o->complete ? "failed: "
               : o->sound   ? "sound"
                            : "unsound: ",
               !o->complete ? o->error.text
               : o->sound   ? ""
                            : v->job.listing.unsound,
               v->taint ? " (tainted)" : "");
}

static void see_end(struct visit *v)
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
    see_end(v);
}

/* Whoever was to renew the login and won't must say so. */
static void give_up_renewal(struct visit *v)
{
    struct world *w = v->place->world;
    struct error why;
    if (v->want != JOB_RENEW)
        return;
    error_set(&why, ERR_STOPPED, "told to stop");
    auth_failed(&w->sessions[place_account(v->place)], &why, w->now_ms);
}

void visit_stop(struct visit *v)
{
    struct world *w = v->place->world;
    struct error why;
    error_set(&why, ERR_STOPPED, "told to stop");
    give_up_renewal(v);
    v->stopped = true;
    v->want = job_stop(&v->job, &why, world_wall(w));
    w->tally->faults[FAULT_STOP]++;
    world_note(w, "%s: is told to stop", place_text(v->place));
    see_end(v);
}

void visit_close(struct visit *v)
{
    struct world *w = v->place->world;
    give_up_renewal(v);
    limiter_cancel(w->limiter, &v->ticket);
    job_close(&v->job);
    arena_close(&v->arena);
    v->place->visit = NULL;
    v->open = false;
}

bool visit_open(struct world *w, struct place *place)
{
    struct visit *v = free_slot(w);
    if (!v || w->failed)
        return false;
    memset(v, 0, offsetof(struct visit, job));
    v->place = place;
    memset(&v->ticket, 0, sizeof *v - offsetof(struct visit, ticket));
    memset(v->first, VERSION_NONE, sizeof v->first);
    if (place->above && !read_parent(v)) {
        arena_close(&v->arena);
        return !w->failed;
    }
    if (!open_job(v)) {
        arena_close(&v->arena);
        return false;
    }
    walk_open(v);
    v->open = true;
    v->before = place->there;
    v->ticket.context = v;
    v->ticket.first = w->bucket;
    place->visit = v;
    w->harvests++;
    w->tally->harvests++;
    world_note(w, "%s: harvest begins", place_text(place));
    v->want = job_start(&v->job, w->now_ms, world_wall(w));
    see_end(v);
    return true;
}
