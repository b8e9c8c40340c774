/* A cursor is long, since it names a position in each shard: so an event has no `id` of its own, and that of
 * the bookmark behind it counts. Who comes back with it gets what was sent since then again. */
#include "gateway/frame.h"

#include <inttypes.h>

#include "common/value/value.h"
#include "proto/wire.h"

static void begin(enum query_format format, const char *event, struct buffer *out)
{
    if (format == QUERY_EVENTS)
        buffer_printf(out, "event: %s\ndata: ", event);
}

static void end(enum query_format format, struct buffer *out)
{
    buffer_add_text(out, format == QUERY_EVENTS ? "\n\n" : "\n");
}

int frame_change(enum query_format format, const struct change *change, struct buffer *out, struct error *e)
{
    size_t start = out->len;
    begin(format, change_op_name(change->op), out);
    int r = change_to_json(change, out, e);
    if (r)
        out->len = start;
    else
        end(format, out);
    return r;
}

static void add_text(struct buffer *out, const char *key, struct bytes text)
{
    buffer_printf(out, ",\"%s\":", key);
    json_add_optional(out, text);
}

int frame_row(const struct collection_key *key, uint32_t shard, const struct feed_row *row,
              struct buffer *out, struct error *e)
{
    size_t start = out->len;
    buffer_printf(out,
                  "{\"op\":\"resource\",\"shard\":%" PRIu32 ",\"seq\":%" PRIu64 ",\"first_seen\":", shard,
                  row->last_seq);
    json_add_time(out, row->first_seen_ms);
    add_text(out, "provider", key->provider);
    add_text(out, "account", key->account);
    add_text(out, "region", key->region);
    add_text(out, "type", key->type);
    add_text(out, "id", row->id);
    add_text(out, "parent", key->parent);
    buffer_add_text(out, ",\"document\":");
    int r = value_msgpack_to_json(row->document, out, e);
    if (r)
        out->len = start;
    else
        buffer_add_text(out, "}\n");
    return r;
}

void frame_bookmark(enum query_format format, const struct cursor *cursor, int64_t time_ms,
                    struct buffer *out)
{
    if (format == QUERY_EVENTS) {
        buffer_add_text(out, "id: ");
        cursor_to_text(cursor, out);
        buffer_add_char(out, '\n');
    }
    begin(format, "bookmark", out);
    bookmark_to_json(cursor, time_ms, out);
    end(format, out);
}

void frame_fault(enum query_format format, const struct fault *fault, struct buffer *out)
{
    begin(format, "error", out);
    fault_to_json(fault, out);
    end(format, out);
}
