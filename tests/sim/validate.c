/* ETags are made of what the page shows, or else count what the provider has noticed: a careless one then
 * says 304 where it should not, and only `full_every` heals that. Last-Modified is as coarse as HTTP has it:
 * a second. */
#include "tests/sim/validate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"

static const char date_format[] = "%a, %d %b %Y %H:%M:%S GMT";

static void put_date(struct reply *reply, const char *name, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char text[64];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, date_format, &parts);
    reply_header(reply, name, "%s", text);
}

void validate_changed(struct place *place)
{
    struct world *w = place->world;
    if (w->plan.careless && one_in(&w->random, 2))
        return;
    place->modified_ms = SIM_WALL_MS + w->now_ms;
    place->edition++;
}

/* What stands between the quotes. A restless provider's differ now and then for the same page. */
static void etag_of(const struct asked *asked, const struct shown *page, char out[64])
{
    const struct place *place = asked->place;
    const struct plan *plan = &place->world->plan;
    uint64_t hash = plan->careless ? place->edition : 0;
    for (unsigned i = 0; i < page->count && !plan->careless; i++) {
        uint64_t parts[2] = {hash, page->items[i].thing * 1000U + page->items[i].version * 8U +
                                       (unsigned)page->items[i].kind};
        hash = hash64((struct bytes){(const char *)parts, sizeof parts});
    }
    snprintf(out, 64, "%" PRIx64 "-%u%u-%" PRIu64 "-%" PRIu64, hash, page->has_next, page->more,
             page->total + page->last * 1000, plan->restless ? place->world->harvests / 4 : 0);
}

static const char *quoted(const char *etag)
{
    return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

bool validate_is_unchanged(const struct asked *asked, const struct shown *page)
{
    char etag[64], full[80];
    struct tm parts = {0};
    if (asked->match[0]) {
        etag_of(asked, page, etag);
        snprintf(full, sizeof full, "\"%s\"", etag);
        return strcmp(quoted(asked->match), full) == 0;
    }
    if (!asked->since[0] || !strptime(asked->since, date_format, &parts))
        return false;
    return asked->place->modified_ms / 1000 <= timegm(&parts);
}

bool validate_is_behind(const struct place *place)
{
    if (place->spoilt || place->world->plan.careless)
        return false;
    for (unsigned i = 0; i < THINGS; i++) {
        const struct thing *thing = &place->truth.things[i];
        if (place->mirror[i] != (thing->lives ? thing->version : VERSION_NONE))
            return true;
    }
    return false;
}

void validate_add(const struct asked *asked, const struct shown *page, struct reply *reply)
{
    const struct world *w = asked->place->world;
    enum validate kind = w->plan.validate;
    char etag[64];
    if (kind == VALIDATE_NOT)
        return;
    put_date(reply, "Date", SIM_WALL_MS + w->now_ms);
    if (kind != VALIDATE_BY_DATE) {
        etag_of(asked, page, etag);
        reply_header(reply, "ETag", "%s\"%s\"", kind == VALIDATE_WEAKLY ? "W/" : "", etag);
    }
    if (kind == VALIDATE_BY_DATE || kind == VALIDATE_BY_BOTH)
        put_date(reply, "Last-Modified", asked->place->modified_ms);
}
