/* Bytes: a span that somebody else owns, and a buffer that grows up to a limit.
 *
 * Spans are not NUL-terminated and may hold NUL. */
#ifndef GARNER_COMMON_BYTES_H
#define GARNER_COMMON_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct bytes {
    const char *data;
    size_t len;
};

/* A span of a string literal, and how to print a span with "%.*s". */
#define BYTES(literal) ((struct bytes){"" literal, sizeof(literal) - 1})
#define BYTES_ARG(b)   (int)((b).len), (b).data

/* Null gives the empty span. */
static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){text ? text : "", text ? strlen(text) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* These are where they are called, since most texts are literals, whose length is known there. */
static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of(text));
}

static inline bool bytes_is_nocase(struct bytes a, const char *text) /* ASCII case only */
{
    return a.len == strlen(text) && (a.len == 0 || strncasecmp(a.data, text, a.len) == 0);
}

static inline bool bytes_starts(struct bytes a, const char *prefix)
{
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.data, prefix, len) == 0);
}

bool bytes_is_any(struct bytes a, const char *const *texts); /* one of a list ended by null; null: none */
int bytes_compare(struct bytes a, struct bytes b);           /* as memcmp, a prefix comes first */
struct bytes bytes_from(struct bytes a, size_t offset);      /* the rest; empty when past the end */
struct bytes bytes_trim(struct bytes a);                     /* without ASCII white space at both ends */

/* A whole number without sign, digits only. False when it isn't one or doesn't fit. */
bool bytes_to_u64(struct bytes a, uint64_t *out);

/* True if all of it is valid UTF-8 (no surrogates, nothing overlong); else `*bad` is the offset of the
 * first wrong byte. NUL is valid. `bad` may be null. */
bool bytes_is_utf8(struct bytes a, size_t *bad);

/* A buffer. All zero is an empty one; `data` is null until something was added. Always has a NUL
 * behind its last byte once there is data, so text can be handed to C functions. */
struct buffer {
    char *data;
    size_t len;
    size_t cap;
};

void buffer_close(struct buffer *b);             /* frees, and empties: safe twice */
void buffer_wipe(struct buffer *b);              /* likewise, of what held a secret: overwrites it first */
void buffer_reset(struct buffer *b);             /* empties, keeps the memory */
void buffer_grow(struct buffer *b, size_t more); /* as buffer_reserve, which calls it when there is no room */
void buffer_add_text(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct bytes buffer_bytes(const struct buffer *b);
const char *buffer_text(const struct buffer *b); /* NUL-terminated; "" when empty */

static inline void buffer_reserve(struct buffer *b, size_t more)
{
    if (b->cap - b->len <= more)
        buffer_grow(b, more);
}

/* Copy what is mostly short, to where there is room for it; returns its end. memcpy of a length that isn't
 * known is a call, which takes longer than these few bytes do. */
static inline char *bytes_put(char *to, struct bytes span)
{
    char *end = to + span.len;
    if (span.len > 32) {
        memcpy(to, span.data, span.len);
    } else if (span.len >= 16) { /* the second half begins within the first one, or behind it */
        memcpy(to, span.data, 16);
        memcpy(end - 16, span.data + span.len - 16, 16);
    } else if (span.len >= 8) {
        memcpy(to, span.data, 8);
        memcpy(end - 8, span.data + span.len - 8, 8);
    } else if (span.len >= 4) {
        memcpy(to, span.data, 4);
        memcpy(end - 4, span.data + span.len - 4, 4);
    } else {
        for (size_t i = 0; i < span.len; i++)
            to[i] = span.data[i];
    }
    return end;
}

static inline void buffer_add(struct buffer *b, const void *data, size_t len)
{
    buffer_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

static inline void buffer_add_bytes(struct buffer *b, struct bytes span)
{
    buffer_add(b, span.data, span.len);
}

static inline void buffer_add_char(struct buffer *b, char c)
{
    buffer_add(b, &c, 1);
}

/* Big-endian, so that keys sort by their number. */
static inline void be32_put(void *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void be64_put(void *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

static inline uint32_t be32_get(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t be64_get(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

#endif
