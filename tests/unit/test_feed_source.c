/* The change stream of a data folder whose logs were compacted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"
#include "worker/feed/source.h"

struct place {
    char path[256];
    struct folder folder;
    struct feed_source source;
    struct error e;
};

#define OK(place, call)                                                                                      \
    do {                                                                                                     \
        int ok_r = (call);                                                                                   \
        if (ok_r)                                                                                            \
            fail_msg("%s: %s (%s)", #call, error_name(ok_r), (place)->e.text);                               \
    } while (0)

static void add_changes(struct place *place, uint32_t shard, int count)
{
    struct store *store;
    struct collection_record record = lab_record("a");
    OK(place, folder_store(&place->folder, shard, &store, &place->e));
    OK(place, store_write(store, &place->e));
    struct arena arena = {0};
    if (store_collection_find(store, &record.key, &arena, &record, &place->e))
        OK(place, store_collection_put(store, &record, &place->e));
    for (int i = 0; i < count; i++) {
        struct change change = {.time_ms = 1000 + i, .status = {.kind = STATUS_LISTED}};
        OK(place, store_status(store, &record, &change, &place->e));
    }
    OK(place, store_commit(store, &place->e));
    arena_close(&arena);
}

static void compact(struct place *place, uint32_t shard, uint64_t up_to)
{
    struct store *store;
    uint32_t count;
    OK(place, folder_store(&place->folder, shard, &store, &place->e));
    OK(place, store_write(store, &place->e));
    OK(place,
       store_compact(store, &(struct store_compaction){up_to, INT64_MAX, 0, UINT32_MAX}, &count, &place->e));
    OK(place, store_commit(store, &place->e));
}

static int setup(void **state)
{
    struct place *place = mem_zalloc(sizeof *place);
    lab_make_folder(place->path);
    OK(place, folder_open(&place->folder, place->path, 3, (uint64_t)64 << 20, &place->e));
    feed_source_open(&place->source, &place->folder);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    feed_source_close(&place->source);
    folder_close(&place->folder);
    lab_remove_folder(place->path);
    free(place);
    return 0;
}

/* Reads all that there is, and gives the number of changes. */
static int read_all(struct place *place)
{
    const struct change *change;
    int count = 0;
    OK(place, feed_source_begin(&place->source, &place->e));
    while (feed_source_next(&place->source, &change, NULL, &place->e) == 0 && change)
        count++;
    feed_source_end(&place->source);
    return count;
}

static struct position at(uint32_t shard, uint64_t seq)
{
    return (struct position){.shard = shard, .epoch = 1, .seq = seq};
}

static int seek(struct place *place, struct position *positions, uint32_t count)
{
    struct cursor cursor = {.positions = positions, .count = count};
    memcpy(cursor.feed, place->folder.feed, sizeof cursor.feed);
    feed_source_rewind(&place->source);
    place->e.text[0] = 0;
    int r = feed_source_seek_cursor(&place->source, &cursor, &place->e);
    if (!r)
        r = feed_source_begin(&place->source, &place->e);
    feed_source_end(&place->source);
    return r ? r : feed_source_refused(&place->source, &place->e);
}

static void it_begins_with_the_oldest_change_that_is_kept(void **state)
{
    struct place *place = *state;
    add_changes(place, 0, 10);
    add_changes(place, 1, 5);
    compact(place, 0, 7);
    compact(place, 1, 5);
    OK(place, feed_source_seek_oldest(&place->source, &place->e));
    assert_int_equal(read_all(place), 3);
    assert_int_equal(read_all(place), 0);
    add_changes(place, 1, 2);
    assert_int_equal(read_all(place), 2);
}

/* The position just before the oldest change is the last one from which nothing is missed. */
static void a_cursor_before_the_oldest_change_is_refused(void **state)
{
    struct place *place = *state;
    add_changes(place, 0, 10);
    compact(place, 0, 7);
    OK(place, seek(place, (struct position[]){at(0, 7)}, 1));
    assert_int_equal(read_all(place), 3);
    assert_int_equal(seek(place, (struct position[]){at(0, 6)}, 1), ERR_USAGE);
    assert_non_null(strstr(place->e.text, "COMPACTED: the cursor is at change 6 of shard 0, which keeps 8"));
    compact(place, 0, 10);
    OK(place, seek(place, (struct position[]){at(0, 10)}, 1));
    assert_int_equal(read_all(place), 0);
    assert_int_equal(seek(place, (struct position[]){at(0, 9)}, 1), ERR_USAGE);
}

/* It was taken when there was nothing of that shard yet, which would be skipped in silence. */
static void a_cursor_from_before_a_shards_lost_changes_is_refused(void **state)
{
    struct place *place = *state;
    add_changes(place, 0, 10);
    add_changes(place, 2, 4);
    OK(place, seek(place, (struct position[]){at(0, 8)}, 1));
    assert_int_equal(read_all(place), 6);
    compact(place, 2, 1);
    assert_int_equal(seek(place, (struct position[]){at(0, 8)}, 1), ERR_USAGE);
    assert_non_null(strstr(place->e.text, "COMPACTED: the cursor is at change 0 of shard 2, which keeps 2"));
    assert_int_equal(seek(place, (struct position[]){at(0, 8), at(2, 0)}, 2), ERR_USAGE);
    OK(place, seek(place, (struct position[]){at(0, 8), at(2, 1)}, 2));
    assert_int_equal(read_all(place), 5);
}

