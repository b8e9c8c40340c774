/* The map. It is asked for at home, the one that the user named: when a worker says that it hasn't got a
 * shard that it should have, when a worker can't be reached, and while somebody is missing; the first time at
 * once, then less and less often until it is another one. Home may be away meanwhile: what is known goes on.
 */
#include <stdlib.h>

#include "client/internal.h"
#include "common/check.h"
#include "common/clock.h"

enum {
    PAUSE_FIRST_MS = 100,
    PAUSE_MAX_MS = 1000,
    STALE_MS = 10000, /* as PAUSE_MAX_MS, when home doesn't answer and nobody lacks it yet */
    SETTLED_MS = 1000 /* what has been so for so long is so */
};

/* Whoever gave the map may be one of those who have shards: no second connection is made to it. */
static void lend_home(struct garner *feed)
{
    for (uint32_t i = 0; i < feed->follow.worker_count && feed->home.client; i++)
        if (!*feed->follow.workers[i].address && !feed->links[i].client) {
            feed->links[i].client = feed->home.client;
            client_answers_within(feed->home.client, LIMIT_RPC_ANSWER_MS);
            feed->home.client = NULL;
        }
}

/* Connections go on with those that they are of. */
static bool take_map(struct garner *feed, const struct feed_map *map)
{
    uint32_t before = feed->follow.worker_count;
    bool changed = follow_map(&feed->follow, map);
    struct garner_link *links = mem_zalloc((feed->follow.worker_count + 1) * sizeof *links);
    for (uint32_t i = 0; i < feed->follow.worker_count; i++) {
        const struct follow_worker *worker = &feed->follow.workers[i];
        if (worker->was == UINT32_MAX)
            continue;
        links[i] = feed->links[worker->was];
        links[i].at_end = links[i].at_end && !changed;
        feed->links[worker->was].client = NULL;
    }
    for (uint32_t i = 0; i < before; i++)
        client_close(feed->links[i].client);
    free(feed->links);
    feed->links = links;
    lend_home(feed);
    return changed;
}

int garner_learn_map(struct garner *feed, bool *changed, struct error *e)
{
    struct arena arena = {0};
    struct operator_request request = {.kind = OPERATOR_MAP, .map_version = feed->follow.map_version};
    struct operator_reply reply;
    int r = garner_connect(feed, &feed->home, feed->address, e);
    if (!r)
        r = client_ask(feed->home.client, &request, &arena, &reply, e);
    if (!r)
        *changed = take_map(feed, &reply.map);
    arena_close(&arena);
    return r;
}

/* --- shards that nobody has --- */

static int explain_lacking(const struct garner *feed, int code, const char *what, struct error *e)
{
    struct buffer names = {0};
    uint32_t count = follow_lacking(&feed->follow, &names);
    if (count)
        error_set(e, code, "%s %s nobody's for now: %s", buffer_text(&names), count > 1 ? "are" : "is", what);
    buffer_close(&names);
    return count ? code : 0;
}

int garner_check_lacking(const struct garner *feed, struct error *e)
{
    return explain_lacking(feed, ERR_BUSY, "try again in a moment", e);
}

/* A shard that changes hands is nobody's for a moment, and nobody need hear of that. It may look as if it was
 * somebody's in between, as long as that one hasn't answered. */
static int note_lacking(struct garner *feed, struct error *e)
{
    int64_t now_ms = clock_steady_ms();
    int64_t patience_ms = feed->give_up_ms > GARNER_REPLACED_MS ? feed->give_up_ms : GARNER_REPLACED_MS;
    bool lacks = follow_lacking(&feed->follow, NULL) > 0;
    if (lacks)
        feed->lacked_ms = now_ms;
    if (lacks && !feed->lacking_ms)
        feed->lacking_ms = now_ms;
    if (!feed->lacking_ms)
        return 0;
    if (now_ms - feed->lacked_ms >= SETTLED_MS) {
        if (feed->lacking_said)
            garner_say(feed, "all shards are somebody's again: going on where we were");
        feed->lacking_ms = feed->lacking_said = 0;
    } else if (lacks && feed->give_up_ms < INT64_MAX && now_ms - feed->lacking_ms >= patience_ms) {
        return explain_lacking(feed, ERR_CONNECT, "no worker has come that has what is missing", e);
    } else if (lacks && !feed->lacking_said && now_ms - feed->lacking_ms >= SETTLED_MS) {
        explain_lacking(feed, ERR_BUSY, "waiting for a worker that has what is missing", e);
        garner_say(feed, "%s", e->text);
        feed->lacking_said = true;
    }
    return 0;
}

/* --- when it is asked for --- */

/* If a worker is gone, or hangs, another one may have what it had. Home itself isn't replaced by anybody. */
static bool wants_map(const struct garner *feed)
{
    bool wanted = feed->follow.needs_map || follow_lacking(&feed->follow, NULL) > 0;
    for (uint32_t i = 0; i < feed->follow.worker_count && !wanted; i++)
        wanted = (feed->links[i].lost || feed->links[i].is_silent) && *feed->follow.workers[i].address;
    return wanted;
}

static void put_off(struct garner *feed, bool changed)
{
    int64_t twice_ms = 2 * feed->map_pause_ms;
    if (changed || !feed->map_pause_ms)
        twice_ms = PAUSE_FIRST_MS;
    feed->map_pause_ms = twice_ms < PAUSE_MAX_MS ? twice_ms : PAUSE_MAX_MS;
    uint64_t half = (uint64_t)feed->map_pause_ms / 2;
    feed->map_ms = clock_steady_ms() + (int64_t)(half + random_below(&feed->random, half + 1));
}

static int ask(struct garner *feed, struct error *e)
{
    bool changed = false;
    int r = garner_learn_map(feed, &changed, e);
    put_off(feed, changed);
    if (r)
        return garner_note_lost(feed, &feed->home, r, e);
    garner_note_there(feed, &feed->home);
    return note_lacking(feed, e);
}

/* Where a worker has no lease, somebody else may have what it had. If home is away, too, nobody has been
 * replaced: what is known goes on. */
static int look(struct garner *feed, struct error *e)
{
    bool changed;
    int r = garner_learn_map(feed, &changed, e);
    feed->stale_ms = clock_steady_ms() + (r ? STALE_MS : PAUSE_MAX_MS);
    return client_is_away(r) ? 0 : r;
}

int garner_see_to_map(struct garner *feed, struct error *e)
{
    int64_t now_ms = clock_steady_ms();
    int r = note_lacking(feed, e);
    if (r)
        return r;
    bool is_wanted = wants_map(feed);
    if (!is_wanted && now_ms - feed->map_ms >= PAUSE_MAX_MS)
        feed->map_pause_ms = 0;
    if (is_wanted)
        return now_ms >= feed->map_ms ? ask(feed, e) : 0;
    return feed->follow.is_stale && now_ms >= feed->stale_ms ? look(feed, e) : 0;
}
