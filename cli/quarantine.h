/* What the parts of `garner quarantine` share: which items they are about. */
#ifndef GARNER_CLI_QUARANTINE_H
#define GARNER_CLI_QUARANTINE_H

#include "cli/options.h"
#include "cli/print.h"
#include "cli/select.h"
#include "client/client.h"

/* An item, and where it is. Texts live in the arena. */
struct quarantine_found {
    uint32_t client; /* which one of the source's has it */
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

/* Where they are: one of the two. */
struct quarantine_source {
    struct folder *folder;   /* a data folder */
    struct client **clients; /* running ones: one `garner run`, or the workers of a cluster; null: none */
    uint32_t client_count;
};

/* All that are in quarantine of a selection. Returns 0, or the exit code after having
 * said why. */
int quarantine_gather(const struct quarantine_source *source, const struct selection *selection,
                      struct quarantine_list *list);
void quarantine_close(struct quarantine_list *list); /* safe twice, and on one that is all zero */

/* Append one; its texts are copied, its contents left out. Its key must be the list's, by: */
void quarantine_add(struct quarantine_list *list, const struct quarantine_found *one);
struct collection_key quarantine_key(struct quarantine_list *list, const struct collection_key *key);

/* The items whose digest begins with `name` get `is_wanted`, all others lose it. Returns how many that are.
 */
size_t quarantine_choose(struct quarantine_list *list, const char *name);

/* Say that there is no such item, and which is nearest. */
void quarantine_say_none(const struct quarantine_list *list, const char *name);

/* Read one in full. ERR_NOT_FOUND: it is gone since. */
int quarantine_load(const struct quarantine_source *source, const struct quarantine_found *found,
                    struct arena *arena, struct quarantined *out, struct error *e);

/* Of a data folder: the same in its store's current transaction. */
int quarantine_read(struct store *store, const struct quarantine_found *found, struct arena *arena,
                    struct quarantined *out, struct error *e);

/* `retry` of those that are wanted, by the provider files of the configuration. Returns the exit code. */
int quarantine_retry(struct folder *folder, const struct quarantine_list *list,
                     const struct options *options);

/* Print what became of one: it left under its id, or stays because of a cause (then `id` isn't looked at). */
void quarantine_tell(struct printer *printer, bool json, const struct quarantine_found *found,
                     struct bytes id, struct bytes cause);

/* --- quarantine_remote.c: the same, asked of a running Garner --- */

int quarantine_gather_at(const struct quarantine_source *source, const struct selection *selection,
                         struct quarantine_list *list, struct error *e); /* 0 or an error */
int quarantine_load_at(const struct quarantine_source *source, const struct quarantine_found *found,
                       struct arena *arena, struct quarantined *out, struct error *e);
/* By the provider files that it has now. Returns the exit code. */
int quarantine_retry_at(const struct quarantine_source *source, const struct quarantine_list *list,
                        bool json);

#endif
