/* Batches of a feed into a real PostgreSQL: changes, statuses, snapshots, and where they overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/cursor.h"
#include "test_sink_lab.h"

/* --- changes --- */

static void changes_come_into_both_tables_and_the_cursor_with_them(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "two", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_change(lab, GARNER_UPDATED, "t.a", "one", "{\"v\":2}");
    lab_change(lab, GARNER_DELETED, "t.a", "two", NULL);
    lab_comes(lab, "c2");
    lab_expect_resources(lab, "t.a one 2");
    lab_expect(lab, "SELECT first_seen < changed_at, seq FROM resources", "t 3");
    lab_expect(lab, "SELECT seq, op, id, after->>'v' FROM changes ORDER BY seq",
               "1 created one 1, 2 created two 1, 3 updated one 2, 4 deleted two -");
    lab_expect_cursor(lab, "c2");
}

static void of_several_changes_in_a_batch_the_last_counts(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "gone", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "again", "{\"v\":1}");
    lab_change(lab, GARNER_UPDATED, "t.a", "again", "{\"v\":2}");
    lab_change(lab, GARNER_DELETED, "t.a", "gone", NULL);
    lab_change(lab, GARNER_DELETED, "t.a", "again", NULL);
    lab_change(lab, GARNER_CREATED, "t.a", "again", "{\"v\":3}");
    lab_comes(lab, "c1");
    lab_expect_resources(lab, "t.a again 3");
    lab_expect(lab, "SELECT count(*) FROM changes", "6");
    lab_expect(lab, "SELECT first_seen = changed_at FROM resources", "t");
}

static void the_same_id_in_another_place_is_another_resource(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "x", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.b", "x", "{\"v\":2}");
    lab_change(lab, GARNER_CREATED, "t.b", "x", "{\"v\":3}");
    lab->changes[2].collection.region = lab_text("r");
    lab_change(lab, GARNER_CREATED, "t.b", "x", "{\"v\":4}");
    lab->changes[3].collection.parent = lab_text("r");
    lab_comes(lab, "c1");
    lab_change(lab, GARNER_DELETED, "t.b", "x", NULL);
    lab_comes(lab, "c2");
    lab_expect(lab, "SELECT type, region, parent, document->>'v' FROM resources ORDER BY 4",
               "t.a - - 1, t.b r - 3, t.b - r 4");
}

static void nothing_new_moves_the_cursor_only(void **state)
{
    struct lab *lab = *state;
    lab_nothing(lab, "c5");
    lab_expect_cursor(lab, "c5");
    lab_expect(lab, "SELECT caught_up_at IS NOT NULL, step FROM feed", "t 1");
    lab_nothing(lab, "c5");
    lab_expect(lab, "SELECT step FROM feed", "1");
}

static void who_hears_nothing_hasnt_caught_up(void **state)
{
    struct lab *lab = *state;
    lab_silence(lab, "c5");
    lab_expect(lab, "SELECT cursor, caught_up_at FROM feed", "c5 -");
}

static void without_changes_only_the_state_is_kept(void **state)
{
    struct lab *lab = *state;
    lab->options.no_changes = true;
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_expect_resources(lab, "t.a one 1");
    lab_expect(lab, "SELECT count(*) FROM changes", "0");
}

static void old_changes_go_when_they_are_to_be_kept_for_a_time(void **state)
{
    struct lab *lab = *state;
    lab->options.keep_ms = 3600000;
    lab_change(lab, GARNER_CREATED, "t.a", "old", "{\"v\":1}");
    lab->changes[0].time_ms = 1000000;
    lab_change(lab, GARNER_CREATED, "t.a", "new", "{\"v\":1}");
    lab->changes[1].time_ms = INT64_C(32503680000000); /* the year 3000 */
    lab_comes(lab, "c1");
    lab_expect(lab, "SELECT id FROM changes", "new");
    lab_expect_resources(lab, "t.a new 1, t.a old 1");
}

/* --- statuses --- */

