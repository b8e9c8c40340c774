/* Base64, and RFC 3339 times: what logins and credentials are written in. */
#include "common/base64.h"
#include "common/units.h"
#include "test_value_maker.h"

/* RFC 4648, section 10. */
static void base64_of_the_rfc(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfd", "//79"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        base64_encode(bytes_of(cases[i][0]), &out);
        assert_string_equal(buffer_text(&out), cases[i][1]);
        buffer_close(&out);
    }
    (void)state;
}

/* RFC 3339, 5.8, and what isn't one. */
static void rfc3339_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1985-04-12T23:20:50.52Z", 482196050520},      {"1996-12-19T16:39:57-08:00", 851042397000},
        {"1990-12-31T23:59:60Z", 662687999000},         {"1937-01-01T12:00:27.87+00:20", -1041337172130},
        {"2026-02-28t00:00:00.123456z", 1772236800123}, {"2024-02-29 00:00:00Z", 1709164800000},
    };
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22T10:00Z",
        "2026-11-22T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00Zx",
        " 2026-11-22T10:00:00Z",
        "2026-1-22T10:00:00Z",
        "+026-11-22T10:00:00Z",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(units_rfc3339(bytes_of(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (units_rfc3339(bytes_of(bad[i]), &ms))
            fail_msg("%s is read", bad[i]);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_of_the_rfc),
        cmocka_unit_test(rfc3339_times_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
