/* Sink: the transaction is tried until it is in the tables, or it is clear that it can't be.
 *
 *   WRITE --committed--> TAKEN
 *    | ^ ^-----------failed for the moment: wait----------,
 *    | '--the row is as it was--,                         |
 *    |                          |                         |
 *    '--connection lost--> CONNECT --the row is ours, a step on--> TAKEN
 *                               '-----somebody else's------------> SEEK
 *
 * So a COMMIT whose answer never came is no question: the row says whether it counted. A sink that finds its
 * lock taken when it comes back waits; a server's process that is left over from our own last connection is
 * ended. */
#include "cli/sink/sink.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cli/sink/sink_schema.h"
#include "cli/sink/sink_write.h"
#include "common/check.h"
#include "common/clock.h"

enum { WAIT_FIRST_MS = 100, WAIT_MAX_MS = 5000, NOTE_MS = 30000 };

static void tell(struct sink *sink, const char *sentence)
{
    if (strcmp(sink->said, sentence) == 0)
        return;
    snprintf(sink->said, sizeof sink->said, "%s", sentence);
    sink->options->say(sink->options->context, *sentence ? sentence : "PostgreSQL takes what comes again");
}

static bool wait_longer(struct sink *sink, int *wait_ms)
{
    bool on = sink->options->wait(sink->options->context, *wait_ms);
    *wait_ms = *wait_ms * 2 < WAIT_MAX_MS ? *wait_ms * 2 : WAIT_MAX_MS;
    return on;
}

/* --- connecting --- */

static enum sink_fault say_taken(struct sink *sink, const struct buffer *who, struct error *e)
{
    error_set(
        e, ERR_USAGE,
        "another sink writes to schema '%s': %s. One is enough: stop it, or give this one another --schema",
        sink->options->schema, buffer_text(who));
    return SINK_AGAIN;
}

/* SINK_AGAIN: another sink has the lock. */
static enum sink_fault take_lock(struct sink *sink, const struct sink_db *old, struct error *e)
{
    struct buffer who = {0};
    bool taken = false;
    enum sink_fault fault = old->pid ? sink_state_end_old(&sink->db, old, e) : SINK_FINE;
    if (fault != SINK_LOST) /* without the right to end it we wait, as for any other */
        fault = sink_state_lock(&sink->db, sink->options->schema, &taken, &who, e);
    if (!fault && !taken)
        fault = say_taken(sink, &who, e);
    buffer_close(&who);
    return fault;
}

static enum sink_fault connect_lock(struct sink *sink, struct error *e)
{
    struct sink_db old = sink->db;
    enum sink_fault fault = sink_db_open(&sink->db, sink->options->conninfo, sink->options->schema, e);
    if (!fault)
        fault = take_lock(sink, &old, e);
    if (fault) { /* who we were last is still to be ended */
        sink_db_close(&sink->db);
        sink->db.pid = old.pid;
        memcpy(sink->db.started, old.started, sizeof old.started);
    }
    return fault;
}

/* Where the tables stand. */
static enum sink_fault load(struct sink *sink, struct sink_state *found, struct error *e)
{
    bool there = false;
    enum sink_fault fault = sink_state_load(&sink->db, found, &there, e);
    if (fault || there)
        return fault;
    error_set(e, ERR_STORE, "the table feed in schema '%s' is empty, somebody emptied it: start again",
              sink->options->schema);
    return SINK_FATAL;
}

/* Behind the lock: the tables, and where they stand. */
static enum sink_fault make_ready(struct sink *sink, struct sink_state *found, struct error *e)
{
    enum sink_fault fault = sink_schema_make(&sink->db, sink->options->schema, e);
    if (!fault)
        fault = sink_db_run(&sink->db, sink_batch_table, e);
    if (!fault)
        fault = sink_state_make(&sink->db, sink->options->keeps, e);
    return fault ? fault : load(sink, found, e);
}

/* --- opening --- */

static enum sink_fault check_keeps(struct sink *sink, struct error *e)
{
    const char *keeps = sink->options->keeps, *there = buffer_text(&sink->state.keeps);
    if (strcmp(keeps, there) == 0)
        return SINK_FINE;
    error_set(
        e, ERR_USAGE,
        "schema '%s' holds %s, not %s: ask for the same, give another --schema, or --resync to have this "
        "one hold what you ask for now",
        sink->options->schema, there, keeps);
    return SINK_FATAL;
}

static enum sink_fault begin(struct sink *sink, struct error *e)
{
    enum sink_fault fault = make_ready(sink, &sink->state, e);
    if (!fault && sink->options->resync) {
        fault = sink_state_resync(&sink->db, sink->writer, sink->options->keeps, e);
        if (!fault)
            fault = load(sink, &sink->state, e);
    }
    if (!fault)
        fault = check_keeps(sink, e);
    return fault ? fault : sink_state_cut_off(&sink->db, &sink->state, e);
}

/* Another sink's end is waited for, and a connection that broke although there had been one is made again. */
static enum sink_verdict open_in_time(struct sink *sink, struct error *e)
{
    int64_t until_ms = clock_steady_ms() + sink->options->lock_ms;
    int wait_ms = WAIT_FIRST_MS;
    for (;;) {
        enum sink_fault fault = connect_lock(sink, e);
        if (!fault)
            fault = begin(sink, e);
        if (!fault)
            return SINK_TAKEN;
        if (fault == SINK_FATAL || !sink->db.reached || clock_steady_ms() >= until_ms)
            return SINK_FAILED;
        tell(sink, e->text);
        if (!wait_longer(sink, &wait_ms))
            return SINK_STOPPED;
    }
}

