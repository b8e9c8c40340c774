/* Items in quarantine, asked for and answered. An item travels as it is stored; its digest, which is its key
 * there, is a part of its place. */
#include <string.h>

#include "proto/operator_wire.h"

static Garner__QuarantinePlace *place_to_wire(struct arena *arena, const struct quarantine_place *place)
{
    Garner__QuarantinePlace *to = OPERATOR_NEW(arena, Garner__QuarantinePlace,
                                               garner__quarantine_place__init);
    to->shard = place->shard;
    to->collection = place->collection;
    to->digest = wire_bytes((struct bytes){(const char *)place->digest.bytes, sizeof place->digest.bytes});
    return to;
}

static bool place_from_wire(const Garner__QuarantinePlace *from, struct quarantine_place *to)
{
    *to = (struct quarantine_place){.shard = from->shard, .collection = from->collection};
    if (from->digest.len != sizeof to->digest.bytes || to->shard >= LIMIT_SHARDS)
        return false;
    memcpy(to->digest.bytes, from->digest.data, sizeof to->digest.bytes);
    return true;
}

/* --- requests --- */

Garner__Quarantine *quarantine_to_wire(struct arena *arena, const struct operator_quarantine *quarantine)
{
    Garner__Quarantine *to = OPERATOR_NEW(arena, Garner__Quarantine, garner__quarantine__init);
    to->action = (Garner__Quarantine__Action)quarantine->action;
    to->only = which_to_wire(arena, &quarantine->only);
    if (quarantine->has_place)
        to->place = place_to_wire(arena, &quarantine->place);
    return to;
}

bool quarantine_from_wire(const Garner__Quarantine *from, struct operator_quarantine *to)
{
    *to = (struct operator_quarantine){.action = (enum quarantine_action)from->action,
                                       .has_place = from->place != NULL};
    if (from->action < GARNER__QUARANTINE__ACTION__LIST || from->action > GARNER__QUARANTINE__ACTION__RETRY)
        return false;
    return (from->place || to->action == QUARANTINE_LIST) &&
           (!from->place || place_from_wire(from->place, &to->place)) &&
           (!from->only || which_from_wire(from->only, &to->only));
}

/* --- answers --- */

static Garner__QuarantineItem *item_to_wire(struct arena *arena, const struct operator_item *item)
{
    struct buffer packed = {0};
    Garner__QuarantineItem *to = OPERATOR_NEW(arena, Garner__QuarantineItem, garner__quarantine_item__init);
    quarantined_pack(&item->item, &packed);
    to->place = place_to_wire(arena, &item->place);
    to->collection = which_to_wire(arena, &item->collection);
    to->item = wire_bytes(arena_copy(arena, buffer_bytes(&packed)));
    buffer_close(&packed);
    return to;
}

Garner__QuarantineReply *items_to_wire(struct arena *arena, const struct operator_items *items)
{
    Garner__QuarantineReply *to = OPERATOR_NEW(arena, Garner__QuarantineReply,
                                               garner__quarantine_reply__init);
    to->items = arena_alloc(arena, (items->count + 1) * sizeof *to->items);
    to->n_items = items->count;
    for (uint32_t i = 0; i < items->count; i++)
        to->items[i] = item_to_wire(arena, &items->items[i]);
    to->has_more = to->more = items->more;
    OPERATOR_SET(to, id, items->id);
    OPERATOR_SET(to, cause, items->cause);
    return to;
}

static bool item_from_wire(struct arena *arena, const Garner__QuarantineItem *from, struct operator_item *to)
{
    struct error e;
    if (!place_from_wire(from->place, &to->place) || !which_from_wire(from->collection, &to->collection) ||
        quarantined_unpack(arena, wire_span(from->item), &to->item, &e))
        return false;
    to->item.digest = to->place.digest;
    return to->collection.provider.data && to->collection.account.data && to->collection.type.data;
}

bool items_from_wire(struct arena *arena, const Garner__QuarantineReply *from, struct operator_items *to)
{
    *to = (struct operator_items){
        .items = arena_alloc(arena, (from->n_items + 1) * sizeof *to->items),
        .count = (uint32_t)from->n_items,
        .more = from->has_more && from->more && from->n_items > 0,
        .id = wire_optional(from->has_id, from->id),
        .cause = wire_optional(from->has_cause, from->cause),
    };
    for (uint32_t i = 0; i < to->count; i++)
        if (!item_from_wire(arena, from->items[i], &to->items[i]))
            return false;
    return wire_is_utf8(to->id) && wire_is_utf8(to->cause);
}
