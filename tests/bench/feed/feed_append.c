/* Appends changes to a new data folder, by the store alone: COUNT resources are created, each with a document
 * of 600 bytes, in 40 collections that stand in SHARDS shards, with a synced commit after 10,000 changes of a
 * shard. The documents, ids and digests are made before the clock starts: they are the harvest's work.
 *
 *     feed_append FOLDER COUNT SHARDS            what a listing writes: id, change and document
 *     feed_append --log FOLDER COUNT SHARDS      the changes alone, as a log that keeps no state does
 *
 * Prints a line of JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/value/canonical.h"
#include "tests/bench/feed/meter.h"
#include "worker/store/folder.h"
#include "worker/store/tables.h"

enum {
    DOCUMENT_BYTES = 600,
    COLLECTIONS = 40,
    TYPES = 5,
    PAGE_ITEMS = 100,
    CHANGES_MS = 10,
    PADDING_BYTES = 64
};

#define MAP_BYTES ((uint64_t)16 << 30)
#define BEGAN_MS  INT64_C(1795341600000)

struct resource {
    struct bytes id, packed;
    struct digest digest;
};

static const char *const types[TYPES] = {"aws.ec2.snapshot", "aws.ec2.volume", "aws.ec2.instance",
                                         "aws.ec2.security_group", "aws.ec2.network_interface"};
static const char *const regions[COLLECTIONS / TYPES] = {"eu-west-1",    "eu-central-1",   "us-east-1",
                                                         "us-west-2",    "ap-southeast-1", "ap-south-1",
                                                         "ca-central-1", "sa-east-1"};

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
    int missing = DOCUMENT_BYTES - (int)packed.len;
    buffer_reset(&packed);
    pack_padded(&passing, i, PADDING_BYTES + missing, &packed);
    if (packed.len != DOCUMENT_BYTES)
        die("a document of %zu bytes, not %d", packed.len, DOCUMENT_BYTES);
    out->packed = arena_copy(arena, buffer_bytes(&packed));
    out->id = bytes_of(arena_printf(arena, "snap-0%016" PRIx64, mixed(i)));
    out->digest = digest_of(&passing, out->packed, secret);
    buffer_close(&packed);
    arena_close(&passing);
}

/* --- appending --- */

struct target {
    struct store *store;
    struct collection_record *records[COLLECTIONS];
    uint32_t count;
};

static void must(int r, const struct error *e)
{
    if (r)
        die("%s", e->text);
}

static void commit(struct target *target)
{
    struct error e;
    must(store_write(target->store, &e), &e);
    for (uint32_t i = 0; i < target->count; i++)
        must(store_collection_put(target->store, target->records[i], &e), &e);
    must(store_commit(target->store, &e), &e);
}

/* Collections take turns, a page of a listing each. */
static uint32_t collection_of(uint64_t i)
{
    return (uint32_t)(i / PAGE_ITEMS % COLLECTIONS);
}

static void open_targets(struct folder *folder, struct target *targets, struct collection_record *records)
{
    struct error e;
    for (uint32_t i = 0; i < COLLECTIONS; i++) {
        struct target *target = &targets[i % folder->shards];
        if (!target->store)
            must(folder_store(folder, i % folder->shards, &target->store, &e), &e);
        records[i] = (struct collection_record){.key = {.provider = BYTES("aws"),
                                                        .account = BYTES("123456789012"),
                                                        .region = bytes_of(regions[i / TYPES]),
                                                        .type = bytes_of(types[i % TYPES])},
                                                .next_harvest = 1};
        must(store_write(target->store, &e), &e);
        must(store_collection_put(target->store, &records[i], &e), &e);
        target->records[target->count++] = &records[i];
    }
    for (uint32_t i = 0; i < folder->shards; i++)
        commit(&targets[i]);
}

/* The part of store_apply that appends the change. */
static int append_to_log(struct store *store, const struct collection_record *record, struct change *change,
                         struct error *e)
{
    change->shard = store->shard;
    change->epoch = store->epoch;
    change->seq = store->state.head + 1;
    change->collection = record->id;
    change->key = record->key;
    int r = change_encode(store, change, e);
    if (!r)
        r = change_append(store, e);
    store->gathered += !r;
    return r;
}

static void append(struct target *target, struct collection_record *record, const struct resource *resource,
                   uint64_t i, bool log_alone)
{
    struct change change = {.op = CHANGE_CREATED,
                            .id = resource->id,
                            .time_ms = BEGAN_MS + (int64_t)(i / CHANGES_MS),
                            .after = resource->packed};
    struct error e;
    uint32_t row;
    must(store_write(target->store, &e), &e);
    must(log_alone ? append_to_log(target->store, record, &change, &e)
                   : store_apply(target->store, record, &change, &resource->digest, &row, &e),
         &e);
    if (store_gathered(target->store) >= LIMIT_COMMIT_ITEMS)
        commit(target);
}

/* All of them, on the clock. */
static void append_all(struct target *targets, struct collection_record *records,
                       const struct resource *resources, uint64_t count, uint64_t shards, bool log_alone)
{
    struct meter meter;
    meter_begin(&meter);
    for (uint64_t i = 0; i < count; i++)
        append(&targets[collection_of(i) % shards], &records[collection_of(i)], &resources[i], i, log_alone);
    for (uint64_t i = 0; i < shards; i++)
        commit(&targets[i]);
    meter.changes = count;
    meter.bytes = count * DOCUMENT_BYTES;
    meter_end(&meter);
}

int main(int argc, char **argv)
{
    struct folder folder;
    struct target targets[COLLECTIONS] = {{0}};
    struct collection_record records[COLLECTIONS];
    struct arena arena = {0};
    struct error e;
    bool log_alone = argc == 5 && strcmp(argv[1], "--log") == 0;
    if (argc != 4 + log_alone)
        die("usage: feed_append [--log] FOLDER COUNT SHARDS");
    argv += log_alone;
    uint64_t count = number_of(argv[2]), shards = number_of(argv[3]);
    if (shards > COLLECTIONS)
        die("at most %d shards", COLLECTIONS);
    must(folder_open(&folder, argv[1], (uint32_t)shards, MAP_BYTES, &e), &e);
    open_targets(&folder, targets, records);
    struct resource *resources = mem_alloc(count * sizeof *resources);
    for (uint64_t i = 0; i < count; i++)
        make_resource(&arena, i, store_secret(targets[collection_of(i) % shards].store), &resources[i]);
    append_all(targets, records, resources, count, shards, log_alone);
    folder_close(&folder);
    free(resources);
    arena_close(&arena);
    return 0;
}
