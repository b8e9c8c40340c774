/* Documents are changed by copying: what lies on the way is copied, everything beside it is shared. Only what
 * was just read is changed in place (pointer_make_arrays), since nobody else has it yet. */
#include <string.h>

#include "common/limits.h"
#include "common/value/embedded.h"
#include "common/value/pointer.h"
#include "common/value/trail.h"

/* What becomes of a value. */
enum edit { EDIT_NONE, EDIT_CHANGED, EDIT_DROPPED };

struct walk {
    struct arena *arena;
    struct trails trails;
    enum edit (*arrived)(struct walk *w, struct value *value); /* at a value that a pointer ends at */
    unsigned depth;                                            /* arrays and objects around the value */
    struct json_notes *notes;
};

static enum edit edit(struct walk *w, struct level level, struct value *value);

/* Items (or members) are shared until the first that differs; then those before it are copied. All
 * pointers are looked at together, since indices count the items that were there at first. */
static bool edit_items(struct walk *w, struct level level, struct value *value)
{
    struct value *items = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        struct value item = value->items[i];
        struct level inside = trails_enter_item(&w->trails, level, i);
        enum edit done = edit(w, inside, &item);
        trails_leave(&w->trails, inside);
        if (done != EDIT_NONE && !items) {
            items = arena_alloc(w->arena, value->count * sizeof *items);
            memcpy(items, value->items, i * sizeof *items);
            kept = i;
        }
        if (items && done != EDIT_DROPPED)
            items[kept++] = item;
    }
    if (items)
        *value = (struct value){.type = VALUE_ARRAY, .count = kept, .items = items};
    return items;
}

static bool edit_members(struct walk *w, struct level level, struct value *value)
{
    struct member *members = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        struct member member = value->members[i];
        struct level inside = trails_enter_member(&w->trails, level, member.key);
        enum edit done = edit(w, inside, &member.value);
        trails_leave(&w->trails, inside);
        if (done != EDIT_NONE && !members) {
            members = arena_alloc(w->arena, value->count * sizeof *members);
            memcpy(members, value->members, i * sizeof *members);
            kept = i;
        }
        if (members && done != EDIT_DROPPED)
            members[kept++] = member;
    }
    if (members)
        *value = (struct value){.type = VALUE_OBJECT, .count = kept, .members = members};
    return members;
}

/* What a value becomes is walked on, as if it had come like that. */
static enum edit edit(struct walk *w, struct level level, struct value *value)
{
    if (trails_none(level))
        return EDIT_NONE;
    enum edit done = trails_arrive(&w->trails, level, value) ? w->arrived(w, value) : EDIT_NONE;
    if (done == EDIT_DROPPED)
        return done;
    if (done == EDIT_CHANGED)
        trails_arrive(&w->trails, level, value);
    w->depth++;
    bool differs = value->type == VALUE_ARRAY ? edit_items(w, level, value)
                                              : value->type == VALUE_OBJECT && edit_members(w, level, value);
    w->depth--;
    return differs ? EDIT_CHANGED : done;
}

/* `*value` becomes another one, or is dropped. */
static enum edit edit_all(struct walk *w, struct value *value, const struct pointer *pointers, size_t count)
{
    enum edit done = edit(w, trails_open(&w->trails, pointers, count), value);
    trails_close(&w->trails);
    return done;
}

static enum edit drop(struct walk *w, struct value *value)
{
    (void)w, (void)value;
    return EDIT_DROPPED;
}

struct value pointer_prune(struct arena *arena, const struct value *root, const struct pointer *pointers,
                           size_t count)
{
    struct walk w = {.arena = arena, .arrived = drop};
    struct value value = *root;
    return edit_all(&w, &value, pointers, count) == EDIT_DROPPED ? value_null() : value;
}

static enum edit parse_text(struct walk *w, struct value *value)
{
    bool parsed = value->type == VALUE_STRING && w->depth < LIMIT_DEPTH &&
                  embedded_read(w->arena, value->text, LIMIT_DEPTH - w->depth, value, w->notes);
    return parsed ? EDIT_CHANGED : EDIT_NONE;
}

struct value pointer_parse_texts(struct arena *arena, const struct value *root,
                                 const struct pointer *pointers, size_t count, struct json_notes *notes)
{
    struct walk w = {.arena = arena, .arrived = parse_text, .notes = notes};
    struct value value = *root;
    edit_all(&w, &value, pointers, count);
    return value;
}

/* --- Making arrays --- */

/* May what a trail ends at be made in this value? A blank text at a `*` is an empty list, or an item without
 * anything, and stays what it is. */
static bool may_hold(const struct walk *w, const struct trail *trail, const struct value *value)
{
    if (value->type != VALUE_OBJECT)
        return w->depth > 0 && trail_is_blank(value) && !trail->pointer->walks[trail->at - 1];
    for (uint32_t i = 0; i < trail->at; i++)
        if (trail->pointer->walks[i])
            return true;
    return false;
}

