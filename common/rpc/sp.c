#include "common/rpc/sp.h"

#include <string.h>

#include "common/check.h"

/* A message's memory is made in such steps at first, and then doubles, so that a length that is only
 * announced costs nothing. */
enum { STEP_BYTES = 16 << 10 };

void sp_hello(enum sp_protocol protocol, char out[SP_HELLO_BYTES])
{
    const char hello[SP_HELLO_BYTES] = {0, 'S', 'P', 0, 0, (char)protocol, 0, 0};
    memcpy(out, hello, sizeof hello);
}

size_t sp_head(bool ipc, uint64_t len, char out[SP_HEAD_MAX])
{
    out[0] = 1;
    be64_put(out + ipc, len);
    return 8 + (size_t)ipc;
}

struct bytes sp_route(struct bytes message)
{
    for (size_t len = 4; len <= message.len && len <= SP_ROUTE_BYTES_MAX; len += 4)
        if ((unsigned char)message.data[len - 4] & 0x80)
            return (struct bytes){message.data, len};
    return (struct bytes){0};
}

void sp_reader_close(struct sp_reader *reader)
{
    buffer_close(&reader->message);
}

/* --- filling --- */

struct sp_room sp_reader_room(struct sp_reader *reader)
{
    struct sp_room room = {0};
    if (reader->in_message && reader->left) {
        size_t step = reader->message.len > STEP_BYTES ? reader->message.len : STEP_BYTES;
        size_t there = reader->message.cap - reader->message.len; /* from an earlier message */
        step = there > step ? there - 1 : step;
        room.message_len = reader->left < step ? reader->left : step;
        buffer_reserve(&reader->message, room.message_len);
        room.message = reader->message.data + reader->message.len;
        if (room.message_len < reader->left)
            return room;
    }
    room.input = reader->input + reader->end;
    room.input_len = SP_INPUT_BYTES - reader->end;
    return room;
}

void sp_reader_filled(struct sp_reader *reader, size_t len)
{
    size_t direct = reader->in_message && len > reader->left ? reader->left : len;
    if (reader->in_message) {
        reader->message.len += direct;
        reader->left -= direct;
        len -= direct;
    }
    reader->end += len;
    CHECK(reader->end <= SP_INPUT_BYTES);
}

/* --- giving --- */

/* The next `len` bytes of the input, or null while they are not all there. */
static const char *take(struct sp_reader *reader, size_t len)
{
    if (reader->end - reader->begin < len) {
        memmove(reader->input, reader->input + reader->begin, reader->end - reader->begin);
        reader->end -= reader->begin;
        reader->begin = 0;
        return NULL;
    }
    reader->begin += len;
    return reader->input + reader->begin - len;
}

static enum sp_got greet(struct sp_reader *reader)
{
    char hello[SP_HELLO_BYTES];
    const char *came = take(reader, SP_HELLO_BYTES);
    if (!came)
        return SP_MORE;
    for (size_t i = 0; i < 2 && !reader->greeted; i++) {
        sp_hello(reader->wanted[i], hello);
        reader->greeted = reader->wanted[i] && memcmp(came, hello, sizeof hello) == 0;
        reader->peer = reader->wanted[i];
    }
    return reader->greeted ? SP_GREETED : SP_FOREIGN;
}

static enum sp_got begin_message(struct sp_reader *reader)
{
    const char *head = take(reader, 8 + (size_t)reader->ipc);
    if (!head)
        return SP_MORE;
    uint64_t len = be64_get(head + reader->ipc);
    if (reader->ipc && head[0] != 1)
        return SP_FOREIGN;
    if (len > reader->message_max)
        return SP_TOO_LARGE;
    buffer_reset(&reader->message);
    reader->in_message = true;
    reader->left = len;
    return SP_MESSAGE;
}

enum sp_got sp_reader_next(struct sp_reader *reader)
{
    enum sp_got got = SP_MESSAGE;
    if (!reader->greeted)
        return greet(reader);
    if (!reader->in_message)
        got = begin_message(reader);
    if (got != SP_MESSAGE)
        return got;
    size_t there = reader->end - reader->begin;
    size_t len = there < reader->left ? there : reader->left;
    buffer_add(&reader->message, reader->input + reader->begin, len);
    reader->begin += len;
    reader->left -= len;
    if (reader->begin == reader->end)
        reader->begin = reader->end = 0;
    if (reader->left)
        return SP_MORE;
    reader->in_message = false;
    return SP_MESSAGE;
}
