/* A redirect is followed by asking again, so it is decided here and not by libcurl, which would follow to
 * any host. All headers go along, credentials too: the origin is the request's own, or one that the
 * provider file allows by name. */
#include "worker/fetch/redirect.h"

#include <string.h>

#include "common/limits.h"
#include "worker/provider/url.h"

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_allowed(struct bytes asked, struct bytes target, const char *const *allow_origins)
{
    if (url_same_origin(asked, target))
        return true;
    for (; allow_origins && *allow_origins; allow_origins++)
        if (url_same_origin(bytes_of(*allow_origins), target))
            return true;
    return false;
}

/* Credentials in a target would take the place of the request's own. What a relative Location inherits
 * is no news. */
static bool brings_credentials(struct bytes asked, struct bytes target)
{
    struct url from, to;
    if (url_parse(asked, &from, NULL) || url_parse(target, &to, NULL))
        return true;
    return to.has_userinfo && !(from.has_userinfo && bytes_equal(from.userinfo, to.userinfo));
}

/* A URL as people may see it: no credentials, no query. */
static const char *shown(struct arena *arena, struct bytes text)
{
    struct url url;
    if (url_parse(text, &url, NULL))
        return "an unreadable URL";
    struct bytes origin = url_origin(arena, text);
    return arena_printf(arena, "%.*s%.*s", BYTES_ARG(origin), BYTES_ARG(url.path));
}

static int check_target(struct arena *arena, const struct request *asked, int status, struct bytes target,
                        const char *const *allow_origins, struct error *e)
{
    struct bytes from = bytes_of(asked->url);
    struct bytes origin = url_origin(arena, from);
    if (!is_allowed(from, target, allow_origins)) {
        struct bytes other = url_origin(arena, target);
        return error_set(e, ERR_REDIRECT,
                         "HTTP %d leads from %.*s to another origin, %s: not followed; if that is meant, ask "
                         "there, or add %.*s to allow_origins",
                         status, BYTES_ARG(origin), shown(arena, target), BYTES_ARG(other));
    }
    if (brings_credentials(from, target))
        return error_set(e, ERR_REDIRECT, "HTTP %d leads to %s with credentials in the URL: not followed",
                         status, shown(arena, target));
    return 0;
}

/* 303 asks for another thing, so what described the body goes. */
static void turn_into_get(struct arena *arena, struct request *request)
{
    struct pairs kept = {.items = arena_alloc(arena, (request->headers.count + 1) * sizeof *kept.items),
                         .cap = request->headers.count + 1};
    for (uint32_t i = 0; i < request->headers.count; i++) {
        struct pair header = request->headers.items[i];
        if (header.name.len < 8 || !bytes_is_nocase((struct bytes){header.name.data, 8}, "content-"))
            kept.items[kept.count++] = header;
    }
    request->method = "GET";
    request->headers = kept;
    request->body = (struct bytes){"", 0};
    request->has_body = false;
}

int redirect_decide(struct arena *arena, const struct request *asked, const struct answer *answer,
                    const char *const *allow_origins, unsigned hops, enum redirect_verdict *verdict,
                    struct request *next, struct error *e)
{
    struct bytes location, target;
    int status = answer->status;
    *verdict = REDIRECT_NONE;
    if (!is_redirect(status) || asked->is_signed)
        return 0;
    if (!answer_header(answer, "Location", &location) || bytes_trim(location).len == 0)
        return error_set(e, ERR_REDIRECT, "HTTP %d without a Location that says where to", status);
    if (hops >= LIMIT_REDIRECTS)
        return error_set(e, ERR_REDIRECT, "more than %d redirects in a row, the last from %s",
                         LIMIT_REDIRECTS, shown(arena, bytes_of(asked->url)));
    if ((status == 301 || status == 302) && !is_safe(asked->method))
        return error_set(e, ERR_REDIRECT,
                         "HTTP %d answers a %s: repeating it or turning it into GET could both be wrong; ask "
                         "where it leads",
                         status, asked->method);
    if (url_resolve(arena, bytes_of(asked->url), bytes_trim(location), &target, e)) {
        error_at(e, "HTTP %d with a bad Location", status);
        return error_set(e, ERR_REDIRECT, "%s", e ? e->text : "");
    }
    if (check_target(arena, asked, status, target, allow_origins, e))
        return ERR_REDIRECT;
    *next = *asked;
    next->url = arena_strdup(arena, target);
    if (status == 303 && strcmp(asked->method, "HEAD") != 0)
        turn_into_get(arena, next);
    *verdict = REDIRECT_FOLLOW;
    return 0;
}
