/* The driver of follow.h: it sends what is to be asked, and gives what has arrived.
 *
 * A request waits at the server for changes only while garner_next waits for it. Where an answer says that
 * there is more already, the next one is asked for before the first is given, so that server and subscriber
 * work at the same time. What has arrived and isn't given is bounded: by min_demand, and one answer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/internal.h"
#include "common/check.h"
#include "common/clock.h"

enum { LATE_MS = 1000 }; /* an answer that is so late is left for the next call */

/* --- answers --- */

struct garner_answer *garner_new_answer(struct garner *feed)
{
    struct garner_answer *answer = feed->free;
    if (!answer)
        return mem_zalloc(sizeof *answer);
    feed->free = answer->next;
    struct buffer memory = answer->memory;
    struct arena arena = answer->arena;
    arena_reset(&arena);
    *answer = (struct garner_answer){.memory = memory, .arena = arena};
    return answer;
}

void garner_free_answer(struct garner *feed, struct garner_answer *answer)
{
    answer->next = feed->free;
    feed->free = answer;
}

static void close_answer(struct garner_answer *answer)
{
    if (!answer)
        return;
    buffer_close(&answer->memory);
    arena_close(&answer->arena);
    free(answer);
}

void garner_drop_answers(struct garner *feed)
{
    if (feed->current)
        garner_free_answer(feed, feed->current);
    feed->current = NULL;
    feed->current_is_done = false;
    for (struct garner_answer *next; feed->first; feed->first = next) {
        next = feed->first->next;
        garner_free_answer(feed, feed->first);
    }
    feed->end = &feed->first;
    feed->events = 0;
}

void garner_add_answer(struct garner *feed, struct garner_answer *answer)
{
    answer->next = NULL;
    *feed->end = answer;
    feed->end = &answer->next;
    feed->events += answer->arrival.events;
}

/* --- giving --- */

/* The next answer to be given; where it said that there is more, that is asked for already. */
static int take_next(struct garner *feed, struct error *e)
{
    feed->current = feed->first;
    feed->first = feed->current->next;
    if (!feed->first)
        feed->end = &feed->first;
    feed->events -= feed->current->arrival.events;
    bool more = feed->current->arrival.kind == FOLLOW_SNAPSHOT || feed->current->reply.fetch.more;
    return more && feed->events <= feed->min_demand ? garner_ask_all(feed, 0, e) : 0;
}

/* What was given is done with. */
static void finish_current(struct garner *feed)
{
    struct garner_answer *answer = feed->current;
    follow_given(&feed->follow, &answer->arrival, &answer->reply);
    garner_free_answer(feed, answer);
    feed->current = NULL;
    feed->current_is_done = false;
}

static bool is_end_of_part(const struct garner_answer *answer)
{
    return answer->arrival.kind != FOLLOW_SNAPSHOT ||
           answer->collection > answer->reply.snapshot.collection_count;
}

/* A batch of what has arrived. */
static int give(struct garner *feed, bool *given, struct error *e)
{
    int r = 0;
    *given = false;
    while (!r && !*given) {
        if (!feed->current && !feed->first)
            return 0;
        if (!feed->current)
            r = take_next(feed, e);
        if (!r)
            r = garner_take_batch(feed, given, e);
        if (!r && !*given)
            finish_current(feed);
    }
    if (*given) {
        feed->current_is_done = is_end_of_part(feed->current);
        feed->batch.at_end = feed->current->arrival.kind == FOLLOW_FETCH && garner_is_at_end(feed);
    }
    return r;
}

/* What was asked for with the time that is left comes soon after it. */
static int wait_for_batch(struct garner *feed, int wait_ms, struct error *e)
{
    int64_t end_ms = clock_steady_ms() + wait_ms, until_ms = end_ms;
    bool given = false;
    int r = give(feed, &given, e);
    while (!r && !given && !atomic_load(&feed->stopped)) {
        int64_t left_ms = end_ms - clock_steady_ms();
        r = garner_ask_all(feed, left_ms > 0 ? left_ms : 0, e);
        until_ms = garner_is_asked(feed) ? end_ms + LATE_MS : end_ms;
        if (!r)
            r = garner_take_answers(feed, until_ms, e);
        if (!r)
            r = give(feed, &given, e);
        if (clock_steady_ms() >= until_ms)
            break;
    }
    return r;
}

enum garner_code garner_next(struct garner *feed, int wait_ms, const struct garner_batch **batch,
                             struct garner_error *error)
{
    struct error e;
    *batch = &feed->batch;
    if (feed->failed.code) {
        *error = feed->failed;
        return error->code;
    }
    arena_reset(&feed->texts);
    if (feed->current && feed->current_is_done)
        finish_current(feed);
    feed->batch = (struct garner_batch){.kind = GARNER_NOTHING};
    wait_ms = wait_ms < 0 ? 0 : wait_ms < LIMIT_WAIT_MS ? wait_ms : LIMIT_WAIT_MS;
    int r = wait_for_batch(feed, wait_ms, &e);
    if (r && !feed->failed.code)
        garner_fail_as(&feed->failed, &e);
    if (r)
        *error = feed->failed;
    else if (atomic_load(&feed->stopped) && feed->batch.kind == GARNER_NOTHING)
        return garner_fail(error, GARNER_STOPPED, "stopped by garner_stop");
    return r ? error->code : GARNER_OK;
}

enum garner_code garner_each(struct garner *feed,
                             bool (*take)(void *context, const struct garner_batch *batch), void *context,
                             struct garner_error *error)
{
    enum garner_code code = GARNER_OK;
    while (!code) {
        const struct garner_batch *batch;
        code = garner_next(feed, 1000, &batch, error);
        if (!code && !take(context, batch))
            code = garner_fail(error, GARNER_STOPPED, "stopped by the function that takes batches");
    }
    return code;
}

void garner_stop(struct garner *feed)
{
    atomic_store(&feed->stopped, true);
}

/* --- its life --- */

static int open_feed(struct garner *feed, const struct garner_options *options, struct error *e)
{
    struct follow_setting setting;
    int r = garner_take_options(feed, options, &setting, e);
    if (!r)
        r = client_open(feed->address, &feed->lock, &feed->home.client, e);
    if (r)
        return r;
    client_answers_within(feed->home.client, GARNER_REPLACED_MS);
    const struct operator_hello *peer = client_peer(feed->home.client);
    memcpy(setting.feed, peer->feed, sizeof setting.feed);
    setting.shards = peer->shards;
    follow_open(&feed->follow, &setting);
    return garner_begin_at(feed, options->from, e);
}

struct garner *garner_open(const struct garner_options *options, struct garner_error *error)
{
    struct garner *feed = mem_zalloc(sizeof *feed);
    struct error e;
    feed->end = &feed->first;
    rpc_lock_open(&feed->lock);
    random_seed(&feed->random, (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 32);
    if (open_feed(feed, options, &e) == 0)
        return feed;
    garner_fail_as(error, &e);
    garner_close(feed);
    return NULL;
}

void garner_close(struct garner *feed)
{
    if (!feed)
        return;
    garner_drop_answers(feed);
    for (struct garner_answer *next; feed->free; feed->free = next) {
        next = feed->free->next;
        close_answer(feed->free);
    }
    garner_close_links(feed);
    client_close(feed->home.client);
    follow_close(&feed->follow);
    rpc_lock_close(&feed->lock);
    free(feed->changes);
    free(feed->rows);
    arena_close(&feed->texts);
    arena_close(&feed->scratch);
    arena_close(&feed->setting);
    free(feed);
}
