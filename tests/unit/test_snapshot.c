/* Snapshots: part by part, of a store that goes on meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"
#include "worker/feed/snapshot.h"

/* --- words --- */

static struct feed_part take_part(struct lab *lab, struct feed_snapshot demand)
{
    struct buffer packed = {0};
    struct feed_part part, said;
    demand.shard = 12;
    LAB_OK(lab, snapshot_answer(lab->store, &demand, &packed, &said, &lab->e));
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    assert_true(feed_part_unpack(&lab->arena, copy, &part));
    if (!part.refusal.kind)
        assert_true(part.begin.seq == said.begin.seq && part.begin.check == said.begin.check &&
                    said.begin.shard == 12);
    return part;
}

static struct feed_snapshot next_demand(const struct feed_part *part, struct feed_snapshot demand)
{
    demand.has_begin = true;
    demand.begin = part->begin;
    demand.collection = part->collection;
    demand.row = part->row;
    return demand;
}

static void note_rows(const struct feed_part *part, struct buffer *text)
{
    for (uint32_t i = 0; i < part->collection_count; i++)
        for (uint32_t j = 0; j < part->collections[i].row_count; j++) {
            const struct feed_row *row = &part->collections[i].rows[j];
            buffer_printf(text, "%.*s/%.*s:%" PRIu64 " ", BYTES_ARG(part->collections[i].record.key.type),
                          BYTES_ARG(row->id), row->last_seq);
        }
}

/* All of it, in parts of so many bytes; in how many. */
static unsigned take_all(struct lab *lab, struct feed_snapshot demand, struct buffer *text)
{
    unsigned parts = 1;
    struct feed_part part = take_part(lab, demand);
    for (;; parts++) {
        assert_int_equal(part.refusal.kind, 0);
        note_rows(&part, text);
        if (part.last)
            return parts;
        assert_true(parts < 1000);
        part = take_part(lab, next_demand(&part, demand));
    }
}

static void expect_rows(struct lab *lab, struct feed_snapshot demand, const char *wanted)
{
    struct buffer text = {0};
    take_all(lab, demand, &text);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_close(&text);
}

/* Three collections: of two rows, of none, of three. */
static void fill(struct lab *lab)
{
    lab_collection(lab, "t");
    lab_create(lab, "a", "{\"x\":1}");
    lab_create(lab, "b", "{\"y\":1}");
    lab_put(lab);
    lab_collection(lab, "empty");
    lab_collection(lab, "u");
    lab->record.listed_since_ms = 1;
    lab_create(lab, "a", "{\"x\":1}");
    lab_create(lab, "c", "{\"x\":{\"z\":1}}");
    lab_create(lab, "d", "{}");
    lab_put(lab);
    lab_commit(lab);
}

static void compact(struct lab *lab, uint64_t up_to)
{
    uint32_t count;
    struct store_compaction what = {.up_to = up_to, .before_ms = INT64_MAX, .most = UINT32_MAX};
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_compact(lab->store, &what, &count, &lab->e));
    lab_commit(lab);
}

static const struct feed_snapshot everything = {.max_bytes = LIMIT_MESSAGE_BYTES};

/* --- tests --- */

static void one_part_has_all_rows_and_says_which_collections_are_complete(void **state)
{
    struct lab *lab = *state;
    fill(lab);
    struct feed_part part = take_part(lab, everything);
    assert_true(part.last && part.begin.seq == 5 && part.begin.epoch == 1 && part.begin.check);
    assert_int_equal(part.collection_count, 3);
    assert_false(part.collections[0].complete);
    assert_true(part.collections[1].row_count == 0 && part.collections[2].complete);
    expect_rows(lab, everything, "t/a:1 t/b:2 u/a:3 u/c:4 u/d:5 ");
}

