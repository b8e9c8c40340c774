/* What goes wrong: a world has some kinds of faults, drawn when it begins, and now and then one of them
 * strikes. Disks and states are lost in every third world only: in the others nothing is ever excused. */
#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

enum fault {
    FAULT_CUT,   /* a link, in one direction */
    FAULT_PART,  /* … in both */
    FAULT_LAG,   /* what a worker says to the coordinator takes its time */
    FAULT_ALONE, /* nobody hears a place; or it hears nobody; or both */
    FAULT_KILL,
    FAULT_STOP,
    FAULT_TERM,
    FAULT_FULL,
    FAULT_IMPOSTOR,
    FAULT_COORDINATOR_KILL,
    FAULT_COORDINATOR_STOP,
    FAULT_LEAP,
    FAULT_BACKUP,
    FAULT_HARSH, /* from here on */
    FAULT_WIPE = FAULT_HARSH,
    FAULT_RESTORE,
    FAULT_STATE_LOST,
    FAULT_STATE_OLDER,
    FAULTS
};

/* --- the network --- */

static int64_t lasts(struct world *w)
{
    return about(w, chance(w, 500) ? 3000 : 15000);
}

static void block(struct world *w, uint32_t from, uint32_t to, int64_t for_ms)
{
    if (w->blocked_ms[from][to] < w->now_ms + for_ms)
        w->blocked_ms[from][to] = w->now_ms + for_ms;
}

static void cut(struct world *w, bool both)
{
    uint32_t a = pick(w, AT_NODES + w->nodes), b = chance(w, 400) ? AT_COORDINATOR : pick(w, PLACES);
    int64_t for_ms = lasts(w);
    if (a == b)
        return;
    if (chance(w, 500)) {
        uint32_t c = a;
        a = b;
        b = c;
    }
    TELL(w, a, "isn't heard any more by %s%s, for %" PRId64 " ms", place_name(w, b),
         both ? ", nor hears it" : "", for_ms);
    block(w, a, b, for_ms);
    if (both)
        block(w, b, a, for_ms);
    w->tally->partitions++;
}

static void leave_alone(struct world *w)
{
    uint32_t place = chance(w, 250) ? AT_COORDINATOR : AT_NODES + pick(w, w->nodes);
    int64_t for_ms = lasts(w);
    uint32_t how = pick(w, 4);
    TELL(w, place, "%s%s any more, for %" PRId64 " ms", how != 1 ? "isn't heard " : "",
         how != 0 ? "hears nobody" : "", for_ms);
    for (uint32_t i = 0; i < PLACES; i++) {
        if (i != place && how != 1)
            block(w, place, i, for_ms);
        if (i != place && how != 0)
            block(w, i, place, for_ms);
    }
    w->tally->partitions++;
}

/* --- processes and disks --- */

static int64_t gone_for(struct world *w)
{
    return chance(w, 500) ? about(w, 2000) : chance(w, 700) ? about(w, 15000) : about(w, 60000);
}

static void kill(struct world *w, uint32_t place)
{
    if (!w->places[place].is_up)
        return;
    place_crash(w, place, "it is killed");
    world_later(w, gone_for(w), (struct event){.kind = EVENT_START, .place = place});
    w->tally->kills += place != AT_COORDINATOR;
    w->tally->coordinator_kills += place == AT_COORDINATOR;
}

static void lag(struct world *w, uint32_t node)
{
    struct lag *lag = &w->lags[AT_NODES + node];
    *lag =
        (struct lag){.until_ms = w->now_ms + lasts(w), .by_ms = about(w, 3000), .of_orders = chance(w, 500)};
    TELL(w, AT_NODES + node, "what it says takes %" PRId64 " ms, until %" PRId64, lag->by_ms, lag->until_ms);
    w->tally->lags++;
    if (chance(w, 500)) /* it was about to go */
        world_later(w, about(w, lag->until_ms - w->now_ms),
                    (struct event){.kind = EVENT_KILL, .place = AT_NODES + node});
}

