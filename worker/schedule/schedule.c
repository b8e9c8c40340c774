/* A heap of those that wait for each priority, by when they are due. Which of the three goes next is seen
 * from their first ones alone. */
#include "worker/schedule/schedule.h"

#include "common/check.h"
#include "common/sm.h"

enum { CUT = 10 }; /* a tenth of a period is cut at random */

static const struct sm_state states[] = {
    [SCHEDULE_OUT] = {"out", SM_TO(SCHEDULE_WAITING)},
    [SCHEDULE_WAITING] = {"waiting", SM_TO(SCHEDULE_UNDER_WAY) | SM_TO(SCHEDULE_OUT)},
    [SCHEDULE_UNDER_WAY] = {"under way", SM_TO(SCHEDULE_WAITING) | SM_TO(SCHEDULE_OUT)},
};

void schedule_open(struct schedule *s, uint64_t seed)
{
    *s = (struct schedule){0};
    random_seed(&s->random, seed);
}

void schedule_close(struct schedule *s)
{
    for (int i = 0; i < SCHEDULE_PRIORITIES; i++)
        heap_close(&s->waiting[i]);
}

static void move(struct schedule_entry *entry, int to)
{
    int state = entry->state;
    sm_move(states, &state, to);
    entry->state = (unsigned)state & 3;
}

static void wait(struct schedule *s, struct schedule_entry *entry, int64_t at_ms)
{
    move(entry, SCHEDULE_WAITING);
    heap_push(&s->waiting[entry->priority], &entry->node, at_ms);
}

static void stop_waiting(struct schedule *s, struct schedule_entry *entry)
{
    heap_remove(&s->waiting[entry->priority], &entry->node);
}

static int64_t below(struct schedule *s, int64_t end)
{
    return (int64_t)random_below(&s->random, (uint64_t)end + 1);
}

/* Twice as long for each failure, from the first one on. */
static int64_t back_off_ms(const struct schedule_entry *entry)
{
    int64_t period = entry->period_ms;
    int64_t most = period > SCHEDULE_BACK_OFF_MAX_MS ? period : SCHEDULE_BACK_OFF_MAX_MS;
    int64_t wait_ms = period < SCHEDULE_BACK_OFF_FIRST_MS ? period : SCHEDULE_BACK_OFF_FIRST_MS;
    for (unsigned i = 1; i < entry->failures && wait_ms < most; i++)
        wait_ms *= 2;
    return wait_ms < most ? wait_ms : most;
}

/* How long after its last harvest began it is due again. */
static int64_t interval_ms(struct schedule *s, struct schedule_entry *entry)
{
    int64_t full = entry->failures ? back_off_ms(entry) : entry->period_ms;
    bool takes_phase = !entry->settled && !entry->failures;
    entry->settled = entry->settled || takes_phase;
    return takes_phase ? full - below(s, full) : full - below(s, full / CUT);
}

void schedule_add(struct schedule *s, struct schedule_entry *entry, int64_t period_ms, int priority,
                  int64_t began_ms, uint16_t failures, int64_t now_ms)
{
    CHECK(priority >= 0 && priority < SCHEDULE_PRIORITIES && period_ms > 0);
    entry->period_ms = period_ms < UINT32_MAX ? (uint32_t)period_ms : UINT32_MAX;
    entry->priority = (uint8_t)priority;
    entry->failures = failures;
    entry->began_ms = began_ms;
    entry->again = 0;
    bool is_new = began_ms == INT64_MIN || began_ms > now_ms;
    entry->settled = !is_new;
    wait(s, entry, is_new ? now_ms : began_ms + interval_ms(s, entry));
}

void schedule_remove(struct schedule *s, struct schedule_entry *entry)
{
    if (entry->state == SCHEDULE_OUT)
        return;
    if (entry->state == SCHEDULE_WAITING)
        stop_waiting(s, entry);
    else
        s->under_way--;
    move(entry, SCHEDULE_OUT);
}

void schedule_now(struct schedule *s, struct schedule_entry *entry, int64_t now_ms)
{
    CHECK(entry->state != SCHEDULE_OUT);
    if (entry->state == SCHEDULE_UNDER_WAY) {
        entry->again = 1;
        return;
    }
    stop_waiting(s, entry);
    heap_push(&s->waiting[entry->priority], &entry->node, now_ms);
}

/* The one that has been due longest among those of the highest priority that has any (`fair`: of all). */
static struct schedule_entry *choose(const struct schedule *s, bool fair, int64_t now_ms, int64_t *at_ms)
{
    struct heap_node *best = NULL;
    *at_ms = INT64_MAX;
    for (int i = 0; i < SCHEDULE_PRIORITIES; i++) {
        struct heap_node *first = heap_first(&s->waiting[i]);
        if (!first)
            continue;
        if (first->key < *at_ms)
            *at_ms = first->key;
        if (first->key <= now_ms && (!best || (fair && first->key < best->key)))
            best = first;
    }
    return best ? HEAP_OWNER(best, struct schedule_entry, node) : NULL;
}

struct schedule_entry *schedule_next(struct schedule *s, int64_t now_ms, int64_t *at_ms)
{
    bool fair = s->started % SCHEDULE_FAIR == SCHEDULE_FAIR - 1;
    struct schedule_entry *entry = choose(s, fair, now_ms, at_ms);
    if (!entry)
        return NULL;
    stop_waiting(s, entry);
    move(entry, SCHEDULE_UNDER_WAY);
    entry->began_ms = now_ms;
    s->started++;
    s->under_way++;
    return entry;
}

static void end(struct schedule *s, struct schedule_entry *entry, int64_t at_ms)
{
    CHECK(entry->state == SCHEDULE_UNDER_WAY);
    s->under_way--;
    wait(s, entry, at_ms);
}

void schedule_ended(struct schedule *s, struct schedule_entry *entry, bool well, int64_t not_before_ms,
                    int64_t now_ms)
{
    if (well)
        entry->failures = 0;
    else if (entry->failures < UINT16_MAX)
        entry->failures++;
    /* Backing off counts from the failure, a period from the beginning. */
    int64_t at_ms = (well ? entry->began_ms : now_ms) + interval_ms(s, entry);
    if (!well && at_ms < not_before_ms)
        at_ms = not_before_ms;
    if (entry->again)
        at_ms = now_ms;
    entry->again = 0;
    end(s, entry, at_ms);
}

void schedule_put_back(struct schedule *s, struct schedule_entry *entry, int64_t at_ms)
{
    end(s, entry, at_ms);
}

int64_t schedule_due_ms(const struct schedule_entry *entry)
{
    CHECK(entry->state == SCHEDULE_WAITING);
    return entry->node.key;
}
