/* A history: one collection, listed several times while its world changes, and held against the model each
 * time. */
#ifndef GARNER_PROPERTY_HISTORY_H
#define GARNER_PROPERTY_HISTORY_H

#include "tests/property/model.h"
#include "worker/harvest/job.h"

/* What was seen of how items were recognised, over all histories. */
struct tally {
    uint64_t listings, complete, sound;
    uint64_t tier1, tier2, tier3, tier4; /* items */
    uint64_t deleted, commits, aborts, verified;
};

struct shard; /* whose store it is */

struct history {
    uint64_t number, seed;
    struct world world;
    struct model model;
    struct layout layouts[2]; /* this listing's, and the one's before */
    struct trouble trouble;
    unsigned length; /* in listings */
    int64_t now_ms;
    bool pending;  /* its last listing isn't committed yet */
    bool reported; /* a failure was told of */
    char account[24];
};

/* Where it runs. */
struct lab {
    struct store *store;
    struct tally tally;
    int (*commit)(struct lab *lab,
                  struct history *but); /* commit, also what others have written; `but` goes on */
    enum fate lie;
    bool lies, lied;
};

enum { LENGTH_MAX = 10 };

void history_open(struct history *h, uint64_t seed, uint64_t number, unsigned formats);
void history_close(struct history *h);

/* One listing, in the store's open transaction. False if it wasn't as the model says: that was reported. */
bool history_list(struct history *h, struct lab *lab);

/* Say what is wrong, and with what listings. Returns false. */
bool history_fault(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hold what the listing wrote against the model: changes from `from` on, and all documents (check.c). */
bool history_check(struct history *h, struct lab *lab, uint64_t from);

struct collection_key history_key(const struct history *h);

#endif
