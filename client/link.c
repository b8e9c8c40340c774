/* Who is asked, and what they answer: connections, the map of workers, requests under way. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/internal.h"
#include "common/check.h"
#include "common/clock.h"

enum {
    SLICE_MS = 100,       /* a stop is noticed within so long */
    AGAIN_FIRST_MS = 100, /* a broken connection is made again after up to this, then twice as long … */
    AGAIN_MAX_MS = 5000,
    TURNED_AWAY_MS = 250 /* one that has as many who wait as it can have is asked again after so long */,
    ONE_OF_MANY_MS = 2000, /* one of several workers is asked to wait: else its silence tells nothing */
    SILENCE_MS = 2000      /* beyond that: another one may have what it had */
};

/* --- connections --- */

/* A worker of a cluster may be replaced: so it is waited for a while in any case. */
static int64_t patience_ms(const struct garner *feed, const struct garner_link *link)
{
    bool is_home = link == &feed->home;
    for (uint32_t i = 0; i < feed->follow.worker_count && !is_home; i++)
        is_home = link == &feed->links[i] && !*feed->follow.workers[i].address;
    return is_home || feed->give_up_ms > GARNER_REPLACED_MS ? feed->give_up_ms : GARNER_REPLACED_MS;
}

int garner_note_lost(struct garner *feed, struct garner_link *link, int r, const struct error *e)
{
    int64_t now_ms = clock_steady_ms();
    uint64_t up_to = (uint64_t)AGAIN_FIRST_MS << (link->failures < 6 ? link->failures : 6);
    link->at_end = false;
    if (!client_is_away(r))
        return r;
    up_to = up_to < AGAIN_MAX_MS ? up_to : AGAIN_MAX_MS;
    link->failures++;
    link->again_ms = now_ms + (int64_t)(up_to / 2 + random_below(&feed->random, up_to / 2 + 1));
    link->lost_ms = link->lost ? link->lost_ms : now_ms;
    if (feed->give_up_ms < INT64_MAX && now_ms - link->lost_ms + 1 >= patience_ms(feed, link))
        return r;
    if (!link->lost)
        garner_say(feed, "%s (waiting for it to come back)", e->text);
    link->lost = true;
    return 0;
}

void garner_note_there(struct garner *feed, struct garner_link *link)
{
    link->failures = 0;
    if (link->lost)
        garner_say(feed, "connected again: going on where we were");
    link->lost = false;
}

int garner_connect(struct garner *feed, struct garner_link *link, const char *address, struct error *e)
{
    int64_t answer_ms = link == &feed->home ? GARNER_REPLACED_MS : LIMIT_RPC_ANSWER_MS;
    int r = link->client ? 0 : client_open_within(address, &feed->lock, answer_ms, &link->client, e);
    if (r || !feed->follow.set.shards)
        return r;
    if (memcmp(client_peer(link->client)->feed, feed->follow.set.feed, sizeof feed->follow.set.feed) != 0)
        return error_set(e, ERR_STOPPED, "%s: another Garner runs there now, with another feed: ask it anew",
                         address);
    return 0;
}

void garner_close_links(struct garner *feed)
{
    for (uint32_t i = 0; i < feed->follow.worker_count && feed->links; i++)
        client_close(feed->links[i].client);
    free(feed->links);
    feed->links = NULL;
}

/* --- asking --- */

static int ask_worker(struct garner *feed, uint32_t worker, int64_t wait_ms, struct error *e)
{
    struct garner_link *link = &feed->links[worker];
    const char *address = feed->follow.workers[worker].address;
    struct operator_request request;
    if (feed->follow.workers[worker].asked || clock_steady_ms() < link->again_ms)
        return 0;
    if (*address && wait_ms > ONE_OF_MANY_MS)
        wait_ms = ONE_OF_MANY_MS;
    arena_reset(&feed->scratch);
    int r = garner_connect(feed, link, *address ? address : feed->address, e);
    if (r || !follow_ask(&feed->follow, worker, (uint64_t)wait_ms, &feed->scratch, &request))
        return r;
    link->until_ms = clock_steady_ms() + wait_ms;
    link->is_silent = false;
    r = client_send(link->client, &request, e);
    if (r)
        follow_lost(&feed->follow, worker);
    return r;
}

/* Ask everyone who isn't asked already. A connection that can't be made is tried again later. */
int garner_ask_all(struct garner *feed, int64_t wait_ms, struct error *e)
{
    int r = garner_see_to_map(feed, e);
    for (uint32_t i = 0; i < feed->follow.worker_count && !r; i++) {
        r = ask_worker(feed, i, wait_ms, e);
        if (r)
            r = garner_note_lost(feed, &feed->links[i], r, e);
    }
    return r;
}

