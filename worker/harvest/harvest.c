/* Paging says where to go on, the exchange gets each answer, and this walks from one to the next. An
 * answer's bytes are valid only during harvest_answered, so the caller takes the page before it returns
 * to its loop; the next request is then made from what paging kept. */
#include "worker/harvest/harvest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sm.h"
#include "worker/provider/page_size.h"

enum { IDLE, ASKING, TAKING, LISTED, CONFIRMING, FAILED, STATES };

static const struct sm_state states[STATES] = {
    [IDLE] = {"idle", SM_TO(ASKING) | SM_TO(FAILED)},
    [ASKING] = {"asking", SM_TO(TAKING) | SM_TO(LISTED) | SM_TO(FAILED)},
    [TAKING] = {"taking", SM_TO(ASKING) | SM_TO(LISTED) | SM_TO(FAILED)},
    [LISTED] = {"listed", SM_TO(CONFIRMING)},
    [CONFIRMING] = {"confirming", SM_TO(LISTED)},
    [FAILED] = {"failed", 0},
};

static void open_paging(struct harvest *h, const struct request_parts *parts)
{
    paging_open(&h->paging, h->def, &parts->origin);
    paging_resize(&h->paging, page_size_first(&h->def->page, h->known_size));
}

/* Go on from the checkpoint, if it fits. */
static void resume(struct harvest *h, const struct request_parts *parts)
{
    const struct checkpoint *from = h->from;
    struct error why;
    h->resume = RESUME_VOID;
    if (from->request != h->request)
        return;
    if (paging_restore(&h->paging, &from->position, &why)) {
        paging_close(&h->paging);
        open_paging(h, parts);
        return;
    }
    h->resume = RESUME_DONE;
    h->resumed_page = from->position.page;
    h->pages = h->resumed_page - 1;
}

static int build_page(void *context, struct request_parts *parts, struct error *e)
{
    struct harvest *h = context;
    if (!h->paging.def) {
        h->request = h->def->page.style == PAGE_NONE ? 0 : request_hash(parts);
        open_paging(h, parts);
        if (h->resume == RESUME_ASKED)
            resume(h, parts);
    }
    h->exchange.set.is_sized = page_size_is_free(&h->def->page) &&
                               page_size_smaller(&h->def->page, h->paging.size);
    int code = paging_apply(&h->paging, parts, e);
    if (!code && paging_page(&h->paging) == 1) {
        h->first_request = validators_request(parts, h->def, &h->values);
        h->exchange.is_conditional = validators_apply(h->known, h->first_request, parts);
    }
    return code;
}

void harvest_open(struct harvest *h, const struct collection_def *def, const struct placeholders *values,
                  struct auth_session *session, struct retry *retry, struct forecast *forecast)
{
    memset(h, 0, offsetof(struct harvest, exchange));
    h->paging.def = NULL;
    h->why[0] = 0;
    error_none(&h->error);
    h->def = def;
    h->values = *values;
    h->sound = true;
    page_open(&h->page, def, forecast);
    h->decoder = (struct answer_decoder){page_decode, &h->page};
    struct exchange_setting setting = {
        .def = def,
        .auth = &def->auth,
        .values = &h->values,
        .session = session,
        .retry = retry,
        .build = build_page,
        .context = h,
        .decoder = &h->decoder,
        .request = &def->request,
    };
    exchange_open(&h->exchange, &setting);
}

void harvest_close(struct harvest *h)
{
    exchange_close(&h->exchange);
    paging_close(&h->paging);
}

const struct request *harvest_request(struct harvest *h, int64_t wall_ms)
{
    return exchange_request(&h->exchange, wall_ms);
}

int64_t harvest_at_ms(const struct harvest *h)
{
    return h->exchange.at_ms;
}

uint64_t harvest_page(const struct harvest *h)
{
    return h->state == ASKING || h->state == TAKING || h->state == FAILED ? h->pages + 1 : 0;
}

