/* The shard's own record: by name, what it is and how far it has come. A store is made in one transaction,
 * so `format` is there if and only if all the rest is. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "worker/store/tables.h"

#define META_FORMAT          BYTES("format")
#define META_SHARD           BYTES("shard")
#define META_SECRET          BYTES("secret")
#define META_HEAD            BYTES("head")
#define META_OLDEST          BYTES("oldest")
#define META_NEXT_COLLECTION BYTES("next_collection")
#define META_CUT_CHECK       BYTES("cut_check")
#define META_CITED_FROM      BYTES("cited_from")
#define META_COPY            BYTES("copy")

int meta_corrupt(const struct store *store, const char *what, struct error *e)
{
    return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": %s is no sound store: its %s is missing or wrong",
                     store->shard, store->path, what);
}

static int put_u32(struct store *store, struct bytes name, uint32_t number, struct error *e)
{
    char value[4];
    be32_put(value, number);
    return table_put(store, TABLE_META, name, (struct bytes){value, sizeof value}, 0, e);
}

static int put_u64(struct store *store, struct bytes name, uint64_t number, struct error *e)
{
    char value[8];
    be64_put(value, number);
    return table_put(store, TABLE_META, name, (struct bytes){value, sizeof value}, 0, e);
}

static int get(struct store *store, struct bytes name, size_t len, struct bytes *value, struct error *e)
{
    int r = table_get(store, TABLE_META, name, value, e);
    if (r == ERR_NOT_FOUND || (!r && value->len != len))
        return meta_corrupt(store, name.data, e);
    return r;
}

static int get_u32(struct store *store, struct bytes name, uint32_t *number, struct error *e)
{
    struct bytes value;
    int r = get(store, name, 4, &value, e);
    if (!r)
        *number = be32_get(value.data);
    return r;
}

static int get_u64(struct store *store, struct bytes name, uint64_t *number, struct error *e)
{
    struct bytes value;
    int r = get(store, name, 8, &value, e);
    if (!r)
        *number = be64_get(value.data);
    return r;
}

int meta_create(struct store *store, uint64_t epoch, struct error *e)
{
    if (getrandom(store->secret.bytes, sizeof store->secret.bytes, 0) != (ssize_t)sizeof store->secret.bytes)
        return error_set(e, ERR_IO, "shard %" PRIu32 ": no random bytes: %s", store->shard, strerror(errno));
    struct bytes secret = {(const char *)store->secret.bytes, sizeof store->secret.bytes};
    store->state = (struct store_state){.head = 0, .oldest = 1, .epoch = epoch, .next_collection = 1};
    int r = put_u32(store, META_FORMAT, STORE_FORMAT, e);
    if (!r)
        r = put_u32(store, META_SHARD, store->shard, e);
    if (!r)
        r = table_put(store, TABLE_META, META_SECRET, secret, 0, e);
    if (!r)
        r = epochs_put(store, epoch, 1, e);
    return r ? r : meta_save_state(store, e);
}

int meta_begin_citing(struct store *store, struct error *e)
{
    store->cited_from = store->state.head + 1;
    return put_u64(store, META_CITED_FROM, store->cited_from, e);
}

int meta_save_state(struct store *store, struct error *e)
{
    int r = put_u64(store, META_HEAD, store->state.head, e);
    if (!r)
        r = put_u64(store, META_OLDEST, store->state.oldest, e);
    if (!r && store->state.cut_check)
        r = put_u32(store, META_CUT_CHECK, store->state.cut_check, e);
    return r ? r : put_u32(store, META_NEXT_COLLECTION, store->state.next_collection, e);
}

int meta_begin_log(struct store *store, uint64_t seq, uint32_t check, struct error *e)
{
    store->state.head = seq;
    store->state.oldest = seq + 1;
    store->state.cut_check = check;
    int r = check ? 0 : table_delete(store, TABLE_META, META_CUT_CHECK, e);
    if (!r)
        r = meta_begin_citing(store, e);
    return r ? r : meta_save_state(store, e);
}

/* --- what a copy is --- */

