/* The document is copied once, with room to grow in each array and object, and then changed in place:
 * copying the way to each change would be quadratic for patches of many operations. Patches may come
 * from outside, and `copy` doubles a document in a few bytes: what is copied and moved is counted. */
#include <stddef.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/value/patch.h"
#include "common/value/pointer.h"
#include "common/value/trail.h"

/* As many as fit into a document, if one takes four bytes. */
enum { VALUES_MOVED_MAX = LIMIT_DOCUMENT_BYTES / 4 };

struct patching {
    struct arena *arena;
    struct value root;
    size_t values_left;              /* to copy and to move */
    uint32_t guess[LIMIT_DEPTH + 1]; /* where the next key of each depth may be */
    const char *cause;               /* why the last operation failed */
};

/* In front of the items or members of every array and object of `root`. */
struct room {
    _Alignas(max_align_t) uint32_t capacity;
};

static int fail(struct patching *p, const char *cause)
{
    p->cause = cause;
    return ERR_BODY;
}

static size_t unit(const struct value *container)
{
    return container->type == VALUE_ARRAY ? sizeof(struct value) : sizeof(struct member);
}

/* Move what is in an array or object into a room of its own. */
static void give_room(struct patching *p, struct value *container, uint32_t capacity)
{
    CHECK(capacity >= container->count);
    struct room *room = arena_alloc(p->arena, sizeof *room + capacity * unit(container));
    room->capacity = capacity;
    if (container->count)
        memcpy(room + 1, container->items, container->count * unit(container));
    container->items = (struct value *)(room + 1);
    if (container->type == VALUE_OBJECT)
        container->members = (struct member *)(room + 1);
}

static void make_room_for_one(struct patching *p, struct value *container)
{
    const struct room *room = (const struct room *)container->items - 1;
    if (container->count == room->capacity)
        give_room(p, container, room->capacity * 2 + 4);
}

static struct value *inside(struct value *container, uint32_t i)
{
    return container->type == VALUE_ARRAY ? &container->items[i] : &container->members[i].value;
}

/* Fails if a value is too deep for a place at `depth`, or has more values in it than are `left` (null:
 * it is as small as the document or the patch that it comes from). */
static int check_fits(struct patching *p, struct value *value, unsigned depth, size_t *left)
{
    if (left && *left == 0)
        return fail(p, "copies and moves too much");
    if (left)
        --*left;
    if (value->type != VALUE_ARRAY && value->type != VALUE_OBJECT)
        return 0;
    if (depth >= LIMIT_DEPTH)
        return fail(p, "makes the document too deep");
    int rc = 0;
    for (uint32_t i = 0; i < value->count && rc == 0; i++)
        rc = check_fits(p, inside(value, i), depth + 1, left);
    return rc;
}

/* Give all arrays and objects in a value rooms of their own. */
static void own(struct patching *p, struct value *value)
{
    if (value->type != VALUE_ARRAY && value->type != VALUE_OBJECT)
        return;
    give_room(p, value, value->count);
    for (uint32_t i = 0; i < value->count; i++)
        own(p, inside(value, i));
}

/* The place of a key, or `count`. Operations mostly go through an object in order, so looking goes on
 * where it ended. */
static uint32_t find_key(struct patching *p, const struct value *object, struct bytes key, uint32_t depth)
{
    uint32_t at = p->guess[depth] < object->count ? p->guess[depth] : 0;
    for (uint32_t i = 0; i < object->count; i++, at++) {
        at = at < object->count ? at : 0;
        if (bytes_equal(object->members[at].key, key)) {
            p->guess[depth] = at;
            return at;
        }
    }
    return object->count;
}

/* The place in an array or object that a pointer's segment names, or its count if there is none. */
static uint32_t find(struct patching *p, const struct value *in, const struct pointer *pointer,
                     uint32_t depth)
{
    uint64_t index;
    struct bytes segment = pointer->segments[depth];
    if (in->type == VALUE_OBJECT)
        return find_key(p, in, segment, depth);
    return trail_index(segment, &index) && index < in->count ? (uint32_t)index : in->count;
}

/* The value that the pointer's first `count` segments lead to, or null. `*` is a key like others here. */
static struct value *locate(struct patching *p, const struct pointer *pointer, uint32_t count)
{
    struct value *at = &p->root;
    for (uint32_t i = 0; i < count && at; i++) {
        bool leads = at->type == VALUE_ARRAY || at->type == VALUE_OBJECT;
        uint32_t place = leads ? find(p, at, pointer, i) : 0;
        at = leads && place < at->count ? inside(at, place) : NULL;
    }
    return at;
}

static void insert_item(struct patching *p, struct value *array, uint32_t index, struct value value)
{
    make_room_for_one(p, array);
    struct value *at = array->items + index;
    memmove(at + 1, at, (array->count - index) * sizeof *at);
    *at = value;
    array->count++;
}

/* The value has its rooms already. */
static int add(struct patching *p, const struct pointer *path, struct value value)
{
    if (path->count == 0) {
        p->root = value;
        return 0;
    }
    uint32_t last = path->count - 1;
    struct value *parent = locate(p, path, last);
    if (!parent || (parent->type != VALUE_ARRAY && parent->type != VALUE_OBJECT))
        return fail(p, "there is nothing to add to");
    if (parent->type == VALUE_OBJECT) {
        uint32_t place = find(p, parent, path, last);
        if (place == parent->count) {
            make_room_for_one(p, parent);
            value_put(parent, path->segments[last], value);
        }
        parent->members[place].value = value;
        return 0;
    }
    uint64_t index = parent->count;
    if (!bytes_is(path->segments[last], "-") &&
        (!trail_index(path->segments[last], &index) || index > parent->count))
        return fail(p, "no such place in the array");
    insert_item(p, parent, (uint32_t)index, value);
    return 0;
}

