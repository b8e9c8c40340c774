/* The owner of all shards: it writes to real stores, as harvests do, and sometimes dies before its commit. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/value/canonical.h"
#include "tests/sim/feed/world.h"
#include "worker/store/tables.h"

enum { TYPES = 4, IDS = 12 };

struct store *owner_store(struct world *w, uint32_t shard)
{
    struct store *store;
    WORLD_OK(w, folder_store(&w->workers[w->shards[shard].worker].folder, shard, &store, &w->e));
    return store;
}

static struct bytes pack_json(struct world *w, const char *json, struct digest *digest,
                              const struct hash_secret *secret)
{
    struct buffer packed = {0}, scratch = {0};
    struct value value;
    WORLD_OK(w, value_from_json(&w->scratch, bytes_of(json), &value, NULL, &w->e));
    value_to_msgpack(&value, &packed);
    if (digest)
        *digest = canonical_digest(&value, NULL, 0, secret, &scratch);
    struct bytes copy = arena_copy(&w->scratch, buffer_bytes(&packed));
    buffer_close(&packed);
    buffer_close(&scratch);
    return copy;
}

/* --- collections --- */

static struct collection_key key_of(struct world *w, uint32_t type)
{
    return (struct collection_key){
        .provider = BYTES("p"),
        .account = BYTES("1"),
        .region = type % 2 ? BYTES("eu") : (struct bytes){0},
        .type = bytes_of(arena_printf(&w->scratch, "t%" PRIu32, type)),
    };
}

static void find_collection(struct world *w, struct store *store, uint32_t type,
                            struct collection_record *record)
{
    struct collection_key key = key_of(w, type);
    int r = store_collection_find(store, &key, &w->scratch, record, &w->e);
    if (r == ERR_NOT_FOUND) {
        *record = (struct collection_record){.key = key, .next_harvest = 1};
        r = store_collection_put(store, record, &w->e);
    }
    WORLD_OK(w, r);
}

static void put_status(struct world *w, struct store *store, struct collection_record *record,
                       enum status_kind kind)
{
    struct change change = {.time_ms = (int64_t)w->now_ms + 1, .status = {.kind = kind}};
    if (kind == STATUS_LISTED)
        record->listed_since_ms = (int64_t)w->now_ms + 1;
    WORLD_OK(w, store_status(store, record, &change, &w->e));
}

/* It starts anew: all that was said of it is to be forgotten. */
static void forget(struct world *w, struct store *store, struct collection_record *record)
{
    struct change change = {.time_ms = (int64_t)w->now_ms + 1,
                            .status = {.kind = STATUS_DEFINITION, .void_ = true}};
    WORLD_OK(w, store_collection_drop(store, record->id, true, &w->e));
    record->rows = 0;
    record->listed_since_ms = 0;
    WORLD_OK(w, store_status(store, record, &change, &w->e));
}

/* --- resources --- */

static void apply(struct world *w, struct store *store, struct collection_record *record,
                  struct change *change, uint32_t row)
{
    struct receipt_id cited = {store_shard(store), record->id, 1};
    struct digest digest;
    change->time_ms = (int64_t)w->now_ms + 1;
    change->initial = change->op == CHANGE_CREATED && !record->listed_since_ms;
    if (change->op == CHANGE_DELETED) {
        change->receipts = &cited;
        change->receipt_count = 1;
    } else {
        const char *json = arena_printf(&w->scratch, "{\"a\":%" PRIu64 ",\"b\":\"%.*s\"}", ++w->made,
                                        (int)pick(w, 60),
                                        "............................................................");
        change->after = pack_json(w, json, &digest, store_secret(store));
    }
    if (change->op == CHANGE_UPDATED)
        change->patch = pack_json(w,
                                  chance(w, 50) ? "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]"
                                                : "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]",
                                  NULL, NULL);
    WORLD_OK(w,
             store_apply(store, record, change, change->op == CHANGE_DELETED ? NULL : &digest, &row, &w->e));
}

static void change_one(struct world *w, struct store *store, struct collection_record *record)
{
    struct bytes id =
        bytes_of(arena_printf(&w->scratch, "%c%" PRIu32, chance(w, 50) ? 'a' : 'b', pick(w, IDS)));
    uint32_t row = 0;
    int r = store_row_find(store, record->id, id, &row, &w->e);
    struct change change = {.op = CHANGE_CREATED, .id = id};
    if (r == 0)
        change = (struct change){.op = chance(w, 35) ? CHANGE_DELETED : CHANGE_UPDATED};
    else if (r != ERR_NOT_FOUND)
        WORLD_OK(w, r);
    apply(w, store, record, &change, row);
}

