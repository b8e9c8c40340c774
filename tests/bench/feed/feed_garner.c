/* Garner's side: all changes of a running Garner, from the oldest on, by libgarner, each decoded to struct
 * fields. Ends when COUNT resources were created.
 *
 *     feed_garner ADDRESS COUNT              catches up
 *     feed_garner --follow ADDRESS COUNT     waits for those that aren't there yet; of each batch a line,
 * "SEQ NS": its last change, and when (CLOCK_MONOTONIC) it was there, decoded
 *
 * Prints a line of JSON at the end. A change that doesn't follow the last one of its shard ends it: one was
 * lost. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/garner.h"
#include "common/check.h"
#include "common/limits.h"
#include "tests/bench/feed/meter.h"

enum { SECOND_NS = 1000000000, PATIENCE_MS = 30000 };

static uint64_t seqs[LIMIT_SHARDS]; /* of the last change that came */
static struct buffer said;          /* kept until the end: it costs no time then */

static void take(struct meter *meter, const struct garner_change *change)
{
    if (change->shard >= LIMIT_SHARDS || change->seq != seqs[change->shard] + 1)
        die("change %" PRIu64 " of shard %" PRIu32 " doesn't follow the last one that came", change->seq,
            change->shard);
    seqs[change->shard] = change->seq;
    meter_count(meter, change->op == GARNER_CREATED, change->after.len);
}

static void say(uint64_t seq)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer_printf(&said, "%" PRIu64 " %" PRId64 "\n", seq, (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec);
}

int main(int argc, char **argv)
{
    struct garner_options options = GARNER_OPTIONS;
    struct garner_error error;
    const struct garner_batch *batch;
    struct meter meter;
    bool follows = argc == 4 && strcmp(argv[1], "--follow") == 0;
    if (argc != 3 + follows)
        die("usage: feed_garner [--follow] ADDRESS COUNT");
    argv += follows;
    uint64_t count = number_of(argv[2]);
    options.address = argv[1];
    options.from = "oldest";
    options.no_snapshots = true;
    struct garner *feed = garner_open(&options, &error);
    if (!feed)
        die("%s", error.text);
    meter_begin(&meter);
    while (meter.changes < count) {
        if (garner_next(feed, follows ? PATIENCE_MS : 0, &batch, &error))
            die("%s", error.text);
        if (batch->change_count == 0)
            die("nothing more comes, after %" PRIu64 " changes", meter.changes);
        for (size_t i = 0; i < batch->change_count; i++)
            take(&meter, &batch->changes[i]);
        if (follows)
            say(batch->changes[batch->change_count - 1].seq);
        meter_batch_done(&meter);
    }
    fputs(buffer_text(&said), stdout);
    meter_end(&meter);
    garner_close(feed);
    buffer_close(&said);
    return 0;
}
