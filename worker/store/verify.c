/* Verify: reads a store as if it trusted nothing in it but LMDB's pages.
 *
 * Order matters: collections' records say by which rules documents are compared; the changes are replayed
 * into a table of what should be there; then each document is held against both. A fault is told, and the
 * rest is looked at all the same. Memory: some 40 bytes for each resource that the changes tell of. */
#include "worker/store/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void verify_fault(struct verify *v, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    struct error sentence;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&sentence, ERR_CORRUPT, "shard %" PRIu32 ": %s", v->store->shard, text);
    v->fault(v->context, sentence.text);
}

struct known *verify_known(struct verify *v, uint32_t collection)
{
    size_t low = 0, high = v->known_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->known[middle].id < collection)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->known_count && v->known[low].id == collection ? &v->known[low] : NULL;
}

const char *verify_name(struct verify *v, uint32_t collection)
{
    const struct known *known = verify_known(v, collection);
    return known ? known->name : arena_printf(&v->brief, "collection %" PRIu32 " (not there)", collection);
}

static int visit_epoch(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    if (key.len != 8 || value.len != 8) {
        verify_fault(v, "an epoch has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    struct epoch epoch = {be64_get(key.data), be64_get(value.data)};
    if (v->epoch_count && epoch.first_seq < v->epochs[v->epoch_count - 1].first_seq)
        verify_fault(v, "epoch %" PRIu64 " begins at %" PRIu64 ", before the one before it", epoch.number,
                     epoch.first_seq);
    if (v->epoch_count == v->epoch_cap) {
        v->epoch_cap = v->epoch_cap ? v->epoch_cap * 2 : 8;
        v->epochs = mem_resize(v->epochs, v->epoch_cap * sizeof *v->epochs);
    }
    v->epochs[v->epoch_count++] = epoch;
    return 0;
}

static int verify_epochs(struct verify *v)
{
    int r = table_each(v->store, TABLE_EPOCHS, (struct bytes){0}, (struct bytes){0}, visit_epoch, v, v->e);
    if (!r && !v->epoch_count)
        verify_fault(v, "there is no epoch");
    return r;
}

int store_verify(struct store *store, void (*fault)(void *context, const char *sentence), void *context,
                 struct error *e)
{
    static int (*const parts[])(struct verify * v) = {
        verify_epochs,    verify_collections, verify_receipts, verify_changes,
        verify_documents, verify_ids,         verify_local,    verify_vanished,
    };
    bool was_open = store->txn != NULL;
    struct copy_mark copy = {0};
    struct verify v = {.store = store, .fault = fault, .context = context, .e = e};
    int r = was_open ? store_reading(store, e) : store_read(store, e);
    if (!r)
        r = meta_get_copy(store, &copy, e);
    bool is_whole = copy.phase != COPY_TAKING && copy.phase != COPY_LOG;
    v.replay = replay_open(&store->secret);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !r && is_whole; i++)
        r = parts[i](&v);
    replay_close(v.replay);
    free(v.epochs);
    free(v.known);
    buffer_close(&v.scratch);
    arena_close(&v.arena);
    arena_close(&v.brief);
    if (!was_open)
        store_done(store);
    return r;
}
