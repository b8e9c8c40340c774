/* Stored bytes are a document or ERR_CORRUPT; a document that was read is written and read again as it is. */
#include "common/value/value.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct buffer packed = {0}, text = {0}, printed = {0};
    struct bytes input = {(const char *)data, size};
    struct value value, again;
    struct error e;

    int printing = value_msgpack_to_json(input, &printed, &e);
    CHECK(printing == 0 || printing == ERR_CORRUPT);
    if (value_from_msgpack(&arena, input, &value, &e) == 0) {
        value_to_json(&value, &text);
        CHECK(printing == 0);
        CHECK(bytes_equal(buffer_bytes(&text), buffer_bytes(&printed)));
        value_to_msgpack(&value, &packed);
        CHECK(value_from_msgpack(&arena, buffer_bytes(&packed), &again, &e) == 0);
        CHECK(value_equal(&value, &again));
    } else {
        CHECK(e.code == ERR_CORRUPT);
    }
    buffer_close(&packed);
    buffer_close(&text);
    buffer_close(&printed);
    arena_close(&arena);
    return 0;
}
