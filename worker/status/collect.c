#include "worker/status/collect.h"

/* When it last went well: for one whose last harvest did, that one's receipt says so; else an earlier one. */
struct looking {
    int64_t good_ms;
    struct arena *arena;
    struct receipt *last;
};

static int64_t good_at(const struct receipt *receipt)
{
    if (!receipt->complete)
        return 0;
    return receipt->unmodified_ms > receipt->ended_ms ? receipt->unmodified_ms : receipt->ended_ms;
}

static int look(void *context, const struct receipt *receipt)
{
    struct looking *l = context;
    int64_t at_ms = good_at(receipt);
    if (at_ms > l->good_ms)
        l->good_ms = at_ms;
    *l->last = *receipt; /* the oldest comes first */
    if (receipt->cause)
        l->last->cause = arena_strdup(l->arena, bytes_of(receipt->cause));
    if (receipt->unsound)
        l->last->unsound = arena_strdup(l->arena, bytes_of(receipt->unsound));
    l->last->rests_on = NULL;
    l->last->rests_on_count = 0;
    return 0;
}

/* The receipt of its last harvest is all that is wanted, as a rule; one that was failing needs more of them.
 */
static int find_good(struct store *store, const struct collection_record *record, struct arena *arena,
                     struct receipt *last, int64_t *good_ms, struct error *e)
{
    struct looking l = {.arena = arena, .last = last};
    struct receipt_id id = {store_shard(store), record->id, record->ended_harvest};
    *last = (struct receipt){0};
    if (id.harvest) {
        int r = store_receipt_get(store, id, arena, last, e);
        if (r && r != ERR_NOT_FOUND)
            return r;
        l.good_ms = r ? 0 : good_at(last);
    }
    int r = l.good_ms ? 0 : store_receipts_each(store, record->id, record->next_harvest, look, &l, e);
    *good_ms = l.good_ms;
    return r;
}

static void fill_definition(const struct collection_def *definition, struct tally_entry *entry)
{
    entry->priority = definition ? (int)definition->priority : TALLY_UNKNOWN;
    entry->period_ms = definition ? definition->every_ms : 0;
}

int collect_entry(struct store *store, const struct collection_record *record,
                  const struct collection_def *definition, struct arena *arena, struct tally_entry *entry,
                  struct receipt *last, struct error *e)
{
    entry->key = record->key;
    entry->rows = record->rows;
    entry->is_unwatched = record->unwatched_since_ms != 0;
    fill_definition(definition, entry);
    int r = find_good(store, record, arena, last, &entry->good_ms, e);
    if (r)
        return r;
    entry->is_unreachable = record->unreachable_since_ms != 0;
    entry->unreachable_since_ms = record->unreachable_since_ms;
    entry->error = record->unreachable_error;
    entry->is_failing = last->complete && last->unsound && strcmp(last->unsound, RECEIPT_PARENT_UNSOUND) != 0;
    entry->failing_since_ms = last->ended_ms;
    entry->cause = entry->is_unreachable ? last->cause : last->unsound;
    entry->held_since_ms = record->held_since_ms;
    entry->held = record->held_since_ms ? record->held_rows : 0;
    entry->quarantined = record->quarantined;
    return 0;
}
