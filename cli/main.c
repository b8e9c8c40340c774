/* garner: one program, a verb each. Here a verb is found; verb_*.c does what it says. */
#include <argp.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/verbs.h"
#include "common/bytes.h"
#include "common/file.h"
#include "common/nearest.h"

const char *argp_program_version = "garner " GARNER_VERSION;

/* Those of a cluster come behind all others. */
static const struct verb *const verbs[] = {
    &verb_run,    &verb_validate, &verb_feed,    &verb_list,       &verb_get,   &verb_history, &verb_receipts,
    &verb_status, &verb_confirm,  &verb_harvest, &verb_quarantine, &verb_sink,  &verb_verify,  &verb_workers,
    &verb_shards, &verb_where,    &verb_explain, &verb_rebalance,  &verb_apply, &verb_move,    &verb_cancel,
    &verb_pin,    &verb_unpin,    &verb_cordon,  &verb_uncordon,   &verb_drain, &verb_undrain, &verb_pause,
    &verb_resume, &verb_forget,   &verb_recover, &verb_accounts,
};
enum {
    /* An arena's block, and a page's values, but not LMDB's list of dirty pages, which is 2 MiB a store and
     * would be cleared by hand. */
    KEPT_BLOCK_BYTES = (2 << 20) - (64 << 10),
    KEPT_BYTES = 4 << 20 /* of what is free behind all else */
};
enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

static void print_verbs(bool of_cluster)
{
    bool is_of_cluster = false;
    for (int i = 0; i < VERB_COUNT; i++) {
        is_of_cluster = is_of_cluster || verbs[i] == &verb_workers;
        if (is_of_cluster == of_cluster)
            printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    }
}

static void print_help(void)
{
    printf("Usage: garner COMMAND [OPTION...]\n\n"
           "Garner harvests the resources of cloud accounts through the providers' APIs, keeps a copy, and "
           "tells\n"
           "what changed.\n\n"
           "Commands:\n");
    print_verbs(false);
    printf("\nOf a cluster (garner-coordinator and garner-worker; docs/operating.md):\n");
    print_verbs(true);
    printf("\nOptions:\n"
           "  --help     this, or with a command what it does, its options and examples\n"
           "  --version  the version\n\n"
           "First steps:\n"
           "  garner validate -c garner.yaml         is the configuration right?\n"
           "  garner run -c garner.yaml --once       harvest everything once\n"
           "  garner feed -c garner.yaml --no-follow what changed\n\n"
           "Exit codes: 0 all complete; 1 something is incomplete, failed or held back; 2 usage or\n"
           "configuration; 3 no connection.\n");
}

static int say_none(void)
{
    struct buffer text = {0};
    for (int i = 0; i < VERB_COUNT; i++)
        buffer_printf(&text, "%s%s", i ? ", " : "", verbs[i]->name);
    say("which command? There are %s; `garner --help` explains them", buffer_text(&text));
    buffer_close(&text);
    return EXIT_USAGE;
}

static int say_unknown(const char *word)
{
    const char *names[VERB_COUNT];
    for (int i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i]->name;
    const char *nearest = nearest_word(bytes_of(word), names, VERB_COUNT);
    if (nearest)
        say("unknown command '%s': did you mean '%s'?", word, nearest);
    else
        say("unknown command '%s': `garner --help` lists what there is", word);
    return EXIT_USAGE;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
    char name[64];
    struct options options;
    snprintf(name, sizeof name, "garner %s", verb->name);
    say_name(name);
    argv[0] = name;
    options_parse(verb, argc, argv, &options);
    return verb->run(&options);
}

static int run_word(int argc, char **argv)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (strcmp(argv[0], verbs[i]->name) == 0)
            return run_verb(verbs[i], argc, argv);
    if (argv[0][0] == '-') {
        say("the command comes first, its options after it: garner COMMAND %s …; `garner --help` lists the "
            "commands",
            argv[0]);
        return EXIT_USAGE;
    }
    return say_unknown(argv[0]);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* Were one of the three closed, a store's file would get its number, and what we print would go into it. To
 * read only: printing must still fail. */
static void occupy_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            abort();
}

/* What a transfer and a page take is given back and taken again all the time: glibc would hand it to the
 * kernel in between, which clears it for the next one. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

int main(int argc, char **argv)
{
    char help[] = "--help";
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters */
    signal(SIGPIPE, SIG_IGN);
    occupy_descriptors();
    file_raise_limit(); /* each shard's store holds two */
    keep_memory();
    if (argc < 2)
        return say_none();
    if (strcmp(argv[1], "help") == 0 && argc > 2) {
        char *words[] = {argv[2], help, NULL};
        return run_word(2, words);
    }
    if (is_one_of(argv[1], "--help", "-h", "help") || strcmp(argv[1], "-?") == 0) {
        print_help();
        return EXIT_COMPLETE;
    }
    if (is_one_of(argv[1], "--version", "-V", "version")) {
        printf("%s\n", argp_program_version);
        return EXIT_COMPLETE;
    }
    return run_word(argc - 1, argv + 1);
}
