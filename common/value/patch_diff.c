/* Both documents are hashed once, bottom up, so that unequal parts are found without comparing a part
 * again at each level above it. Hashes only choose: parts of equal hash are compared before they are
 * left alone, so a collision makes a longer patch, never a wrong one.
 *
 * Applying a patch is to be cheap too. Each item or member that comes or goes moves those behind it; where
 * that, or the paths of all operations, would be much more than the documents, the part is replaced. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "common/value/members.h"
#include "common/value/number.h"
#include "common/value/patch.h"
#include "common/value/patch_match.h"

enum {
    MATCH_CELLS = 1 << 22,   /* for all arrays of a document together */
    SHIFTS_MAX = 1 << 26,    /* items that applying the operations on one array or object may move */
    ALIKE_PAIRS_MAX = 1024,  /* items between two matches are tried with each other up to so many pairs */
    OPERATION_BYTES = 32,    /* of an operation, beside its path and value */
    PATH_BYTES_FREE = 65536, /* of the operations, whatever the documents' size */
};

/* A value's hash, and those in it, in their order. Equal values have equal hashes. */
struct node {
    uint64_t hash;
    struct node *children;
};

struct part {
    const struct value *value;
    const struct node *node;
};

struct diff {
    struct arena *arena;
    struct arena scratch;
    struct buffer path; /* of where we are */
    struct value *operations;
    uint32_t count, cap;
    size_t cells;
    size_t bytes_left; /* for paths */
    bool overflow;
};

/* One number of two. Who wants to can make two pairs give the same; that only makes a longer patch. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t product = (a ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    product = (product ^ product >> 32 ^ b) * UINT64_C(0x94d049bb133111eb);
    return product ^ product >> 29;
}

static struct node make_node(struct diff *d, const struct value *value)
{
    struct node node = {.hash = mix(value->type, value->count)};
    d->bytes_left += OPERATION_BYTES;
    if (value->type == VALUE_BOOL) {
        node.hash = mix(VALUE_BOOL, value->boolean);
    } else if (value->type == VALUE_STRING || value->type == VALUE_NUMBER) {
        bool is_number = value->type == VALUE_NUMBER;
        node.hash = mix(value->type, hash64(is_number ? number_canonical(value->text) : value->text));
        d->bytes_left += value->text.len;
    } else if (value->type == VALUE_ARRAY) {
        node.children = arena_alloc(&d->scratch, value->count * sizeof *node.children);
        for (uint32_t i = 0; i < value->count; i++) {
            node.children[i] = make_node(d, &value->items[i]);
            node.hash = mix(node.hash, node.children[i].hash);
        }
    } else if (value->type == VALUE_OBJECT) {
        uint64_t sum = 0; /* whatever the order of the members */
        node.children = arena_alloc(&d->scratch, value->count * sizeof *node.children);
        for (uint32_t i = 0; i < value->count; i++) {
            struct bytes key = value->members[i].key;
            node.children[i] = make_node(d, &value->members[i].value);
            sum += mix(hash64(key), node.children[i].hash);
            d->bytes_left += key.len;
        }
        node.hash = mix(node.hash, sum);
    }
    return node;
}

static size_t enter_key(struct diff *d, struct bytes key)
{
    size_t before = d->path.len, done = 0;
    buffer_add_char(&d->path, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] != '~' && key.data[i] != '/')
            continue;
        buffer_add(&d->path, key.data + done, i - done);
        buffer_add(&d->path, key.data[i] == '~' ? "~0" : "~1", 2);
        done = i + 1;
    }
    buffer_add(&d->path, key.data + done, key.len - done);
    return before;
}

static size_t enter_index(struct diff *d, uint32_t index)
{
    size_t before = d->path.len;
    buffer_printf(&d->path, "/%" PRIu32, index);
    return before;
}

static void leave(struct diff *d, size_t before)
{
    d->path.len = before;
    d->path.data[before] = 0;
}

static void emit(struct diff *d, struct bytes op, const struct value *value)
{
    size_t bytes = OPERATION_BYTES + d->path.len;
    d->overflow = d->overflow || bytes > d->bytes_left;
    if (d->overflow)
        return;
    d->bytes_left -= bytes;
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 16;
        d->operations = mem_resize(d->operations, d->cap * sizeof *d->operations);
    }
    struct value *operation = &d->operations[d->count++];
    *operation = value_object(d->arena, 3);
    value_put(operation, BYTES("op"), value_string(op));
    value_put(operation, BYTES("path"), value_string(arena_copy(d->arena, buffer_bytes(&d->path))));
    if (value)
        value_put(operation, BYTES("value"), *value);
}

