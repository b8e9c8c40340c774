/* feed: rounds of reading and printing.
 *
 *   SEEK --> ROUND --printed, more there--> ROUND
 *              |  ^
 *       all read  | changes came, or a second passed (bookmark)
 *              v  |
 *             WAIT --stop, reader gone--> END
 *
 * A data folder's stores are looked at every POLL_MS: the writer is another process, and nothing tells us. A
 * running Garner answers when there is something, or after ASK_MS; when it is gone, we go on where we were
 * once it is back. */
#include <inttypes.h>
#include <string.h>

#include "cli/data.h"
#include "cli/feed_filter.h"
#include "cli/feed_print.h"
#include "cli/feed_remote.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/stop.h"
#include "cli/verbs.h"
#include "common/clock.h"
#include "common/nearest.h"
#include "worker/feed/source.h"

enum { POLL_MS = 250, ASK_MS = 1000, BOOKMARK_MS = 1000, ROUND_CHANGES = 10000 };

struct feed {
    bool is_remote;
    struct feed_source source; /* of a data folder, or else: */
    struct feed_remote remote;
    struct feed_filter filter;
    struct feed_printer out;
    struct arena arena;
    bool follow;
    uint64_t limit, printed;
    uint64_t taken, passed; /* in this round */
    int wait_ms;            /* after it */
    bool at_end;            /* it brought nothing, and there was nothing more */
    bool bookmarked;        /* nothing came since the last bookmark */
    int64_t bookmark_ms;
};

/* --- what is asked for --- */

static int read_format(const struct options *options, bool *json, struct error *e)
{
    static const char *const formats[] = {"table", "ndjson"};
    struct printer probe;
    printer_open(&probe);
    *json = options->json || !probe.terminal;
    if (!options->format)
        return 0;
    *json = strcmp(options->format, "ndjson") == 0;
    if (*json || (strcmp(options->format, "table") == 0 && !options->json))
        return 0;
    if (options->json)
        return error_set(e, ERR_USAGE, "--json and --format %s contradict each other: leave one out",
                         options->format);
    const char *nearest = nearest_word(bytes_of(options->format), formats, 2);
    return error_set(e, ERR_USAGE, "--format '%s': %s%s%s", options->format, nearest ? "did you mean '" : "",
                     nearest ? nearest : "there are table and ndjson", nearest ? "'?" : "");
}

static int read_limit(struct feed *feed, const char *text, struct error *e)
{
    feed->limit = UINT64_MAX;
    if (text && !bytes_to_u64(bytes_of(text), &feed->limit))
        return error_set(e, ERR_USAGE, "--limit '%s': a whole number is needed", text);
    return 0;
}

/* Where a data folder's is to begin. */
static int seek(struct feed *feed, const char *from, struct error *e)
{
    struct cursor cursor;
    if (!from || strcmp(from, "oldest") == 0)
        return feed_source_seek_oldest(&feed->source, e);
    if (strcmp(from, "now") == 0)
        return feed_source_seek_now(&feed->source, e);
    int r = cursor_from_text(&feed->arena, bytes_of(from), &cursor, e);
    if (r)
        return error_at(e, "--from '%.24s%s'", from, strlen(from) > 24 ? "…" : "");
    return feed_source_seek_cursor(&feed->source, &cursor, e);
}

/* --- rounds --- */

static int take(struct feed *feed, const struct change *change, struct error *e)
{
    bool passes = feed->is_remote; /* the server has filtered */
    int r = passes ? 0 : filter_passes(&feed->filter.filter, change, &feed->filter.scratch, &passes, e);
    feed->taken++;
    feed->bookmarked = false;
    if (r || !passes)
        return r;
    feed->printed++;
    feed->passed++;
    return feed_printer_add(&feed->out, change, e);
}

static int next(struct feed *feed, const struct change **change, struct error *e)
{
    return feed->is_remote ? feed_remote_next(&feed->remote, change, e)
                           : feed_source_next(&feed->source, change, NULL, e);
}

static bool room_for_more(const struct feed *feed)
{
    return feed->printed < feed->limit && feed->taken < ROUND_CHANGES && !printer_full(&feed->out.printer);
}

static int take_all(struct feed *feed, struct error *e)
{
    const struct change *change = NULL;
    int r = 0;
    while (!r && room_for_more(feed)) {
        r = next(feed, &change, e);
        if (r || !change)
            break;
        r = take(feed, change, e);
    }
    return r;
}

static int read_folder(struct feed *feed, struct error *e)
{
    int r = feed_source_begin(&feed->source, e);
    if (!r)
        r = feed_source_refused(&feed->source, e);
    if (!r)
        r = take_all(feed, e);
    feed_source_end(&feed->source);
    feed->wait_ms = POLL_MS;
    feed->at_end = !feed->taken; /* else there may be more already */
    return r;
}

/* A connection that is lost while we follow is waited for. */
static int read_remote(struct feed *feed, struct error *e)
{
    bool at_end = false;
    int r = feed_remote_begin(&feed->remote, feed->follow ? ASK_MS : 0, &at_end, e);
    feed->wait_ms = 0;
    if (!r)
        r = take_all(feed, e);
    feed->at_end = !feed->taken && (feed->follow || at_end);
    return r;
}

