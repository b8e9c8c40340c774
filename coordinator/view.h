/* Views: the cluster as operators see it, as documents (docs/operating.md has their keys). Pure.
 *
 * All of it lives in the arena; times are ages in milliseconds. */
#ifndef GARNER_COORDINATOR_VIEW_H
#define GARNER_COORDINATOR_VIEW_H

#include "common/value/value.h"
#include "coordinator/membership/cluster.h"

struct value view_status(const struct cluster *c, const char *name, uint32_t accounts, int64_t now_ms,
                         struct arena *arena);
struct value view_workers(const struct cluster *c, int64_t now_ms, struct arena *arena);
/* Of those that these workers own, follow or are to be moved to; `count` 0: of all. What is stuck says why.
 */
struct value view_shards(const struct cluster *c, const uint32_t *workers, uint32_t count, int64_t now_ms,
                         struct arena *arena);
/* One of them, and why it is as it is, also where it isn't stuck. */
struct value view_explained(const struct cluster *c, uint32_t shard, int64_t now_ms, struct arena *arena);
struct value view_plan(const struct cluster *c, const struct cluster_plan *plan, uint64_t number,
                       struct arena *arena);

/* Append a member. The key and the text aren't copied; null is null. */
void view_put_text(struct value *object, const char *key, const char *text);
void view_put_u64(struct value *object, const char *key, uint64_t number, struct arena *arena);
void view_put_bool(struct value *object, const char *key, bool yes);

#endif