/* The member that a trail ends at, if it is one to be made here. */
static const struct bytes *missing_of(const struct walk *w, const struct trail *trail,
                                      const struct value *value)
{
    const struct pointer *pointer = trail->pointer;
    bool is_last = trail->at + 1 == pointer->count && !pointer->walks[trail->at];
    const struct bytes *key = &pointer->segments[trail->at];
    return pointer->fills && is_last && may_hold(w, trail, value) && !value_get(value, *key) ? key : NULL;
}

/* All that is missing here at once, into a copy that has room for it. */
static void make_missing(struct walk *w, struct level level, struct value *value)
{
    const struct trail *trails = w->trails.list;
    uint32_t wanted = 0, had = value->type == VALUE_OBJECT ? value->count : 0;
    for (size_t i = level.from; i < level.to; i++)
        wanted += trails[i].at < trails[i].pointer->count && missing_of(w, &trails[i], value);
    if (!wanted)
        return;
    struct value filled = value_object(w->arena, had + wanted);
    for (uint32_t i = 0; i < had; i++)
        value_put(&filled, value->members[i].key, value->members[i].value);
    for (size_t i = level.from; i < level.to; i++) {
        const struct bytes *key = trails[i].at < trails[i].pointer->count ? missing_of(w, &trails[i], value)
                                                                          : NULL;
        if (key && !value_get(&filled, *key)) /* two pointers may name one place */
            value_put(&filled, *key, value_array(w->arena, 0));
    }
    *value = filled;
}

static void make_arrays(struct walk *w, struct level level, struct value *value)
{
    if (trails_none(level))
        return;
    bool ends = trails_arrive(&w->trails, level, value);
    bool is_array = value->type == VALUE_ARRAY, has_more = is_array || value->type == VALUE_OBJECT;
    if (!is_array && !(ends && trail_is_blank(value)))
        make_missing(w, level, value);
    w->depth++;
    for (uint32_t i = 0; has_more && i < value->count; i++) {
        struct level inside = is_array ? trails_enter_item(&w->trails, level, i)
                                       : trails_enter_member(&w->trails, level, value->members[i].key);
        make_arrays(w, inside, is_array ? &value->items[i] : &value->members[i].value);
        trails_leave(&w->trails, inside);
    }
    w->depth--;
    if (!ends || is_array)
        return;
    struct value array = value_array(w->arena, trail_is_blank(value) ? 0 : 1);
    if (array.count)
        array.items[0] = *value;
    *value = array;
}

void pointer_make_arrays(struct arena *arena, struct value *root, const struct pointer *pointers,
                         size_t count)
{
    struct walk w = {.arena = arena};
    make_arrays(&w, trails_open(&w.trails, pointers, count), root);
    trails_close(&w.trails);
}

/* --- Setting --- */

/* Replace an object by a copy that has a member of this key, and give that member's value. */
static struct value *copy_member(struct arena *arena, struct value *object, struct bytes key)
{
    struct value copy = value_object(arena, object->count + 1);
    struct value *found = NULL;
    for (uint32_t i = 0; i < object->count; i++) {
        value_put(&copy, object->members[i].key, object->members[i].value);
        if (bytes_equal(object->members[i].key, key))
            found = &copy.members[i].value;
    }
    if (!found) {
        value_put(&copy, arena_copy(arena, key), value_null());
        found = &copy.members[copy.count - 1].value;
    }
    *object = copy;
    return found;
}

static struct value *copy_item(struct arena *arena, struct value *array, struct bytes segment)
{
    uint64_t index;
    if (!trail_index(segment, &index) || index >= array->count)
        return NULL;
    struct value copy = value_array(arena, array->count);
    memcpy(copy.items, array->items, array->count * sizeof *copy.items);
    *array = copy;
    return &copy.items[index];
}

int pointer_set(struct arena *arena, struct value *root, const struct pointer *pointer, struct value value,
                struct error *e)
{
    struct value changed = *root, *at = &changed;
    for (uint32_t i = 0; i < pointer->count; i++) {
        struct bytes segment = pointer->segments[i];
        if (pointer->walks[i])
            return error_set(e, ERR_CONFIG, "pointer \"%.*s\": \"*\" names no single place to set",
                             BYTES_ARG(pointer->text));
        if (at->type == VALUE_NULL)
            *at = value_object(arena, 0);
        enum value_type type = at->type;
        struct value *next = NULL;
        if (type == VALUE_OBJECT)
            next = copy_member(arena, at, segment);
        else if (type == VALUE_ARRAY)
            next = copy_item(arena, at, segment);
        if (!next)
            return error_set(e, ERR_CONFIG, "pointer \"%.*s\" leads through %s, where \"%.*s\" can't be set",
                             BYTES_ARG(pointer->text), value_type_name(type), BYTES_ARG(segment));
        at = next;
    }
    *at = value;
    *root = changed;
    return 0;
}
