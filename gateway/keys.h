/* Keys: the tokens that count just now. A file of them that has changed is read again; one with mistakes,
 * or that isn't there, changes nothing and is tried again. Any thread. */
#ifndef GARNER_GATEWAY_KEYS_H
#define GARNER_GATEWAY_KEYS_H

#include <pthread.h>
#include <sys/stat.h>

#include "gateway/tokens.h"

struct keys {
    const char *path; /* null: there is no file */
    pthread_mutex_t lock;
    struct tokens *now;
    struct stat seen; /* of the file; zero: it wasn't there */
    bool failed;      /* to read it, that time: it is tried again */
};

/* The path must outlive it. ERR_CONFIG. To be closed in any case. */
int keys_open(struct keys *keys, const char *path, struct error *e);
void keys_close(struct keys *keys);

struct tokens *keys_hold(struct keys *keys); /* for the caller to release */

/* Has the file changed? Then it is read, and the answer is true. Not for two threads at once. */
bool keys_refresh(struct keys *keys);

#endif
