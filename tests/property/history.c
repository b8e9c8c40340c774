/* A listing is driven through a job, as a run does it, with scripted answers: the real deciders and the real
 * store, and neither sockets nor clocks. */
#include "tests/property/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/property/definition.h"

#define WALL_MS INT64_C(1700000000000)

static uint32_t below(struct history *h, uint64_t bound)
{
    return (uint32_t)random_below(&h->world.random, bound);
}

static bool one_in(struct history *h, unsigned n)
{
    return random_below(&h->world.random, n) == 0;
}

static struct layout *layout_of(struct history *h, uint64_t listing)
{
    return &h->layouts[listing % 2];
}

void history_open(struct history *h, uint64_t seed, uint64_t number, unsigned formats)
{
    *h = (struct history){.number = number, .seed = seed};
    world_open(&h->world, seed * UINT64_C(0x9e3779b97f4a7c15) + number * UINT64_C(0xd1b54a32d192ed03) + 1,
               formats);
    model_open(&h->model, &h->world);
    h->length = 5 + below(h, LENGTH_MAX - 4);
    snprintf(h->account, sizeof h->account, "%" PRIu64, number);
}

void history_close(struct history *h)
{
    model_close(&h->model);
    world_close(&h->world);
    layout_close(&h->layouts[0]);
    layout_close(&h->layouts[1]);
    *h = (struct history){0};
}

struct collection_key history_key(const struct history *h)
{
    return (struct collection_key){BYTES("lab"), bytes_of(h->account), BYTES("item"), {0}, {0}};
}

/* --- reports --- */

static void print_layout(const struct layout *layout, uint64_t listing)
{
    for (uint32_t i = 0; i < layout->count; i++)
        fprintf(stderr, "--- listing %" PRIu64 ", page %u (%u items), next '%s'\n%s\n", listing, i + 1,
                layout->pages[i].count, layout->pages[i].next, buffer_text(&layout->pages[i].body));
}

bool history_fault(struct history *h, const char *format, ...)
{
    static const char *const troubles[TROUBLES] = {"none",    "denied", "no list", "spoilt", "broken",
                                                   "stopped", "killed", "bare",    "hollow"};
    const struct world *w = &h->world;
    va_list args;
    if (w->listing > 1)
        print_layout(layout_of(h, w->listing - 1), w->listing - 1);
    print_layout(layout_of(h, w->listing), w->listing);
    fprintf(stderr,
            "--- shape %d, turn %d, naming %d, refined %d, ignores %u; trouble: %s on page %u, %u times; "
            "commit %d %u\n",
            w->kind.shape, w->kind.turn, w->kind.naming, w->kind.refined, w->ignores,
            troubles[h->trouble.kind], h->trouble.page + 1, h->trouble.times, h->trouble.commits,
            h->trouble.commit + 1);
    fprintf(stderr, "differs from the model: seed %" PRIu64 ", case %" PRIu64 ", listing %" PRIu64 ": ",
            h->seed, h->number, w->listing);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    h->reported = true;
    return false;
}

/* --- what goes wrong --- */

/* While what is stored lacks names, `require` judges a page by the one recognised item of earlier ones that
 * it looks at (worker/harvest/listing_require.c), and nobody can say from outside which that is. */
static bool may_be_bare(const struct history *h)
{
    for (uint32_t i = 0; i < h->world.resources; i++)
        if (h->model.before[i].bare)
            return false;
    return h->world.kind.refined;
}

static void plan_trouble(struct history *h)
{
    struct trouble *trouble = &h->trouble;
    *trouble = (struct trouble){.kind = one_in(h, 6) ? 1 + below(h, TROUBLES - 1) : TROUBLE_NONE};
    if (h->world.kind.shape == XML_CONTENTS && trouble->kind == TROUBLE_NO_LIST)
        trouble->kind = TROUBLE_DENIED; /* there a page without the list is an empty one */
    if (trouble->kind == TROUBLE_BARE && !may_be_bare(h))
        trouble->kind = TROUBLE_HOLLOW;
    trouble->times = 1 + below(h, 2) * (TRIES - 1);
    trouble->commits = one_in(h, 20);
}

