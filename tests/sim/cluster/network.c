/* The network: what is sent comes later, twice, in another order or not at all. What was sent to a process
 * dies with it, as a connection does; what a process sent may still arrive when it is gone. */
#include <stdlib.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

struct message *message_new(struct world *w, enum message_kind kind, uint32_t from, uint32_t to)
{
    if (!w->unused_count)
        return NULL;
    struct message *message = w->unused[--w->unused_count];
    message->kind = kind;
    message->from = from;
    message->to = to;
    message->process = w->places[from].process;
    message->to_process = w->places[to].process;
    message->id = 0;
    if (kind == MESSAGE_ANSWER)
        message->answer.copy = NULL;
    return message;
}

void message_free(struct world *w, struct message *message)
{
    if (message->kind == MESSAGE_ANSWER)
        free(message->answer.copy);
    w->unused[w->unused_count++] = message;
}

bool network_is_open(const struct world *w, uint32_t from, uint32_t to)
{
    return w->blocked_ms[from][to] <= w->now_ms;
}

static int64_t delay(struct world *w, const struct message *message)
{
    const struct lag *lag = &w->lags[message->from == AT_COORDINATOR ? message->to : message->from];
    bool is_lagging = message->from == AT_COORDINATOR ? lag->of_orders : message->to == AT_COORDINATOR;
    if (is_lagging && w->now_ms < lag->until_ms)
        return lag->by_ms + pick(w, 12);
    if (w->is_calm || !chance(w, w->slow))
        return 1 + pick(w, 12);
    w->tally->late++;
    return between(w, 20, chance(w, 100) ? 25000 : 900);
}

static void post(struct world *w, struct message *message)
{
    world_later(w, delay(w, message),
                (struct event){.kind = EVENT_ARRIVE, .place = message->to, .message = message});
}

static void copy_orders(struct told *to)
{
    to->orders.orders = to->list;
    for (uint32_t i = 0; i < to->orders.order_count; i++)
        to->list[i].replicas = to->replicas[i];
}

static void send_again(struct world *w, const struct message *message)
{
    struct message *again = message_new(w, message->kind, message->from, message->to);
    if (!again)
        return;
    *again = *message;
    if (again->kind == MESSAGE_HEARTBEAT)
        again->said.heartbeat.reports = again->said.reports;
    else if (again->kind == MESSAGE_ORDERS)
        copy_orders(&again->told);
    else if (again->kind == MESSAGE_ANSWER && again->answer.copy) {
        again->answer.copy = mem_alloc(sizeof *again->answer.copy);
        copy_assign(again->answer.copy, message->answer.copy);
    }
    w->tally->doubled++;
    post(w, again);
}

void network_send(struct world *w, struct message *message)
{
    bool is_lost = !w->is_calm && chance(w, w->loss);
    if (is_lost || !network_is_open(w, message->from, message->to) || !w->places[message->to].is_up) {
        w->tally->lost++;
        message_free(w, message);
        return;
    }
    if (!w->is_calm && chance(w, w->doubles))
        send_again(w, message);
    post(w, message);
}

static void hand_on(struct world *w, const struct message *message)
{
    const uint32_t node = message->to - AT_NODES, number = message->to - AT_SUBSCRIBERS;
    bool is_subscribers = message->to >= AT_SUBSCRIBERS;
    switch (message->kind) {
    case MESSAGE_HEARTBEAT:
        coordinator_heard(w, message);
        break;
    case MESSAGE_ORDERS:
        worker_told(w, node, message);
        break;
    case MESSAGE_REFUSED:
        break;
    case MESSAGE_ASKED:
        serve_asked(w, node, message);
        break;
    case MESSAGE_ANSWER:
        if (is_subscribers)
            subscriber_answered(w, number, message);
        else
            follow_answered(w, node, message);
        break;
    case MESSAGE_MAP_ASKED:
        coordinator_map(w, message);
        break;
    case MESSAGE_MAP:
        subscriber_mapped(w, number, message);
        break;
    }
}

void network_arrive(struct world *w, struct message *message)
{
    const struct place *place = &w->places[message->to];
    if (place->is_up && place->process == message->to_process &&
        network_is_open(w, message->from, message->to))
        hand_on(w, message);
    else
        w->tally->lost++;
    message_free(w, message);
}
