/* What there is of shards: read when it has changed, and before a heartbeat only. */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "worker/agent/internal.h"
#include "worker/run/own.h"
#include "worker/store/copy.h"

static void tell(struct agent *agent, uint32_t shard, const struct error *e)
{
    char number[16];
    if (agent->shards[shard].failed == e->code)
        return;
    agent->shards[shard].failed = e->code;
    snprintf(number, sizeof number, "%" PRIu32, shard);
    log_line(LOG_ERROR, e->text, "shard", number, NULL);
}

/* What there is no other copy of isn't given up because it can't be read just now. */
static struct tenure_copy unread(struct agent *agent, uint32_t shard, const struct error *e)
{
    tell(agent, shard, e);
    agent->shards[shard].is_unreadable = e->code == ERR_CORRUPT;
    if (!agent->set.line)
        return (struct tenure_copy){0};
    atomic_store(&agent->shards[shard].is_dirty, true);
    return agent->tenure.all[shard].copy;
}

/* What is set aside has begun, as far as a tenure goes, though nothing of it is on disk. */
struct tenure_copy agent_read_copy(struct agent *agent, uint32_t shard)
{
    const uint64_t aside = crew_set_aside(agent->set.crew, shard);
    struct copy_state state = {0};
    struct store *store = NULL;
    struct error e;
    int r = 0;
    agent->shards[shard].is_unreadable = false;
    if (aside)
        return (struct tenure_copy){.epoch = aside, .is_whole = true};
    if (folder_has(agent->set.folder, shard))
        r = folder_reader(agent->set.folder, shard, &store, &e);
    if (!r && store)
        r = store_copy_state(store, &state, &e);
    folder_reader_done(agent->set.folder, store);
    if (r && r != ERR_NOT_FOUND)
        return unread(agent, shard, &e);
    agent->shards[shard].bytes = folder_bytes(agent->set.folder, shard);
    return (struct tenure_copy){
        .epoch = state.epoch, .head = state.head, .check = state.check, .is_whole = state.is_whole};
}

void agent_read_copies(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->set.folder->shards; i++)
        if (atomic_exchange(&agent->shards[i].is_dirty, false)) {
            struct tenure_copy copy = agent_read_copy(agent, i);
            tenure_copy(&agent->tenure, i, &copy);
        }
}
