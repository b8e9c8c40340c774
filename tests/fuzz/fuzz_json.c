/* JSON that is read comes out of MessagePack, and out of JSON again, as it went in; a patch between two
 * documents turns one into the other. */
#include "common/value/canonical.h"
#include "common/value/patch.h"
#include "tests/fuzz/fuzz.h"

static void same_digest(const struct value *a, const struct value *b)
{
    struct buffer form_a = {0}, form_b = {0};
    canonical_form(a, NULL, 0, &form_a);
    canonical_form(b, NULL, 0, &form_b);
    CHECK(bytes_equal(buffer_bytes(&form_a), buffer_bytes(&form_b)));
    buffer_close(&form_a);
    buffer_close(&form_b);
}

static void round_trip(struct arena *arena, const struct value *value)
{
    struct error e;
    struct buffer packed = {0}, text = {0}, printed = {0};
    struct value unpacked, again;

    value_to_msgpack(value, &packed);
    CHECK(value_from_msgpack(arena, buffer_bytes(&packed), &unpacked, &e) == 0);
    CHECK(value_equal(value, &unpacked));
    same_digest(value, &unpacked);

    value_to_json(value, &text);
    CHECK(value_msgpack_to_json(buffer_bytes(&packed), &printed, &e) == 0);
    CHECK(bytes_equal(buffer_bytes(&text), buffer_bytes(&printed)));
    CHECK(value_from_json(arena, buffer_bytes(&text), &again, NULL, &e) == 0);
    CHECK(value_equal(value, &again));

    buffer_close(&packed);
    buffer_close(&text);
    buffer_close(&printed);
}

static void patch_turns(struct arena *arena, const struct value *before, const struct value *after)
{
    struct error e;
    struct value out, patch = patch_diff(arena, before, after);
    CHECK(patch_apply(arena, before, &patch, &out, &e) == 0);
    CHECK(value_equal(&out, after));
    CHECK((patch.count == 0) == value_equal(before, after));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct error e;
    struct value value;
    if (value_from_json(&arena, (struct bytes){(const char *)data, size}, &value, NULL, &e) == 0) {
        round_trip(&arena, &value);
        if (value.type == VALUE_ARRAY && value.count >= 2) {
            patch_turns(&arena, &value.items[0], &value.items[1]);
            patch_turns(&arena, &value.items[1], &value.items[0]);
        }
    } else {
        CHECK(e.code == ERR_BODY || e.code == ERR_LIMIT);
    }
    arena_close(&arena);
    return 0;
}
