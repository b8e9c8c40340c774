/* The coordinator's metrics, and whether it is well. */
#include "common/metrics.h"

#include "coordinator/internal.h"

static void add_lives(struct metrics *m, const struct cluster *c)
{
    uint64_t lives[WORKER_DEAD + 1] = {0};
    for (uint32_t i = 0; i < c->worker_count; i++)
        lives[c->workers[i].life] += c->workers[i].disk != 0;
    metrics_family(m, "garner_cluster_workers", METRICS_GAUGE, "Workers of the cluster, by state.");
    for (enum worker_life life = WORKER_UNKNOWN; life <= WORKER_DEAD; life++)
        metrics_add_count(m, lives[life], "state", cluster_life_name(life), NULL);
}

static void add_shards(struct metrics *m, const struct cluster *c)
{
    uint64_t owned = 0, moving = 0, in_sync = 0, foreign = 0;
    for (uint32_t i = 0; i < c->set.shards; i++) {
        const struct cluster_shard *s = &c->shards[i];
        uint32_t followers = 0;
        for (uint32_t j = 0; j < s->replica_count; j++)
            followers += s->replicas[j].in_sync;
        owned += cluster_is_alive(c, s->owner);
        moving += s->phase != MOVE_NONE;
        in_sync += followers >= c->set.followers;
        foreign += s->is_foreign;
    }
    metrics_family(m, "garner_cluster_shards", METRICS_GAUGE, "Shards of the cluster.");
    metrics_add_count(m, c->set.shards, NULL);
    metrics_family(m, "garner_cluster_shards_owned", METRICS_GAUGE, "Shards whose owner is alive.");
    metrics_add_count(m, owned, NULL);
    metrics_family(m, "garner_cluster_shards_moving", METRICS_GAUGE, "Shards that move, or wait to.");
    metrics_add_count(m, moving, NULL);
    metrics_family(m, "garner_cluster_shards_in_sync", METRICS_GAUGE,
                   "Shards that have as many followers in sync as there should be.");
    metrics_add_count(m, in_sync, NULL);
    metrics_family(m, "garner_cluster_shards_unknown", METRICS_GAUGE,
                   "Shards of which workers have copies that the coordinator doesn't know of.");
    metrics_add_count(m, foreign, NULL);
}

void coordinator_to_metrics(struct coordinator *co, struct buffer *out)
{
    struct metrics m = {.out = out};
    pthread_mutex_lock(&co->lock);
    add_lives(&m, &co->cluster);
    add_shards(&m, &co->cluster);
    pthread_mutex_unlock(&co->lock);
}

bool coordinator_is_well(struct coordinator *co, struct error *e)
{
    pthread_mutex_lock(&co->lock);
    *e = co->failed;
    pthread_mutex_unlock(&co->lock);
    return !e->code;
}
