/* Verify: the change log, from the oldest change on: no holes, right epochs, chains of `previous`, deletes
 * that rest on receipts; and what it leaves when it is replayed. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/verify.h"

/* The epoch that a seq belongs to: the last one that begins at or before it. */
static uint64_t epoch_of(const struct verify *v, uint64_t seq)
{
    uint64_t number = 0;
    for (size_t i = 0; i < v->epoch_count && v->epochs[i].first_seq <= seq; i++)
        number = v->epochs[i].number;
    return number;
}

static void check_place(struct verify *v, const struct change *change, uint64_t seq)
{
    const struct known *known = verify_known(v, change->collection);
    if (change->seq != seq || change->shard != v->store->shard)
        verify_fault(v, "change %" PRIu64 " says that it is %" PRIu64 " of shard %" PRIu32, seq, change->seq,
                     change->shard);
    if (change->epoch != epoch_of(v, seq))
        verify_fault(v, "change %" PRIu64 " is of epoch %" PRIu64 ", its seq of epoch %" PRIu64, seq,
                     change->epoch, epoch_of(v, seq));
    if (change->collection >= v->store->state.next_collection)
        verify_fault(v, "change %" PRIu64 " is of collection %" PRIu32 ", which was not given out yet", seq,
                     change->collection);
    buffer_reset(&v->scratch);
    collection_key_bytes(&change->key, &v->scratch);
    if (known && !bytes_equal(known->key, buffer_bytes(&v->scratch)))
        verify_fault(v, "change %" PRIu64 " names another collection than %s", seq, known->name);
}

static void check_packed(struct verify *v, uint64_t seq, const char *what, struct bytes packed)
{
    struct value value;
    struct error why;
    if (packed.data && value_from_msgpack(&v->brief, packed, &value, &why))
        verify_fault(v, "change %" PRIu64 ": its %s: %s", seq, what, why.text);
}

/* Else the receipt could go before the change does. */
static int check_cited(struct verify *v, const struct change *change, struct receipt_id id)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    uint64_t last;
    if (change->seq < v->store->cited_from || !v->store->cited_from)
        return 0;
    int r = receipt_last_cited(v->store, id, &last, v->e);
    if (!r && last < change->seq)
        verify_fault(v, "change %" PRIu64 " rests on receipt %s, which isn't kept beyond change %" PRIu64,
                     change->seq, receipt_id_text(id, text), last);
    return r == ERR_CORRUPT ? 0 : r; /* that was told already */
}

/* A delete names its receipts; one of another shard can't be looked up here. */
static int check_receipts(struct verify *v, const struct change *change)
{
    bool sound = false, elsewhere = false;
    for (uint32_t i = 0; i < change->receipt_count; i++) {
        char text[RECEIPT_ID_TEXT_BYTES];
        struct receipt receipt;
        struct error why = {0};
        if (change->receipts[i].shard != v->store->shard) {
            elsewhere = true;
            continue;
        }
        int r = store_receipt_get(v->store, change->receipts[i], &v->brief, &receipt, &why);
        if (r == ERR_STORE)
            return error_set(v->e, r, "%s", why.text);
        if (r == ERR_NOT_FOUND)
            verify_fault(v, "change %" PRIu64 " rests on receipt %s, which is not there", change->seq,
                         receipt_id_text(change->receipts[i], text));
        sound = sound || r || receipt.sound; /* one that can't be read was told already */
        if ((r = check_cited(v, change, change->receipts[i])))
            return r;
    }
    if (change->op == CHANGE_DELETED && !sound && !elsewhere)
        verify_fault(v, "change %" PRIu64 " deletes, and rests on no sound listing", change->seq);
    return 0;
}

/* What is known of a resource from before the retained changes, is not known here: what the first of them
 * says of it before is taken on trust, unless one of them has told to forget all that came before. */
static void replay_change(struct verify *v, const struct change *change)
{
    struct replayed *entry = replay_entry(v->replay, change->collection, change->id, true);
    bool live = replay_is_live(v->replay, entry);
    bool untold = entry->seq == 0 && v->store->state.oldest > 1 &&
                  !replay_voided(v->replay, change->collection);
    const char *name = verify_name(v, change->collection);
    if (change->op == CHANGE_CREATED) {
        if (live)
            verify_fault(v, "change %" PRIu64 " creates %s \"%.*s\", which is there", change->seq, name,
                         BYTES_ARG(change->id));
        if (change->previous)
            verify_fault(v, "change %" PRIu64 " creates, and follows change %" PRIu64, change->seq,
                         change->previous);
    } else if (untold) {
        if (change->previous >= v->store->state.oldest)
            verify_fault(v, "change %" PRIu64 " follows %" PRIu64 ", which is not of the same resource",
                         change->seq, change->previous);
    } else if (!live) {
        verify_fault(v, "change %" PRIu64 " is about %s \"%.*s\", which is not there", change->seq, name,
                     BYTES_ARG(change->id));
    } else if (change->previous != entry->seq) {
        verify_fault(v, "change %" PRIu64 " follows %" PRIu64 ", the last one of %s \"%.*s\" is %" PRIu64,
                     change->seq, change->previous, name, BYTES_ARG(change->id), entry->seq);
    }
    entry->seq = change->seq;
    entry->live = change->op != CHANGE_DELETED;
}

static int visit_change(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct change change;
    struct error why;
    arena_reset(&v->brief);
    if (key.len != 8) {
        verify_fault(v, "a change's key has %zu bytes", key.len);
        return 0;
    }
    uint64_t seq = be64_get(key.data);
    if (seq != v->next_seq)
        verify_fault(v, "change %" PRIu64 " comes where %" PRIu64 " should", seq, v->next_seq);
    v->next_seq = seq + 1;
    if (change_unpack(&v->brief, value, &change, &why)) {
        verify_fault(v, "change %" PRIu64 ": %s", seq, why.text);
        return 0;
    }
    check_place(v, &change, seq);
    change.seq = seq;
    check_packed(v, seq, "before", change.before);
    check_packed(v, seq, "after", change.after);
    check_packed(v, seq, "patch", change.patch);
    if (change.op != CHANGE_STATUS)
        replay_change(v, &change);
    else if (change.status.void_)
        replay_void(v->replay, change.collection, seq);
    return check_receipts(v, &change);
}

int verify_changes(struct verify *v)
{
    const struct store_state *state = &v->store->state;
    v->next_seq = state->oldest;
    int r = table_each(v->store, TABLE_CHANGES, (struct bytes){0}, (struct bytes){0}, visit_change, v, v->e);
    if (!r && v->next_seq != state->head + 1)
        verify_fault(v, "the changes end at %" PRIu64 ", the head is %" PRIu64, v->next_seq - 1, state->head);
    return r;
}

static int visit_vanished(void *context, const struct replayed *entry)
{
    struct verify *v = context;
    struct bytes packed;
    struct change change;
    arena_reset(&v->brief);
    int r = store_change(v->store, entry->seq, &packed, v->e);
    if (r && r != ERR_NOT_FOUND)
        return r;
    if (!r && !change_unpack(&v->brief, packed, &change, NULL))
        verify_fault(v, "%s \"%.*s\" is left by change %" PRIu64 ", and is not stored",
                     verify_name(v, entry->collection), BYTES_ARG(change.id), entry->seq);
    return 0;
}

int verify_vanished(struct verify *v)
{
    return replay_each_unmatched(v->replay, visit_vanished, v);
}