/* Let the entries of a page lack their names, or have them again. */
static void make_bare(struct history *h, bool bare)
{
    struct world *w = &h->world;
    uint32_t from = h->trouble.page * w->page_size;
    for (uint32_t i = from; i < w->count && i < from + w->page_size; i++) {
        w->entries[i].bare = bare;
        world_remake(w, &w->entries[i]);
    }
}

static void show(struct history *h)
{
    struct layout *layout = layout_of(h, h->world.listing);
    struct trouble *trouble = &h->trouble;
    uint32_t pages = 1 + h->world.count / h->world.page_size;
    trouble->page = below(h, pages);
    if (trouble->kind == TROUBLE_BARE)
        make_bare(h, true);
    world_show(&h->world, trouble->kind == TROUBLE_HOLLOW, layout);
    if (trouble->kind != TROUBLE_BARE)
        trouble->page = below(h, layout->count);
    trouble->commit = below(h, layout->count);
}

/* A body that isn't whole, or not right somewhere. */
static void spoil(struct history *h, const struct shown *page, struct buffer *out)
{
    struct bytes body = buffer_bytes(&page->body);
    bool xml = kind_is_xml(&h->world.kind);
    size_t end = body.len, at = 1 + below(h, body.len - 1);
    const char *wrong = "\x01"; /* nowhere allowed */
    while (body.data[end - 1] == '\n')
        end--;
    buffer_reset(out);
    switch (below(h, 5)) {
    case 0: /* cut */
        buffer_add(out, body.data, at < end ? at : end - 1);
        return;
    case 1: /* something behind the end */
        at = end;
        wrong = xml ? "<R>" : "]";
        break;
    case 2: /* something before the first member or item */
        at = 1;
        wrong = xml ? "<" : ",";
        break;
    case 3: /* between two items */
        at = page->gap ? page->gap : end;
        wrong = xml ? "</wrong>" : ",,";
        break;
    default: /* anywhere */
        break;
    }
    buffer_add(out, body.data, at);
    buffer_add_text(out, wrong);
    buffer_add(out, body.data + at, body.len - at);
}

/* --- answers --- */

static void add_percent(const char *text, struct buffer *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c)) {
            buffer_add_char(out, *text);
        } else {
            buffer_add_char(out, '%');
            buffer_add_char(out, digits[c >> 4]);
            buffer_add_char(out, digits[c & 15]);
        }
    }
}

/* What a page must be asked for with. */
static void expect_url(const struct history *h, const struct layout *layout, uint32_t page,
                       struct buffer *out)
{
    const struct world *w = &h->world;
    char id[ID_TEXT_BYTES];
    bool number;
    buffer_reset(out);
    buffer_add_text(out, "http://lab/items");
    if (page == 0)
        return;
    const struct shown *before = &layout->pages[page - 1];
    if (w->kind.turn == TURN_LINK_BODY || w->kind.turn == TURN_LINK_HEADER) {
        buffer_reset(out);
        buffer_add_text(out, "http://lab");
        buffer_add_text(out, before->next);
        return;
    }
    buffer_add_text(out, "?t=");
    uint32_t last = before->count ? w->entries[before->from + before->count - 1].resource : 0;
    if (w->kind.turn == TURN_MARKER)
        add_percent(resource_raw_id(w, last, id, &number), out);
    else if (w->kind.turn == TURN_MARKER_ID)
        add_percent(resource_id(w, last), out);
    else
        buffer_add_text(out, before->next);
}

/* The list isn't there, or is none. */
static struct bytes no_list(struct history *h)
{
    if (kind_is_xml(&h->world.kind))
        return BYTES("<R><other>1</other></R>");
    if (h->world.kind.shape == JSON_ROOT)
        return BYTES("{\"a\":1}");
    return one_in(h, 2) ? BYTES("{\"items\":null,\"data\":null}") : BYTES("{\"items\":{},\"data\":7}");
}

/* A copy that ends where its memory does, so that a sanitizer sees who reads on. */
static struct bytes exactly(struct bytes body)
{
    char *copy = mem_alloc(body.len);
    memcpy(copy, body.data, body.len);
    return (struct bytes){copy, body.len};
}

