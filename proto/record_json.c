/* Receipts as JSON, for people and scripts: keys are always there, in one order. */
#include "proto/record.h"

#include <inttypes.h>

#include "proto/wire.h"

static void add_count(struct buffer *out, const char *key, uint64_t count)
{
    buffer_printf(out, ",\"%s\":%" PRIu64, key, count);
}

static void add_text(struct buffer *out, const char *key, const char *text)
{
    buffer_printf(out, ",\"%s\":", key);
    json_add_optional(out, text ? bytes_of(text) : (struct bytes){0});
}

static void add_bool(struct buffer *out, const char *key, bool is)
{
    buffer_printf(out, ",\"%s\":%s", key, is ? "true" : "false");
}

void receipt_to_json(const struct receipt *receipt, struct buffer *out)
{
    char id[RECEIPT_ID_TEXT_BYTES];
    buffer_printf(out, "{\"id\":\"%s\",\"started\":", receipt_id_text(receipt->id, id));
    json_add_time(out, receipt->started_ms);
    buffer_add_text(out, ",\"ended\":");
    json_add_time(out, receipt->ended_ms);
    add_bool(out, "complete", receipt->complete);
    add_bool(out, "sound", receipt->sound);
    add_text(out, "unsound", receipt->unsound);
    add_text(out, "error", receipt->error == ERR_OK ? NULL : error_name(receipt->error));
    add_text(out, "cause", receipt->cause);
    add_count(out, "pages", receipt->pages);
    add_count(out, "items", receipt->items);
    add_count(out, "requests", receipt->requests);
    add_count(out, "bytes", receipt->bytes);
    add_count(out, "created", receipt->created);
    add_count(out, "updated", receipt->updated);
    add_count(out, "deleted", receipt->deleted);
    add_count(out, "unchanged", receipt->unchanged);
    add_count(out, "tier1", receipt->tier1);
    add_count(out, "tier2", receipt->tier2);
    add_count(out, "missing", receipt->missing);
    add_count(out, "held", receipt->held);
    add_count(out, "quarantined", receipt->quarantined);
    add_count(out, "duplicate_keys", receipt->duplicate_keys);
    add_count(out, "resumed_page", receipt->resumed_page);
    add_count(out, "unmodified", receipt->unmodified);
    buffer_add_text(out, ",\"last_unmodified\":");
    if (receipt->unmodified_ms)
        json_add_time(out, receipt->unmodified_ms);
    else
        buffer_add_text(out, "null");
    buffer_add_text(out, ",\"rests_on\":[");
    for (uint32_t i = 0; i < receipt->rests_on_count; i++)
        buffer_printf(out, "%s\"%s\"", i ? "," : "", receipt_id_text(receipt->rests_on[i], id));
    buffer_add_text(out, "]}");
}
