/* Filters: what passes, what is refused, and what they are as messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/value/value.h"
#include "proto/filter.h"

struct lab {
    struct arena arena, scratch;
    struct error e;
    struct change change;
};

static struct bytes packed(struct lab *lab, const char *json)
{
    struct buffer out = {0};
    struct value value;
    assert_int_equal(value_from_json(&lab->arena, bytes_of(json), &value, NULL, &lab->e), 0);
    value_to_msgpack(&value, &out);
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&out));
    buffer_close(&out);
    return copy;
}

static int setup(void **state)
{
    struct lab *lab = *state = mem_zalloc(sizeof *lab);
    lab->change = (struct change){.op = CHANGE_UPDATED,
                                  .key = {BYTES("aws"), BYTES("123"), BYTES("ec2"), BYTES("eu"), {0}},
                                  .id = BYTES("sg-1"),
                                  .before = packed(lab, "{\"rules\":[{\"port\":22}],\"name\":1}"),
                                  .after = packed(lab, "{\"rules\":[{\"port\":23}],\"name\":1}"),
                                  .patch = packed(lab, "[{\"op\":\"replace\",\"path\":\"/rules/0/port\"}]")};
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    arena_close(&lab->scratch);
    free(lab);
    return 0;
}

static bool passes(struct lab *lab, struct filter filter)
{
    bool does;
    assert_int_equal(filter_check(&filter, &lab->arena, &lab->e), 0);
    assert_int_equal(filter_passes(&filter, &lab->change, &lab->scratch, &does, &lab->e), 0);
    return does;
}

static struct filter_list *list(struct lab *lab, const char *a, const char *b)
{
    struct bytes *items = arena_alloc(&lab->arena, 2 * sizeof *items);
    struct filter_list *out = arena_alloc(&lab->arena, sizeof *out);
    items[0] = bytes_of(a);
    items[1] = bytes_of(b);
    *out = (struct filter_list){items, b ? 2 : 1};
    return out;
}

/* --- what passes --- */

static void everything_passes_what_asks_for_nothing(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){0}));
    assert_true(filter_is_any(&(struct filter){.members = 1}));
    assert_false(filter_is_any(&(struct filter){.members = 2}));
    assert_false(filter_is_any(&(struct filter){.id_prefix = BYTES("")}));
}

static void one_of_each_list_must_fit(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){.types = *list(lab, "s3", "ec2")}));
    assert_false(passes(lab, (struct filter){.types = *list(lab, "s3", "ec")}));
    assert_true(passes(lab, (struct filter){.providers = *list(lab, "aws", NULL)}));
    assert_true(passes(lab, (struct filter){.regions = *list(lab, "", "eu")}));
    assert_false(
        passes(lab, (struct filter){.types = *list(lab, "ec2", NULL), .regions = *list(lab, "", NULL)}));
}

static void account_scope_is_the_empty_region(void **state)
{
    struct lab *lab = *state;
    lab->change.key.region = (struct bytes){0};
    assert_true(passes(lab, (struct filter){.regions = *list(lab, "", NULL)}));
    assert_false(passes(lab, (struct filter){.regions = *list(lab, "eu", NULL)}));
}

static void an_account_is_named_with_its_provider_or_without(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){.accounts = *list(lab, "aws/123", NULL)}));
    assert_true(passes(lab, (struct filter){.accounts = *list(lab, "9", "123")}));
    assert_false(passes(lab, (struct filter){.accounts = *list(lab, "gcp/123", "aws/12")}));
    assert_false(passes(lab, (struct filter){.accounts = *list(lab, "aws", "aws/")}));
    lab->change.key.account = BYTES("a/b"); /* a tenant of another account's name must not pass for it */
    assert_false(passes(lab, (struct filter){.accounts = *list(lab, "b", NULL)}));
    assert_false(passes(lab, (struct filter){.accounts = *list(lab, "a/b", NULL)}));
    assert_true(passes(lab, (struct filter){.accounts = *list(lab, "aws/a/b", NULL)}));
    lab->change.key.provider =
        BYTES("gcp"); /* nor for its own: gcp's account "aws/1" isn't aws' account "1" */
    lab->change.key.account = BYTES("aws/1");
    assert_false(passes(lab, (struct filter){.accounts = *list(lab, "aws/1", NULL)}));
    assert_true(passes(lab, (struct filter){.accounts = *list(lab, "gcp/aws/1", NULL)}));
}

static void ids_have_prefixes_and_a_status_is_of_all_of_them(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){.id_prefix = BYTES("sg-")}));
    assert_true(passes(lab, (struct filter){.id_prefix = BYTES("sg-1")}));
    assert_false(passes(lab, (struct filter){.id_prefix = BYTES("sg-12")}));
    lab->change.op = CHANGE_STATUS;
    lab->change.id = (struct bytes){0};
    assert_true(passes(lab, (struct filter){.id_prefix = BYTES("sg-12")}));
}