static int read_round(struct feed *feed, struct error *e)
{
    feed->taken = feed->passed = 0;
    return feed->is_remote ? read_remote(feed, e) : read_folder(feed, e);
}

static bool bookmark_is_due(const struct feed *feed)
{
    return feed->passed || clock_steady_ms() - feed->bookmark_ms >= BOOKMARK_MS;
}

static void bookmark(struct feed *feed)
{
    struct cursor cursor;
    if (feed->is_remote)
        feed_remote_cursor(&feed->remote, &feed->arena, &cursor);
    else
        feed_source_cursor(&feed->source, &feed->arena, &cursor);
    feed_printer_bookmark(&feed->out, &cursor);
    arena_reset(&feed->arena);
    feed->bookmarked = true;
    feed->bookmark_ms = clock_steady_ms();
}

/* After an error, too, the last line says how far we came. */
static int print_feed(struct feed *feed, struct error *e)
{
    bool on = feed->printed < feed->limit;
    int r = 0;
    feed->bookmark_ms = clock_steady_ms() - BOOKMARK_MS; /* the first one at once */
    while (on && !r) {
        r = read_round(feed, e);
        if (bookmark_is_due(feed))
            bookmark(feed);
        on = feed_printer_flush(&feed->out) && feed->printed < feed->limit && !stop_asked();
        if (on && feed->at_end)
            on = feed->follow && stop_wait(feed->wait_ms);
    }
    if (!feed->bookmarked)
        bookmark(feed);
    return r;
}

static void say_sentence(void *context, const char *sentence)
{
    (void)context;
    say("%s", sentence);
}

static int open_remote(struct feed *feed, const char *address, const struct options *options, struct error *e)
{
    const char *const accounts[] = {options->account, NULL}, *const regions[] = {options->region, NULL},
                      *const types[] = {options->type, NULL};
    struct garner_options wanted = GARNER_OPTIONS;
    wanted.address = address;
    wanted.from = options->from ? options->from : feed->follow ? "now" : "oldest";
    wanted.accounts = accounts;
    wanted.regions = regions;
    wanted.types = types;
    wanted.ops = feed->filter.filter.ops;
    wanted.no_initial = options->no_initial;
    wanted.touches = options->touches;
    wanted.no_snapshots = true;
    wanted.give_up_ms = !feed->follow;
    wanted.say = say_sentence;
    int r = feed_remote_open(&feed->remote, &wanted, e);
    if (r == ERR_USAGE && options->from)
        error_at(e, "--from '%.24s%s'", options->from, strlen(options->from) > 24 ? "…" : "");
    return r;
}

static int open_source(struct feed *feed, struct folder *folder, const char *address,
                       const struct options *options, struct error *e)
{
    if (address)
        return open_remote(feed, address, options, e);
    feed_source_open(&feed->source, folder);
    return seek(feed, options->from, e);
}

/* Of a data folder, or of who is at the address. */
static int feed_of(struct folder *folder, const char *address, const struct options *options)
{
    struct feed feed = {.follow = !options->no_follow, .is_remote = address != NULL};
    struct error e;
    bool json = false;
    int exit_code = 0, printed = 0;
    int r = feed_filter_open(&feed.filter, options, &e);
    if (!r)
        r = read_format(options, &json, &e);
    if (!r)
        r = read_limit(&feed, options->limit, &e);
    if (!r)
        r = open_source(&feed, folder, address, options, &e);
    if (!r && folder)
        exit_code = select_check_lenient(folder, &(struct selection){.account = options->account,
                                                                     .region = options->region,
                                                                     .type = options->type});
    if (!r && !exit_code) {
        stop_listen();
        feed_printer_open(&feed.out, json, false);
        r = print_feed(&feed, &e);
        printed = feed_printer_close(&feed.out);
    }
    if (r)
        exit_code = say_error(&e);
    feed_filter_close(&feed.filter);
    if (feed.source.folder)
        feed_source_close(&feed.source);
    feed_remote_close(&feed.remote);
    arena_close(&feed.arena);
    return exit_code ? exit_code : printed;
}

static int run(const struct options *options)
{
    struct folder folder;
    int exit_code;
    const char *address = remote_address(options, &exit_code);
    if (address)
        return feed_of(NULL, address, options);
    if (!exit_code)
        exit_code = data_open(options, &folder);
    if (exit_code)
        return exit_code;
    exit_code = feed_of(&folder, NULL, options);
    folder_close(&folder);
    return exit_code;
}

const struct verb verb_feed = {
    .name = "feed",
    .summary = "print the changes, and follow them",
    .operands = "",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_TYPE |
               OPTION_FEED,
    .about =
        "Print what changed: resources that were created, updated or deleted, and collections that became "
        "unreachable, recovered and so on. Goes on printing as changes come, until Ctrl-C.",
    .examples =
        "Examples:\n"
        "  garner feed                                 of the running Garner, from now on\n"
        "  garner feed --data ./data\n"
        "  garner feed --data ./data --from now --type docker.tag --op deleted\n"
        "  garner feed --data ./data --no-follow --format table\n"
        "  garner feed --data ./data --touches /ipPermissions --no-initial\n\n"
        "As NDJSON every batch is followed by a bookmark. Store its cursor together with what you made of "
        "the changes: `--from CURSOR` goes on exactly there. docs/cli.md explains each key.",
    .run = run,
};
