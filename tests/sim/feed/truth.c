#include "tests/sim/feed/truth.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/hash.h"

/* --- rows --- */

struct row *rows_find(const struct rows *rows, uint64_t name)
{
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->all[i].name == name)
            return &rows->all[i];
    return NULL;
}

struct row *rows_put(struct rows *rows, const struct row *row)
{
    struct row *found = rows_find(rows, row->name);
    if (!found && rows->count == rows->cap) {
        rows->cap = rows->cap ? 2 * rows->cap : 32;
        rows->all = mem_resize(rows->all, rows->cap * sizeof *rows->all);
    }
    if (!found)
        found = &rows->all[rows->count++];
    *found = *row;
    return found;
}

void rows_remove(struct rows *rows, struct row *row)
{
    *row = rows->all[--rows->count];
}

void rows_copy(struct rows *to, const struct rows *from)
{
    to->count = 0;
    for (uint32_t i = 0; i < from->count; i++)
        rows_put(to, &from->all[i]);
}

void rows_close(struct rows *rows)
{
    free(rows->all);
    *rows = (struct rows){0};
}

static void apply_status(struct rows *rows, const struct entry *entry)
{
    bool forgets = entry->change.status.kind == STATUS_DEFINITION && entry->change.status.void_;
    bool listed = entry->change.status.kind == STATUS_LISTED;
    for (uint32_t i = rows->count; i-- > 0;) {
        struct row *row = &rows->all[i];
        if (row->collection == entry->collection && row->seq < entry->change.seq &&
            (forgets || (listed && row->is_doubtful)))
            rows_remove(rows, row);
    }
}

void rows_apply(struct rows *rows, const struct entry *entry)
{
    struct row *row = rows_find(rows, entry->name);
    if (entry->change.op == CHANGE_STATUS)
        apply_status(rows, entry);
    else if (row && row->seq >= entry->change.seq)
        return; /* it is in the row already */
    else if (entry->change.op != CHANGE_DELETED)
        rows_put(rows, &(struct row){.collection = entry->collection,
                                     .name = entry->name,
                                     .seq = entry->change.seq,
                                     .document = entry->document});
    else if (row)
        rows_remove(rows, row);
}

/* --- names --- */

static void add_part(struct buffer *text, struct bytes part)
{
    buffer_add_bytes(text, part);
    buffer_add_char(text, 0);
}

static uint64_t name_of(const struct collection_key *key, const struct bytes *id)
{
    struct buffer text = {0};
    add_part(&text, key->provider);
    add_part(&text, key->account);
    add_part(&text, key->region);
    add_part(&text, key->type);
    add_part(&text, key->parent);
    if (id)
        add_part(&text, *id);
    uint64_t name = hash64(buffer_bytes(&text));
    buffer_close(&text);
    return name;
}

uint64_t truth_collection_of(const struct collection_key *key)
{
    return name_of(key, NULL);
}

uint64_t truth_name_of(const struct collection_key *key, struct bytes id)
{
    return name_of(key, &id);
}

/* --- the log --- */

void truth_open(struct truth *truth, uint32_t shards)
{
    *truth = (struct truth){.count = shards};
    truth->shards = mem_zalloc(shards * sizeof *truth->shards);
    for (uint32_t i = 0; i < shards; i++) {
        struct truth_shard *shard = &truth->shards[i];
        shard->forks = mem_zalloc(sizeof *shard->forks);
        shard->count = 1;
        shard->forks[0] = (struct fork){.oldest = 1, .epochs = {{1, 1}}, .epoch_count = 1};
    }
}

void truth_close(struct truth *truth)
{
    for (uint32_t i = 0; i < truth->count; i++) {
        for (uint32_t j = 0; j < truth->shards[i].count; j++)
            free(truth->shards[i].forks[j].entries);
        free(truth->shards[i].forks);
    }
    free(truth->shards);
    arena_close(&truth->arena);
    *truth = (struct truth){0};
}

struct fork *truth_fork(const struct truth *truth, uint32_t shard, uint32_t fork)
{
    return shard < truth->count && fork < truth->shards[shard].count ? &truth->shards[shard].forks[fork]
                                                                     : NULL;
}

struct fork *truth_now(const struct truth *truth, uint32_t shard)
{
    return truth_fork(truth, shard, truth->shards[shard].count - 1);
}

const struct entry *truth_entry(const struct fork *fork, uint64_t seq)
{
    return seq && seq <= fork->head ? fork->entries[seq] : NULL;
}

