#include "worker/harvest/confirm.h"

int confirm_collection(struct store *store, uint32_t collection, int64_t now_ms, struct arena *arena,
                       struct collection_record *record, struct error *e)
{
    int r = store_write(store, e);
    if (!r)
        r = store_collection_by_id(store, collection, arena, record, e);
    if (r)
        return r;
    record->confirmed_ms = now_ms;
    return store_collection_put(store, record, e);
}
