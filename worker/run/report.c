/* What is incomplete, failed or held back, a line each: account, region, type, page, cause, and what
 * became of the collection. */
#include "worker/run/internal.h"

#include <inttypes.h>

#include "common/limits.h"
#include "common/text.h"
#include "common/units.h"

static void say(struct run *run, struct buffer *line)
{
    pthread_mutex_lock(&run->crew->telling);
    run->set->trouble(run->set->context, buffer_text(line));
    pthread_mutex_unlock(&run->crew->telling);
    buffer_close(line);
}

void report_line(struct run *run, const char *text)
{
    struct buffer line = {0};
    buffer_add_text(&line, text);
    say(run, &line);
}

static void add_place(struct buffer *line, const struct collection_key *key, uint64_t page)
{
    buffer_printf(line, "%.*s %.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
    if (key->region.data)
        buffer_printf(line, " %.*s", BYTES_ARG(key->region));
    buffer_printf(line, " %.*s", BYTES_ARG(key->type));
    if (key->parent.data)
        buffer_printf(line, " of %.*s", BYTES_ARG(key->parent));
    if (page)
        buffer_printf(line, " page %" PRIu64, page);
    buffer_add_text(line, ": ");
}

static void add_kept(struct buffer *line, const struct job_outcome *o)
{
    char text[UNITS_TEXT_BYTES];
    buffer_printf(line, "; %s kept, ", units_count(o->kept, text));
    if (o->deleted)
        buffer_printf(line, "%s deleted", units_count(o->deleted, text));
    else
        buffer_add_text(line, "nothing deleted");
}

/* Where to look at what is wrong with it. */
static void add_shown(struct buffer *line, const struct task *task, const struct job_outcome *o)
{
    char digest[QUARANTINED_TEXT_BYTES];
    buffer_printf(line, "; to see it: garner quarantine show %.*s --data ", QUARANTINED_SHORT,
                  quarantined_text(o->shown, digest));
    text_add_shell(line, bytes_of(task->run->set->folder->path));
}

static bool is_wrong(const struct job_outcome *o)
{
    return !o->complete || o->faults || o->unsound;
}

/* What is wrong, as a number: 0 is nothing. What a run that goes on has said of a collection isn't said again
 * until it is something else. */
static uint32_t trouble_of(const struct job_outcome *o)
{
    int code = !o->complete ? o->error.code : o->faults ? o->fault.code : o->unsound ? ERR_COUNT : 0;
    return (uint32_t)code << 1 | (o->held != 0);
}

/* What an open breaker refused is told of once, with its account. */
bool report_is_due(const struct task *task)
{
    if (task->is_refused)
        return false;
    uint32_t told = task->watched ? task->watched->told : 0;
    return trouble_of(&task->job->outcome) != told;
}

static void count_ending(struct run_totals *totals, const struct job_outcome *o)
{
    totals->sound += o->complete && o->sound && !o->unmodified;
    totals->unsound += o->complete && !o->sound;
    totals->failed[o->complete ? ERR_OK : o->error.code] += !o->complete;
}

/* What was recognised without being listed is tier 0. */
static void count_tiers(struct run_totals *totals, const struct job_outcome *o)
{
    if (o->unmodified) {
        totals->tiers[0] += o->kept;
        return;
    }
    uint64_t parsed = o->unchanged - o->tier1 - o->tier2;
    totals->tiers[1] += o->tier1;
    totals->tiers[2] += o->tier2;
    totals->tiers[3] += o->unchanged > o->tier1 + o->tier2 ? parsed : 0;
    totals->tiers[4] += o->created + o->updated;
}

void report_count(struct run_totals *totals, const struct job_outcome *o)
{
    totals->collections++;
    totals->incomplete += is_wrong(o);
    totals->held += o->held != 0;
    totals->unmodified += o->unmodified;
    totals->created += o->created;
    totals->updated += o->updated;
    totals->deleted += o->deleted;
    totals->unchanged += o->unchanged;
    totals->items += o->created + o->updated + o->unchanged;
    count_ending(totals, o);
    count_tiers(totals, o);
}

void report_add(struct run_totals *totals, const struct run_totals *more)
{
    totals->collections += more->collections;
    totals->incomplete += more->incomplete;
    totals->held += more->held;
    totals->unmodified += more->unmodified;
    totals->created += more->created;
    totals->updated += more->updated;
    totals->deleted += more->deleted;
    totals->unchanged += more->unchanged;
    totals->items += more->items;
    totals->accounts_failed += more->accounts_failed;
    totals->requests += more->requests;
    totals->bytes += more->bytes;
    totals->throttled += more->throttled;
    totals->retries += more->retries;
    totals->sound += more->sound;
    totals->unsound += more->unsound;
    totals->commits += more->commits;
    totals->compacted += more->compacted;
    for (size_t i = 0; i < sizeof totals->tiers / sizeof *totals->tiers; i++)
        totals->tiers[i] += more->tiers[i];
    for (int code = 0; code < ERR_COUNT; code++)
        totals->failed[code] += more->failed[code];
    totals->stopped |= more->stopped;
}

static void add_word(struct buffer *line, struct bytes word)
{
    buffer_add_char(line, ' ');
    text_add_shell(line, word);
}

static void report_held(struct task *task, const struct job_outcome *o)
{
    const struct collection_key *key = &task->job->listing.record.key;
    struct buffer line = {0}, account = {0};
    char held[UNITS_TEXT_BYTES], kept[UNITS_TEXT_BYTES];
    buffer_printf(&account, "%.*s/%.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
    add_place(&line, key, 0);
    buffer_printf(&line,
                  "the guard holds back %s deletions, %s kept; to let the next sound listing delete them: "
                  "garner confirm",
                  units_count(o->held, held), units_count(o->kept, kept));
    add_word(&line, buffer_bytes(&account));
    add_word(&line, key->type);
    if (key->region.data) {
        buffer_add_text(&line, " --region");
        add_word(&line, key->region);
    }
    if (key->parent.data) {
        buffer_add_text(&line, " --parent");
        add_word(&line, key->parent);
    }
    buffer_add_text(&line, " --data");
    add_word(&line, bytes_of(task->run->set->folder->path));
    buffer_close(&account);
    say(task->run, &line);
}

static void add_cause(struct buffer *line, const struct job_outcome *o)
{
    if (!o->complete) {
        buffer_add_text(line, o->error.text);
        return;
    }
    if (o->faults)
        buffer_add_text(line, o->fault.text);
    if (o->faults > 1)
        buffer_printf(line, " (and %" PRIu64 " more such)", o->faults - 1);
    if (o->unsound)
        buffer_printf(line, "%sthe listing is not sound: %s", o->faults ? "; " : "", o->unsound);
}

static void report_well(struct task *task)
{
    struct buffer line = {0};
    add_place(&line, &task->job->listing.record.key, 0);
    buffer_add_text(&line, "it is well again");
    say(task->run, &line);
}

void report_outcome(struct task *task, const struct job_outcome *o)
{
    const struct collection_key *key = &task->job->listing.record.key;
    bool is_news = report_is_due(task);
    report_count(&task->run->totals, o);
    if (task->watched && !task->is_refused)
        task->watched->told = task->account->error.code ? 0 : trouble_of(o);
    bool is_stopped = !run_is_once(task->run) && o->error.code == ERR_STOPPED; /* it goes on another time */
    if (!is_news || is_stopped)
        return;
    if (o->held)
        report_held(task, o);
    if (task->watched && !trouble_of(o))
        report_well(task);
    if (!is_wrong(o) || task->account->error.code) /* an account that failed is told of once */
        return;
    struct buffer line = {0};
    add_place(&line, key, o->page);
    add_cause(&line, o);
    add_kept(&line, o);
    if (o->complete && o->faults && o->is_shown)
        add_shown(&line, task, o);
    say(task->run, &line);
}

void report_count_failure(struct run_totals *totals, const struct error *error)
{
    totals->collections++;
    totals->incomplete++;
    totals->failed[error->code]++;
}

void report_failure(struct account *a, const struct collection_key *key, const struct error *error)
{
    struct buffer line = {0};
    add_place(&line, key, 0);
    buffer_printf(&line, "%s; what was committed is kept, nothing deleted", error->text);
    report_count_failure(&a->run->totals, error);
    say(a->run, &line);
}

void report_number(struct run *run, uint32_t shard, const struct error *error)
{
    struct buffer line = {0};
    buffer_printf(&line, "shard %u: %s", shard, error->text);
    run->totals.incomplete++;
    say(run, &line);
}

void report_shard(struct shard *shard, const struct error *error)
{
    report_number(shard->run, shard->number, error);
}

/* Not once for each of what may be thousands of collections, and not each time. */
void report_shard_failure(struct shard *shard, const struct error *error)
{
    struct run *run = shard->run;
    struct buffer line = {0};
    if (error->code == ERR_STOPPED) /* no lease: that is told once for all shards */
        return;
    if (shard->failure_told_ms && run->now_ms - shard->failure_told_ms < LIMIT_FAILURE_TOLD_MS)
        return;
    shard->failure_told_ms = run->now_ms;
    shard->is_failure_told = true;
    buffer_printf(&line,
                  "%s; what was committed is kept, nothing deleted, and what is lost is harvested again",
                  error->text);
    say(run, &line);
}

void report_shard_well(struct shard *shard)
{
    struct buffer line = {0};
    if (!shard->is_failure_told)
        return;
    shard->is_failure_told = false;
    buffer_printf(&line, "shard %u: it is well again: its commits succeed", shard->number);
    say(shard->run, &line);
}

void report_account(struct account *a, const struct error *error, const char *what, const char *so)
{
    struct buffer line = {0};
    buffer_printf(&line, "%s %s: ", a->config->provider, a->config->id);
    if (what)
        buffer_printf(&line, "%s: ", what);
    buffer_printf(&line, "%s; %s", error->text, so);
    say(a->run, &line);
}
