/* Numbers in keys are padded, so that records come in their order. What is kept is small, so each is unpacked
 * in an arena of its own and copied. */
#include "coordinator/state/kept.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "proto/kept.pb-c.h"
#include "proto/wire.h"

enum { DIGITS = 5, BYTES_MAX = 64 << 10 };

static const char shard_prefix[] = "shard/", worker_prefix[] = "worker/", account_prefix[] = "account/",
                  cluster_key[] = "cluster";

/* --- keys --- */

void kept_key_add(const struct kept_key *key, struct buffer *out)
{
    if (key->kind == KEPT_CLUSTER)
        buffer_add_text(out, cluster_key);
    if (key->kind == KEPT_ACCOUNT) {
        buffer_add_text(out, account_prefix);
        buffer_add_bytes(out, key->account);
    }
    if (key->kind == KEPT_SHARD || key->kind == KEPT_WORKER)
        buffer_printf(out, "%s%0*" PRIu32, key->kind == KEPT_SHARD ? shard_prefix : worker_prefix, DIGITS,
                      key->number);
}

static bool read_number(struct bytes text, uint64_t end, uint32_t *out)
{
    uint64_t number;
    if (text.len != DIGITS || !bytes_to_u64(text, &number) || number >= end)
        return false;
    *out = (uint32_t)number;
    return true;
}

int kept_key_read(struct bytes text, struct kept_key *out, struct error *e)
{
    bool sound = true;
    *out = (struct kept_key){.kind = KEPT_UNKNOWN};
    if (bytes_is(text, cluster_key)) {
        out->kind = KEPT_CLUSTER;
    } else if (bytes_starts(text, shard_prefix)) {
        out->kind = KEPT_SHARD;
        sound = read_number(bytes_from(text, strlen(shard_prefix)), LIMIT_SHARDS, &out->number);
    } else if (bytes_starts(text, worker_prefix)) {
        out->kind = KEPT_WORKER;
        sound = read_number(bytes_from(text, strlen(worker_prefix)), LIMIT_WORKERS, &out->number);
    } else if (bytes_starts(text, account_prefix)) {
        out->kind = KEPT_ACCOUNT;
        out->account = bytes_from(text, strlen(account_prefix));
        const char *slash = memchr(out->account.data, '/', out->account.len);
        sound = slash && slash > out->account.data && bytes_is_utf8(text, NULL) &&
                slash + 1 < out->account.data + out->account.len;
    }
    return sound ? 0
                 : error_set(e, ERR_CORRUPT, "the cluster's state has a record '%.*s', which can't be",
                             BYTES_ARG(text));
}

static int corrupt(const char *what, uint32_t number, struct error *e)
{
    return error_set(e, ERR_CORRUPT,
                     "the cluster's state: what is kept of %s %" PRIu32
                     " isn't as it was written: restore the state",
                     what, number);
}

/* --- the cluster --- */

void kept_cluster_pack(const struct kept_cluster *cluster, struct buffer *out)
{
    Garner__KeptCluster to;
    garner__kept_cluster__init(&to);
    to.format = KEPT_FORMAT;
    to.name = wire_bytes(bytes_of(cluster->name));
    to.feed = wire_bytes((struct bytes){(const char *)cluster->feed, sizeof cluster->feed});
    to.shards = cluster->shards;
    to.has_is_paused = to.is_paused = cluster->is_paused;
    to.has_waits_recover = to.waits_recover = cluster->waits_recover;
    wire_pack(&to, out);
}

static bool cluster_from_wire(const Garner__KeptCluster *from, struct kept_cluster *to)
{
    *to = (struct kept_cluster){.shards = from->shards,
                                .is_paused = from->has_is_paused && from->is_paused,
                                .waits_recover = from->has_waits_recover && from->waits_recover};
    if (!text_is_name(wire_span(from->name), LIMIT_WORKER_NAME_BYTES) || from->feed.len != sizeof to->feed)
        return false;
    memcpy(to->name, from->name.data, from->name.len);
    memcpy(to->feed, from->feed.data, sizeof to->feed);
    return to->shards > 0 && to->shards <= LIMIT_SHARDS;
}

int kept_cluster_unpack(struct bytes packed, struct kept_cluster *out, struct error *e)
{
    struct arena arena = {0};
    const Garner__KeptCluster *from = wire_unpack(&garner__kept_cluster__descriptor, &arena, packed,
                                                  BYTES_MAX);
    int r = 0;
    if (from && from->format != KEPT_FORMAT)
        r = error_set(e, ERR_CORRUPT,
                      "the cluster's state has format %" PRIu32 ", this Garner knows format %d: use the one "
                      "that wrote it, or a newer one",
                      from->format, KEPT_FORMAT);
    else if (!from || !cluster_from_wire(from, out))
        r = error_set(e, ERR_CORRUPT,
                      "the cluster's state: what is kept of the cluster isn't as it was written: restore the "
                      "state");
    arena_close(&arena);
    return r;
}

/* --- shards --- */

