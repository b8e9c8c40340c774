/* Documents are changed by copying: what lies on the way is copied, everything beside it is shared. Only what
 * was just read is changed in place (pointer_make_arrays), since nobody else has it yet. */
#include <string.h>

#include "common/value/pointer.h"
#include "common/value/trail.h"

struct walk {
    struct arena *arena;
    struct trails trails;
};

static bool prune(struct walk *p, struct level level, struct value *value);

/* Items (or members) are shared until the first that differs; then those before it are copied. All
 * pointers are looked at together, since indices count the items that were there at first. */
static bool prune_items(struct walk *p, struct level level, struct value *value)
{
    struct value *items = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        struct value item = value->items[i];
        struct level inside = trails_enter_item(&p->trails, level, i);
        bool drop = trails_arrive(&p->trails, inside, &item);
        bool differs = drop || prune(p, inside, &item);
        trails_leave(&p->trails, inside);
        if (differs && !items) {
            items = arena_alloc(p->arena, value->count * sizeof *items);
            memcpy(items, value->items, i * sizeof *items);
            kept = i;
        }
        if (items && !drop)
            items[kept++] = item;
    }
    if (items)
        *value = (struct value){.type = VALUE_ARRAY, .count = kept, .items = items};
    return items;
}

static bool prune_members(struct walk *p, struct level level, struct value *value)
{
    struct member *members = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        struct member member = value->members[i];
        struct level inside = trails_enter_member(&p->trails, level, member.key);
        bool drop = trails_arrive(&p->trails, inside, &member.value);
        bool differs = drop || prune(p, inside, &member.value);
        trails_leave(&p->trails, inside);
        if (differs && !members) {
            members = arena_alloc(p->arena, value->count * sizeof *members);
            memcpy(members, value->members, i * sizeof *members);
            kept = i;
        }
        if (members && !drop)
            members[kept++] = member;
    }
    if (members)
        *value = (struct value){.type = VALUE_OBJECT, .count = kept, .members = members};
    return members;
}

/* True if the value became another one. */
static bool prune(struct walk *p, struct level level, struct value *value)
{
    if (trails_none(level))
        return false;
    if (value->type == VALUE_ARRAY)
        return prune_items(p, level, value);
    return value->type == VALUE_OBJECT && prune_members(p, level, value);
}

struct value pointer_prune(struct arena *arena, const struct value *root, const struct pointer *pointers,
                           size_t count)
{
    struct walk p = {.arena = arena};
    struct level level = trails_open(&p.trails, pointers, count);
    struct value value = *root;
    if (trails_arrive(&p.trails, level, &value))
        value = value_null();
    else
        prune(&p, level, &value);
    trails_close(&p.trails);
    return value;
}

/* --- Making arrays --- */

static void make_arrays(struct walk *w, struct level level, struct value *value)
{
    if (trails_none(level))
        return;
    bool ends = trails_arrive(&w->trails, level, value);
    bool is_array = value->type == VALUE_ARRAY, has_more = is_array || value->type == VALUE_OBJECT;
    for (uint32_t i = 0; has_more && i < value->count; i++) {
        struct level inside = is_array ? trails_enter_item(&w->trails, level, i)
                                       : trails_enter_member(&w->trails, level, value->members[i].key);
        make_arrays(w, inside, is_array ? &value->items[i] : &value->members[i].value);
        trails_leave(&w->trails, inside);
    }
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
