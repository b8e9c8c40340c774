#include "proto/status.h"

#include <stdlib.h>

#include "common/check.h"
#include "proto/status.pb-c.h"
#include "proto/wire.h"

const double status_age_bounds[STATUS_AGE_BOUNDS] = {1,    5,     15,    60,    300,   900,
                                                     3600, 14400, 43200, 86400, 604800};

const char *status_state_name(enum status_state state)
{
    static const char *const names[STATE_COUNT] = {"waiting", "due", "under_way"};
    return names[state];
}

const char *trouble_name(enum trouble trouble)
{
    static const char *const names[TROUBLE_COUNT] = {
#define X(name, text) text,
        TROUBLES(X)
#undef X
    };
    return names[trouble];
}

const char *status_priority_name(int priority)
{
    static const char *const names[STATUS_PRIORITIES] = {"high", "normal", "low", "unknown"};
    return names[priority];
}

bool status_is_well(const struct status *status)
{
    for (int i = 0; i < TROUBLE_COUNT; i++)
        if (status->troubled[i])
            return false;
    return !status->accounts_failed && !status->lacks_parts;
}

/* --- what is asked --- */

void status_request_pack(const struct status_request *request, struct buffer *out)
{
    Garner__StatusRequest message;
    uint32_t count = request->accounts.count;
    ProtobufCBinaryData *more = mem_alloc((count + 1) * sizeof *more);
    garner__status_request__init(&message);
    message.has_account = count > 0;
    if (count)
        message.account = wire_bytes(request->accounts.items[0]);
    message.more_accounts = more;
    for (uint32_t i = 1; i < count; i++)
        more[message.n_more_accounts++] = wire_bytes(request->accounts.items[i]);
    message.has_type = request->type.data != NULL;
    message.type = wire_bytes(request->type);
    wire_pack(&message, out);
    free(more);
}

int status_request_unpack(struct arena *arena, struct bytes packed, struct status_request *out,
                          struct error *e)
{
    Garner__StatusRequest *message = wire_unpack(&garner__status_request__descriptor, arena, packed,
                                                 LIMIT_MESSAGE_BYTES);
    if (!message)
        return error_set(e, ERR_BODY,
                         "what is asked of the status isn't readable: is the other side another version of "
                         "garner?");
    struct bytes *accounts = arena_alloc(arena, (message->n_more_accounts + 1) * sizeof *accounts);
    *out = (struct status_request){.type = wire_optional(message->has_type, message->type)};
    if (message->has_account)
        accounts[out->accounts.count++] = wire_span(message->account);
    for (size_t i = 0; i < message->n_more_accounts; i++)
        accounts[out->accounts.count++] = wire_span(message->more_accounts[i]);
    out->accounts.items = accounts;
    return 0;
}

/* --- to a message --- */

static Garner__StatusTrouble *trouble_to_wire(struct arena *arena, const struct status_trouble *from)
{
    Garner__StatusTrouble *to = arena_alloc(arena, sizeof *to);
    garner__status_trouble__init(to);
    to->provider = wire_bytes(from->key.provider);
    to->account = wire_bytes(from->key.account);
    to->type = wire_bytes(from->key.type);
    to->has_region = from->key.region.data != NULL;
    to->region = wire_bytes(from->key.region);
    to->has_parent = from->key.parent.data != NULL;
    to->parent = wire_bytes(from->key.parent);
    to->kind = from->kind;
    to->has_since_ms = to->has_next_ms = to->has_count = true;
    to->since_ms = from->since_ms;
    to->next_ms = from->next_ms;
    to->count = from->count;
    to->error = from->error ? (char *)(uintptr_t)error_name(from->error) : NULL;
    to->cause = wire_text(arena, from->cause);
    return to;
}

