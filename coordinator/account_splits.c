#include "coordinator/account_splits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"

static const char prefix[] = "splits ";

void account_splits_close(struct account_splits *splits)
{
    for (uint32_t i = 0; i < splits->count; i++)
        free(splits->all[i].name);
    free(splits->all);
    *splits = (struct account_splits){0};
}

/* Where it is, or would be. */
static uint32_t place_of(const struct account_splits *splits, struct bytes name, bool *is_there)
{
    uint32_t from = 0, to = splits->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (bytes_compare(bytes_of(splits->all[middle].name), name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *is_there = from < splits->count && bytes_is(name, splits->all[from].name);
    return from;
}

static struct account_split *insert(struct account_splits *splits, uint32_t at, struct bytes name)
{
    if (splits->count == splits->room) {
        splits->room = splits->room ? 2 * splits->room : 16;
        splits->all = mem_resize(splits->all, splits->room * sizeof *splits->all);
    }
    struct account_split *split = &splits->all[at];
    memmove(split + 1, split, (splits->count++ - at) * sizeof *split);
    split->name = mem_alloc(name.len + 1);
    bytes_put(split->name, name);
    split->name[name.len] = 0;
    return split;
}

void account_splits_put(struct account_splits *splits, struct bytes name, uint32_t number, uint64_t revision)
{
    bool is_there;
    uint32_t at = place_of(splits, name, &is_there);
    struct account_split *split = is_there ? &splits->all[at] : insert(splits, at, name);
    split->splits = number;
    split->revision = revision;
}

void account_splits_drop(struct account_splits *splits, struct bytes name)
{
    bool is_there;
    uint32_t at = place_of(splits, name, &is_there);
    if (!is_there)
        return;
    free(splits->all[at].name);
    memmove(&splits->all[at], &splits->all[at + 1], (--splits->count - at) * sizeof *splits->all);
}

const struct account_split *account_splits_find(const struct account_splits *splits, struct bytes name)
{
    bool is_there;
    uint32_t at = place_of(splits, name, &is_there);
    return is_there ? &splits->all[at] : NULL;
}

struct bytes account_splits_pack(struct arena *arena, uint32_t number)
{
    return bytes_of(arena_printf(arena, "%s%" PRIu32, prefix, number));
}

bool account_splits_unpack(struct bytes packed, uint32_t *number)
{
    uint64_t found;
    if (!bytes_starts(packed, prefix) || !bytes_to_u64(bytes_from(packed, strlen(prefix)), &found) ||
        found < 1 || found > LIMIT_SPLITS)
        return false;
    *number = (uint32_t)found;
    return true;
}
