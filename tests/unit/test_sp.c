/* SP's framing: streams that are cut anywhere, and those that aren't SP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/check.h"
#include "common/random.h"
#include "tests/lib/sp_fill.h"

enum { MESSAGE_MAX = 100000 };

static void add_hello(struct buffer *stream, enum sp_protocol protocol)
{
    char hello[SP_HELLO_BYTES];
    sp_hello(protocol, hello);
    buffer_add(stream, hello, sizeof hello);
}

static void add_message(struct buffer *stream, bool ipc, uint64_t len)
{
    char head[SP_HEAD_MAX];
    buffer_add(stream, head, sp_head(ipc, len, head));
    for (uint64_t i = 0; i < len && len <= MESSAGE_MAX; i++)
        buffer_add_char(stream, (char)(len + i));
}

static struct sp_reader reader_of(bool ipc)
{
    return (struct sp_reader){.ipc = ipc, .wanted = {SP_REQ, SP_SUB}, .message_max = MESSAGE_MAX};
}

static void check_message(const struct buffer *message, uint64_t len)
{
    assert_int_equal(message->len, len);
    for (uint64_t i = 0; i < len; i++)
        assert_int_equal(message->data[i], (char)(len + i));
}

/* What the reader gives of a stream that comes in pieces of up to `piece` bytes. */
static void read_in_pieces(struct bytes stream, bool ipc, const uint64_t *lens, size_t count, size_t piece,
                           struct random *random)
{
    struct sp_reader reader = reader_of(ipc);
    bool greeted = false;
    size_t given = 0;
    for (;;) {
        enum sp_got got = sp_reader_next(&reader);
        if (got == SP_MORE && !stream.len)
            break;
        if (got == SP_MORE)
            stream = sp_fill(&reader, stream, 1 + random_below(random, piece));
        else if (got == SP_GREETED && !greeted)
            greeted = true;
        else if (got == SP_MESSAGE && given < count)
            check_message(&reader.message, lens[given++]);
        else
            fail_msg("got %d", (int)got);
    }
    assert_true(greeted);
    assert_int_equal(given, count);
    sp_reader_close(&reader);
}

static void a_stream_may_be_cut_anywhere(void **state)
{
    static const uint64_t lens[] = {0,     1,     3,     496,   503, 504,   505, 512, 2000, 0,
                                    16383, 16384, 16385, 70000, 100, 50000, 0,   7,   8,    9};
    static const size_t pieces[] = {1, 2, 7, 8, 9, 100, 511, 512, 513, 5000, 16384, 100000};
    struct random random;
    (void)state;
    random_seed(&random, 7);
    for (int ipc = 0; ipc < 2; ipc++) {
        struct buffer stream = {0};
        add_hello(&stream, SP_REQ);
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
            add_message(&stream, ipc, lens[i]);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
            for (int n = 0; n < 20; n++)
                read_in_pieces(buffer_bytes(&stream), ipc, lens, sizeof lens / sizeof *lens, pieces[i],
                               &random);
        buffer_close(&stream);
    }
}

static enum sp_got read_all(struct buffer *stream, bool ipc, struct sp_reader *reader)
{
    struct bytes left = buffer_bytes(stream);
    enum sp_got got = SP_MORE;
    *reader = reader_of(ipc);
    while ((got = sp_reader_next(reader)) == SP_GREETED || got == SP_MESSAGE || (got == SP_MORE && left.len))
        if (got == SP_MORE)
            left = sp_fill(reader, left, left.len);
    buffer_close(stream);
    return got;
}

static void what_is_not_sp_is_foreign(void **state)
{
    struct buffer stream = {0};
    struct sp_reader reader;
    (void)state;
    buffer_add_text(&stream, "GET / HTTP/1.1\r\n");
    assert_int_equal(read_all(&stream, false, &reader), SP_FOREIGN);
    add_hello(&stream, SP_REP); /* the other side's */
    assert_int_equal(read_all(&stream, false, &reader), SP_FOREIGN);
    add_hello(&stream, SP_REQ);
    add_message(&stream, false, 10); /* without ipc's first byte */
    assert_int_equal(read_all(&stream, true, &reader), SP_FOREIGN);
}

/* Neither is memory made for what is only announced. */
static void a_length_is_only_a_claim(void **state)
{
    struct buffer stream = {0};
    struct sp_reader reader;
    (void)state;
    add_hello(&stream, SP_REQ);
    add_message(&stream, false, UINT64_MAX);
    assert_int_equal(read_all(&stream, false, &reader), SP_TOO_LARGE);
    add_hello(&stream, SP_REQ);
    add_message(&stream, false, MESSAGE_MAX + 1);
    assert_int_equal(read_all(&stream, false, &reader), SP_TOO_LARGE);
    add_hello(&stream, SP_REQ);
    add_message(&stream, false, MESSAGE_MAX);
    stream.len -= MESSAGE_MAX - 1;
    assert_int_equal(read_all(&stream, false, &reader), SP_MORE);
    sp_reader_room(&reader);
    assert_true(reader.message.cap <= MESSAGE_MAX / 2);
    sp_reader_close(&reader);
}

static void a_route_ends_with_its_highest_bit(void **state)
{
    static const char one[] = "\x80\0\0\1hello", two[] = "\0\0\0\1\xff\0\0\2", endless[64] = {0};
    (void)state;
    assert_int_equal(sp_route((struct bytes){one, sizeof one - 1}).len, 4);
    assert_int_equal(sp_route((struct bytes){two, sizeof two - 1}).len, 8);
    assert_int_equal(sp_route((struct bytes){two, 7}).len, 0);
    assert_int_equal(sp_route((struct bytes){one, 3}).len, 0);
    assert_int_equal(sp_route((struct bytes){0}).len, 0);
    assert_int_equal(sp_route((struct bytes){endless, sizeof endless}).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_cut_anywhere),
        cmocka_unit_test(what_is_not_sp_is_foreign),
        cmocka_unit_test(a_length_is_only_a_claim),
        cmocka_unit_test(a_route_ends_with_its_highest_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