static void stop(struct world *w, uint32_t place)
{
    if (!w->places[place].is_up)
        return;
    int64_t for_ms = about(w, 12000);
    TELL(w, place, "is suspended for %" PRId64 " ms", for_ms);
    if (w->places[place].stopped_ms < w->now_ms + for_ms)
        w->places[place].stopped_ms = w->now_ms + for_ms;
    w->tally->stops += place != AT_COORDINATOR;
    w->tally->coordinator_stops += place == AT_COORDINATOR;
}

static void assign_disk(struct disk *to, const struct disk *from)
{
    to->number = from->number;
    to->incarnation = from->incarnation;
    to->is_made = from->is_made;
    for (uint32_t i = 0; i < SHARDS; i++)
        copy_assign(&to->copies[i], &from->copies[i]);
}

static void wipe(struct world *w, uint32_t node)
{
    static const struct disk empty;
    struct node *n = &w->all[node];
    kill(w, AT_NODES + node);
    if (node_is_up(w, node))
        return;
    TELL(w, AT_NODES + node, "its disk is lost");
    check_disk_lost(w, node, &empty);
    n->disk.number = n->disk.incarnation = 0;
    n->has_older = false;
    for (uint32_t i = 0; i < SHARDS; i++)
        copy_drop(&n->disk.copies[i]);
    w->tally->wiped++;
}

static void restore(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    if (!n->has_older)
        return;
    kill(w, AT_NODES + node);
    if (node_is_up(w, node))
        return;
    TELL(w, AT_NODES + node, "its disk is an older copy, brought back");
    check_disk_lost(w, node, &n->older);
    assign_disk(&n->disk, &n->older);
    w->tally->restored++;
}

static void back_up(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    if (n->disk.number) {
        assign_disk(&n->older, &n->disk);
        n->has_older = true;
    }
    w->coordinator.older = w->coordinator.kept;
    w->coordinator.has_older = true;
    if (w->faults >> FAULT_RESTORE & 1 && chance(w, 300)) /* a disk that has lied about what it has written */
        world_later(w, about(w, 2000), (struct event){.kind = EVENT_RESTORE, .place = AT_NODES + node});
}

void fault_kills(struct world *w, uint32_t place)
{
    if (!w->is_calm)
        kill(w, place);
}

void fault_restores(struct world *w, uint32_t node)
{
    if (!w->is_calm)
        restore(w, node);
}

static void end(struct world *w, uint32_t node)
{
    if (!node_is_up(w, node) || w->all[node].ends || w->places[AT_NODES + node].stopped_ms > w->now_ms)
        return;
    worker_end(w, node);
    w->tally->terms++;
}

static void fill(struct world *w, uint32_t node)
{
    int64_t for_ms = about(w, 8000);
    w->all[node].is_full = true;
    TELL(w, AT_NODES + node, "its disk is full, for %" PRId64 " ms", for_ms);
    world_later(w, for_ms, (struct event){.kind = EVENT_HEAL, .place = AT_NODES + node});
    w->tally->full++;
}

/* Who has that name isn't heard any more, and doesn't hear that it is the other's now; but workers hear it.
 */
static void displace(struct world *w, uint32_t node)
{
    const uint32_t first = AT_NODES + w->all[node].named;
    const int64_t for_ms = LEASE_MS + about(w, 3 * LEASE_MS);
    TELL(w, first, "isn't heard any more by the coordinator, nor hears it, for %" PRId64 " ms", for_ms);
    block(w, first, AT_COORDINATOR, for_ms);
    block(w, AT_COORDINATOR, first, for_ms);
}

static void come_as_another(struct world *w)
{
    const uint32_t node = NODES - 1;
    if (!node_is_up(w, node)) {
        if (!w->all[node].disk.number)
            w->all[node].named = pick(w, w->nodes);
        place_start(w, AT_NODES + node);
        w->tally->impostors++;
    }
    if (chance(w, 500))
        displace(w, node);
}

/* --- the coordinator --- */

static void leap(struct world *w)
{
    int64_t by_ms = chance(w, 500) ? between(w, 1, LEASE_MS / 10) : between(w, LEASE_MS / 4, 3 * GRACE_MS);
    w->places[AT_COORDINATOR].clock.offset_ms += by_ms;
    w->leapt_ms += by_ms;
    TELL(w, AT_COORDINATOR, "its clock leaps by %" PRId64 " ms", by_ms);
    w->tally->leaps++;
}

