/* Live: what stands around a run that goes on: operators reach it where `listen` says, and SIGHUP has its
 * configuration read again. */
#ifndef GARNER_CLI_LIVE_H
#define GARNER_CLI_LIVE_H

#include "common/config/config.h"
#include "worker/run/control.h"
#include "worker/store/folder.h"

struct coordinator;
struct live;
struct serve;
struct value;
struct feed_holds;

struct live_setting {
    const char *path; /* of the configuration's file */
    const struct config *config;
    const char *listen; /* in place of the configuration's; null: that */
    struct folder *folder;
    struct feed_holds *holds; /* these must outlive it */
    bool is_worker; /* its accounts and shards are a cluster's coordinator's affair; else it has a: */
    struct coordinator *coordinator; /* in this process, whose accounts are those of the files, and others */
};

/* To be called as the `started` of a run (worker/run/run.h). ERR_CONFIG: `listen` is no address to listen at.
 */
int live_open(const struct live_setting *setting, struct crew *crew, struct live **out, struct error *e);

const char *live_address(const struct live *live); /* where it listens */

/* The accounts are others now: an array of their texts, as data_join_accounts has them, and its version.
 * Those of a coordinator in this process are asked for anew. Nothing is done for a version that was taken
 * already. Not on a thread of the run. */
int live_accounts(struct live *live, const struct value *texts, uint64_t version, struct error *e);
uint64_t live_version(const struct live *live); /* of those that it began with */

struct serve *live_serve(const struct live *live);

/* Changes up to `last` are committed. Any thread. */
void live_committed(struct live *live, uint32_t shard, uint64_t last);

void live_ending(struct live *live); /* as its `ending`: the crew isn't used any more */
void live_close(
    struct live *live); /* when the run has ended, and before the folder is closed; null is fine */

#endif
