/* Each turn: what is wanted is taken over; whoever isn't asked anything is asked; what has come is taken. */
#include "worker/follow/following.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/signals.h"
#include "worker/follow/internal.h"

enum {
    AGAIN_MS = 500,         /* after nobody was there */
    WAIT_MS = 5000,         /* for changes */
    PART_BYTES = 512 << 10, /* of a snapshot */
    CHANGES_BYTES = 1 << 20
};

/* --- what is wanted --- */

static struct line *line_to(struct following *f, const char *address)
{
    struct line *line = f->lines;
    while (line && strcmp(line->address, address) != 0)
        line = line->next;
    if (!line) {
        line = mem_zalloc(sizeof *line);
        line->address = mem_strdup(address);
        line->next = f->lines;
        f->lines = line;
    }
    line->is_used = true;
    return line;
}

/* What is under way is asked for again: an answer may be about who isn't followed any more. */
static void give_up(struct line *line)
{
    line->asked = ASKED_NOTHING;
    line->about = NULL;
}

static void close_line(struct line *line)
{
    client_close(line->client);
    free(line->address);
    free(line);
}

static void drop_unused(struct following *f)
{
    for (struct line **at = &f->lines; *at;) {
        struct line *line = *at;
        if (line->is_used) {
            at = &line->next;
            continue;
        }
        *at = line->next;
        close_line(line);
    }
}

static void point(struct following *f, const struct followed *followed)
{
    struct mirror *m = &f->mirrors[followed->shard];
    struct line *line = *followed->address ? line_to(f, followed->address) : NULL;
    if (m->is_on && m->line == line)
        return;
    if (m->line)
        give_up(m->line);
    if (line)
        give_up(line);
    m->is_on = true;
    m->line = line;
    m->has_begin = false;
    m->again_ms = 0;
}

static bool is_wanted(const struct following *f, uint32_t shard)
{
    for (uint32_t i = 0; i < f->wanted_count; i++)
        if (f->wanted[i].shard == shard)
            return true;
    return false;
}

static void take_over(struct following *f)
{
    for (struct line *line = f->lines; line; line = line->next)
        line->is_used = false;
    for (uint32_t i = 0; i < f->set.folder->shards; i++)
        if (f->mirrors[i].is_on && !is_wanted(f, i)) {
            if (f->mirrors[i].line)
                give_up(f->mirrors[i].line);
            mirror_close(&f->mirrors[i]);
        }
    for (uint32_t i = 0; i < f->wanted_count; i++)
        point(f, &f->wanted[i]);
}

/* Connections are closed without the lock: they take it themselves. */
static void take_over_if_new(struct following *f)
{
    pthread_mutex_lock(&f->lock.mutex);
    bool is_new = f->wanted_times != f->done_times;
    if (is_new) {
        take_over(f);
        f->done_times = f->wanted_times;
        pthread_cond_broadcast(&f->lock.changed);
    }
    pthread_mutex_unlock(&f->lock.mutex);
    if (is_new)
        drop_unused(f);
}

/* --- asking --- */

static void tell_away(struct following *f, struct line *line, const struct error *e)
{
    if (!line->is_told)
        f->set.trouble(f->set.context, e->text);
    line->is_told = true;
    line->again_ms = clock_steady_ms() + AGAIN_MS;
    give_up(line);
}

/* The next one that needs something else than changes, and may be asked for. */
static struct mirror *next_special(struct following *f, struct line *line, int64_t now_ms)
{
    const uint32_t count = f->set.folder->shards;
    for (uint32_t i = 0; i < count; i++) {
        struct mirror *m = &f->mirrors[(line->turn + i) % count];
        bool waits = m->need == NEED_SNAPSHOT && now_ms < f->parts_ms;
        if (m->is_on && m->line == line && m->need != NEED_CHANGES && now_ms >= m->again_ms && !waits) {
            line->turn = m->shard + 1;
            return m;
        }
    }
    return NULL;
}

static void demand_special(struct following *f, struct mirror *m, struct operator_request *request)
{
    const struct bytes name = bytes_of(f->set.worker);
    if (m->need == NEED_SNAPSHOT) {
        struct feed_snapshot part = m->has_begin ? m->part : (struct feed_snapshot){0};
        part.shard = m->shard;
        part.max_bytes = PART_BYTES;
        part.receipts = true;
        part.feed = f->set.folder->feed;
        part.follower = name;
        request->kind = OPERATOR_SNAPSHOT;
        request->snapshot = part;
        return;
    }
    request->kind = OPERATOR_FETCH;
    request->fetch = (struct feed_demand){.shards = &m->shard,
                                          .shard_count = 1,
                                          .oldest = true,
                                          .feed = f->set.folder->feed,
                                          .follower = name,
                                          .max_events = 1,
                                          .max_bytes = 1};
}

