/* A subscriber: it asks whoever the map says has a shard, takes what comes in order, and a snapshot where it
 * is refused. It knows a hash of all that it was given: so what it is given next is of the same history, or
 * not. */
#include <inttypes.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

enum { PATIENCE_MS = 2500, MAP_MS = 500, PARTS = 3 };

static void ask_map(struct world *w, uint32_t number)
{
    struct subscriber *s = &w->subscribers[number];
    if (w->now_ms - s->map_asked_ms < MAP_MS)
        return;
    s->map_asked_ms = w->now_ms;
    struct message *message = message_new(w, MESSAGE_MAP_ASKED, AT_SUBSCRIBERS + number, AT_COORDINATOR);
    if (message)
        network_send(w, message);
}

static void ask(struct world *w, uint32_t number, uint32_t shard)
{
    struct subscriber *s = &w->subscribers[number];
    struct given *given = &s->shards[shard];
    /* Its map may be any older one. */
    uint32_t node = !w->is_calm && chance(w, 40) ? pick(w, w->nodes) : s->map.nodes[shard];
    struct message *message = message_new(w, MESSAGE_ASKED, AT_SUBSCRIBERS + number, AT_NODES + node);
    if (!message)
        return;
    message->id = given->id = ++w->ids;
    given->asked_ms = w->now_ms;
    message->asked = (struct asked){.shard = shard,
                                    .is_snapshot = given->needs_snapshot,
                                    .part = given->part,
                                    .position = given->needs_snapshot ? given->begin : given->at};
    network_send(w, message);
}

static void step_shard(struct world *w, uint32_t number, uint32_t shard)
{
    struct subscriber *s = &w->subscribers[number];
    struct given *given = &s->shards[shard];
    bool is_late = given->id && w->now_ms - given->asked_ms >= PATIENCE_MS;
    if (is_late) {
        given->id = 0;
        s->has_map = false;
    }
    if (!given->id && s->map.nodes[shard] != NO_NODE)
        ask(w, number, shard);
    else if (s->map.nodes[shard] == NO_NODE)
        s->has_map = false;
}

void subscriber_step(struct world *w, uint32_t number)
{
    struct subscriber *s = &w->subscribers[number];
    for (uint32_t i = 0; i < w->shards && s->map_is_known; i++)
        step_shard(w, number, i);
    if (!s->has_map)
        ask_map(w, number);
    world_later(w, between(w, 20, number ? 1500 : 200),
                (struct event){.kind = EVENT_SUBSCRIBE, .place = AT_SUBSCRIBERS + number});
}

void subscriber_mapped(struct world *w, uint32_t number, const struct message *message)
{
    struct subscriber *s = &w->subscribers[number];
    s->map = message->map;
    s->has_map = s->map_is_known = true;
}

/* --- answers --- */

static void begin_snapshot(struct given *given, uint32_t shard)
{
    given->needs_snapshot = true;
    given->part = 0;
    given->begin = (struct position){.shard = shard};
}

static void refused(struct world *w, uint32_t number, const struct answer *answer)
{
    struct subscriber *s = &w->subscribers[number];
    struct given *given = &s->shards[answer->shard];
    TELL(w, AT_SUBSCRIBERS + number,
         "shard %" PRIu32 ": is refused by w%" PRIu32 " at (%" PRIu64 ", %" PRIu64 "): %s", answer->shard,
         answer->node + 1, answer->position.epoch, answer->position.seq, refusal_name(answer->refusal.kind));
    switch (answer->refusal.kind) {
    case REFUSAL_MOVED:
        w->tally->moved++;
        s->has_map = false;
        break;
    case REFUSAL_FUTURE:
        w->tally->future++;
        s->has_map = false;
        if (given->needs_snapshot)
            begin_snapshot(given, answer->shard);
        break;
    case REFUSAL_COMPACTED:
        w->tally->compacted++;
        begin_snapshot(given, answer->shard);
        break;
    case REFUSAL_DIVERGED:
        w->tally->diverged++;
        begin_snapshot(given, answer->shard);
        break;
    }
}

static void take_changes(struct world *w, uint32_t number, const struct answer *answer)
{
    struct given *given = &w->subscribers[number].shards[answer->shard];
    if (answer->through != given->through) {
        check_fails(w, "I2",
                    "s%" PRIu32 " is given what follows another history of shard %" PRIu32
                    " than the one that it was given up to %" PRIu64 ", and isn't told",
                    number + 1, answer->shard, given->at.seq);
        return;
    }
    for (uint32_t i = 0; i < answer->count && check_is_fine(w); i++) {
        position_advance(&given->at, answer->epochs[i], given->at.seq + 1, answer->checks[i]);
        given->through = answer->throughs[i];
        check_gives(w, answer->node, answer->shard, given->at.seq, given->through);
        w->tally->given++;
    }
    TELL(w, AT_SUBSCRIBERS + number, "shard %" PRIu32 ": gets up to (%" PRIu64 ", %" PRIu64 ") of w%" PRIu32,
         answer->shard, given->at.epoch, given->at.seq, answer->node + 1);
}

static void take_part(struct world *w, uint32_t number, const struct answer *answer)
{
    struct given *given = &w->subscribers[number].shards[answer->shard];
    if (!answer->part)
        given->begin = answer->position;
    given->part = answer->part + 1;
    if (given->part < PARTS)
        return;
    given->needs_snapshot = false;
    given->at = given->begin;
    given->through = copy_through(answer->copy, given->at.seq);
    for (uint64_t seq = 1; seq <= given->at.seq && check_is_fine(w); seq++)
        check_gives(w, answer->node, answer->shard, seq, copy_through(answer->copy, seq));
    w->tally->fed++;
    TELL(w, AT_SUBSCRIBERS + number,
         "shard %" PRIu32 ": has a snapshot, up to (%" PRIu64 ", %" PRIu64 ") of w%" PRIu32, answer->shard,
         given->at.epoch, given->at.seq, answer->node + 1);
}

void subscriber_answered(struct world *w, uint32_t number, const struct message *message)
{
    const struct answer *answer = &message->answer;
    struct given *given = &w->subscribers[number].shards[answer->shard];
    if (!given->id || given->id != message->id)
        return;
    given->id = 0;
    if (answer->refusal.kind)
        refused(w, number, answer);
    else if (answer->is_snapshot)
        take_part(w, number, answer);
    else
        take_changes(w, number, answer);
}
