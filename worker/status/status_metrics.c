#include "worker/status/status_metrics.h"

#include "common/metrics.h"

enum { MS_PER_S = 1000 };

static double seconds(int64_t ms)
{
    return (double)ms / MS_PER_S;
}

static void add_gauge(struct metrics *m, const char *name, const char *help, double value)
{
    metrics_family(m, name, METRICS_GAUGE, help);
    metrics_add(m, value, NULL);
}

static void add_counter(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    metrics_family(m, name, METRICS_COUNTER, help);
    metrics_add_count(m, value, NULL);
}

static void add_collections(struct metrics *m, const struct status *s)
{
    metrics_family(m, "garner_collections", METRICS_GAUGE,
                   "Collections that are watched, by what they are doing.");
    for (int i = 0; i < STATE_COUNT; i++)
        metrics_add_count(m, s->states[i], "state", status_state_name((enum status_state)i), NULL);
    metrics_family(m, "garner_troubled_collections", METRICS_GAUGE,
                   "Collections with which something is wrong; one may be in several states.");
    for (int i = 0; i < TROUBLE_COUNT; i++)
        metrics_add_count(m, s->troubled[i], "state", trouble_name((enum trouble)i), NULL);
    add_gauge(m, "garner_resources", "Resources of collections that are watched.", (double)s->resources);
}

static void add_gauges_of_ages(struct metrics *m, const struct status *s)
{
    metrics_family(m, "garner_oldest_seconds", METRICS_GAUGE,
                   "Time since the last good harvest of the collection for which it is longest.");
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        metrics_add(m, seconds(s->ages[i].oldest_ms), "priority", status_priority_name(i), NULL);
    metrics_family(m, "garner_never_harvested_collections", METRICS_GAUGE,
                   "Collections of which no harvest went well yet.");
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        metrics_add_count(m, s->ages[i].never, "priority", status_priority_name(i), NULL);
    metrics_family(m, "garner_late_collections", METRICS_GAUGE,
                   "Collections whose last good harvest is more than three of their periods ago.");
    for (int i = 0; i < STATUS_PRIORITIES; i++)
        metrics_add_count(m, s->ages[i].late, "priority", status_priority_name(i), NULL);
}

static void add_ages(struct metrics *m, const struct status *s)
{
    metrics_family(m, "garner_staleness_seconds", METRICS_HISTOGRAM,
                   "Time since each collection's last good harvest, as of now (so counts fall, too).");
    for (int i = 0; i < STATUS_PRIORITIES; i++) {
        const struct status_age *age = &s->ages[i];
        const struct metrics_histogram histogram = {status_age_bounds, age->counts, STATUS_AGE_BOUNDS,
                                                    seconds(age->sum_ms)};
        metrics_add_histogram(m, &histogram, "priority", status_priority_name(i), NULL);
    }
    add_gauges_of_ages(m, s);
}

static void add_harvests(struct metrics *m, const struct status_work *work)
{
    metrics_family(
        m, "garner_harvests_total", METRICS_COUNTER,
        "Harvests that ended, by how: sound, complete but unsound, unmodified (304), or the error.");
    metrics_add_count(m, work->sound, "result", "sound", NULL);
    metrics_add_count(m, work->unsound, "result", "unsound", NULL);
    metrics_add_count(m, work->unmodified, "result", "unmodified", NULL);
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++)
        metrics_add_count(m, work->failed[code], "result", error_name(code), NULL);
}

static void add_work(struct metrics *m, const struct status_work *work)
{
    static const char *const tiers[STATUS_TIERS] = {"0", "1", "2", "3", "4"};
    add_harvests(m, work);
    metrics_family(m, "garner_items_total", METRICS_COUNTER,
                   "Items that were seen, by the tier that recognised them; 4: new or different.");
    for (int i = 0; i < STATUS_TIERS; i++)
        metrics_add_count(m, work->tiers[i], "tier", tiers[i], NULL);
    metrics_family(m, "garner_changes_total", METRICS_COUNTER,
                   "Changes of resources, by what happened to them.");
    metrics_add_count(m, work->created, "op", "created", NULL);
    metrics_add_count(m, work->updated, "op", "updated", NULL);
    metrics_add_count(m, work->deleted, "op", "deleted", NULL);
    add_counter(m, "garner_requests_total", "Requests that were sent, tries and redirects included.",
                work->requests);
    add_counter(m, "garner_received_bytes_total", "Bytes that were received, as on the wire.", work->bytes);
    add_counter(m, "garner_retries_total", "Requests that were tried again.", work->retries);
    add_counter(m, "garner_throttled_total", "Answers that said: too many requests.", work->throttled);
    add_counter(m, "garner_commits_total", "Commits to disk.", work->commits);
}

static void add_process(struct metrics *m, const struct status *s, const struct status_process *process)
{
    add_gauge(m, "garner_accounts", "Accounts of the configuration.", (double)s->accounts);
    add_gauge(m, "garner_failed_accounts",
              "Accounts that can't be harvested at all, as for their credentials.",
              (double)s->accounts_failed);
    add_gauge(m, "garner_open_breakers",
              "Accounts that are left alone for a while, as nothing they were asked went well.",
              (double)s->breakers_open);
    add_gauge(m, "garner_queued_accounts", "Accounts that wait for their turn.", (double)process->queued);
    add_gauge(m, "garner_tasks", "Harvests under way, and what else is asked of providers.",
              (double)process->tasks);
    add_gauge(m, "garner_threads", "Threads that harvest.", process->threads);
    add_counter(m, "garner_feed_changes_compacted_total", "Changes that left the change logs by `retention`.",
                process->compacted);
    add_gauge(m, "garner_feed_log_bytes", "What all shards' change logs take in their files.",
              (double)process->log_bytes);
    if (process->resident_bytes)
        add_gauge(m, "garner_resident_bytes",
                  "Memory of the process's own (RssAnon): without the stores' files.",
                  (double)process->resident_bytes);
    add_gauge(m, "garner_start_time_seconds", "When this run began, since 1970.", seconds(s->started_ms));
    metrics_family(m, "garner_build_info", METRICS_GAUGE, "Always 1; the label says which version this is.");
    metrics_add_count(m, 1, "version", process->version, NULL);
}

void status_to_metrics(const struct status *status, const struct status_process *process, struct buffer *out)
{
    struct metrics m = {.out = out};
    add_collections(&m, status);
    add_ages(&m, status);
    add_work(&m, &status->work);
    add_process(&m, status, process);
}
