/* The options of all verbs in one table, from which each verb's own argp is made.
 *
 * getopt's answer to a mistyped option is "unrecognized", so long options are looked at before argp sees
 * them: ours names the nearest one. */
#include "cli/options.h"

#include <argp.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "cli/verbs.h"
#include "common/bytes.h"
#include "common/log.h"
#include "common/nearest.h"

struct option_def {
    unsigned verbs; /* OPTION_…: any of them */
    size_t at;      /* of its field in struct options */
    const char *name;
    int key;
    const char
        *value; /* null: a switch, whose field is a bool; "…...": may be repeated, a struct option_list */
    const char *doc;
};

#define AT(field) offsetof(struct options, field)

static const struct option_def defs[] = {
    {OPTION_CONFIG, AT(config), "config", 'c', "FILE", "The configuration (docs/configuration.md)"},
    {OPTION_DATA | OPTION_RUN, AT(data), "data", 'd', "DIR",
     "The data folder; default: the one that the configuration of -c names"},
    {OPTION_DATA | OPTION_AT, AT(at), "at", 0x100, "URL",
     "A running Garner's `listen` address, in a cluster its coordinator's; default: GARNER_AT, or "
     "tcp://127.0.0.1:7801"},
    {OPTION_RUN, AT(once), "once", 0x101, NULL, "Harvest every collection once, then exit"},
    {OPTION_RUN, AT(print_feed), "print-feed", 0x102, NULL,
     "Print this run's changes to standard output, one JSON object a line, a bookmark last"},
    {OPTION_RUN, AT(threads), "threads", 0x108, "N",
     "Harvest on so many threads; default: the configuration's `threads`, or as many as there are cores"},
    {OPTION_ACCOUNT, AT(account), "account", 'a', "ACCOUNT",
     "Only this account: PROVIDER/ID, or its id alone"},
    {OPTION_REGION, AT(region), "region", 'r', "REGION", "Only this region"},
    {OPTION_TYPE, AT(type), "type", 't', "TYPE", "Only resources of this type"},
    {OPTION_PARENT, AT(parent), "parent", 'p', "ID", "Only children of the resource with this id"},
    {OPTION_FEED, AT(from), "from", 'f', "CURSOR",
     "Begin behind this cursor (of a bookmark), with what happens from `now` on, or with the `oldest` change "
     "that is kept (default)"},
    {OPTION_FEED, AT(ops), "op", 'o', "OP,...", "Only these: created, updated, deleted, status"},
    {OPTION_FEED, AT(touches), "touches", 0x103, "POINTER",
     "Only changes of this part of documents, e.g. /tags or /rules/*/port (at, below or above it); of "
     "created "
     "and deleted resources those that have it"},
    {OPTION_FEED, AT(no_initial), "no-initial", 0x104, NULL,
     "Leave out what was there when its collection was listed first"},
    {OPTION_FEED | OPTION_SINK, AT(no_follow), "no-follow", 0x105, NULL,
     "End when all is printed or written, don't wait for more"},
    {OPTION_FEED, AT(limit), "limit", 'n', "N", "End after so many changes"},
    {OPTION_FEED, AT(format), "format", 0x106, "FORMAT",
     "`table` (default on a terminal) or `ndjson`: a JSON object a line (default elsewhere)"},
    {OPTION_SINK, AT(to), "to", 0x109, "CONNINFO",
     "The database: \"host=… dbname=… user=…\" or postgresql://USER@HOST/DATABASE; default: PGHOST, "
     "PGDATABASE "
     "and so on. Give the password in PGPASSWORD or ~/.pgpass"},
    {OPTION_SINK, AT(schema), "schema", 0x10a, "NAME", "The schema that the tables are in; default: garner"},
    {OPTION_SINK, AT(keep), "keep", 0x10b, "TIME", "Keep changes for so long, e.g. 30d; default: for ever"},
    {OPTION_SINK, AT(no_changes), "no-changes", 0x10c, NULL, "Keep what there is only, not what changed"},
    {OPTION_SINK, AT(resync), "resync", 0x10d, NULL,
     "Take the whole state anew, also of another feed; the changes that are there stay"},
    {OPTION_TO, AT(to), "to", 0x10e, "WORKER", "The worker that it is to be at"},
    {OPTION_WAIT, AT(no_wait), "no-wait", 0x10f, NULL, "End when it has begun, don't wait for its end"},
    {OPTION_WAIT, AT(deadline), "deadline", 0x110, "TIME",
     "Wait for so long, e.g. 30m; then say what is left, and why. It goes on all the same"},
    {OPTION_FORCE, AT(force), "force", 0x111, NULL,
     "Do it also where the others lack room, or nobody is left"},
    {OPTION_SHARDS, AT(worker), "worker", 'w', "WORKER",
     "Only those that this worker owns, follows, or is to be given"},
    {OPTION_SHARDS, AT(stuck), "stuck", 0x112, NULL, "Only those that are stuck, with the reason"},
    {OPTION_ACCOUNTS, AT(file), "file", 'f', "FILE",
     "YAML with the accounts: a list of them, or a configuration"},
    {OPTION_ACCOUNTS, AT(regions), "region", 'r', "REGION...",
     "Of a new account: one of its regions; default: the provider's"},
    {OPTION_ACCOUNTS, AT(splits), "splits", 0x113, "N",
     "Of a new account: spread its regions over so many shards"},
    {OPTION_ACCOUNTS, AT(sets), "set", 0x114, "KEY=VALUE...",
     "Of a new account: what {account.KEY} stands for"},
    {OPTION_ACCOUNTS, AT(credentials), "credential", 0x115, "NAME=WHERE...",
     "Of a new account: where workers find what {credentials.NAME} stands for: env:VARIABLE, file:PATH or "
     "exec:COMMAND; or aws.profile=, aws.role_arn=, aws.external_id="},
    {OPTION_JSON, AT(json), "json", 'j', NULL, "Print JSON, for programs"},
    {OPTION_ALL, AT(log_level), "log-level", 0x107, "LEVEL", "debug, info (default), warn, error or off"},
};
enum { DEF_COUNT = sizeof defs / sizeof *defs };

