/* Winnowing against a naive comparison of dictionaries: random histories of one collection each, by the
 * million.
 *
 *     property --seed 1 --cases 2000          histories 0 to 1999
 *     property --seed 1 --case 77             one of them, as a failure says
 *     property --seed 1 --from 64 --cases 64  the ones that shared its commits
 *
 * Many histories share a store and take turns, a listing each, then comes one commit for all of them, as in a
 * run; or an abort now and then, after which it must be as if those listings had never been. The store is in
 * memory where there is a file system for that, and is made anew once in a while, since nothing here needs it
 * to grow. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/property/definition.h"
#include "tests/property/history.h"

enum { BATCH = 64, BATCHES_A_STORE = 16, MAP_BYTES = 256 << 20 };

/* How items are recognised: each way must be taken by at least so many of a hundred, or it isn't tested. */
enum { SHARE_PERCENT = 5 };
static const bool must_use_tiers = true;

struct setting {
    uint64_t seed, from, cases;
    unsigned formats;
    bool alone; /* one case, whose neighbours' turns are left out */
    const char *lie;
};

struct driver {
    struct lab lab;
    struct setting set;
    struct history histories[BATCH];
    uint32_t count;
    uint64_t faults; /* that store_verify found */
};

/* --- the store --- */

/* Its files lose their names at once, so that nothing stays behind, however this ends. */
static bool open_store(struct driver *d)
{
    struct error e;
    char folder[64], file[96], lock[128];
    struct store_options options = {.path = file, .shard = 3, .map_size = MAP_BYTES};
    snprintf(folder, sizeof folder, "%s/garner-property-XXXXXX",
             access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        return false;
    }
    snprintf(file, sizeof file, "%s/003.mdb", folder);
    snprintf(lock, sizeof lock, "%s-lock", file);
    if (store_open(&options, &d->lab.store, &e))
        fprintf(stderr, "property: %s\n", e.text);
    unlink(file);
    unlink(lock);
    rmdir(folder);
    return d->lab.store != NULL;
}

static void drop_store(struct driver *d)
{
    store_close(d->lab.store);
    d->lab.store = NULL;
}

static void complain(void *context, const char *sentence)
{
    struct driver *d = context;
    if (d->faults++ < 10)
        fprintf(stderr, "verify: %s\n", sentence);
}

static bool verify(struct driver *d)
{
    struct error e;
    bool fine = store_verify(d->lab.store, complain, d, &e) == 0 && d->faults == 0;
    d->lab.tally.verified++;
    if (!fine)
        fprintf(stderr, "the store isn't sound: seed %" PRIu64 ", around case %" PRIu64 "\n", d->set.seed,
                d->histories[0].number);
    return fine;
}

/* --- commits --- */

static int commit(struct lab *lab, struct history *but)
{
    struct driver *d = (struct driver *)lab; /* its first member */
    struct error e;
    int code = store_commit(lab->store, &e);
    if (code)
        fprintf(stderr, "property: %s\n", e.text);
    for (uint32_t i = 0; !code && i < d->count; i++) {
        struct history *h = &d->histories[i];
        if (h->pending && h != but) {
            model_commit(&h->model);
            h->pending = false;
        }
    }
    lab->tally.commits++;
    return code;
}

static void abort_all(struct driver *d)
{
    store_abort(d->lab.store);
    for (uint32_t i = 0; i < d->count; i++) {
        struct history *h = &d->histories[i];
        if (h->pending)
            model_abort(&h->model);
        h->pending = false;
    }
    d->lab.tally.aborts++;
}

/* The same for a history whether its neighbours are there or not. */
static bool is_aborted(const struct driver *d, uint64_t batch, unsigned round)
{
    struct random random;
    random_seed(&random, d->set.seed * 1000003 + batch * 101 + round);
    return random_below(&random, 12) == 0;
}

/* --- histories --- */

static bool run_round(struct driver *d, uint64_t batch, unsigned round, bool *more)
{
    *more = false;
    for (uint32_t i = 0; i < d->count; i++) {
        struct history *h = &d->histories[i];
        if (round >= h->length)
            continue;
        *more = true;
        if (!history_list(h, &d->lab))
            return false;
    }
    if (!*more)
        return true;
    if (is_aborted(d, batch, round))
        abort_all(d);
    else if (commit(&d->lab, NULL))
        return false;
    return true;
}

