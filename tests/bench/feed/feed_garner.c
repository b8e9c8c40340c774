/* Garner's side of catching up: all changes of a running Garner, from the oldest on, by one FETCH after the
 * other, each decoded. Ends when COUNT resources were created.
 *
 *     feed_garner ADDRESS COUNT      a line of JSON */
#include <stdlib.h>

#include "client/client.h"
#include "common/check.h"
#include "tests/bench/feed/meter.h"

struct reader {
    struct client *client;
    struct arena answer;
    struct position *positions; /* by shard, those that have moved */
    uint32_t shards, count;
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

static void fetch(struct reader *reader, struct meter *meter)
{
    struct operator_request request = {.kind = OPERATOR_FETCH,
                                       .fetch = {.positions = reader->positions,
                                                 .count = reader->count,
                                                 .max_events = LIMIT_FETCH_CHANGES,
                                                 .max_bytes = LIMIT_MESSAGE_BYTES}};
    struct operator_reply reply;
    struct error e;
    arena_reset(&reader->answer);
    if (client_ask(reader->client, &request, &reader->answer, &reply, &e))
        die("%s", e.text);
    if (reply.fetch.count == 0)
        die("nothing more comes, after %lu changes", (unsigned long)meter->changes);
    for (uint32_t i = 0; i < reply.fetch.count; i++)
        meter_take(meter, reply.fetch.changes[i]);
    for (uint32_t i = 0; i < reply.fetch.position_count; i++)
        move(reader, &reply.fetch.positions[i]);
    meter_batch_done(meter);
}

int main(int argc, char **argv)
{
    struct reader reader = {0};
    struct meter meter;
    struct error e;
    if (argc != 3)
        die("usage: feed_garner ADDRESS COUNT");
    uint64_t count = number_of(argv[2]);
    if (client_open(argv[1], &reader.client, &e))
        die("%s", e.text);
    reader.shards = client_peer(reader.client)->shards;
    reader.positions = mem_zalloc(reader.shards * sizeof *reader.positions);
    meter_begin(&meter);
    while (meter.changes < count)
        fetch(&reader, &meter);
    meter_end(&meter);
    client_close(reader.client);
    arena_close(&reader.answer);
    free(reader.positions);
    return 0;
}