static enum harvest_want fail(struct harvest *h, const struct error *error)
{
    if (error != &h->error)
        h->error = *error;
    exchange_redact(&h->values, h->exchange.set.session, &h->error);
    sm_move(states, &h->state, FAILED);
    return HARVEST_FAILED;
}

static void unsound(struct harvest *h, const char *why)
{
    if (h->sound)
        snprintf(h->why, sizeof h->why, "%s", why);
    h->sound = false;
}

/* Nothing at all where there were pages before is no end of a listing. */
static void take_none(struct harvest *h)
{
    page_none(&h->page);
    if (h->pages)
        unsound(h, "a page beyond the first was answered as if there were nothing at all (`absent`)");
}

static enum harvest_want take_page(struct harvest *h)
{
    if (h->exchange.kind == ANSWER_ABSENT)
        take_none(h);
    else if (page_check(&h->page, &h->error))
        return fail(h, &h->error);
    if (!h->exchange.answer->delimited && decode_is_lines(h->exchange.answer, h->def->format))
        unsound(h, "lines of JSON in an answer that doesn't say where it ends may be cut");
    h->duplicate_keys += h->page.duplicate_keys;
    if (h->size_tried) {
        h->size_failed = h->size_tried;
        h->size_smaller = h->paging.size;
        h->size_tried = 0;
    }
    sm_move(states, &h->state, TAKING);
    return HARVEST_PAGE;
}

static enum harvest_want confirmed(struct harvest *h, enum exchange_want want)
{
    sm_move(states, &h->state, LISTED);
    if (want == EXCHANGE_DONE)
        return h->exchange.kind == ANSWER_ABSENT ? HARVEST_GONE : HARVEST_THERE;
    h->error = h->exchange.error;
    return HARVEST_UNSURE;
}

static enum harvest_want follow(struct harvest *h, enum exchange_want want, int64_t now_ms);

static enum harvest_want ask(struct harvest *h, int64_t now_ms)
{
    if (h->state != ASKING)
        sm_move(states, &h->state, ASKING);
    return follow(h, exchange_start(&h->exchange, now_ms), now_ms);
}

/* A page that keeps failing may come in smaller pieces: now, or with the next listing. */
static enum harvest_want asked_in_vain(struct harvest *h, int64_t now_ms)
{
    const struct page_def *page = &h->def->page;
    uint64_t size = h->paging.def ? h->paging.size : 0, smaller = page_size_smaller(page, size);
    char why[sizeof h->why];
    if (!h->exchange.is_suspect || !smaller)
        return fail(h, &h->exchange.error);
    if (!page_size_is_free(page)) {
        h->size_failed = size;
        h->size_smaller = smaller;
        return fail(h, &h->exchange.error);
    }
    h->size_tried = size;
    paging_resize(&h->paging, smaller);
    snprintf(why, sizeof why, "its page size had to change: pages of %" PRIu64 " items kept failing (%s)",
             size, error_name(h->exchange.error.code));
    unsound(h, why);
    return ask(h, now_ms);
}

/* The provider has understood, and says that what was asked for can't be had: of a page beyond the first,
 * that its position is no good. Not so where it is about credentials, or time. */
static bool is_refused(const struct harvest *h, enum exchange_want want)
{
    const struct exchange *x = &h->exchange;
    if (want == EXCHANGE_DONE)
        return x->kind == ANSWER_ABSENT && h->pages + 1 == h->resumed_page;
    return x->error.code == ERR_HTTP && x->status >= 400 && x->status < 500 && x->status != 408;
}

static enum harvest_want ask_anew(struct harvest *h, int64_t now_ms)
{
    paging_close(&h->paging);
    h->resume = RESUME_VOID;
    h->resumed_page = h->pages = 0;
    return ask(h, now_ms);
}

