/* Metrics are written as Prometheus reads them: a reader of the text format 0.0.4, strict, takes all of it
 * back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "tests/unit/test_metrics_reader.h"

static struct buffer out;

static struct metrics begin(void)
{
    buffer_reset(&out);
    return (struct metrics){.out = &out};
}

static void a_family_is_a_help_a_type_and_its_samples(void **state)
{
    (void)state;
    struct metrics m = begin();
    metrics_family(&m, "garner_requests_total", METRICS_COUNTER, "Requests that were sent.");
    metrics_add_count(&m, UINT64_MAX, NULL);
    metrics_add_count(&m, 3, "result", "answered", "kind", "get", NULL);
    assert_string_equal(buffer_text(&out), "# HELP garner_requests_total Requests that were sent.\n"
                                           "# TYPE garner_requests_total counter\n"
                                           "garner_requests_total 18446744073709551615\n"
                                           "garner_requests_total{result=\"answered\",kind=\"get\"} 3\n");
}

static void what_would_break_a_line_is_escaped_and_read_back(void **state)
{
    (void)state;
    struct metrics m = begin();
    static const char odd[] = "a\\b\"c\nd{e=\"f\"} 1";
    struct reader reader;
    metrics_family(&m, "garner_odd", METRICS_GAUGE, "One\nline with a \\ and a \".");
    metrics_add(&m, 1, "text", odd, NULL);
    assert_true(reader_read(&reader, buffer_text(&out)));
    assert_int_equal(reader.count, 1);
    assert_string_equal(reader.samples[0].labels[0].value, odd);
    assert_non_null(strstr(buffer_text(&out), "# HELP garner_odd One\\nline with a \\\\ and a \".\n"));
}

static void numbers_are_read_back_as_they_were(void **state)
{
    (void)state;
    static const double numbers[] = {0,   -1, 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123,
                                     1e21};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct metrics m = begin();
    struct reader reader;
    metrics_family(&m, "garner_numbers", METRICS_GAUGE, "Numbers.");
    for (int i = 0; i < COUNT; i++)
        metrics_add(&m, numbers[i], "i", (char[]){(char)('a' + i), 0}, NULL);
    assert_true(reader_read(&reader, buffer_text(&out)));
    assert_int_equal(reader.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(reader.samples[i].value == numbers[i]);
    assert_non_null(strstr(buffer_text(&out), "{i=\"c\"} 0.1\n"));
}

static void what_is_no_number_has_a_name(void **state)
{
    (void)state;
    struct metrics m = begin();
    metrics_family(&m, "garner_odd", METRICS_GAUGE, "Odd.");
    metrics_add(&m, (double)NAN, "i", "a", NULL);
    metrics_add(&m, (double)INFINITY, "i", "b", NULL);
    metrics_add(&m, -(double)INFINITY, "i", "c", NULL);
    assert_non_null(
        strstr(buffer_text(&out), "{i=\"a\"} NaN\ngarner_odd{i=\"b\"} +Inf\ngarner_odd{i=\"c\"} -Inf\n"));
}

static void a_histogram_adds_up(void **state)
{
    (void)state;
    static const double bounds[] = {0.5, 60};
    static const uint64_t counts[] = {2, 0, 5};
    const struct metrics_histogram histogram = {bounds, counts, 2, 1234.5};
    struct metrics m = begin();
    struct reader reader;
    metrics_family(&m, "garner_age_seconds", METRICS_HISTOGRAM, "Ages.");
    metrics_add_histogram(&m, &histogram, "priority", "high", NULL);
    metrics_add_histogram(&m, &histogram, NULL);
    assert_true(reader_read(&reader, buffer_text(&out)));
    assert_non_null(strstr(buffer_text(&out), "garner_age_seconds_bucket{priority=\"high\",le=\"0.5\"} 2\n"
                                              "garner_age_seconds_bucket{priority=\"high\",le=\"60\"} 2\n"
                                              "garner_age_seconds_bucket{priority=\"high\",le=\"+Inf\"} 7\n"
                                              "garner_age_seconds_sum{priority=\"high\"} 1234.5\n"
                                              "garner_age_seconds_count{priority=\"high\"} 7\n"
                                              "garner_age_seconds_bucket{le=\"0.5\"} 2\n"));
}

/* The reader is worth something only if it takes nothing else. */
static void the_reader_refuses_what_prometheus_would(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "garner_a 1\n",                                                        /* without a type */
        "# HELP garner_a A.\n# TYPE garner_a gauge\n",                         /* without a sample */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a 1",               /* without its end */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a one\n",           /* no number */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a{b=\"c} 1\n",      /* an open quote */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a{b=\"\\x\"} 1\n",  /* no such escape */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a{1b=\"c\"} 1\n",   /* no name */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_b 1\n",             /* another family */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a 1\ngarner_a 2\n", /* twice the same */
        "# HELP garner_a A.\n# TYPE garner_a counter\ngarner_a 1\n",           /* not _total */
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a 1\n"
        "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a 2\n", /* the family again */
        "# HELP garner_a A.\n# TYPE garner_a histogram\n"
        "garner_a_bucket{le=\"1\"} 2\ngarner_a_bucket{le=\"+Inf\"} 1\ngarner_a_sum 1\ngarner_a_count 1\n",
        "# HELP garner_a A.\n# TYPE garner_a histogram\n"
        "garner_a_bucket{le=\"1\"} 1\ngarner_a_bucket{le=\"+Inf\"} 2\ngarner_a_sum 1\ngarner_a_count 3\n",
    };
    struct reader reader;
    assert_true(reader_read(&reader, "# HELP garner_a A.\n# TYPE garner_a gauge\ngarner_a{b=\"c\"} 1\n"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (reader_read(&reader, bad[i]))
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_a_help_a_type_and_its_samples),
        cmocka_unit_test(what_would_break_a_line_is_escaped_and_read_back),
        cmocka_unit_test(numbers_are_read_back_as_they_were),
        cmocka_unit_test(what_is_no_number_has_a_name),
        cmocka_unit_test(a_histogram_adds_up),
        cmocka_unit_test(the_reader_refuses_what_prometheus_would),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_close(&out);
    return failed;
}