/* Of all that have something of it, and what they have. False: there are none. */
static bool demand_changes(struct following *f, const struct line *line, int64_t now_ms, bool waits,
                           struct operator_request *request)
{
    const uint32_t count = f->set.folder->shards;
    struct position *positions = arena_alloc(&f->arena, count * sizeof *positions);
    uint32_t *shards = arena_alloc(&f->arena, count * sizeof *shards);
    struct feed_demand demand = {.positions = positions,
                                 .shards = shards,
                                 .receipts = true,
                                 .feed = f->set.folder->feed,
                                 .follower = bytes_of(f->set.worker),
                                 .max_events = LIMIT_FETCH_CHANGES,
                                 .max_bytes = CHANGES_BYTES,
                                 .wait_ms = waits ? WAIT_MS : 0};
    for (uint32_t i = 0; i < count; i++) {
        struct mirror *m = &f->mirrors[i];
        struct error e;
        if (!m->is_on || m->line != line || m->need != NEED_CHANGES || now_ms < m->again_ms)
            continue;
        int r = mirror_open(f, m, &e);
        if (!r && m->need == NEED_CHANGES)
            r = copy_position(m->copy, &positions[demand.count], &e);
        if (r)
            mirror_failed(f, m, &e);
        if (r || m->need != NEED_CHANGES)
            continue;
        shards[demand.shard_count++] = i;
        demand.count += !position_is_none(&positions[demand.count]);
    }
    request->kind = OPERATOR_FETCH;
    request->fetch = demand;
    return demand.shard_count > 0;
}

static int send(struct following *f, struct line *line, struct operator_request *request, struct error *e)
{
    int r = line->client ? 0 : client_open(line->address, &f->lock, &line->client, e);
    return r ? r : client_send(line->client, request, e);
}

/* Snapshots and changes take turns. */
static void ask(struct following *f, struct line *line, int64_t now_ms)
{
    struct operator_request request = {0};
    struct error e;
    struct mirror *special = line->was_special ? NULL : next_special(f, line, now_ms);
    arena_reset(&f->arena);
    if (special)
        demand_special(f, special, &request);
    else if (!demand_changes(f, line, now_ms, !next_special(f, line, now_ms), &request)) {
        line->was_special = false;
        return;
    }
    line->was_special = special != NULL;
    if (send(f, line, &request, &e)) {
        tell_away(f, line, &e);
        return;
    }
    line->asked = !special ? ASKED_CHANGES : special->need == NEED_SNAPSHOT ? ASKED_PART : ASKED_LOG;
    line->about = special;
}

/* What was never copied needs no store yet to be asked for. */
static void look_at_stores(struct following *f)
{
    for (uint32_t i = 0; i < f->set.folder->shards; i++) {
        struct mirror *m = &f->mirrors[i];
        struct error e;
        if (m->is_on && m->line && !m->copy && clock_steady_ms() >= m->again_ms &&
            folder_has(f->set.folder, i) && mirror_open(f, m, &e))
            mirror_failed(f, m, &e);
    }
}

static void ask_all(struct following *f)
{
    int64_t now_ms = clock_steady_ms();
    if (now_ms >= atomic_load(&f->lease_ms))
        return;
    look_at_stores(f);
    for (struct line *line = f->lines; line; line = line->next)
        if (line->asked == ASKED_NOTHING && now_ms >= line->again_ms)
            ask(f, line, now_ms);
}

/* --- answers --- */

static void pace(struct following *f, size_t bytes)
{
    int64_t now_ms = clock_steady_ms();
    f->parts_ms = (f->parts_ms > now_ms ? f->parts_ms : now_ms) +
                  (int64_t)(bytes * 1000 / (f->set.bytes_per_s ? f->set.bytes_per_s : 1));
}

static void take(struct following *f, struct line *line, const struct operator_reply *reply)
{
    struct mirror *about = line->about;
    enum asked asked = line->asked;
    struct error e;
    int r = 0;
    give_up(line);
    line->is_told = false;
    if (asked == ASKED_CHANGES) {
        mirror_take_changes(f, line, &reply->fetch);
    } else if (asked == ASKED_PART) {
        pace(f, f->memory.len);
        r = mirror_take_part(f, about, &reply->snapshot, &e);
    } else {
        r = mirror_take_log(f, about, &reply->fetch, &e);
    }
    if (r)
        mirror_failed(f, about, &e);
}

/* An owner that answers with a failure is there: whom it concerned is asked for again later. */
static void refused(struct following *f, struct line *line, const struct error *e)
{
    struct mirror *about = line->about;
    if (client_is_away(e->code) || !about) {
        tell_away(f, line, e);
        return;
    }
    give_up(line);
    mirror_failed(f, about, e);
}