static void a_collections_states_come_and_go(void **state)
{
    struct lab *lab = *state;
    lab_status(lab, GARNER_LISTED, "t.a");
    lab_status(lab, GARNER_UNREACHABLE, "t.a")->status.since_ms = INT64_C(1790000000500);
    lab_status(lab, GARNER_HELD, "t.a")->status.held = 7;
    lab_status(lab, GARNER_UNWATCHED, "t.b");
    lab_comes(lab, "c1");
    static const char sql[] =
        "SELECT type, complete, listed_since IS NOT NULL, extract(epoch FROM unreachable_since),"
        " unwatched_since IS NOT NULL, held FROM collections ORDER BY type";
    lab_expect(lab, sql, "t.a t t 1790000000.500000 f 7, t.b f f - t 0");
    lab_status(lab, GARNER_RECOVERED, "t.a");
    lab_status(lab, GARNER_HELD, "t.a")->status.held = 0;
    lab_status(lab, GARNER_UNREACHABLE, "t.b")->status.since_ms = INT64_C(1790000000000);
    lab_status(lab, GARNER_RECOVERED, "t.b");
    lab_comes(lab, "c2");
    lab_expect(lab, sql, "t.a t t - f 0, t.b f f - f 0");
    lab_expect(lab, "SELECT status->>'kind' FROM changes WHERE seq < 5 ORDER BY seq",
               "listed, unreachable, held, unwatched");
}

static void a_void_definition_forgets_what_was_before_it(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "old", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.b", "other", "{\"v\":1}");
    lab_status(lab, GARNER_LISTED, "t.a");
    lab_comes(lab, "c1");
    lab_change(lab, GARNER_CREATED, "t.a", "late", "{\"v\":1}");
    lab_status(lab, GARNER_DEFINITION, "t.a")->status.is_void = true;
    lab_change(lab, GARNER_CREATED, "t.a", "new", "{\"v\":1}");
    lab_comes(lab, "c2");
    lab_expect_resources(lab, "t.a new 1, t.b other 1");
    lab_expect(lab, "SELECT complete, listed_since FROM collections WHERE type = 't.a'", "f -");
    lab_status(lab, GARNER_DEFINITION, "t.b");
    lab_comes(lab, "c3");
    lab_expect_resources(lab, "t.a new 1, t.b other 1");
}

/* --- snapshots --- */

static void a_first_snapshot_and_the_tail_that_overlaps_it(void **state)
{
    struct lab *lab = *state;
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_row(lab, "one", 5, "{\"v\":5}");
    lab_row(lab, "two", 7, "{\"v\":7}");
    lab_row(lab, "one", 8, "{\"v\":8}");
    lab_rows_come(lab, "t.a", true);
    lab_rows_come(lab, "t.empty", true);
    lab_expect_cursor(lab, "-");
    lab_ends(lab, GARNER_WHY_ASKED, "c1");
    lab_expect_resources(lab, "t.a one 8, t.a two 7");
    lab_expect(lab, "SELECT type, complete FROM collections ORDER BY type", "t.a t, t.empty t");
    lab->seq = 5;
    lab_change(lab, GARNER_UPDATED, "t.a", "one", "{\"v\":6}");
    lab_change(lab, GARNER_UPDATED, "t.a", "two", "{\"v\":7}");
    lab_change(lab, GARNER_UPDATED, "t.a", "one", "{\"v\":8}");
    lab_change(lab, GARNER_DELETED, "t.a", "two", NULL);
    lab_comes(lab, "c2");
    lab_expect_resources(lab, "t.a one 8");
    lab_expect(lab, "SELECT count(*) FROM snapshots", "0");
}

