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
    OPTION_WAIT = 1 << 12, /* --no-wait, --deadline */
    OPTION_FORCE = 1 << 13,
    OPTION_TO = 1 << 14,       /* --to WORKER */
    OPTION_SHARDS = 1 << 15,   /* --worker, --stuck */
    OPTION_ACCOUNTS = 1 << 16, /* --file, --region and so on, of a new account */
};

enum { OPERANDS_MAX = 64, REPEATS_MAX = 64 };

/* An option that may be given several times. */
struct option_list {
    const char *items[REPEATS_MAX];
    unsigned count;
};

/* What the user gave; null or false: not given. Texts live in argv. */
struct options {
    const char *config, *data, *at;
    const char *account, *region, *type, *parent;
    const char *from, *ops, *touches, *limit, *format, *threads;
    const char *to, *schema, *keep;
    const char *worker, *deadline;
    const char *file, *splits;
    struct option_list regions, sets, credentials;
    bool no_wait, force, stuck;
    bool json, once, print_feed, no_initial, no_follow, no_changes, resync;
    const char *log_level;
    const char *operands[OPERANDS_MAX + 1]; /* the leading ones that were given; then null */
};

struct verb;

/* Read argv[1] on. --help, --version and mistakes end the program, a mistake with exit code 2 and what to
 * do. */
void options_parse(const struct verb *verb, int argc, char **argv, struct options *out);

#endif
