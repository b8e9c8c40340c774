/* The thread goes round: take over what is wanted now, open copies, ask, take what came. It waits for answers
 * in slices, so that what others want of it is noticed soon. */
#include "worker/follow/following.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/signals.h"
#include "worker/follow/internal.h"

void following_say(struct following *f, const char *format, ...)
{
    char line[ERROR_TEXT_MAX + 200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    f->set.trouble(f->set.context, line);
}

/* --- what is wanted --- */

static void leave(struct following *f, uint32_t shard)
{
    struct following_shard *s = &f->shards[shard];
    following_close_copy(f, shard);
    if (s->is_open)
        pursuit_leave(&f->pursuit, shard);
    free(s->address);
    *s = (struct following_shard){0};
}

static void want(struct following *f, const struct followed *wanted)
{
    CHECK(wanted->shard < f->set.folder->shards);
    struct following_shard *s = &f->shards[wanted->shard];
    free(s->address);
    s->address = mem_strdup(wanted->address);
    s->hasten = wanted->hasten;
    if (!s->is_wanted)
        s->again_ms = INT64_MIN;
    s->is_wanted = true;
    if (s->is_open)
        pursuit_follow(&f->pursuit, wanted->shard, s->address, s->hasten);
}

static void apply(struct following *f, const struct followed *all, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        f->shards[all[i].shard].stays = true;
    for (uint32_t i = 0; i < f->set.folder->shards; i++) {
        if (f->shards[i].is_wanted && !f->shards[i].stays)
            leave(f, i);
        f->shards[i].stays = false;
    }
    for (uint32_t i = 0; i < count; i++)
        want(f, &all[i]);
    pursuit_tidy(&f->pursuit);
    following_close_links(f, false);
}

/* --- the thread --- */

static bool take_over(struct following *f)
{
    pthread_mutex_lock(&f->lock.mutex);
    atomic_store(&f->is_poked, false);
    bool goes_on = !f->ending, is_new = f->is_new;
    pthread_mutex_unlock(&f->lock.mutex);
    if (!is_new || !goes_on)
        return goes_on;
    apply(f, f->wanted, f->wanted_count); /* it stays as it is until its owner is told */
    pthread_mutex_lock(&f->lock.mutex);
    f->is_new = false;
    pthread_cond_broadcast(&f->applied);
    pthread_mutex_unlock(&f->lock.mutex);
    return true;
}

static void *follow(void *context)
{
    struct following *f = context;
    pthread_setname_np(pthread_self(), "following");
    while (take_over(f)) {
        following_open_copies(f);
        following_ask_all(f);
        following_take_all(f);
    }
    return NULL;
}

/* Signals are the main thread's. */
static int start_threads(struct following *f, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    f->dialer = dialer_open(&f->lock, &f->is_poked);
    f->has_thread = f->dialer && pthread_create(&f->thread, NULL, follow, f) == 0;
    signals_restore(&before);
    return f->has_thread
               ? 0
               : error_set(e, ERR_IO, "a thread can't be started: raise the limit of processes (ulimit -u)");
}

int following_open(const struct following_setting *setting, struct following **out, struct error *e)
{
    struct following *f = mem_zalloc(sizeof *f);
    const uint32_t shards = setting->folder->shards;
    *out = NULL;
    f->set = *setting;
    f->shards = mem_zalloc(shards * sizeof *f->shards);
    f->touched = mem_alloc(shards * sizeof *f->touched);
    f->refused = mem_alloc(shards * sizeof *f->refused);
    f->wanted = mem_zalloc(shards * sizeof *f->wanted);
    atomic_init(&f->lease_ms, INT64_MIN);
    struct pursuit_setting pursuit = {.name = bytes_of(setting->worker),
                                      .shards = shards,
                                      .bytes_per_s = setting->bytes_per_s ? setting->bytes_per_s
                                                                          : LIMIT_FOLLOW_BYTES};
    memcpy(pursuit.feed, setting->folder->feed, sizeof pursuit.feed);
    pursuit_open(&f->pursuit, &pursuit);
    rpc_lock_open(&f->lock);
    CHECK(pthread_cond_init(&f->applied, NULL) == 0);
    int r = start_threads(f, e);
    if (r)
        following_close(f);
    else
        *out = f;
    return r;
}

/* --- from outside --- */

static void poke(struct following *f)
{
    atomic_store(&f->is_poked, true);
    pthread_cond_broadcast(&f->lock.changed);
}

static bool is_as_wanted(const struct following *f, const struct followed *all, uint32_t count)
{
    bool same = count == f->wanted_count;
    for (uint32_t i = 0; same && i < count; i++)
        same = all[i].shard == f->wanted[i].shard && all[i].hasten == f->wanted[i].hasten &&
               strcmp(all[i].address, f->wanted[i].address) == 0;
    return same;
}

static void free_wanted(struct following *f)
{
    for (uint32_t i = 0; i < f->wanted_count; i++)
        free((char *)(uintptr_t)f->wanted[i].address);
    f->wanted_count = 0;
}

void following_set(struct following *f, const struct followed *all, uint32_t count)
{
    CHECK(count <= f->set.folder->shards);
    pthread_mutex_lock(&f->lock.mutex);
    while (f->is_new) /* another thread's */
        pthread_cond_wait(&f->applied, &f->lock.mutex);
    if (!is_as_wanted(f, all, count)) {
        free_wanted(f);
        for (uint32_t i = 0; i < count; i++)
            f->wanted[i] = (struct followed){all[i].shard, mem_strdup(all[i].address), all[i].hasten};
        f->wanted_count = count;
        f->is_new = true;
        poke(f);
    }
    while (f->is_new)
        pthread_cond_wait(&f->applied, &f->lock.mutex);
    pthread_mutex_unlock(&f->lock.mutex);
}

void following_lease(struct following *f, int64_t until_ms)
{
    atomic_store(&f->lease_ms, until_ms);
}

void following_close(struct following *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock.mutex);
    f->ending = true;
    poke(f);
    pthread_mutex_unlock(&f->lock.mutex);
    if (f->has_thread)
        pthread_join(f->thread, NULL);
    for (uint32_t i = 0; i < f->set.folder->shards; i++)
        if (f->shards[i].is_wanted)
            leave(f, i);
    following_close_links(f, true);
    dialer_close(f->dialer);
    pursuit_close(&f->pursuit);
    pthread_cond_destroy(&f->applied);
    rpc_lock_close(&f->lock);
    arena_close(&f->arena);
    buffer_close(&f->memory);
    free_wanted(f);
    free(f->wanted);
    free(f->links);
    free(f->shards);
    free(f->touched);
    free(f->refused);
    free(f);
}
