/* Whose a data folder is in a cluster: its worker's name, a number that its disk is known by, and how many
 * processes have used it.
 *
 *     data/worker          as text; replaced whenever a worker opens it
 *     data/worker.lock     locked (flock) by that worker, for as long as it runs
 *
 * The disk's number goes with the folder wherever it is mounted; the incarnation tells a process from the one
 * before, and two folders of which one is a copy of the other. */
#ifndef GARNER_STORE_IDENTITY_H
#define GARNER_STORE_IDENTITY_H

#include <stdbool.h>

#include "common/error.h"
#include "common/limits.h"

struct identity {
    char name[LIMIT_WORKER_NAME_BYTES + 1];
    uint64_t disk;        /* random, made once; never 0 */
    uint64_t incarnation; /* from 1 on: one more at each opening */
    int lock;             /* file descriptor */
};

/* Begin an incarnation, in a folder that is made if it isn't there (before folder_open_as, which needs to
 * know the cluster's feed). ERR_CONFIG: the name is none, or the folder is another worker's; ERR_BUSY: that
 * worker is running; ERR_CORRUPT; ERR_FULL; ERR_IO. Then nothing is open. */
int identity_open(const char *folder, const char *name, struct identity *out, struct error *e);

/* Whose a folder is, without taking it: `*is_there` false: no worker's. ERR_CORRUPT; ERR_IO. */
int identity_peek(const char *folder, struct identity *out, bool *is_there, struct error *e);

void identity_close(struct identity *identity); /* after the folder */

#endif
