/* JSON is parsed by yyjson, in place, in a copy of the body that the arena keeps: the tree's strings and
 * literals are spans of that copy, so nothing is copied twice. yyjson's own nodes live on the heap and
 * are freed once the tree is made; in the arena they would stay as long as the page, and growing them
 * would leave their older, smaller arrays behind.
 *
 * yyjson rejects what RFC 8259 does (bad UTF-8, lone surrogates, comments, NaN, trailing bytes), doesn't
 * recurse, and has no limit of depth: ours is applied while its nodes are converted. */
#include <string.h>
#include <yyjson.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/value/members.h"
#include "common/value/value.h"

struct reader {
    struct arena *arena;
    const char *text; /* the copy */
    size_t skipped;   /* bytes of the body before it */
    uint32_t duplicate_keys;
    struct error *e;
};

static int convert(struct reader *r, yyjson_val *from, unsigned depth, struct value *out);

static struct bytes span(yyjson_val *from)
{
    return (struct bytes){unsafe_yyjson_get_str(from), unsafe_yyjson_get_len(from)};
}

static int convert_number(struct reader *r, struct bytes literal, struct value *out)
{
    if (literal.len > LIMIT_NUMBER_BYTES)
        return error_set(r->e, ERR_LIMIT, "at byte %zu: a number of %zu digits, at most %d are read",
                         r->skipped + (size_t)(literal.data - r->text), literal.len, LIMIT_NUMBER_BYTES);
    *out = value_number(literal);
    return 0;
}

static int convert_array(struct reader *r, yyjson_val *from, unsigned depth, struct value *out)
{
    *out = value_array(r->arena, (uint32_t)unsafe_yyjson_get_len(from));
    yyjson_arr_iter iter = yyjson_arr_iter_with(from);
    for (uint32_t i = 0; i < out->count; i++) {
        int rc = convert(r, yyjson_arr_iter_next(&iter), depth, &out->items[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int convert_object(struct reader *r, yyjson_val *from, unsigned depth, struct value *out)
{
    *out = value_object(r->arena, (uint32_t)unsafe_yyjson_get_len(from));
    yyjson_obj_iter iter = yyjson_obj_iter_with(from);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct member *member = &out->members[out->count++];
        member->key = span(key);
        int rc = convert(r, yyjson_obj_iter_get_val(key), depth, &member->value);
        if (rc)
            return rc;
    }
    r->duplicate_keys += members_dedupe(out);
    return 0;
}

static int convert(struct reader *r, yyjson_val *from, unsigned depth, struct value *out)
{
    yyjson_type type = unsafe_yyjson_get_type(from);
    if ((type == YYJSON_TYPE_ARR || type == YYJSON_TYPE_OBJ) && depth == LIMIT_DEPTH)
        return error_set(r->e, ERR_LIMIT, "arrays and objects more than %d deep in each other", LIMIT_DEPTH);
    switch (type) {
    case YYJSON_TYPE_NULL:
        *out = value_null();
        return 0;
    case YYJSON_TYPE_BOOL:
        *out = value_bool(unsafe_yyjson_get_bool(from));
        return 0;
    case YYJSON_TYPE_RAW:
        return convert_number(r, span(from), out);
    case YYJSON_TYPE_STR:
        *out = value_string(span(from));
        return 0;
    case YYJSON_TYPE_ARR:
        return convert_array(r, from, depth + 1, out);
    case YYJSON_TYPE_OBJ:
        return convert_object(r, from, depth + 1, out);
    default:
        CHECK(!"a type that yyjson doesn't have");
        return ERR_BODY;
    }
}

int value_from_json(struct arena *arena, struct bytes body, struct value *out, struct json_notes *notes,
                    struct error *e)
{
    if (body.len > LIMIT_BODY_BYTES)
        return error_set(e, ERR_LIMIT, "%zu bytes of JSON, at most %d are read", body.len, LIMIT_BODY_BYTES);
    struct reader r = {.arena = arena, .skipped = bytes_starts(body, "\xef\xbb\xbf") ? 3 : 0, .e = e};
    body = bytes_from(body, r.skipped);
    if (bytes_trim(body).len == 0)
        return error_set(e, ERR_BODY, "at byte %zu: there is nothing, not even null", r.skipped + body.len);

    char *text = arena_alloc(arena, body.len + YYJSON_PADDING_SIZE);
    memcpy(text, body.data, body.len);
    memset(text + body.len, 0, YYJSON_PADDING_SIZE);
    r.text = text;
    yyjson_read_err cause;
    yyjson_doc *doc = yyjson_read_opts(text, body.len, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, NULL,
                                       &cause);
    if (!doc) {
        CHECK(cause.code != YYJSON_READ_ERROR_MEMORY_ALLOCATION);
        return error_set(e, ERR_BODY, "at byte %zu: %s", r.skipped + cause.pos, cause.msg);
    }
    int rc = convert(&r, yyjson_doc_get_root(doc), 0, out);
    yyjson_doc_free(doc);
    if (notes)
        notes->duplicate_keys = r.duplicate_keys;
    return rc;
}

/* Escapes that have a short form; other controls are \u00xx. */
static void write_escape(unsigned char c, struct buffer *out)
{
    static const char shorts[0x80] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";
    if (shorts[c])
        buffer_add(out, (char[]){'\\', shorts[c]}, 2);
    else
        buffer_add(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void json_add_string(struct bytes text, struct buffer *out)
{
    buffer_reserve(out, text.len + 2);
    buffer_add_char(out, '"');
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_add(out, text.data + done, i - done);
        write_escape(c, out);
        done = i + 1;
    }
    buffer_add(out, text.data + done, text.len - done);
    buffer_add_char(out, '"');
}

void value_to_json(const struct value *value, struct buffer *out)
{
    switch (value->type) {
    case VALUE_NULL:
        buffer_add_text(out, "null");
        break;
    case VALUE_BOOL:
        buffer_add_text(out, value->boolean ? "true" : "false");
        break;
    case VALUE_NUMBER:
        buffer_add_bytes(out, value->text);
        break;
    case VALUE_STRING:
        json_add_string(value->text, out);
        break;
    case VALUE_ARRAY:
        buffer_add_char(out, '[');
        for (uint32_t i = 0; i < value->count; i++) {
            if (i > 0)
                buffer_add_char(out, ',');
            value_to_json(&value->items[i], out);
        }
        buffer_add_char(out, ']');
        break;
    case VALUE_OBJECT:
        buffer_add_char(out, '{');
        for (uint32_t i = 0; i < value->count; i++) {
            if (i > 0)
                buffer_add_char(out, ',');
            json_add_string(value->members[i].key, out);
            buffer_add_char(out, ':');
            value_to_json(&value->members[i].value, out);
        }
        buffer_add_char(out, '}');
        break;
    }
}