static void ops_and_initial_ones_can_be_left_out(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){.ops = 1u << CHANGE_UPDATED}));
    assert_false(passes(lab, (struct filter){.ops = 1u << CHANGE_CREATED | 1u << CHANGE_STATUS}));
    assert_true(passes(lab, (struct filter){.no_initial = true}));
    lab->change.initial = true;
    assert_false(passes(lab, (struct filter){.no_initial = true}));
}

static void a_path_is_touched_at_it_in_it_and_by_what_holds_it(void **state)
{
    struct lab *lab = *state;
    assert_true(passes(lab, (struct filter){.touches = BYTES("/rules/0/port")}));
    assert_true(passes(lab, (struct filter){.touches = BYTES("/rules/*/port")}));
    assert_true(passes(lab, (struct filter){.touches = BYTES("/rules")}));
    assert_true(passes(lab, (struct filter){.touches = BYTES("/rules/0/port/deeper")}));
    assert_true(passes(lab, (struct filter){.touches = BYTES("")}));
    assert_false(passes(lab, (struct filter){.touches = BYTES("/rules/1/port")}));
    assert_false(passes(lab, (struct filter){.touches = BYTES("/name")}));
}

static void a_creation_or_deletion_touches_what_its_document_has(void **state)
{
    struct lab *lab = *state;
    const enum change_op ops[] = {CHANGE_CREATED, CHANGE_DELETED};
    for (int i = 0; i < 2; i++) {
        lab->change.op = ops[i];
        assert_true(passes(lab, (struct filter){.touches = BYTES("/rules/*/port")}));
        assert_true(passes(lab, (struct filter){.touches = BYTES("/name")}));
        assert_false(passes(lab, (struct filter){.touches = BYTES("/rules/*/protocol")}));
    }
    lab->change.op = CHANGE_STATUS;
    assert_false(passes(lab, (struct filter){.touches = BYTES("")}));
}

static void a_row_passes_by_its_id_and_document(void **state)
{
    struct lab *lab = *state;
    struct filter filter = {.id_prefix = BYTES("sg"), .touches = BYTES("/name")};
    bool does;
    assert_int_equal(filter_check(&filter, &lab->arena, &lab->e), 0);
    assert_int_equal(
        filter_passes_row(&filter, BYTES("sg-1"), lab->change.after, &lab->scratch, &does, &lab->e), 0);
    assert_true(does);
    assert_int_equal(
        filter_passes_row(&filter, BYTES("vpc"), lab->change.after, &lab->scratch, &does, &lab->e), 0);
    assert_false(does);
    assert_int_equal(filter_passes_row(&filter, BYTES("sg-1"), BYTES("\xc1"), &lab->scratch, &does, &lab->e),
                     ERR_CORRUPT);
}

static void a_patch_that_cannot_be_read_is_corrupt(void **state)
{
    struct lab *lab = *state;
    struct filter filter = {.touches = BYTES("/name")};
    bool does;
    assert_int_equal(filter_check(&filter, &lab->arena, &lab->e), 0);
    lab->change.patch = packed(lab, "[{\"op\":\"remove\"}]");
    assert_int_equal(filter_passes(&filter, &lab->change, &lab->scratch, &does, &lab->e), ERR_CORRUPT);
    lab->change.patch = packed(lab, "[{\"op\":\"remove\",\"path\":\"no pointer\"}]");
    assert_int_equal(filter_passes(&filter, &lab->change, &lab->scratch, &does, &lab->e), ERR_CORRUPT);
}

/* --- partitions --- */

static void each_collection_is_one_members_and_each_member_has_its_share(void **state)
{
    (void)state;
    for (uint32_t members = 2; members <= 7; members++) {
        uint32_t shares[7] = {0};
        for (uint32_t i = 0; i < 2000; i++) {
            char type[16];
            snprintf(type, sizeof type, "t%u", (unsigned)i);
            struct collection_key key = {BYTES("p"), BYTES("1"), bytes_of(type), {0}, {0}};
            uint32_t count = 0;
            for (uint32_t member = 0; member < members; member++) {
                struct filter filter = {.members = members, .member = member};
                bool does = filter_passes_collection(&filter, &key);
                shares[member] += does;
                count += does;
            }
            assert_int_equal(count, 1);
        }
        for (uint32_t member = 0; member < members; member++)
            assert_in_range(shares[member], 1600 / members, 2400 / members);
    }
}

/* The parts of a key don't run into each other. */
static void keys_that_differ_have_shares_that_differ(void **state)
{
    (void)state;
    struct collection_key a = {BYTES("p"), BYTES("12"), BYTES("t"), BYTES("3"), {0}};
    struct collection_key b = {BYTES("p"), BYTES("1"), BYTES("t"), BYTES("23"), {0}};
    struct collection_key c = {BYTES("p"), BYTES("12"), BYTES("t"), {0}, BYTES("3")};
    assert_true(filter_share(&a) != filter_share(&b) && filter_share(&a) != filter_share(&c));
    assert_true(filter_share(&a) == filter_share(&a));
}

