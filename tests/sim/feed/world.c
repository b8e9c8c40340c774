#include "tests/sim/feed/world.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CALM_STEPS = 20000 };

_Noreturn void world_die(struct world *w, const char *what)
{
    fprintf(stderr, "world %" PRIu64 " of seed %" PRIu64 ": %s: %s\n", w->number, w->seed, what, w->e.text);
    exit(3);
}

uint32_t pick(struct world *w, uint32_t count)
{
    return (uint32_t)random_below(&w->random, count);
}

bool chance(struct world *w, unsigned percent)
{
    return random_below(&w->random, 100) < percent;
}

bool world_note(struct world *w, struct note note)
{
    note.at_ms = w->now_ms;
    if (note.kind <= NOTE_REFUSED || note.kind == NOTE_BEGINS_AT)
        note.fork = w->shards[note.shard].fork;
    if (w->diary)
        note_print(&note, w->diary);
    return check_note(&w->check, &note);
}

/* --- its life --- */

static void make_folders(struct world *w)
{
    const char *tmp = getenv("TMPDIR");
    char from[400], to[400];
    snprintf(w->path, sizeof w->path, "%s/garner-feed-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    if (!mkdtemp(w->path))
        world_die(w, "making a folder");
    for (uint32_t i = 0; i < WORKERS; i++)
        snprintf(w->workers[i].path, sizeof w->workers[i].path, "%s/worker%" PRIu32, w->path, i);
    for (uint32_t i = 0; i < BACKUPS; i++)
        snprintf(w->backups[i].path, sizeof w->backups[i].path, "%s/backup%" PRIu32, w->path, i);
    for (uint32_t i = 0; i < SHARDS; i++)
        snprintf(w->shards[i].follower.copy.path, sizeof w->backups[i].path, "%s/follower%" PRIu32, w->path,
                 i);
    worker_open(w, &w->workers[0]);
    snprintf(from, sizeof from, "%s/garner", w->workers[0].path);
    snprintf(to, sizeof to, "%s/garner", w->workers[1].path);
    if (mkdir(w->workers[1].path, 0700) || link(from, to)) /* one feed */
        world_die(w, "making a folder");
    worker_open(w, &w->workers[1]);
}

bool world_open(struct world *w, uint64_t seed, uint64_t number, struct tally *tally)
{
    *w = (struct world){.seed = seed, .number = number, .tally = tally, .map_version = 1};
    random_seed(&w->random, seed * UINT64_C(0x9e3779b97f4a7c15) + number);
    check_open(&w->check, SHARDS, SUBSCRIBERS);
    w->worker_count = 1 + (uint32_t)(number % 2);
    w->is_followed = number / 2 % 2;
    for (uint32_t i = 0; i < SHARDS; i++) {
        w->shards[i].epoch = 1;
        w->shards[i].worker = w->worker_count > 1 ? pick(w, 2) : 0;
        w->was_at[i] = w->shards[i].worker;
        w->workers[w->shards[i].worker].has[i] = true;
    }
    make_folders(w);
    for (uint32_t i = 0; i < SUBSCRIBERS; i++)
        w->subs[i] = subscriber_new(w, i);
    return true;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

void world_close(struct world *w)
{
    for (uint32_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_close(w->subs[i]);
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_close(w, &w->workers[i]);
    for (uint32_t i = 0; i < SHARDS; i++)
        buffer_close(&w->shards[i].aborted);
    for (uint32_t i = 0; i < MESSAGES; i++)
        buffer_close(&w->messages[i].packed);
    check_close(&w->check);
    arena_close(&w->scratch);
    nftw(w->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- what happens --- */

static bool step_subscribers(struct world *w)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < SUBSCRIBERS; i++)
        fine = subscriber_steps(w, w->subs[i]);
    return fine;
}

static bool step(struct world *w)
{
    bool fine = true;
    w->now_ms += 1 + pick(w, 4);
    if (chance(w, 20))
        fine = owner_writes(w);
    if (fine && chance(w, 8))
        fine = fate_strikes(w);
    return fine && fate_ends_absences(w) && follower_steps(w) && network_step(w) && step_subscribers(w);
}

static bool all_are_done(const struct world *w)
{
    bool done = true;
    for (uint32_t i = 0; done && i < SUBSCRIBERS; i++)
        done = subscriber_is_done(w, w->subs[i]);
    return done;
}

/* Nothing is written any more and nothing goes wrong: all subscribers get to the end. */
static bool come_to_rest(struct world *w)
{
    w->calm = true;
    bool fine = fate_ends_absences(w) && owner_lists_all(w);
    for (uint32_t i = 0; fine && i < CALM_STEPS && !all_are_done(w); i++) {
        w->now_ms++;
        fine = (i % 100 || follower_steps(w)) && network_step(w) && step_subscribers(w);
    }
    for (uint32_t i = 0; fine && i < SUBSCRIBERS; i++) {
        fine = world_note(w, (struct note){.kind = NOTE_FINISHED, .who = i});
        w->tally->finished++;
    }
    return fine;
}

bool world_run(struct world *w)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < STEPS; i++)
        fine = step(w);
    fine = fine && come_to_rest(w) && owner_shows(w);
    w->tally->given += w->check.given;
    w->tally->rows += w->check.rows;
    return fine;
}
