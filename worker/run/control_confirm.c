/* A confirmation is written on the thread that owns the shard, together with what its harvests have gathered.
 * One of the same collection that is under way holds its record, and would write over it: it is told, too. */
#include "worker/harvest/confirm.h"
#include "worker/run/control.h"
#include "worker/run/internal.h"

struct order {
    uint32_t shard;
    const uint32_t *collections;
    uint32_t count;
    int64_t now_ms;
};

static void tell_job(struct shard *shard, uint32_t collection, int64_t now_ms)
{
    for (struct task *task = shard->tasks.first; task; task = task->next)
        if (task->job && task->job->listing.record.id == collection)
            task->job->listing.record.confirmed_ms = now_ms;
}

static int confirm(struct run *run, void *context, struct error *e)
{
    const struct order *order = context;
    struct shard *shard;
    int code = shard_open_to_write(run, order->shard, &shard, e);
    for (uint32_t i = 0; i < order->count && !code; i++) {
        struct collection_record record;
        struct arena arena = {0};
        code = confirm_collection(shard->store, order->collections[i], order->now_ms, &arena, &record, e);
        if (!code)
            tell_job(shard, order->collections[i], order->now_ms);
        arena_close(&arena);
    }
    if (!code && shard_commit(shard))
        code = error_set(e, ERR_IO,
                         "it could not be written, so nothing is confirmed: what is wrong with the "
                         "data folder stands in what `garner run` said");
    return code;
}

int control_confirm(struct crew *crew, uint32_t shard, const uint32_t *collections, uint32_t count,
                    int64_t now_ms, struct error *e)
{
    struct order order = {shard, collections, count, now_ms};
    return control_on_shard(crew, shard, confirm, &order, e);
}
