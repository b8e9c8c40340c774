/* The heart: events in the order of their times, and what each is for. An event is for one process: when that
 * one is gone, so is the event; while it is suspended, its events wait. */
#include "tests/sim/cluster/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum { CALM_MS = 20000, LOOK_MS = 1000 };

/* --- chance --- */

uint32_t pick(struct world *w, uint32_t count)
{
    return (uint32_t)random_below(&w->random, count);
}

bool chance(struct world *w, unsigned in_thousand)
{
    return in_thousand && random_below(&w->random, 1000) < in_thousand;
}

int64_t between(struct world *w, int64_t from_ms, int64_t to_ms)
{
    return from_ms + (int64_t)random_below(&w->random, (uint64_t)(to_ms - from_ms + 1));
}

int64_t about(struct world *w, int64_t mean_ms)
{
    return between(w, 1, chance(w, 200) ? 5 * mean_ms : mean_ms);
}

/* --- the heap --- */

static bool comes_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->serial < b->serial;
}

static void heap_add(struct world *w, const struct event *event)
{
    CHECK(w->event_count < EVENTS);
    uint32_t at = w->event_count++;
    while (at > 0 && comes_before(event, &w->heap[(at - 1) / 2])) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = *event;
}

static struct event heap_take(struct world *w)
{
    struct event first = w->heap[0], moved = w->heap[--w->event_count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < w->event_count; at = child) {
        if (child + 1 < w->event_count && comes_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!comes_before(&w->heap[child], &moved))
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = moved;
    return first;
}

void world_later(struct world *w, int64_t after_ms, struct event event)
{
    event.at_ms = w->now_ms + after_ms;
    event.serial = w->serial++;
    heap_add(w, &event);
}

/* --- places --- */

int64_t place_now(const struct world *w, uint32_t place)
{
    const struct clock *clock = &w->places[place].clock;
    return clock->offset_ms + w->now_ms + w->now_ms * clock->drift_ppm / 1000000;
}

void place_start(struct world *w, uint32_t place)
{
    CHECK(!w->places[place].is_up);
    w->places[place].is_up = true;
    w->places[place].process = ++w->processes;
    w->places[place].stopped_ms = 0;
    if (place == AT_COORDINATOR)
        coordinator_start(w);
    else
        worker_start(w, place - AT_NODES);
}

void place_crash(struct world *w, uint32_t place, const char *why)
{
    CHECK(w->places[place].is_up);
    TELL(w, place, "dies: %s", why);
    w->places[place].is_up = false;
    w->places[place].process = 0;
    if (place == AT_COORDINATOR)
        coordinator_stop(w);
    else
        worker_stop(w, place - AT_NODES);
}

bool crashes_at(struct world *w, uint32_t place, const char *step)
{
    if (w->is_calm || !w->crashes || random_below(&w->random, 10000) >= w->crashes)
        return false;
    place_crash(w, place, step);
    w->tally->step_kills += place != AT_COORDINATOR;
    world_later(w, chance(w, 150) ? about(w, 20000) : about(w, 2000),
                (struct event){.kind = EVENT_START, .place = place});
    return true;
}

/* --- the diary --- */

const char *place_name(const struct world *w, uint32_t place)
{
    static const char *const names[] = {"coordinator", "w1", "w2", "w3", "w4", "w5", "w6", "s1", "s2"};
    _Static_assert(sizeof names / sizeof *names == PLACES, "a name each");
    (void)w;
    return names[place];
}

void world_tell(struct world *w, uint32_t place, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buffer_printf(w->diary, "[%6" PRId64 "] %s: %s\n", w->now_ms, place_name(w, place), text);
}

/* --- a world --- */

static void draw_kind(struct world *w)
{
    static const unsigned losses[] = {0, 5, 30, 100};
    w->shards = 4 + pick(w, SHARDS - 3);
    w->nodes = 3 + pick(w, 3);
    w->followers = pick(w, 3);
    w->loss = losses[pick(w, 4)];
    w->doubles = losses[pick(w, 3)];
    w->slow = losses[pick(w, 4)];
    w->crashes = chance(w, 400) ? 0 : 5 + pick(w, 60);
    fault_draw(w);
    w->fault_ms = 1500 + pick(w, 12000);
    w->commit_ms = 150 + pick(w, 1500);
    w->operate_ms = chance(w, 200) ? 1000000 : 1500 + pick(w, 12000);
    for (uint32_t i = 0; i < SHARDS; i++)
        w->load[i] = 20 + pick(w, chance(w, 100) ? 400 : 60);
}

static void open_places(struct world *w)
{
    for (uint32_t i = 0; i < PLACES; i++)
        w->places[i].clock = (struct clock){.offset_ms = 1 + pick(w, 1000000),
                                            .drift_ppm = chance(w, 500) ? (int64_t)pick(w, 40001) - 20000
                                                                        : 0};
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
        w->places[AT_SUBSCRIBERS + i].is_up = true;
        w->places[AT_SUBSCRIBERS + i].process = ++w->processes;
        for (uint32_t j = 0; j < SHARDS; j++)
            w->subscribers[i].shards[j].at.shard = j;
        world_later(w, pick(w, 1000), (struct event){.kind = EVENT_SUBSCRIBE, .place = AT_SUBSCRIBERS + i});
    }
    for (uint32_t i = 0; i < NODES; i++) {
        w->all[i].named = i;
        for (uint32_t j = 0; j < SHARDS; j++) {
            copy_drop(&w->all[i].disk.copies[j]);
            copy_drop(&w->all[i].older.copies[j]);
        }
    }
}

