/* The high-water mark, a coordinator that notes and strikes followers, and what is said between them: lost,
 * late, doubled, and of processes that are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/feed/mark.h"

enum { WORKERS = 4, WIRE = 16, STEPS = 3000, WORLDS = 300 };

struct record {
    uint64_t version;
    struct replica_order replicas[CLUSTER_REPLICAS];
    uint32_t count;
};

/* A heartbeat, or its answer. */
struct wire {
    bool is_there, is_answer;
    uint64_t incarnation, number, version;
    uint32_t held, behind;
    struct record record;
};

/* An owner that starts anew at times, a coordinator, followers, and what is under way between them. */
struct world {
    struct random random;
    struct mark mark;
    bool has_order;
    uint64_t incarnation, number;             /* of the owner's last heartbeat … */
    uint64_t known_incarnation, known_number; /* … and of the last that was heard */
    struct record record;
    struct wire wire[WIRE];
    uint64_t stored[WORKERS]; /* by the followers */
    bool is_dead[WORKERS];
    uint64_t head, most; /* committed; that anybody was ever served */
    int64_t now_ms;
    uint64_t notes, strikes, promotable;
    bool calm, wrong;
};

static uint32_t pick(struct world *w, uint32_t count)
{
    return (uint32_t)random_below(&w->random, count);
}

static void look(struct world *w)
{
    if (w->has_order && mark_served(&w->mark) > w->most)
        w->most = mark_served(&w->mark);
    for (uint32_t i = 0; i < w->record.count; i++) {
        w->promotable += w->record.replicas[i].in_sync;
        w->wrong |= w->record.replicas[i].in_sync && w->stored[w->record.replicas[i].worker] < w->most;
    }
}

static void send(struct world *w, struct wire message)
{
    for (uint32_t i = 0; i < WIRE; i++)
        if (!w->wire[i].is_there) {
            w->wire[i] = message;
            w->wire[i].is_there = true;
            return;
        }
}

static void report(struct world *w)
{
    struct wire message = {.incarnation = w->incarnation, .number = ++w->number};
    message.version = mark_report(&w->mark, w->now_ms, &message.held, &message.behind);
    send(w, message);
}

/* What the coordinator makes of it. */
static void hear(struct world *w, const struct wire *said)
{
    struct record *record = &w->record;
    if (said->incarnation < w->known_incarnation ||
        (said->incarnation == w->known_incarnation && said->number <= w->known_number))
        return;
    w->known_incarnation = said->incarnation;
    w->known_number = said->number;
    bool changes = false;
    for (uint32_t i = 0; said->version == record->version && i < record->count; i++) {
        bool held = said->held >> i & 1, behind = said->behind >> i & 1;
        struct replica_order *replica = &record->replicas[i];
        w->notes += held && !behind && !replica->in_sync;
        w->strikes += behind;
        changes |= behind || (held && !replica->in_sync);
        replica->in_sync = (replica->in_sync || held) && !behind;
    }
    record->version += changes;
    send(w, (struct wire){.is_answer = true, .incarnation = said->incarnation, .record = *record});
}

static void obey(struct world *w, const struct wire *answer)
{
    if (answer->incarnation != w->incarnation)
        return;
    mark_order(&w->mark, answer->record.version, answer->record.replicas, answer->record.count, w->now_ms);
    w->has_order = true;
}

static void deliver_one(struct world *w)
{
    struct wire *wire = &w->wire[pick(w, WIRE)];
    struct wire message = *wire;
    if (!message.is_there)
        return;
    wire->is_there = !w->calm && pick(w, 10) == 0; /* comes twice */
    if (!w->calm && pick(w, 10) == 0)
        return;
    if (message.is_answer)
        obey(w, &message);
    else
        hear(w, &message);
}

static void change_record(struct world *w)
{
    struct record *record = &w->record;
    uint32_t worker = pick(w, WORKERS), at = 0;
    while (at < record->count && record->replicas[at].worker != worker)
        at++;
    record->version++;
    if (at == record->count)
        record->replicas[record->count++] = (struct replica_order){.worker = worker};
    else if (pick(w, 3) == 0)
        record->replicas[at] = record->replicas[--record->count];
    else if (pick(w, 2) == 0)
        record->replicas[at].in_sync = false;
}

static void start_anew(struct world *w)
{
    mark_close(&w->mark);
    mark_open(&w->mark, w->head);
    w->has_order = false;
    w->incarnation++;
    w->number = 0;
}

static void follow(struct world *w, uint32_t worker)
{
    if (w->is_dead[worker])
        return;
    uint64_t before = w->stored[worker];
    w->stored[worker] += random_below(&w->random, w->head - before + 1);
    if (w->calm)
        w->stored[worker] = w->head;
    if (w->has_order) /* an earlier word may come late */
        mark_acked(&w->mark, worker, !w->calm && pick(w, 4) == 0 ? before : w->stored[worker], w->now_ms);
}

static void step(struct world *w)
{
    uint32_t chosen = pick(w, 100);
    w->now_ms += pick(w, 10) == 0 ? pick(w, LIMIT_BEHIND_MS) : pick(w, 20);
    if (chosen < 20)
        report(w);
    else if (chosen < 50)
        deliver_one(w);
    else if (chosen < 75)
        follow(w, pick(w, WORKERS));
    else if (chosen < 92 && !w->calm && w->has_order)
        mark_committed(&w->mark, w->head += 1 + pick(w, 30), w->now_ms);
    else if (chosen < 95 && !w->calm)
        change_record(w);
    else if (chosen < 97 && !w->calm)
        w->is_dead[pick(w, WORKERS)] ^= true;
    else if (chosen < 98 && !w->calm && pick(w, 3) == 0)
        start_anew(w);
    else if (w->has_order)
        mark_tick(&w->mark, w->now_ms);
    look(w);
}

static bool live(uint64_t seed, struct world *w)
{
    *w = (struct world){.incarnation = 1, .record = {.version = 1}};
    random_seed(&w->random, seed);
    mark_open(&w->mark, 0);
    for (uint32_t i = 0; i < STEPS && !w->wrong; i++)
        step(w);
    w->calm = true;
    for (uint32_t i = 0; i < STEPS && !w->wrong; i++)
        step(w);
    bool fine = !w->wrong && mark_served(&w->mark) == w->head;
    mark_close(&w->mark);
    return fine;
}

/* Whatever is lost, late, doubled or started anew: who may be promoted has all that anybody was served. And
 * when things calm down, all is served. */
static void who_may_be_promoted_has_all_that_was_served(void **state)
{
    static struct world w;
    uint64_t notes = 0, strikes = 0, promotable = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        if (!live(seed, &w))
            fail_msg("seed %d: %s", (int)seed, w.wrong ? "one lacks what was served" : "it hangs");
        notes += w.notes;
        strikes += w.strikes;
        promotable += w.promotable;
    }
    assert_true(notes > WORLDS && strikes > WORLDS && promotable > 100 * WORLDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_be_promoted_has_all_that_was_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
