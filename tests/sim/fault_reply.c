/* Answers that are spoilt as a whole: none comes, it says no, or its body is none. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/sim/show.h"

static void breaks(struct reply *reply, enum err code, const char *text)
{
    reply->bears_page = false;
    error_set(&reply->broken, code, "%s", text);
}

static void says(struct reply *reply, int status, const char *type, const char *body)
{
    reply_open(reply, status);
    if (type)
        reply_header(reply, "Content-Type", "%s", type);
    buffer_add_text(reply->body, body);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", of the provider's clock. */
static void add_date(const struct world *w, struct reply *reply, const char *name, int64_t ahead_ms)
{
    time_t seconds = (time_t)((world_wall(w) + ahead_ms) / 1000);
    struct tm parts;
    char text[64];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    reply_header(reply, name, "%s", text);
}

static void throttle(struct world *w, enum fault fault, struct reply *reply)
{
    says(reply, fault == FAULT_UNAVAILABLE ? 503 : 429, "application/json", "{\"code\":\"Busy\"}");
    unsigned wait_s = chance(&w->random, 90);
    if (fault == FAULT_THROTTLED_SECONDS || fault == FAULT_UNAVAILABLE)
        reply_header(reply, "Retry-After", "%u", wait_s);
    else if (fault == FAULT_THROTTLED_DATE)
        add_date(w, reply, "Retry-After", (int64_t)wait_s * 1000);
    else if (fault == FAULT_THROTTLED_LONG)
        reply_header(reply, "Retry-After", "3600");
}

/* Cut anywhere: what is left is never whole, since bodies end with their last brace. */
static void cut(struct world *w, struct reply *reply)
{
    size_t keep = chance(&w->random, reply->body->len);
    if (one_in(&w->random, 3))
        keep = reply->body->len - 1;
    reply->body->len = keep;
    reply->body->data[keep] = 0;
    reply->answer.delimited = one_in(&w->random, 2);
    reply->bears_page = false;
}

static void garble(struct world *w, struct reply *reply)
{
    char *at = strstr(reply->body->data, "request");
    if (at && w->nonce % 2)
        at[0] = '\xff';
    else
        reply->body->data[reply->body->len / 2] = '\xc0';
    reply->bears_page = false;
}

static void spoil_body(struct visit *v, enum fault fault, struct reply *reply)
{
    struct world *w = v->place->world;
    bool xml = w->plan.xml;
    const char *type = xml ? "application/xml" : "application/json";
    switch (fault) {
    case FAULT_CUT:
        cut(w, reply);
        return;
    case FAULT_GARBLED:
        garble(w, reply);
        return;
    case FAULT_HTML:
        says(reply, 200, "text/html", "<!DOCTYPE html><html><body><p>Please log in<br></body></html>");
        return;
    case FAULT_EMPTY:
        says(reply, 200, type, "");
        return;
    case FAULT_ERROR_BODY:
        says(reply, 200, type, xml ? "<r><code>Oops</code></r>" : "{\"code\":\"Oops\"}");
        return;
    case FAULT_THROTTLING_BODY:
        says(reply, 200, type, xml ? "<r><code>SlowDown</code></r>" : "{\"code\":\"SlowDown\"}");
        return;
    case FAULT_LISTLESS:
        says(reply, 200, type, xml ? "<r><other/></r>" : "{\"items\":null}");
        return;
    default: /* absent: an empty page, as far as anyone can see */
        says(reply, 404, type, xml ? "<r><code>NoSuchThing</code></r>" : "{\"code\":\"NoSuchThing\"}");
        reply->bears_page = true;
        return;
    }
}

static void refuse(struct visit *v, enum fault fault, struct reply *reply)
{
    struct world *w = v->place->world;
    switch (fault) {
    case FAULT_INTERNAL:
        says(reply, 500, NULL, "");
        return;
    case FAULT_GATEWAY:
        says(reply, 502, "text/html", "<html><body>Bad gateway</body></html>");
        return;
    case FAULT_UNAUTHORIZED:
        w->tokens[place_account(v->place)]++;
        says(reply, 401, "application/json", "{}");
        return;
    case FAULT_DENIED:
        says(reply, 403, "application/json", "{\"code\":\"Forbidden\"}");
        return;
    case FAULT_DENIED_CODE:
        says(reply, 400, "application/json", "{\"code\":\"NotForYou\"}");
        return;
    case FAULT_MISSING:
        says(reply, 404, "text/plain", "nothing here");
        return;
    case FAULT_UNASKED:
        says(reply, 304, NULL, "");
        return;
    case FAULT_NO_CONTENT:
        says(reply, 204, NULL, "");
        return;
    default:
        throttle(w, fault, reply);
        return;
    }
}

static void drop(enum fault fault, struct reply *reply)
{
    switch (fault) {
    case FAULT_TIMEOUT:
        breaks(reply, ERR_TRANSFER, "sim: silent for 30 s");
        return;
    case FAULT_RESET:
        breaks(reply, ERR_TRANSFER, "sim: connection reset by peer");
        return;
    case FAULT_REFUSED:
        breaks(reply, ERR_CONNECT, "sim: connection refused");
        return;
    case FAULT_NAMELESS:
        breaks(reply, ERR_RESOLVE, "sim: no such host");
        return;
    case FAULT_TLS:
        breaks(reply, ERR_TLS, "sim: the certificate has expired");
        return;
    default:
        breaks(reply, ERR_LIMIT, "sim: the body is larger than 64 MiB");
        return;
    }
}

void fault_spoil_reply(struct visit *v, enum fault fault, const struct asked *asked, struct reply *reply)
{
    const struct world *w = v->place->world;
    if (fault >= FAULT_TIMEOUT && fault <= FAULT_OVERSIZE)
        drop(fault, reply);
    else if (fault >= FAULT_THROTTLED && fault <= FAULT_NO_CONTENT)
        refuse(v, fault, reply);
    else if ((fault >= FAULT_CUT && fault <= FAULT_LISTLESS) || fault == FAULT_ABSENT_LIE)
        spoil_body(v, fault, reply);
    else if (fault == FAULT_EXPIRED) {
        asked->place->tokens_from_ms = w->now_ms + 1;
        says(reply, 400, "application/json", "{\"code\":\"TokenExpired\"}");
    }
}