static void write_some(struct world *w, struct store *store)
{
    uint32_t count = 1 + pick(w, chance(w, 10) ? 40 : 6);
    for (uint32_t i = 0; i < count; i++) {
        struct collection_record record;
        uint32_t chosen = pick(w, 100);
        find_collection(w, store, pick(w, TYPES), &record);
        if (chosen < 88)
            change_one(w, store, &record);
        else if (chosen < 93)
            put_status(w, store, &record, record.listed_since_ms ? STATUS_UNREACHABLE : STATUS_LISTED);
        else if (chosen < 96)
            forget(w, store, &record);
        else if (chosen < 98)
            put_status(w, store, &record, STATUS_RECOVERED);
        if (record.rows == 0 && chance(w, 30))
            WORLD_OK(w, store_collection_drop(store, record.id, false, &w->e));
        else
            WORLD_OK(w, store_collection_put(store, &record, &w->e));
    }
}

/* --- transactions --- */

static bool note_commits(struct world *w, uint32_t shard, struct store *store, uint64_t from)
{
    bool fine = true;
    struct bytes packed;
    WORLD_OK(w, store_read(store, &w->e));
    for (uint64_t seq = from; fine && seq <= store_head(store); seq++) {
        WORLD_OK(w, store_change(store, seq, &packed, &w->e));
        fine = world_note(w, (struct note){.kind = NOTE_COMMITTED, .shard = shard, .bytes = packed});
    }
    store_done(store);
    return fine;
}

static bool finish(struct world *w, uint32_t shard, struct store *store, uint64_t head, bool aborts)
{
    struct bytes packed;
    if (aborts) {
        buffer_reset(&w->shards[shard].aborted);
        if (store_head(store) > head) {
            WORLD_OK(w, store_change(store, head + 1, &packed, &w->e));
            buffer_add_bytes(&w->shards[shard].aborted, packed);
        }
        store_abort(store);
        w->tally->aborts++;
        return world_note(w, (struct note){.kind = NOTE_ABORTED, .shard = shard});
    }
    WORLD_OK(w, store_commit(store, &w->e));
    deliver_committed(w->workers[w->shards[shard].worker].deliver, shard, store_head(store));
    w->tally->commits++;
    return note_commits(w, shard, store, head + 1);
}

bool owner_writes(struct world *w)
{
    uint32_t shard = pick(w, SHARDS);
    if (w->shards[shard].is_nobodys)
        return true;
    struct store *store = owner_store(w, shard);
    uint64_t head = store_head(store);
    arena_reset(&w->scratch);
    WORLD_OK(w, store_write(store, &w->e));
    write_some(w, store);
    return finish(w, shard, store, head, chance(w, 12));
}

bool owner_lists_all(struct world *w)
{
    bool fine = true;
    for (uint32_t shard = 0; fine && shard < SHARDS; shard++) {
        struct store *store = owner_store(w, shard);
        uint64_t head = store_head(store);
        arena_reset(&w->scratch);
        WORLD_OK(w, store_write(store, &w->e));
        for (uint32_t type = 0; type < TYPES; type++) {
            struct collection_record record;
            find_collection(w, store, type, &record);
            if (!record.listed_since_ms)
                put_status(w, store, &record, STATUS_LISTED);
            WORLD_OK(w, store_collection_put(store, &record, &w->e));
        }
        fine = finish(w, shard, store, head, false);
    }
    return fine;
}

/* --- what there is --- */

struct showing {
    struct world *w;
    uint32_t shard;
    struct store *store;
    const struct collection_record *record;
    bool fine;
};

static int show_document(void *context, const struct document *document)
{
    struct showing *s = context;
    s->fine = s->fine && world_note(s->w, (struct note){.kind = NOTE_STORE_ROW,
                                                        .shard = s->shard,
                                                        .key = s->record->key,
                                                        .id = document->id,
                                                        .last_seq = document->last_seq,
                                                        .bytes = document->packed});
    return 0;
}

static int show_collection(void *context, const struct collection_record *record)
{
    struct showing *s = context;
    s->record = record;
    return store_documents_each(s->store, record->id, 0, show_document, s, &s->w->e);
}

bool owner_shows(struct world *w)
{
    bool fine = true;
    for (uint32_t shard = 0; fine && shard < SHARDS; shard++) {
        struct showing s = {.w = w, .shard = shard, .store = owner_store(w, shard), .fine = true};
        WORLD_OK(w, store_read(s.store, &w->e));
        WORLD_OK(w, store_collections_each(s.store, show_collection, &s, &w->e));
        store_done(s.store);
        fine = s.fine && world_note(w, (struct note){.kind = NOTE_STORE_END, .shard = shard});
    }
    return fine;
}
