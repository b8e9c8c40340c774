/* What is said to the coordinator. */
#include <string.h>
#include <sys/statvfs.h>

#include "common/clock.h"
#include "worker/agent/internal.h"
#include "worker/run/own.h"
#include "worker/serve/serve.h"

static const char program[] = "garner " GARNER_VERSION;

static uint64_t room_of(const struct folder *folder)
{
    struct statvfs disk;
    return statvfs(folder->path, &disk) ? 0 : (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* What is held is said of the order that it is of, or not at all. */
static void add_served(struct agent *agent, struct shard_report *report)
{
    struct agent_shard *shard = &agent->shards[report->shard];
    uint32_t held = 0, behind = 0;
    if (!agent->set.serve)
        return;
    bool is_its = serve_report(agent->set.serve, report->shard, &held, &behind) == report->version;
    report->held = shard->held = is_its ? held : 0;
    report->behind = shard->behind = is_its ? behind : 0;
}

/* Of what is set aside nothing is on disk: it hasn't begun, as far as others go. */
static void add_report(struct agent *agent, uint32_t shard, struct shard_report *report)
{
    if (crew_set_aside(agent->set.crew, shard)) {
        report->epoch = 0;
        report->is_whole = false;
    }
    report->bytes = agent->shards[shard].bytes;
    if (report->role == ROLE_OWNER)
        report->load = crew_load(agent->set.crew, shard, clock_steady_ms());
    if (report->role == ROLE_OWNER || report->role == ROLE_SEALED)
        add_served(agent, report);
}

void agent_heartbeat(struct agent *agent, struct arena *arena, struct heartbeat *out)
{
    const struct folder *folder = agent->set.folder;
    const struct identity *identity = agent->set.identity;
    struct shard_report *reports = arena_alloc(arena, folder->shards * sizeof *reports);
    uint32_t count = 0;
    for (uint32_t i = 0; i < folder->shards; i++)
        if (tenure_report(&agent->tenure, i, &reports[count]))
            add_report(agent, i, &reports[count++]);
    *out = (struct heartbeat){
        .version = CLUSTER_VERSION,
        .cluster = bytes_of(agent->set.cluster),
        .worker = bytes_of(identity->name),
        .address = bytes_of(agent->set.address),
        .program = bytes_of(program),
        .shards = folder->shards,
        .feed = {(const char *)folder->feed, sizeof folder->feed},
        .disk = identity->disk,
        .incarnation = identity->incarnation,
        .number = ++agent->number,
        .restarts = atomic_load(&agent->is_leaving),
        .capacity = agent->set.capacity,
        .room = room_of(folder),
        .known = agent->is_urgent ? 0 : agent->orders.version,
        .reports = reports,
        .report_count = count,
    };
}

bool agent_has_news(struct agent *agent)
{
    bool has = false;
    for (uint32_t i = 0; i < agent->set.folder->shards && !has; i++) {
        struct agent_shard *shard = &agent->shards[i];
        uint32_t held, behind;
        if (shard->role != ROLE_OWNER || !agent->tenure.all[i].replica_count)
            continue;
        if (serve_report(agent->set.serve, i, &held, &behind) == agent->tenure.all[i].version)
            has = held != shard->held || behind != shard->behind;
    }
    return has;
}
