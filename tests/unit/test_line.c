/* How an agent speaks to a coordinator: over the wire, and to one in its own process, all the same is true of
 * both, but for what each is for. */
#include "tests/unit/test_coordinator_lab.h"
#include "worker/agent/line.h"

#include "common/value/value.h"
#include "proto/cluster_ask.h"

enum { SHORT_MS = 300 };

struct speaking {
    struct lab *lab;
    struct coordinator_serve *serve; /* over the wire */
    struct agent_line inside;        /* else */
    unsigned beats;
    bool last_waited;
    struct rpc_lock lock;
    atomic_bool poked;
    struct line *line;
};

static int beat(void *context, struct bytes packed, bool *waits, struct buffer *answer, struct error *e)
{
    struct speaking *s = context;
    s->beats++;
    s->last_waited = *waits;
    return coordinator_heartbeat(s->lab->coordinator, packed, waits, answer, e);
}

static int ask(void *context, struct bytes packed, struct buffer *answer, struct error *e)
{
    struct speaking *s = context;
    return coordinator_ask(s->lab->coordinator, packed, answer, e);
}

static void poke(struct speaking *s)
{
    atomic_store(&s->poked, true);
    pthread_mutex_lock(&s->lock.mutex);
    pthread_cond_broadcast(&s->lock.changed);
    pthread_mutex_unlock(&s->lock.mutex);
}

static void begin_inside(struct speaking *s, struct lab *lab)
{
    *s = (struct speaking){.lab = lab, .inside = {s, beat, ask}};
    rpc_lock_open(&s->lock);
    OK(lab, open_coordinator(lab));
    s->line = line_open("here", &s->inside, &s->lock);
}

static void begin_on_the_wire(struct speaking *s, struct lab *lab)
{
    struct coordinator_serve_setting setting = {"tcp://127.0.0.1:0", setting_of(lab)};
    *s = (struct speaking){.lab = lab};
    rpc_lock_open(&s->lock);
    OK(lab, coordinator_serve_open(&setting, &s->serve, &lab->e));
    s->line = line_open(coordinator_serve_address(s->serve), NULL, &s->lock);
}

static void end(struct speaking *s)
{
    line_close(s->line);
    coordinator_serve_close(s->serve);
    close_coordinator(s->lab);
    rpc_lock_close(&s->lock);
}

static int say(struct speaking *s)
{
    struct buffer packed = {0};
    struct error *e = &s->lab->e;
    add_heartbeat(s->lab, NULL, 0, &packed);
    int r = line_connect(s->line, e);
    if (!r)
        r = line_say(s->line, buffer_bytes(&packed), e);
    buffer_close(&packed);
    return r;
}

/* Until all shards are the worker's. */
static void settle(struct speaking *s)
{
    const int64_t end_ms = clock_steady_ms() + WITHIN_MS;
    struct bytes answer;
    while (s->lab->orders.order_count < SHARDS && clock_steady_ms() < end_ms) {
        OK(s->lab, say(s));
        if (!line_wait(s->line, clock_steady_ms() + SHORT_MS, NULL))
            continue;
        OK(s->lab, line_hear(s->line, &answer, &s->lab->e));
        assert_non_null(answer.data);
        take_orders(s->lab, answer);
    }
    assert_int_equal(s->lab->orders.order_count, SHARDS);
}

static void what_is_ordered_is_heard(struct speaking *s)
{
    assert_true(!s->inside.beat == !line_is_connected(s->line));
    settle(s);
    assert_true(line_is_connected(s->line));
    assert_int_equal(s->lab->orders.number, s->lab->number);
    end(s);
}

static void what_else_is_asked_is_answered(struct speaking *s)
{
    const struct cluster_ask fetch = {.verb = CLUSTER_ACCOUNTS_FETCH};
    const struct cluster_ask old = {.verb = CLUSTER_ACCOUNTS_FETCH, .version = 12345, .from = 1};
    struct buffer packed = {0};
    struct bytes answer;
    struct value value;
    OK(s->lab, line_connect(s->line, &s->lab->e));
    cluster_ask_pack(&fetch, &packed);
    OK(s->lab, line_ask(s->line, buffer_bytes(&packed), &s->lab->arena, &answer, &s->lab->e));
    OK(s->lab, value_from_msgpack(&s->lab->arena, answer, &value, &s->lab->e));
    assert_int_equal(value_get_text(&value, "documents")->count, 1);
    buffer_reset(&packed);
    cluster_ask_pack(&old, &packed);
    assert_int_equal(line_ask(s->line, buffer_bytes(&packed), &s->lab->arena, &answer, &s->lab->e), ERR_BUSY);
    buffer_close(&packed);
    end(s);
}

static void what_the_coordinator_refuses_is_told(struct speaking *s)
{
    struct bytes answer;
    s->lab->feed[0] = 'x';
    int r = say(s);
    if (!r && line_wait(s->line, clock_steady_ms() + WITHIN_MS, NULL))
        r = line_hear(s->line, &answer, &s->lab->e);
    s->lab->feed[0] = 'f';
    assert_int_equal(r, ERR_CONFIG);
    assert_non_null(strstr(s->lab->e.text, "its data folder is of feed"));
    settle(s);
    end(s);
}

