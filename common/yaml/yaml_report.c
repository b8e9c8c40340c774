/* Messages: the sentence with its place, the source line, and a caret below it. A long line is cut
 * around the caret, and after LIMIT_YAML_MESSAGES messages the rest are only counted, so that a file can't
 * make a report much larger than itself. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/yaml/yaml_node.h"

struct yaml_source {
    const char *name;
    struct bytes text;
    const size_t *hidden; /* offsets of secrets */
    size_t hidden_count;
};

enum {
    SHOWN_BEFORE = 90, /* characters of a source line before the caret */
    SHOWN_AFTER = 60,  /* … and behind it */
    SHOWN_BYTES = 80   /* of a wrong value, in a sentence */
};

void yaml_report_close(struct yaml_report *r)
{
    buffer_close(&r->text);
    *r = (struct yaml_report){0};
}

struct bytes yaml_shown(const struct yaml_report *r, struct bytes text)
{
    if (r->secret)
        return BYTES("***");
    if (text.len > SHOWN_BYTES)
        text.len = SHOWN_BYTES;
    while (!bytes_is_utf8(text, NULL))
        text.len--;
    return text;
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

struct yaml_place yaml_place_of_offset(struct bytes text, size_t offset)
{
    struct yaml_place place = {1, 1, offset};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        bool first_of_two = text.data[i] == '\r' && i + 1 < text.len && text.data[i + 1] == '\n';
        if (is_break(text.data[i]) && !first_of_two) {
            place.line++;
            place.column = 1;
        } else if (!is_continuation(text.data[i])) {
            place.column++;
        }
    }
    return place;
}

struct yaml_place yaml_place_of_line(struct bytes text, uint32_t line, uint32_t column)
{
    struct yaml_place place = {line, column, 0};
    size_t i = 0;
    for (uint32_t at = 1; at < line && i < text.len; i++)
        if (text.data[i] == '\n' || (text.data[i] == '\r' && (i + 1 == text.len || text.data[i + 1] != '\n')))
            at++;
    for (uint32_t at = 1; at < column && i < text.len && !is_break(text.data[i]); at++) {
        i++;
        while (i < text.len && is_continuation(text.data[i]))
            i++;
    }
    place.offset = i;
    return place;
}

/* Step from `at` up to `steps` characters within its line. */
static size_t step(struct bytes text, size_t at, unsigned steps, bool forward)
{
    for (; steps > 0; steps--) {
        if (forward ? at >= text.len || is_break(text.data[at]) : at == 0 || is_break(text.data[at - 1]))
            break;
        at = forward ? at + 1 : at - 1;
        while (at > 0 && at < text.len && is_continuation(text.data[at]))
            at = forward ? at + 1 : at - 1;
    }
    return at;
}

/* Where on this stretch of a line the first secret begins; `end` if there is none. */
static size_t find_hidden(const struct yaml_source *source, size_t start, size_t end)
{
    for (size_t i = 0; i < source->hidden_count; i++)
        if (source->hidden[i] >= start && source->hidden[i] < end)
            end = source->hidden[i];
    return end;
}

static void add_source(struct buffer *out, const struct yaml_source *source, struct yaml_place place)
{
    struct bytes text = source->text;
    size_t caret = place.offset < text.len ? place.offset : text.len;
    size_t start = step(text, caret, SHOWN_BEFORE, false);
    size_t end = step(text, caret, SHOWN_AFTER, true);
    size_t shown = find_hidden(source, step(text, caret, UINT_MAX, false), end);
    bool cut_front = start > 0 && !is_break(text.data[start - 1]);
    bool cut_back = end < text.len && !is_break(text.data[end]);

    buffer_printf(out, "%5u | %s", place.line, cut_front ? "…" : "");
    for (size_t i = start; i < shown; i++) /* other control characters don't get past yaml_open_text */
        buffer_add_char(out, text.data[i]);
    buffer_printf(out, "%s\n      | %s", shown < end ? "***" : cut_back ? "…" : "", cut_front ? " " : "");
    for (size_t i = start; i < caret; i++)
        if (!is_continuation(text.data[i]))
            buffer_add_char(out, text.data[i] == '\t' ? '\t' : ' ');
    buffer_add_text(out, "^\n");
}

static void add_message(struct yaml_report *r, const char *severity, const struct yaml_source *source,
                        struct yaml_place place, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void add_message(struct yaml_report *r, const char *severity, const struct yaml_source *source,
                        struct yaml_place place, const char *format, va_list args)
{
    unsigned before = r->errors + r->warnings;
    if (*severity == 'e')
        r->errors++;
    else
        r->warnings++;
    if (before == LIMIT_YAML_MESSAGES)
        buffer_printf(&r->text, "(more than %d messages: the others are left out)\n", LIMIT_YAML_MESSAGES);
    if (before >= LIMIT_YAML_MESSAGES)
        return;

    char sentence[2 * ERROR_TEXT_MAX]; /* error_set cuts it between characters */
    struct error clean;
    vsnprintf(sentence, sizeof sentence, format, args);
    error_set(&clean, ERR_CONFIG, "%s", sentence);
    buffer_add_text(&r->text, source->name);
    if (place.line)
        buffer_printf(&r->text, ":%u:%u", place.line, place.column);
    buffer_printf(&r->text, ": %s: %s\n", severity, clean.text);
    if (place.line && !r->secret)
        add_source(&r->text, source, place);
}

void yaml_report_error(struct yaml_report *r, const char *name, struct bytes text, struct yaml_place place,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_message(r, "error", &(struct yaml_source){.name = name, .text = text}, place, format, args);
    va_end(args);
}

void yaml_error(struct yaml_report *r, const struct yaml_file *f, const yaml_node *at, const char *format,
                ...)
{
    va_list args;
    va_start(args, format);
    add_message(r, "error", &(struct yaml_source){f->name, f->text, f->hidden, f->hidden_count},
                at ? at->place : (struct yaml_place){0}, format, args);
    va_end(args);
}

void yaml_warning(struct yaml_report *r, const struct yaml_file *f, const yaml_node *at, const char *format,
                  ...)
{
    va_list args;
    va_start(args, format);
    add_message(r, "warning", &(struct yaml_source){f->name, f->text, f->hidden, f->hidden_count},
                at ? at->place : (struct yaml_place){0}, format, args);
    va_end(args);
}

void yaml_hide(struct yaml_file *file, const yaml_node *secret)
{
    if (file->hidden_count == file->hidden_cap) {
        file->hidden_cap = file->hidden_cap ? file->hidden_cap * 2 : 16;
        file->hidden = mem_resize(file->hidden, file->hidden_cap * sizeof *file->hidden);
    }
    file->hidden[file->hidden_count++] = secret->place.offset;
}
