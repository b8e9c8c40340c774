/* Sink follow: garner_next waits WAIT_MS at most, so that is how long a stop may take to be seen. A
 * transaction that is under way is ended first. */
#include "cli/sink/sink_follow.h"

#include <poll.h>

#include "cli/say.h"
#include "cli/stop.h"
#include "common/units.h"

enum { WAIT_MS = 500 };

static void say_sentence(void *context, const char *sentence)
{
    (void)context;
    say("%s", sentence);
}

/* Not stop_wait: whether anybody reads our standard output doesn't matter here. */
static bool wait_for_stop(void *context, int ms)
{
    struct pollfd stop = {.fd = stop_listen(), .events = POLLIN};
    (void)context;
    poll(&stop, 1, ms);
    return !stop_asked();
}

static int say_feed_error(const struct sink *sink, const struct garner_error *error)
{
    switch (error->code) {
    case GARNER_CONNECT:
        say("%s", error->text);
        return EXIT_NO_CONNECTION;
    case GARNER_USAGE:
        say("%s", error->text);
        return EXIT_USAGE;
    case GARNER_FOREIGN:
    case GARNER_FUTURE:
        say("schema '%s' can't go on: %s. With --resync the whole state is taken anew from there, and the "
            "changes "
            "that the database has stay; or give another --schema",
            sink->options->schema, error->text);
        return EXIT_USAGE;
    default:
        say("%s", error->text);
        return EXIT_INCOMPLETE;
    }
}

/* True: go on. */
static bool take(struct sink *sink, struct garner *feed, const struct garner_batch *batch, int *exit_code)
{
    struct error e;
    struct garner_error error;
    switch (sink_take(sink, batch, garner_cursor(feed), &e)) {
    case SINK_TAKEN:
        return true;
    case SINK_SEEK:
        say("somebody else wrote to schema '%s' meanwhile: going on from there", sink->options->schema);
        if (garner_seek(feed, sink_cursor(sink), &error) != GARNER_OK)
            *exit_code = say_feed_error(sink, &error);
        return !*exit_code;
    case SINK_STOPPED:
        return false;
    default:
        *exit_code = say_error(&e);
        return false;
    }
}

static int follow(struct sink *sink, struct garner *feed, bool no_follow)
{
    const struct garner_batch *batch;
    struct garner_error error;
    int exit_code = 0;
    bool on = true;
    while (on && !stop_asked()) {
        if (garner_next(feed, WAIT_MS, &batch, &error) != GARNER_OK)
            return say_feed_error(sink, &error);
        on = take(sink, feed, batch, &exit_code) && !(no_follow && batch->at_end);
    }
    return exit_code;
}

static void say_begin(const struct sink *sink)
{
    say("schema '%s' of database '%s': %s", sink->options->schema, PQdb(sink->db.conn),
        sink_cursor(sink) ? "going on where it stands" : "taking the whole state first");
}

int sink_follow(const struct sink_options *given, struct garner_options *feed_options, bool no_follow)
{
    struct sink_options options = *given;
    struct sink sink;
    struct error e;
    struct garner_error error;
    char count[UNITS_TEXT_BYTES];
    int exit_code = 0;
    stop_listen();
    options.say = say_sentence;
    options.wait = wait_for_stop;
    feed_options->say = say_sentence;
    feed_options->give_up_ms = no_follow;
    enum sink_verdict verdict = sink_open(&sink, &options, &e);
    if (verdict == SINK_FAILED)
        exit_code = say_error(&e);
    if (verdict == SINK_TAKEN) {
        feed_options->from = sink_cursor(&sink);
        struct garner *feed = garner_open(feed_options, &error);
        if (feed) {
            say_begin(&sink);
            exit_code = follow(&sink, feed, no_follow);
            say("%s changes taken", units_count(sink.changes, count));
        } else {
            exit_code = say_feed_error(&sink, &error);
        }
        garner_close(feed);
    }
    sink_close(&sink);
    return exit_code;
}