static void hear(struct following *f, struct line *line)
{
    struct operator_reply reply;
    struct error e;
    bool is_there;
    arena_reset(&f->arena);
    int r = client_receive(line->client, clock_steady_ms(), &f->memory, &f->arena, &reply, &is_there, &e);
    if (r)
        refused(f, line, &e);
    else if (is_there)
        take(f, line, &reply);
}

static void hear_all(struct following *f)
{
    for (struct line *line = f->lines; line; line = line->next)
        if (line->asked != ASKED_NOTHING)
            hear(f, line);
}

/* --- its thread --- */

static void wait_for_something(struct following *f)
{
    struct client **clients;
    size_t count = 0;
    int64_t end_ms = clock_steady_ms() + AGAIN_MS / 5;
    for (struct line *line = f->lines; line; line = line->next)
        count += line->asked != ASKED_NOTHING;
    clients = mem_alloc((count + 1) * sizeof *clients);
    count = 0;
    for (struct line *line = f->lines; line; line = line->next)
        if (line->asked != ASKED_NOTHING)
            clients[count++] = line->client;
    if (count)
        client_wait_any(clients, count, end_ms, &f->is_poked);
    else {
        pthread_mutex_lock(&f->lock.mutex);
        if (!atomic_load(&f->is_poked))
            rpc_lock_wait(&f->lock, end_ms);
        pthread_mutex_unlock(&f->lock.mutex);
    }
    free(clients);
}

static void *work(void *context)
{
    struct following *f = context;
    pthread_setname_np(pthread_self(), "following");
    while (!atomic_load(&f->is_ending)) {
        atomic_store(&f->is_poked, false);
        take_over_if_new(f);
        ask_all(f);
        wait_for_something(f);
        hear_all(f);
    }
    return NULL;
}

static void poke(struct following *f)
{
    atomic_store(&f->is_poked, true);
    pthread_cond_broadcast(&f->lock.changed);
}

/* --- from outside --- */

static void free_wanted(struct following *f)
{
    for (uint32_t i = 0; i < f->wanted_count; i++)
        free((char *)(uintptr_t)f->wanted[i].address);
    f->wanted_count = 0;
}

static bool is_as_wanted(const struct following *f, const struct followed *all, uint32_t count)
{
    bool same = count == f->wanted_count;
    for (uint32_t i = 0; same && i < count; i++)
        same = all[i].shard == f->wanted[i].shard && strcmp(all[i].address, f->wanted[i].address) == 0;
    return same;
}

void following_set(struct following *f, const struct followed *all, uint32_t count)
{
    CHECK(count <= f->set.folder->shards);
    pthread_mutex_lock(&f->lock.mutex);
    if (!is_as_wanted(f, all, count)) {
        free_wanted(f);
        for (uint32_t i = 0; i < count; i++)
            f->wanted[i] = (struct followed){all[i].shard, mem_strdup(all[i].address), all[i].hasten};
        f->wanted_count = count;
        uint64_t times = ++f->wanted_times;
        poke(f);
        while (f->done_times < times)
            rpc_lock_wait(&f->lock, INT64_MAX);
    }
    pthread_mutex_unlock(&f->lock.mutex);
}

void following_lease(struct following *f, int64_t until_ms)
{
    atomic_store(&f->lease_ms, until_ms);
}

int following_open(const struct following_setting *setting, struct following **out, struct error *e)
{
    struct following *f = mem_zalloc(sizeof *f);
    sigset_t before;
    *out = NULL;
    f->set = *setting;
    rpc_lock_open(&f->lock);
    atomic_store(&f->lease_ms, INT64_MIN);
    f->mirrors = mem_zalloc(setting->folder->shards * sizeof *f->mirrors);
    f->wanted = mem_zalloc(setting->folder->shards * sizeof *f->wanted);
    for (uint32_t i = 0; i < setting->folder->shards; i++)
        f->mirrors[i].shard = i;
    signals_block(&before); /* signals are the main thread's */
    int number = pthread_create(&f->thread, NULL, work, f);
    signals_restore(&before);
    f->has_thread = !number;
    if (number) {
        following_close(f);
        return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                         strerrordesc_np(number));
    }
    *out = f;
    return 0;
}

void following_close(struct following *f)
{
    if (!f)
        return;
    if (f->has_thread) {
        pthread_mutex_lock(&f->lock.mutex);
        atomic_store(&f->is_ending, true);
        poke(f);
        pthread_mutex_unlock(&f->lock.mutex);
        CHECK(pthread_join(f->thread, NULL) == 0);
    }
    for (uint32_t i = 0; i < f->set.folder->shards; i++)
        mirror_close(&f->mirrors[i]);
    while (f->lines) {
        struct line *line = f->lines;
        f->lines = line->next;
        close_line(line);
    }
    free_wanted(f);
    free(f->wanted);
    free(f->mirrors);
    rpc_lock_close(&f->lock);
    arena_close(&f->arena);
    buffer_close(&f->memory);
    free(f);
}
