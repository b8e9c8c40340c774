#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/units.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};
static _Atomic int threshold = LOG_INFO;

bool log_level_of(const char *name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_OFF; i++)
        if (strcmp(level_names[i], name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_set_level(enum log_level level)
{
    threshold = (int)level;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= threshold && level < LOG_OFF;
}

static void add_value(struct buffer *line, const char *value)
{
    if (*value && !strpbrk(value, " \"=\\\t\n\r")) {
        buffer_add_text(line, value);
        return;
    }
    buffer_add_char(line, '"');
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            buffer_add_char(line, '\\');
        buffer_add_char(line, (unsigned char)*c < 0x20 ? ' ' : *c);
    }
    buffer_add_char(line, '"');
}

void log_line(enum log_level level, const char *message, ...)
{
    if (!log_enabled(level))
        return;
    struct buffer line = {0};
    char time[UNITS_TIME_BYTES];
    buffer_printf(&line, "time=%s level=%s msg=", units_time(clock_wall_ms(), time), level_names[level]);
    add_value(&line, message);
    va_list args;
    va_start(args, message);
    for (const char *key = va_arg(args, const char *); key; key = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);
        if (!value)
            continue;
        buffer_printf(&line, " %s=", key);
        add_value(&line, value);
    }
    va_end(args);
    buffer_add_char(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* there is nowhere left to say that stderr is gone */
    buffer_close(&line);
}
