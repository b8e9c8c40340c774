/* Positions, at each edge of what is kept and of each epoch: against what was there, in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "worker/feed/position.h"

/* --- a naive judge, which has both histories before it --- */

enum { SEQS = 12, EPOCHS = 8 };

/* Who wrote each seq; 0: nobody yet. */
struct log {
    uint64_t epochs[SEQS + 2];
    uint64_t head;
};

static struct log log_of(const struct store_epoch *epochs, uint32_t count, uint64_t head)
{
    struct log log = {.head = head};
    for (uint64_t seq = 1; seq <= head; seq++)
        for (uint32_t i = 0; i < count; i++)
            if (epochs[i].first <= seq)
                log.epochs[seq] = epochs[i].epoch;
    return log;
}

static bool may_still_come(const struct store_epoch *last, const struct log *log,
                           const struct position *position)
{
    return position->epoch > last->epoch || (position->epoch == last->epoch && position->seq > log->head);
}

/* The owner of an epoch took over one before its first seq: that is a point of it, too. */
static bool is_where_it_took_over(const struct store_epoch *epochs, uint32_t count,
                                  const struct position *position)
{
    bool found = false;
    for (uint32_t i = 0; i < count; i++)
        found |= epochs[i].epoch == position->epoch && epochs[i].first == position->seq + 1;
    return found;
}

/* Epochs that wrote nothing that is left count as the one before them. */
static uint64_t epoch_before(const struct store_epoch *epochs, uint32_t count, uint64_t epoch)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        if (epochs[i].epoch <= epoch)
            found = epochs[i].epoch;
    return found;
}

static enum refusal_kind naive(const struct history *history, const struct position *position)
{
    const struct store_epoch *epochs = history->epochs;
    struct log log = log_of(epochs, history->epoch_count, history->head);
    struct position at = *position;
    if (position->seq == 0)
        return history->oldest > 1 ? REFUSAL_COMPACTED : 0;
    if (may_still_come(&epochs[history->epoch_count - 1], &log, position))
        return REFUSAL_FUTURE;
    at.epoch = epoch_before(epochs, history->epoch_count, at.epoch);
    if (at.seq > log.head ||
        (log.epochs[at.seq] != at.epoch && !is_where_it_took_over(epochs, history->epoch_count, &at)))
        return REFUSAL_DIVERGED;
    return position->seq + 1 < history->oldest ? REFUSAL_COMPACTED : 0;
}

static void try_all_positions(const struct history *history)
{
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
        for (uint64_t seq = 0; seq <= SEQS; seq++) {
            struct position position = {.shard = 3, .epoch = epoch, .seq = seq};
            struct refusal refusal;
            position_judge(history, 3, &(struct point){epoch, seq, 0}, &refusal);
            if (refusal.kind != naive(history, &position) || refusal.shard != 3)
                fail_msg("(%llu, %llu) of %llu to %llu: %s, not %s", (unsigned long long)epoch,
                         (unsigned long long)seq, (unsigned long long)history->oldest,
                         (unsigned long long)history->head, refusal_name(refusal.kind),
                         refusal_name(naive(history, &position)));
            if (refusal.kind == REFUSAL_DIVERGED)
                assert_true(refusal.common < seq);
        }
}

/* Every history of up to three epochs and ten changes, everything kept or not, and every position. */
static void each_position_of_each_small_history_is_judged_as_it_must_be(void **state)
{
    (void)state;
    for (uint64_t head = 0; head <= 10; head++)
        for (uint64_t second = 1; second <= head + 1; second++)
            for (uint64_t third = second; third <= head + 1; third++)
                for (uint32_t count = 1; count <= 3; count++)
                    for (uint64_t oldest = 1; oldest <= head + 1; oldest++) {
                        const struct store_epoch epochs[] = {{1, 1}, {3, second}, {6, third}};
                        struct history history = {
                            .epochs = epochs, .epoch_count = count, .oldest = oldest, .head = head};
                        try_all_positions(&history);
                    }
}

/* --- the edges, one by one --- */

static const struct store_epoch two_epochs[] = {{1, 1}, {3, 101}};

static struct refusal judge(uint64_t oldest, struct point at)
{
    const struct history history = {
        .epochs = two_epochs, .epoch_count = 2, .oldest = oldest, .head = 200, .cut_check = 77};
    struct refusal refusal;
    position_judge(&history, 1, &at, &refusal);
    assert_true(refusal.oldest == oldest && refusal.head == 200 && refusal.epoch == 3);
    return refusal;
}

