/* Tally: collections, one after the other, become a status. Pure: no I/O, no clock.
 *
 * Memory is bounded: ages are counted in bins, and of what is wrong the worst `most` are kept. */
#ifndef GARNER_STATUS_TALLY_H
#define GARNER_STATUS_TALLY_H

#include "proto/status.h"

enum {
    TALLY_BIN_BITS = 4, /* bins of an age: 16 for each power of two */
    TALLY_BINS = 64 << TALLY_BIN_BITS,
    TALLY_UNKNOWN = STATUS_PRIORITIES - 1 /* the priority of what has no definition here */
};

/* A collection. Times are in milliseconds since 1970; 0: not known, or not so. Texts are copied. */
struct tally_entry {
    struct collection_key key;
    int priority;
    int64_t period_ms;
    enum status_state state;
    int64_t good_ms; /* when its last harvest that went well ended */
    int64_t next_ms;
    uint64_t rows;
    bool is_unwatched; /* nothing else counts then */
    int64_t unreachable_since_ms, failing_since_ms, held_since_ms, quarantined_since_ms;
    bool is_unreachable, is_failing;
    enum err error;    /* of unreachable */
    const char *cause; /* of these two */
    uint64_t held, quarantined;
};

struct tally {
    struct status status; /* its troubles only after tally_end */
    int64_t now_ms;
    uint64_t bins[STATUS_PRIORITIES][TALLY_BINS];
    struct status_trouble *troubles; /* up to twice `most` */
    uint32_t count, most;
    struct arena arena; /* of their texts */
};

void tally_begin(struct tally *t, int64_t now_ms, uint32_t most);
void tally_close(struct tally *t); /* safe twice */

void tally_add(struct tally *t, const struct tally_entry *entry);

/* What a harvest that ended came to, for `work`. */
void tally_add_receipt(struct tally *t, const struct receipt *receipt, uint64_t rows);

/* All were added: t->status is complete, and valid until the tally is closed. */
const struct status *tally_end(struct tally *t);

#endif
