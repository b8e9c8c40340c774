/* Duplicates are found with a hash table, since most objects have none and sorting every object of
 * every page would cost more than parsing it. Keys are written by strangers, who can make them collide:
 * a table that needs too many probes is given up for sorting. Look-ups sort from the start: they are
 * rare (only changed documents are compared), and sorting has no bad case.
 *
 * Few members, the usual case, are sorted by insertion, and compared by the first bytes of their keys as a
 * number: qsort's calls would cost several times as much. */
#include "common/value/members.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"

enum { TABLE_ON_STACK = 256, PROBES_PER_MEMBER = 8, KEY_BITS = 512 };

static int compare_members(const void *a, const void *b)
{
    const struct member *x = *(const struct member *const *)a, *y = *(const struct member *const *)b;
    int order = bytes_compare(x->key, y->key);
    return order ? order : (x > y) - (x < y); /* equal keys in the object's order */
}

/* A key's first bytes, so that numbers compare as keys do; equal ones must be compared in full. */
static uint64_t first_bytes(struct bytes key)
{
    if (key.len >= 8)
        return be64_get(key.data);
    uint64_t first = 0;
    if (key.len >= 4) { /* the last four begin within the first four */
        uint64_t last = be32_get(key.data + key.len - 4);
        return (uint64_t)be32_get(key.data) << 32 | (last << 8 * (8 - key.len) & UINT32_MAX);
    }
    for (size_t i = 0; i < key.len; i++)
        first |= (uint64_t)(unsigned char)key.data[i] << (56 - 8 * i);
    return first;
}

static void sort_few(struct members_sorted *sorted, const struct value *object)
{
    uint64_t firsts[MEMBERS_FEW];
    for (uint32_t i = 0; i < object->count; i++) {
        const struct member *member = &object->members[i];
        uint64_t first = first_bytes(member->key);
        uint32_t at = i;
        while (at > 0 && (firsts[at - 1] > first ||
                          (firsts[at - 1] == first && compare_members(&sorted->few[at - 1], &member) > 0))) {
            firsts[at] = firsts[at - 1];
            sorted->few[at] = sorted->few[at - 1];
            at--;
        }
        firsts[at] = first;
        sorted->few[at] = member;
    }
}

void members_sorted_open(struct members_sorted *sorted, const struct value *object)
{
    CHECK(object->type == VALUE_OBJECT);
    bool in_order = true;
    sorted->count = object->count;
    sorted->list = sorted->few;
    if (object->count <= MEMBERS_FEW) {
        sort_few(sorted, object);
        return;
    }
    sorted->list = mem_alloc(object->count * sizeof *sorted->list);
    for (uint32_t i = 0; i < object->count; i++) {
        sorted->list[i] = &object->members[i];
        in_order = in_order && (i == 0 || compare_members(&sorted->list[i - 1], &sorted->list[i]) < 0);
    }
    if (!in_order)
        qsort(sorted->list, sorted->count, sizeof *sorted->list, compare_members);
}

void members_sorted_close(struct members_sorted *sorted)
{
    if (sorted->list != sorted->few)
        free(sorted->list);
    sorted->list = sorted->few;
    sorted->count = 0;
}

void members_index_open(struct members_index *index, const struct value *object)
{
    index->object = object;
    index->next = 0;
    index->is_sorted = false;
}

void members_index_close(struct members_index *index)
{
    if (index->is_sorted)
        members_sorted_close(&index->sorted);
    index->is_sorted = false;
}

