/* Unreachable, recovered and unwatched: a status change each, exactly once a transition, with since and
 * cause; whatever happens in whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/random.h"
#include "tests/scenario/lab.h"

#define FILE_WITH(more)                                                                                      \
    "provider: lab\n"                                                                                        \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n" more

#define PLAIN   FILE_WITH("    id: /id\n")
#define MINUTE  60000
#define WALL_MS INT64_C(1700000000000) /* when the lab's clock is at 0 */

/* --- what the feed says since the last call --- */

struct telling {
    struct buffer lines;
    uint64_t told;
};

static int add_status(void *context, uint64_t seq, struct bytes packed)
{
    struct telling *t = context;
    struct arena arena = {0};
    struct change change;
    struct error e;
    CHECK(!change_unpack(&arena, packed, &change, &e));
    const struct receipt *receipt = change.status.receipt;
    enum status_kind kind = change.op == CHANGE_STATUS ? change.status.kind : STATUS_LISTED;
    if (kind == STATUS_UNREACHABLE || kind == STATUS_RECOVERED || kind == STATUS_UNWATCHED) {
        buffer_printf(&t->lines, "%s since %lld", status_kind_name(kind),
                      (long long)((change.status.since_ms - WALL_MS) / MINUTE));
        if (receipt)
            buffer_printf(&t->lines, " by %llu: %s", (unsigned long long)receipt->id.harvest,
                          receipt->complete ? "complete" : error_name(receipt->error));
        buffer_add_char(&t->lines, '\n');
        CHECK(kind != STATUS_UNREACHABLE || (receipt && receipt->cause && *receipt->cause));
    }
    t->told = seq;
    arena_close(&arena);
    return 0;
}

static void expect_statuses(struct lab *lab, struct telling *t, const char *lines)
{
    struct error e;
    buffer_reset(&t->lines);
    CHECK(!store_read(lab_store(lab), &e));
    CHECK(!store_changes_each(lab_store(lab), t->told + 1, add_status, t, &e));
    store_done(lab_store(lab));
    assert_string_equal(buffer_text(&t->lines), lines);
}

/* --- what may happen --- */

static void succeed(struct lab *lab)
{
    lab_page(lab, "a b", NULL);
    lab_harvest(lab, "item");
}

static void succeed_unsound(struct lab *lab)
{
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\",\"v\":1},{\"v\":2}],\"next\":null}");
    lab_harvest(lab, "item");
}

static void fail_at_once(struct lab *lab)
{
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
}

static void fail_half_way(struct lab *lab)
{
    lab_page(lab, "a c", "2");
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
}

static void stop_half_way(struct lab *lab)
{
    lab_page(lab, "a c", "2");
    lab_breaks(lab, ERR_STOPPED, "told to stop");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_STOPPED);
}

/* As a run does that finds it in the store and not in the configuration. */
static void unwatch(struct lab *lab, int64_t now_ms)
{
    struct collection_key key = {BYTES("lab"), BYTES("1"), BYTES("item"), {0}, {0}};
    struct collection_record record;
    struct arena arena = {0};
    struct error e;
    CHECK(!store_write(lab_store(lab), &e));
    CHECK(!store_collection_find(lab_store(lab), &key, &arena, &record, &e));
    if (!record.unwatched_since_ms) {
        record.unwatched_since_ms = WALL_MS + now_ms;
        struct change change = {
            .op = CHANGE_STATUS,
            .time_ms = record.unwatched_since_ms,
            .collection = record.id,
            .key = record.key,
            .status = {.kind = STATUS_UNWATCHED, .since_ms = record.unwatched_since_ms},
        };
        CHECK(!store_status(lab_store(lab), &record, &change, &e));
        CHECK(!store_collection_put(lab_store(lab), &record, &e));
    }
    CHECK(!store_commit(lab_store(lab), &e));
    arena_close(&arena);
}

/* --- sequences --- */

static void failing_for_long_is_said_once(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    lab_expires(lab);
    struct telling t = {.told = 0};
    succeed(lab);
    expect_statuses(lab, &t, "");
    lab_pass(lab, MINUTE);
    fail_half_way(lab);
    expect_statuses(lab, &t, "unreachable since 1 by 2: denied\n");
    for (int i = 0; i < 3; i++) {
        lab_pass(lab, MINUTE);
        fail_at_once(lab);
        lab_reopen(lab);
    }
    expect_statuses(lab, &t, "");
    succeed(lab);
    expect_statuses(lab, &t, "recovered since 1 by 6: complete\n");
    succeed(lab);
    expect_statuses(lab, &t, "");
    buffer_close(&t.lines);
    lab_close(lab);
}

/* The first harvest of all may fail, too. */
static void never_reached_is_unreachable(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    lab_expires(lab);
    struct telling t = {.told = 0};
    fail_at_once(lab);
    expect_statuses(lab, &t, "unreachable since 0 by 1: denied\n");
    lab_pass(lab, MINUTE);
    succeed_unsound(lab);
    expect_statuses(lab, &t, "recovered since 0 by 2: complete\n");
    buffer_close(&t.lines);
    lab_close(lab);
}

