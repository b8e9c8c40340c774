/* An item is read again on the thread that owns its shard, by the definition that its collection has now, and
 * committed together with what the harvests of the shard have gathered. A listing of the collection that is
 * under way counts its items in a record of its own: it is told that there is one less. */
#include "worker/harvest/redigest.h"
#include "worker/run/control.h"
#include "worker/run/internal.h"

struct order {
    const struct control_item *item;
    struct arena *arena;
    struct control_retried *retried;
};

static void tell_job(struct shard *shard, uint32_t collection)
{
    for (struct task *task = shard->tasks.first; task; task = task->next) {
        struct collection_record *record = task->job ? &task->job->listing.record : NULL;
        if (record && record->id == collection && record->quarantined)
            record->quarantined--;
    }
}

static int find(struct store *store, const struct order *order, struct collection_record *record,
                struct quarantined *item, struct error *e)
{
    int code = store_write(store, e);
    if (!code)
        code = store_collection_by_id(store, order->item->collection, order->arena, record, e);
    if (!code)
        code = store_quarantine_get(store, record->id, order->item->digest, order->arena, item, e);
    return code == ERR_NOT_FOUND ? error_set(e, code, "this item isn't in quarantine any more") : code;
}

/* Its id; or why it stays, by one of the errors that redigest has for that, or ERR_CONFIG. */
static int read_again(const struct run *run, struct store *store, const struct order *order,
                      const struct collection_record *record, const struct quarantined *item,
                      struct bytes *id, struct error *why)
{
    const struct account *a = account_find(run, record->key.provider, record->key.account);
    if (!a)
        return error_set(why, ERR_CONFIG, "the configuration has no such account");
    const struct collection_def *def = provider_find(a->provider,
                                                     arena_strdup(order->arena, record->key.type));
    if (!def)
        return error_set(why, ERR_CONFIG, "the provider file has no such type");
    return redigest(store, record, def, &a->values, item, order->arena, id, why);
}

static bool stays(int code)
{
    return code == ERR_ID || code == ERR_LIMIT || code == ERR_ITEMS || code == ERR_CONFIG;
}

static int release(struct shard *shard, struct collection_record *record, struct digest digest,
                   struct error *e)
{
    int code = store_quarantine_drop(shard->store, record, digest, e);
    if (!code)
        code = store_collection_put(shard->store, record, e);
    if (code) {
        shard_fail(shard, e);
        return code;
    }
    tell_job(shard, record->id);
    if (shard_commit(shard))
        return error_set(e, ERR_IO,
                         "it could not be written, so it is still in quarantine: what is wrong with "
                         "the data folder stands in what `garner run` said");
    return 0;
}

static int retry(struct run *run, void *context, struct error *e)
{
    const struct order *order = context;
    struct collection_record record;
    struct quarantined item;
    struct shard *shard;
    struct bytes id = {0};
    struct error why;
    int code = shard_open_to_write(run, order->item->shard, &shard, e);
    if (!code)
        code = find(shard->store, order, &record, &item, e);
    if (code)
        return code;
    code = read_again(run, shard->store, order, &record, &item, &id, &why);
    *order->retried = (struct control_retried){.id = id};
    if (!code)
        return release(shard, &record, item.digest, e);
    if (!stays(code))
        return error_set(e, code, "%s", why.text);
    *order->retried = (struct control_retried){.cause = arena_strdup(order->arena, bytes_of(why.text))};
    return 0;
}

int control_retry(struct crew *crew, const struct control_item *item, struct arena *arena,
                  struct control_retried *retried, struct error *e)
{
    struct order order = {item, arena, retried};
    return control_on_shard(crew, item->shard, retry, &order, e);
}
