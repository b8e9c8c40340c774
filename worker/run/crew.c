/* The threads of a run: each has the accounts, tasks and commits of its own shards, and a loop. They share
 * what is read-only, the limits (limits.c), and one mutex for what is told to the caller. With one thread all
 * of it happens on the caller's, and no mutex is ever waited for.
 *
 * An account of several splits may have shards on several threads. Each of these resolves its credentials,
 * keeps its sessions and finds its regions, so that nothing but limits is handed from thread to thread; what
 * there is to tell of the account as a whole, the first one tells that has it to tell. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/signals.h"
#include "worker/decode/xml.h"
#include "worker/run/internal.h"

#ifdef __SANITIZE_THREAD__
/* A thread holds LMDB's mutexes of several shards, in whatever order their writes begin. No other thread ever
 * takes one of these shards', so there is nobody to wait for each other with. NNG counts references by
 * atomics that ThreadSanitizer doesn't see. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "deadlock:liblmdb\nrace:libnng\n";
}
#endif

static uint32_t usable_cores(void)
{
    cpu_set_t set;
    long count = sched_getaffinity(0, sizeof set, &set) ? sysconf(_SC_NPROCESSORS_ONLN) /* more than 1024 */
                                                        : CPU_COUNT(&set);
    return count < 1 ? 1 : count < LIMIT_THREADS ? (uint32_t)count : LIMIT_THREADS;
}

static int open_crew(struct crew *crew, const struct run_setting *set, struct error *e)
{
    uint32_t wanted = set->threads ? set->threads : usable_cores();
    static const struct config nobody;
    *crew = (struct crew){.set = set, .lease.until_ms = INT64_MAX};
    CHECK(!(set->once && set->is_worker) && (set->is_worker || !set->is_sole));
    CHECK(pthread_mutex_init(&crew->telling, NULL) == 0);
    CHECK(pthread_mutex_init(&crew->changing, NULL) == 0);
    roster_open(&crew->roster, set->is_worker ? &nobody : set->config, set->folder->shards, wanted,
                !set->once);
    crew->runs = mem_zalloc(crew->roster.threads * sizeof(struct run *));
    crew->shards = mem_zalloc(set->folder->shards * sizeof(struct shard *));
    crew->shown = mem_zalloc(set->folder->shards * sizeof *crew->shown);
    crew->notes = mem_zalloc(NOTES_SLOTS * sizeof(struct account_notes *));
    control_open(crew);
    adopt_first(crew);
    own_know(crew, set->config);
    int code = limits_open(&crew->limits, crew->roster.threads, crew->roster.threads > 1 || !set->once, e);
    for (uint32_t i = 0; !code && i < crew->roster.threads; i++)
        code = run_open(&crew->runs[i], crew, i, e);
    return code;
}

static void close_notes(struct crew *crew)
{
    for (uint32_t i = 0; i < NOTES_SLOTS; i++)
        while (crew->notes[i]) {
            struct account_notes *notes = crew->notes[i];
            crew->notes[i] = notes->same_slot;
            free(notes->name);
            free(notes);
        }
    free(crew->notes);
}

static void close_crew(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->roster.threads; i++)
        run_close(crew->runs[i]);
    for (uint32_t i = 0; i < crew->set->folder->shards; i++)
        free(crew->shards[i]);
    limits_close(&crew->limits);
    free(crew->runs);
    free(crew->shards);
    free(crew->shown);
    directory_close(&crew->directory);
    adopt_last(crew);
    close_notes(crew);
    control_close(crew);
    roster_close(&crew->roster);
    pthread_mutex_destroy(&crew->changing);
    pthread_mutex_destroy(&crew->telling);
}

/* --- threads --- */

static void *work(void *context)
{
    struct run *run = context;
    char name[16];
    snprintf(name, sizeof name, "harvest-%u", run->thread + 1);
    pthread_setname_np(pthread_self(), name);
    pthread_mutex_lock(&run->crew->telling); /* held until all threads are there */
    bool abandoned = run->crew->abandoned;
    pthread_mutex_unlock(&run->crew->telling);
    if (!abandoned)
        run_harvest(run);
    return NULL;
}

/* Start the other threads. If that fails, those that began go home again. */
static int start(struct crew *crew, uint32_t *started, struct error *e)
{
    int code = 0;
    sigset_t before;
    pthread_mutex_lock(&crew->telling);
    signals_block(&before); /* signals are the caller's thread's */
    while (!code && *started + 1 < crew->roster.threads) {
        struct run *run = crew->runs[*started + 1];
        int number = pthread_create(&run->id, NULL, work, run);
        if (number)
            code = error_set(e, ERR_IO,
                             "thread %u can't be started: %s: raise the limit of processes, or take fewer "
                             "threads",
                             run->thread + 1, strerrordesc_np(number));
        else
            ++*started;
    }
    signals_restore(&before);
    if (!code && crew->set->started)
        code = crew->set->started(crew->set->context, crew, e);
    crew->abandoned = code != 0;
    pthread_mutex_unlock(&crew->telling);
    return code;
}

