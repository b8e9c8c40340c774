/* Garner's side: all changes of a running Garner, from the oldest on, by one FETCH after the other, each
 * decoded. Ends when COUNT resources were created.
 *
 *     feed_garner ADDRESS COUNT              catches up
 *     feed_garner --follow ADDRESS COUNT     waits for those that aren't there yet; of each answer a line,
 * "SEQ NS": its last change, and when (CLOCK_MONOTONIC) it was there, decoded
 *
 * Prints a line of JSON at the end. A change that doesn't follow the last one of its shard ends it: one was
 * lost. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/client.h"
#include "common/check.h"
#include "tests/bench/feed/meter.h"

enum { SECOND_NS = 1000000000 };

struct reader {
    struct client *client;
    struct arena answer;
    struct position *positions; /* by shard, those that have moved */
    uint32_t shards, count;
    uint64_t *seqs; /* by shard, of the last change that came */
    uint64_t wait_ms;
    struct buffer said; /* kept until the end: it costs no time then */
};

/* An answer names the positions that differ from the demand's. */
static void move(struct reader *reader, const struct position *to)
{
    uint32_t i = 0;
    while (i < reader->count && reader->positions[i].shard < to->shard)
        i++;
    if (i == reader->count || reader->positions[i].shard != to->shard) {
        if (reader->count == reader->shards)
            die("more positions than shards");
        for (uint32_t last = reader->count++; last > i; last--)
            reader->positions[last] = reader->positions[last - 1];
    }
    reader->positions[i] = *to;
}

static void take(struct reader *reader, struct meter *meter, struct bytes packed)
{
    meter_take(meter, packed);
    const struct change *change = &meter->change;
    if (change->shard >= reader->shards || change->seq != reader->seqs[change->shard] + 1)
        die("change %" PRIu64 " of shard %" PRIu32 " doesn't follow the last one that came", change->seq,
            change->shard);
    reader->seqs[change->shard] = change->seq;
}

static void say(struct reader *reader, const struct change *last)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer_printf(&reader->said, "%" PRIu64 " %" PRId64 "\n", last->seq,
                  (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec);
}

static void fetch(struct reader *reader, struct meter *meter)
{
    struct operator_request request = {.kind = OPERATOR_FETCH,
                                       .fetch = {.positions = reader->positions,
                                                 .count = reader->count,
                                                 .max_events = LIMIT_FETCH_CHANGES,
                                                 .max_bytes = LIMIT_MESSAGE_BYTES,
                                                 .wait_ms = reader->wait_ms}};
    struct operator_reply reply;
    struct error e;
    arena_reset(&reader->answer);
    if (client_ask(reader->client, &request, &reader->answer, &reply, &e))
        die("%s", e.text);
    if (reply.fetch.count == 0)
        die("nothing more comes, after %" PRIu64 " changes", meter->changes);
    for (uint32_t i = 0; i < reply.fetch.count; i++)
        take(reader, meter, reply.fetch.changes[i]);
    for (uint32_t i = 0; i < reply.fetch.position_count; i++)
        move(reader, &reply.fetch.positions[i]);
    if (reader->wait_ms)
        say(reader, &meter->change);
    meter_batch_done(meter);
}

static void open_reader(struct reader *reader, const char *address)
{
    struct error e;
    if (client_open(address, &reader->client, &e))
        die("%s", e.text);
    reader->shards = client_peer(reader->client)->shards;
    reader->positions = mem_zalloc(reader->shards * sizeof *reader->positions);
    reader->seqs = mem_zalloc(reader->shards * sizeof *reader->seqs);
}

static void close_reader(struct reader *reader)
{
    client_close(reader->client);
    arena_close(&reader->answer);
    buffer_close(&reader->said);
    free(reader->positions);
    free(reader->seqs);
}

int main(int argc, char **argv)
{
    struct reader reader = {0};
    struct meter meter;
    bool follows = argc == 4 && strcmp(argv[1], "--follow") == 0;
    if (argc != 3 + follows)
        die("usage: feed_garner [--follow] ADDRESS COUNT");
    argv += follows;
    uint64_t count = number_of(argv[2]);
    open_reader(&reader, argv[1]);
    reader.wait_ms = follows ? LIMIT_WAIT_MS : 0;
    meter_begin(&meter);
    while (meter.changes < count)
        fetch(&reader, &meter);
    fputs(buffer_text(&reader.said), stdout);
    meter_end(&meter);
    close_reader(&reader);
    return 0;
}
