#include "common/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

bool bytes_is_any(struct bytes a, const char *const *texts)
{
    while (texts && *texts && !bytes_is(a, *texts))
        texts++;
    return texts && *texts;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct bytes bytes_from(struct bytes a, size_t offset)
{
    if (offset >= a.len)
        return (struct bytes){"", 0};
    return (struct bytes){a.data + offset, a.len - offset};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.len && is_space(a.data[0]))
        a = bytes_from(a, 1);
    while (a.len && is_space(a.data[a.len - 1]))
        a.len--;
    return a;
}

bool bytes_to_u64(struct bytes a, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < a.len; i++) {
        unsigned digit = (unsigned)(unsigned char)a.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return a.len > 0;
}

/* The length of the UTF-8 sequence at s, or 0 (Unicode 15, table 3-7). */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    if (s[0] == 0xed)
        high = 0x9f;
    if (s[0] == 0xf0)
        low = 0x90;
    if (s[0] == 0xf4)
        high = 0x8f;
    if (left < len || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool are_ascii(const unsigned char eight[8])
{
    uint64_t bits;
    memcpy(&bits, eight, sizeof bits);
    return !(bits & UINT64_C(0x8080808080808080));
}

/* Most is ASCII: eight bytes at a time; the last ones of what has eight together with some before them. */
bool bytes_is_utf8(struct bytes a, size_t *bad)
{
    const unsigned char *data = (const unsigned char *)a.data;
    for (size_t i = 0; i < a.len;) {
        if (a.len >= 8 && are_ascii(data + (i < a.len - 8 ? i : a.len - 8))) {
            i += 8;
            continue;
        }
        size_t len = utf8_sequence(data + i, a.len - i);
        if (!len) {
            if (bad)
                *bad = i;
            return false;
        }
        i += len;
    }
    return true;
}

void buffer_close(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

void buffer_wipe(struct buffer *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buffer_close(b);
}

void buffer_reset(struct buffer *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

void buffer_grow(struct buffer *b, size_t more)
{
    CHECK(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    size_t need = b->len + more + 1;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    b->data = mem_resize(b->data, cap);
    b->cap = cap;
    b->data[b->len] = 0;
}

void buffer_add_text(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int len = vsnprintf(room ? b->data + b->len : NULL, room, format, args);
    va_end(args);
    CHECK(len >= 0);
    if ((size_t)len >= room) {
        buffer_reserve(b, (size_t)len);
        vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    b->len += (size_t)len;
}

struct bytes buffer_bytes(const struct buffer *b)
{
    return (struct bytes){b->data ? b->data : "", b->len};
}

const char *buffer_text(const struct buffer *b)
{
    return b->data ? b->data : "";
}