enum { COPY_BYTES = 1 + 8 + 8 + 8 + 8 + 4 };

int meta_put_copy(struct store *store, const struct copy_mark *mark, struct error *e)
{
    char value[COPY_BYTES] = {(char)mark->phase};
    be64_put(value + 1, mark->epoch);
    be64_put(value + 9, mark->from);
    be64_put(value + 17, mark->until.epoch);
    be64_put(value + 25, mark->until.seq);
    be32_put(value + 33, mark->until.check);
    return table_put(store, TABLE_META, META_COPY, (struct bytes){value, sizeof value}, 0, e);
}

int meta_get_copy(struct store *store, struct copy_mark *out, struct error *e)
{
    struct bytes value;
    int r = table_get(store, TABLE_META, META_COPY, &value, e);
    *out = (struct copy_mark){0};
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    if (value.len != COPY_BYTES || value.data[0] < COPY_TAKING || value.data[0] > COPY_WHOLE)
        return meta_corrupt(store, "copy", e);
    *out = (struct copy_mark){
        .phase = (enum copy_phase)value.data[0],
        .epoch = be64_get(value.data + 1),
        .from = be64_get(value.data + 9),
        .until = {be64_get(value.data + 17), be64_get(value.data + 25), be32_get(value.data + 33)}};
    return 0;
}

/* Not there before anything was cut, nor where an older version cut it. */
static int get_cut_check(struct store *store, uint32_t *check, struct error *e)
{
    struct bytes value;
    int r = table_get(store, TABLE_META, META_CUT_CHECK, &value, e);
    *check = 0;
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    return get_u32(store, META_CUT_CHECK, check, e);
}

int meta_load_state(struct store *store, struct error *e)
{
    struct store_state state = {0};
    int r = get_u64(store, META_HEAD, &state.head, e);
    if (!r)
        r = get_u64(store, META_OLDEST, &state.oldest, e);
    if (!r)
        r = get_u32(store, META_NEXT_COLLECTION, &state.next_collection, e);
    if (!r)
        r = get_cut_check(store, &state.cut_check, e);
    if (!r)
        r = epochs_last(store, &state.epoch, e);
    if (!r && (state.oldest == 0 || state.oldest - 1 > state.head || state.head == UINT64_MAX ||
               state.next_collection == 0))
        return meta_corrupt(store, "head or oldest seq", e);
    if (r)
        return r;
    state.log_bytes = table_bytes(store, TABLE_CHANGES);
    store->state = store->committed = state;
    return r;
}

/* Versions before had none. */
static int load_cited_from(struct store *store, struct error *e)
{
    struct bytes value;
    int r = table_get(store, TABLE_META, META_CITED_FROM, &value, e);
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    if (value.len != 8 || be64_get(value.data) == 0)
        return meta_corrupt(store, "cited_from", e);
    store->cited_from = be64_get(value.data);
    return 0;
}

int meta_load(struct store *store, struct error *e)
{
    uint32_t format, shard;
    struct bytes secret;
    int r = get_u32(store, META_FORMAT, &format, e);
    if (r)
        return r;
    if (format != STORE_FORMAT)
        return error_set(e, ERR_CORRUPT,
                         "shard %" PRIu32 ": %s has format %" PRIu32
                         ", this Garner knows format %d: use the one "
                         "that wrote it, or a newer one",
                         store->shard, store->path, format, STORE_FORMAT);
    r = get_u32(store, META_SHARD, &shard, e);
    if (!r && shard != store->shard)
        return error_set(e, ERR_CORRUPT, "%s is the store of shard %" PRIu32 ", not of shard %" PRIu32,
                         store->path, shard, store->shard);
    if (!r)
        r = get(store, META_SECRET, sizeof store->secret.bytes, &secret, e);
    if (r)
        return r;
    memcpy(store->secret.bytes, secret.data, sizeof store->secret.bytes);
    r = meta_load_state(store, e);
    return r ? r : load_cited_from(store, e);
}
