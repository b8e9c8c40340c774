#include "worker/status/tally.h"

#include <stdlib.h>

#include "common/check.h"

enum { MS_PER_S = 1000, PERCENTILE = 99, HUNDRED = 100 };

void tally_begin(struct tally *t, int64_t now_ms, uint32_t most)
{
    CHECK(most > 0);
    *t = (struct tally){.now_ms = now_ms, .most = most};
    t->status.time_ms = now_ms;
    t->troubles = mem_alloc(2 * (size_t)most * sizeof *t->troubles);
}

void tally_close(struct tally *t)
{
    free(t->troubles);
    t->troubles = NULL;
    arena_close(&t->arena);
}

/* --- ages --- */

/* Small ones have a bin each; then there are as many for each power of two. */
static unsigned bin_of(int64_t ms)
{
    uint64_t value = ms > 0 ? (uint64_t)ms : 0;
    if (value < 1 << TALLY_BIN_BITS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - TALLY_BIN_BITS;
    return ((shift + 1) << TALLY_BIN_BITS) + (unsigned)(value >> shift) - (1 << TALLY_BIN_BITS);
}

/* The largest age of a bin. */
static int64_t bin_end_ms(unsigned bin)
{
    unsigned shift = bin >> TALLY_BIN_BITS;
    if (!shift)
        return bin;
    uint64_t base = (bin & ((1 << TALLY_BIN_BITS) - 1)) + (1 << TALLY_BIN_BITS);
    return (int64_t)(((base + 1) << (shift - 1)) - 1);
}

static void add_age(struct tally *t, const struct tally_entry *entry, bool *is_late)
{
    struct status_age *age = &t->status.ages[entry->priority];
    int64_t ms = t->now_ms > entry->good_ms ? t->now_ms - entry->good_ms : 0;
    unsigned bound = 0;
    age->collections++;
    *is_late = false;
    if (!entry->good_ms) {
        age->never++;
        return;
    }
    while (bound < STATUS_AGE_BOUNDS && (double)ms > status_age_bounds[bound] * MS_PER_S)
        bound++;
    age->counts[bound]++;
    age->sum_ms += ms;
    t->bins[entry->priority][bin_of(ms)]++;
    *is_late = entry->period_ms && ms / STATUS_LATE_PERIODS > entry->period_ms;
    age->late += *is_late;
    if (ms > age->oldest_ms || age->collections - age->never == 1) {
        age->oldest_ms = ms;
        age->oldest_period_ms = entry->period_ms;
    }
}

static int64_t p99_ms(const struct tally *t, int priority)
{
    const struct status_age *age = &t->status.ages[priority];
    uint64_t known = age->collections - age->never, seen = 0;
    uint64_t wanted = (known * PERCENTILE + HUNDRED - 1) / HUNDRED;
    for (unsigned bin = 0; known && bin < TALLY_BINS; bin++) {
        seen += t->bins[priority][bin];
        if (seen >= wanted)
            return bin_end_ms(bin) < age->oldest_ms ? bin_end_ms(bin) : age->oldest_ms;
    }
    return 0;
}

/* --- what is wrong --- */

/* The worst kind first, within it by name: so one account's stand together. */
static int compare(const void *left, const void *right)
{
    const struct status_trouble *a = left, *b = right;
    int r = (int)a->kind - (int)b->kind;
    const struct bytes *parts_a[] = {&a->key.provider, &a->key.account, &a->key.type, &a->key.region,
                                     &a->key.parent};
    const struct bytes *parts_b[] = {&b->key.provider, &b->key.account, &b->key.type, &b->key.region,
                                     &b->key.parent};
    for (size_t i = 0; i < sizeof parts_a / sizeof *parts_a && !r; i++)
        r = bytes_compare(*parts_a[i], *parts_b[i]);
    return r;
}

static struct bytes copy(struct arena *arena, struct bytes text)
{
    return text.data ? arena_copy(arena, text) : text;
}

static void keep(struct status_trouble *trouble, struct arena *arena)
{
    struct collection_key *key = &trouble->key;
    *key = (struct collection_key){.provider = copy(arena, key->provider),
                                   .account = copy(arena, key->account),
                                   .type = copy(arena, key->type),
                                   .region = copy(arena, key->region),
                                   .parent = copy(arena, key->parent)};
    if (trouble->cause)
        trouble->cause = arena_strdup(arena, bytes_of(trouble->cause));
}

/* Keep the worst; their texts move, so that those of the others can go. */
static void cut(struct tally *t)
{
    struct arena arena = {0};
    qsort(t->troubles, t->count, sizeof *t->troubles, compare);
    if (t->count <= t->most)
        return;
    t->status.left_out += t->count - t->most;
    t->count = t->most;
    for (uint32_t i = 0; i < t->count; i++)
        keep(&t->troubles[i], &arena);
    arena_close(&t->arena);
    t->arena = arena;
}

static void add_trouble(struct tally *t, const struct tally_entry *entry, enum trouble kind, int64_t since_ms,
                        uint64_t count)
{
    bool has_cause = kind == TROUBLE_UNREACHABLE || kind == TROUBLE_FAILING;
    t->status.troubled[kind]++;
    if (t->count == 2 * t->most)
        cut(t);
    struct status_trouble *trouble = &t->troubles[t->count++];
    *trouble = (struct status_trouble){
        .key = entry->key,
        .kind = kind,
        .since_ms = since_ms,
        .error = kind == TROUBLE_UNREACHABLE ? entry->error : ERR_OK,
        .cause = has_cause ? entry->cause : NULL,
        .next_ms = entry->next_ms,
        .count = count,
    };
    keep(trouble, &t->arena);
}

void tally_add(struct tally *t, const struct tally_entry *entry)
{
    bool is_late;
    if (entry->is_unwatched) {
        t->status.unwatched++;
        return;
    }
    t->status.collections++;
    t->status.resources += entry->rows;
    t->status.states[entry->state]++;
    add_age(t, entry, &is_late);
    if (entry->is_unreachable)
        add_trouble(t, entry, TROUBLE_UNREACHABLE, entry->unreachable_since_ms, 0);
    else if (entry->is_failing)
        add_trouble(t, entry, TROUBLE_FAILING, entry->failing_since_ms, 0);
    if (entry->held)
        add_trouble(t, entry, TROUBLE_HELD, entry->held_since_ms, entry->held);
    if (entry->quarantined)
        add_trouble(t, entry, TROUBLE_QUARANTINED, entry->quarantined_since_ms, entry->quarantined);
    if (is_late && !entry->is_unreachable && !entry->is_failing)
        add_trouble(t, entry, TROUBLE_STALE, entry->good_ms, 0);
}

/* --- work --- */

void tally_add_receipt(struct tally *t, const struct receipt *receipt, uint64_t rows)
{
    struct status_work *work = &t->status.work;
    bool unmodified = receipt->unmodified_ms > receipt->ended_ms;
    if (unmodified) { /* the last one asked, and nothing was listed */
        work->unmodified++;
        work->items += rows;
        work->tiers[0] += rows;
        return;
    }
    work->sound += receipt->sound;
    work->unsound += receipt->complete && !receipt->sound;
    work->failed_all += !receipt->complete;
    work->failed[receipt->error] += !receipt->complete;
    work->items += receipt->created + receipt->updated + receipt->unchanged;
    work->created += receipt->created;
    work->updated += receipt->updated;
    work->deleted += receipt->deleted;
    work->requests += receipt->requests;
    work->bytes += receipt->bytes;
    work->throttled += receipt->error == ERR_THROTTLED;
    work->tiers[1] += receipt->tier1;
    work->tiers[2] += receipt->tier2;
    if (receipt->unchanged > receipt->tier1 + receipt->tier2)
        work->tiers[3] += receipt->unchanged - receipt->tier1 - receipt->tier2;
    work->tiers[4] += receipt->created + receipt->updated;
}

const struct status *tally_end(struct tally *t)
{
    cut(t);
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        t->status.ages[i].p99_ms = p99_ms(t, i);
    t->status.troubles = t->troubles;
    t->status.trouble_count = t->count;
    return &t->status;
}
