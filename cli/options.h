/* Options: the command line of a verb, read with argp. One table has all options; a verb takes some. */
#ifndef GARNER_CLI_OPTIONS_H
#define GARNER_CLI_OPTIONS_H

#include <stdbool.h>

enum {
    OPTION_CONFIG = 1 << 0,
    OPTION_DATA = 1 << 1, /* and --at */
    OPTION_JSON = 1 << 2,
    OPTION_ACCOUNT = 1 << 3,
    OPTION_REGION = 1 << 4,
    OPTION_TYPE = 1 << 5,
    OPTION_PARENT = 1 << 6,
    OPTION_RUN = 1 << 7,   /* --once, --print-feed, --data, --threads */
    OPTION_FEED = 1 << 8,  /* --from and so on */
    OPTION_ALL = 1 << 9,   /* every verb's */
    OPTION_AT = 1 << 10,   /* --at, without --data */
    OPTION_SINK = 1 << 11, /* --to and so on */
};

enum { OPERANDS_MAX = 64 };

/* What the user gave; null or false: not given. Texts live in argv. */
struct options {
    const char *config, *data, *at;
    const char *account, *region, *type, *parent;
    const char *from, *ops, *touches, *limit, *format, *threads;
    const char *to, *schema, *keep;
    bool json, once, print_feed, no_initial, no_follow, no_changes, resync;
    const char *log_level;
    const char *operands[OPERANDS_MAX + 1]; /* the leading ones that were given; then null */
};

struct verb;

/* Read argv[1] on. --help, --version and mistakes end the program, a mistake with exit code 2 and what to
 * do. */
void options_parse(const struct verb *verb, int argc, char **argv, struct options *out);

#endif
