/* Saying: what goes to people, on stderr. Lines are safe text (text.h) and one write each.
 *
 *     garner get: no resource 'i-1' of aws.ec2.instance: did you mean 'i-12'? */
#ifndef GARNER_CLI_SAY_H
#define GARNER_CLI_SAY_H

#include "common/bytes.h"
#include "common/error.h"

/* docs/cli.md. */
enum exit_code { EXIT_COMPLETE = 0, EXIT_INCOMPLETE = 1, EXIT_USAGE = 2, EXIT_NO_CONNECTION = 3 };

/* What stands before each sentence, e.g. "garner get". Not copied. */
void say_name(const char *name);

/* A sentence after the name. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error's sentence. Returns the exit code that fits its code. */
int say_error(const struct error *e);

/* A line as it is, without the name: more of the same, or what already names its place. */
void say_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Text of several lines that is to be printed as it is, but for control characters. */
void say_text(struct bytes text);

/* A line that the next one replaces, cut to the terminal's width; "" only takes the last one away. Only
 * for a terminal. */
void say_passing(const char *line);

#endif
