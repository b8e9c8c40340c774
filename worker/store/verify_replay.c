/* The replay's hash table: open addressing, linear probing, doubled when it is two thirds full. A resource
 * is known by the keyed 128-bit digest of its collection and id: two that share one can't be made. A
 * collection's `void` is an entry too, of an id that no resource has, so it costs one entry and not a walk.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/store/verify.h"

enum { ENTRIES_MIN = 1024 };

struct replay {
    const struct hash_secret *secret;
    struct replayed *entries;
    size_t cap, count;
    struct buffer scratch;
};

struct replay *replay_open(const struct hash_secret *secret)
{
    struct replay *replay = mem_zalloc(sizeof *replay);
    replay->secret = secret;
    replay->cap = ENTRIES_MIN;
    replay->entries = mem_zalloc(replay->cap * sizeof *replay->entries);
    return replay;
}

void replay_close(struct replay *replay)
{
    if (!replay)
        return;
    buffer_close(&replay->scratch);
    free(replay->entries);
    free(replay);
}

static struct digest name_of(struct replay *replay, char kind, uint32_t collection, struct bytes id)
{
    char head[5] = {kind};
    be32_put(head + 1, collection);
    buffer_reset(&replay->scratch);
    buffer_add(&replay->scratch, head, sizeof head);
    buffer_add_bytes(&replay->scratch, id);
    return hash128(buffer_bytes(&replay->scratch), replay->secret);
}

static struct replayed *slot(struct replayed *entries, size_t cap, struct digest name)
{
    size_t at = (size_t)be64_get(name.bytes) & (cap - 1);
    while (entries[at].used && !digest_equal(entries[at].name, name))
        at = (at + 1) & (cap - 1);
    return &entries[at];
}

static void grow(struct replay *replay)
{
    size_t cap = replay->cap * 2;
    struct replayed *entries = mem_zalloc(cap * sizeof *entries);
    for (size_t i = 0; i < replay->cap; i++)
        if (replay->entries[i].used)
            *slot(entries, cap, replay->entries[i].name) = replay->entries[i];
    free(replay->entries);
    replay->entries = entries;
    replay->cap = cap;
}

static struct replayed *entry_of(struct replay *replay, struct digest name, uint32_t collection, bool make)
{
    if (make && replay->count * 3 >= replay->cap * 2)
        grow(replay);
    struct replayed *entry = slot(replay->entries, replay->cap, name);
    if (entry->used)
        return entry;
    if (!make)
        return NULL;
    *entry = (struct replayed){.name = name, .collection = collection, .used = true};
    replay->count++;
    return entry;
}

struct replayed *replay_entry(struct replay *replay, uint32_t collection, struct bytes id, bool make)
{
    return entry_of(replay, name_of(replay, 'r', collection, id), collection, make);
}

void replay_void(struct replay *replay, uint32_t collection, uint64_t seq)
{
    entry_of(replay, name_of(replay, 'v', collection, (struct bytes){"", 0}), collection, true)->seq = seq;
}

uint64_t replay_voided(struct replay *replay, uint32_t collection)
{
    const struct replayed *cleared = entry_of(replay, name_of(replay, 'v', collection, (struct bytes){"", 0}),
                                              0, false);
    return cleared ? cleared->seq : 0;
}

bool replay_is_live(struct replay *replay, const struct replayed *entry)
{
    return entry->live && replay_voided(replay, entry->collection) < entry->seq;
}

int replay_each_unmatched(struct replay *replay, int (*visit)(void *context, const struct replayed *entry),
                          void *context)
{
    int r = 0;
    for (size_t i = 0; i < replay->cap && !r; i++) {
        const struct replayed *entry = &replay->entries[i];
        if (entry->used && !entry->matched && replay_is_live(replay, entry))
            r = visit(context, entry);
    }
    return r;
}
