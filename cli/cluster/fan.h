/* Fan: asking the workers of a cluster what one `garner run` is asked: each for its own shards.
 *
 * One after the other: an answer takes milliseconds, and who isn't there isn't asked. */
#ifndef GARNER_CLI_FAN_H
#define GARNER_CLI_FAN_H

#include "cli/cluster/ask.h"

struct fan_worker {
    const char *name, *address; /* address null: it isn't there now */
    bool is_heard;              /* it has answered */
};

struct fan {
    struct arena arena;
    struct fan_worker *workers; /* those that own shards, of the account */
    uint32_t count;
    const char *account; /* as "provider/id"; null: of any */
    uint32_t waiting;    /* of the account's shards: nobody harvests them now; said */
};

/* Find out whom to ask about an account (null `data`: about all). `ask` is of a coordinator. Returns 0, or
 * the exit code after having said why. */
int fan_open(struct ask *ask, struct bytes account, struct fan *fan);
void fan_close(struct fan *fan);

/* Ask each, and hand on what it answers. Says who couldn't be asked. What one refuses, since it has nothing
 * of it, is said only if no other one answers. Returns the exit code: EXIT_INCOMPLETE if not all of it could
 * be asked for. */
int fan_ask(struct fan *fan, struct operator_request *request, void *context,
            void (*take)(void *context, const struct operator_reply *reply));

/* Connect to each that is there, for more than one request. The clients are the caller's to close, the array
 * is the fan's; never null. Says who can't be reached: then EXIT_INCOMPLETE, also where shards wait. */
int fan_connect(struct fan *fan, struct client ***clients, uint32_t *count);

#endif