static enum harvest_want follow(struct harvest *h, enum exchange_want want, int64_t now_ms)
{
    switch (want) {
    case EXCHANGE_SEND:
        return HARVEST_SEND;
    case EXCHANGE_WAIT:
        return HARVEST_WAIT;
    case EXCHANGE_RENEW:
        return HARVEST_RENEW;
    case EXCHANGE_WAIT_SESSION:
        return HARVEST_WAIT_SESSION;
    case EXCHANGE_DONE:
    case EXCHANGE_FAILED:
        break;
    }
    if (h->state == CONFIRMING)
        return confirmed(h, want);
    if (is_refused(h, want)) {
        if (h->pages + 1 == h->resumed_page)
            return ask_anew(h, now_ms);
        h->refused = true;
    }
    if (want == EXCHANGE_FAILED)
        return asked_in_vain(h, now_ms);
    if (h->exchange.kind != ANSWER_UNMODIFIED)
        return take_page(h);
    sm_move(states, &h->state, LISTED);
    return HARVEST_UNMODIFIED;
}

void harvest_resume(struct harvest *h, const struct checkpoint *from)
{
    CHECK(h->state == IDLE);
    h->resume = RESUME_ASKED;
    h->from = from;
}

/* A position that hangs on a page size which keeps failing is none. */
bool harvest_position(const struct harvest *h, struct arena *arena, struct checkpoint_position *out)
{
    bool is_of_size = !h->size_smaller || h->paging.size == h->size_smaller;
    return !h->refused && is_of_size && paging_save(&h->paging, arena, out);
}

enum harvest_want harvest_start(struct harvest *h, int64_t now_ms)
{
    return ask(h, now_ms);
}

enum harvest_want harvest_due(struct harvest *h, int64_t now_ms)
{
    return follow(h, exchange_due(&h->exchange, now_ms), now_ms);
}

enum harvest_want harvest_answered(struct harvest *h, const struct answer *answer, int64_t now_ms,
                                   int64_t wall_ms)
{
    return follow(h, exchange_answered(&h->exchange, answer, now_ms, wall_ms), now_ms);
}

enum harvest_want harvest_broke(struct harvest *h, const struct error *error, int64_t now_ms)
{
    return follow(h, exchange_broke(&h->exchange, error, now_ms), now_ms);
}

enum harvest_want harvest_taken(struct harvest *h, const struct page_seen *seen, int64_t now_ms)
{
    CHECK(h->state == TAKING);
    enum paging_verdict verdict = PAGING_END;
    const char *why = "";
    bool sound = true;
    if (h->exchange.kind != ANSWER_ABSENT &&
        paging_next(&h->paging, h->exchange.answer, &h->exchange.body.value, seen, &verdict, &sound, &why,
                    &h->error))
        return fail(h, &h->error);
    if (!sound)
        unsound(h, why);
    h->pages++;
    if (verdict == PAGING_MORE)
        return ask(h, now_ms);
    sm_move(states, &h->state, LISTED);
    return HARVEST_LISTED;
}

bool harvest_validators(const struct harvest *h, struct arena *arena, struct validators *out)
{
    CHECK(h->state == TAKING);
    *out = (struct validators){0};
    return h->exchange.kind == ANSWER_DOCUMENT && paging_page(&h->paging) == 1 &&
           validators_read(h->exchange.answer, h->first_request, arena, out);
}

int harvest_reread(struct harvest *h, struct error *e)
{
    struct exchange *x = &h->exchange;
    CHECK(h->state == TAKING);
    int code = page_decode_whole(&h->page, x->answer, &x->arena, &x->body, e);
    return code ? code : page_check(&h->page, e);
}

enum harvest_want harvest_refused(struct harvest *h, const struct error *error)
{
    CHECK(h->state == TAKING);
    return fail(h, error);
}

enum harvest_want harvest_get(struct harvest *h, const struct resource_view *item, int64_t now_ms)
{
    CHECK(h->state == LISTED);
    h->asked = *item;
    h->values.item = &h->asked;
    h->exchange.set.build = NULL;
    h->exchange.set.request = &h->def->get;
    h->exchange.set.is_get = true;
    h->exchange.set.is_sized = false;
    sm_move(states, &h->state, CONFIRMING);
    return follow(h, exchange_start(&h->exchange, now_ms), now_ms);
}
