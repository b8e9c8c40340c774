/* Bytes: what is done many at a time is what it would be one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/random.h"

enum { LONGEST = 100 };

/* A copy of its exact size, so that nothing beside it is read unseen. */
static struct bytes copy_of(struct bytes text)
{
    char *copy = malloc(text.len ? text.len : 1);
    assert_non_null(copy);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return (struct bytes){copy, text.len};
}

/* Whatever stands before and behind it, a wrong byte is found, and a character isn't taken for one. */
static void utf8_is_seen_wherever_it_stands(void **state)
{
    static const struct {
        struct bytes text;
        size_t bad; /* SIZE_MAX: it is UTF-8 */
    } tales[] = {
        {BYTES("\xc3\xbc"), SIZE_MAX},
        {BYTES("\xe6\x97\xa5"), SIZE_MAX},
        {BYTES("\xf0\x9f\x8c\x8d"), SIZE_MAX},
        {BYTES("\xff"), 0},
        {BYTES("\xc3"), 0},
        {BYTES("\xc0\x80"), 0},     /* overlong */
        {BYTES("\xed\xa0\x80"), 0}, /* a surrogate */
        {BYTES("\xc3\xbc\xbc"), 2},
    };
    (void)state;
    for (size_t before = 0; before < 20; before++)
        for (size_t behind = 0; behind < 20; behind++)
            for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
                char text[LONGEST];
                size_t bad = SIZE_MAX, len = before + tales[i].text.len + behind;
                memset(text, 'a', sizeof text);
                memcpy(text + before, tales[i].text.data, tales[i].text.len);
                struct bytes copy = copy_of((struct bytes){text, len});
                assert_int_equal(bytes_is_utf8(copy, &bad), tales[i].bad == SIZE_MAX);
                assert_true(bad == (tales[i].bad == SIZE_MAX ? SIZE_MAX : before + tales[i].bad));
                free((void *)(uintptr_t)copy.data);
            }
}

static void any_length_is_put_where_it_belongs(void **state)
{
    struct random random;
    (void)state;
    random_seed(&random, 5);
    for (size_t len = 0; len < LONGEST; len++) {
        char from[LONGEST];
        for (size_t i = 0; i < len; i++)
            from[i] = (char)random_u64(&random);
        struct bytes span = copy_of((struct bytes){from, len});
        char *to = malloc(len + 1);
        assert_non_null(to);
        to[len] = 'x';
        assert_ptr_equal(bytes_put(to, span), to + len);
        assert_memory_equal(to, from, len);
        assert_int_equal(to[len], 'x');
        free(to);
        free((void *)(uintptr_t)span.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_seen_wherever_it_stands),
        cmocka_unit_test(any_length_is_put_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
