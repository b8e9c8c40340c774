/* The cluster's state: records by key, that a coordinator finds again when it, or another one, goes on.
 *
 * Each record has a revision, which rises whenever it is written. Whoever writes says which revision the
 * record must have now: so two coordinators can't both act on the same state, whatever each believes. Where
 * records are kept is a kind's affair: state_lmdb, a file beside the coordinator.
 *
 * Not for two threads at once. All of it blocks for as long as the disk, or the network, does. */
#ifndef GARNER_STATE_H
#define GARNER_STATE_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/limits.h"

struct state;
struct state_setting;

struct state_write {
    struct bytes key;   /* text, 1 to LIMIT_KEY_BYTES: "shard/00012" */
    struct bytes value; /* its data null: delete it */
    uint64_t revision;  /* that it has now; 0: it isn't there (which can't be deleted) */
};

/* Spans are valid during the call. Not 0: stop, and give it back. Mustn't write. */
typedef int state_visit(void *context, struct bytes key, struct bytes value, uint64_t revision);

/* What a kind does; the functions below say what of each. */
struct state_kind {
    int (*open)(const struct state_setting *setting, void **kept, struct error *e);
    int (*load)(void *kept, state_visit *visit, void *context, struct error *e);
    int (*write)(void *kept, const struct state_write *writes, uint32_t count, uint64_t *revision,
                 struct error *e);
    void (*close)(void *kept);
};

extern const struct state_kind state_lmdb;

struct state_setting {
    const struct state_kind *kind;
    const char *path; /* of LMDB: the file, which is made if it isn't there */
};

/* ERR_BUSY: another process has it (its pid is named); ERR_IO, ERR_STORE; ERR_CORRUPT: it is no such file, or
 * a newer Garner's; ERR_FULL. */
int state_open(const struct state_setting *setting, struct state **out, struct error *e);

/* Visit all records, by key, as they are at one moment. */
int state_load(struct state *state, state_visit *visit, void *context, struct error *e);

/* How many of these, from the first on, one call may write; at least 1. */
uint32_t state_fits(const struct state_write *writes, uint32_t count);

/* Write records, of which none stands twice and all state_fits: all of them, or none. Durable when it
 * returns.
 * `*revision` is what all of them have now.
 *
 * ERR_BUSY: another coordinator has written one of them: what this one knows isn't true any more. ERR_LIMIT:
 * a record is larger than LIMIT_STATE_BYTES; ERR_FULL, ERR_STORE. Nothing was written then; but with a state
 * that is on other machines, ERR_CONNECT: it isn't known whether anything was. */
int state_write(struct state *state, const struct state_write *writes, uint32_t count, uint64_t *revision,
                struct error *e);

void state_close(struct state *state); /* null is fine */

#endif