static void followers_learn_the_epochs_with_the_first_part_and_subscribers_do_not(void **state)
{
    struct lab *lab = *state;
    struct feed_snapshot demand = {.max_bytes = 1, .follower = BYTES("w2")};
    fill(lab);
    struct feed_part part = take_part(lab, demand);
    assert_true(part.epoch_count == 1 && part.epochs[0].epoch == 1 && part.epochs[0].first == 1);
    assert_false(part.last);
    part = take_part(lab, next_demand(&part, demand));
    assert_int_equal(part.epoch_count, 0);
    assert_int_equal(take_part(lab, everything).epoch_count, 0);
}

/* A collection's record alone may be larger than a part. */
static void parts_of_one_byte_give_the_same_rows_as_one_part(void **state)
{
    struct lab *lab = *state;
    struct buffer whole = {0}, piecewise = {0};
    fill(lab);
    assert_int_equal(take_all(lab, everything, &whole), 1);
    for (uint64_t bytes = 1; bytes < 400; bytes += 7) {
        buffer_reset(&piecewise);
        unsigned parts = take_all(lab, (struct feed_snapshot){.max_bytes = bytes}, &piecewise);
        assert_string_equal(buffer_text(&piecewise), buffer_text(&whole));
        assert_true(bytes > 1 || parts >= 5);
    }
    buffer_close(&whole);
    buffer_close(&piecewise);
}

static void what_changes_between_parts_comes_behind_the_beginning(void **state)
{
    struct lab *lab = *state;
    struct buffer text = {0};
    const struct feed_snapshot small = {.max_bytes = 1};
    fill(lab);
    struct feed_part part = take_part(lab, small);
    note_rows(&part, &text);
    assert_int_equal(part.begin.until.seq, 0);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_collection_by_id(lab->store, lab->record.id, &lab->arena, &lab->record, &lab->e));
    lab_update(lab, 1, "{\"x\":2}"); /* u/c */
    lab_delete(lab, 2);              /* u/d */
    lab_create(lab, "e", "{}");
    lab_put(lab);
    lab_commit(lab);
    while (!part.last) {
        part = take_part(lab, next_demand(&part, small));
        note_rows(&part, &text);
        assert_int_equal(part.begin.seq, 5);       /* changes 6 to 8 follow … */
        assert_int_equal(part.begin.until.seq, 8); /* … and some of these rows have them already */
    }
    struct feed_snapshot again = next_demand(&part, small);
    again.begin.until.check++;
    assert_int_equal(take_part(lab, again).refusal.kind, REFUSAL_DIVERGED);
    assert_string_equal(buffer_text(&text), "t/a:1 t/b:2 u/a:3 u/c:6 u/e:8 ");
    buffer_close(&text);
}

static void a_filter_leaves_out_rows_and_whole_collections(void **state)
{
    struct lab *lab = *state;
    const struct bytes type = BYTES("u"), account = BYTES("aws/123456789012"), other = BYTES("gcp/1");
    struct feed_snapshot demand = everything;
    fill(lab);
    demand.filter.types = (struct filter_list){&type, 1};
    demand.filter.accounts = (struct filter_list){&account, 1};
    expect_rows(lab, demand, "u/a:3 u/c:4 u/d:5 ");
    assert_int_equal(take_part(lab, demand).collection_count, 1);
    demand.filter = (struct filter){.id_prefix = BYTES("a")};
    expect_rows(lab, demand, "t/a:1 u/a:3 ");
    demand.filter = (struct filter){.touches = BYTES("/x/z")};
    expect_rows(lab, demand, "u/c:4 ");
    demand.filter = (struct filter){.accounts = {&other, 1}};
    expect_rows(lab, demand, "");
}