struct parsing {
    const struct verb *verb;
    struct options *out;
    unsigned given; /* operands */
};

static bool takes(const struct verb *verb, const struct option_def *def)
{
    return (def->verbs & (verb->options | OPTION_ALL)) != 0;
}

static unsigned operand_count(const struct verb *verb, bool optional_too)
{
    unsigned count = 0;
    for (const char *c = verb->operands; *c; c++)
        count += (c == verb->operands || c[-1] == ' ') && (optional_too || *c != '[');
    return count;
}

/* How many it takes at most: one that ends in "...]" may be repeated. */
static unsigned operand_most(const struct verb *verb)
{
    return strstr(verb->operands, "...]") ? OPERANDS_MAX : operand_count(verb, true);
}

/* The name of the operand at `index`, and its length. */
static struct bytes operand_name(const struct verb *verb, unsigned index)
{
    const char *start = verb->operands;
    while (index--)
        start = strchr(start, ' ') + 1;
    return (struct bytes){start, strcspn(start, " ")};
}

static void take_repeated(struct argp_state *state, const struct option_def *def, struct option_list *list,
                          char *value)
{
    if (list->count == REPEATS_MAX)
        argp_error(state, "--%s is given more than %d times", def->name, REPEATS_MAX);
    if (!*value)
        argp_error(state, "--%s is empty: it needs a value, %s", def->name, def->value);
    list->items[list->count++] = value;
}

static void take_option(struct argp_state *state, const struct option_def *def, char *value)
{
    struct parsing *parsing = state->input;
    char *field = (char *)parsing->out + def->at;
    const char *before;
    if (def->value && strstr(def->value, "...")) {
        take_repeated(state, def, (struct option_list *)(void *)field, value);
        return;
    }
    if (!def->value) {
        *(bool *)(void *)field = true;
        return;
    }
    memcpy(&before, field, sizeof before);
    if (before)
        argp_error(state, "--%s is given twice: '%s' and '%s'", def->name, before, value);
    if (!*value)
        argp_error(state, "--%s is empty: it needs a value, %s", def->name, def->value);
    memcpy(field, &value, sizeof value);
}

