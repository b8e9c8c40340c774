/* Stored and received records, the first byte saying which: each is what it should be, or ERR_CORRUPT. One
 * that was read is written and read again. */
#include "proto/change.h"
#include "proto/quarantined.h"
#include "tests/fuzz/fuzz.h"

static void try_change(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct change change, again;
    struct error e;
    if (change_unpack(arena, input, &change, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    change_pack(&change, out);
    CHECK(change_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.seq == change.seq && again.op == change.op && bytes_equal(again.id, change.id));
    buffer_reset(out);
    int code = change_to_json(&change, out, &e);
    CHECK(code == 0 || code == ERR_CORRUPT);
}

static void try_receipt(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct receipt receipt, again;
    struct error e;
    if (receipt_unpack(arena, input, &receipt, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    receipt_pack(&receipt, out);
    CHECK(receipt_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.id.harvest == receipt.id.harvest && again.rests_on_count == receipt.rests_on_count);
    receipt_to_json(&receipt, out);
    buffer_reset(out);
    if (!receipt_confirm(input, 1, out) || out->len > LIMIT_RECEIPT_BYTES)
        return;
    CHECK(receipt_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.unmodified == receipt.unmodified + 1 && again.unmodified_ms == 1);
}

static void try_collection(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct collection_record record, again;
    struct error e;
    if (collection_unpack(arena, input, &record, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    collection_pack(&record, out);
    CHECK(collection_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.id == record.id && bytes_equal(again.key.type, record.key.type));
    collection_key_text(&record.key, out);
}

static void try_missing(struct bytes input, struct buffer *out)
{
    struct missing missing, again;
    struct error e;
    if (missing_unpack(input, &missing, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    missing_pack(&missing, out);
    CHECK(missing_unpack(buffer_bytes(out), &again, &e) == 0);
    CHECK(again.count == missing.count);
}

static void try_quarantined(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct quarantined item, again;
    struct error e;
    if (quarantined_unpack(arena, input, &item, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    quarantined_pack(&item, out);
    CHECK(quarantined_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.reason == item.reason && again.first_ms == item.first_ms && bytes_equal(again.id, item.id) &&
          bytes_equal(again.item, item.item));
    item.digest = (struct digest){{0}};
    buffer_reset(out);
    quarantined_add_json(&item, out);
}

static void try_cursor(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct cursor cursor, again;
    struct error e;
    if (cursor_from_text(arena, input, &cursor, &e)) {
        CHECK(e.code == ERR_USAGE);
        return;
    }
    cursor_to_text(&cursor, out);
    CHECK(cursor_from_text(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.count == cursor.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena = {0};
    struct buffer out = {0};
    struct bytes input = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'h':
        try_change(&arena, input, &out);
        break;
    case 'r':
        try_receipt(&arena, input, &out);
        break;
    case 'c':
        try_collection(&arena, input, &out);
        break;
    case 'm':
        try_missing(input, &out);
        break;
    case 'q':
        try_quarantined(&arena, input, &out);
        break;
    case 'u':
        try_cursor(&arena, input, &out);
        break;
    default:
        break;
    }
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}