enum sink_verdict sink_open(struct sink *sink, const struct sink_options *options, struct error *e)
{
    *sink = (struct sink){.options = options};
    CHECK(getrandom(&sink->writer, sizeof sink->writer, 0) == (ssize_t)sizeof sink->writer);
    int r = sink_schema_check(options->schema, e);
    if (!r)
        r = sink_db_check(options->conninfo, e);
    if (r)
        return SINK_FAILED;
    enum sink_verdict verdict = open_in_time(sink, e);
    sink->said[0] = 0;
    return verdict;
}

void sink_close(struct sink *sink)
{
    sink_db_close(&sink->db);
    sink_state_close(&sink->state);
    sink_batch_close(&sink->batch);
    buffer_close(&sink->out);
}

const char *sink_cursor(const struct sink *sink)
{
    return sink->state.cursor.len ? buffer_text(&sink->state.cursor) : NULL;
}

/* --- coming back --- */

/* Connected anew: what became of the transaction? SINK_TAKEN, SINK_SEEK, or -1: it is to be written again. */
static int compare(struct sink *sink, struct sink_state *found)
{
    int verdict = SINK_SEEK;
    if (found->writer == sink->writer && found->step == sink->state.step + 1)
        verdict = SINK_TAKEN;
    else if (found->writer == sink->state.writer && found->step == sink->state.step)
        verdict = -1;
    if (verdict != -1) {
        sink_state_close(&sink->state);
        sink->state = *found;
        *found = (struct sink_state){0};
    }
    return verdict;
}

/* Until connected: SINK_FINE with what was found; SINK_LOST: told to stop; SINK_FATAL. */
static enum sink_fault connect_again(struct sink *sink, struct sink_state *found, int *wait_ms,
                                     struct error *e)
{
    for (;;) {
        if (!wait_longer(sink, wait_ms))
            return SINK_LOST;
        enum sink_fault fault = connect_lock(sink, e);
        if (!fault) {
            fault = make_ready(sink, found, e);
            if (!fault || fault == SINK_FATAL)
                return fault;
            sink_db_close(&sink->db);
        }
        tell(sink, e->text); /* turned away, too: a server that comes up may not know its roles yet */
    }
}

static int come_back(struct sink *sink, int *wait_ms, struct error *e)
{
    struct sink_state found = {0};
    int verdict;
    switch (connect_again(sink, &found, wait_ms, e)) {
    case SINK_FINE:
        verdict = compare(sink, &found);
        break;
    case SINK_LOST:
        verdict = SINK_STOPPED;
        break;
    default:
        verdict = SINK_FAILED;
    }
    sink_state_close(&found);
    return verdict;
}

/* --- taking --- */

static bool is_worth_a_transaction(const struct sink *sink, const struct garner_batch *batch,
                                   const char *cursor)
{
    return batch->kind != GARNER_NOTHING ||
           strcmp(cursor ? cursor : "", buffer_text(&sink->state.cursor)) != 0 ||
           sink_write_may_sweep(sink, batch) || clock_steady_ms() - sink->written_ms >= NOTE_MS;
}

/* What failed for the moment: -1 when it is to be tried again. */
static int after_fault(struct sink *sink, enum sink_fault fault, int *wait_ms, struct error *e)
{
    if (fault == SINK_DATA && !sink->careful) {
        sink->careful = true;
        return -1;
    }
    if (fault == SINK_FATAL || fault == SINK_DATA)
        return SINK_FAILED;
    tell(sink, e->text);
    if (fault == SINK_LOST)
        return come_back(sink, wait_ms, e);
    return wait_longer(sink, wait_ms) ? -1 : SINK_STOPPED;
}

/* Somebody else wrote. */
static int take_over(struct sink *sink, int *wait_ms, struct error *e)
{
    struct sink_state found = {0};
    enum sink_fault fault = load(sink, &found, e);
    if (fault) {
        sink_state_close(&found);
        return after_fault(sink, fault, wait_ms, e);
    }
    sink_state_close(&sink->state);
    sink->state = found;
    return SINK_SEEK;
}

enum sink_verdict sink_take(struct sink *sink, const struct garner_batch *batch, const char *cursor,
                            struct error *e)
{
    int wait_ms = WAIT_FIRST_MS, verdict = -1;
    if (!is_worth_a_transaction(sink, batch, cursor))
        return SINK_TAKEN;
    while (verdict == -1) {
        bool ours = true;
        enum sink_fault fault = sink_write(sink, batch, cursor, &ours, e);
        if (fault)
            verdict = after_fault(sink, fault, &wait_ms, e);
        else
            verdict = ours ? SINK_TAKEN : take_over(sink, &wait_ms, e);
    }
    if (verdict == SINK_TAKEN || verdict == SINK_SEEK)
        tell(sink, "");
    if (verdict == SINK_TAKEN)
        sink_write_done(sink, batch);
    return (enum sink_verdict)verdict;
}