static Garner__StatusAge *age_to_wire(struct arena *arena, const struct status_age *from)
{
    Garner__StatusAge *to = arena_alloc(arena, sizeof *to);
    garner__status_age__init(to);
    to->collections = from->collections;
    to->never = from->never;
    to->late = from->late;
    to->oldest_ms = from->oldest_ms;
    to->oldest_period_ms = from->oldest_period_ms;
    to->p99_ms = from->p99_ms;
    to->sum_ms = from->sum_ms;
    to->n_counts = STATUS_AGE_BOUNDS + 1;
    to->counts = arena_alloc(arena, sizeof from->counts);
    memcpy(to->counts, from->counts, sizeof from->counts);
    return to;
}

static void work_to_wire(struct arena *arena, const struct status_work *from, Garner__StatusReply *to)
{
    const uint64_t counts[] = {
#define X(name) from->name,
        STATUS_WORK(X)
#undef X
    };
    to->n_work = sizeof counts / sizeof *counts;
    to->work = arena_alloc(arena, sizeof counts);
    memcpy(to->work, counts, sizeof counts);
    to->n_tiers = STATUS_TIERS;
    to->tiers = arena_alloc(arena, sizeof from->tiers);
    memcpy(to->tiers, from->tiers, sizeof from->tiers);
    to->failed = arena_alloc(arena, ERR_COUNT * sizeof *to->failed);
    for (int code = 0; code < ERR_COUNT; code++) {
        if (!from->failed[code])
            continue;
        Garner__StatusFailed *failed = to->failed[to->n_failed++] = arena_alloc(arena, sizeof *failed);
        garner__status_failed__init(failed);
        failed->error = (char *)(uintptr_t)error_name(code);
        failed->harvests = from->failed[code];
    }
}

static uint64_t *copy_counts(struct arena *arena, const uint64_t *counts, size_t count)
{
    uint64_t *copy = arena_alloc(arena, count * sizeof *copy);
    memcpy(copy, counts, count * sizeof *copy);
    return copy;
}

void status_pack(const struct status *from, struct buffer *out)
{
    struct arena arena = {0};
    Garner__StatusReply to;
    Garner__StatusAge *ages[STATUS_PRIORITIES];
    garner__status_reply__init(&to);
    to.time_ms = from->time_ms;
    to.has_started_ms = true;
    to.started_ms = from->started_ms;
    to.scheduled = from->scheduled;
    to.collections = from->collections;
    to.unwatched = from->unwatched;
    to.resources = from->resources;
    to.n_states = STATE_COUNT;
    to.states = copy_counts(&arena, from->states, STATE_COUNT);
    to.n_troubled = TROUBLE_COUNT;
    to.troubled = copy_counts(&arena, from->troubled, TROUBLE_COUNT);
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        ages[i] = age_to_wire(&arena, &from->ages[i]);
    to.n_ages = STATUS_PRIORITIES;
    to.ages = ages;
    work_to_wire(&arena, &from->work, &to);
    to.window_ms = from->window_ms;
    to.window_requests = from->window_requests;
    to.window_throttled = from->window_throttled;
    to.accounts = from->accounts;
    to.accounts_failed = from->accounts_failed;
    to.breakers_open = from->breakers_open;
    to.n_troubles = from->trouble_count;
    to.troubles = arena_alloc(&arena, (from->trouble_count + (size_t)1) * sizeof *to.troubles);
    for (uint32_t i = 0; i < from->trouble_count; i++)
        to.troubles[i] = trouble_to_wire(&arena, &from->troubles[i]);
    to.left_out = from->left_out;
    wire_pack(&to, out);
    arena_close(&arena);
}

/* --- from a message --- */