/* What was compacted between two rounds of a reader that is too slow. */
static void a_reader_that_falls_behind_is_told(void **state)
{
    struct place *place = *state;
    add_changes(place, 0, 10);
    OK(place, seek(place, (struct position[]){at(0, 3)}, 1));
    compact(place, 0, 4);
    OK(place, feed_source_begin(&place->source, &place->e));
    feed_source_end(&place->source);
    assert_int_equal(feed_source_refused(&place->source, &place->e), ERR_USAGE);
    assert_non_null(strstr(place->e.text, "COMPACTED: the cursor is at change 3 of shard 0, which keeps 5"));
}

static int seek_until(struct place *place, struct point until)
{
    struct position position = at(0, 3);
    position.until = until;
    return seek(place, &position, 1);
}

/* Rows that came with the position were read when the shard was at its 8th change. */
static void what_a_snapshot_was_read_of_must_be_of_this_history_too(void **state)
{
    struct place *place = *state;
    struct position eighth;
    struct store *store;
    add_changes(place, 0, 10);
    OK(place, folder_reader(&place->folder, 0, &store, &place->e));
    OK(place, store_read(store, &place->e));
    OK(place, feed_position_behind(store, 8, &eighth, &place->e));
    store_done(store);
    folder_reader_done(&place->folder, store);

    OK(place, seek_until(place, (struct point){1, 8, eighth.check}));
    assert_int_equal(read_all(place), 7);
    assert_int_equal(seek_until(place, (struct point){1, 8, eighth.check + 1}), ERR_USAGE);
    assert_non_null(strstr(place->e.text, "DIVERGED"));
    assert_int_equal(seek_until(place, (struct point){1, 11, eighth.check}), ERR_USAGE);
    assert_non_null(strstr(place->e.text, "FUTURE"));
}

static void it_stays_with_the_position_until_that_has_passed_it(void **state)
{
    struct place *place = *state;
    const struct change *change;
    struct arena arena = {0};
    struct cursor cursor;
    add_changes(place, 0, 10);
    OK(place, seek_until(place, (struct point){1, 8, 0}));
    OK(place, feed_source_begin(&place->source, &place->e));
    for (uint64_t seq = 4; seq <= 10; seq++) {
        OK(place, feed_source_next(&place->source, &change, NULL, &place->e));
        feed_source_cursor(&place->source, &arena, &cursor);
        assert_int_equal(cursor.positions[0].seq, seq);
        assert_int_equal(cursor.positions[0].until.seq, seq < 8 ? 8 : 0);
    }
    feed_source_end(&place->source);
    arena_close(&arena);
}

static int refusal_at(struct place *place, struct position position)
{
    feed_source_rewind(&place->source);
    feed_source_seek(&place->source, &position);
    OK(place, feed_source_begin(&place->source, &place->e));
    feed_source_end(&place->source);
    return (int)place->source.shards[position.shard].refusal.kind;
}

static void a_shard_that_is_deleted_and_comes_back_is_read_anew(void **state)
{
    struct place *place = *state;
    uint64_t head;
    add_changes(place, 0, 10);
    add_changes(place, 1, 2);
    assert_int_equal(read_all(place), 12);
    OK(place, folder_drop(&place->folder, 0, &place->e));
    assert_int_equal(refusal_at(place, at(0, 4)), REFUSAL_FUTURE);
    OK(place, feed_source_head(&place->source, 0, &head, &place->e));
    assert_int_equal(head, 0);
    add_changes(place, 0, 3);
    feed_source_rewind(&place->source);
    assert_int_equal(read_all(place), 5);
}

/* Also of one that nobody asks for any more. */
static void a_shard_that_is_deleted_is_let_go_with_the_next_round(void **state)
{
    struct place *place = *state;
    add_changes(place, 0, 10);
    assert_int_equal(read_all(place), 10);
    OK(place, folder_drop(&place->folder, 0, &place->e));
    feed_source_rewind(&place->source);
    place->source.shards[0].idle = true;
    OK(place, feed_source_begin(&place->source, &place->e));
    feed_source_end(&place->source);
    assert_null(place->source.shards[0].store);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(it_begins_with_the_oldest_change_that_is_kept),
        T(a_cursor_before_the_oldest_change_is_refused),
        T(a_cursor_from_before_a_shards_lost_changes_is_refused),
        T(a_reader_that_falls_behind_is_told),
        T(what_a_snapshot_was_read_of_must_be_of_this_history_too),
        T(it_stays_with_the_position_until_that_has_passed_it),
        T(a_shard_that_is_deleted_and_comes_back_is_read_anew),
        T(a_shard_that_is_deleted_is_let_go_with_the_next_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