static void take_operand(struct argp_state *state, char *value)
{
    struct parsing *parsing = state->input;
    const struct verb *verb = parsing->verb;
    if (parsing->given == operand_most(verb))
        argp_error(state, "'%s' is one argument too many: %s %s", value,
                   parsing->given ? "this command takes" : "this command takes options only", verb->operands);
    parsing->out->operands[parsing->given++] = value;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    const struct verb *verb = parsing->verb;
    switch (key) {
    case ARGP_KEY_ARG:
        take_operand(state, value);
        return 0;
    case ARGP_KEY_END:
        if (parsing->given < operand_count(verb, false)) {
            struct bytes name = operand_name(verb, parsing->given);
            argp_error(state, "%.*s is missing, as in: %s %s", BYTES_ARG(name), state->name, verb->operands);
        }
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    default:
        for (int i = 0; i < DEF_COUNT; i++)
            if (defs[i].key == key && takes(verb, &defs[i])) {
                take_option(state, &defs[i], value);
                return 0;
            }
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- mistyped options --- */

static const char *const always[] = {"help", "usage", "version"};

/* How a long option stands to those of the verb: true if getopt will know what to do with it. */
static bool is_known(const struct verb *verb, struct bytes name, bool *has_value)
{
    *has_value = false;
    for (int i = 0; i < DEF_COUNT; i++)
        if (takes(verb, &defs[i]) && strncmp(defs[i].name, name.data, name.len) == 0) {
            *has_value = defs[i].value;
            return true;
        }
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (strncmp(always[i], name.data, name.len) == 0)
            return true;
    return false;
}

static _Noreturn void refuse(const struct verb *verb, const char *program, struct bytes name)
{
    const char *words[DEF_COUNT + sizeof always / sizeof *always];
    size_t count = 0;
    for (int i = 0; i < DEF_COUNT; i++)
        if (takes(verb, &defs[i]))
            words[count++] = defs[i].name;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        words[count++] = always[i];
    const char *nearest = nearest_word(name, words, count);
    if (nearest)
        say("unknown option --%.*s: did you mean --%s?", BYTES_ARG(name), nearest);
    else
        say("unknown option --%.*s: `%s --help` lists what there is", BYTES_ARG(name), program);
    exit(EXIT_USAGE);
}

static void check_names(const struct verb *verb, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool has_value;
        if (strncmp(argv[i], "--", 2) == 0) {
            struct bytes name = {argv[i] + 2, strcspn(argv[i] + 2, "=")};
            if (!is_known(verb, name, &has_value))
                refuse(verb, argv[0], name);
            i += has_value && !argv[i][2 + name.len]; /* its value may look like anything */
        } else if (argv[i][0] == '-' && argv[i][1] && !argv[i][2]) {
            for (int j = 0; j < DEF_COUNT; j++)
                if (defs[j].key == argv[i][1] && defs[j].value && takes(verb, &defs[j])) {
                    i++;
                    break;
                }
        }
    }
}

/* --- all together --- */

static void set_log_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    enum log_level level;
    if (!name)
        return;
    if (log_level_of(name, &level)) {
        log_set_level(level);
        return;
    }
    const char *nearest = nearest_word(bytes_of(name), names, sizeof names / sizeof *names);
    say("--log-level %s: there is no such level%s%s%s (debug, info, warn, error or off)", name,
        nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    exit(EXIT_USAGE);
}

void options_parse(const struct verb *verb, int argc, char **argv, struct options *out)
{
    struct argp_option options[DEF_COUNT + 2] = {0};
    struct buffer doc = {0};
    char *text;
    int count = 0;
    for (int i = 0; i < DEF_COUNT; i++)
        if (takes(verb, &defs[i]))
            options[count++] = (struct argp_option){
                .name = defs[i].name, .key = defs[i].key, .arg = defs[i].value, .doc = defs[i].doc};
    options[count] = (struct argp_option){.name = "h", .key = 'h', .flags = OPTION_HIDDEN};
    buffer_printf(&doc, "%s\v%s", verb->about, verb->examples);
    text = strdup(buffer_text(&doc));
    buffer_close(&doc);
    struct argp argp = {options, parse, *verb->operands ? verb->operands : NULL, text, NULL, NULL, NULL};
    struct parsing parsing = {.verb = verb, .out = out};
    *out = (struct options){0};
    argp_err_exit_status = EXIT_USAGE;
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* a sentence on "mandatory or optional arguments" */
    check_names(verb, argc, argv);
    if (argp_parse(&argp, argc, argv, 0, NULL, &parsing))
        exit(EXIT_USAGE);
    free(text);
    set_log_level(out->log_level);
}