/* A harvest that was told to stop says nothing of the provider: neither from here nor from there. */
static void stopping_is_no_transition(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    lab_expires(lab);
    struct telling t = {.told = 0};
    succeed(lab);
    stop_half_way(lab);
    expect_statuses(lab, &t, "");
    fail_at_once(lab);
    expect_statuses(lab, &t, "unreachable since 0 by 3: denied\n");
    stop_half_way(lab);
    expect_statuses(lab, &t, "");
    buffer_close(&t.lines);
    lab_close(lab);
}

/* Watched again and not reached, it is unreachable again: since it first was. And the next time that it is
 * unwatched is said again. */
static void unwatched_in_between_is_a_transition(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    lab_expires(lab);
    struct telling t = {.told = 0};
    fail_at_once(lab);
    lab_pass(lab, MINUTE);
    unwatch(lab, MINUTE);
    unwatch(lab, MINUTE);
    expect_statuses(lab, &t, "unreachable since 0 by 1: denied\nunwatched since 1\n");
    lab_pass(lab, MINUTE);
    stop_half_way(lab);
    expect_statuses(lab, &t, "");
    fail_at_once(lab);
    fail_at_once(lab);
    expect_statuses(lab, &t, "unreachable since 0 by 3: denied\n");
    unwatch(lab, 2 * MINUTE);
    expect_statuses(lab, &t, "unwatched since 2\n");
    succeed(lab);
    expect_statuses(lab, &t, "recovered since 0 by 5: complete\n");
    unwatch(lab, 2 * MINUTE);
    succeed(lab);
    expect_statuses(lab, &t, "unwatched since 2\nrecovered since 2 by 6: complete\n");
    buffer_close(&t.lines);
    lab_close(lab);
}

/* --- any sequence --- */

struct model {
    bool is_there, is_unreachable, is_unwatched;
    int64_t unreachable, unwatched; /* since, in minutes */
    uint64_t harvest;               /* the next one */
    int64_t now;
    struct buffer expected;
};

static void model_fails(struct model *m, bool stopped)
{
    uint64_t harvest = m->harvest++;
    m->is_there = true;
    if (stopped || (m->is_unreachable && !m->is_unwatched))
        return;
    if (!m->is_unreachable)
        m->unreachable = m->now;
    m->is_unreachable = true;
    m->is_unwatched = false;
    buffer_printf(&m->expected, "unreachable since %lld by %llu: denied\n", (long long)m->unreachable,
                  (unsigned long long)harvest);
}

static void model_succeeds(struct model *m)
{
    uint64_t harvest = m->harvest++;
    m->is_there = true;
    if (m->is_unreachable || m->is_unwatched)
        buffer_printf(&m->expected, "recovered since %lld by %llu: complete\n",
                      (long long)(m->is_unreachable ? m->unreachable : m->unwatched),
                      (unsigned long long)harvest);
    m->is_unreachable = m->is_unwatched = false;
}

static void model_unwatched(struct model *m)
{
    if (!m->is_unwatched) {
        buffer_printf(&m->expected, "unwatched since %lld\n", (long long)m->now);
        m->unwatched = m->now;
    }
    m->is_unwatched = true;
}

static void step(struct lab *lab, struct model *m, uint64_t what)
{
    static const char *const files[] = {PLAIN, PLAIN "    ignore: [/v]\n", FILE_WITH("    id: /v\n"),
                                        PLAIN "    unordered: [/l]\n"};
    switch (what) {
    case 0:
        succeed(lab);
        model_succeeds(m);
        break;
    case 1:
        succeed_unsound(lab);
        model_succeeds(m);
        break;
    case 2:
        fail_at_once(lab);
        model_fails(m, false);
        break;
    case 3:
        fail_half_way(lab);
        model_fails(m, false);
        break;
    case 4:
        stop_half_way(lab);
        model_fails(m, true);
        break;
    case 5:
        lab_reopen(lab);
        break;
    case 6:
        if (!m->is_there)
            break;
        unwatch(lab, m->now * MINUTE);
        model_unwatched(m);
        break;
    case 7: /* what a lost commit said was never said */
        lab_loses(lab);
        fail_at_once(lab);
        break;
    case 8:
        lab_loses(lab);
        succeed(lab);
        break;
    default:
        lab_edit(lab, files[what % 4]);
    }
}

static void any_sequence_says_each_transition_once(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    for (int round = 0; round < 60; round++) {
        struct lab *lab = lab_open(PLAIN);
        lab_expires(lab);
        struct telling t = {.told = 0};
        struct model m = {.harvest = 1};
        for (int i = 0; i < 40; i++) {
            buffer_reset(&m.expected);
            step(lab, &m, random_below(&random, 13));
            expect_statuses(lab, &t, buffer_text(&m.expected));
            lab_forget(lab);
            lab_pass(lab, MINUTE);
            m.now++;
        }
        buffer_close(&m.expected);
        buffer_close(&t.lines);
        lab_close(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_for_long_is_said_once),
        cmocka_unit_test(never_reached_is_unreachable),
        cmocka_unit_test(stopping_is_no_transition),
        cmocka_unit_test(unwatched_in_between_is_a_transition),
        cmocka_unit_test(any_sequence_says_each_transition_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
