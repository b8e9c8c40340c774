/* Settle: what a sound listing may delete (docs/provider-files.md, Deletes). Pure: no I/O, no clock.
 *
 * The rows that a sound listing missed are its candidates. Each is judged with the sound listings in a row
 * that have missed it, this one included. */
#ifndef GARNER_SETTLE_H
#define GARNER_SETTLE_H

#include "proto/record.h"
#include "worker/provider/provider.h"

struct settle {
    const struct delete_def *rule;
    uint64_t rows; /* live ones before this listing's creations */
    uint64_t candidates;
    int64_t now_ms;
    int64_t confirmed_ms; /* when an operator confirmed what was held; 0: not */
};

enum settle_verdict {
    SETTLE_DELETE,
    SETTLE_ASK,  /* `confirm: get`: ask for it, and delete it if it isn't there */
    SETTLE_WAIT, /* `confirm: relist`: another sound listing must miss it too */
    SETTLE_HOLD, /* the guard holds it back */
};

/* Does the guard hold this listing back? It counts candidates before any `get`. */
bool settle_guarded(const struct settle *s);

/* What becomes of one candidate; `missing` counts this listing too. */
enum settle_verdict settle_row(const struct settle *s, const struct missing *missing);

/* Note that the sound listing `harvest` missed a row. */
void settle_missed(struct missing *missing, uint64_t harvest, int64_t now_ms);

#endif
