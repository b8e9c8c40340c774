/* The cluster's accounts are the coordinator's to know: they are fetched in parts when its version of them is
 * another than ours, and handed on together. */
#include <string.h>

#include "common/clock.h"
#include "proto/cluster_ask.h"
#include "worker/agent/internal.h"

enum { FIRST_ROOM = 64, REFUSED_MS = 10000 /* that the same list isn't tried again for */ };

struct documents {
    struct value *items;
    uint32_t count, room;
};

static void add(struct documents *all, const struct value *documents, struct arena *arena)
{
    if (all->count + documents->count > all->room) {
        uint32_t room = 2 * (all->count + documents->count) + FIRST_ROOM;
        struct value *items = arena_alloc(arena, room * sizeof *items);
        if (all->count)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        all->room = room;
    }
    for (uint32_t i = 0; i < documents->count; i++)
        all->items[all->count++] = value_copy(arena, &documents->items[i]);
}

static int ask_part(struct agent *agent, uint32_t from, struct arena *arena, struct value *part,
                    struct error *e)
{
    struct buffer packed = {0};
    struct bytes answer;
    const struct cluster_ask ask = {
        .verb = CLUSTER_ACCOUNTS_FETCH, .version = agent->orders.accounts, .from = from};
    cluster_ask_pack(&ask, &packed);
    int r = line_ask(agent->line, buffer_bytes(&packed), arena, &answer, e);
    buffer_close(&packed);
    return r ? r : value_from_msgpack(arena, answer, part, e);
}

/* Where the next part begins; 0: this was the last one. */
static int read_part(const struct value *part, const struct value **documents, uint32_t *next,
                     struct error *e)
{
    const struct value *from = value_get_text(part, "next");
    uint64_t number = 0;
    *documents = value_get_text(part, "documents");
    bool sound = *documents && (*documents)->type == VALUE_ARRAY &&
                 (!from || from->type == VALUE_NULL ||
                  (from->type == VALUE_NUMBER && bytes_to_u64(from->text, &number) && number <= UINT32_MAX));
    *next = (uint32_t)number;
    return sound ? 0 : error_set(e, ERR_BODY, "the coordinator's list of accounts can't be read");
}

static bool was_refused(const struct agent *agent, struct error *e)
{
    if (agent->refused.version != agent->orders.accounts || clock_steady_ms() >= agent->refused.again_ms)
        return false;
    *e = agent->refused.why;
    return true;
}

static int hand_on(struct agent *agent, const struct documents *all, struct error *e)
{
    const struct value list = {.type = VALUE_ARRAY, .count = all->count, .items = all->items};
    int r = agent->set.take_accounts(agent->set.context, &list, agent->orders.accounts, e);
    agent->refused.version = r ? agent->orders.accounts : 0;
    agent->refused.again_ms = clock_steady_ms() + REFUSED_MS;
    if (r)
        agent->refused.why = *e;
    else
        agent->accounts = agent->orders.accounts;
    return r;
}

int agent_fetch_accounts(struct agent *agent, struct error *e)
{
    struct arena arena = {0};
    struct documents all = {0};
    struct value part;
    const struct value *documents;
    uint32_t next = 0;
    int r = 0;
    if (agent->accounts == agent->orders.accounts)
        return 0;
    if (was_refused(agent, e))
        return e->code;
    do {
        r = ask_part(agent, next, &arena, &part, e);
        uint32_t before = next;
        if (!r)
            r = read_part(&part, &documents, &next, e);
        if (!r && next && next <= before)
            r = error_set(e, ERR_BODY, "the coordinator's list of accounts doesn't go on");
        if (!r)
            add(&all, documents, &arena);
    } while (!r && next);
    if (!r)
        r = hand_on(agent, &all, e);
    arena_close(&arena);
    return r;
}
