/* What is read is believed only as far as it could have been written: an item is there whole, or by its
 * beginning alone. */
#include "proto/quarantined.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"
#include "proto/wire.h"

enum { REST_BYTES = LIMIT_ID_BYTES + 4 * ERROR_TEXT_MAX }; /* all but the item */

char *quarantined_text(struct digest digest, char out[QUARANTINED_TEXT_BYTES])
{
    for (size_t i = 0; i < sizeof digest.bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", digest.bytes[i]);
    return out;
}

void quarantined_pack(const struct quarantined *item, struct buffer *out)
{
    struct arena arena = {0};
    Garner__Quarantined message;
    CHECK(!item->item.data != !item->beginning.data);
    garner__quarantined__init(&message);
    message.reason = wire_text(&arena, error_name(item->reason));
    message.cause = wire_text(&arena, item->cause);
    message.first_ms = item->first_ms;
    message.last_ms = item->last_ms;
    message.harvest = item->harvest;
    message.page = item->page;
    message.item_bytes = item->item_bytes;
    message.has_id = item->id.data != NULL;
    message.id = wire_bytes(item->id);
    message.has_item = item->item.data != NULL;
    message.item = wire_bytes(item->item);
    message.has_beginning = item->beginning.data != NULL;
    message.beginning = wire_bytes(item->beginning);
    message.has_xml = message.xml = item->is_xml;
    wire_pack(&message, out);
    arena_close(&arena);
}

static bool from_wire(const Garner__Quarantined *from, struct quarantined *to)
{
    *to = (struct quarantined){
        .cause = from->cause,
        .first_ms = from->first_ms,
        .last_ms = from->last_ms,
        .harvest = from->harvest,
        .page = from->page,
        .item_bytes = from->item_bytes,
        .id = wire_optional(from->has_id, from->id),
        .item = wire_optional(from->has_item, from->item),
        .beginning = wire_optional(from->has_beginning, from->beginning),
        .is_xml = from->has_xml && from->xml,
    };
    return wire_error_of(from->reason, &to->reason) && to->reason != ERR_OK && wire_is_text(to->cause) &&
           wire_is_time(to->first_ms) && wire_is_time(to->last_ms) && to->harvest > 0 &&
           to->id.len <= LIMIT_ID_BYTES && wire_is_utf8(to->id) && wire_is_utf8(to->beginning) &&
           !to->item.data != !to->beginning.data && to->item.len <= LIMIT_QUARANTINE_ITEM_BYTES &&
           to->beginning.len <= LIMIT_QUARANTINE_ITEM_BYTES;
}

int quarantined_unpack(struct arena *arena, struct bytes packed, struct quarantined *out, struct error *e)
{
    Garner__Quarantined *message = wire_unpack(&garner__quarantined__descriptor, arena, packed,
                                               LIMIT_QUARANTINE_ITEM_BYTES + REST_BYTES);
    if (!message || !from_wire(message, out))
        return error_set(e, ERR_CORRUPT, "a quarantined item of %zu bytes is none", packed.len);
    return 0;
}

void quarantined_add_json(const struct quarantined *item, struct buffer *out)
{
    char digest[QUARANTINED_TEXT_BYTES];
    buffer_printf(out, ",\"digest\":\"%s\",\"id\":", quarantined_text(item->digest, digest));
    json_add_optional(out, item->id);
    buffer_printf(out, ",\"reason\":\"%s\",\"cause\":", error_name(item->reason));
    json_add_text(out, bytes_of(item->cause));
    buffer_add_text(out, ",\"since\":");
    json_add_time(out, item->first_ms);
    buffer_add_text(out, ",\"last\":");
    json_add_time(out, item->last_ms);
    buffer_printf(out, ",\"page\":%" PRIu64 ",\"harvest\":%" PRIu64 ",\"bytes\":%" PRIu64, item->page,
                  item->harvest, item->item_bytes);
}
