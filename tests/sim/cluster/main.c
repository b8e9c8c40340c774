/* A cluster under a clock and a network that come from a seed: workers and the coordinator crash, hang, lose
 * their disks, and don't hear each other; operators move shards about; and what subscribers are given is held
 * against what was promised.
 *
 *     garner-sim-cluster --seed 1 --runs 2000     as many runs
 *     garner-sim-cluster --seed 1 --run 77        one of them, as a failure says
 *     garner-sim-cluster --break seal             with a guard that is broken: must be found out
 *     garner-sim-cluster --replay --runs 20       each twice: it must go the same way
 *
 * A run that fails is done again with a diary, the end of which is printed. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/sim/cluster/guard.h"
#include "tests/sim/program.h"

enum { DIARY_LINES = 100, ALL_FROM = 500 };

struct setting {
    uint64_t seed, runs, run;
    bool has_run, verbose, goes_on, replays;
    enum guard guard;
};

static bool run_one(const struct setting *s, uint64_t number, struct tally *tally, struct buffer *diary,
                    char failure[512])
{
    static struct world w;
    world_open(&w, s->seed, number, tally);
    w.guard = s->guard;
    w.diary = diary;
    bool fine = world_run(&w);
    memcpy(failure, w.check.failure, 512);
    world_close(&w);
    tally->runs++;
    return fine;
}

static void print_again(const struct setting *s, uint64_t number)
{
    fprintf(stderr, "again: garner-sim-cluster --seed %" PRIu64 " --run %" PRIu64 "%s%s --verbose\n", s->seed,
            number, s->guard ? " --break " : "", s->guard ? guard_name(s->guard) : "");
}

static void print_diary(const struct setting *s, uint64_t number)
{
    static struct tally unused;
    struct buffer diary = {0};
    char failure[512];
    bool fine = run_one(s, number, &unused, &diary, failure);
    fprintf(fine ? stdout : stderr, "%s",
            s->verbose ? buffer_text(&diary) : program_tail(&diary, DIARY_LINES));
    if (!fine) {
        fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 " is wrong: %s\n", number, s->seed, failure);
        print_again(s, number);
    }
    buffer_close(&diary);
}

/* The same run again, from the same seed: its diary is the same. */
static bool is_replayed(const struct setting *s, uint64_t number)
{
    static struct tally unused;
    struct buffer diaries[2] = {0};
    char failure[512];
    for (int i = 0; i < 2; i++)
        run_one(s, number, &unused, &diaries[i], failure);
    bool is_same = bytes_equal(buffer_bytes(&diaries[0]), buffer_bytes(&diaries[1]));
    if (!is_same)
        fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 " went another way when it was done again\n",
                number, s->seed);
    buffer_close(&diaries[0]);
    buffer_close(&diaries[1]);
    return is_same;
}

/* --- a check of the deciders' own that fails ends the program: it says in which run --- */

static struct setting current;
static uint64_t current_run;

static void on_abort(int signal)
{
    (void)signal;
    fprintf(stderr, "run %" PRIu64 " of seed %" PRIu64 " is wrong: a check failed\n", current_run,
            current.seed);
    print_again(&current, current_run);
}

static bool run_all(const struct setting *s, struct tally *tally)
{
    char failure[512];
    uint64_t first = s->has_run ? s->run : 0, last = s->has_run ? s->run + 1 : s->runs;
    bool all_fine = true;
    current = *s;
    signal(SIGABRT, on_abort);
    for (uint64_t number = first; number < last; number++) {
        current_run = number;
        bool fine = run_one(s, number, tally, NULL, failure);
        if (!fine && s->goes_on)
            fprintf(stderr, "run %" PRIu64 ": %s\n", number, failure);
        else if (!fine || (s->has_run && s->verbose))
            print_diary(s, number);
        if (fine && s->replays)
            fine = is_replayed(s, number);
        all_fine = all_fine && fine;
        if (!fine && !s->goes_on)
            return false;
    }
    return all_fine;
}

/* --- the tally --- */

static void print_tally(const struct tally *tally)
{
#define X(name) printf("%s %" PRIu64 "\n", #name, tally->name);
    SIM_CLUSTER_TALLY(X)
#undef X
}

static const char *what_lacks(const struct tally *tally)
{
#define X(name)                                                                                              \
    if (!tally->name)                                                                                        \
        return #name;
    SIM_CLUSTER_TALLY(X)
#undef X
    return NULL;
}

/* --- options --- */

static bool read_option(struct setting *s, const char *name, const char *text)
{
    uint64_t number;
    if (!text)
        return false;
    if (strcmp(name, "--break") == 0) {
        int guard = guard_of_name(text);
        s->guard = guard < 0 ? GUARD_NONE : (enum guard)guard;
        return guard >= 0;
    }
    if (!bytes_to_u64(bytes_of(text), &number))
        return false;
    if (strcmp(name, "--seed") == 0)
        s->seed = number;
    else if (strcmp(name, "--runs") == 0)
        s->runs = number;
    else if (strcmp(name, "--run") == 0)
        s->has_run = true, s->run = number;
    else
        return false;
    return true;
}

static bool read_options(int argc, char **argv, struct setting *s)
{
    *s = (struct setting){.seed = 1, .runs = 100};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            s->verbose = true;
        else if (strcmp(argv[i], "--go-on") == 0)
            s->goes_on = true;
        else if (strcmp(argv[i], "--replay") == 0)
            s->replays = true;
        else if (!read_option(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return false;
        else
            i++;
    }
    return true;
}

static void print_guards(void)
{
    for (int i = GUARD_NONE + 1; i < GUARDS; i++)
        printf("%s\t%s\n", guard_name((enum guard)i), guard_broken((enum guard)i));
}

static void print_usage(FILE *out)
{
    fprintf(
        out,
        "usage: garner-sim-cluster [--seed N] [--runs N | --run N] [--break GUARD]\n"
        "                          [--go-on] [--replay] [--verbose]\n"
        "       garner-sim-cluster --guards\n\n"
        "Runs the deciders of coordinator and workers under a simulated network, with all that can go "
        "wrong,\n"
        "and checks what must hold. Exit code 1, and a diary: something was wrong. --go-on: says which runs\n"
        "are wrong, without diaries. --guards: says which can be broken.\n");
}

int main(int argc, char **argv)
{
    static struct tally tally;
    struct setting s;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--guards") == 0) {
        print_guards();
        return 0;
    }
    if (!read_options(argc, argv, &s)) {
        print_usage(stderr);
        return 2;
    }
    int64_t began_ms = clock_steady_ms();
    bool fine = run_all(&s, &tally);
    if (!s.has_run) {
        print_tally(&tally);
        printf("%.1f s\n", (double)(clock_steady_ms() - began_ms) / 1e3);
    }
    const char *lacks = fine && !s.has_run && s.runs >= ALL_FROM ? what_lacks(&tally) : NULL;
    if (lacks)
        fprintf(stderr, "this never happened, so the runs show nothing of it: %s\n", lacks);
    return fine && !lacks ? 0 : 1;
}