/* --- what can be meant --- */

static void what_cannot_be_meant_is_told(void **state)
{
    struct lab *lab = *state;
    struct filter wrong[] = {{.ops = 1},
                             {.ops = 1u << 5},
                             {.members = 2, .member = 2},
                             {.member = 1},
                             {.members = LIMIT_FILTER_MEMBERS + 1},
                             {.touches = BYTES("x")},
                             {.touches = BYTES("/~2")}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(filter_check(&wrong[i], &lab->arena, &lab->e), ERR_USAGE);
        assert_int_equal(lab->e.code, ERR_USAGE);
    }
    struct filter fine = {.members = LIMIT_FILTER_MEMBERS, .member = LIMIT_FILTER_MEMBERS - 1};
    assert_int_equal(filter_check(&fine, &lab->arena, &lab->e), 0);
}

/* --- as messages --- */

static bool lists_equal(const struct filter_list *a, const struct filter_list *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = bytes_equal(a->items[i], b->items[i]);
    return same;
}

static void a_filter_is_the_same_packed_and_unpacked(void **state)
{
    struct lab *lab = *state;
    struct buffer out = {0};
    struct filter got, filter = {.accounts = *list(lab, "aws/1", "2"),
                                 .providers = *list(lab, "aws", NULL),
                                 .regions = *list(lab, "", "eu"),
                                 .types = *list(lab, "t", "u"),
                                 .id_prefix = BYTES("a\0b"),
                                 .ops = 6,
                                 .no_initial = true,
                                 .touches = BYTES(""),
                                 .members = 3,
                                 .member = 2};
    filter_pack(&filter, &out);
    assert_true(filter_unpack(&lab->arena, buffer_bytes(&out), &got));
    assert_true(lists_equal(&got.accounts, &filter.accounts) && lists_equal(&got.types, &filter.types));
    assert_true(lists_equal(&got.regions, &filter.regions) && lists_equal(&got.providers, &filter.providers));
    assert_true(bytes_equal(got.id_prefix, filter.id_prefix) && got.ops == 6 && got.no_initial);
    assert_true(got.touches.data && got.touches.len == 0 && got.members == 3 && got.member == 2);
    buffer_close(&out);
}

static void what_is_cut_or_no_text_is_no_filter(void **state)
{
    struct lab *lab = *state;
    struct buffer out = {0};
    struct filter got, filter = {.types = *list(lab, "some type", NULL)};
    filter_pack(&filter, &out);
    for (size_t len = 1; len < out.len; len++)
        assert_false(filter_unpack(&lab->arena, (struct bytes){out.data, len}, &got));
    filter.types = *list(lab, "\xff", NULL);
    buffer_reset(&out);
    filter_pack(&filter, &out);
    assert_false(filter_unpack(&lab->arena, buffer_bytes(&out), &got));
    buffer_close(&out);
}

static void a_list_has_its_limit(void **state)
{
    struct lab *lab = *state;
    struct bytes *items = arena_alloc(&lab->arena, (LIMIT_FILTER_VALUES + 1) * sizeof *items);
    struct buffer out = {0};
    struct filter got;
    for (int i = 0; i <= LIMIT_FILTER_VALUES; i++)
        items[i] = BYTES("t");
    filter_pack(&(struct filter){.types = {items, LIMIT_FILTER_VALUES}}, &out);
    assert_true(filter_unpack(&lab->arena, buffer_bytes(&out), &got));
    buffer_reset(&out);
    filter_pack(&(struct filter){.types = {items, LIMIT_FILTER_VALUES + 1}}, &out);
    assert_false(filter_unpack(&lab->arena, buffer_bytes(&out), &got));
    buffer_close(&out);
}

#define FILTER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(everything_passes_what_asks_for_nothing),
        FILTER_TEST(one_of_each_list_must_fit),
        FILTER_TEST(account_scope_is_the_empty_region),
        FILTER_TEST(an_account_is_named_with_its_provider_or_without),
        FILTER_TEST(ids_have_prefixes_and_a_status_is_of_all_of_them),
        FILTER_TEST(ops_and_initial_ones_can_be_left_out),
        FILTER_TEST(a_path_is_touched_at_it_in_it_and_by_what_holds_it),
        FILTER_TEST(a_creation_or_deletion_touches_what_its_document_has),
        FILTER_TEST(a_row_passes_by_its_id_and_document),
        FILTER_TEST(a_patch_that_cannot_be_read_is_corrupt),
        FILTER_TEST(each_collection_is_one_members_and_each_member_has_its_share),
        FILTER_TEST(keys_that_differ_have_shares_that_differ),
        FILTER_TEST(what_cannot_be_meant_is_told),
        FILTER_TEST(a_filter_is_the_same_packed_and_unpacked),
        FILTER_TEST(what_is_cut_or_no_text_is_no_filter),
        FILTER_TEST(a_list_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
