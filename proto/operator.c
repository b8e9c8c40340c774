#include "proto/operator.h"

#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "proto/operator_wire.h"

/* --- parts of requests and answers --- */

Garner__Which *which_to_wire(struct arena *arena, const struct operator_which *which)
{
    Garner__Which *to = OPERATOR_NEW(arena, Garner__Which, garner__which__init);
    OPERATOR_SET(to, provider, which->provider);
    OPERATOR_SET(to, account, which->account);
    OPERATOR_SET(to, region, which->region);
    OPERATOR_SET(to, type, which->type);
    OPERATOR_SET(to, parent, which->parent);
    return to;
}

bool which_from_wire(const Garner__Which *from, struct operator_which *to)
{
    *to = (struct operator_which){
        .provider = wire_optional(from->has_provider, from->provider),
        .account = wire_optional(from->has_account, from->account),
        .region = wire_optional(from->has_region, from->region),
        .type = wire_optional(from->has_type, from->type),
        .parent = wire_optional(from->has_parent, from->parent),
    };
    return wire_is_utf8(to->provider) && wire_is_utf8(to->account) && wire_is_utf8(to->region) &&
           wire_is_utf8(to->type) && wire_is_utf8(to->parent);
}

/* --- requests --- */

enum { REQUEST_VERSION = 1, REQUEST_ID = 2 };

/* The numbers of the parts by kind, of both Request and Reply. */
static const unsigned numbers[] = {
    [OPERATOR_HELLO] = 10,     [OPERATOR_HARVEST] = 11,    [OPERATOR_CONFIRM] = 12,  [OPERATOR_FETCH] = 13,
    [OPERATOR_STATUS] = 14,    [OPERATOR_QUARANTINE] = 15, [OPERATOR_SNAPSHOT] = 16, [OPERATOR_MAP] = 17,
    [OPERATOR_HEARTBEAT] = 18, [OPERATOR_CLUSTER] = 19,
};

unsigned operator_number(enum operator_kind kind)
{
    return numbers[kind];
}

enum operator_kind operator_kind_of(unsigned number)
{
    for (enum operator_kind kind = OPERATOR_HELLO; kind <= OPERATOR_CLUSTER; kind++)
        if (numbers[kind] == number)
            return kind;
    return OPERATOR_NONE;
}

static void hello_pack(struct arena *arena, const struct operator_hello *hello, struct buffer *out)
{
    Garner__Hello *to = OPERATOR_NEW(arena, Garner__Hello, garner__hello__init);
    to->from = hello->from;
    to->to = hello->to;
    to->program = wire_bytes(hello->program);
    wire_pack(to, out);
}

static void body_pack(struct arena *arena, const struct operator_request *request, struct buffer *out)
{
    switch (request->kind) {
    case OPERATOR_HELLO:
        hello_pack(arena, &request->hello, out);
        break;
    case OPERATOR_HARVEST:
    case OPERATOR_CONFIRM:
        wire_pack(which_to_wire(arena, &request->which), out);
        break;
    case OPERATOR_FETCH:
        feed_demand_pack(&request->fetch, out);
        break;
    case OPERATOR_STATUS:
        buffer_add_bytes(out, request->status);
        break;
    case OPERATOR_QUARANTINE:
        wire_pack(quarantine_to_wire(arena, &request->quarantine), out);
        break;
    case OPERATOR_SNAPSHOT:
        feed_snapshot_pack(&request->snapshot, out);
        break;
    case OPERATOR_MAP:
        field_add_u64(out, 1, request->map_version);
        break;
    case OPERATOR_HEARTBEAT:
        buffer_add_bytes(out, request->heartbeat);
        break;
    case OPERATOR_CLUSTER:
        buffer_add_bytes(out, request->cluster);
        break;
    case OPERATOR_NONE:
        break;
    }
}

void operator_request_pack(const struct operator_request *request, struct buffer *out)
{
    struct arena arena = {0};
    field_add_u64(out, REQUEST_VERSION, request->version);
    field_add_u64(out, REQUEST_ID, request->id);
    if (request->kind) {
        size_t begun = field_begin_message(out, operator_number(request->kind));
        body_pack(&arena, request, out);
        field_end_message(out, begun);
    }
    arena_close(&arena);
}

static bool hello_unpack(struct arena *arena, struct bytes packed, struct operator_hello *to)
{
    const Garner__Hello *from = wire_unpack(&garner__hello__descriptor, arena, packed, LIMIT_MESSAGE_BYTES);
    if (!from)
        return false;
    *to = (struct operator_hello){.from = from->from, .to = from->to, .program = wire_span(from->program)};
    return wire_is_utf8(to->program) && to->from <= to->to;
}

