#include "common/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

enum { NUMBER_BYTES = 40 };

static bool is_name(const char *text, bool of_label)
{
    if (!*text || isdigit((unsigned char)*text))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '_' && (of_label || *text != ':'))
            return false;
    return true;
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void add_escaped(struct buffer *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\n')
            buffer_add_text(out, "\\n");
        else if (*text == '\\' || (*text == '"' && quoted))
            buffer_add(out, (char[]){'\\', *text}, 2);
        else
            buffer_add_char(out, *text);
    }
}

void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind, const char *help)
{
    static const char *const kinds[] = {
        [METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};
    CHECK(is_name(name, false) && ends_in(name, "_total") == (kind == METRICS_COUNTER));
    m->name = name;
    m->kind = kind;
    buffer_printf(m->out, "# HELP %s ", name);
    add_escaped(m->out, help, false);
    buffer_printf(m->out, "\n# TYPE %s %s\n", name, kinds[kind]);
}

/* The fewest digits that are read back as the same number. */
static const char *number_text(double value, char text[NUMBER_BYTES])
{
    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value > 0 ? "+Inf" : "-Inf";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static void add_label(struct metrics *m, const char *name, const char *value, bool first)
{
    CHECK(is_name(name, true));
    buffer_printf(m->out, "%c%s=\"", first ? '{' : ',', name);
    add_escaped(m->out, value, true);
    buffer_add_char(m->out, '"');
}

/* One line. `le` is a bucket's own label; null: none. */
static void add_line(struct metrics *m, const char *suffix, va_list labels, const char *le, const char *value)
{
    va_list left;
    const char *name;
    bool first = true;
    buffer_printf(m->out, "%s%s", m->name, suffix);
    va_copy(left, labels);
    while ((name = va_arg(left, const char *))) {
        add_label(m, name, va_arg(left, const char *), first);
        first = false;
    }
    va_end(left);
    if (le) {
        add_label(m, "le", le, first);
        first = false;
    }
    buffer_printf(m->out, "%s %s\n", first ? "" : "}", value);
}

void metrics_add(struct metrics *m, double value, ...)
{
    char text[NUMBER_BYTES];
    va_list labels;
    CHECK(m->name && m->kind != METRICS_HISTOGRAM);
    va_start(labels, value);
    add_line(m, "", labels, NULL, number_text(value, text));
    va_end(labels);
}

void metrics_add_count(struct metrics *m, uint64_t value, ...)
{
    char text[NUMBER_BYTES];
    va_list labels;
    CHECK(m->name && m->kind != METRICS_HISTOGRAM);
    snprintf(text, sizeof text, "%" PRIu64, value);
    va_start(labels, value);
    add_line(m, "", labels, NULL, text);
    va_end(labels);
}

void metrics_add_histogram(struct metrics *m, const struct metrics_histogram *histogram, ...)
{
    char text[NUMBER_BYTES], bound[NUMBER_BYTES];
    uint64_t so_far = 0;
    va_list labels;
    CHECK(m->name && m->kind == METRICS_HISTOGRAM);
    va_start(labels, histogram);
    for (unsigned i = 0; i <= histogram->bound_count; i++) {
        so_far += histogram->counts[i];
        snprintf(text, sizeof text, "%" PRIu64, so_far);
        add_line(m, "_bucket", labels,
                 i < histogram->bound_count ? number_text(histogram->bounds[i], bound) : "+Inf", text);
    }
    add_line(m, "_sum", labels, NULL, number_text(histogram->sum, bound));
    add_line(m, "_count", labels, NULL, text);
    va_end(labels);
}
