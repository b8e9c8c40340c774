/* How it works: a table by the text that stands in front of a URL's path. Two spellings of one origin are two
 * entries: rare, and then libcurl's own limit for connections of a host holds. Only a text that is new is
 * parsed; of a URL whose origin is known nothing is looked at but where its path begins. */
#include "worker/fetch/origin.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "common/limits.h"
#include "worker/provider/url.h"

/* How long scheme://authority is. */
static size_t origin_len(struct bytes url)
{
    const char *slash = url.len ? memchr(url.data, '/', url.len) : NULL;
    size_t len = slash ? (size_t)(slash - url.data) + 2 : url.len;
    while (len < url.len && url.data[len] != '/' && url.data[len] != '?' && url.data[len] != '#')
        len++;
    return len < url.len ? len : url.len;
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && bytes_is_nocase(bytes_from(text, text.len - len), end);
}

/* Addresses, and localhost, which libcurl answers by itself. */
static bool needs_no_dns(const char *host)
{
    return host[0] == '[' || host[strspn(host, "0123456789.")] == 0 || strcasecmp(host, "localhost") == 0 ||
           ends_with(bytes_of(host), ".localhost");
}

static void origin_free(struct origin *origin)
{
    curl_url_cleanup(origin->url);
    free(origin->host);
    free(origin->told);
    free(origin);
}

static struct origin *origin_new(struct bytes text, struct error *e)
{
    struct url url;
    if (url_parse(text, &url, e))
        return NULL;
    struct origin *origin = mem_zalloc(sizeof *origin + text.len + 1);
    memcpy(origin->text, text.data, text.len);
    origin->text_len = text.len;
    origin->is_https = url.is_https;
    origin->port = url.port_number;
    origin->host = mem_zalloc(url.host.len + 1);
    memcpy(origin->host, url.host.data, url.host.len);
    origin->is_plain = needs_no_dns(origin->host);
    origin->url = curl_url();
    CHECK(origin->url);
    if (curl_url_set(origin->url, CURLUPART_URL, origin->text, 0) != CURLUE_OK) {
        error_set(e, ERR_HTTP, "libcurl can't read the URL's host");
        origin_free(origin);
        return NULL;
    }
    return origin;
}

/* Forget those that nobody is admitted to. */
static void sweep(struct origins *origins)
{
    for (size_t i = 0; i < ORIGIN_SLOTS; i++) {
        for (struct origin **at = &origins->slots[i], *origin; (origin = *at);) {
            if (origin->admitted) {
                at = &origin->same_slot;
                continue;
            }
            *at = origin->same_slot;
            origins->count--;
            origins->forget(origins->context, origin);
            origin_free(origin);
        }
    }
}

struct origin *origin_find(struct origins *origins, struct bytes url, struct error *e)
{
    struct bytes text = {url.data, origin_len(url)};
    struct origin **slot = &origins->slots[hash64(text) % ORIGIN_SLOTS];
    for (struct origin *origin = *slot; origin; origin = origin->same_slot)
        if (bytes_equal(text, (struct bytes){origin->text, origin->text_len}))
            return origin;
    struct origin *origin = origin_new(text, e);
    if (!origin)
        return NULL;
    if (origins->count >= LIMIT_ORIGINS && origins->count % (LIMIT_ORIGINS / 4) == 0)
        sweep(origins);
    origin->same_slot = *slot;
    *slot = origin;
    origins->count++;
    return origin;
}

void origins_close(struct origins *origins)
{
    for (size_t i = 0; i < ORIGIN_SLOTS; i++) {
        for (struct origin *origin; (origin = origins->slots[i]);) {
            origins->slots[i] = origin->same_slot;
            origin_free(origin);
        }
    }
    *origins = (struct origins){0};
}