static enum job_want send(struct history *h, struct job *job, const struct shown *page, bool troubled)
{
    static struct buffer spoilt;
    bool xml = kind_is_xml(&h->world.kind);
    char link[96];
    struct pair headers[2] = {{BYTES("Content-Type"), xml ? BYTES("text/xml") : BYTES("application/json")}};
    struct answer answer = {
        .status = 200, .headers = {headers, 1, 2}, .body = buffer_bytes(&page->body), .delimited = true};
    struct error broken;
    answer.url = job_request(job, WALL_MS + h->now_ms)->url;
    if (*page->next && h->world.kind.turn == TURN_TOKEN_HEADER)
        headers[answer.headers.count++] = (struct pair){BYTES("X-Next"), bytes_of(page->next)};
    if (*page->next && h->world.kind.turn == TURN_LINK_HEADER) {
        snprintf(link, sizeof link, "<%s>; rel=\"next\"", page->next);
        headers[answer.headers.count++] = (struct pair){BYTES("Link"), bytes_of(link)};
    }
    enum trouble_kind kind = troubled ? h->trouble.kind : TROUBLE_NONE;
    if (kind == TROUBLE_BROKEN) {
        error_set(&broken, ERR_TRANSFER, "the transfer broke off");
        return job_broke(job, &broken, h->now_ms, WALL_MS + h->now_ms);
    }
    if (kind == TROUBLE_DENIED)
        answer.status = 403;
    if (kind == TROUBLE_NO_LIST)
        answer.body = no_list(h);
    if (kind == TROUBLE_SPOILT) {
        spoil(h, page, &spoilt);
        answer.body = buffer_bytes(&spoilt);
    }
    answer.body = exactly(answer.body);
    enum job_want want = job_answered(job, &answer, h->now_ms, WALL_MS + h->now_ms);
    free((char *)answer.body.data);
    return want;
}

/* --- a listing --- */

/* How far it has come. */
struct drive {
    uint32_t page; /* that is asked for, from 0 */
    unsigned tries;
    bool killed;
};

/* Positions of earlier listings aren't known any more: this one begins with its first page. */
static enum job_want expire(struct history *h, struct job *job)
{
    struct answer answer = {.status = 410, .body = BYTES("expired"), .delimited = true};
    answer.url = job_request(job, WALL_MS + h->now_ms)->url;
    return job_answered(job, &answer, h->now_ms, WALL_MS + h->now_ms);
}

static bool ask_one(struct history *h, struct lab *lab, struct job *job, struct drive *drive,
                    enum job_want *want)
{
    static struct buffer url;
    const struct layout *layout = layout_of(h, h->world.listing);
    const struct trouble *trouble = &h->trouble;
    bool troubled = trouble->page == drive->page && drive->tries < trouble->times;
    struct error why;
    if (job->harvest.resumed_page) {
        *want = expire(h, job);
        return true;
    }
    if (drive->page >= h->model.asked)
        return history_fault(h, "page %u is asked for, and there is none", drive->page + 1);
    expect_url(h, layout, drive->page, &url);
    if (strcmp(job_request(job, WALL_MS)->url, buffer_text(&url)) != 0)
        return history_fault(h, "page %u is asked for by %s, not by %s", drive->page + 1,
                             job_request(job, WALL_MS)->url, buffer_text(&url));
    if (troubled && trouble->kind == TROUBLE_KILLED) {
        drive->killed = true;
        return true;
    }
    if (troubled && trouble->kind == TROUBLE_STOPPED) {
        error_set(&why, ERR_STOPPED, "told to stop");
        *want = job_stop(job, &why, WALL_MS + h->now_ms);
        return true;
    }
    if (h->model.has_midway && trouble->commit == drive->page && drive->tries == 0 && lab->commit(lab, h))
        return history_fault(h, "a commit failed");
    drive->tries++;
    *want = send(h, job, &layout->pages[drive->page], troubled);
    if (*want != JOB_WAIT) {
        drive->page++;
        drive->tries = 0;
    }
    return true;
}

