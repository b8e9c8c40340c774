/* Status as JSON: keys are always there, in one order; null where something isn't known. */
#include <inttypes.h>

#include "proto/status.h"
#include "proto/wire.h"

enum { MS_PER_S = 1000 };

static void add_count(struct buffer *out, const char *key, uint64_t count)
{
    buffer_printf(out, ",\"%s\":%" PRIu64, key, count);
}

/* The first member has no comma before it. */
static void open_object(struct buffer *out, const char *key)
{
    buffer_printf(out, ",\"%s\":{", key);
}

static void close_object(struct buffer *out)
{
    buffer_add_char(out, '}');
}

static void add_first_count(struct buffer *out, bool *first, const char *key, uint64_t count)
{
    buffer_printf(out, "%s\"%s\":%" PRIu64, *first ? "" : ",", key, count);
    *first = false;
}

static void add_seconds(struct buffer *out, const char *key, int64_t ms, bool known)
{
    if (known)
        buffer_printf(out, ",\"%s\":%.3f", key, (double)ms / MS_PER_S);
    else
        buffer_printf(out, ",\"%s\":null", key);
}

static void add_states(const struct status *s, struct buffer *out)
{
    bool first = true;
    if (!s->scheduled) {
        buffer_add_text(out, ",\"states\":null");
        return;
    }
    open_object(out, "states");
    for (int i = 0; i < STATE_COUNT; i++)
        add_first_count(out, &first, status_state_name((enum status_state)i), s->states[i]);
    close_object(out);
}

static void add_troubled(const struct status *s, struct buffer *out)
{
    bool first = true;
    open_object(out, "troubled");
    for (int i = 0; i < TROUBLE_COUNT; i++)
        add_first_count(out, &first, trouble_name((enum trouble)i), s->troubled[i]);
    close_object(out);
}

static void add_ages(const struct status *s, struct buffer *out)
{
    open_object(out, "staleness");
    for (int i = 0; i < STATUS_PRIORITIES; i++) {
        const struct status_age *age = &s->ages[i];
        bool known = age->collections > age->never;
        buffer_printf(out, "%s\"%s\":{\"collections\":%" PRIu64, i ? "," : "", status_priority_name(i),
                      age->collections);
        add_count(out, "never", age->never);
        add_count(out, "late", age->late);
        add_seconds(out, "oldest_seconds", age->oldest_ms, known);
        add_seconds(out, "oldest_period_seconds", age->oldest_period_ms, known && age->oldest_period_ms);
        add_seconds(out, "p99_seconds", age->p99_ms, known);
        close_object(out);
    }
    close_object(out);
}

/* What isn't told to whom this is for. */
static void leave_out_work(struct buffer *out)
{
    buffer_add_text(out, ",\"harvests\":null,\"items\":null,\"tiers\":null,\"created\":null,\"updated\":null,"
                         "\"deleted\":null,\"requests\":null,\"bytes\":null,\"retries\":null,"
                         "\"throttled\":null,\"commits\":null");
}

static void add_work(const struct status_work *work, struct buffer *out)
{
    bool first = true;
    open_object(out, "harvests");
    add_first_count(out, &first, "sound", work->sound);
    add_count(out, "unsound", work->unsound);
    add_count(out, "unmodified", work->unmodified);
    open_object(out, "failed");
    first = true;
    for (int code = 0; code < ERR_COUNT; code++)
        if (work->failed[code])
            add_first_count(out, &first, error_name(code), work->failed[code]);
    buffer_add_text(out, "}}");
    add_count(out, "items", work->items);
    buffer_add_text(out, ",\"tiers\":[");
    for (int i = 0; i < STATUS_TIERS; i++)
        buffer_printf(out, "%s%" PRIu64, i ? "," : "", work->tiers[i]);
    buffer_add_char(out, ']');
    add_count(out, "created", work->created);
    add_count(out, "updated", work->updated);
    add_count(out, "deleted", work->deleted);
    add_count(out, "requests", work->requests);
    add_count(out, "bytes", work->bytes);
    add_count(out, "retries", work->retries);
    add_count(out, "throttled", work->throttled);
    add_count(out, "commits", work->commits);
}

static void add_rates(const struct status *s, struct buffer *out)
{
    if (!s->window_ms || s->is_partial) {
        buffer_add_text(out, ",\"requests_per_second\":null,\"throttled_share\":null");
        return;
    }
    buffer_printf(out, ",\"requests_per_second\":%.3f,\"throttled_share\":%.4f",
                  (double)s->window_requests * MS_PER_S / (double)s->window_ms,
                  s->window_requests ? (double)s->window_throttled / (double)s->window_requests : 0.0);
}

static void add_optional(struct buffer *out, const char *key, struct bytes text)
{
    buffer_printf(out, ",\"%s\":", key);
    json_add_optional(out, text);
}

static void add_trouble(const struct status_trouble *trouble, struct buffer *out)
{
    struct buffer advice = {0};
    trouble_advice(trouble, &advice);
    buffer_add_text(out, "{\"provider\":");
    json_add_text(out, trouble->key.provider);
    add_optional(out, "account", trouble->key.account);
    add_optional(out, "region", trouble->key.region);
    add_optional(out, "type", trouble->key.type);
    add_optional(out, "parent", trouble->key.parent);
    buffer_printf(out, ",\"trouble\":\"%s\",\"since\":", trouble_name(trouble->kind));
    json_add_time(out, trouble->since_ms);
    add_optional(out, "error", trouble->error ? bytes_of(error_name(trouble->error)) : (struct bytes){0});
    add_optional(out, "cause", trouble->cause ? bytes_of(trouble->cause) : (struct bytes){0});
    add_count(out, "count", trouble->count);
    buffer_add_text(out, ",\"next\":");
    json_add_time(out, trouble->next_ms);
    add_optional(out, "advice", buffer_bytes(&advice));
    close_object(out);
    buffer_close(&advice);
}

void status_to_json(const struct status *s, struct buffer *out)
{
    buffer_add_text(out, "{\"time\":");
    json_add_time(out, s->time_ms);
    buffer_add_text(out, ",\"started\":");
    json_add_time(out, s->started_ms);
    buffer_printf(out, ",\"well\":%s", status_is_well(s) ? "true" : "false");
    add_count(out, "collections", s->collections);
    add_count(out, "unwatched", s->unwatched);
    add_count(out, "resources", s->resources);
    add_states(s, out);
    add_troubled(s, out);
    add_ages(s, out);
    if (s->is_partial)
        leave_out_work(out);
    else
        add_work(&s->work, out);
    add_rates(s, out);
    add_count(out, "accounts_failed", s->accounts_failed);
    add_count(out, "breakers_open", s->breakers_open);
    buffer_add_text(out, ",\"troubles\":[");
    for (uint32_t i = 0; i < s->trouble_count; i++) {
        if (i)
            buffer_add_char(out, ',');
        add_trouble(&s->troubles[i], out);
    }
    buffer_add_char(out, ']');
    add_count(out, "troubles_left_out", s->left_out);
    close_object(out);
}
