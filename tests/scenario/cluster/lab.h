/* Lab of the cluster: the coordinator's deciders and the workers', without sockets, disks or clocks. Time
 * passes when the lab says so; what happens goes into a diary:
 *
 *     [    0] coordinator: w1 is alive
 *     [    0] coordinator: shard 0 -> w1 (epoch 1)
 *     [  100] w1: owns shard 0 in epoch 1
 *
 * Messages arrive at once, or not at all. A worker's copy is a history's epoch and length; a follower has
 * what its owner has after its next heartbeat. */
#ifndef GARNER_CLUSTER_LAB_H
#define GARNER_CLUSTER_LAB_H

#include "coordinator/membership/cluster.h"

struct lab;

enum { LAB_BEAT_MS = 100, LAB_LEASE_MS = 10000, LAB_GRACE_MS = 60000 };

struct lab *lab_open(uint32_t shards, uint32_t followers);
void lab_close(struct lab *lab);

struct cluster *lab_cluster(struct lab *lab);
uint32_t lab_worker(struct lab *lab, const char *name); /* its number, once it was heard */
int64_t lab_now(const struct lab *lab);

/* A process of that name begins, with the disk it had before, or with an empty one. */
void lab_starts(struct lab *lab, const char *name);
void lab_starts_empty(struct lab *lab, const char *name);
/* … or with what lab_saves found there. */
void lab_starts_older(struct lab *lab, const char *name);
void lab_saves(struct lab *lab, const char *name);
void lab_dies(struct lab *lab, const char *name);     /* at once, without a word */
void lab_restarts(struct lab *lab, const char *name); /* ends, and says so */
/* It isn't heard, and hears nothing, until it is joined again; it goes on with what it may. */
void lab_parts(struct lab *lab, const char *name);
void lab_joins(struct lab *lab, const char *name);
/* It is heard, and hears nothing, until it is joined again. */
void lab_deafens(struct lab *lab, const char *name);
/* What it says next comes when it is delivered, be it that it has died meanwhile. */
void lab_delays(struct lab *lab, const char *name);
void lab_delivers(struct lab *lab, const char *name);

/* The coordinator's process ends, and another one goes on with what was kept; or with nothing, in its place.
 */
void lab_coordinator_restarts(struct lab *lab);
void lab_coordinator_forgets(struct lab *lab);
/* … or with what was kept when lab_coordinator_saves was called. */
void lab_coordinator_goes_back(struct lab *lab);
void lab_coordinator_saves(struct lab *lab);

/* So many changes of a shard; says whether they could be committed. */
void lab_commits(struct lab *lab, const char *name, uint32_t shard, uint64_t count);

/* What a shard costs, once it is measured; 0, and so at first: it isn't yet. */
void lab_costs(struct lab *lab, uint32_t shard, uint32_t load);

void lab_passes(struct lab *lab, int64_t ms);

/* The diary since the last call, held against this text. */
void lab_expect(struct lab *lab, const char *diary);
void lab_forget(struct lab *lab); /* likewise, without a look */
void lab_note(struct lab *lab, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
