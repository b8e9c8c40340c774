/* Status: a message is read back as it was, what is no message is refused, and JSON and metrics say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "common/value/value.h"
#include "proto/status.h"
#include "tests/unit/test_metrics_reader.h"
#include "worker/status/status_metrics.h"

#define NOW INT64_C(1800000000000)

static const struct status_trouble troubles[] = {
    {.key = {.provider = BYTES("p"),
             .account = BYTES("a \"b\""),
             .type = BYTES("p.thing"),
             .region = BYTES("r")},
     .kind = TROUBLE_UNREACHABLE,
     .since_ms = NOW - 5000,
     .error = ERR_DENIED,
     .cause = "HTTP 403: no",
     .next_ms = NOW + 1},
    {.key = {.provider = BYTES("p"), .account = BYTES("a"), .type = BYTES("p.part"), .parent = BYTES("x y")},
     .kind = TROUBLE_HELD,
     .since_ms = NOW - 1,
     .count = 12},
};

static struct status make(void)
{
    struct status s = {
        .time_ms = NOW,
        .started_ms = NOW - 60000,
        .scheduled = true,
        .collections = 12,
        .unwatched = 2,
        .resources = 345,
        .states = {9, 2, 1},
        .troubled = {[TROUBLE_UNREACHABLE] = 1, [TROUBLE_HELD] = 1},
        .work = {.sound = 50,
                 .unsound = 2,
                 .failed_all = 3,
                 .unmodified = 20,
                 .requests = 99,
                 .bytes = 1 << 20,
                 .retries = 4,
                 .throttled = 5,
                 .tiers = {1, 2, 3, 4, 5},
                 .failed = {[ERR_DENIED] = 3}},
        .window_ms = 10000,
        .window_requests = 25,
        .window_throttled = 5,
        .accounts = 7,
        .accounts_failed = 1,
        .breakers_open = 1,
        .troubles = troubles,
        .trouble_count = 2,
        .left_out = 3,
    };
    s.ages[0] = (struct status_age){.collections = 12,
                                    .never = 1,
                                    .late = 1,
                                    .oldest_ms = 90500,
                                    .oldest_period_ms = 30000,
                                    .p99_ms = 60000,
                                    .sum_ms = 123456,
                                    .counts = {1, 4, 6}};
    return s;
}

static void a_message_is_read_back_as_it_was(void **state)
{
    (void)state;
    struct status from = make(), to;
    struct arena arena = {0};
    struct buffer packed = {0}, before = {0}, after = {0};
    struct error e;
    status_pack(&from, &packed);
    assert_int_equal(status_unpack(&arena, buffer_bytes(&packed), &to, &e), 0);
    status_to_json(&from, &before);
    status_to_json(&to, &after);
    assert_string_equal(buffer_text(&after), buffer_text(&before));
    assert_memory_equal(&to.work, &from.work, sizeof to.work);
    assert_memory_equal(to.ages, from.ages, sizeof to.ages);
    for (size_t len = 0; len < packed.len; len++) { /* a part of it is none, or is taken without harm */
        struct bytes part = {packed.data, len};
        if (len < packed.len / 2)
            assert_int_equal(status_unpack(&arena, part, &to, &e), ERR_CORRUPT);
        else
            status_unpack(&arena, part, &to, &e);
    }
    buffer_close(&packed);
    buffer_close(&before);
    buffer_close(&after);
    arena_close(&arena);
}

static struct value at(const struct value *object, const char *key)
{
    const struct value *found = value_get_text(object, key);
    if (!found)
        fail_msg("no key %s", key);
    return *found;
}

static void json_has_all_of_it(void **state)
{
    (void)state;
    struct status s = make();
    struct arena arena = {0};
    struct buffer text = {0};
    struct value json, part;
    struct error e;
    status_to_json(&s, &text);
    assert_int_equal(value_from_json(&arena, buffer_bytes(&text), &json, NULL, &e), 0);
    assert_false(at(&json, "well").boolean);
    assert_true(bytes_is(at(&json, "requests_per_second").text, "2.500"));
    assert_true(bytes_is(at(&json, "throttled_share").text, "0.2000"));
    part = at(&json, "states");
    assert_true(bytes_is(at(&part, "under_way").text, "1"));
    part = at(&json, "staleness");
    part = at(&part, "high");
    assert_true(bytes_is(at(&part, "oldest_seconds").text, "90.500"));
    part = at(&json, "harvests");
    part = at(&part, "failed");
    assert_true(bytes_is(at(&part, "denied").text, "3"));
    part = at(&json, "troubles");
    assert_int_equal(part.count, 2);
    assert_true(bytes_is(at(&part.items[0], "account").text, "a \"b\""));
    assert_int_equal(at(&part.items[0], "parent").type, VALUE_NULL);
    assert_true(bytes_is(at(&part.items[1], "advice").text,
                         "if they are gone: garner confirm p/a p.part --parent 'x y'"));
    buffer_close(&text);
    arena_close(&arena);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    struct status s = {.time_ms = NOW};
    struct arena arena = {0};
    struct buffer text = {0};
    struct value json;
    struct error e;
    status_to_json(&s, &text);
    assert_int_equal(value_from_json(&arena, buffer_bytes(&text), &json, NULL, &e), 0);
    assert_true(at(&json, "well").boolean);
    assert_int_equal(at(&json, "started").type, VALUE_NULL);
    assert_int_equal(at(&json, "states").type, VALUE_NULL);
    assert_int_equal(at(&json, "requests_per_second").type, VALUE_NULL);
    buffer_close(&text);
    arena_close(&arena);
}

static void metrics_are_what_a_strict_reader_takes(void **state)
{
    (void)state;
    struct status s = make();
    const struct status_process process = {
        .threads = 2, .compacted = 7, .log_bytes = 8192, .resident_bytes = 1 << 24, .version = "1.2"};
    struct buffer text = {0};
    static struct reader reader;
    status_to_metrics(&s, &process, &text);
    if (!reader_read(&reader, buffer_text(&text)))
        fail_msg("refused at: %.80s", reader.at);
    assert_true(reader_find(&reader, "garner_collections", "due") == 2);
    assert_true(reader_find(&reader, "garner_troubled_collections", "unreachable") == 1);
    assert_true(reader_find(&reader, "garner_harvests_total", "denied") == 3);
    assert_true(reader_find(&reader, "garner_harvests_total", "sound") == 50);
    assert_true(reader_find(&reader, "garner_items_total", "4") == 5);
    assert_true(reader_find(&reader, "garner_requests_total", NULL) == 99);
    assert_true(reader_find(&reader, "garner_staleness_seconds_count", "high") == 11);
    assert_true(reader_find(&reader, "garner_oldest_seconds", "high") == 90.5);
    assert_true(reader_find(&reader, "garner_feed_changes_compacted_total", NULL) == 7);
    assert_true(reader_find(&reader, "garner_feed_log_bytes", NULL) == 8192);
    assert_true(reader_find(&reader, "garner_build_info", "1.2") == 1);
    buffer_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read_back_as_it_was),
        cmocka_unit_test(json_has_all_of_it),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(metrics_are_what_a_strict_reader_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
