/* Log: logfmt lines on stderr, one per change of state, never one per request.
 *
 *     time=2026-11-22T10:00:00.123Z level=info msg="listed" account=aws/1 items=12
 *
 * Thread-safe: a line is one write. Secrets are never given to it. */
#ifndef GARNER_COMMON_LOG_H
#define GARNER_COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/* The level by its name (debug, info, warn, error, off); false if there is none of that name. */
bool log_level_of(const char *name, enum log_level *level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* A line with a message, then pairs of a key and a text value, ended by a null key. Values are quoted
 * where they need it; null values are left out. */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
