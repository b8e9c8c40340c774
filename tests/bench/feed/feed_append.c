/* Appends changes to a new data folder, by the store alone: COUNT resources are created (writer.h) in SHARDS
 * shards, with a synced commit after 10,000 changes of a shard.
 *
 *     feed_append FOLDER COUNT SHARDS            what a listing writes: id, change and document
 *     feed_append --log FOLDER COUNT SHARDS      the changes alone, as a log that keeps no state does
 *
 * Prints a line of JSON. */
#include <string.h>

#include "tests/bench/feed/meter.h"
#include "tests/bench/feed/writer.h"

static void append_all(struct writer *writer, bool log_alone)
{
    struct meter meter;
    meter_begin(&meter);
    for (uint64_t i = 0; i < writer->count; i++) {
        writer_append(writer, i, log_alone);
        if (writer_is_full(writer, i))
            writer_commit(writer, writer_shard_of(writer, i));
    }
    for (uint32_t i = 0; i < writer->folder.shards; i++)
        writer_commit(writer, i);
    meter.changes = writer->count;
    meter.bytes = writer->count * WRITER_DOCUMENT_BYTES;
    meter_end(&meter);
}

int main(int argc, char **argv)
{
    struct writer writer;
    bool log_alone = argc == 5 && strcmp(argv[1], "--log") == 0;
    if (argc != 4 + log_alone)
        die("usage: feed_append [--log] FOLDER COUNT SHARDS");
    argv += log_alone;
    writer_open(&writer, argv[1], number_of(argv[2]), number_of(argv[3]));
    append_all(&writer, log_alone);
    writer_close(&writer);
    return 0;
}
