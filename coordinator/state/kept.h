/* What is kept of a cluster: its records' keys, and their values, of plain structs and back.
 *
 *     cluster                  struct kept_cluster
 *     shard/00012              what is kept of a struct cluster_shard
 *     worker/00003             what is kept of a struct cluster_worker
 *     account/PROVIDER/ID      an account, as whoever writes it packs it
 *
 * What is read is validated: ERR_CORRUPT, whose sentence names the record. */
#ifndef GARNER_STATE_KEPT_H
#define GARNER_STATE_KEPT_H

#include "coordinator/membership/cluster.h"

enum { KEPT_FORMAT = 1 };

struct kept_cluster {
    char name[LIMIT_WORKER_NAME_BYTES + 1];
    uint8_t feed[16];
    uint32_t shards;
    bool is_paused, waits_recover;
};

/* --- keys --- */

enum kept_kind { KEPT_CLUSTER, KEPT_SHARD, KEPT_WORKER, KEPT_ACCOUNT, KEPT_UNKNOWN /* a newer Garner's */ };

struct kept_key {
    enum kept_kind kind;
    uint32_t number;      /* of a shard or worker */
    struct bytes account; /* "provider/id" */
};

void kept_key_add(const struct kept_key *key, struct buffer *out);

/* `account` points into `text`. 0, or ERR_CORRUPT: a number that can't be. */
int kept_key_read(struct bytes text, struct kept_key *out, struct error *e);

/* --- values --- */

void kept_cluster_pack(const struct kept_cluster *cluster, struct buffer *out);
/* Of a newer format: what to do is said. */
int kept_cluster_unpack(struct bytes packed, struct kept_cluster *out, struct error *e);

/* All that isn't kept is zero when it is read. */
void kept_shard_pack(const struct cluster_shard *shard, struct buffer *out);
int kept_shard_unpack(struct bytes packed, uint32_t number, struct cluster_shard *out, struct error *e);

void kept_worker_pack(const struct cluster_worker *worker, struct buffer *out);
int kept_worker_unpack(struct bytes packed, uint32_t number, struct cluster_worker *out, struct error *e);

#endif
