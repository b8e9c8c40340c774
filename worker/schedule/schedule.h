/* Schedule: which collection is harvested when. Pure: no I/O, no clock; the dice are seeded by the caller.
 *
 * An entry is one collection that is harvested again and again. It is in one state:
 *
 *   OUT --add--> WAITING --schedule_next--> UNDER_WAY --schedule_ended--> WAITING …
 *                   |                           |
 *                   +---------remove------------+--> OUT
 *
 * so it is never under way twice at once. When it is due again:
 *
 * - after a harvest that went well: one period after this one began, less up to a tenth of it at random, so
 *   that collections of one period don't stay in step, and none waits longer than its period. The first time
 *   in a run it is a random part of the period: what began together doesn't go on together.
 * - after one that failed: twice as long each time, from SCHEDULE_BACK_OFF_FIRST_MS or the period, whichever
 * is less, up to SCHEDULE_BACK_OFF_MAX_MS or the period, whichever is more; and again up to a tenth less.
 *
 * Of those that are due the one of the highest priority goes first, and within it the one that has been due
 * longest; but each SCHEDULE_FAIR-th goes to whoever has been due longest of all, so that low ones are late
 * and not forgotten. Every call takes O(log n). */
#ifndef GARNER_SCHEDULE_H
#define GARNER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/heap.h"
#include "common/random.h"

enum {
    SCHEDULE_PRIORITIES = 3, /* 0 is the highest */
    SCHEDULE_FAIR = 8,
    SCHEDULE_BACK_OFF_FIRST_MS = 30000,
    SCHEDULE_BACK_OFF_MAX_MS = 3600000,
};

enum schedule_state { SCHEDULE_OUT, SCHEDULE_WAITING, SCHEDULE_UNDER_WAY };

/* Embedded by the caller; all zero is OUT. Only for schedule.c to write. */
struct schedule_entry {
    struct heap_node node; /* by when it is due */
    int64_t began_ms;      /* its last harvest, or INT64_MIN */
    uint32_t period_ms;    /* 49 days at most */
    uint16_t failures;     /* in succession */
    uint8_t priority;
    uint8_t state : 2;
    uint8_t again : 1;   /* to be harvested once more when it has ended */
    uint8_t settled : 1; /* it has its phase: the next period isn't a random part any more */
};

struct schedule {
    struct heap waiting[SCHEDULE_PRIORITIES];
    struct random random;
    uint64_t started; /* entries that were given out */
    uint64_t under_way;
};

void schedule_open(struct schedule *schedule, uint64_t seed);
void schedule_close(struct schedule *schedule); /* entries are the caller's */

/* Watch over an entry that is OUT. `began_ms`: when its last harvest began, on the steady clock, which may be
 * before this run (then it keeps its phase), or INT64_MIN for one that has never been harvested: due now.
 * `failures`: of these, the last ones that failed. */
void schedule_add(struct schedule *schedule, struct schedule_entry *entry, int64_t period_ms, int priority,
                  int64_t began_ms, uint16_t failures, int64_t now_ms);
void schedule_remove(struct schedule *schedule, struct schedule_entry *entry); /* OUT is fine */

/* Due now; if it is under way, once more when it has ended. */
void schedule_now(struct schedule *schedule, struct schedule_entry *entry, int64_t now_ms);

/* The next one to be harvested, which is under way from now on. Null when none is due; then `*at_ms` is when
 * one will be (INT64_MAX: none). */
struct schedule_entry *schedule_next(struct schedule *schedule, int64_t now_ms, int64_t *at_ms);

/* Its harvest is over: well, or not; a failed one is due no sooner than `not_before_ms` (0: any time). */
void schedule_ended(struct schedule *schedule, struct schedule_entry *entry, bool well, int64_t not_before_ms,
                    int64_t now_ms);

/* It was given out, and could not begin: it waits until `at_ms`, as if it had not been given out. */
void schedule_put_back(struct schedule *schedule, struct schedule_entry *entry, int64_t at_ms);

int64_t schedule_due_ms(const struct schedule_entry *entry); /* of one that is WAITING */

#endif
