/* Packing is msgpack-c's, from its template, which writes into a buffer where it is; its packer would call
 * back for each head and each text, which costs more than what it writes. Reading is our own
 * (msgpack_reader.c): its unpacker makes a tree of its own in a zone, which would be converted into ours and
 * freed, its depth is fixed when the library is built, and five bytes can make it ask for gigabytes. */
#include <msgpack.h>

#include "common/limits.h"
#include "common/value/members.h"
#include "common/value/msgpack_reader.h"

/* Where it writes to; there is room. */
struct place {
    char *to;
};

enum { HEAD_BYTES_MAX = 9 }; /* of a number, text, array or map, and of an extension */

static inline int append(struct place *out, const void *data, size_t len)
{
    memcpy(out->to, data, len);
    out->to += len;
    return 0;
}

#define msgpack_pack_inline_func(name)              static inline int add##name
#define msgpack_pack_inline_func_cint(name)         static inline int add##name
#define msgpack_pack_inline_func_fixint(name)       static inline int add_fix##name
#define msgpack_pack_user                           struct place *
#define msgpack_pack_append_buffer(user, data, len) return append(user, data, len)
#define msgpack_pack_ext                            add_ext /* the template's timestamps call the packer's */
#include <msgpack/pack_template.h>
#undef msgpack_pack_ext

static struct place begin(struct buffer *out, size_t more)
{
    buffer_reserve(out, HEAD_BYTES_MAX + more);
    return (struct place){out->data + out->len};
}

static void end(struct buffer *out, struct place place)
{
    *place.to = 0;
    out->len = (size_t)(place.to - out->data);
}

static void pack_number(struct buffer *out, struct bytes literal)
{
    int64_t integer;
    uint64_t natural;
    double real;
    struct place at = begin(out, literal.len);
    if (number_to_i64(literal, &integer))
        add_int64(&at, integer);
    else if (number_to_u64(literal, &natural))
        add_uint64(&at, natural);
    else if (number_to_double(literal, &real))
        add_double(&at, real);
    else {
        add_ext(&at, literal.len, VALUE_EXT_NUMBER);
        at.to = bytes_put(at.to, literal);
    }
    end(out, at);
}

static void pack_text(struct buffer *out, struct bytes text)
{
    struct place at = begin(out, text.len);
    add_str(&at, text.len);
    at.to = bytes_put(at.to, text);
    end(out, at);
}

static void pack_head(struct buffer *out, const struct value *value)
{
    struct place at = begin(out, 0);
    if (value->type == VALUE_NULL)
        add_nil(&at);
    else if (value->type == VALUE_BOOL)
        value->boolean ? add_true(&at) : add_false(&at);
    else if (value->type == VALUE_ARRAY)
        add_array(&at, value->count);
    else
        add_map(&at, value->count);
    end(out, at);
}

static void pack(struct buffer *out, const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
    case VALUE_BOOL:
        pack_head(out, value);
        break;
    case VALUE_NUMBER:
        pack_number(out, value->text);
        break;
    case VALUE_STRING:
        pack_text(out, value->text);
        break;
    case VALUE_ARRAY:
        pack_head(out, value);
        for (uint32_t i = 0; i < value->count; i++)
            pack(out, &value->items[i]);
        break;
    case VALUE_OBJECT:
        pack_head(out, value);
        for (uint32_t i = 0; i < value->count; i++) {
            pack_text(out, value->members[i].key);
            pack(out, &value->members[i].value);
        }
        break;
    }
}

void value_to_msgpack(const struct value *value, struct buffer *out)
{
    pack(out, value);
}

static int too_deep(struct msgpack_reader *r)
{
    error_set(r->e, ERR_CORRUPT, "MessagePack at byte %zu: arrays and maps more than %d deep in each other",
              r->at, LIMIT_DEPTH);
    return ERR_CORRUPT;
}

static int take_key(struct msgpack_reader *r, struct bytes *out)
{
    struct msgpack_head head;
    int rc = msgpack_reader_take(r, &head);
    if (rc == 0 && head.value.type != VALUE_STRING)
        rc = msgpack_reader_corrupt(r, "a key before it is no string");
    *out = head.value.text;
    return rc;
}

static int read_value(struct msgpack_reader *r, struct arena *arena, unsigned depth, struct value *out);

static int read_items(struct msgpack_reader *r, struct arena *arena, unsigned depth, struct value *out)
{
    *out = value_array(arena, out->count);
    for (uint32_t i = 0; i < out->count; i++) {
        int rc = read_value(r, arena, depth, &out->items[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_members(struct msgpack_reader *r, struct arena *arena, unsigned depth, struct value *out)
{
    uint32_t count = out->count;
    *out = value_object(arena, count);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes key;
        struct value value;
        int rc;
        if ((rc = take_key(r, &key)) || (rc = read_value(r, arena, depth, &value)))
            return rc;
        value_put(out, key, value);
    }
    return members_dedupe(out) ? msgpack_reader_corrupt(r, "a key stands twice in the map before it") : 0;
}

static int read_value(struct msgpack_reader *r, struct arena *arena, unsigned depth, struct value *out)
{
    struct msgpack_head head;
    int rc = msgpack_reader_take(r, &head);
    if (rc)
        return rc;
    *out = head.value;
    switch (out->type) {
    case VALUE_ARRAY:
        return depth == LIMIT_DEPTH ? too_deep(r) : read_items(r, arena, depth + 1, out);
    case VALUE_OBJECT:
        return depth == LIMIT_DEPTH ? too_deep(r) : read_members(r, arena, depth + 1, out);
    case VALUE_NUMBER:
        out->text = arena_copy(arena, out->text);
        return 0;
    default:
        return 0;
    }
}

int value_from_msgpack(struct arena *arena, struct bytes packed, struct value *out, struct error *e)
{
    struct msgpack_reader r;
    msgpack_reader_open(&r, packed, e);
    int rc = read_value(&r, arena, 0, out);
    return rc ? rc : msgpack_reader_end(&r);
}

static int print_value(struct msgpack_reader *r, unsigned depth, struct buffer *out)
{
    struct msgpack_head head;
    int rc = msgpack_reader_take(r, &head);
    if (rc)
        return rc;
    bool is_object = head.value.type == VALUE_OBJECT;
    if (!is_object && head.value.type != VALUE_ARRAY) {
        value_to_json(&head.value, out);
        return 0;
    }
    if (depth == LIMIT_DEPTH)
        return too_deep(r);
    buffer_add_char(out, is_object ? '{' : '[');
    for (uint32_t i = 0; i < head.value.count; i++) {
        struct bytes key;
        if (i > 0)
            buffer_add_char(out, ',');
        if (is_object) {
            if ((rc = take_key(r, &key)))
                return rc;
            json_add_string(key, out);
            buffer_add_char(out, ':');
        }
        if ((rc = print_value(r, depth + 1, out)))
            return rc;
    }
    buffer_add_char(out, is_object ? '}' : ']');
    return 0;
}

int value_msgpack_to_json(struct bytes packed, struct buffer *out, struct error *e)
{
    struct msgpack_reader r;
    msgpack_reader_open(&r, packed, e);
    int rc = print_value(&r, 0, out);
    return rc ? rc : msgpack_reader_end(&r);
}
