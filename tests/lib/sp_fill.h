/* A stream that comes in pieces. */
#ifndef GARNER_TESTS_SP_FILL_H
#define GARNER_TESTS_SP_FILL_H

#include "common/rpc/sp.h"

/* Fill the reader's room from the stream, with at most `len` bytes; returns what is left of the stream. */
static inline struct bytes sp_fill(struct sp_reader *reader, struct bytes stream, size_t len)
{
    struct sp_room room = sp_reader_room(reader);
    len = len < stream.len ? len : stream.len;
    len = len < room.message_len + room.input_len ? len : room.message_len + room.input_len;
    size_t direct = len < room.message_len ? len : room.message_len;
    if (direct)
        memcpy(room.message, stream.data, direct);
    if (len > direct)
        memcpy(room.input, stream.data + direct, len - direct);
    sp_reader_filled(reader, len);
    return bytes_from(stream, len);
}

#endif
