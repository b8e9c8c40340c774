/* Items that can't be digested: kept with the reason, for whoever has to look into it. What was stored of
 * them stays as it was. An item too long is kept by its beginning only. */
#include "common/limits.h"
#include "worker/harvest/listing_internal.h"

/* As much of a text as there is room for, up to the end of a character. */
static struct bytes beginning_of(struct bytes text)
{
    size_t len = text.len < LIMIT_QUARANTINE_ITEM_BYTES ? text.len : LIMIT_QUARANTINE_ITEM_BYTES;
    while (len && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return (struct bytes){text.data, len};
}

/* `packed` is what its spans point to. */
static void pack_item(const struct value *item, struct quarantined *out, struct buffer *packed)
{
    value_to_msgpack(item, packed);
    out->item_bytes = packed->len;
    if (packed->len <= LIMIT_QUARANTINE_ITEM_BYTES) {
        out->item = buffer_bytes(packed);
        return;
    }
    buffer_reset(packed);
    value_to_json(item, packed);
    out->beginning = beginning_of(buffer_bytes(packed));
}

static int put(struct listing *l, const struct value *item, const struct taken *taken,
               const struct error *why, int64_t wall_ms, bool *is_kept, struct digest *digest,
               struct error *e)
{
    struct buffer packed = {0};
    struct quarantined entry = {
        .digest = taken->unreadable ? winnow_digest(&l->winnow, &l->page, item) : taken->item.digest,
        .reason = why->code,
        .cause = why->text,
        .first_ms = wall_ms,
        .last_ms = wall_ms,
        .harvest = l->receipt.id.harvest,
        .page = listing_page(l),
        .is_xml = l->winnow.single,
    };
    if (!taken->unreadable)
        entry.id = taken->item.id;
    int code = listing_ensure(l, e);
    if (!code) {
        pack_item(item, &entry, &packed);
        code = store_quarantine_put(l->store, &l->record, &entry, is_kept, e);
    }
    *digest = entry.digest;
    buffer_close(&packed);
    return code;
}

int listing_quarantine(struct listing *l, const struct value *item, const struct taken *taken,
                       const struct error *why, const struct error *told, bool unsound, int64_t wall_ms,
                       struct error *e)
{
    struct digest digest;
    bool is_kept;
    int code = put(l, item, taken, why, wall_ms, &is_kept, &digest, e);
    if (code)
        return code;
    l->receipt.quarantined++;
    if (l->faults++ == 0) {
        l->fault = *told;
        l->fault_page = listing_page(l);
        l->is_shown = is_kept;
        l->shown = digest;
    }
    if (unsound)
        listing_unsound(l, told->text);
    return 0;
}

int listing_release(struct listing *l, struct error *e)
{
    if (l->receipt.resumed_page)
        return 0;
    return store_quarantine_drop_unmet(l->store, &l->record, l->receipt.id.harvest, e);
}