static const struct member *find_sorted(struct members_index *index, struct bytes key)
{
    struct members_sorted *sorted = &index->sorted;
    if (!index->is_sorted)
        members_sorted_open(sorted, index->object);
    index->is_sorted = true;
    uint32_t low = 0, high = sorted->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_compare(key, sorted->list[middle]->key);
        if (order == 0)
            return sorted->list[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct member *members_index_find(struct members_index *index, struct bytes key)
{
    const struct value *object = index->object;
    const struct member *found = NULL;
    if (index->next < object->count && bytes_equal(object->members[index->next].key, key))
        found = &object->members[index->next];
    else if (object->count > MEMBERS_FEW)
        found = find_sorted(index, key);
    else
        for (uint32_t i = 0; i < object->count && !found; i++)
            if (bytes_equal(object->members[i].key, key))
                found = &object->members[i];
    if (found)
        index->next = (uint32_t)(found - object->members) + 1;
    return found;
}

/* Keep members[i] as the next one of the `kept`, unless its key is at `same` already. */
static uint32_t keep(struct member *members, uint32_t kept, uint32_t i, uint32_t same)
{
    if (same < kept) {
        members[same].value = members[i].value;
        return kept;
    }
    if (kept != i)
        members[kept] = members[i];
    return kept + 1;
}

/* Keys that share no bit differ; the others are compared. */
static uint32_t key_bit(struct bytes key)
{
    if (key.len == 0)
        return 0;
    unsigned first = (unsigned char)key.data[0], middle = (unsigned char)key.data[key.len / 2];
    unsigned last = (unsigned char)key.data[key.len - 1];
    return (first * 37 + middle * 11 + last * 5 + (uint32_t)key.len) & (KEY_BITS - 1);
}

static uint32_t dedupe_few(struct value *object)
{
    uint64_t bits[KEY_BITS / 64] = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        struct bytes key = object->members[i].key;
        uint32_t bit = key_bit(key), same = kept;
        if (bits[bit / 64] >> (bit % 64) & 1)
            for (same = 0; same < kept && !bytes_equal(object->members[same].key, key);)
                same++;
        bits[bit / 64] |= UINT64_C(1) << (bit % 64);
        kept = keep(object->members, kept, i, same);
    }
    return kept;
}

/* Duplicates by sorting: they stand side by side, in the object's order. */
static uint32_t dedupe_sorted(struct value *object)
{
    struct members_sorted sorted;
    members_sorted_open(&sorted, object);
    bool *drop = mem_zalloc(object->count);
    for (uint32_t i = 0, first = 0; i < sorted.count; i++) {
        if (!bytes_equal(sorted.list[first]->key, sorted.list[i]->key))
            first = i;
        if (first == i)
            continue;
        object->members[sorted.list[first] - object->members].value = sorted.list[i]->value;
        drop[sorted.list[i] - object->members] = true;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < object->count; i++)
        if (!drop[i])
            object->members[kept++] = object->members[i];
    free(drop);
    members_sorted_close(&sorted);
    return kept;
}

/* False only if no key stands twice. `table` holds places plus one and is all zero. */
static bool may_have_duplicates(const struct value *object, uint32_t *table, uint32_t size)
{
    uint64_t probes = (uint64_t)object->count * PROBES_PER_MEMBER;
    for (uint32_t i = 0; i < object->count; i++) {
        struct bytes key = object->members[i].key;
        uint32_t slot = (uint32_t)hash64(key) & (size - 1);
        for (; table[slot]; slot = (slot + 1) & (size - 1)) {
            if (probes-- == 0 || bytes_equal(object->members[table[slot] - 1].key, key))
                return true;
        }
        table[slot] = i + 1;
    }
    return false;
}

uint32_t members_dedupe(struct value *object)
{
    uint32_t before = object->count;
    if (before < 2)
        return 0;
    if (before <= MEMBERS_FEW) {
        object->count = dedupe_few(object);
        return before - object->count;
    }
    uint32_t on_stack[TABLE_ON_STACK] = {0}, *table = on_stack;
    uint64_t size = TABLE_ON_STACK;
    while (size < (uint64_t)before * 2)
        size *= 2;
    CHECK(size <= UINT32_MAX);
    if (size > TABLE_ON_STACK)
        table = mem_zalloc(size * sizeof *table);
    if (may_have_duplicates(object, table, (uint32_t)size))
        object->count = dedupe_sorted(object);
    if (table != on_stack)
        free(table);
    return before - object->count;
}
