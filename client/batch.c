/* Answers, as batches of plain structs. One of changes is one batch; a part of a snapshot is several: its
 * beginning, the rows of each of its collections, its end. */
#include <stdlib.h>

#include "client/internal.h"
#include "common/check.h"

static struct garner_bytes bytes_to(struct bytes span)
{
    return (struct garner_bytes){span.data, span.len};
}

static void collection_of(struct garner_collection *to, const struct collection_key *key, uint32_t shard,
                          uint32_t number)
{
    *to = (struct garner_collection){.provider = bytes_to(key->provider),
                                     .account = bytes_to(key->account),
                                     .type = bytes_to(key->type),
                                     .region = bytes_to(key->region),
                                     .parent = bytes_to(key->parent),
                                     .shard = shard,
                                     .number = number};
}

static void change_of(struct garner_change *to, const struct change *from, struct bytes packed)
{
    to->shard = from->shard;
    to->epoch = from->epoch;
    to->seq = from->seq;
    to->time_ms = from->time_ms;
    to->op = (enum garner_op)from->op;
    to->initial = from->initial;
    to->by_definition = from->definition;
    collection_of(&to->collection, &from->key, from->shard, from->collection);
    to->id = bytes_to(from->id);
    to->before = bytes_to(from->before);
    to->after = bytes_to(from->after);
    to->patch = bytes_to(from->patch);
    to->previous = from->previous;
    to->status.kind = (enum garner_status_kind)from->status.kind;
    to->status.is_void = from->status.void_;
    to->status.since_ms = from->status.since_ms;
    to->status.held = from->status.held;
    to->packed = bytes_to(packed);
}

static int take_changes(struct garner *feed, const struct feed_changes *changes, struct error *e)
{
    int r = 0;
    if (feed->changes_cap < changes->count) {
        feed->changes_cap = changes->count;
        feed->changes = mem_resize(feed->changes, feed->changes_cap * sizeof *feed->changes);
    }
    for (uint32_t i = 0; i < changes->count && !r; i++) {
        struct change change;
        arena_reset(&feed->scratch);
        r = change_unpack(&feed->scratch, changes->changes[i], &change, e);
        if (r)
            return error_set(e, ERR_BODY, "a change that came can't be read: %s", e->text);
        change_of(&feed->changes[i], &change, changes->changes[i]);
    }
    feed->batch = (struct garner_batch){.kind = changes->count ? GARNER_CHANGES : GARNER_NOTHING,
                                        .changes = feed->changes,
                                        .change_count = changes->count,
                                        .more = changes->more};
    return 0;
}

static struct garner_state state_of(const struct collection_record *record)
{
    return (struct garner_state){.listed_since_ms = record->listed_since_ms,
                                 .unreachable_since_ms = record->unreachable_since_ms,
                                 .unwatched_since_ms = record->unwatched_since_ms,
                                 .held = record->held_rows};
}

static void take_rows(struct garner *feed, const struct feed_collection *collection, uint32_t shard)
{
    if (feed->rows_cap < collection->row_count) {
        feed->rows_cap = collection->row_count;
        feed->rows = mem_resize(feed->rows, feed->rows_cap * sizeof *feed->rows);
    }
    for (uint32_t i = 0; i < collection->row_count; i++) {
        const struct feed_row *row = &collection->rows[i];
        feed->rows[i] = (struct garner_row){bytes_to(row->id), row->last_seq, row->first_seen_ms,
                                            bytes_to(row->document)};
    }
    collection_of(&feed->collection, &collection->record.key, shard, collection->record.id);
    feed->batch.kind = GARNER_SNAPSHOT_ROWS;
    feed->batch.collection = &feed->collection;
    feed->batch.complete = collection->complete;
    feed->batch.state = state_of(&collection->record);
    feed->batch.rows = feed->rows;
    feed->batch.row_count = collection->row_count;
}

/* False: there is no more of this part. */
static bool take_part(struct garner *feed, struct garner_answer *answer)
{
    const struct feed_part *part = &answer->reply.snapshot;
    uint32_t shard = answer->arrival.shard;
    feed->batch =
        (struct garner_batch){.shard = shard, .why = (enum garner_why)answer->arrival.why, .more = true};
    if (answer->arrival.first && !answer->begun) {
        answer->begun = true;
        feed->batch.kind = GARNER_SNAPSHOT_BEGIN;
    } else if (answer->collection < part->collection_count) {
        take_rows(feed, &part->collections[answer->collection++], shard);
    } else if (part->last && answer->collection == part->collection_count) {
        answer->collection++;
        feed->batch.kind = GARNER_SNAPSHOT_END;
    } else {
        return false;
    }
    return true;
}

int garner_take_batch(struct garner *feed, bool *taken, struct error *e)
{
    struct garner_answer *answer = feed->current;
    int r = 0;
    *taken = false;
    if (answer->arrival.kind == FOLLOW_SNAPSHOT) {
        *taken = take_part(feed, answer);
    } else if (!answer->begun) {
        answer->begun = true;
        r = take_changes(feed, &answer->reply.fetch, e);
        *taken = !r;
    }
    return r;
}
