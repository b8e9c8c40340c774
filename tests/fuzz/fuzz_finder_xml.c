/* The items that are found in XML are those of its document, what is cut out of it was nothing else, and a
 * finder never reads outside of the body. */
#include "common/hash.h"
#include "tests/fuzz/finder_xml_rules.h"
#include "tests/fuzz/fuzz.h"

static const char *const list_elements[] = {"item", "member", NULL};
static const char *const array_pointers[] = {"/s/*/t", "/s", "/a/*/s", "/a/*/s/*/t", "/c/b", "/d/*"};
enum { ARRAYS = sizeof array_pointers / sizeof *array_pointers };

/* The first line is the pointer to the items; the second is hashed, and says what is cut, and whether there
 * are `arrays`; the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct error e;
    struct pointer arrays[ARRAYS], items;
    struct bytes body = {(const char *)data, size}, line = fuzz_line(&body);
    uint64_t seed = hash64(fuzz_line(&body));
    for (size_t i = 0; i < ARRAYS; i++) {
        CHECK(pointer_parse(&arena, bytes_of(array_pointers[i]), &arrays[i], &e) == 0);
        arrays[i].fills = i % 2;
    }
    struct xml_rules rules = {
        .list_elements = list_elements, .arrays = arrays, .array_count = seed % 2 ? ARRAYS : 0};
    int count;
    if (pointer_parse(&arena, line, &items, &e) == 0) {
        const char *wrong = trial_run(body, &items, &rules, seed, &count);
        if (wrong)
            check_failed(__FILE__, __LINE__, __func__, wrong);
    }
    arena_close(&arena);
    return 0;
}
