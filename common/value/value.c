/* Trees are walked recursively: whoever reads one from outside limits its depth (LIMIT_DEPTH), and so
 * does a patch that is applied. */
#include "common/value/value.h"

#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "common/value/members.h"
#include "common/value/number.h"

struct value value_null(void)
{
    return (struct value){.type = VALUE_NULL};
}

struct value value_bool(bool boolean)
{
    return (struct value){.type = VALUE_BOOL, .boolean = boolean};
}

struct value value_string(struct bytes text)
{
    return (struct value){.type = VALUE_STRING, .text = text};
}

struct value value_number(struct bytes literal)
{
    return (struct value){.type = VALUE_NUMBER, .text = literal};
}

struct value value_u64(struct arena *arena, uint64_t number)
{
    return value_number(bytes_of(arena_printf(arena, "%" PRIu64, number)));
}

struct value value_array(struct arena *arena, uint32_t count)
{
    _Static_assert(VALUE_NULL == 0, "cleared items are null");
    struct value *items = arena_zalloc(arena, count * sizeof *items);
    return (struct value){.type = VALUE_ARRAY, .count = count, .items = items};
}

struct value value_object(struct arena *arena, uint32_t count)
{
    struct member *members = arena_alloc(arena, count * sizeof *members);
    return (struct value){.type = VALUE_OBJECT, .count = 0, .members = members};
}

void value_put(struct value *object, struct bytes key, struct value value)
{
    CHECK(object->type == VALUE_OBJECT);
    object->members[object->count++] = (struct member){key, value};
}

const struct value *value_get(const struct value *object, struct bytes key)
{
    if (!object || object->type != VALUE_OBJECT)
        return NULL;
    for (uint32_t i = 0; i < object->count; i++)
        if (bytes_equal(object->members[i].key, key))
            return &object->members[i].value;
    return NULL;
}

const struct value *value_get_text(const struct value *object, const char *key)
{
    return value_get(object, bytes_of(key));
}

const char *value_type_name(enum value_type type)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null",     [VALUE_BOOL] = "boolean", [VALUE_NUMBER] = "number",
        [VALUE_STRING] = "string", [VALUE_ARRAY] = "array",  [VALUE_OBJECT] = "object",
    };
    CHECK(type <= VALUE_OBJECT);
    return names[type];
}

struct value value_copy(struct arena *arena, const struct value *from)
{
    struct value copy = *from;
    switch (from->type) {
    case VALUE_NULL:
    case VALUE_BOOL:
        break;
    case VALUE_NUMBER:
    case VALUE_STRING:
        copy.text = arena_copy(arena, from->text);
        break;
    case VALUE_ARRAY:
        copy = value_array(arena, from->count);
        for (uint32_t i = 0; i < from->count; i++)
            copy.items[i] = value_copy(arena, &from->items[i]);
        break;
    case VALUE_OBJECT:
        copy = value_object(arena, from->count);
        for (uint32_t i = 0; i < from->count; i++)
            value_put(&copy, arena_copy(arena, from->members[i].key),
                      value_copy(arena, &from->members[i].value));
        break;
    }
    return copy;
}

/* Keys stand once, so equally many members of which each has its equal are the same members. */
static bool objects_equal(const struct value *a, const struct value *b)
{
    struct members_index index;
    members_index_open(&index, b);
    bool equal = true;
    for (uint32_t i = 0; i < a->count && equal; i++) {
        const struct member *other = members_index_find(&index, a->members[i].key);
        equal = other && value_equal(&a->members[i].value, &other->value);
    }
    members_index_close(&index);
    return equal;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_NUMBER:
        return bytes_equal(number_canonical(a->text), number_canonical(b->text));
    case VALUE_STRING:
        return bytes_equal(a->text, b->text);
    case VALUE_ARRAY:
        if (a->count != b->count)
            return false;
        for (uint32_t i = 0; i < a->count; i++)
            if (!value_equal(&a->items[i], &b->items[i]))
                return false;
        return true;
    case VALUE_OBJECT:
        return a->count == b->count && objects_equal(a, b);
    }
    return false;
}

bool value_is_deeper(const struct value *value, unsigned levels)
{
    if (value->type != VALUE_ARRAY && value->type != VALUE_OBJECT)
        return false;
    bool deeper = levels == 0;
    for (uint32_t i = 0; i < value->count && !deeper; i++)
        deeper = value_is_deeper(value->type == VALUE_ARRAY ? &value->items[i] : &value->members[i].value,
                                 levels - 1);
    return deeper;
}

bool value_scalar_text(const struct value *value, struct bytes *out)
{
    switch (value->type) {
    case VALUE_BOOL:
        *out = value->boolean ? BYTES("true") : BYTES("false");
        return true;
    case VALUE_NUMBER:
    case VALUE_STRING:
        *out = value->text;
        return true;
    case VALUE_NULL:
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    return false;
}