/* --- what arrives --- */

static enum garner_code code_of_refusal(enum refusal_kind kind)
{
    return kind == REFUSAL_FUTURE     ? GARNER_FUTURE
           : kind == REFUSAL_DIVERGED ? GARNER_DIVERGED
                                      : GARNER_COMPACTED;
}

static void say_snapshot(struct garner *feed, const struct follow_arrival *arrival)
{
    if (arrival->kind != FOLLOW_SNAPSHOT || !arrival->first || arrival->why == FOLLOW_ASKED)
        return;
    garner_say(feed,
               arrival->why == FOLLOW_COMPACTED
                   ? "shard %" PRIu32 ": we fell behind what it keeps: taking a snapshot of it"
                   : "shard %" PRIu32 ": its history went another way: taking a snapshot of it",
               arrival->shard);
}

/* An answer of nothing, before its time: as many wait there as it lets. So we wait here for a while. */
static bool is_turned_away(struct garner_link *link, const struct garner_answer *answer)
{
    const struct feed_changes *changes = &answer->reply.fetch;
    int64_t now_ms = clock_steady_ms();
    if (answer->arrival.kind != FOLLOW_FETCH || changes->count || changes->position_count ||
        now_ms >= link->until_ms)
        return false;
    link->again_ms = now_ms + TURNED_AWAY_MS < link->until_ms ? now_ms + TURNED_AWAY_MS : link->until_ms;
    return true;
}

/* What a worker has answered, if it has. */
static int take_answer(struct garner *feed, uint32_t worker, struct error *e)
{
    struct garner_link *link = &feed->links[worker];
    struct garner_answer *answer;
    enum refusal_kind refused;
    bool there;
    if (!feed->follow.workers[worker].asked)
        return 0;
    answer = garner_new_answer(feed);
    int r = client_receive(link->client, 0, &answer->memory, &answer->arena, &answer->reply, &there, e);
    if (!r && there) {
        garner_note_there(feed, link);
        r = follow_arrived(&feed->follow, worker, &answer->reply, &answer->arrival, &refused, e);
        link->at_end = answer->arrival.kind == FOLLOW_FETCH && !answer->reply.fetch.more;
        if (r == ERR_USAGE)
            garner_fail(&feed->failed, code_of_refusal(refused), e->text);
    } else if (r) {
        follow_lost(&feed->follow, worker);
        r = garner_note_lost(feed, link, r, e);
    } else if (*feed->follow.workers[worker].address) {
        link->is_silent = clock_steady_ms() > link->until_ms + SILENCE_MS;
    }
    if (!r && there && answer->arrival.kind != FOLLOW_IDLE && !is_turned_away(link, answer)) {
        say_snapshot(feed, &answer->arrival);
        garner_add_answer(feed, answer);
    } else {
        garner_free_answer(feed, answer);
    }
    return r;
}

static void sleep_until(int64_t end_ms)
{
    int64_t left_ms = end_ms - clock_steady_ms();
    if (left_ms > 0)
        usleep((useconds_t)(left_ms < SLICE_MS ? left_ms : SLICE_MS) * 1000);
}

bool garner_is_asked(const struct garner *feed)
{
    for (uint32_t i = 0; i < feed->follow.worker_count; i++)
        if (feed->follow.workers[i].asked)
            return true;
    return false;
}

bool garner_is_at_end(const struct garner *feed)
{
    for (uint32_t i = 0; i < feed->follow.worker_count; i++)
        if (!feed->links[i].at_end)
            return false;
    return !feed->first && !feed->follow.needs_map && !follow_lacking(&feed->follow, NULL);
}

static void wait_for_any(struct garner *feed, int64_t end_ms)
{
    int64_t slice_ms = clock_steady_ms() + SLICE_MS;
    struct client **clients = mem_alloc((feed->follow.worker_count + 1) * sizeof(struct client *));
    uint32_t count = 0;
    for (uint32_t i = 0; i < feed->follow.worker_count; i++)
        if (feed->follow.workers[i].asked)
            clients[count++] = feed->links[i].client;
    if (count)
        client_wait_any(clients, count, end_ms < slice_ms ? end_ms : slice_ms, NULL);
    else
        sleep_until(end_ms);
    free(clients);
}

int garner_take_answers(struct garner *feed, int64_t end_ms, struct error *e)
{
    int r = 0;
    wait_for_any(feed, end_ms);
    for (uint32_t i = 0; i < feed->follow.worker_count && !r; i++)
        r = take_answer(feed, i, e);
    return r;
}