const struct entry *truth_behind(const struct truth *truth, uint32_t number, const struct point *at,
                                 bool *found)
{
    const struct truth_shard *shard = &truth->shards[number];
    const struct entry *the_one = NULL;
    *found = at->seq == 0;
    for (uint32_t i = 0; i < shard->count && at->seq; i++) {
        const struct entry *entry = truth_entry(&shard->forks[i], at->seq);
        bool fits = entry && entry->change.epoch == at->epoch && (!at->check || at->check == entry->check);
        if (fits && the_one && entry != the_one) {
            *found = false;
            return NULL;
        }
        if (fits)
            *found = true, the_one = entry;
    }
    return the_one;
}

static void add_entry(struct fork *fork, const struct entry *entry)
{
    if (fork->head % 64 == 0)
        fork->entries = mem_resize(fork->entries, (fork->head + 65) * sizeof(struct entry *));
    fork->entries[0] = NULL;
    fork->entries[++fork->head] = entry;
}

static bool commit(struct truth *truth, const struct note *note)
{
    struct fork *fork = truth_now(truth, note->shard);
    struct entry *entry = arena_zalloc(&truth->arena, sizeof *entry);
    struct change *change = &entry->change;
    struct error e;
    entry->packed = arena_copy(&truth->arena, note->bytes);
    if (change_unpack(&truth->arena, entry->packed, change, &e) || change->seq != fork->head + 1 ||
        change->shard != note->shard || change->epoch != fork->epochs[fork->epoch_count - 1].epoch)
        return false;
    entry->check = position_check(entry->packed);
    entry->collection = truth_collection_of(&change->key);
    entry->name = truth_name_of(&change->key, change->id);
    entry->document = hash64(change->after);
    add_entry(fork, entry);
    return true;
}

static bool fork_off(struct truth *truth, const struct note *note)
{
    struct truth_shard *shard = &truth->shards[note->shard];
    const struct fork *from = truth_fork(truth, note->shard, note->from);
    if (!from || note->position.seq > from->head || note->count > from->epoch_count ||
        note->fork != shard->count)
        return false;
    struct fork fork = {.oldest = note->last_seq, .epoch_count = note->count};
    memcpy(fork.epochs, from->epochs, sizeof fork.epochs);
    for (uint64_t seq = 1; seq <= note->position.seq; seq++)
        add_entry(&fork, from->entries[seq]);
    shard->forks = mem_resize(shard->forks, (shard->count + 1) * sizeof *shard->forks);
    shard->forks[shard->count++] = fork;
    return true;
}

bool truth_note(struct truth *truth, const struct note *note)
{
    struct fork *now = truth_now(truth, note->shard);
    if (note->kind == NOTE_COMMITTED)
        return commit(truth, note);
    if (note->kind == NOTE_FORKED)
        return fork_off(truth, note);
    if (note->kind == NOTE_COMPACTED)
        now->oldest = note->position.seq;
    else if (note->kind == NOTE_PROMOTED && now->epoch_count < TRUTH_EPOCHS)
        now->epochs[now->epoch_count++] = (struct store_epoch){note->position.epoch, note->position.seq};
    return now->oldest <= now->head + 1;
}

/* --- what it comes to --- */

void truth_rows(const struct fork *fork, uint64_t seq, const struct filter *filter, struct rows *out)
{
    out->count = 0;
    for (uint64_t i = 1; i <= seq; i++) {
        const struct entry *entry = fork->entries[i];
        rows_apply(out, entry);
        struct row *row = rows_find(out, entry->name);
        if (row && entry->change.op != CHANGE_STATUS)
            row->passes = !filter ||
                          (filter_passes_collection(filter, &entry->change.key) &&
                           entry->change.id.len >= filter->id_prefix.len &&
                           (!filter->id_prefix.len || memcmp(entry->change.id.data, filter->id_prefix.data,
                                                             filter->id_prefix.len) == 0));
    }
}

bool truth_is_listed(const struct fork *fork, uint64_t seq, uint64_t collection)
{
    bool listed = false;
    for (uint64_t i = 1; i <= seq; i++) {
        const struct change *change = &fork->entries[i]->change;
        if (fork->entries[i]->collection != collection || change->op != CHANGE_STATUS)
            continue;
        listed = change->status.kind == STATUS_LISTED || (listed && !change->status.void_);
    }
    return listed;
}
