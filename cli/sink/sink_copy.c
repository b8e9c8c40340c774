/* Sink copy: see "COPY, Binary Format" in PostgreSQL's manual. All integers are big-endian, times are
 * microseconds since 2000. */
#include "cli/sink/sink_copy.h"

#include "cli/sink/sink_text.h"

static const int64_t year_2000_ms = 946684800000;
/* Years that PostgreSQL can write and people can read: 0001 to 9999. */
static const int64_t time_min_ms = -62135596800000, time_max_ms = 253402300799999;

static void add32(struct buffer *out, uint32_t value)
{
    char bytes[4];
    be32_put(bytes, value);
    buffer_add(out, bytes, sizeof bytes);
}

static void add64(struct buffer *out, uint64_t value)
{
    char bytes[8];
    be64_put(bytes, value);
    buffer_add(out, bytes, sizeof bytes);
}

static void add16(struct buffer *out, uint16_t value)
{
    buffer_add_char(out, (char)(value >> 8));
    buffer_add_char(out, (char)value);
}

void sink_copy_begin(struct buffer *out)
{
    buffer_add(out, "PGCOPY\n\377\r\n\0", 11);
    add32(out, 0); /* flags */
    add32(out, 0); /* an extension's length */
}

void sink_copy_end(struct buffer *out)
{
    add16(out, UINT16_MAX);
}

void sink_copy_row(struct buffer *out, unsigned fields)
{
    add16(out, (uint16_t)fields);
}

void sink_copy_null(struct buffer *out)
{
    add32(out, UINT32_MAX);
}

void sink_copy_bool(struct buffer *out, bool value)
{
    add32(out, 1);
    buffer_add_char(out, value);
}

void sink_copy_int(struct buffer *out, uint32_t value)
{
    add32(out, 4);
    add32(out, value);
}

void sink_copy_bigint(struct buffer *out, uint64_t value)
{
    add32(out, 8);
    add64(out, value < INT64_MAX ? value : INT64_MAX);
}

void sink_copy_time(struct buffer *out, int64_t time_ms)
{
    if (time_ms < time_min_ms)
        time_ms = time_min_ms;
    if (time_ms > time_max_ms)
        time_ms = time_max_ms;
    add32(out, 8);
    add64(out, (uint64_t)((time_ms - year_2000_ms) * 1000));
}

void sink_copy_uuid(struct buffer *out, struct digest digest)
{
    add32(out, sizeof digest.bytes);
    buffer_add(out, digest.bytes, sizeof digest.bytes);
}

void sink_copy_text(struct buffer *out, struct bytes text)
{
    if (!text.data) {
        sink_copy_null(out);
        return;
    }
    size_t place = sink_copy_open(out);
    sink_text_add(out, text);
    sink_copy_close(out, place);
}

size_t sink_copy_open(struct buffer *out)
{
    add32(out, 0);
    return out->len;
}

void sink_copy_close(struct buffer *out, size_t place)
{
    be32_put(out->data + place - 4, (uint32_t)(out->len - place));
}