/* What was cut away since the first part can't be given behind it any more. */
static void later_parts_are_refused_once_what_follows_the_beginning_is_gone(void **state)
{
    struct lab *lab = *state;
    const struct feed_snapshot small = {.max_bytes = 1};
    fill(lab);
    struct feed_part part = take_part(lab, small);
    compact(lab, 5); /* it begins right behind that */
    part = take_part(lab, next_demand(&part, small));
    assert_int_equal(part.refusal.kind, 0);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_status(lab, STATUS_RECOVERED, false);
    lab_commit(lab);
    compact(lab, 6);
    part = take_part(lab, next_demand(&part, small));
    assert_true(part.refusal.kind == REFUSAL_COMPACTED && part.refusal.oldest == 7);
    assert_int_equal(part.collection_count, 0);
}

static void a_beginning_of_another_history_is_refused_kept_or_just_cut_away(void **state)
{
    struct lab *lab = *state;
    struct feed_snapshot demand = everything;
    fill(lab);
    demand.has_begin = true;
    demand.begin = (struct position){.shard = 12, .check = 1234, .epoch = 1, .seq = 5};
    assert_int_equal(take_part(lab, demand).refusal.kind, REFUSAL_DIVERGED);
    compact(lab, 5);
    assert_int_equal(take_part(lab, demand).refusal.kind, REFUSAL_DIVERGED);
    demand.begin = (struct position){.shard = 12, .epoch = 1, .seq = 6};
    assert_int_equal(take_part(lab, demand).refusal.kind, REFUSAL_FUTURE);
}

static void a_log_that_is_cut_to_its_end_says_what_stood_there(void **state)
{
    struct lab *lab = *state;
    fill(lab);
    uint32_t check = take_part(lab, everything).begin.check;
    compact(lab, 5);
    struct feed_part part = take_part(lab, everything);
    assert_true(part.begin.seq == 5 && part.begin.check == check);
    lab_reopen(lab);
    assert_int_equal(take_part(lab, everything).begin.check, check);
}

static void of_a_shard_that_was_never_made_nothing_is_there(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->store;
    lab->store = NULL;
    struct feed_snapshot demand = everything;
    struct feed_part part = take_part(lab, demand);
    assert_true(part.last && part.begin.seq == 0 && part.collection_count == 0);
    demand.has_begin = true;
    demand.begin = (struct position){.shard = 12, .epoch = 1, .seq = 3};
    assert_int_equal(take_part(lab, demand).refusal.kind, REFUSAL_FUTURE);
    lab->store = store;
}

static void a_demand_that_cannot_be_meant_is_told_why(void **state)
{
    struct lab *lab = *state;
    struct buffer packed = {0};
    struct feed_part said;
    struct feed_snapshot demand = {.shard = 12};
    assert_int_equal(snapshot_answer(lab->store, &demand, &packed, &said, &lab->e), ERR_USAGE);
    demand.max_bytes = 1;
    demand.filter.touches = BYTES("nowhere");
    assert_int_equal(snapshot_answer(lab->store, &demand, &packed, &said, &lab->e), ERR_USAGE);
    buffer_close(&packed);
}

#define SNAPSHOT_TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SNAPSHOT_TEST(one_part_has_all_rows_and_says_which_collections_are_complete),
        SNAPSHOT_TEST(followers_learn_the_epochs_with_the_first_part_and_subscribers_do_not),
        SNAPSHOT_TEST(parts_of_one_byte_give_the_same_rows_as_one_part),
        SNAPSHOT_TEST(what_changes_between_parts_comes_behind_the_beginning),
        SNAPSHOT_TEST(a_filter_leaves_out_rows_and_whole_collections),
        SNAPSHOT_TEST(later_parts_are_refused_once_what_follows_the_beginning_is_gone),
        SNAPSHOT_TEST(a_beginning_of_another_history_is_refused_kept_or_just_cut_away),
        SNAPSHOT_TEST(a_log_that_is_cut_to_its_end_says_what_stood_there),
        SNAPSHOT_TEST(of_a_shard_that_was_never_made_nothing_is_there),
        SNAPSHOT_TEST(a_demand_that_cannot_be_meant_is_told_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
