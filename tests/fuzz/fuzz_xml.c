/* XML that is read is a document like any other: it can be stored and printed, and comes back as it was; what
 * `arrays` names in it is an array. What isn't read is refused with a sentence that can be shown. */
#include "common/limits.h"
#include "tests/fuzz/fuzz.h"
#include "worker/decode/decode.h"
#include "worker/decode/xml.h"

static const char *const list_elements[] = {"item", "member", NULL};
static const char *const array_pointers[] = {"/a", "/set", "/set/*/a", "/a/*/b/*/c", "/*/*/b", "/Tags/Tag"};
enum { ARRAYS = sizeof array_pointers / sizeof *array_pointers };

static int is_array(void *arrays, const struct value *found)
{
    (void)arrays;
    return found->type != VALUE_ARRAY;
}

/* What a pointer without `*` at its end leads to. Below what stands alone `*` may mean the list or what is in
 * it, so only pointers without one are held to it. */
static void arrays_are_arrays(const struct xml_rules *rules, const struct value *document)
{
    for (uint32_t i = 0; i < rules->array_count; i++)
        if (!rules->arrays[i].has_walk)
            CHECK(pointer_walk(&rules->arrays[i], document, true, NULL, is_array, NULL) == 0);
}

static void round_trip(struct arena *arena, const struct value *document)
{
    struct error e;
    struct buffer packed = {0}, text = {0};
    struct value unpacked, again;
    value_to_msgpack(document, &packed);
    CHECK(value_from_msgpack(arena, buffer_bytes(&packed), &unpacked, &e) == 0);
    CHECK(value_equal(document, &unpacked));
    value_to_json(document, &text);
    CHECK(value_from_json(arena, buffer_bytes(&text), &again, NULL, &e) == 0);
    CHECK(value_equal(document, &again));
    buffer_close(&packed);
    buffer_close(&text);
}

/* The first line is the Content-Type, the rest the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct error e;
    struct pointer arrays[ARRAYS];
    for (size_t i = 0; i < ARRAYS; i++)
        CHECK(pointer_parse(&arena, bytes_of(array_pointers[i]), &arrays[i], &e) == 0);
    struct xml_rules rules = {.list_elements = list_elements, .arrays = arrays, .array_count = ARRAYS};
    struct bytes body = {(const char *)data, size};
    struct pair header = {BYTES("Content-Type"), fuzz_line(&body)};
    struct answer answer = {.status = 200, .headers = {&header, 1, 1}, .body = body, .delimited = true};
    struct decoded decoded;
    struct value error_body;
    if (decode_body(&arena, &answer, FORMAT_XML, &rules, &decoded, &e) == 0) {
        round_trip(&arena, &decoded.value);
        arrays_are_arrays(&rules, &decoded.value);
        CHECK(decode_error_body(&arena, &answer, &rules, &error_body));
        CHECK(value_equal(&decoded.value, &error_body));
    } else {
        CHECK(e.code == ERR_BODY || e.code == ERR_LIMIT);
    }
    arena_close(&arena);
    return 0;
}
