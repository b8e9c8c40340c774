/* What can be added is; what can't is the worst of both. */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "proto/status.h"

static void add_counts(uint64_t *to, const uint64_t *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] += from[i];
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void merge_age(struct status_age *to, const struct status_age *from)
{
    if (from->oldest_ms > to->oldest_ms) {
        to->oldest_ms = from->oldest_ms;
        to->oldest_period_ms = from->oldest_period_ms;
    }
    to->collections += from->collections;
    to->never += from->never;
    to->late += from->late;
    to->p99_ms = later(to->p99_ms, from->p99_ms);
    to->sum_ms += from->sum_ms;
    add_counts(to->counts, from->counts, STATUS_AGE_BOUNDS + 1);
}

static void merge_work(struct status_work *to, const struct status_work *from)
{
#define X(name) to->name += from->name;
    STATUS_WORK(X)
#undef X
    add_counts(to->tiers, from->tiers, STATUS_TIERS);
    add_counts(to->failed, from->failed, ERR_COUNT);
}

static uint64_t scaled(uint64_t count, int64_t window_ms, int64_t to_ms)
{
    return window_ms ? (uint64_t)((double)count * (double)to_ms / (double)window_ms + 0.5) : 0;
}

/* Rates add up where they are of windows of one length. */
static void merge_window(struct status *to, const struct status *from)
{
    int64_t window_ms = later(to->window_ms, from->window_ms);
    to->window_requests = scaled(to->window_requests, to->window_ms, window_ms) +
                          scaled(from->window_requests, from->window_ms, window_ms);
    to->window_throttled = scaled(to->window_throttled, to->window_ms, window_ms) +
                           scaled(from->window_throttled, from->window_ms, window_ms);
    to->window_ms = window_ms;
}

static struct bytes keep_text(struct arena *arena, struct bytes text)
{
    return text.data ? arena_copy(arena, text) : text;
}

static struct status_trouble keep(struct arena *arena, const struct status_trouble *from)
{
    struct status_trouble to = *from;
    to.key = (struct collection_key){.provider = keep_text(arena, from->key.provider),
                                     .account = keep_text(arena, from->key.account),
                                     .type = keep_text(arena, from->key.type),
                                     .region = keep_text(arena, from->key.region),
                                     .parent = keep_text(arena, from->key.parent)};
    to.cause = from->cause ? arena_strdup(arena, bytes_of(from->cause)) : NULL;
    return to;
}

/* Both are worst first, and so is what comes of them. */
static void merge_troubles(struct arena *arena, struct status *to, const struct status *from)
{
    uint32_t all = to->trouble_count + from->trouble_count, count = 0;
    uint32_t most = all < LIMIT_STATUS_TROUBLES ? all : LIMIT_STATUS_TROUBLES;
    struct status_trouble *troubles = arena_alloc(arena, (most + (size_t)1) * sizeof *troubles);
    for (uint32_t i = 0, j = 0; count < most; count++) {
        bool is_first = j == from->trouble_count ||
                        (i < to->trouble_count && to->troubles[i].kind <= from->troubles[j].kind);
        if (is_first)
            troubles[count] = to->troubles[i++];
        else
            troubles[count] = keep(arena, &from->troubles[j++]);
    }
    to->troubles = troubles;
    to->trouble_count = most;
    to->left_out += from->left_out + (all - most);
}

void status_merge(struct arena *arena, struct status *to, const struct status *from)
{
    bool is_first = !to->time_ms;
    to->started_ms = is_first || from->started_ms < to->started_ms ? from->started_ms : to->started_ms;
    to->time_ms = later(to->time_ms, from->time_ms);
    to->scheduled = from->scheduled && (is_first || to->scheduled);
    to->is_partial = to->is_partial || from->is_partial;
    to->collections += from->collections;
    to->unwatched += from->unwatched;
    to->resources += from->resources;
    add_counts(to->states, from->states, STATE_COUNT);
    add_counts(to->troubled, from->troubled, TROUBLE_COUNT);
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        merge_age(&to->ages[i], &from->ages[i]);
    merge_work(&to->work, &from->work);
    merge_window(to, from);
    to->accounts = from->accounts > to->accounts ? from->accounts : to->accounts;
    to->accounts_failed = from->accounts_failed > to->accounts_failed ? from->accounts_failed
                                                                      : to->accounts_failed;
    to->breakers_open += from->breakers_open;
    merge_troubles(arena, to, from);
}
