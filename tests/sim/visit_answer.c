/* One request and its answer: honest first, then spoilt. */
#include "tests/sim/visit_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/lie.h"
#include "tests/sim/show.h"
#include "tests/sim/validate.h"
#include "tests/sim/walk.h"

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
    } else if (v->unchanged) {
        reply_open(reply, 304);
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

void visit_answer(struct visit *v)
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
    v->unchanged = fair && listing && validate_is_unchanged(&asked, &page);
    v->behind = v->unchanged && validate_is_behind(v->place);
    enum fault fault = fair ? fault_choose(v, &asked, &page) : FAULT_NONE;
    if (v->unchanged && fault >= FAULT_CUT) /* there is no body to spoil */
        fault = FAULT_NONE;
    v->spoilt = v->spoilt || fault >= FAULT_EMPTY_LIE;
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
    bool degraded = reply.bears_page && visit_is_degraded(v, &page);
    if (reply.answer.status == 404) /* absent: it speaks of no total */
        page.total = v->items;
    lie_reply(v, &asked, &page, &reply);
    deliver(v, request, &reply);
    if (listing && reply.bears_page)
        visit_after_page(v, &page, degraded);
}
