/* What a worker says: a message of reports, each of which is a message of its own. What most shards have
 * nothing to say of (`held`, `behind`, a copy that is half taken) is left out. */
#include "proto/cluster.h"

#include "common/text.h"
#include "proto/cluster_wire.h"

enum { FEED_BYTES = 16 };

const char *cluster_role_name(enum cluster_role role)
{
    static const char *const names[] = {[ROLE_NONE] = "none",
                                        [ROLE_OWNER] = "owner",
                                        [ROLE_SEALED] = "sealed",
                                        [ROLE_FOLLOWER] = "follower",
                                        [ROLE_DROP] = "drop"};
    return names[role];
}

bool cluster_is_feed(struct bytes feed)
{
    return feed.len == FEED_BYTES;
}

/* --- packing --- */

static Garner__ShardReport *report_to_wire(struct arena *arena, const struct shard_report *from)
{
    Garner__ShardReport *to = arena_alloc(arena, sizeof *to);
    garner__shard_report__init(to);
    to->shard = from->shard;
    to->role = from->role;
    to->version = from->version;
    to->epoch = from->epoch;
    to->head = from->head;
    to->check = from->check;
    to->bytes = from->bytes;
    to->load = from->load;
    to->has_is_half = to->is_half = !from->is_whole;
    to->has_held = from->held != 0;
    to->held = from->held;
    to->has_behind = from->behind != 0;
    to->behind = from->behind;
    to->has_known = from->known != from->version;
    to->known = from->known;
    return to;
}

void heartbeat_pack(const struct heartbeat *heartbeat, struct buffer *out)
{
    struct arena arena = {0};
    Garner__Heartbeat to;
    garner__heartbeat__init(&to);
    to.version = heartbeat->version;
    to.cluster = wire_bytes(heartbeat->cluster);
    to.worker = wire_bytes(heartbeat->worker);
    to.address = wire_bytes(heartbeat->address);
    to.program = wire_bytes(heartbeat->program);
    to.shards = heartbeat->shards;
    to.has_feed = heartbeat->feed.data != NULL;
    to.feed = wire_bytes(heartbeat->feed);
    to.disk = heartbeat->disk;
    to.incarnation = heartbeat->incarnation;
    to.number = heartbeat->number;
    to.has_restarts = to.restarts = heartbeat->restarts;
    to.capacity = heartbeat->capacity;
    to.room = heartbeat->room;
    to.known = heartbeat->known;
    to.reports = arena_alloc(&arena, (heartbeat->report_count + (size_t)1) * sizeof *to.reports);
    for (uint32_t i = 0; i < heartbeat->report_count; i++)
        to.reports[to.n_reports++] = report_to_wire(&arena, &heartbeat->reports[i]);
    wire_pack(&to, out);
    arena_close(&arena);
}

/* --- unpacking --- */

static bool report_from_wire(const Garner__ShardReport *from, struct shard_report *to)
{
    *to = (struct shard_report){
        .shard = from->shard,
        .role = (enum cluster_role)from->role,
        .version = from->version,
        .known = from->has_known ? from->known : from->version,
        .is_whole = !(from->has_is_half && from->is_half),
        .epoch = from->epoch,
        .head = from->head,
        .check = from->check,
        .held = from->has_held ? from->held : 0,
        .behind = from->has_behind ? from->behind : 0,
        .bytes = from->bytes,
        .load = from->load,
    };
    return from->role < ROLE_DROP && to->held >> CLUSTER_REPLICAS == 0 && to->behind >> CLUSTER_REPLICAS == 0;
}

/* Ascending, so each shard stands once; and there are no more than shards. */
static bool reports_from_wire(struct arena *arena, const Garner__Heartbeat *from, struct heartbeat *to)
{
    struct shard_report *reports = arena_alloc(arena, (from->n_reports + 1) * sizeof *reports);
    const uint32_t end = to->shards ? to->shards : LIMIT_SHARDS;
    bool sound = true;
    for (size_t i = 0; i < from->n_reports && sound; i++)
        sound = report_from_wire(from->reports[i], &reports[i]) && reports[i].shard < end &&
                (i == 0 || reports[i - 1].shard < reports[i].shard);
    to->reports = reports;
    to->report_count = (uint32_t)from->n_reports;
    return sound;
}

static bool heartbeat_is_sound(const struct heartbeat *h)
{
    return text_is_name(h->cluster, LIMIT_WORKER_NAME_BYTES) &&
           text_is_name(h->worker, LIMIT_WORKER_NAME_BYTES) &&
           text_is_name(h->address, LIMIT_ADDRESS_BYTES) && text_is_name(h->program, LIMIT_PROGRAM_BYTES) &&
           h->shards <= LIMIT_SHARDS && (h->shards ? cluster_is_feed(h->feed) : !h->feed.data) &&
           h->version > 0 && h->disk > 0 && h->incarnation > 0 && h->number > 0 && h->capacity > 0 &&
           h->capacity <= LIMIT_CAPACITY;
}

static bool heartbeat_from_wire(struct arena *arena, const Garner__Heartbeat *from, struct heartbeat *to)
{
    *to = (struct heartbeat){
        .version = from->version,
        .cluster = wire_span(from->cluster),
        .worker = wire_span(from->worker),
        .address = wire_span(from->address),
        .program = wire_span(from->program),
        .shards = from->shards,
        .feed = wire_optional(from->has_feed, from->feed),
        .disk = from->disk,
        .incarnation = from->incarnation,
        .number = from->number,
        .restarts = from->has_restarts && from->restarts,
        .capacity = from->capacity,
        .room = from->room,
        .known = from->known,
    };
    return heartbeat_is_sound(to) && reports_from_wire(arena, from, to);
}

int heartbeat_unpack(struct arena *arena, struct bytes packed, struct heartbeat *out, struct error *e)
{
    const Garner__Heartbeat *from = wire_unpack(&garner__heartbeat__descriptor, arena, packed,
                                                LIMIT_HEARTBEAT_BYTES);
    if (from && heartbeat_from_wire(arena, from, out))
        return 0;
    *out = (struct heartbeat){0};
    return error_set(e, ERR_BODY,
                     "a worker's heartbeat of %zu bytes is none: is the worker another version of garner?",
                     packed.len);
}