static void who_waits_can_be_poked(struct speaking *s)
{
    settle(s);
    OK(s->lab, say(s));
    poke(s);
    const int64_t before_ms = clock_steady_ms();
    /* What was said before may be answered yet. */
    for (int i = 0; i < SHARDS && line_wait(s->line, clock_steady_ms() + WITHIN_MS, &s->poked); i++) {
        struct bytes answer;
        OK(s->lab, line_hear(s->line, &answer, &s->lab->e));
        take_orders(s->lab, answer);
        OK(s->lab, say(s));
    }
    assert_true(clock_steady_ms() - before_ms < WITHIN_MS);
    end(s);
}

#define BOTH_WAYS(property)                                                                                  \
    static void property##_inside(void **state)                                                              \
    {                                                                                                        \
        struct speaking s;                                                                                   \
        begin_inside(&s, *state);                                                                            \
        property(&s);                                                                                        \
    }                                                                                                        \
    static void property##_on_the_wire(void **state)                                                         \
    {                                                                                                        \
        struct speaking s;                                                                                   \
        begin_on_the_wire(&s, *state);                                                                       \
        property(&s);                                                                                        \
    }

BOTH_WAYS(what_is_ordered_is_heard)
BOTH_WAYS(what_else_is_asked_is_answered)
BOTH_WAYS(what_the_coordinator_refuses_is_told)
BOTH_WAYS(who_waits_can_be_poked)

/* --- inside --- */

static void hear_all(struct speaking *s)
{
    struct bytes answer;
    settle(s);
    OK(s->lab, say(s));
    while (line_wait(s->line, clock_steady_ms() + SHORT_MS, NULL) && s->last_waited) {
        OK(s->lab, line_hear(s->line, &answer, &s->lab->e));
        take_orders(s->lab, answer);
        if (s->last_waited)
            OK(s->lab, say(s));
    }
}

static void what_is_not_new_is_kept_back_until_the_time_is_over(void **state)
{
    struct speaking s;
    struct bytes answer;
    begin_inside(&s, *state);
    hear_all(&s);
    OK(s.lab, say(&s));
    assert_true(s.last_waited);
    const unsigned beats = s.beats;
    const int64_t before_ms = clock_steady_ms();
    assert_true(line_wait(s.line, before_ms + SHORT_MS, &s.poked));
    assert_true(clock_steady_ms() - before_ms >= SHORT_MS);
    assert_int_equal(s.beats, beats); /* nothing is asked meanwhile */
    OK(s.lab, line_hear(s.line, &answer, &s.lab->e));
    assert_int_equal(s.beats, beats + 1);
    assert_false(s.last_waited);
    const uint64_t version = s.lab->orders.version;
    take_orders(s.lab, answer);
    assert_int_equal(s.lab->orders.version, version);
    assert_int_equal(s.lab->orders.number, s.lab->number); /* the same heartbeat was asked again */
    end(&s);
}

static void what_changes_inside_is_told_and_heard_with_the_next_heartbeat(void **state)
{
    struct speaking s;
    struct bytes answer;
    begin_inside(&s, *state);
    hear_all(&s);
    const unsigned changes = atomic_load(&s.lab->changes);
    const uint64_t accounts = s.lab->orders.accounts;
    const struct config none = {0};
    coordinator_take_config(s.lab->coordinator, &none);
    assert_true(atomic_load(&s.lab->changes) > changes);
    OK(s.lab, say(&s));
    assert_true(line_wait(s.line, clock_steady_ms(), NULL));
    OK(s.lab, line_hear(s.line, &answer, &s.lab->e));
    take_orders(s.lab, answer);
    assert_true(s.lab->orders.accounts != accounts);
    assert_true(s.last_waited);
    end(&s);
}

/* --- over the wire --- */

static void nobody_there_is_no_connection(void **state)
{
    struct speaking s = {.lab = *state};
    rpc_lock_open(&s.lock);
    s.line = line_open("tcp://127.0.0.1:9", NULL, &s.lock);
    assert_int_equal(say(&s), ERR_CONNECT);
    assert_false(line_is_connected(s.line));
    end(&s);
}

/* --- all --- */

static int set_up_with_an_account(void **state)
{
    set_up(state);
    struct lab *lab = *state;
    lab->config = config_of(lab, "[{\"id\":\"1\",\"provider\":\"p\"}]");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_with_an_account, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_ordered_is_heard_inside),
        TEST(what_is_ordered_is_heard_on_the_wire),
        TEST(what_else_is_asked_is_answered_inside),
        TEST(what_else_is_asked_is_answered_on_the_wire),
        TEST(what_the_coordinator_refuses_is_told_inside),
        TEST(what_the_coordinator_refuses_is_told_on_the_wire),
        TEST(who_waits_can_be_poked_inside),
        TEST(who_waits_can_be_poked_on_the_wire),
        TEST(what_is_not_new_is_kept_back_until_the_time_is_over),
        TEST(what_changes_inside_is_told_and_heard_with_the_next_heartbeat),
        TEST(nobody_there_is_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