static void count(const struct history *h, const struct job *job, struct tally *tally)
{
    const struct receipt *r = &job->listing.receipt;
    tally->tier1 += r->tier1;
    tally->tier2 += r->tier2;
    tally->tier3 += r->unchanged - r->tier1 - r->tier2;
    tally->tier4 += r->created + r->updated;
    tally->deleted += r->deleted;
    tally->complete += h->model.complete;
    tally->sound += h->model.complete && h->model.sound;
}

static bool check_outcome(struct history *h, const struct job *job)
{
    const struct job_outcome *o = &job->outcome;
    const struct model *m = &h->model;
    const struct receipt *r = &job->listing.receipt;
    if (o->complete != m->complete)
        return history_fault(h, "complete is %d, not %d: %s", o->complete, m->complete, o->error.text);
    if (o->sound != (m->complete && m->sound))
        return history_fault(h, "sound is %d, not %d: %s", o->sound, m->sound, o->unsound ? o->unsound : "");
    if (o->created != m->created || o->updated != m->updated || o->deleted != m->deleted ||
        o->unchanged != m->unchanged)
        return history_fault(h,
                             "%" PRIu64 " created, %" PRIu64 " updated, %" PRIu64 " deleted, %" PRIu64
                             " unchanged; the model has %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                             o->created, o->updated, o->deleted, o->unchanged, m->created, m->updated,
                             m->deleted, m->unchanged);
    return r->tier1 + r->tier2 <= r->unchanged || history_fault(h, "more were recognised than are unchanged");
}

static bool drive(struct history *h, struct lab *lab, struct job *job)
{
    struct drive drive = {0};
    enum job_want want = job_start(job, h->now_ms, WALL_MS + h->now_ms);
    while (!drive.killed && (want == JOB_SEND || want == JOB_WAIT)) {
        if (want == JOB_WAIT) {
            h->now_ms = job_at_ms(job);
            want = job_due(job, h->now_ms, WALL_MS + h->now_ms);
        } else if (!ask_one(h, lab, job, &drive, &want)) {
            return false;
        }
    }
    if (drive.killed)
        return true;
    if (want != JOB_DONE)
        return history_fault(h, "the job wants %d: %s", want, job->store_error.text);
    count(h, job, &lab->tally);
    return check_outcome(h, job);
}

static bool run(struct history *h, struct lab *lab)
{
    struct value nothing = {.type = VALUE_OBJECT};
    struct placeholders values = {.account_id = bytes_of(h->account),
                                  .account_keys = &nothing,
                                  .credentials = &nothing,
                                  .vars = &nothing};
    struct retry retry = {.first_ms = 0};
    struct job_setting setting = {
        .def = definition_of(&h->world.kind, h->world.ignores),
        .key = history_key(h),
        .values = &values,
        .retry = &retry,
        .store = lab->store,
    };
    struct job job;
    struct error e;
    random_seed(&retry.random, 1);
    if (job_open(&job, &setting, WALL_MS + h->now_ms, &e))
        return history_fault(h, "%s", e.text);
    bool fine = drive(h, lab, &job);
    job_close(&job);
    return fine;
}

bool history_list(struct history *h, struct lab *lab)
{
    struct error e;
    if (h->world.listing > 1 && one_in(h, 25)) {
        h->world.ignores = below(h, IGNORE_SETS);
        world_remake_all(&h->world);
    }
    h->now_ms += one_in(h, 20) ? INT64_C(90000000) : 300000; /* a day and more, now and then */
    plan_trouble(h);
    show(h);
    model_list(&h->model, &h->world, layout_of(h, h->world.listing), &h->trouble);
    if (store_write(lab->store, &e))
        return history_fault(h, "%s", e.text);
    uint64_t head = store_head(lab->store);
    bool lie = lab->lies && !lab->lied && h->world.listing > 1 && model_lie(&h->model, &h->world, lab->lie);
    lab->lied = lab->lied || lie;
    h->pending = true;
    lab->tally.listings++;
    bool fine = run(h, lab) && history_check(h, lab, head + 1);
    if (h->trouble.kind == TROUBLE_BARE)
        make_bare(h, false);
    world_change(&h->world);
    return fine;
}