static void open_messages(struct world *w)
{
    w->heap = mem_alloc(EVENTS * sizeof *w->heap);
    w->messages = mem_alloc(MESSAGES * sizeof *w->messages);
    w->unused = mem_alloc(MESSAGES * sizeof(struct message *));
    for (w->unused_count = 0; w->unused_count < MESSAGES; w->unused_count++)
        w->unused[w->unused_count] = &w->messages[w->unused_count];
}

void world_open(struct world *w, uint64_t seed, uint64_t number, struct tally *tally)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->number = number;
    w->tally = tally;
    random_seed(&w->random, seed * UINT64_C(1000003) + number);
    open_messages(w);
    draw_kind(w);
    open_places(w);
    check_open(w);
}

void world_close(struct world *w)
{
    for (uint32_t i = 0; i <= AT_NODES + NODES - 1; i++)
        if (w->places[i].is_up) {
            w->diary = NULL;
            w->places[i].is_up = false;
            if (i == AT_COORDINATOR)
                coordinator_stop(w);
            else
                worker_stop(w, i - AT_NODES);
        }
    while (w->event_count) {
        struct event event = heap_take(w);
        if (event.message)
            message_free(w, event.message);
    }
    free(w->heap);
    free(w->messages);
    free(w->unused);
}

/* --- it runs --- */

static void begin(struct world *w)
{
    TELL(w, AT_COORDINATOR, "%" PRIu32 " shards, %" PRIu32 " workers, %" PRIu32 " followers", w->shards,
         w->nodes, w->followers);
    world_later(w, 0, (struct event){.kind = EVENT_START, .place = AT_COORDINATOR});
    for (uint32_t i = 0; i < w->nodes; i++)
        world_later(w, pick(w, chance(w, 300) ? 30000 : 2000),
                    (struct event){.kind = EVENT_START, .place = AT_NODES + i});
    world_later(w, about(w, 20000), (struct event){.kind = EVENT_OPERATE});
    world_later(w, about(w, 20000), (struct event){.kind = EVENT_FAULT});
    w->calm_ms = 30000 + (int64_t)pick(w, 120000);
    world_later(w, w->calm_ms, (struct event){.kind = EVENT_LOOK});
}

static void look(struct world *w)
{
    if (!w->is_calm) {
        w->is_calm = true;
        w->quiet_ms = w->now_ms + CALM_MS;
        fault_calm(w);
    }
    operate_calm(w);
    if (w->now_ms >= w->quiet_ms)
        check_end(w);
    world_later(w, LOOK_MS, (struct event){.kind = EVENT_LOOK});
}

static void start(struct world *w, uint32_t place)
{
    bool is_unwanted = w->is_calm && place >= AT_NODES + w->nodes;
    if (!w->places[place].is_up && !is_unwanted)
        place_start(w, place);
}

static void happen(struct world *w, const struct event *event)
{
    const uint32_t node = event->place - AT_NODES;
    switch (event->kind) {
    case EVENT_ARRIVE:
        network_arrive(w, event->message);
        break;
    case EVENT_TICK:
        coordinator_tick(w);
        break;
    case EVENT_HEARTBEAT:
        worker_heartbeat(w, node);
        break;
    case EVENT_PLAN:
        act_plan(w, node);
        break;
    case EVENT_ACT:
        act_end(w, node, event->shard);
        break;
    case EVENT_COMMIT:
        worker_commit(w, node);
        break;
    case EVENT_FOLLOW:
        follow_step(w, node, event->shard);
        break;
    case EVENT_SUBSCRIBE:
        subscriber_step(w, event->place - AT_SUBSCRIBERS);
        break;
    case EVENT_EXIT:
        place_crash(w, event->place, "it was told to stop");
        world_later(w, about(w, 3000), (struct event){.kind = EVENT_START, .place = event->place});
        break;
    case EVENT_OPERATE:
        operate(w);
        break;
    case EVENT_FAULT:
        fault_strikes(w);
        break;
    case EVENT_HEAL:
        w->all[node].is_full = false;
        break;
    case EVENT_START:
        start(w, event->place);
        break;
    case EVENT_KILL:
        fault_kills(w, event->place);
        break;
    case EVENT_RESTORE:
        fault_restores(w, node);
        break;
    case EVENT_LOOK:
        look(w);
        break;
    }
}

/* Those of a process that is suspended come when it goes on, in any order. */
static bool waits(struct world *w, struct event *event)
{
    const struct place *place = &w->places[event->place];
    bool is_for_process = event->kind <= EVENT_EXIT;
    if (!is_for_process || place->stopped_ms <= w->now_ms)
        return false;
    event->waits = true;
    world_later(w, place->stopped_ms - w->now_ms + pick(w, 30), *event);
    return true;
}

void world_wake(struct world *w)
{
    const uint32_t count = w->event_count;
    for (uint32_t i = 0; i < PLACES; i++)
        w->places[i].stopped_ms = 0;
    w->event_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct event event = w->heap[i];
        if (event.waits)
            event.at_ms = w->now_ms + (int64_t)(event.serial % 30);
        heap_add(w, &event);
    }
}

bool world_run(struct world *w)
{
    begin(w);
    while (!w->is_over && check_is_fine(w)) {
        CHECK(w->event_count);
        struct event event = heap_take(w);
        w->now_ms = event.at_ms;
        if (event.process && event.process != w->places[event.place].process) {
            if (event.message)
                message_free(w, event.message);
            continue;
        }
        if (waits(w, &event))
            continue;
        happen(w, &event);
        w->tally->events++;
        check_event(w);
    }
    return check_is_fine(w);
}
