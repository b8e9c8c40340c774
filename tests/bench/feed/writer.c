#include "tests/bench/feed/writer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/value/canonical.h"
#include "tests/bench/feed/meter.h"
#include "worker/store/tables.h"

enum { TYPES = 5, PAGE_ITEMS = 100, CHANGES_MS = 10, PADDING_BYTES = 64 };

#define MAP_BYTES ((uint64_t)16 << 30)
#define BEGAN_MS  INT64_C(1795341600000)

struct resource {
    struct bytes id, packed;
    struct digest digest;
};

static const char *const types[TYPES] = {"aws.ec2.snapshot", "aws.ec2.volume", "aws.ec2.instance",
                                         "aws.ec2.security_group", "aws.ec2.network_interface"};
static const char *const regions[WRITER_COLLECTIONS / TYPES] = {
    "eu-west-1",      "eu-central-1", "us-east-1",    "us-west-2",
    "ap-southeast-1", "ap-south-1",   "ca-central-1", "sa-east-1"};

/* --- what is appended --- */

/* Ids come in no order, as providers' do: each of its own, for the factor is odd. */
static uint64_t mixed(uint64_t i)
{
    return i * UINT64_C(0x9e3779b97f4a7c15);
}

static void pack_padded(struct arena *arena, uint64_t i, int padding, struct buffer *out)
{
    struct value value;
    struct error e;
    const char *json = arena_printf(arena,
                                    "{\"SnapshotId\":\"snap-0%016" PRIx64 "\",\"VolumeId\":\"vol-0%016" PRIx64
                                    "\",\"State\":\"completed\",\"StartTime\":\"2026-11-%02uT%02u:%02u:00."
                                    "000Z\",\"Progress\":\"100%%\",\"OwnerId\":"
                                    "\"123456789012\",\"VolumeSize\":%u,\"Encrypted\":true,\"KmsKeyId\":"
                                    "\"arn:aws:kms:eu-west-1:123456789012:key/"
                                    "0f7c5a1e-55aa-4b0e-9d53-2c1f60a7b6d4\",\"StorageTier\":\"standard\","
                                    "\"Tags\":[{\"Key\":\"Name\",\"Value\":"
                                    "\"nightly-%06u\"},{\"Key\":\"team\",\"Value\":\"storage\"},{\"Key\":"
                                    "\"stage\",\"Value\":\"production\"}],"
                                    "\"Description\":\"%0*d\"}",
                                    mixed(i), mixed(i * 7919), (unsigned)(i % 28 + 1), (unsigned)(i % 24),
                                    (unsigned)(i % 60), (unsigned)(100 + i % 100), (unsigned)(i % 1000000),
                                    padding, 0);
    if (value_from_json(arena, bytes_of(json), &value, NULL, &e))
        die("%s", e.text);
    value_to_msgpack(&value, out);
}

/* Keyed as the store's are, so that `garner verify` finds nothing wrong with what comes out. */
static struct digest digest_of(struct arena *arena, struct bytes packed, const struct hash_secret *secret)
{
    struct buffer scratch = {0};
    struct value value;
    struct error e;
    if (value_from_msgpack(arena, packed, &value, &e))
        die("%s", e.text);
    struct digest digest = canonical_digest(&value, NULL, 0, secret, &scratch);
    buffer_close(&scratch);
    return digest;
}

static void make_resource(struct arena *arena, uint64_t i, const struct hash_secret *secret,
                          struct resource *out)
{
    struct arena passing = {0};
    struct buffer packed = {0};
    pack_padded(&passing, i, PADDING_BYTES, &packed);
    int missing = WRITER_DOCUMENT_BYTES - (int)packed.len;
    buffer_reset(&packed);
    pack_padded(&passing, i, PADDING_BYTES + missing, &packed);
    if (packed.len != WRITER_DOCUMENT_BYTES)
        die("a document of %zu bytes, not %d", packed.len, WRITER_DOCUMENT_BYTES);
    out->packed = arena_copy(arena, buffer_bytes(&packed));
    out->id = bytes_of(arena_printf(arena, "snap-0%016" PRIx64, mixed(i)));
    out->digest = digest_of(&passing, out->packed, secret);
    buffer_close(&packed);
    arena_close(&passing);
}

