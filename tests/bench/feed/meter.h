/* Meter: what the programs of the feed's benchmark have in common. Each is one thread's, measures one thing
 * and ends; what goes wrong ends it, too, with a sentence. */
#ifndef GARNER_BENCH_METER_H
#define GARNER_BENCH_METER_H

#include "proto/change.h"

struct meter {
    double wall_s, cpu_s; /* when it began */
    uint64_t changes;     /* created ones, taken so far */
    uint64_t bytes;       /* of their documents */
    uint64_t asked;       /* requests that it took */
    struct arena arena;   /* of the changes of a batch */
    struct change change; /* the last one taken, until the batch is done */
};

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number from the command line, of at least 1. */
uint64_t number_of(const char *text);

void meter_begin(struct meter *meter); /* the clock starts */

/* Decode a change to struct fields, and count it if it created something: a server that runs meanwhile may
 * have told of its own state, too. */
void meter_take(struct meter *meter, struct bytes packed);
/* The same, of one that was decoded already, with the bytes of its document. */
void meter_count(struct meter *meter, bool created, size_t bytes);
void meter_batch_done(struct meter *meter); /* what was decoded isn't needed any more */

/* The clock stops; a line of JSON. */
void meter_end(struct meter *meter);

#endif
