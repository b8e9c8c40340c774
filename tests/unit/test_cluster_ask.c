/* What operators ask of the cluster: what is packed is what is unpacked, and what lacks something that its
 * verb needs, or has what can't be, is refused with a sentence. */
#include "proto/cluster_ask.h"

#include <string.h>

#include "tests/unit/test_cluster_lab.h"

static struct cluster_ask some_ask(struct lab *lab)
{
    uint32_t count = 1 + below(lab, 5);
    struct bytes *workers = arena_alloc(&lab->arena, 5 * sizeof *workers);
    for (uint32_t i = 0; i < count; i++)
        workers[i] = bytes_of(arena_printf(&lab->arena, "worker %u", (unsigned)i));
    struct cluster_ask ask = {
        .verb = (enum cluster_verb)(1 + below(lab, CLUSTER_VERB_END - 1)),
        .workers = workers,
        .worker_count = count,
        .has_shard = true,
        .shard = below(lab, LIMIT_SHARDS),
        .plan = any(lab) | 1,
        .account = some_text(lab, LIMIT_NAME_BYTES),
        .document = some_text(lab, 1000),
        .force = below(lab, 2),
        .deadline_ms = any(lab) >> 1,
        .version = any(lab),
        .from = (uint32_t)any(lab),
    };
    if (ask.verb == CLUSTER_MOVE || ask.verb == CLUSTER_PIN)
        ask.worker_count = 1;
    return ask;
}

static void what_is_asked_comes_as_it_was_sent(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < ROUNDS; i++) {
        struct cluster_ask again, sent = some_ask(lab);
        buffer_reset(&lab->out);
        cluster_ask_pack(&sent, &lab->out);
        if (cluster_ask_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e))
            fail_msg("%s", lab->e.text);
        assert_true(again.verb == sent.verb && again.has_shard == sent.has_shard &&
                    again.shard == sent.shard && again.plan == sent.plan && again.force == sent.force &&
                    again.deadline_ms == sent.deadline_ms && again.version == sent.version &&
                    again.from == sent.from);
        assert_same_bytes(again.account, sent.account);
        assert_same_bytes(again.document, sent.document);
        assert_int_equal(again.worker_count, sent.worker_count);
        for (uint32_t k = 0; k < sent.worker_count; k++)
            assert_same_bytes(again.workers[k], sent.workers[k]);
    }
}

static int refused_ask(struct lab *lab, const struct cluster_ask *ask)
{
    struct cluster_ask again;
    buffer_reset(&lab->out);
    cluster_ask_pack(ask, &lab->out);
    int r = cluster_ask_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e);
    assert_true(r != 0 && again.verb == 0);
    return r;
}

static void what_cannot_be_asked_is_refused(void **state)
{
    struct lab *lab = *state;
    const struct bytes two[] = {BYTES("a"), BYTES("b")}, twice[] = {BYTES("a"), BYTES("b"), BYTES("a")},
                       none[] = {BYTES("")};
    struct cluster_ask ask = {.verb = CLUSTER_EXPLAIN};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    assert_non_null(strstr(lab->e.text, "`explain`"));
    ask.verb = CLUSTER_APPLY;
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask.verb = CLUSTER_WHERE;
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask.account = BYTES("\n");
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_ACCOUNTS_ADD};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask.verb = CLUSTER_DRAIN;
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_DRAIN, .workers = twice, .worker_count = 3};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_DRAIN, .workers = none, .worker_count = 1};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_MOVE, .has_shard = true, .workers = two, .worker_count = 2};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_EXPLAIN, .has_shard = true, .shard = LIMIT_SHARDS};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_STATUS, .deadline_ms = UINT64_MAX};
    assert_int_equal(refused_ask(lab, &ask), ERR_BODY);
    ask = (struct cluster_ask){.verb = CLUSTER_VERB_END};
    assert_int_equal(refused_ask(lab, &ask), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "update it"));
    ask.verb = (enum cluster_verb)0;
    assert_int_equal(refused_ask(lab, &ask), ERR_USAGE);
}

static void each_verb_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int verb = 1; verb < CLUSTER_VERB_END; verb++)
        for (int other = 1; other < verb; other++)
            assert_string_not_equal(cluster_verb_name((enum cluster_verb)verb),
                                    cluster_verb_name((enum cluster_verb)other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_comes_as_it_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_asked_is_refused, setup, teardown),
        cmocka_unit_test(each_verb_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
