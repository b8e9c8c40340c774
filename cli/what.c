#include "cli/what.h"

#include <inttypes.h>

#include "cli/brief.h"
#include "common/text.h"
#include "common/units.h"
#include "common/value/patch.h"
#include "common/value/pointer.h"

enum { DOCUMENT_COLUMNS = 100, VALUE_COLUMNS_MIN = 32, PATHS = 8 };

enum print_colour what_colour(enum change_op op)
{
    switch (op) {
    case CHANGE_CREATED:
        return PRINT_GREEN;
    case CHANGE_UPDATED:
        return PRINT_YELLOW;
    case CHANGE_DELETED:
        return PRINT_RED;
    default:
        return PRINT_BLUE;
    }
}

/* What a table's row has already, its id, is left out. */
static void add_document(const struct change *change, struct arena *scratch, struct buffer *out)
{
    struct value document, rest;
    if (value_from_msgpack(scratch, change->after, &document, NULL))
        return;
    if (document.type == VALUE_OBJECT) {
        rest = value_object(scratch, document.count);
        for (uint32_t i = 0; i < document.count; i++) {
            const struct member *member = &document.members[i];
            if (member->value.type != VALUE_STRING || !bytes_equal(member->value.text, change->id))
                value_put(&rest, member->key, member->value);
        }
        document = rest;
    }
    brief_add(out, &document, DOCUMENT_COLUMNS);
}

static const struct value *value_at(const struct value *document, struct bytes path, struct arena *scratch)
{
    struct pointer pointer;
    return pointer_parse(scratch, path, &pointer, NULL) ? NULL : pointer_get(&pointer, document);
}

static void add_step(const struct value *step, const struct value *before, size_t columns,
                     struct arena *scratch, struct buffer *out)
{
    const struct value *op = value_get_text(step, "op"), *path = value_get_text(step, "path"),
                       *value = value_get_text(step, "value");
    if (!op || !path || op->type != VALUE_STRING || path->type != VALUE_STRING)
        return;
    if (path->text.len)
        text_add_safe(out, path->text);
    else
        buffer_add_text(out, "all of it");
    if (bytes_is(op->text, "remove")) {
        buffer_add_text(out, " removed: ");
        brief_add(out, value_at(before, path->text, scratch), columns);
    } else if (bytes_is(op->text, "add")) {
        buffer_add_text(out, " added: ");
        brief_add(out, value, columns);
    } else {
        buffer_add_char(out, ' ');
        brief_add_replaced(out, value_at(before, path->text, scratch), value, columns);
    }
}

/* One step may say more than each of many. */
static size_t columns_of(uint32_t steps)
{
    size_t columns = steps ? DOCUMENT_COLUMNS / steps : 0;
    return columns > VALUE_COLUMNS_MIN ? columns : VALUE_COLUMNS_MIN;
}

/* Step by step: the value that a step replaces is the one that the steps before it left there. */
static void add_patch(const struct change *change, struct arena *scratch, struct buffer *out)
{
    struct value patch, document;
    if (value_from_msgpack(scratch, change->patch, &patch, NULL) || patch.type != VALUE_ARRAY ||
        value_from_msgpack(scratch, change->before, &document, NULL))
        return;
    for (uint32_t i = 0; i < patch.count && i < PATHS; i++) {
        struct value step = {.type = VALUE_ARRAY, .count = 1, .items = &patch.items[i]};
        buffer_add_text(out, i ? ", " : "");
        add_step(&patch.items[i], &document, columns_of(patch.count), scratch, out);
        if (patch_apply(scratch, &document, &step, &document, NULL))
            return;
    }
    if (patch.count > PATHS)
        buffer_printf(out, " and %" PRIu32 " more", patch.count - PATHS);
}

static void add_receipts(const struct change *change, struct buffer *out)
{
    char id[RECEIPT_ID_TEXT_BYTES];
    for (uint32_t i = 0; i < change->receipt_count; i++)
        buffer_printf(out, "%s%s", i ? ", " : "rests on ", receipt_id_text(change->receipts[i], id));
}

static void add_status(const struct change *change, struct buffer *out)
{
    const struct receipt *receipt = change->status.receipt;
    char time[UNITS_TIME_BYTES], count[UNITS_TEXT_BYTES];
    buffer_add_text(out, status_kind_name(change->status.kind));
    if (change->status.kind == STATUS_HELD && change->status.held)
        buffer_printf(out, ": %s deletions wait for `garner confirm`",
                      units_count(change->status.held, count));
    else if (change->status.kind == STATUS_HELD)
        buffer_add_text(out, ": nothing any more");
    if (change->status.kind == STATUS_LISTED && receipt)
        buffer_printf(out, ": %s items", units_count(receipt->items, count));
    if (change->status.void_)
        buffer_add_text(out, ": its `id` rule changed, forget what came earlier");
    if (change->status.since_ms && change->status.since_ms != change->time_ms)
        buffer_printf(out, " since %s", units_time(change->status.since_ms, time));
    if (receipt && receipt->cause) {
        buffer_add_text(out, ": ");
        text_add_safe(out, bytes_of(receipt->cause));
    }
}

void what_changed(const struct change *change, struct arena *scratch, struct buffer *out)
{
    if (change->initial)
        buffer_add_text(out, "initial ");
    if (change->definition)
        buffer_add_text(out, "(by an edited provider file) ");
    switch (change->op) {
    case CHANGE_CREATED:
        add_document(change, scratch, out);
        break;
    case CHANGE_UPDATED:
        add_patch(change, scratch, out);
        break;
    case CHANGE_DELETED:
        add_receipts(change, out);
        break;
    case CHANGE_STATUS:
        add_status(change, out);
        break;
    }
}
