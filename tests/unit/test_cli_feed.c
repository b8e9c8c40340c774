/* The feed of a data folder: which changes pass, in which order shards are merged, where cursors lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/filter.h"
#include "worker/feed/source.h"

/* --- --touches --- */

static bool touches(const char *pointer, const char *path)
{
    struct arena arena = {0};
    struct pointer a, b;
    assert_int_equal(pointer_parse(&arena, bytes_of(pointer), &a, NULL), 0);
    assert_int_equal(pointer_parse(&arena, bytes_of(path), &b, NULL), 0);
    bool does = filter_touches(&a, &b);
    arena_close(&arena);
    return does;
}

/* A patch touches a pointer at it, below it and above it; `*` stands for any one step. */
static void touches_at_below_and_above(void **state)
{
    (void)state;
    assert_true(touches("/tags", "/tags"));
    assert_true(touches("/tags", "/tags/k"));
    assert_true(touches("/tags/k", "/tags"));
    assert_true(touches("/tags/k", ""));
    assert_true(touches("/rules/*/port", "/rules/3/port"));
    assert_true(touches("/rules/*/port", "/rules/-"));
    assert_true(touches("", "/a"));
    assert_false(touches("/tags", "/tag"));
    assert_false(touches("/tags", "/tagsx/k"));
    assert_false(touches("/rules/*/port", "/rules/3/proto"));
    assert_false(touches("/a~1b", "/a/b"));
}

/* --- a folder with changes in two shards --- */

struct lab {
    char path[64];
    struct folder folder;
};

static void open_to_write(struct lab *lab)
{
    struct error e = {0};
    assert_int_equal(folder_open(&lab->folder, lab->path, 2, 1 << 24, &e), 0);
}

static void reopen_to_read(struct lab *lab)
{
    struct error e = {0};
    folder_close(&lab->folder);
    assert_int_equal(folder_open_read(&lab->folder, lab->path, &e), 0);
}

/* Append a status change to a shard at a time. */
static void append(struct lab *lab, uint32_t shard, int64_t time_ms)
{
    struct error e = {0};
    struct store *store;
    struct arena arena = {0};
    struct collection_record record;
    struct collection_key key = {.provider = BYTES("p"), .account = BYTES("a"), .type = BYTES("t")};
    assert_int_equal(folder_store(&lab->folder, shard, &store, &e), 0);
    assert_int_equal(store_write(store, &e), 0);
    if (store_collection_find(store, &key, &arena, &record, &e)) {
        record = (struct collection_record){.key = key, .next_harvest = 1};
        assert_int_equal(store_collection_put(store, &record, &e), 0);
    }
    struct change change = {.time_ms = time_ms, .status = {.kind = STATUS_RECOVERED}};
    assert_int_equal(store_status(store, &record, &change, &e), 0);
    assert_int_equal(store_commit(store, &e), 0);
    arena_close(&arena);
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    strcpy(lab->path, "/tmp/garner-test-feed.XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    open_to_write(lab);
    append(lab, 0, 100);
    append(lab, 1, 50);
    append(lab, 0, 90); /* the clock went back */
    append(lab, 1, 95);
    reopen_to_read(lab);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    char command[96];
    folder_close(&lab->folder);
    snprintf(command, sizeof command, "rm -rf %s", lab->path);
    int r = system(command);
    free(lab);
    return r;
}

/* What a round gives, as "shard:seq@time …", at most `max` changes. */
static void round_is(struct feed_source *source, unsigned max, const char *wanted)
{
    struct buffer text = {0};
    struct error e = {0};
    const struct change *change;
    assert_int_equal(feed_source_begin(source, &e), 0);
    for (unsigned i = 0; i < max; i++) {
        assert_int_equal(feed_source_next(source, &change, NULL, &e), 0);
        if (!change)
            break;
        buffer_printf(&text, "%u:%u@%u ", change->shard, (unsigned)change->seq, (unsigned)change->time_ms);
    }
    feed_source_end(source);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_close(&text);
}

/* Shards are merged by time; in a shard its own order holds, whatever the clock did. */
static void shards_are_merged_by_time(void **state)
{
    struct lab *lab = *state;
    struct feed_source source;
    feed_source_open(&source, &lab->folder);
    round_is(&source, 99, "1:1@50 1:2@95 0:1@100 0:2@90 ");
    round_is(&source, 99, "");
    feed_source_close(&source);
}

/* A round can end anywhere; the cursor then leads on from exactly there. */
static void a_cursor_leads_on(void **state)
{
    struct lab *lab = *state;
    struct feed_source source;
    struct arena arena = {0};
    struct buffer text = {0};
    struct cursor cursor;
    struct error e = {0};
    feed_source_open(&source, &lab->folder);
    round_is(&source, 3, "1:1@50 1:2@95 0:1@100 ");
    feed_source_cursor(&source, &arena, &cursor);
    cursor_to_text(&cursor, &text);
    feed_source_close(&source);

    feed_source_open(&source, &lab->folder);
    assert_int_equal(cursor_from_text(&arena, buffer_bytes(&text), &cursor, &e), 0);
    assert_int_equal(feed_source_seek_cursor(&source, &cursor, &e), 0);
    round_is(&source, 99, "0:2@90 ");
    feed_source_close(&source);
    arena_close(&arena);
    buffer_close(&text);
}

/* A cursor of another feed, or from beyond this one's end, is refused; "now" has nothing behind it. */
static void what_a_cursor_cannot_mean_is_refused(void **state)
{
    struct lab *lab = *state;
    struct feed_source source;
    struct error e = {0};
    struct position position = {.shard = 0, .epoch = 1, .seq = 3};
    struct cursor cursor = {.positions = &position, .count = 1};
    feed_source_open(&source, &lab->folder);
    assert_int_equal(feed_source_seek_cursor(&source, &cursor, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "another feed"));
    memcpy(cursor.feed, lab->folder.feed, sizeof cursor.feed);
    assert_int_equal(feed_source_seek_cursor(&source, &cursor, &e), 0);
    round_is(&source, 99, "1:1@50 1:2@95 "); /* the others go on */
    assert_int_equal(feed_source_begin(&source, &e), 0);
    feed_source_end(&source);
    assert_int_equal(feed_source_refused(&source, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "FUTURE"));
    position.shard = 7;
    assert_int_equal(feed_source_seek_cursor(&source, &cursor, &e), ERR_USAGE);
    assert_int_equal(feed_source_seek_now(&source, &e), 0);
    round_is(&source, 99, "");
    feed_source_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touches_at_below_and_above),
        cmocka_unit_test_setup_teardown(shards_are_merged_by_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cursor_leads_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_cursor_cannot_mean_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