static bool shifts_too_much(uint64_t shifting, uint32_t before, uint32_t after)
{
    return shifting * (before > after ? before : after) > SHIFTS_MAX;
}

static void diff_parts(struct diff *d, struct part before, struct part after);

static struct part child(struct part of, uint32_t i)
{
    const struct value *value = of.value->type == VALUE_ARRAY ? &of.value->items[i]
                                                              : &of.value->members[i].value;
    return (struct part){value, &of.node->children[i]};
}

/* For each member of `before`, the place of the member of that key in `after`. Returns how many are in
 * both. */
static uint32_t match_members(const struct value *before, const struct value *after, uint32_t *partner)
{
    struct members_index index;
    members_index_open(&index, after);
    uint32_t both = 0;
    for (uint32_t i = 0; i < before->count; i++) {
        const struct member *found = members_index_find(&index, before->members[i].key);
        partner[i] = found ? (uint32_t)(found - after->members) : MATCH_NONE;
        both += found != NULL;
    }
    members_index_close(&index);
    return both;
}

static void diff_objects(struct diff *d, struct part before, struct part after)
{
    const struct value *a = before.value, *b = after.value;
    uint32_t *partner = arena_alloc(&d->scratch, a->count * sizeof *partner);
    uint32_t both = match_members(a, b, partner);
    if (shifts_too_much((uint64_t)a->count + b->count - 2 * (uint64_t)both, a->count, b->count)) {
        emit(d, BYTES("replace"), b);
        return;
    }
    bool *is_old = arena_zalloc(&d->scratch, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        size_t outside = enter_key(d, a->members[i].key);
        if (partner[i] == MATCH_NONE) {
            emit(d, BYTES("remove"), NULL);
        } else {
            is_old[partner[i]] = true;
            diff_parts(d, child(before, i), child(after, partner[i]));
        }
        leave(d, outside);
    }
    for (uint32_t i = 0; i < b->count; i++) {
        if (is_old[i])
            continue;
        size_t outside = enter_key(d, b->members[i].key);
        emit(d, BYTES("add"), &b->members[i].value);
        leave(d, outside);
    }
}

/* True if one item seems to be the other one, changed: objects of which at most half the members (rounded
 * up) differ, arrays that begin or end alike. */
static bool is_alike(struct part before, struct part after)
{
    const struct value *a = before.value, *b = after.value;
    if (before.node->hash == after.node->hash)
        return true;
    if (a->type != b->type || (a->type != VALUE_OBJECT && a->type != VALUE_ARRAY))
        return false;
    if (a->type == VALUE_ARRAY)
        return a->count && b->count &&
               (child(before, 0).node->hash == child(after, 0).node->hash ||
                child(before, a->count - 1).node->hash == child(after, b->count - 1).node->hash);
    struct members_index index;
    members_index_open(&index, b);
    uint64_t same = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct member *found = members_index_find(&index, a->members[i].key);
        same += found && child(before, i).node->hash == after.node->children[found - b->members].hash;
    }
    members_index_close(&index);
    return same * 2 + 1 >= (a->count > b->count ? a->count : b->count);
}

/* Between two matches: pair the items that are alike, then the others in their order. */
static void pair_gap(struct diff *d, struct part before, struct part after, uint32_t *partner, uint32_t a,
                     uint32_t a_end, uint32_t b, uint32_t b_end)
{
    uint64_t pairs = (uint64_t)(a_end - a) * (b_end - b);
    if (pairs > 1 && pairs <= ALIKE_PAIRS_MAX && pairs <= d->cells / ALIKE_PAIRS_MAX) {
        for (uint32_t i = a, free = b; i < a_end; i++) {
            for (uint32_t j = free; j < b_end && partner[i] == MATCH_NONE; j++)
                if (is_alike(child(before, i), child(after, j)))
                    partner[i] = j;
            if (partner[i] != MATCH_NONE)
                free = partner[i] + 1;
        }
        d->cells -= pairs * ALIKE_PAIRS_MAX / 64;
    }
    for (uint32_t end = a; a < a_end; a = end + 1, end = a) {
        while (end < a_end && partner[end] == MATCH_NONE)
            end++;
        uint32_t stop = end < a_end ? partner[end] : b_end;
        while (a < end && b < stop)
            partner[a++] = b++;
        b = stop + 1;
    }
}

