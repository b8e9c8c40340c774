#include "cli/cluster/document.h"

static const struct value *member(const struct value *object, const char *key, enum value_type type)
{
    const struct value *value = object ? value_get_text(object, key) : NULL;
    return value && value->type == type ? value : NULL;
}

struct bytes document_text(const struct value *object, const char *key)
{
    const struct value *value = member(object, key, VALUE_STRING);
    return value ? value->text : (struct bytes){0};
}

struct bytes document_name(const struct value *object, const char *key)
{
    struct bytes text = document_text(object, key);
    return text.data ? text : BYTES("nobody");
}

uint64_t document_u64(const struct value *object, const char *key)
{
    const struct value *value = member(object, key, VALUE_NUMBER);
    uint64_t number;
    return value && bytes_to_u64(value->text, &number) ? number : 0;
}

bool document_bool(const struct value *object, const char *key)
{
    const struct value *value = member(object, key, VALUE_BOOL);
    return value && value->boolean;
}

struct bytes document_number(const struct value *object, const char *key)
{
    const struct value *value = member(object, key, VALUE_NUMBER);
    return value ? value->text : BYTES("");
}

const struct value *document_list(const struct value *object, const char *key)
{
    static const struct value none = {.type = VALUE_ARRAY};
    const struct value *value = member(object, key, VALUE_ARRAY);
    return value ? value : &none;
}

const struct value *document_object(const struct value *object, const char *key)
{
    return member(object, key, VALUE_OBJECT);
}