static bool which_unpack(struct arena *arena, struct bytes packed, struct operator_which *to)
{
    const Garner__Which *from = wire_unpack(&garner__which__descriptor, arena, packed, LIMIT_MESSAGE_BYTES);
    return from && which_from_wire(from, to);
}

static bool quarantine_unpack(struct arena *arena, struct bytes packed, struct operator_quarantine *to)
{
    const Garner__Quarantine *from = wire_unpack(&garner__quarantine__descriptor, arena, packed,
                                                 LIMIT_MESSAGE_BYTES);
    return from && quarantine_from_wire(from, to);
}

static bool map_unpack(struct bytes packed, uint64_t *version)
{
    struct field field;
    while (field_next(&packed, &field))
        if (field.number == 1 && !field_take_u64(&field, version))
            return false;
    return !packed.len;
}

static bool body_unpack(struct arena *arena, struct bytes body, struct operator_request *to)
{
    switch (to->kind) {
    case OPERATOR_HELLO:
        return hello_unpack(arena, body, &to->hello);
    case OPERATOR_HARVEST:
    case OPERATOR_CONFIRM:
        return which_unpack(arena, body, &to->which);
    case OPERATOR_FETCH:
        return feed_demand_unpack(arena, body, &to->fetch);
    case OPERATOR_STATUS:
        to->status = body;
        return true;
    case OPERATOR_QUARANTINE:
        return quarantine_unpack(arena, body, &to->quarantine);
    case OPERATOR_SNAPSHOT:
        return feed_snapshot_unpack(arena, body, &to->snapshot);
    case OPERATOR_MAP:
        return map_unpack(body, &to->map_version);
    case OPERATOR_HEARTBEAT:
        to->heartbeat = body;
        return true;
    case OPERATOR_CLUSTER:
        to->cluster = body;
        return true;
    case OPERATOR_NONE: /* a newer peer's */
        return true;
    }
    return false;
}

/* Only a heartbeat grows with what there is. */
static size_t bytes_max(enum operator_kind kind)
{
    return kind == OPERATOR_HEARTBEAT ? LIMIT_HEARTBEAT_BYTES : LIMIT_MESSAGE_BYTES;
}

/* The first kind that we know counts. */
static bool request_unpack(struct arena *arena, struct bytes packed, struct operator_request *to)
{
    struct bytes body = {0};
    struct field field;
    const size_t len = packed.len;
    bool sound = len <= LIMIT_HEARTBEAT_BYTES, has_version = false, has_id = false;
    while (sound && field_next(&packed, &field)) {
        if (field.number == REQUEST_VERSION)
            has_version = sound = field_take_u32(&field, &to->version);
        else if (field.number == REQUEST_ID)
            has_id = sound = field_take_u64(&field, &to->id);
        else if (!to->kind && (to->kind = operator_kind_of(field.number)))
            sound = field_take_span(&field, &body);
    }
    return sound && !packed.len && len <= bytes_max(to->kind) && has_version && has_id &&
           body_unpack(arena, body, to);
}

int operator_request_unpack(struct arena *arena, struct bytes packed, struct operator_request *out,
                            struct error *e)
{
    *out = (struct operator_request){0};
    if (request_unpack(arena, packed, out))
        return 0;
    *out = (struct operator_request){.id = out->id};
    return error_set(e, ERR_BODY, "this is no request of Garner's operator protocol (%zu bytes)", packed.len);
}

/* --- versions --- */

int operator_request_check(const struct operator_request *request, const char *program, struct error *e)
{
    if (request->kind == OPERATOR_HELLO)
        return 0;
    if (request->version < OPERATOR_VERSION_FROM || request->version > OPERATOR_VERSION)
        return error_set(e, ERR_USAGE,
                         "the request is of protocol version %" PRIu32
                         ", and %s speaks %d to %d: use a program "
                         "of the same version",
                         request->version, program, OPERATOR_VERSION_FROM, OPERATOR_VERSION);
    if (request->kind == OPERATOR_NONE)
        return error_set(e, ERR_USAGE, "%s doesn't know this request: it is older than who asks, update it",
                         program);
    return 0;
}

uint32_t operator_version_with(const struct operator_hello *peer, const char *program, struct error *e)
{
    if (peer->to >= OPERATOR_VERSION_FROM && peer->from <= OPERATOR_VERSION)
        return peer->to < OPERATOR_VERSION ? peer->to : OPERATOR_VERSION;
    bool newer = peer->from > OPERATOR_VERSION;
    error_set(e, ERR_USAGE,
              "%.*s there speaks versions %" PRIu32 " to %" PRIu32
              " of the protocol, and this is %s, which speaks "
              "%d to %d: update %s",
              BYTES_ARG(peer->program), peer->from, peer->to, program, OPERATOR_VERSION_FROM,
              OPERATOR_VERSION, newer ? "this program" : "the one that runs there");
    return 0;
}
