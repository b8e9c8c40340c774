/* A change as one line of JSON. Written straight from the MessagePack, in the contract's order of keys,
 * without a tree: a feed prints millions of these. */
#include "proto/change.h"

#include <inttypes.h>

#include "common/units.h"
#include "common/value/value.h"
#include "proto/wire.h"

static void add_key(struct buffer *out, const char *key)
{
    buffer_printf(out, ",\"%s\":", key);
}

static void add_optional(struct buffer *out, const char *key, struct bytes text)
{
    add_key(out, key);
    json_add_optional(out, text);
}

static int add_document(struct buffer *out, const char *key, struct bytes packed, struct error *e)
{
    add_key(out, key);
    if (!packed.data) {
        buffer_add_text(out, "null");
        return 0;
    }
    int r = value_msgpack_to_json(packed, out, e);
    if (r)
        error_at(e, "%s", key);
    return r;
}

static void add_receipts(struct buffer *out, const struct change *change)
{
    char id[RECEIPT_ID_TEXT_BYTES];
    add_key(out, "receipt");
    if (!change->receipt_count) {
        buffer_add_text(out, "null");
        return;
    }
    for (uint32_t i = 0; i < change->receipt_count; i++)
        buffer_printf(out, "%c\"%s\"", i ? ',' : '[', receipt_id_text(change->receipts[i], id));
    buffer_add_char(out, ']');
}

static void add_status(struct buffer *out, const struct change *change)
{
    add_key(out, "status");
    if (change->op != CHANGE_STATUS) {
        buffer_add_text(out, "null");
        return;
    }
    buffer_printf(out, "{\"kind\":\"%s\",\"since\":", status_kind_name(change->status.kind));
    json_add_time(out, change->status.since_ms);
    buffer_printf(out, ",\"void\":%s,\"held\":", change->status.void_ ? "true" : "false");
    if (change->status.kind == STATUS_HELD)
        buffer_printf(out, "%" PRIu64, change->status.held);
    else
        buffer_add_text(out, "null");
    buffer_add_text(out, ",\"receipt\":");
    if (change->status.receipt)
        receipt_to_json(change->status.receipt, out);
    else
        buffer_add_text(out, "null");
    buffer_add_char(out, '}');
}

int change_to_json(const struct change *change, struct buffer *out, struct error *e)
{
    size_t start = out->len;
    char time[UNITS_TIME_BYTES];
    buffer_printf(out, "{\"shard\":%" PRIu32 ",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64, change->shard,
                  change->epoch, change->seq);
    buffer_printf(out, ",\"time\":\"%s\",\"op\":\"%s\",\"initial\":%s", units_time(change->time_ms, time),
                  change_op_name(change->op), change->initial ? "true" : "false");
    add_optional(out, "provider", change->key.provider);
    add_optional(out, "account", change->key.account);
    add_optional(out, "region", change->key.region);
    add_optional(out, "type", change->key.type);
    add_optional(out, "id", change->id);
    add_optional(out, "parent", change->key.parent);
    int r = add_document(out, "before", change->before, e);
    if (!r)
        r = add_document(out, "after", change->after, e);
    if (!r)
        r = add_document(out, "patch", change->patch, e);
    if (r) {
        out->len = start; /* half a line is worse than none */
        out->data[start] = 0;
        error_at(e, "shard %" PRIu32 ", change %" PRIu64, change->shard, change->seq);
        return r;
    }
    add_receipts(out, change);
    buffer_printf(out, ",\"cause\":%s", change->definition ? "\"definition\"" : "null");
    add_status(out, change);
    buffer_add_char(out, '}');
    return 0;
}
