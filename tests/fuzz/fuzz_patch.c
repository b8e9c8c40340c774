/* Patches. Up to a line "--" one JSON document, behind it another. The second one as a patch applies to the
 * first or says why not; the difference of the two, applied, makes one of the other, both ways. */
#include "common/value/patch.h"
#include "tests/fuzz/fuzz.h"

static void turn(struct arena *arena, const struct value *before, const struct value *after)
{
    struct value patch = patch_diff(arena, before, after), made;
    struct error e;
    CHECK(patch.type == VALUE_ARRAY);
    CHECK(patch_apply(arena, before, &patch, &made, &e) == 0);
    CHECK(value_equal(&made, after));
}

static void apply(struct arena *arena, const struct value *document, const struct value *patch)
{
    struct value made;
    struct error e;
    int r = patch_apply(arena, document, patch, &made, &e);
    CHECK(r == 0 || r == ERR_BODY);
    CHECK(r == 0 || e.text[0]);
    if (r == 0)
        turn(arena, document, &made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes input = {(const char *)data, size};
    const char *parted = size ? memmem(data, size, "\n--\n", 4) : NULL;
    size_t first = parted ? (size_t)(parted - input.data) : size;
    struct value one, two;
    struct error e;
    if (value_from_json(&arena, (struct bytes){input.data, first}, &one, NULL, &e) == 0 && parted &&
        value_from_json(&arena, bytes_from(input, first + 4), &two, NULL, &e) == 0) {
        turn(&arena, &one, &two);
        turn(&arena, &two, &one);
        apply(&arena, &one, &two);
    }
    arena_close(&arena);
    return 0;
}
