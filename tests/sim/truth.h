/* Truth: what a provider really has, of one collection, and how that changes. Knows nothing of Garner, nor of
 * how it is listed. */
#ifndef GARNER_SIM_TRUTH_H
#define GARNER_SIM_TRUTH_H

#include "common/random.h"
#include "tests/sim/bits.h"

/* A version is what a thing's document says; an old one may come back. Those from VERSIONS on lack a name. */
enum { THINGS = BITS - 8, VERSIONS = 6, VERSION_NONE = 255 };

struct thing {
    bool lives;
    uint8_t version;
    uint16_t rank;  /* where it stands: by rank, ascending. No two have the same */
    uint64_t since; /* the tick at which it came, or went */
};

struct truth {
    struct thing things[THINGS];
    unsigned most;
    bool moves; /* things change places */
};

/* Counts what happens to all truths of a world: time, as far as the order of events matters. */
typedef uint64_t tick;

void truth_open(struct truth *t, struct random *random, unsigned most, bool moves, tick *now);

/* Let something happen: mostly one thing comes, goes, changes or moves; now and then many do. What is told is
 * for the diary: static text. */
const char *truth_change(struct truth *t, struct random *random, tick *now);

/* All that lives goes: the parent went. */
void truth_end(struct truth *t, tick *now);

struct bits truth_living(const struct truth *t);

/* What lives, in order; returns how many. */
unsigned truth_order(const struct truth *t, uint8_t out[THINGS]);

#endif