static bool trouble_from_wire(const Garner__StatusTrouble *from, struct status_trouble *to)
{
    if (from->kind >= TROUBLE_COUNT)
        return false;
    *to = (struct status_trouble){
        .key = {.provider = wire_span(from->provider),
                .account = wire_span(from->account),
                .type = wire_span(from->type),
                .region = wire_optional(from->has_region, from->region),
                .parent = wire_optional(from->has_parent, from->parent)},
        .kind = (enum trouble)from->kind,
        .since_ms = from->since_ms,
        .cause = from->cause,
        .next_ms = from->next_ms,
        .count = from->count,
    };
    return collection_key_is_sound(&to->key) && wire_is_text(to->cause) && wire_is_time(to->since_ms) &&
           wire_is_time(to->next_ms) && wire_error_of(from->error, &to->error);
}

static bool take_counts(const uint64_t *from, size_t count, uint64_t *to, size_t wanted)
{
    if (count != wanted)
        return false;
    memcpy(to, from, count * sizeof *to);
    return true;
}

static bool age_from_wire(const Garner__StatusAge *from, struct status_age *to)
{
    *to = (struct status_age){
        .collections = from->collections,
        .never = from->never,
        .late = from->late,
        .oldest_ms = from->oldest_ms,
        .oldest_period_ms = from->oldest_period_ms,
        .p99_ms = from->p99_ms,
        .sum_ms = from->sum_ms,
    };
    return take_counts(from->counts, from->n_counts, to->counts, STATUS_AGE_BOUNDS + 1);
}

static bool work_from_wire(const Garner__StatusReply *from, struct status_work *to)
{
    enum {
        FIRST = -1,
#define X(name) AT_##name,
        STATUS_WORK(X)
#undef X
            COUNT
    };
    enum err code;
    *to = (struct status_work){0};
    if (from->n_work != COUNT || !take_counts(from->tiers, from->n_tiers, to->tiers, STATUS_TIERS))
        return false;
#define X(name) to->name = from->work[AT_##name];
    STATUS_WORK(X)
#undef X
    for (size_t i = 0; i < from->n_failed; i++) {
        if (!wire_error_of(from->failed[i]->error, &code))
            return false;
        to->failed[code] = from->failed[i]->harvests;
    }
    return true;
}

static bool status_from_wire(struct arena *arena, const Garner__StatusReply *from, struct status *to)
{
    struct status_trouble *troubles = arena_alloc(arena, (from->n_troubles + 1) * sizeof *troubles);
    *to = (struct status){
        .time_ms = from->time_ms,
        .started_ms = from->started_ms,
        .scheduled = from->scheduled,
        .collections = from->collections,
        .unwatched = from->unwatched,
        .resources = from->resources,
        .window_ms = from->window_ms,
        .window_requests = from->window_requests,
        .window_throttled = from->window_throttled,
        .accounts = from->accounts,
        .accounts_failed = from->accounts_failed,
        .breakers_open = from->breakers_open,
        .troubles = troubles,
        .trouble_count = (uint32_t)from->n_troubles,
        .left_out = from->left_out,
    };
    bool sound = wire_is_time(to->time_ms) && wire_is_time(to->started_ms) &&
                 from->n_ages == STATUS_PRIORITIES && work_from_wire(from, &to->work) &&
                 take_counts(from->states, from->n_states, to->states, STATE_COUNT) &&
                 take_counts(from->troubled, from->n_troubled, to->troubled, TROUBLE_COUNT);
    for (size_t i = 0; i < STATUS_PRIORITIES && sound; i++)
        sound = age_from_wire(from->ages[i], &to->ages[i]);
    for (size_t i = 0; i < from->n_troubles && sound; i++)
        sound = trouble_from_wire(from->troubles[i], &troubles[i]);
    return sound;
}

int status_unpack(struct arena *arena, struct bytes packed, struct status *out, struct error *e)
{
    Garner__StatusReply *message = wire_unpack(&garner__status_reply__descriptor, arena, packed,
                                               LIMIT_RECORD_BYTES);
    if (!message || !status_from_wire(arena, message, out))
        return error_set(e, ERR_CORRUPT,
                         "a status of %zu bytes is none: is the other side another version of garner?",
                         packed.len);
    return 0;
}