static void lose_state(struct world *w, bool older)
{
    struct coordinator *c = &w->coordinator;
    if (older && !c->has_older)
        return;
    kill(w, AT_COORDINATOR);
    TELL(w, AT_COORDINATOR, older ? "its state is an older copy, brought back" : "its state is lost");
    check_state_lost(w, older);
    c->kept = older ? c->older : (struct kept){.waits_recover = true};
    w->tally->states_lost += !older;
    w->tally->states_older += older;
}

/* --- one of them --- */

static void strike(struct world *w, enum fault fault)
{
    uint32_t node = pick(w, w->nodes);
    switch (fault) {
    case FAULT_CUT:
    case FAULT_PART:
        cut(w, fault == FAULT_PART);
        break;
    case FAULT_LAG:
        lag(w, node);
        break;
    case FAULT_ALONE:
        leave_alone(w);
        break;
    case FAULT_KILL:
        kill(w, AT_NODES + (chance(w, 100) ? NODES - 1 : node));
        break;
    case FAULT_STOP:
        stop(w, AT_NODES + node);
        break;
    case FAULT_TERM:
        end(w, node);
        break;
    case FAULT_FULL:
        fill(w, node);
        break;
    case FAULT_IMPOSTOR:
        come_as_another(w);
        break;
    case FAULT_COORDINATOR_KILL:
        kill(w, AT_COORDINATOR);
        break;
    case FAULT_COORDINATOR_STOP:
        stop(w, AT_COORDINATOR);
        break;
    case FAULT_LEAP:
        leap(w);
        break;
    case FAULT_BACKUP:
        back_up(w, node);
        break;
    case FAULT_WIPE:
        wipe(w, node);
        break;
    case FAULT_RESTORE:
        restore(w, node);
        break;
    case FAULT_STATE_LOST:
    case FAULT_STATE_OLDER:
        lose_state(w, fault == FAULT_STATE_OLDER);
        break;
    case FAULTS:
        break;
    }
}

void fault_draw(struct world *w)
{
    unsigned all = (1u << FAULTS) - 1, harsh = all & ~((1u << FAULT_HARSH) - 1);
    w->faults = (unsigned)random_u64(&w->random) & all;
    if (chance(w, 300))
        w->faults |= 1u << FAULT_BACKUP;
    else
        w->faults &= ~harsh;
    if (chance(w, 50))
        w->faults = 0;
    for (uint32_t i = chance(w, 300) ? FAULTS : 0; i > 3; i--) /* a few kinds only: these more often */
        w->faults &= ~(1u << pick(w, FAULTS));
}

void fault_strikes(struct world *w)
{
    enum fault fault = (enum fault)pick(w, FAULTS);
    if (w->is_calm)
        return;
    world_later(w, about(w, w->fault_ms), (struct event){.kind = EVENT_FAULT});
    for (unsigned i = 0; i < FAULTS && !(w->faults >> fault & 1); i++)
        fault = (enum fault)((fault + 1) % FAULTS);
    bool is_rare = fault >= FAULT_HARSH || fault == FAULT_LEAP;
    if (w->faults && (!is_rare || chance(w, 300)))
        strike(w, fault);
}

void fault_calm(struct world *w)
{
    TELL(w, AT_COORDINATOR, "nothing goes wrong any more");
    memset(w->blocked_ms, 0, sizeof w->blocked_ms);
    memset(w->lags, 0, sizeof w->lags);
    if (node_is_up(w, NODES - 1))
        place_crash(w, AT_NODES + NODES - 1, "it isn't wanted");
    world_wake(w);
    for (uint32_t i = 0; i < AT_NODES + w->nodes; i++) {
        if (!w->places[i].is_up)
            world_later(w, pick(w, 2000), (struct event){.kind = EVENT_START, .place = i});
    }
    for (uint32_t i = 0; i < NODES; i++)
        w->all[i].is_full = false;
}