/* What a snapshot has in it already may come in batches of its own. */
static void changes_that_are_older_than_a_row_leave_it_alone(void **state)
{
    struct lab *lab = *state;
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_row(lab, "one", 8, "{\"v\":8}");
    lab_row(lab, "made again", 9, "{\"v\":9}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_ASKED, "c1");
    lab->seq = 5;
    lab_change(lab, GARNER_UPDATED, "t.a", "one", "{\"v\":6}");
    lab_change(lab, GARNER_DELETED, "t.a", "made again", NULL);
    lab_comes(lab, "c2");
    lab_expect_resources(lab, "t.a made again 9, t.a one 8");
    lab_expect(lab, "SELECT count(*) FROM changes", "2");
    lab->seq = 5;
    lab_change(lab, GARNER_UPDATED, "t.a", "one", "{\"v\":6}");
    lab_comes(lab, "c3"); /* the very same one again */
    lab_expect(lab, "SELECT count(*) FROM changes", "2");
}

static void a_snapshot_says_how_well_its_collections_are_known(void **state)
{
    struct lab *lab = *state;
    static const char sql[] = "SELECT complete, extract(epoch FROM listed_since)::int,"
                              " extract(epoch FROM unreachable_since)::int,"
                              " extract(epoch FROM unwatched_since)::int, held FROM collections";
    lab_begins(lab, GARNER_WHY_ASKED);
    lab->state = (struct garner_state){1000, 2000, 3000, 4};
    lab_row(lab, "one", 5, "{\"v\":5}");
    lab_rows_come(lab, "t.a", true);
    lab_expect(lab, sql, "t 1 2 3 4");
    lab->state = (struct garner_state){.listed_since_ms = 1000};
    lab_rows_come(lab, "t.a", true);
    lab_expect(lab, sql, "t 1 - - 0");
}

static void what_a_compacted_snapshot_lacks_is_gone(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "stays", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "goes", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.gone", "goes", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab->shard++;
    lab_change(lab, GARNER_CREATED, "t.elsewhere", "stays", "{\"v\":1}");
    lab_comes(lab, "c2");
    lab->shard--;
    lab_begins(lab, GARNER_WHY_COMPACTED);
    lab_row(lab, "stays", 9, "{\"v\":9}");
    lab_rows_come(lab, "t.a", false);
    lab_row(lab, "new", 10, "{\"v\":9}");
    lab_rows_come(lab, "t.a", false);
    lab_expect(lab, "SELECT count(*) FROM resources", "5");
    lab_ends(lab, GARNER_WHY_COMPACTED, "c3");
    lab_expect_resources(lab, "t.a new 9, t.a stays 9, t.elsewhere stays 1");
    lab_expect(lab, "SELECT type FROM collections ORDER BY 1", "t.a, t.elsewhere");
}

static void changes_of_another_shard_come_amid_a_snapshot(void **state)
{
    struct lab *lab = *state;
    lab_begins(lab, GARNER_WHY_COMPACTED);
    lab->shard++;
    lab_change(lab, GARNER_CREATED, "t.elsewhere", "x", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab->shard--;
    lab_row(lab, "one", 9, "{\"v\":9}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_COMPACTED, "c2");
    lab_expect_resources(lab, "t.a one 9, t.elsewhere x 1");
}

/* The new history knows t.whole already, but t.part not yet wholly, and t.later not at all. */
static void after_a_divergence_only_what_is_complete_loses_rows_until_the_rest_is_listed(void **state)
{
    struct lab *lab = *state;
    lab->seq = 1000;
    lab_change(lab, GARNER_CREATED, "t.whole", "goes", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.whole", "stays", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.part", "seen", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.part", "unseen", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.part", "seen later", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.later", "x", "{\"v\":1}");
    lab_status(lab, GARNER_LISTED, "t.later");
    lab_comes(lab, "c1");
    lab->epoch = 2;
    lab_begins(lab, GARNER_WHY_DIVERGED);
    lab_row(lab, "stays", 3, "{\"v\":3}");
    lab_rows_come(lab, "t.whole", true);
    lab_row(lab, "seen", 4, "{\"v\":4}");
    lab_rows_come(lab, "t.part", false);
    lab_ends(lab, GARNER_WHY_DIVERGED, "c2");
    lab_expect(lab, "SELECT type, id, document->>'v', stale FROM resources ORDER BY 1, 2",
               "t.later x 1 t, t.part seen 4 f, t.part seen later 1 t, t.part unseen 1 t, t.whole stays 3 f");
    lab_expect(lab, "SELECT type, complete FROM collections ORDER BY 1", "t.later f, t.part f, t.whole t");
    lab->seq = 4; /* lower than those of the other history */
    lab_change(lab, GARNER_CREATED, "t.part", "seen later", "{\"v\":5}");
    lab_status(lab, GARNER_LISTED, "t.part");
    lab_comes(lab, "c3");
    lab_expect_resources(lab, "t.later x 1, t.part seen 4, t.part seen later 5, t.whole stays 3");
    lab_expect(lab, "SELECT type FROM resources WHERE stale", "t.later");
    lab_status(lab, GARNER_LISTED, "t.later");
    lab_comes(lab, "c4");
    lab_expect(lab, "SELECT count(*) FROM resources WHERE stale OR type = 't.later'", "0");
}

static void whoever_is_killed_amid_a_snapshot_gets_it_again(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "old", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_begins(lab, GARNER_WHY_COMPACTED);
    lab_row(lab, "deleted meanwhile", 9, "{\"v\":9}");
    lab_row(lab, "one", 10, "{\"v\":9}");
    lab_rows_come(lab, "t.a", true);
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    assert_string_equal(sink_cursor(&lab->sink), "c1");
    lab_expect(lab, "SELECT count(*) FROM snapshots", "0");
    lab_begins(lab, GARNER_WHY_COMPACTED);
    lab_row(lab, "one", 10, "{\"v\":9}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_COMPACTED, "c2");
    lab_expect_resources(lab, "t.a one 9");
}

static const char *cursor_of(struct arena *arena, uint32_t shard)
{
    struct position at = {.shard = shard, .epoch = 1, .seq = 5, .check = 7};
    struct cursor cursor = {.positions = &at, .count = 1};
    struct buffer text = {0};
    cursor_to_text(&cursor, &text);
    const char *copy = arena_strdup(arena, buffer_bytes(&text));
    buffer_close(&text);
    return copy;
}

/* Of the first state one shard is there when it is killed, and part of the next. That one is followed from
 * its beginning, but goes back to a backup meanwhile: nothing will ever say that "lost" is gone. */
static void what_a_first_state_that_was_cut_off_has_left_goes_unless_it_comes_again(void **state)
{
    struct lab *lab = *state;
    struct arena arena = {0};
    const char *first = cursor_of(&arena, 1);
    lab->shard = 1;
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_row(lab, "of the first", 5, "{\"v\":1}");
    lab_rows_come(lab, "t.first", true);
    lab_ends(lab, GARNER_WHY_ASKED, first);
    lab->shard = LAB_SHARD;
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_row(lab, "stays", 8, "{\"v\":8}");
    lab_row(lab, "lost", 9, "{\"v\":9}");
    lab_rows_come(lab, "t.a", true);
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    assert_string_equal(sink_cursor(&lab->sink), first);
    lab_expect(lab, "SELECT count(*) FROM resources", "3");
    lab->seq = 0;
    lab_change(lab, GARNER_CREATED, "t.a", "stays", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_nothing(lab, "c1");
    lab_expect_resources(lab, "t.a stays 1, t.first of the first 1");
    lab_expect(lab, "SELECT sweep_below FROM feed", "-");
    arena_close(&arena);
}

/* --- taking all anew --- */

static void a_resync_replaces_the_state_and_keeps_the_changes(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "of the other feed", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "of both", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.old", "of a type of the other feed", "{\"v\":1}");
    lab_comes(lab, "other");
    lab->options.resync = true;
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    lab->options.resync = false;
    assert_null(sink_cursor(&lab->sink));
    lab_expect(lab, "SELECT count(*) FROM resources", "3"); /* there is something to ask meanwhile */
    lab->shard = 1;
    lab->seq = 0;
    lab_silence(lab, NULL);
    lab_expect(lab, "SELECT count(*) FROM resources", "3");
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_silence(lab, "c0");
    lab_expect(lab, "SELECT count(*) FROM resources", "3");
    lab_row(lab, "of both", 1, "{\"v\":2}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_ASKED, "c1");
    lab_nothing(lab, "c1");
    lab_expect_resources(lab, "t.a of both 2");
    lab->shard = LAB_SHARD; /* a place that the other feed has used, too */
    lab_change(lab, GARNER_CREATED, "t.b", "new", "{\"v\":1}");
    lab_comes(lab, "c2");
    lab_expect(lab, "SELECT history, seq, id FROM changes ORDER BY 1, 2",
               "1 1 of the other feed, 1 2 of both, 1 3 of a type of the other feed, 2 1 new");
    lab_expect_resources(lab, "t.a of both 2, t.b new 1");
}

/* Killed between two shards' snapshots, it gets the second shard's changes from the first one on instead. */
static void what_changes_while_all_is_taken_anew_is_not_compared_with_what_was_before(void **state)
{
    struct lab *lab = *state;
    lab->seq = 100;
    lab_change(lab, GARNER_CREATED, "t.a", "of both", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "of the other feed", "{\"v\":1}");
    lab_status(lab, GARNER_LISTED, "t.a");
    lab_comes(lab, "other");
    lab->options.resync = true;
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    lab->options.resync = false;
    lab_comes(lab, "first shard");
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    lab->seq = 0;
    lab_change(lab, GARNER_CREATED, "t.a", "of both", "{\"v\":2}");
    lab_comes(lab, "c1");
    lab_nothing(lab, "c1");
    lab_expect_resources(lab, "t.a of both 2");
    lab_expect(lab, "SELECT type, complete FROM collections", "t.a f");
}

static void another_part_of_the_feed_needs_a_resync(void **state)
{
    struct lab *lab = *state;
    lab_comes(lab, "c1");
    lab->options.keeps = "everything of type t.a";
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_int_equal(lab->error.code, ERR_USAGE);
    assert_non_null(strstr(lab->error.text, "holds everything, not everything of type t.a"));
    lab->options.resync = true;
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    lab_expect(lab, "SELECT keeps, cursor, history FROM feed", "everything of type t.a - 2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_open, lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_come_into_both_tables_and_the_cursor_with_them),
        TEST(of_several_changes_in_a_batch_the_last_counts),
        TEST(the_same_id_in_another_place_is_another_resource),
        TEST(nothing_new_moves_the_cursor_only),
        TEST(who_hears_nothing_hasnt_caught_up),
        TEST(without_changes_only_the_state_is_kept),
        TEST(old_changes_go_when_they_are_to_be_kept_for_a_time),
        TEST(a_collections_states_come_and_go),
        TEST(a_void_definition_forgets_what_was_before_it),
        TEST(a_first_snapshot_and_the_tail_that_overlaps_it),
        TEST(changes_that_are_older_than_a_row_leave_it_alone),
        TEST(a_snapshot_says_how_well_its_collections_are_known),
        TEST(what_a_compacted_snapshot_lacks_is_gone),
        TEST(changes_of_another_shard_come_amid_a_snapshot),
        TEST(after_a_divergence_only_what_is_complete_loses_rows_until_the_rest_is_listed),
        TEST(whoever_is_killed_amid_a_snapshot_gets_it_again),
        TEST(what_a_first_state_that_was_cut_off_has_left_goes_unless_it_comes_again),
        TEST(a_resync_replaces_the_state_and_keeps_the_changes),
        TEST(what_changes_while_all_is_taken_anew_is_not_compared_with_what_was_before),
        TEST(another_part_of_the_feed_needs_a_resync),
    };
    return cmocka_run_group_tests(tests, lab_server_start, lab_server_stop);
}
