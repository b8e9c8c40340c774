/* Resources, for people and programs: naming them, finding one, showing its document. */
#ifndef GARNER_CLI_RESOURCE_H
#define GARNER_CLI_RESOURCE_H

#include "cli/options.h"
#include "cli/print.h"
#include "cli/select.h"

/* Append {"provider":…,"account":…,"region":…,"type":…,"id":…,"parent":… without the closing brace. No id
 * when its data is null. */
void resource_json(const struct collection_key *key, struct bytes id, struct buffer *out);

/* Append "provider/account". */
void resource_account(const struct collection_key *key, struct buffer *out);

/* Append a document as JSON for people: indented, keys coloured, safe for a terminal. 0 or ERR_CORRUPT. */
int resource_pretty(struct printer *p, struct bytes packed, struct error *e);

/* Where a resource is, or was. */
struct found {
    uint32_t shard, collection, row;
    struct collection_key key; /* in the arena */
};

enum { FOUND_MAX = 12 };

/* All that have an id, or had it. */
struct finding {
    struct arena arena;
    struct found items[FOUND_MAX];
    uint64_t count;       /* of all; the first FOUND_MAX are in `items` */
    uint64_t collections; /* that were looked at */
};

void finding_close(struct finding *f);
void finding_add(struct finding *f, uint32_t shard, uint32_t collection, uint32_t row,
                 const struct collection_key *key);

/* Find what there is now. */
int finding_live(struct finding *f, struct folder *folder, const struct selection *selection, const char *id,
                 struct error *e);

/* Say that there are several, and the command line for each. */
void finding_say_choices(const struct finding *f, const char *verb, const char *id,
                         const struct options *options);

#endif
