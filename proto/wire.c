/* How protobuf-c is kept within bounds: its allocator takes from the caller's arena until a budget is
 * used up, and frees nothing, for the arena is given back as a whole. The budget is twice the message
 * (every span is copied once; merging a field that stands twice copies again) and a constant for the
 * structs. None of our messages is recursive, so its missing recursion limit can't be met. */
#include "proto/wire.h"

#include <string.h>

#include "common/check.h"
#include "common/units.h"
#include "common/value/value.h"

enum { BUDGET_BYTES = 4 << 20 }; /* a cursor over all shards takes half of it */

/* The years 1 to 9999, that RFC 3339 can write. */
static const int64_t time_ms_min = INT64_C(-62135596800000), time_ms_max = INT64_C(253402300799999);

struct budget {
    struct arena *arena;
    size_t left;
};

static void *budget_alloc(void *context, size_t size)
{
    struct budget *budget = context;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return arena_alloc(budget->arena, size);
}

static void budget_free(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

void wire_pack(const void *message, struct buffer *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    buffer_reserve(out, size);
    size_t packed = protobuf_c_message_pack(message, (uint8_t *)out->data + out->len);
    CHECK(packed == size);
    out->len += size;
    out->data[out->len] = 0;
}

void *wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct arena *arena, struct bytes packed,
                  size_t bytes_max)
{
    if (packed.len > bytes_max)
        return NULL;
    struct budget budget = {.arena = arena, .left = BUDGET_BYTES + 2 * packed.len};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    return protobuf_c_message_unpack(descriptor, &allocator, packed.len, (const uint8_t *)packed.data);
}

ProtobufCBinaryData wire_bytes(struct bytes span)
{
    return (ProtobufCBinaryData){.len = span.len, .data = (uint8_t *)(uintptr_t)span.data};
}

struct bytes wire_span(ProtobufCBinaryData field)
{
    return (struct bytes){field.len ? (const char *)field.data : "", field.len};
}

struct bytes wire_optional(protobuf_c_boolean has, ProtobufCBinaryData field)
{
    return has ? wire_span(field) : (struct bytes){0};
}

char *wire_text(struct arena *arena, const char *text)
{
    size_t bad;
    struct bytes span = bytes_of(text);
    if (!text || bytes_is_utf8(span, NULL))
        return (char *)(uintptr_t)text;
    char *clean = arena_strdup(arena, span);
    for (size_t done = 0; !bytes_is_utf8(bytes_from((struct bytes){clean, span.len}, done), &bad);
         done += bad + 1)
        clean[done + bad] = '?';
    return clean;
}

bool wire_is_text(const char *text)
{
    return !text || bytes_is_utf8(bytes_of(text), NULL);
}

/* ASCII, as most texts are, needs no look at its single bytes. The last eight may overlap those before. */
static bool is_ascii(struct bytes span)
{
    uint64_t all = 0, eight;
    size_t i = 0;
    for (; i + sizeof eight <= span.len; i += sizeof eight) {
        memcpy(&eight, span.data + i, sizeof eight);
        all |= eight;
    }
    if (i && i < span.len) {
        memcpy(&eight, span.data + span.len - sizeof eight, sizeof eight);
        all |= eight;
    } else {
        for (; i < span.len; i++)
            all |= (unsigned char)span.data[i];
    }
    return !(all & UINT64_C(0x8080808080808080));
}

bool wire_is_utf8(struct bytes span)
{
    return is_ascii(span) || bytes_is_utf8(span, NULL);
}

bool wire_is_time(int64_t time_ms)
{
    return time_ms >= time_ms_min && time_ms <= time_ms_max;
}

bool wire_error_of(const char *name, enum err *out)
{
    int code = name ? error_of_name(name) : ERR_OK;
    *out = (enum err)code;
    return code < ERR_COUNT;
}

void json_add_text(struct buffer *out, struct bytes text)
{
    struct value value = value_string(text);
    value_to_json(&value, out);
}

void json_add_optional(struct buffer *out, struct bytes text)
{
    if (text.data)
        json_add_text(out, text);
    else
        buffer_add_text(out, "null");
}

void json_add_time(struct buffer *out, int64_t time_ms)
{
    char time[UNITS_TIME_BYTES];
    if (time_ms)
        buffer_printf(out, "\"%s\"", units_time(time_ms, time));
    else
        buffer_add_text(out, "null");
}