void kept_shard_pack(const struct cluster_shard *shard, struct buffer *out)
{
    uint32_t replicas[CLUSTER_REPLICAS];
    Garner__KeptShard to;
    garner__kept_shard__init(&to);
    to.version = shard->version;
    to.epoch = shard->epoch;
    to.base_epoch = shard->base;
    to.base_disk = shard->disk;
    to.has_owner = shard->owner != CLUSTER_NOBODY;
    to.owner = shard->owner;
    to.has_pin = shard->pin != CLUSTER_NOBODY;
    to.pin = shard->pin;
    for (uint32_t i = 0; i < shard->replica_count; i++)
        replicas[i] = shard->replicas[i].worker << 1 | shard->replicas[i].in_sync;
    to.n_replicas = shard->replica_count;
    to.replicas = replicas;
    to.has_phase = shard->phase != MOVE_NONE;
    to.phase = shard->phase;
    to.has_to = shard->to != CLUSTER_NOBODY;
    to.to = shard->to;
    to.has_incarnation = shard->incarnation != 0;
    to.incarnation = shard->incarnation;
    wire_pack(&to, out);
}

static bool is_worker_or_nobody(uint32_t number)
{
    return number < LIMIT_WORKERS || number == CLUSTER_NOBODY;
}

/* Each another worker, and none the owner. */
static bool replicas_from_wire(const Garner__KeptShard *from, struct cluster_shard *to)
{
    if (from->n_replicas > CLUSTER_REPLICAS)
        return false;
    for (size_t i = 0; i < from->n_replicas; i++) {
        uint32_t worker = from->replicas[i] >> 1;
        if (worker >= LIMIT_WORKERS || worker == to->owner)
            return false;
        for (size_t k = 0; k < i; k++)
            if (to->replicas[k].worker == worker)
                return false;
        to->replicas[i] = (struct cluster_replica){worker, from->replicas[i] & 1};
    }
    to->replica_count = (uint32_t)from->n_replicas;
    return true;
}

/* A move has somewhere to go, and is copied to one of the replicas. */
static bool move_is_sound(const struct cluster_shard *shard)
{
    bool copies = shard->phase == MOVE_COPYING || shard->phase == MOVE_SEALING;
    if (shard->phase > MOVE_SEALING || (shard->phase != MOVE_NONE && shard->to == CLUSTER_NOBODY))
        return false;
    for (uint32_t i = 0; i < shard->replica_count && copies; i++)
        copies = shard->replicas[i].worker != shard->to;
    return !copies;
}

static bool shard_from_wire(const Garner__KeptShard *from, struct cluster_shard *to)
{
    *to = (struct cluster_shard){
        .version = from->version,
        .epoch = from->epoch,
        .base = from->base_epoch,
        .disk = from->base_disk,
        .owner = from->has_owner ? from->owner : CLUSTER_NOBODY,
        .pin = from->has_pin ? from->pin : CLUSTER_NOBODY,
        .phase = from->has_phase ? (enum move_phase)from->phase : MOVE_NONE,
        .to = from->has_to ? from->to : CLUSTER_NOBODY,
        .incarnation = from->has_incarnation ? from->incarnation : 0,
    };
    return to->version > 0 && is_worker_or_nobody(to->owner) && is_worker_or_nobody(to->pin) &&
           is_worker_or_nobody(to->to) && replicas_from_wire(from, to) && move_is_sound(to);
}

int kept_shard_unpack(struct bytes packed, uint32_t number, struct cluster_shard *out, struct error *e)
{
    struct arena arena = {0};
    const Garner__KeptShard *from = wire_unpack(&garner__kept_shard__descriptor, &arena, packed, BYTES_MAX);
    int r = from && shard_from_wire(from, out) ? 0 : corrupt("shard", number, e);
    arena_close(&arena);
    return r;
}

/* --- workers --- */

void kept_worker_pack(const struct cluster_worker *worker, struct buffer *out)
{
    Garner__KeptWorker to;
    garner__kept_worker__init(&to);
    to.name = wire_bytes(bytes_of(worker->name));
    to.disk = worker->disk;
    to.has_is_cordoned = to.is_cordoned = worker->is_cordoned;
    to.has_is_draining = to.is_draining = worker->is_draining;
    wire_pack(&to, out);
}

/* One that was forgotten may have no name any more. */
static bool worker_from_wire(const Garner__KeptWorker *from, struct cluster_worker *to)
{
    *to = (struct cluster_worker){
        .disk = from->disk,
        .is_cordoned = from->has_is_cordoned && from->is_cordoned,
        .is_draining = from->has_is_draining && from->is_draining,
    };
    if (!text_is_name(wire_span(from->name), LIMIT_WORKER_NAME_BYTES) && (from->name.len || from->disk))
        return false;
    memcpy(to->name, wire_span(from->name).data, from->name.len);
    return true;
}

int kept_worker_unpack(struct bytes packed, uint32_t number, struct cluster_worker *out, struct error *e)
{
    struct arena arena = {0};
    const Garner__KeptWorker *from = wire_unpack(&garner__kept_worker__descriptor, &arena, packed, BYTES_MAX);
    int r = from && worker_from_wire(from, out) ? 0 : corrupt("worker", number, e);
    arena_close(&arena);
    return r;
}
