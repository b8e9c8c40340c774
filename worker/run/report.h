/* Report: what is wrong, in sentences, and the totals. Not for others than worker/run. */
#ifndef GARNER_RUN_REPORT_H
#define GARNER_RUN_REPORT_H

#include "worker/harvest/job.h"
#include "worker/run/run.h"

struct account;
struct run;
struct shard;
struct task;

void report_outcome(struct task *task, const struct job_outcome *outcome);
bool report_is_due(const struct task *task); /* will report_outcome have anything to say of its job? */
void report_count(struct run_totals *totals, const struct job_outcome *outcome);
void report_add(struct run_totals *totals, const struct run_totals *more);
/* `what` failed (null: all of it), `so` …: what became of it. */
void report_account(struct account *a, const struct error *error, const char *what, const char *so);
void report_shard(struct shard *shard, const struct error *error);
void report_shard_failure(struct shard *shard,
                          const struct error *error); /* a run that goes on: what was gathered is void */
void report_shard_well(struct shard *shard);          /* … and now commits succeed again */
void report_line(struct run *run, const char *line);  /* as it is */
void report_number(struct run *run, uint32_t shard, const struct error *error); /* one that can't be opened */
void report_failure(struct account *a, const struct collection_key *key, const struct error *error);
void report_count_failure(struct run_totals *totals, const struct error *error);

#endif
