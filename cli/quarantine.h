/* What the parts of `garner quarantine` share: which items they are about. */
#ifndef GARNER_CLI_QUARANTINE_H
#define GARNER_CLI_QUARANTINE_H

#include "cli/options.h"
#include "cli/select.h"

/* An item, and where it is. Texts live in the arena. */
struct quarantine_found {
    uint32_t shard, collection;
    struct collection_key key;
    struct quarantined item; /* without its contents */
    bool is_wanted;          /* by the name that quarantine_choose looked for */
};

struct quarantine_list {
    struct arena arena;
    struct quarantine_found *items; /* by shard, collection and digest */
    size_t count, cap;
};

/* All that are in quarantine of a selection. Returns 0, or the exit code after having
 * said why. */
int quarantine_gather(struct folder *folder, const struct selection *selection, struct quarantine_list *list);
void quarantine_close(struct quarantine_list *list); /* safe twice, and on one that is all zero */

/* The items whose digest begins with `name` get `is_wanted`, all others lose it. Returns how many that are.
 */
size_t quarantine_choose(struct quarantine_list *list, const char *name);

/* Say that there is no such item, and which is nearest. */
void quarantine_say_none(const struct quarantine_list *list, const char *name);

/* Read one in full, in its store's current transaction. ERR_NOT_FOUND: it is gone since. */
int quarantine_read(struct store *store, const struct quarantine_found *found, struct arena *arena,
                    struct quarantined *out, struct error *e);

/* `retry` of those that are wanted, by the provider files of the configuration. Returns the exit code. */
int quarantine_retry(struct folder *folder, const struct quarantine_list *list,
                     const struct options *options);

#endif
