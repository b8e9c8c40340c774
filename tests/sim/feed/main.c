/* The feed and its subscribers, under a clock and a network that come from a seed: owners crash, logs are
 * compacted, restored and promoted, shards move, answers get lost, subscribers are slow, hang and die; what
 * they were given is held against what was committed.
 *
 *     garner-sim-feed --seed 1 --worlds 100     as many worlds
 *     garner-sim-feed --seed 1 --world 77       one of them, as a failure says
 *
 * A world that fails is run again with a diary, which is what is printed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/sim/feed/world.h"
#include "tests/sim/program.h"

enum { DIARY_LINES = 100, ALL_FROM = 20 };

struct setting {
    uint64_t seed, worlds, world;
    bool has_world, verbose;
    enum lie lie;
};

static bool run_world(const struct setting *s, uint64_t number, struct tally *tally, struct buffer *diary,
                      char failure[512])
{
    static struct world w;
    world_open(&w, s->seed, number, tally);
    w.lie = s->lie;
    w.diary = diary;
    bool fine = world_run(&w);
    memcpy(failure, w.check.failure, 512);
    world_close(&w);
    return fine;
}

static void print_diary(const struct setting *s, uint64_t number)
{
    static struct tally unused;
    struct buffer diary = {0};
    char failure[512];
    bool fine = run_world(s, number, &unused, &diary, failure);
    fprintf(stderr, "%s", s->verbose ? buffer_text(&diary) : program_tail(&diary, DIARY_LINES));
    if (!fine) {
        fprintf(stderr, "world %" PRIu64 " of seed %" PRIu64 " is wrong: %s\n", number, s->seed, failure);
        fprintf(stderr, "again: garner-sim-feed --seed %" PRIu64 " --world %" PRIu64 "%s%s --verbose\n",
                s->seed, number, s->lie ? " --lie " : "", s->lie ? lie_name(s->lie) : "");
    }
    buffer_close(&diary);
}

static bool run_all(const struct setting *s, struct tally *tally)
{
    char failure[512];
    uint64_t first = s->has_world ? s->world : 0;
    uint64_t last = s->has_world ? s->world + 1 : s->worlds;
    for (uint64_t number = first; number < last; number++) {
        bool fine = run_world(s, number, tally, NULL, failure);
        if (!fine || (s->has_world && s->verbose))
            print_diary(s, number);
        if (!fine)
            return false;
    }
    return true;
}

/* --- the tally --- */

static void print_tally(const struct tally *tally, double seconds)
{
#define X(name) printf("%s %" PRIu64 "\n", #name, tally->name);
    SIM_FEED_TALLY(X)
#undef X
    printf("%.1f s\n", seconds);
}

static const char *what_lacks(const struct tally *tally)
{
#define X(name)                                                                                              \
    if (!tally->name)                                                                                        \
        return #name;
    SIM_FEED_TALLY(X)
#undef X
    return NULL;
}

/* --- options --- */

static bool read_option(struct setting *s, const char *name, const char *text)
{
    uint64_t number;
    if (!text)
        return false;
    if (strcmp(name, "--lie") == 0) {
        int lie = lie_of_name(text);
        s->lie = lie < 0 ? LIE_NONE : (enum lie)lie;
        return lie >= 0;
    }
    if (!bytes_to_u64(bytes_of(text), &number))
        return false;
    if (strcmp(name, "--seed") == 0)
        s->seed = number;
    else if (strcmp(name, "--worlds") == 0)
        s->worlds = number;
    else if (strcmp(name, "--world") == 0)
        s->has_world = true, s->world = number;
    else
        return false;
    return true;
}

static bool read_options(int argc, char **argv, struct setting *s)
{
    *s = (struct setting){.seed = 1, .worlds = 100};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            s->verbose = true;
        else if (!read_option(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return false;
        else
            i++;
    }
    return true;
}

static void print_usage(FILE *out)
{
    fprintf(out,
            "usage: garner-sim-feed [--seed N] [--worlds N | --world N] [--lie KIND] [--verbose]\n\n"
            "Runs the feed's servers and subscribers under a simulated network, and holds what they were\n"
            "given against what was committed. Exit code 1, and a diary: something was wrong.\n");
}

int main(int argc, char **argv)
{
    static struct tally tally;
    struct setting s;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (!read_options(argc, argv, &s)) {
        print_usage(stderr);
        return 2;
    }
    int64_t began_ms = clock_steady_ms();
    bool fine = run_all(&s, &tally);
    print_tally(&tally, (double)(clock_steady_ms() - began_ms) / 1e3);
    const char *lacks = fine && !s.has_world && s.worlds >= ALL_FROM ? what_lacks(&tally) : NULL;
    if (lacks)
        fprintf(stderr, "this never happened, so the run shows nothing of it: %s\n", lacks);
    return fine && !lacks ? 0 : 1;
}
