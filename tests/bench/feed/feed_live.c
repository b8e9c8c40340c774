/* A feed that grows at a steady rate, served as `garner run` serves it, from one shard: COUNT resources are
 * created, BATCH of them a commit, RATE a second.
 *
 *     feed_live ADDRESS FOLDER COUNT RATE BATCH
 *
 * Says "ready" when it listens, begins at a line on stdin, and serves until stdin ends. Of each commit it
 * says a line, "SEQ NS": its last change, and when (CLOCK_MONOTONIC) those who wait were told of it. Commits
 * that can't keep up with the rate come late, as their lines show. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/check.h"
#include "tests/bench/feed/meter.h"
#include "tests/bench/feed/writer.h"
#include "worker/serve/serve.h"

enum { SECOND_NS = 1000000000 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void wait_until(int64_t ns)
{
    struct timespec until = {ns / SECOND_NS, ns % SECOND_NS};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* What is said is kept until the end: it costs no time then. */
static void grow(struct writer *writer, struct serve *serve, uint64_t rate, uint64_t batch,
                 struct buffer *said)
{
    int64_t began_ns = now_ns();
    for (uint64_t i = 0; i < writer->count;) {
        wait_until(began_ns + (int64_t)((double)i * SECOND_NS / (double)rate));
        for (uint64_t end = i + batch; i < end && i < writer->count; i++)
            writer_append(writer, i, false);
        uint64_t last = writer_commit(writer, 0);
        buffer_printf(said, "%" PRIu64 " %" PRId64 "\n", last, now_ns());
        serve_committed(serve, 0, last);
    }
}

int main(int argc, char **argv)
{
    struct writer writer;
    struct serve *serve;
    struct buffer said = {0};
    struct error e;
    if (argc != 6)
        die("usage: feed_live ADDRESS FOLDER COUNT RATE BATCH");
    writer_open(&writer, argv[2], number_of(argv[3]), 1);
    struct serve_setting setting = {.address = argv[1], .folder = &writer.folder};
    if (serve_open(&setting, &serve, &e))
        die("%s", e.text);
    puts("ready");
    fflush(stdout);
    if (getchar() != EOF)
        grow(&writer, serve, number_of(argv[4]), number_of(argv[5]), &said);
    fputs(buffer_text(&said), stdout);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    serve_close(serve);
    writer_close(&writer);
    buffer_close(&said);
    return 0;
}
