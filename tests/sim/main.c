/* Harvests of a provider that is made up, by the million: it changes while it is listed, lies, breaks off,
 * and the worker crashes; what Garner stores and tells is held against what was there.
 *
 *     garner-sim-harvest --seed 1 --harvests 100000     as many worlds as it takes
 *     garner-sim-harvest --seed 1 --world 77            one of them, as a failure says
 *
 * A world that fails is run again with a diary, which is what is printed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/sim/lie.h"
#include "tests/sim/program.h"
#include "tests/sim/round.h"

enum { WORLD_HARVESTS = 40, DIARY_LINES = 120, ALL_FAULTS_FROM = 2000, LEVELS = 3 };

static const char *const levels[LEVELS] = {"none", "some", "all"};

struct setting {
    uint64_t seed, harvests, from, world;
    bool has_world, verbose, stops;
    unsigned style;
    enum fault_level level;
    int lie;
};

static bool run_world(const struct setting *s, uint64_t number, struct tally *tally, struct buffer *diary,
                      char failure[1024])
{
    static struct world w;
    bool fine = world_open(&w, s->seed, number, s->style, s->level, tally);
    w.lie = s->lie;
    w.diary = diary;
    fine = fine && rounds_run(&w, WORLD_HARVESTS);
    snprintf(failure, 1024, "%s", w.failure);
    tally->worlds++;
    world_close(&w);
    return fine;
}

static void print_again(const struct setting *s, uint64_t number)
{
    fprintf(stderr, "again: garner-sim-harvest --seed %" PRIu64 " --world %" PRIu64 " --faults %s", s->seed,
            number, levels[s->level]);
    if (s->style != PLAN_ANY_STYLE)
        fprintf(stderr, " --style %s", style_name((enum style)s->style));
    if (s->lie)
        fprintf(stderr, " --lie %s", lie_name(s->lie));
    fprintf(stderr, " --verbose\n");
}

static void print_diary(const struct setting *s, uint64_t number)
{
    static struct tally unused;
    struct buffer diary = {0};
    char failure[1024];
    run_world(s, number, &unused, &diary, failure);
    fprintf(stderr, "%s", s->verbose ? buffer_text(&diary) : program_tail(&diary, DIARY_LINES));
    fprintf(stderr, "world %" PRIu64 " of seed %" PRIu64 " is wrong: %s\n", number, s->seed, failure);
    print_again(s, number);
    buffer_close(&diary);
}

static bool run_all(const struct setting *s, struct tally *tally)
{
    bool fine = true;
    char failure[1024];
    uint64_t last = s->has_world ? s->world + 1 : UINT64_MAX;
    for (uint64_t number = s->has_world ? s->world : s->from; number < last; number++) {
        if (!s->has_world && tally->harvests >= s->harvests)
            break;
        if (!run_world(s, number, tally, NULL, failure)) {
            fine = false;
            print_diary(s, number);
            if (s->stops)
                break;
        } else if (s->has_world && s->verbose) {
            print_diary(s, number);
        }
    }
    return fine;
}

/* --- options --- */

static bool read_level(const char *text, enum fault_level *out)
{
    int level = program_find(text, levels, LEVELS);
    *out = level < 0 ? LEVEL_SOME : (enum fault_level)level;
    return level >= 0;
}

static bool read_text(struct setting *s, const char *name, const char *text)
{
    if (strcmp(name, "--faults") == 0)
        return read_level(text, &s->level);
    if (strcmp(name, "--lie") == 0)
        return (s->lie = lie_of_name(text)) >= 0;
    int style = style_of_name(text);
    s->style = (unsigned)style;
    return strcmp(name, "--style") == 0 && style >= 0;
}

static bool read_option(struct setting *s, const char *name, const char *text)
{
    uint64_t number;
    if (!text)
        return false;
    if (!bytes_to_u64(bytes_of(text), &number))
        return read_text(s, name, text);
    if (strcmp(name, "--seed") == 0)
        s->seed = number;
    else if (strcmp(name, "--harvests") == 0)
        s->harvests = number;
    else if (strcmp(name, "--from") == 0)
        s->from = number;
    else if (strcmp(name, "--world") == 0)
        s->has_world = true, s->world = number;
    else
        return false;
    return true;
}

static bool read_options(int argc, char **argv, struct setting *s)
{
    *s = (struct setting){
        .seed = 1, .harvests = 10000, .style = PLAN_ANY_STYLE, .level = LEVEL_SOME, .stops = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            s->verbose = true;
        else if (strcmp(argv[i], "--stop-at-first") == 0)
            s->stops = true;
        else if (strcmp(argv[i], "--go-on") == 0)
            s->stops = false;
        else if (!read_option(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return false;
        else
            i++;
    }
    return true;
}

static void print_usage(FILE *out)
{
    fprintf(
        out,
        "usage: garner-sim-harvest [--seed N] [--harvests N] [--from WORLD | --world WORLD]\n"
        "           [--style none|token|parts|link-header|link-body|offset|number|marker|marker-id]\n"
        "           [--faults none|some|all] [--lie KIND] [--verbose] [--stop-at-first | --go-on]\n\n"
        "Harvests a made-up provider that changes, lies and breaks off, and holds store and feed against\n"
        "what was there. Exit code 1, and a diary: something was wrong.\n");
}

int main(int argc, char **argv)
{
    static struct tally tally;
    struct setting s;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("garner-sim-harvest %s\n", GARNER_VERSION);
        return 0;
    }
    if (!read_options(argc, argv, &s)) {
        print_usage(stderr);
        return 2;
    }
    int64_t began_ms = clock_steady_ms();
    bool fine = run_all(&s, &tally);
    tally_print(&tally, (double)(clock_steady_ms() - began_ms) / 1e3, stdout);
    bool shows_all = s.level == LEVEL_NONE || s.has_world || s.style != PLAN_ANY_STYLE ||
                     s.harvests < ALL_FAULTS_FROM;
    const char *lacks = fine && !shows_all ? tally_lacks(&tally) : NULL;
    if (lacks)
        fprintf(stderr, "this never happened, so the run shows nothing of it: %s\n", lacks);
    return fine && !lacks ? 0 : 1;
}
