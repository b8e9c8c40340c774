/* Members by key: their order, and keys that stand twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/random.h"
#include "common/value/members.h"

/* Keys that begin alike, of all short lengths, with bytes at both ends of their range. */
static struct bytes keys[2 * MEMBERS_FEW];
static char texts[2 * MEMBERS_FEW][16];

static void make_keys(void)
{
    static const char tails[] = {'\0', '\1', 'a', '\x7f', '\x80', '\xff'};
    uint32_t made = 0;
    for (size_t len = 0; made < 2 * MEMBERS_FEW; len++) {
        for (size_t tail = 0; tail < (len ? sizeof tails : 1) && made < 2 * MEMBERS_FEW; tail++) {
            memset(texts[made], 'b', sizeof texts[made]);
            if (len)
                texts[made][len - 1] = tails[tail];
            keys[made] = (struct bytes){texts[made], len};
            made++;
        }
    }
}

/* `count` different keys, in any order. */
static struct value object_of(struct arena *arena, struct random *r, uint32_t count)
{
    struct value object = value_object(arena, count * 2);
    bool taken[2 * MEMBERS_FEW] = {false};
    while (object.count < count) {
        uint64_t key = random_below(r, 2 * MEMBERS_FEW);
        if (!taken[key])
            value_put(&object, keys[key], value_u64(arena, object.count));
        taken[key] = true;
    }
    return object;
}

static void members_come_in_the_order_of_their_keys_bytes(void **state)
{
    struct arena arena = {0};
    struct random r;
    (void)state;
    make_keys();
    random_seed(&r, 4);
    for (int round = 0; round < 2000; round++) {
        struct value object = object_of(&arena, &r, (uint32_t)random_below(&r, MEMBERS_FEW + 4));
        struct members_sorted sorted;
        members_sorted_open(&sorted, &object);
        assert_int_equal(sorted.count, object.count);
        for (uint32_t i = 1; i < sorted.count; i++)
            assert_true(bytes_compare(sorted.list[i - 1]->key, sorted.list[i]->key) < 0);
        members_sorted_close(&sorted);
        arena_reset(&arena);
    }
    arena_close(&arena);
}

static void the_last_of_equal_keys_takes_the_first_ones_place(void **state)
{
    struct arena arena = {0};
    struct random r;
    (void)state;
    make_keys();
    random_seed(&r, 5);
    for (int round = 0; round < 2000; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&r, MEMBERS_FEW), again = 0;
        struct value object = object_of(&arena, &r, count);
        struct bytes wanted[MEMBERS_FEW], last[MEMBERS_FEW];
        for (uint32_t i = 0; i < count; i++) {
            wanted[i] = object.members[i].key;
            last[i] = object.members[i].value.text;
        }
        for (; again < random_below(&r, count + 1); again++) {
            uint64_t same = random_below(&r, count);
            struct value value = value_u64(&arena, 1000 + again);
            value_put(&object, wanted[same], value);
            last[same] = value.text;
        }
        assert_int_equal(members_dedupe(&object), again);
        assert_int_equal(object.count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(bytes_equal(object.members[i].key, wanted[i]));
            assert_true(bytes_equal(object.members[i].value.text, last[i]));
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_the_order_of_their_keys_bytes),
        cmocka_unit_test(the_last_of_equal_keys_takes_the_first_ones_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