static int drop(struct patching *p, const struct pointer *path, struct value *dropped)
{
    struct value *found = locate(p, path, path->count);
    if (!found)
        return fail(p, "there is nothing at this path");
    *dropped = *found;
    if (path->count == 0) {
        p->root = value_null();
        return 0;
    }
    struct value *parent = locate(p, path, path->count - 1);
    char *at = (char *)parent->items + find(p, parent, path, path->count - 1) * unit(parent);
    char *end = (char *)parent->items + parent->count * unit(parent);
    memmove(at, at + unit(parent), (size_t)(end - at) - unit(parent));
    parent->count--;
    return 0;
}

static int move(struct patching *p, const struct pointer *from, const struct pointer *path)
{
    struct value moved;
    bool is_below = path->count > from->count;
    for (uint32_t i = 0; i < from->count && is_below; i++)
        is_below = bytes_equal(path->segments[i], from->segments[i]);
    if (is_below)
        return fail(p, "nothing can be moved into itself");
    int rc;
    if ((rc = drop(p, from, &moved)) || (rc = check_fits(p, &moved, path->count, &p->values_left)))
        return rc;
    return add(p, path, moved);
}

static int replace(struct patching *p, const struct pointer *path, struct value value)
{
    struct value *found = locate(p, path, path->count);
    if (!found)
        return fail(p, "there is nothing at this path");
    *found = value;
    return 0;
}

/* The pointer in an operation's member. */
static int take_pointer(struct patching *p, const struct value *operation, const char *key,
                        struct pointer *out)
{
    const struct value *pointer = value_get_text(operation, key);
    if (!pointer || pointer->type != VALUE_STRING || pointer_parse(p->arena, pointer->text, out, NULL))
        return fail(p, "\"path\" and \"from\" must be JSON Pointers");
    return 0;
}

static int apply_with_from(struct patching *p, struct bytes op, const struct value *operation,
                           const struct pointer *path)
{
    struct pointer from;
    int rc = take_pointer(p, operation, "from", &from);
    if (rc)
        return rc;
    if (bytes_is(op, "move"))
        return move(p, &from, path);
    const struct value *found = locate(p, &from, from.count);
    if (!found)
        return fail(p, "there is nothing at \"from\"");
    struct value copy = *found;
    rc = check_fits(p, &copy, path->count, &p->values_left);
    if (rc)
        return rc;
    own(p, &copy);
    return add(p, path, copy);
}

static int apply_with_value(struct patching *p, struct bytes op, const struct value *operation,
                            const struct pointer *path)
{
    const struct value *value = value_get_text(operation, "value");
    if (!value)
        return fail(p, "\"value\" is missing");
    if (bytes_is(op, "test")) {
        const struct value *found = locate(p, path, path->count);
        return found && value_equal(found, value) ? 0 : fail(p, "the document has another value");
    }
    struct value copy = *value;
    int rc = check_fits(p, &copy, path->count, NULL);
    if (rc)
        return rc;
    own(p, &copy);
    return bytes_is(op, "add") ? add(p, path, copy) : replace(p, path, copy);
}

static int apply(struct patching *p, const struct value *operation, struct bytes *op, struct pointer *path)
{
    const struct value *name = value_get_text(operation, "op");
    if (!name || name->type != VALUE_STRING)
        return fail(p, "an operation is an object with an \"op\"");
    *op = name->text;
    struct value dropped;
    int rc = take_pointer(p, operation, "path", path);
    if (rc)
        return rc;
    if (bytes_is(*op, "remove"))
        return drop(p, path, &dropped);
    if (bytes_is(*op, "move") || bytes_is(*op, "copy"))
        return apply_with_from(p, *op, operation, path);
    if (bytes_is(*op, "add") || bytes_is(*op, "replace") || bytes_is(*op, "test"))
        return apply_with_value(p, *op, operation, path);
    return fail(p, "\"op\" must be add, remove, replace, move, copy or test");
}

int patch_apply(struct arena *arena, const struct value *document, const struct value *patch,
                struct value *out, struct error *e)
{
    struct patching p = {.arena = arena, .root = *document, .values_left = VALUES_MOVED_MAX};
    if (patch->type != VALUE_ARRAY)
        return error_set(e, ERR_BODY, "a patch is an array of operations, not %s",
                         value_type_name(patch->type));
    if (check_fits(&p, &p.root, 0, NULL))
        return error_set(e, ERR_BODY, "patch: the document is too deep");
    own(&p, &p.root);
    for (uint32_t i = 0; i < patch->count; i++) {
        struct bytes op = BYTES("");
        struct pointer path = {.text = BYTES("")};
        if (apply(&p, &patch->items[i], &op, &path))
            return error_set(e, ERR_BODY, "patch: operation %u (%.*s \"%.*s\"): %s", i, BYTES_ARG(op),
                             BYTES_ARG(path.text), p.cause);
    }
    *out = p.root;
    return 0;
}