static int harvest(struct crew *crew, struct error *e)
{
    uint32_t started = 0;
    xml_begin();
    int code = start(crew, &started, e);
    if (!code)
        run_harvest(crew->runs[0]);
    for (uint32_t i = 1; i <= started; i++)
        CHECK(pthread_join(crew->runs[i]->id, NULL) == 0);
    if (!code && crew->set->ending)
        crew->set->ending(crew->set->context);
    return code;
}

/* --- totals, and what is told --- */

static void sum(const struct crew *crew, struct run_totals *totals)
{
    *totals = (struct run_totals){0};
    for (uint32_t i = 0; i < crew->roster.threads; i++)
        if (crew->runs[i])
            report_add(totals, &crew->runs[i]->totals);
}

void crew_progress(struct run *run)
{
    struct crew *crew = run->crew;
    const struct run_setting *set = crew->set;
    struct run_totals totals = {0};
    uint64_t under_way = 0;
    pthread_mutex_lock(&crew->telling);
    run->shown = run->totals;
    run->shown_active = run->active;
    int64_t now_ms = clock_steady_ms();
    if (run->active && now_ms - crew->shown_ms >= RUN_PROGRESS_MS) {
        crew->shown_ms = now_ms;
        for (uint32_t i = 0; i < crew->roster.threads; i++) {
            report_add(&totals, &crew->runs[i]->shown);
            under_way += crew->runs[i]->shown_active;
        }
        set->progress(set->context, &totals, under_way);
    }
    pthread_mutex_unlock(&crew->telling);
}

/* --- what is told of accounts --- */

struct account_notes *crew_notes(struct crew *crew, struct bytes provider, struct bytes id)
{
    struct buffer name = {0};
    buffer_printf(&name, "%.*s/%.*s", BYTES_ARG(provider), BYTES_ARG(id));
    pthread_mutex_lock(&crew->telling);
    struct account_notes **slot = &crew->notes[hash64(buffer_bytes(&name)) % NOTES_SLOTS];
    struct account_notes *notes = *slot;
    while (notes && !bytes_is(buffer_bytes(&name), notes->name))
        notes = notes->same_slot;
    if (!notes) {
        notes = mem_zalloc(sizeof *notes);
        notes->same_slot = *slot;
        notes->name = mem_strdup(buffer_text(&name));
        *slot = notes;
    }
    pthread_mutex_unlock(&crew->telling);
    buffer_close(&name);
    return notes;
}

uint32_t crew_splits(struct crew *crew, struct bytes provider, struct bytes id)
{
    const struct account_notes *notes = crew_notes(crew, provider, id);
    pthread_mutex_lock(&crew->telling);
    uint32_t splits = notes->splits;
    pthread_mutex_unlock(&crew->telling);
    return splits;
}

void crew_keep_splits(const struct account *a)
{
    struct crew *crew = a->run->crew;
    pthread_mutex_lock(&crew->telling);
    a->notes->splits = a->config->splits;
    pthread_mutex_unlock(&crew->telling);
}

void crew_keep_home(struct account *a)
{
    if (!account_is_home(a))
        return;
    pthread_mutex_lock(&a->run->crew->telling);
    a->notes->home = a;
    pthread_mutex_unlock(&a->run->crew->telling);
}

/* After a reload it may be over here when the one that takes its place is open, perhaps at another thread. */
void crew_leave_home(struct account *a)
{
    pthread_mutex_lock(&a->run->crew->telling);
    if (a->notes->home == a)
        a->notes->home = NULL;
    pthread_mutex_unlock(&a->run->crew->telling);
}

bool crew_tell_first(const struct account *a, enum told what)
{
    struct crew *crew = a->run->crew;
    pthread_mutex_lock(&crew->telling);
    bool is_first = !(a->notes->told & what);
    a->notes->told |= what;
    pthread_mutex_unlock(&crew->telling);
    return is_first;
}

void crew_tell_again(const struct account *a, enum told what)
{
    struct crew *crew = a->run->crew;
    pthread_mutex_lock(&crew->telling);
    a->notes->told &= ~(unsigned)what;
    pthread_mutex_unlock(&crew->telling);
}

int run_all(const struct run_setting *set, struct run_totals *totals, struct error *e)
{
    struct crew crew;
    int code = open_crew(&crew, set, e);
    if (!code && (!set->is_worker || set->is_sole))
        code = watch_check(&crew, e);
    if (!code)
        code = harvest(&crew, e);
    sum(&crew, totals);
    if (!code && set->once && !totals->stopped)
        code = watch_mark(&crew, e);
    sum(&crew, totals);
    close_crew(&crew);
    return code;
}
