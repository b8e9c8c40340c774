#include "tests/sim/plan.h"

#include <inttypes.h>
#include <string.h>

enum { MINUTE_MS = 60000 };

static const char *const names[STYLES] = {"none",   "token",  "parts",  "link-header", "link-body",
                                          "offset", "number", "marker", "marker-id"};

const char *style_name(enum style style)
{
    return names[style];
}

int style_of_name(const char *name)
{
    for (int i = 0; i < STYLES; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool plan_is_exact(const struct plan *plan)
{
    return plan->stable || plan->confirm == BY_GET;
}

static bool counts(const struct plan *plan)
{
    return plan->style == STYLE_OFFSET || plan->style == STYLE_NUMBER;
}

static bool marks(const struct plan *plan)
{
    return plan->style == STYLE_MARKER || plan->style == STYLE_MARKER_ID;
}

/* What goes with which style is what provider files allow. A marker's order is that of the markers, so
 * nothing moves. A server that caps what is asked for makes every page a short one, so that `end: short`
 * would be a mistake of the file. */
static void plan_pages(struct plan *p, struct random *r)
{
    bool links = p->style == STYLE_LINK_HEADER || p->style == STYLE_LINK_BODY;
    p->stable = marks(p) || p->style == STYLE_NONE || !one_in(r, 3);
    p->to = links ? IN_QUERY : (enum carrier)chance(r, CARRIERS);
    p->from_header = p->style == STYLE_TOKEN && one_in(r, 3);
    p->relative = one_in(r, 2);
    p->has_more = p->style != STYLE_NONE && one_in(r, 4);
    p->has_total = p->style == STYLE_OFFSET && one_in(r, 2);
    p->has_last = p->style == STYLE_NUMBER && one_in(r, 2);
    p->sized = p->style != STYLE_NONE && one_in(r, 2);
    p->page_size = 1 + chance(r, one_in(r, 4) ? 30 : 8);
    p->end_short = (p->style == STYLE_OFFSET || marks(p)) && p->sized && one_in(r, 2);
    p->page_cap = p->sized && !p->end_short && !counts(p) && one_in(r, 4) ? 1 + chance(r, p->page_size) : 0;
}

static void plan_deletes(struct plan *p, struct random *r)
{
    p->confirm = (enum confirm)chance(r, CONFIRMS);
    if (counts(p) && !p->stable && p->confirm == BY_NOTHING)
        p->confirm = one_in(r, 2) ? BY_GET : BY_RELIST;
    p->guarded = !one_in(r, 3);
    p->guard_percent = 10 + 10 * chance(r, 9);
    p->guard_min = 1 + chance(r, 4);
    p->guard_listings = 2 + chance(r, 3);
    p->guard_over_ms = one_in(r, 4) ? 0 : MINUTE_MS * (int64_t)(1 + chance(r, 120));
}

static const enum fault seldom[] = {
    FAULT_UNAUTHORIZED, FAULT_EMPTY_LIE, FAULT_ABSENT_LIE,  FAULT_SHORT_LIE,  FAULT_SAME_TOKEN,
    FAULT_SAME_PAGE,    FAULT_EXPIRED,   FAULT_WRONG_TOTAL, FAULT_WRONG_MORE, FAULT_HUGE,
    FAULT_DEGRADED,     FAULT_MISSING,   FAULT_UNASKED,
};

/* What the file must say for the fault to fit. */
static void plan_for(struct plan *p, enum fault fault)
{
    p->favourite = fault;
    p->login = p->login || fault == FAULT_UNAUTHORIZED;
    p->absent = p->absent || fault == FAULT_ABSENT_LIE;
    p->requires = p->requires || fault == FAULT_DEGRADED;
    p->has_total = p->style == STYLE_OFFSET && (p->has_total || fault == FAULT_WRONG_TOTAL);
    p->has_more = p->style != STYLE_NONE && (p->has_more || fault == FAULT_WRONG_MORE);
    if (fault != FAULT_NONE && p->page_size > 3)
        p->page_size = 3;
    if (fault != FAULT_NONE && p->most < 12 && !p->has_children)
        p->most = 12;
    if (fault == FAULT_EMPTY_LIE || fault == FAULT_ABSENT_LIE || fault == FAULT_SHORT_LIE)
        p->confirm = BY_GET;
}

static enum style style_for(enum fault fault, enum style style)
{
    switch (fault) {
    case FAULT_SHORT_LIE:
    case FAULT_SAME_TOKEN:
    case FAULT_EXPIRED:
    case FAULT_WRONG_MORE:
        return style == STYLE_NONE || style > STYLE_LINK_BODY ? STYLE_TOKEN : style;
    case FAULT_WRONG_TOTAL:
        return STYLE_OFFSET;
    default:
        return style;
    }
}

static void plan_validators(struct plan *p, struct random *r)
{
    p->validate = one_in(r, 2) ? VALIDATE_NOT : (enum validate)chance(r, VALIDATES);
    p->restless = one_in(r, 4);
    p->careless = one_in(r, 4);
    if (p->validate != VALIDATE_NOT &&
        one_in(r, 2)) /* only a listing of one page has validators of its own */
        p->page_size = 30;
}

void plan_make(struct plan *p, struct random *r, unsigned style, enum fault_level level, uint64_t number)
{
    bool favours = level != LEVEL_NONE && number % 2;
    enum fault favourite = favours ? seldom[number / 2 % (sizeof seldom / sizeof *seldom)] : FAULT_NONE;
    static const unsigned rates[] = {0, 100, 250};
    *p = (struct plan){.style = (enum style)style};
    if (style == PLAN_ANY_STYLE)
        p->style = style_for(favourite, (enum style)chance(r, STYLES));
    plan_pages(p, r);
    plan_deletes(p, r);
    p->xml = one_in(r, 4);
    p->login = one_in(r, 4);
    p->requires = one_in(r, 3);
    p->absent = one_in(r, 2);
    p->noisy = one_in(r, 6);
    p->has_children = one_in(r, 3);
    p->full_every_ms = MINUTE_MS * (one_in(r, 2) ? 1440 : 5 + (int64_t)chance(r, 200));
    p->accounts = p->has_children ? 1 : 1 + chance(r, 3);
    p->most = p->has_children ? 2 + chance(r, 8) : one_in(r, 5) ? 60 + chance(r, 60) : 4 + chance(r, 24);
    p->changes = one_in(r, 5) ? 0 : one_in(r, 4) ? 400 : 60;
    p->faults = level == LEVEL_ALL         ? 250
                : one_in(r, 4) && !favours ? 0
                                           : rates[level] * (1 + chance(r, 3)) / 2;
    p->crashes = level == LEVEL_NONE || one_in(r, 3) ? 0 : 6;
    plan_validators(p, r);
    plan_for(p, favourite);
}

/* --- the file --- */

static void write_to(const struct plan *p, const char *name, struct buffer *out)
{
    static const char *const places[CARRIERS] = {"query:", "form:", "header:X-Sim-", "body:/"};
    buffer_printf(out, "'%s%s'", places[p->to], name);
}

static void write_style(const struct plan *p, struct buffer *out)
{
    static const char *const styles[STYLES] = {"none",   "token",  "token",  "link",  "link",
                                               "offset", "number", "marker", "marker"};
    buffer_printf(out, "    page:\n      style: %s\n", styles[p->style]);
    switch (p->style) {
    case STYLE_NONE:
    case STYLE_LINK_HEADER:
    case STYLES:
        return;
    case STYLE_LINK_BODY:
        buffer_add_text(out, "      from: 'body:/next'\n");
        return;
    case STYLE_PARTS:
        buffer_add_text(out, "      parts:\n        - {from: 'body:/next', to: ");
        write_to(p, "t", out);
        buffer_add_text(out, "}\n        - {from: 'body:/beside', to: ");
        write_to(p, "u", out);
        buffer_add_text(out, "}\n");
        return;
    case STYLE_TOKEN:
        buffer_printf(out, "      from: '%s'\n", p->from_header ? "header:X-Next" : "body:/next");
        break;
    case STYLE_MARKER:
        buffer_add_text(out, "      from: 'item:/rank'\n");
        break;
    case STYLE_OFFSET:
    case STYLE_NUMBER:
    case STYLE_MARKER_ID:
        break;
    }
    buffer_add_text(out, "      to: ");
    write_to(p, "t", out);
    buffer_add_char(out, '\n');
}

static void write_page(const struct plan *p, struct buffer *out)
{
    write_style(p, out);
    if (p->has_more)
        buffer_add_text(out, "      more: 'body:/more'\n");
    if (p->has_total)
        buffer_add_text(out, "      total: 'body:/total'\n");
    if (p->has_last)
        buffer_add_text(out, "      last: 'body:/last'\n");
    if (p->end_short)
        buffer_add_text(out, "      end: short\n");
    if (p->sized)
        buffer_printf(out, "      size: {to: 'query:size', max: %u, default: %u}\n", p->page_size + 2,
                      p->page_size);
    buffer_printf(out, "    order: %s\n", p->stable ? "stable" : "any");
}

static void write_delete(const struct plan *p, struct buffer *out)
{
    static const char *const confirms[CONFIRMS] = {"none", "relist", "get"};
    buffer_printf(out, "    delete:\n      confirm: %s\n", confirms[p->confirm]);
    if (!p->guarded)
        buffer_add_text(out, "      guard: none\n");
    else
        buffer_printf(out, "      guard: {share: %u%%, min: %u, listings: %u, over: %" PRId64 "ms}\n",
                      p->guard_percent, p->guard_min, p->guard_listings, p->guard_over_ms);
}

static void write_collection(const struct plan *p, const char *type, const char *path, const char *scope,
                             struct buffer *out)
{
    buffer_printf(out,
                  "  - type: %s\n    scope: %s\n    request: {url: 'http://sim/{account.id}/%s'}\n"
                  "    format: %s\n    items: /items/*\n    id: /id\n    ignore: [/noise]\n"
                  "    get: {url: 'http://sim/{account.id}/%s/{id}'}\n    full_every: %" PRId64 "ms\n",
                  type, scope, path, p->xml ? "xml" : "json", path, p->full_every_ms);
    if (p->requires)
        buffer_add_text(out, "    require: [/name]\n");
    if (p->absent)
        buffer_add_text(out, "    absent: [{status: 404, code: NoSuchThing}]\n");
    write_page(p, out);
    write_delete(p, out);
}

void plan_write(const struct plan *p, struct buffer *out)
{
    buffer_add_text(out, "provider: sim\nxml: {list_elements: [item], arrays: [/items]}\n"
                         "errors: {code_at: /code, throttled: [SlowDown], denied: [NotForYou]}\n");
    if (p->login)
        buffer_add_text(out, "auth: {kind: login, request: {method: POST, url: 'http://sim/login'}, "
                             "token: 'body:/token', send: 'header:X-Auth'}\n");
    buffer_add_text(out, "collections:\n");
    write_collection(p, "thing", "thing", "account", out);
    if (p->has_children)
        write_collection(p, "part", "thing/{parent.id}/part", "{parent: thing}", out);
}