/* How to see a failure again: alone, or with those that shared its commits. */
static void tell_again(const struct driver *d, uint64_t from, uint64_t to)
{
    char start[256];
    snprintf(start, sizeof start, "again: %s --seed %" PRIu64 " --formats %u", program_invocation_name,
             d->set.seed, d->set.formats);
    for (uint32_t i = 0; i < d->count; i++)
        if (d->histories[i].reported)
            fprintf(stderr, "%s --case %" PRIu64 "\n", start, d->histories[i].number);
    fprintf(stderr, "%s --from %" PRIu64 " --cases %" PRIu64 "\n", start, from, to - from);
}

static bool run_batch(struct driver *d, uint64_t from, uint64_t to)
{
    uint64_t batch = from / BATCH;
    bool fine = true, more = true;
    d->count = 0;
    for (uint64_t number = from; number < to; number++)
        history_open(&d->histories[d->count++], d->set.seed, number, d->set.formats);
    for (unsigned round = 0; fine && more; round++)
        fine = run_round(d, batch, round, &more);
    if (fine && (d->set.alone || batch % BATCHES_A_STORE == 0))
        fine = verify(d);
    if (!fine)
        tell_again(d, from, to);
    for (uint32_t i = 0; i < d->count; i++)
        history_close(&d->histories[i]);
    return fine;
}

static bool run(struct driver *d)
{
    uint64_t end = d->set.from + d->set.cases;
    bool fine = true;
    for (uint64_t from = d->set.from; fine && from < end;) {
        uint64_t to = (from / BATCH + 1) * BATCH;
        to = to < end ? to : end;
        if (!d->lab.store && !open_store(d))
            return false;
        fine = run_batch(d, from, to);
        from = to;
        if (from / BATCH % BATCHES_A_STORE == 0)
            drop_store(d);
    }
    return fine;
}

/* --- the whole --- */

static bool print_tally(const struct tally *t)
{
    uint64_t all = t->tier1 + t->tier2 + t->tier3 + t->tier4, least = all * SHARE_PERCENT / 100;
    printf("%" PRIu64 " listings, %" PRIu64 " complete, %" PRIu64 " sound, %" PRIu64 " deletes; %" PRIu64
           " commits, %" PRIu64 " aborts, verified %" PRIu64 " times\n"
           "%" PRIu64 " items: %" PRIu64 " recognised together, %" PRIu64 " one by one, %" PRIu64
           " parsed and the same, %" PRIu64 " new or changed\n",
           t->listings, t->complete, t->sound, t->deleted, t->commits, t->aborts, t->verified, all, t->tier1,
           t->tier2, t->tier3, t->tier4);
    bool all_ways = t->tier1 > least && t->tier2 > least && t->tier3 > least && t->tier4 > least;
    if (must_use_tiers && !all_ways)
        fprintf(stderr, "property: one of these ways was hardly taken: this run shows nothing of it\n");
    return all_ways || !must_use_tiers;
}

static bool read_number(const char *text, uint64_t *out)
{
    return bytes_to_u64(bytes_of(text), out);
}

static bool read_options(int argc, char **argv, struct setting *s)
{
    *s = (struct setting){.seed = 1, .cases = 1000, .formats = 3};
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *text = i + 1 < argc ? argv[i + 1] : "";
        uint64_t number = 0;
        if (strcmp(name, "--lie") == 0)
            s->lie = text;
        else if (!read_number(text, &number))
            return false;
        else if (strcmp(name, "--seed") == 0)
            s->seed = number;
        else if (strcmp(name, "--from") == 0)
            s->from = number;
        else if (strcmp(name, "--cases") == 0)
            s->cases = number;
        else if (strcmp(name, "--formats") == 0 && number >= 1 && number <= 3)
            s->formats = (unsigned)number;
        else if (strcmp(name, "--case") == 0) {
            s->alone = true;
            s->from = number;
            s->cases = 1;
        } else
            return false;
    }
    return true;
}

static bool take_lie(struct driver *d)
{
    static const char *const lies[] = {"none", "created", "updated", "deleted"};
    for (unsigned i = 0; d->set.lie && i < sizeof lies / sizeof *lies; i++)
        if (strcmp(d->set.lie, lies[i]) == 0) {
            d->lab.lies = true;
            d->lab.lie = i;
        }
    return d->lab.lies || !d->set.lie;
}

int main(int argc, char **argv)
{
    static struct driver d;
    d.lab.commit = commit;
    if (!read_options(argc, argv, &d.set) || !take_lie(&d)) {
        fprintf(stderr, "usage: property [--seed N] [--from N] [--cases N | --case N] [--formats 1|2|3]\n"
                        "                [--lie created|updated|deleted|none]\n");
        return 2;
    }
    bool fine = run(&d);
    drop_store(&d);
    definitions_close();
    if (fine && !d.set.alone)
        fine = print_tally(&d.lab.tally);
    return fine ? 0 : 1;
}
