/* Reports in tests: their messages without the name of the file and without source lines. */
#ifndef GARNER_TEST_REPORT_H
#define GARNER_TEST_REPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/yaml/yaml.h"

struct mistake {
    const char *text;
    const char *messages; /* LINE:COLUMN: severity: sentence, one a line */
};

/* The report has exactly these messages; it is closed. */
static inline void report_is(struct yaml_report *report, const char *name, const char *expected)
{
    struct buffer messages = {0};
    struct bytes rest = buffer_bytes(&report->text);
    size_t name_len = strlen(name);
    while (rest.len) {
        const char *end = memchr(rest.data, '\n', rest.len);
        struct bytes line = {rest.data, end ? (size_t)(end - rest.data) : rest.len};
        rest = bytes_from(rest, line.len + 1);
        bool is_source = line.len > 6 && memcmp(line.data + 5, " |", 2) == 0;
        if (is_source)
            continue;
        if (bytes_starts(line, name) && line.len > name_len && line.data[name_len] == ':')
            line = bytes_from(line, name_len + 1);
        buffer_printf(&messages, "%s%.*s", messages.len ? "\n" : "", BYTES_ARG(line));
    }
    if (strcmp(buffer_text(&messages), expected) != 0)
        print_error("%s", buffer_text(&report->text));
    assert_string_equal(buffer_text(&messages), expected);
    buffer_close(&messages);
    yaml_report_close(report);
}

#endif