/* --- appending --- */

static void must(int r, const struct error *e)
{
    if (r)
        die("%s", e->text);
}

static uint32_t collection_of(uint64_t i)
{
    return (uint32_t)(i / PAGE_ITEMS % WRITER_COLLECTIONS);
}

static struct writer_target *target_of(struct writer *writer, uint32_t collection)
{
    return &writer->targets[collection % writer->folder.shards];
}

uint64_t writer_commit(struct writer *writer, uint32_t shard)
{
    struct writer_target *target = &writer->targets[shard];
    struct error e;
    must(store_write(target->store, &e), &e);
    for (uint32_t i = 0; i < target->count; i++)
        must(store_collection_put(target->store, target->records[i], &e), &e);
    must(store_commit(target->store, &e), &e);
    return target->store->state.head;
}

static void open_targets(struct writer *writer)
{
    struct error e;
    for (uint32_t i = 0; i < WRITER_COLLECTIONS; i++) {
        struct writer_target *target = target_of(writer, i);
        if (!target->store)
            must(folder_store(&writer->folder, i % writer->folder.shards, &target->store, &e), &e);
        writer->records[i] = (struct collection_record){.key = {.provider = BYTES("aws"),
                                                                .account = BYTES("123456789012"),
                                                                .region = bytes_of(regions[i / TYPES]),
                                                                .type = bytes_of(types[i % TYPES])},
                                                        .next_harvest = 1};
        must(store_write(target->store, &e), &e);
        must(store_collection_put(target->store, &writer->records[i], &e), &e);
        target->records[target->count++] = &writer->records[i];
    }
    for (uint32_t i = 0; i < writer->folder.shards; i++)
        writer_commit(writer, i);
}

void writer_open(struct writer *writer, const char *path, uint64_t count, uint64_t shards)
{
    struct error e;
    *writer = (struct writer){.count = count};
    if (shards > WRITER_COLLECTIONS)
        die("at most %d shards", WRITER_COLLECTIONS);
    must(folder_open(&writer->folder, path, (uint32_t)shards, MAP_BYTES, &e), &e);
    open_targets(writer);
    writer->resources = mem_alloc(count * sizeof *writer->resources);
    for (uint64_t i = 0; i < count; i++)
        make_resource(&writer->arena, i, store_secret(target_of(writer, collection_of(i))->store),
                      &writer->resources[i]);
}

void writer_close(struct writer *writer)
{
    folder_close(&writer->folder);
    free(writer->resources);
    arena_close(&writer->arena);
}

/* The part of store_apply that appends the change. */
static int append_to_log(struct store *store, const struct collection_record *record, struct change *change,
                         struct error *e)
{
    change->shard = store->shard;
    change->epoch = store->state.epoch;
    change->seq = store->state.head + 1;
    change->collection = record->id;
    change->key = record->key;
    int r = change_encode(store, change, e);
    if (!r)
        r = change_append(store, e);
    store->gathered += !r;
    return r;
}

void writer_append(struct writer *writer, uint64_t i, bool log_alone)
{
    CHECK(i < writer->count);
    const struct resource *resource = &writer->resources[i];
    struct store *store = target_of(writer, collection_of(i))->store;
    struct collection_record *record = &writer->records[collection_of(i)];
    struct change change = {.op = CHANGE_CREATED,
                            .id = resource->id,
                            .time_ms = BEGAN_MS + (int64_t)(i / CHANGES_MS),
                            .after = resource->packed};
    struct error e;
    uint32_t row;
    must(store_write(store, &e), &e);
    must(log_alone ? append_to_log(store, record, &change, &e)
                   : store_apply(store, record, &change, &resource->digest, &row, &e),
         &e);
}

uint32_t writer_shard_of(const struct writer *writer, uint64_t i)
{
    return collection_of(i) % writer->folder.shards;
}

bool writer_is_full(const struct writer *writer, uint64_t i)
{
    return store_gathered(writer->targets[writer_shard_of(writer, i)].store) >= LIMIT_COMMIT_ITEMS;
}
