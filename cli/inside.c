/* The same parts as a cluster's, but what is said between them are calls. The coordinator pokes the agent
 * with its lock held, so the agent asks with none. */
#include "cli/inside.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "cli/live.h"
#include "common/check.h"
#include "common/log.h"
#include "coordinator/coordinator.h"
#include "worker/agent/agent.h"

/* Nobody is waited for, and nobody else may take over. */
static const int64_t grace_ms = INT64_MAX / 4;

struct inside {
    const struct config *config;
    struct folder *folder;
    struct identity identity;
    struct buffer path; /* of the state */
    struct coordinator *coordinator;
    struct agent_line line;
    struct live *live;
    struct agent *_Atomic agent; /* null until it is there */
};

/* --- what is said --- */

static void changed(void *context)
{
    struct inside *inside = context;
    struct agent *agent = atomic_load(&inside->agent);
    if (agent)
        agent_poke(agent);
}

static int beat(void *context, struct bytes packed, bool *waits, struct buffer *answer, struct error *e)
{
    struct inside *inside = context;
    return coordinator_heartbeat(inside->coordinator, packed, waits, answer, e);
}

static int ask(void *context, struct bytes packed, struct buffer *answer, struct error *e)
{
    struct inside *inside = context;
    return coordinator_ask(inside->coordinator, packed, answer, e);
}

static int take_accounts(void *context, const struct value *documents, uint64_t version, struct error *e)
{
    struct inside *inside = context;
    return live_accounts(inside->live, documents, version, e);
}

/* --- opening and closing --- */

static int open_coordinator(struct inside *inside, struct error *e)
{
    const struct config *config = inside->config;
    const struct coordinator_setting setting = {.cluster = config->cluster,
                                                .kind = &state_lmdb,
                                                .path = buffer_text(&inside->path),
                                                .shards = inside->folder->shards,
                                                .lease_ms = LIMIT_LEASE_MS,
                                                .grace_ms = grace_ms,
                                                .sole = data_run_name,
                                                .feed = inside->folder->feed,
                                                .config = config,
                                                .context = inside,
                                                .changed = changed};
    int r = coordinator_open(&setting, &inside->coordinator, e);
    if (r ||
        memcmp(coordinator_feed(inside->coordinator), inside->folder->feed, sizeof inside->folder->feed) == 0)
        return r;
    return error_set(e, ERR_CONFIG,
                     "%s is the state of another feed than that of data folder %s: if it was put there by "
                     "mistake, remove it; it is made anew then, without the accounts that were added",
                     setting.path, inside->folder->path);
}

int inside_open(const struct config *config, struct folder *folder, struct inside **out, struct error *e)
{
    struct inside *inside = mem_zalloc(sizeof *inside);
    *out = NULL;
    inside->config = config;
    inside->folder = folder;
    inside->identity.lock = -1;
    inside->line = (struct agent_line){inside, beat, ask};
    buffer_printf(&inside->path, "%s/cluster.mdb", folder->path);
    if (config->followers)
        log_line(LOG_WARN, "`garner run` is one process: `followers` need a cluster, and are left out here",
                 NULL);
    int r = data_check_whose(folder->path, e);
    if (!r)
        r = identity_open(folder->path, data_run_name, &inside->identity, e);
    if (!r)
        r = open_coordinator(inside, e);
    if (r)
        inside_close(inside);
    else
        *out = inside;
    return r;
}

struct coordinator *inside_coordinator(const struct inside *inside)
{
    return inside->coordinator;
}

int inside_begin(struct inside *inside, struct crew *crew, struct live *live, struct error *e)
{
    const struct agent_setting setting = {
        .coordinator = buffer_text(&inside->path),
        .line = &inside->line,
        .cluster = inside->config->cluster,
        .address = live_address(live),
        .identity = &inside->identity,
        .folder = inside->folder,
        .crew = crew,
        .capacity = 1,
        .accounts = live_version(live),
        .context = inside,
        .take_accounts = take_accounts,
    };
    struct agent *agent;
    inside->live = live;
    int r = agent_open(&setting, &agent, e);
    if (!r)
        atomic_store(&inside->agent, agent);
    return r;
}

void inside_committed(struct inside *inside, uint32_t shard)
{
    agent_committed(atomic_load(&inside->agent), shard);
}

bool inside_is_ready(struct inside *inside, struct buffer *reasons)
{
    struct agent *agent = atomic_load(&inside->agent);
    if (agent)
        return agent_is_ready(agent, reasons);
    buffer_add_text(reasons, "the run is starting\n");
    return false;
}

/* The coordinator doesn't poke any more when the agent is closed. */
void inside_ending(struct inside *inside)
{
    if (!inside)
        return;
    agent_leave(atomic_load(&inside->agent));
    coordinator_still(inside->coordinator);
    agent_close(atomic_exchange(&inside->agent, NULL));
}

void inside_close(struct inside *inside)
{
    if (!inside)
        return;
    inside_ending(inside);
    coordinator_close(inside->coordinator);
    identity_close(&inside->identity);
    buffer_close(&inside->path);
    free(inside);
}
