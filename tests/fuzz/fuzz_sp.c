/* What peers send below the messages: SP's framing. First byte: over ipc or not, and how large the pieces are
 * in which the rest comes, which must make no difference. */
#include "common/rpc/sp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/sp_fill.h"

enum { MESSAGE_MAX = 2000 };

/* All that a reader gives of a stream. */
static void read_all(struct bytes stream, bool ipc, size_t piece, struct buffer *given)
{
    struct sp_reader reader = {.ipc = ipc, .wanted = {SP_REQ, SP_SUB}, .message_max = MESSAGE_MAX};
    enum sp_got got;
    while ((got = sp_reader_next(&reader)) != SP_FOREIGN && got != SP_TOO_LARGE &&
           (got != SP_MORE || stream.len)) {
        buffer_add_char(given, got == SP_MORE ? ' ' : (char)('0' + got));
        given->len -= got == SP_MORE; /* how often depends on the pieces */
        if (got == SP_MESSAGE) {
            struct bytes message = buffer_bytes(&reader.message), route = sp_route(message);
            CHECK(message.len <= MESSAGE_MAX && route.len <= message.len && route.len % 4 == 0);
            buffer_add_bytes(given, message);
        }
        if (got != SP_MORE)
            continue;
        size_t left = stream.len;
        stream = sp_fill(&reader, stream, piece);
        CHECK(stream.len < left);
    }
    buffer_add_char(given, (char)('0' + got));
    sp_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};
    unsigned first = size ? data[0] : 0;
    struct bytes stream = bytes_from((struct bytes){(const char *)data, size}, size ? 1 : 0);
    read_all(stream, first & 1, SIZE_MAX, &whole);
    read_all(stream, first & 1, 1 + first / 2, &pieces);
    CHECK(bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
    buffer_close(&whole);
    buffer_close(&pieces);
    return 0;
}