static void what_is_kept_begins_right_behind_a_position(void **state)
{
    (void)state;
    assert_int_equal(judge(51, (struct point){.epoch = 1, .seq = 50}).kind, 0);
    assert_int_equal(judge(51, (struct point){.epoch = 1, .seq = 49}).kind, REFUSAL_COMPACTED);
    assert_int_equal(judge(1, (struct point){0}).kind, 0);
    assert_int_equal(judge(2, (struct point){0}).kind, REFUSAL_COMPACTED);
}

static void the_head_is_sound_and_what_is_beyond_it_may_still_come(void **state)
{
    (void)state;
    assert_int_equal(judge(1, (struct point){.epoch = 3, .seq = 200}).kind, 0);
    assert_int_equal(judge(1, (struct point){.epoch = 3, .seq = 201}).kind, REFUSAL_FUTURE);
    assert_int_equal(judge(1, (struct point){.epoch = 4, .seq = 5}).kind, REFUSAL_FUTURE);
    assert_int_equal(judge(201, (struct point){.epoch = 3, .seq = 200}).kind, 0); /* nothing is kept */
}

static void an_epoch_that_has_ended_never_goes_on(void **state)
{
    (void)state;
    struct refusal refusal = judge(1, (struct point){.epoch = 1, .seq = 101});
    assert_true(refusal.kind == REFUSAL_DIVERGED && refusal.common == 100);
    assert_int_equal(judge(1, (struct point){.epoch = 1, .seq = 100}).kind, 0);
    assert_int_equal(judge(1, (struct point){.epoch = 2, .seq = 100}).kind, 0);
    assert_int_equal(judge(1, (struct point){.epoch = 2, .seq = 101}).kind, REFUSAL_DIVERGED);
    assert_int_equal(judge(1, (struct point){.epoch = 3, .seq = 100}).kind, 0);
    refusal = judge(1, (struct point){.epoch = 3, .seq = 99});
    assert_true(refusal.kind == REFUSAL_DIVERGED && refusal.common == 98);
}

static void another_history_counts_more_than_what_is_gone(void **state)
{
    (void)state;
    assert_int_equal(judge(150, (struct point){.epoch = 1, .seq = 110}).kind, REFUSAL_DIVERGED);
}

static void right_before_what_is_kept_the_check_sum_is_known_still(void **state)
{
    (void)state;
    struct refusal refusal = judge(151, (struct point){.check = 78, .epoch = 3, .seq = 150});
    assert_true(refusal.kind == REFUSAL_DIVERGED && refusal.common == 149);
    assert_int_equal(judge(151, (struct point){.check = 77, .epoch = 3, .seq = 150}).kind, 0);
    assert_int_equal(judge(151, (struct point){.epoch = 3, .seq = 150}).kind, 0);
    assert_int_equal(judge(151, (struct point){.check = 78, .epoch = 3, .seq = 151}).kind, 0);
    assert_int_equal(judge(151, (struct point){.check = 78, .epoch = 3, .seq = 149}).kind, REFUSAL_COMPACTED);
}

static void a_position_behind_a_seq_has_the_epoch_that_wrote_it(void **state)
{
    (void)state;
    const struct history history = {
        .epochs = two_epochs, .epoch_count = 2, .oldest = 51, .head = 200, .cut_check = 77};
    assert_int_equal(position_behind(&history, 1, 100).epoch, 1);
    assert_int_equal(position_behind(&history, 1, 101).epoch, 3);
    assert_int_equal(position_behind(&history, 1, 0).epoch, 1);
    assert_int_equal(position_behind(&history, 1, 50).check, 77);
    assert_int_equal(position_behind(&history, 1, 51).check, 0);
}

static void a_change_that_is_another_one_is_told_from_it(void **state)
{
    (void)state;
    struct refusal refusal = {0};
    struct point position = {.epoch = 1, .seq = 9, .check = position_check(BYTES("a change"))};
    assert_false(position_differs(&position, BYTES("a change"), &refusal));
    assert_true(position_differs(&position, BYTES("another"), &refusal));
    assert_true(refusal.kind == REFUSAL_DIVERGED && refusal.common == 8);
    position.check = 0; /* unknown */
    assert_false(position_differs(&position, BYTES("another"), &refusal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_position_of_each_small_history_is_judged_as_it_must_be),
        cmocka_unit_test(what_is_kept_begins_right_behind_a_position),
        cmocka_unit_test(the_head_is_sound_and_what_is_beyond_it_may_still_come),
        cmocka_unit_test(an_epoch_that_has_ended_never_goes_on),
        cmocka_unit_test(another_history_counts_more_than_what_is_gone),
        cmocka_unit_test(right_before_what_is_kept_the_check_sum_is_known_still),
        cmocka_unit_test(a_position_behind_a_seq_has_the_epoch_that_wrote_it),
        cmocka_unit_test(a_change_that_is_another_one_is_told_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
