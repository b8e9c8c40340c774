#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/text.h"

static const char *name = "garner";
static bool passing; /* a passing line is shown, the cursor at its beginning */

static void put(const struct buffer *text)
{
    size_t done = 0;
    while (done < text->len) {
        ssize_t n = write(STDERR_FILENO, text->data + done, text->len - done);
        if (n <= 0)
            return; /* there is nowhere left to say it */
        done += (size_t)n;
    }
}

static void say_bytes(const char *prefix, struct bytes text)
{
    struct buffer line = {0};
    if (passing)
        buffer_add_text(&line, "\033[K");
    passing = false;
    if (prefix)
        buffer_printf(&line, "%s: ", prefix);
    text_add_safe(&line, text);
    buffer_add_char(&line, '\n');
    put(&line);
    buffer_close(&line);
}

static void __attribute__((format(printf, 2, 0)))
say_format(const char *prefix, const char *format, va_list args)
{
    char *text;
    int len = vasprintf(&text, format, args);
    if (len < 0)
        return;
    say_bytes(prefix, (struct bytes){text, (size_t)len});
    free(text);
}

void say_name(const char *new_name)
{
    name = new_name;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_format(name, format, args);
    va_end(args);
}

void say_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_format(NULL, format, args);
    va_end(args);
}

int say_error(const struct error *e)
{
    say_bytes(name, bytes_of(e->text));
    switch (e->code) {
    case ERR_USAGE:
    case ERR_CONFIG:
    case ERR_NOT_FOUND:
        return EXIT_USAGE;
    case ERR_CONNECT:
    case ERR_RESOLVE:
        return EXIT_NO_CONNECTION;
    default:
        return EXIT_INCOMPLETE;
    }
}

void say_text(struct bytes text)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        say_bytes(NULL, (struct bytes){text.data, len});
        text = bytes_from(text, len + (end != NULL));
    }
}

/* The cursor goes back to the line's beginning, so whatever is printed next stands over it. */
void say_passing(const char *line)
{
    struct buffer safe = {0}, shown = {0};
    struct winsize size;
    size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    if (!*line && !passing)
        return;
    text_add_safe(&safe, bytes_of(line));
    text_add_cut(&shown, buffer_bytes(&safe), columns - 1);
    buffer_add_text(&shown, "\033[K\r");
    put(&shown);
    passing = *line;
    buffer_close(&safe);
    buffer_close(&shown);
}
