/* Messages of the operator's connection, the first byte saying whether one is a request or an answer: each is
 * what it should be, or ERR_BODY. One that was read is written and read again. */
#include "proto/operator.h"
#include "tests/fuzz/fuzz.h"

static void try_request(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct operator_request request, again;
    struct error e;
    if (operator_request_unpack(arena, input, &request, &e)) {
        CHECK(e.code == ERR_BODY);
        return;
    }
    operator_request_pack(&request, out);
    CHECK(operator_request_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.id == request.id && again.kind == request.kind && again.fetch.count == request.fetch.count);
    int code = operator_request_check(&request, "garner", &e);
    CHECK(code == 0 || code == ERR_USAGE);
}

static void try_reply(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct operator_reply reply, again;
    struct error e;
    if (operator_reply_unpack(arena, input, &reply, &e)) {
        CHECK(e.code == ERR_BODY);
        return;
    }
    operator_reply_pack(&reply, out);
    CHECK(operator_reply_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.id == reply.id && again.kind == reply.kind && again.failure.code == reply.failure.code &&
          again.fetch.count == reply.fetch.count && again.confirmed_count == reply.confirmed_count);
    if (reply.kind == OPERATOR_HELLO)
        CHECK(operator_version_with(&reply.hello, "garner", &e) <= OPERATOR_VERSION);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena = {0};
    struct buffer out = {0};
    struct bytes input = {(const char *)data + 1, size - 1};
    if (data[0] == 'q')
        try_request(&arena, input, &out);
    else
        try_reply(&arena, input, &out);
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}