/* Returns how many pairs there are. */
static uint32_t match_items(struct diff *d, struct part before, struct part after, uint32_t *partner)
{
    uint32_t n = before.value->count, m = after.value->count;
    uint64_t *hashes = mem_alloc(((size_t)n + m + 1) * sizeof *hashes);
    for (uint32_t i = 0; i < n; i++)
        hashes[i] = before.node->children[i].hash;
    for (uint32_t j = 0; j < m; j++)
        hashes[n + (size_t)j] = after.node->children[j].hash;
    patch_match(hashes, n, hashes + n, m, &d->cells, partner);
    free(hashes);

    for (uint32_t i = 0, start = 0, b = 0; i <= n; i++) {
        if (i < n && partner[i] == MATCH_NONE)
            continue;
        uint32_t match = i < n ? partner[i] : m;
        if (start < i && b < match)
            pair_gap(d, before, after, partner, start, i, b, match);
        start = i + 1;
        b = match + 1;
    }
    uint32_t pairs = 0;
    for (uint32_t i = 0; i < n; i++)
        pairs += partner[i] != MATCH_NONE;
    return pairs;
}

/* Operations are done one after the other, so places count what those before did: `place` is where we are
 * in the array as it is by then, `len` its length. */
static void diff_arrays(struct diff *d, struct part before, struct part after)
{
    uint32_t n = before.value->count, m = after.value->count;
    uint32_t *partner = arena_alloc(&d->scratch, n * sizeof *partner);
    uint64_t pairs = match_items(d, before, after, partner);
    if (shifts_too_much((uint64_t)n + m - 2 * pairs, n, m)) {
        emit(d, BYTES("replace"), after.value);
        return;
    }
    for (uint32_t i = 0, j = 0, place = 0, len = n; i < n || j < m;) {
        uint32_t match = i < n ? partner[i] : m;
        bool at_end = place == len;
        size_t outside = enter_index(d, place);
        if (match == MATCH_NONE) {
            emit(d, BYTES("remove"), NULL);
            len--, i++;
        } else if (j < match) {
            if (at_end) {
                leave(d, outside);
                enter_key(d, BYTES("-"));
            }
            emit(d, BYTES("add"), &after.value->items[j]);
            len++, j++, place++;
        } else {
            struct part old = child(before, i), new = child(after, j);
            if (is_alike(old, new))
                diff_parts(d, old, new);
            else
                emit(d, BYTES("replace"), new.value);
            i++, j++, place++;
        }
        leave(d, outside);
    }
}

static void diff_parts(struct diff *d, struct part before, struct part after)
{
    enum value_type type = before.value->type;
    if (d->overflow || (before.node->hash == after.node->hash && value_equal(before.value, after.value)))
        return;
    if (type == VALUE_OBJECT && after.value->type == VALUE_OBJECT)
        diff_objects(d, before, after);
    else if (type == VALUE_ARRAY && after.value->type == VALUE_ARRAY)
        diff_arrays(d, before, after);
    else
        emit(d, BYTES("replace"), after.value);
}

struct value patch_diff(struct arena *arena, const struct value *before, const struct value *after)
{
    struct diff d = {.arena = arena, .cells = MATCH_CELLS, .bytes_left = PATH_BYTES_FREE};
    struct node a = make_node(&d, before), b = make_node(&d, after);
    diff_parts(&d, (struct part){before, &a}, (struct part){after, &b});
    if (d.overflow) { /* replace all; by now there are free bytes enough for an empty path */
        d.path.len = d.count = 0;
        d.overflow = false;
        d.bytes_left = PATH_BYTES_FREE;
        emit(&d, BYTES("replace"), after);
    }
    struct value patch = value_array(arena, d.count);
    if (d.count)
        memcpy(patch.items, d.operations, d.count * sizeof *d.operations);
    free(d.operations);
    buffer_close(&d.path);
    arena_close(&d.scratch);
    return patch;
}
