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

Garner__Position **positions_to_wire(struct arena *arena, const struct position *positions, uint32_t count)
{
    Garner__Position **to = arena_alloc(arena, (count + 1) * sizeof *to);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = OPERATOR_NEW(arena, Garner__Position, garner__position__init);
        to[i]->shard = positions[i].shard;
        to[i]->epoch = positions[i].epoch;
        to[i]->seq = positions[i].seq;
    }
    return to;
}

bool positions_from_wire(struct arena *arena, Garner__Position *const *from, size_t count,
                         const struct position **positions, uint32_t *positions_count)
{
    struct position *to = count ? arena_alloc(arena, count * sizeof *to) : NULL;
    *positions = to;
    *positions_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct position){from[i]->shard, from[i]->epoch, from[i]->seq};
        if (to[i].shard >= LIMIT_SHARDS || (i && to[i].shard <= to[i - 1].shard) || to[i].seq == UINT64_MAX)
            return false;
    }
    return true;
}

/* --- requests --- */

static Garner__Hello *hello_to_wire(struct arena *arena, const struct operator_hello *hello)
{
    Garner__Hello *to = OPERATOR_NEW(arena, Garner__Hello, garner__hello__init);
    to->from = hello->from;
    to->to = hello->to;
    to->program = wire_bytes(hello->program);
    return to;
}

static Garner__Fetch *fetch_to_wire(struct arena *arena, const struct operator_fetch *fetch)
{
    Garner__Fetch *to = OPERATOR_NEW(arena, Garner__Fetch, garner__fetch__init);
    to->n_positions = fetch->count;
    to->positions = positions_to_wire(arena, fetch->positions, fetch->count);
    to->has_now = to->now = fetch->now;
    to->only = which_to_wire(arena, &fetch->only);
    to->has_ops = fetch->ops != 0;
    to->ops = fetch->ops;
    to->has_no_initial = to->no_initial = fetch->no_initial;
    to->max_events = fetch->max_events;
    to->max_bytes = fetch->max_bytes;
    to->wait_ms = fetch->wait_ms;
    return to;
}

void operator_request_pack(const struct operator_request *request, struct buffer *out)
{
    Garner__Request message = GARNER__REQUEST__INIT;
    struct arena arena = {0};
    message.version = request->version;
    message.id = request->id;
    switch (request->kind) {
    case OPERATOR_HELLO:
        message.hello = hello_to_wire(&arena, &request->hello);
        break;
    case OPERATOR_HARVEST:
        message.harvest = which_to_wire(&arena, &request->which);
        break;
    case OPERATOR_CONFIRM:
        message.confirm = which_to_wire(&arena, &request->which);
        break;
    case OPERATOR_FETCH:
        message.fetch = fetch_to_wire(&arena, &request->fetch);
        break;
    case OPERATOR_STATUS:
        message.has_status = true;
        message.status = wire_bytes(request->status);
        break;
    case OPERATOR_QUARANTINE:
        message.quarantine = quarantine_to_wire(&arena, &request->quarantine);
        break;
    case OPERATOR_NONE:
        break;
    }
    wire_pack(&message, out);
    arena_close(&arena);
}

static bool fetch_from_wire(struct arena *arena, const Garner__Fetch *from, struct operator_fetch *to)
{
    *to = (struct operator_fetch){
        .now = from->has_now && from->now,
        .ops = from->has_ops ? from->ops : 0,
        .no_initial = from->has_no_initial && from->no_initial,
        .max_events = from->max_events,
        .max_bytes = from->max_bytes,
        .wait_ms = from->wait_ms,
    };
    return positions_from_wire(arena, from->positions, from->n_positions, &to->positions, &to->count) &&
           (!from->only || which_from_wire(from->only, &to->only));
}

/* The first kind that is there. */
static bool body_from_wire(struct arena *arena, const Garner__Request *from, struct operator_request *to)
{
    if (from->hello) {
        to->kind = OPERATOR_HELLO;
        to->hello = (struct operator_hello){
            .from = from->hello->from, .to = from->hello->to, .program = wire_span(from->hello->program)};
        return wire_is_utf8(to->hello.program) && to->hello.from <= to->hello.to;
    }
    if (from->harvest) {
        to->kind = OPERATOR_HARVEST;
        return which_from_wire(from->harvest, &to->which);
    }
    if (from->confirm) {
        to->kind = OPERATOR_CONFIRM;
        return which_from_wire(from->confirm, &to->which);
    }
    if (from->fetch) {
        to->kind = OPERATOR_FETCH;
        return fetch_from_wire(arena, from->fetch, &to->fetch);
    }
    if (from->has_status) {
        to->kind = OPERATOR_STATUS;
        to->status = wire_span(from->status);
    } else if (from->quarantine) {
        to->kind = OPERATOR_QUARANTINE;
        return quarantine_from_wire(from->quarantine, &to->quarantine);
    }
    return true;
}

int operator_request_unpack(struct arena *arena, struct bytes packed, struct operator_request *out,
                            struct error *e)
{
    const Garner__Request *message = wire_unpack(&garner__request__descriptor, arena, packed,
                                                 LIMIT_MESSAGE_BYTES);
    *out = (struct operator_request){0};
    if (message) {
        out->version = message->version;
        out->id = message->id;
    }
    if (message && body_from_wire(arena, message, out))
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
