/* libgarner, by its public functions, at a server on a real folder. */
#include "tests/unit/test_serve_lab.h"

#include "client/garner.h"
#include "tests/unit/test_serve_resources.h"

enum { PATIENCE_MS = 10000 };

struct subscriber {
    struct garner *feed;
    const struct garner_batch *batch;
    struct garner_error error;
    struct buffer said; /* what the library said, a line each */
};

static void note(void *context, const char *sentence)
{
    struct subscriber *subscriber = context;
    buffer_printf(&subscriber->said, "%s\n", sentence);
}

static void subscribe(struct serve_lab *lab, struct subscriber *s, struct garner_options options)
{
    *s = (struct subscriber){0};
    options.size = sizeof options;
    options.address = serve_address(lab->serve);
    options.context = s;
    options.say = note;
    s->feed = garner_open(&options, &s->error);
    if (!s->feed)
        fail_msg("%s", s->error.text);
}

static void leave(struct subscriber *s)
{
    garner_close(s->feed);
    buffer_close(&s->said);
}

/* A batch as text: "+id n " for created, "=" updated, "-" deleted, "?" status; "[" and "]" around a snapshot,
 * and "id n " for its rows. */
static void write_batch(struct subscriber *s, struct buffer *out)
{
    static const char signs[] = {
        [GARNER_CREATED] = '+', [GARNER_UPDATED] = '=', [GARNER_DELETED] = '-', [GARNER_STATUS] = '?'};
    const struct garner_batch *batch = s->batch;
    if (batch->kind == GARNER_SNAPSHOT_BEGIN)
        buffer_add_text(out, batch->why == GARNER_WHY_COMPACTED  ? "compacted["
                             : batch->why == GARNER_WHY_DIVERGED ? "diverged["
                                                                 : "[");
    for (size_t i = 0; i < batch->row_count; i++) {
        size_t len;
        const char *json = garner_to_json(s->feed, batch->rows[i].document, &len);
        buffer_printf(out, "%.*s %.*s ", (int)batch->rows[i].id.len, batch->rows[i].id.data, (int)len, json);
    }
    for (size_t i = 0; i < batch->change_count; i++)
        buffer_printf(out, "%c%.*s ", signs[batch->changes[i].op], (int)batch->changes[i].id.len,
                      batch->changes[i].id.data);
    if (batch->kind == GARNER_SNAPSHOT_END)
        buffer_add_text(out, "]");
}

/* All that comes until nothing does; brackets around nothing are left out. */
static void expect(struct subscriber *s, const char *wanted)
{
    struct buffer got = {0}, one = {0};
    bool more = true;
    while (more) {
        enum garner_code code = garner_next(s->feed, 0, &s->batch, &s->error);
        if (code) {
            buffer_printf(&got, "%s", garner_code_name(code));
            break;
        }
        buffer_reset(&one);
        write_batch(s, &one);
        buffer_add_bytes(&got, buffer_bytes(&one));
        if (got.len >= 2 && memcmp(got.data + got.len - 2, "[]", 2) == 0) {
            got.len -= 2;
            got.data[got.len] = 0;
        }
        more = !s->batch->at_end;
    }
    assert_string_equal(buffer_text(&got), wanted);
    buffer_close(&got);
    buffer_close(&one);
}

static char *cursor_of(struct serve_lab *lab, const struct subscriber *s)
{
    return arena_strdup(&lab->arena, bytes_of(garner_cursor(s->feed)));
}

static void the_whole_state_comes_first_and_then_what_changes(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 2);
    set_resource(lab, "1", "t", "a", 3);
    subscribe(lab, &s, (struct garner_options){0});
    expect(&s, "[a {\"n\":3} b {\"n\":2} ]");
    set_resource(lab, "1", "t", "b", -1);
    set_resource(lab, "1", "u", "c", 4);
    expect(&s, "-b +c ");
    expect(&s, "");
    leave(&s);
}

static void a_cursor_leads_on_from_behind_the_last_batch(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "b", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest"});
    expect(&s, "+a +b ");
    char *cursor = cursor_of(lab, &s);
    leave(&s);
    set_resource(lab, "1", "t", "a", 2);
    subscribe(lab, &s, (struct garner_options){.from = cursor});
    expect(&s, "=a ");
    leave(&s);
    subscribe(lab, &s, (struct garner_options){.from = "now"});
    expect(&s, "");
    set_resource(lab, "1", "t", "b", 2);
    expect(&s, "=b ");
    leave(&s);
}

static void a_cursor_within_a_batch_leads_on_from_there(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "2", "t", "b", 1);
    set_resource(lab, "1", "t", "c", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest"});
    assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_OK);
    assert_int_equal(s.batch->change_count, 3);
    struct garner_bytes third = s.batch->changes[2].id;
    char *wanted = arena_printf(&lab->arena, "+%.*s ", (int)third.len, third.data);
    char *cursor = arena_strdup(&lab->arena, bytes_of(garner_cursor_within(s.feed, 2)));
    leave(&s);
    subscribe(lab, &s, (struct garner_options){.from = cursor});
    expect(&s, wanted);
    leave(&s);
}

static void who_fell_behind_gets_a_snapshot_and_is_told_why(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    set_resource(lab, "1", "t", "a", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest"});
    expect(&s, "+a ");
    set_resource(lab, "1", "t", "b", 1);
    set_resource(lab, "1", "t", "a", 2);
    forget_changes(lab, "1", 2);
    expect(&s, "compacted[a {\"n\":2} b {\"n\":1} ]");
    assert_non_null(strstr(buffer_text(&s.said), "we fell behind what it keeps"));
    set_resource(lab, "1", "t", "a", 3);
    expect(&s, "=a ");
    leave(&s);
}

static void without_snapshots_falling_behind_is_an_error_until_one_seeks(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    set_resource(lab, "1", "t", "a", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest", .no_snapshots = true});
    expect(&s, "+a ");
    set_resource(lab, "1", "t", "b", 1);
    set_resource(lab, "1", "t", "a", 2);
    forget_changes(lab, "1", 2);
    expect(&s, "COMPACTED");
    expect(&s, "COMPACTED");
    assert_int_equal(garner_seek(s.feed, "oldest", &s.error), GARNER_OK);
    expect(&s, "=a ");
    leave(&s);
}

static void a_history_that_went_another_way_is_noticed(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    struct position forged = {.shard = shard_of("1"), .check = 7, .epoch = 1, .seq = 1};
    struct cursor cursor = {.positions = &forged, .count = 1};
    struct buffer text = {0};
    set_resource(lab, "1", "t", "a", 1);
    set_resource(lab, "1", "t", "a", 2);
    memcpy(cursor.feed, lab->folder.feed, sizeof cursor.feed);
    cursor_to_text(&cursor, &text);
    subscribe(lab, &s, (struct garner_options){.from = buffer_text(&text)});
    expect(&s, "diverged[a {\"n\":2} ]");
    leave(&s);
    forged.seq = 9;
    buffer_reset(&text);
    cursor_to_text(&cursor, &text);
    subscribe(lab, &s, (struct garner_options){.from = buffer_text(&text)});
    expect(&s, "FUTURE");
    leave(&s);
    buffer_close(&text);
}

static void members_of_a_partition_share_all_there_is(void **state)
{
    enum { MEMBERS = 3, TYPES = 12 };
    struct serve_lab *lab = *state;
    size_t all = 0;
    for (int i = 0; i < TYPES; i++)
        set_resource(lab, "1", arena_printf(&lab->arena, "t%d", i), "a", 1);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct subscriber s;
        subscribe(lab, &s, (struct garner_options){.from = "oldest", .members = MEMBERS, .member = i});
        assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_OK);
        assert_true(s.batch->change_count < TYPES);
        all += s.batch->change_count;
        leave(&s);
    }
    assert_int_equal(all, TYPES);
}

static void demand_bounds_what_comes_at_once(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    for (int i = 0; i < 7; i++)
        set_resource(lab, "1", "t", "a", i);
    subscribe(lab, &s, (struct garner_options){.from = "oldest", .max_demand = 3, .min_demand = 2});
    for (size_t left = 7; left > 0; left -= s.batch->change_count) {
        assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_OK);
        assert_true(s.batch->change_count == (left < 3 ? left : 3));
        assert_true(s.batch->more == (left > 3));
    }
    leave(&s);
}

static void *write_soon(void *context)
{
    usleep(100000);
    set_resource(context, "1", "t", "a", 1);
    return NULL;
}

static void who_waits_is_woken_by_a_commit(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    pthread_t thread;
    subscribe(lab, &s, (struct garner_options){.from = "now"});
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, write_soon, lab), 0);
    assert_int_equal(garner_next(s.feed, PATIENCE_MS, &s.batch, &s.error), GARNER_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.batch->change_count, 1);
    assert_true(clock_steady_ms() - began_ms < PATIENCE_MS);
    leave(&s);
}

static void *stop_soon(void *context)
{
    usleep(100000);
    garner_stop(context);
    return NULL;
}

static void a_stop_ends_waiting(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    pthread_t thread;
    subscribe(lab, &s, (struct garner_options){.from = "now"});
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, s.feed), 0);
    assert_int_equal(garner_next(s.feed, PATIENCE_MS, &s.batch, &s.error), GARNER_STOPPED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(clock_steady_ms() - began_ms < PATIENCE_MS);
    leave(&s);
}

static bool take_one(void *context, const struct garner_batch *batch)
{
    size_t *count = context;
    *count += batch->change_count;
    return *count == 0;
}

static void a_function_is_called_until_it_says_no(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    size_t count = 0;
    set_resource(lab, "1", "t", "a", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest"});
    assert_int_equal(garner_each(s.feed, take_one, &count, &s.error), GARNER_STOPPED);
    assert_int_equal(count, 1);
    leave(&s);
}

static void it_goes_on_with_a_garner_that_came_back(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    char *address = arena_strdup(&lab->arena, bytes_of(serve_address(lab->serve)));
    set_resource(lab, "1", "t", "a", 1);
    subscribe(lab, &s, (struct garner_options){.from = "oldest"});
    expect(&s, "+a ");
    serve_close(lab->serve);
    assert_int_equal(garner_next(s.feed, 300, &s.batch, &s.error), GARNER_OK);
    assert_true(s.batch->kind == GARNER_NOTHING && !s.batch->at_end);
    assert_non_null(strstr(buffer_text(&s.said), "waiting for it to come back"));
    LAB_OK(lab, open_serve(lab, address));
    set_resource(lab, "1", "t", "b", 1);
    assert_int_equal(garner_next(s.feed, PATIENCE_MS, &s.batch, &s.error), GARNER_OK);
    assert_int_equal(s.batch->change_count, 1);
    assert_non_null(strstr(buffer_text(&s.said), "connected again"));
    leave(&s);
}

static void who_is_not_patient_is_told_that_nobody_is_there(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    subscribe(lab, &s, (struct garner_options){.from = "now", .give_up_ms = 1});
    serve_close(lab->serve);
    lab->serve = NULL;
    assert_int_equal(garner_next(s.feed, PATIENCE_MS, &s.batch, &s.error), GARNER_CONNECT);
    leave(&s);
}

/* Most likely the second answer has come by then, and the third can't be asked for. */
static void after_an_error_the_cursor_is_behind_what_was_given(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    for (int i = 0; i < 7; i++)
        set_resource(lab, "1", "t", "a", i);
    subscribe(lab, &s, (struct garner_options){.from = "oldest", .max_demand = 3, .give_up_ms = 1});
    assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_OK);
    assert_int_equal(s.batch->change_count, 3);
    char *cursor;
    enum garner_code code;
    usleep(300000);
    serve_close(lab->serve);
    lab->serve = NULL;
    do {
        cursor = cursor_of(lab, &s);
        code = garner_next(s.feed, 10, &s.batch, &s.error);
    } while (code == GARNER_OK);
    assert_int_equal(code, GARNER_CONNECT);
    assert_string_equal(garner_cursor(s.feed), cursor);
    leave(&s);
}

static void a_seek_that_fails_is_an_error_until_one_succeeds(void **state)
{
    struct serve_lab *lab = *state;
    struct subscriber s;
    for (int i = 0; i < 7; i++)
        set_resource(lab, "1", "t", arena_printf(&lab->arena, "r%d", i), i);
    subscribe(lab, &s, (struct garner_options){.from = "oldest", .max_demand = 3});
    assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_OK);
    char *cursor = cursor_of(lab, &s);
    assert_int_equal(garner_seek(s.feed, "nonsense", &s.error), GARNER_USAGE);
    assert_int_equal(garner_next(s.feed, 0, &s.batch, &s.error), GARNER_USAGE);
    assert_int_equal(garner_seek(s.feed, cursor, &s.error), GARNER_OK);
    expect(&s, "+r3 +r4 +r5 +r6 ");
    leave(&s);
}

static enum garner_code refused(struct serve_lab *lab, struct garner_options options,
                                struct garner_error *error)
{
    options.size = options.size ? options.size : sizeof options;
    options.address = options.address ? options.address : serve_address(lab->serve);
    struct garner *feed = garner_open(&options, error);
    assert_null(feed);
    return error->code;
}

static void what_cannot_be_meant_is_refused_at_once(void **state)
{
    struct serve_lab *lab = *state;
    struct garner_error error;
    struct cursor foreign = {.feed = {1}};
    struct buffer text = {0};
    cursor_to_text(&foreign, &text);
    assert_int_equal(refused(lab, (struct garner_options){.size = 8}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.from = "nonsense"}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.from = buffer_text(&text)}, &error),
                     GARNER_FOREIGN);
    assert_int_equal(refused(lab, (struct garner_options){.touches = "x"}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.members = 2, .member = 2}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.ops = 1}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.address = "nowhere"}, &error), GARNER_USAGE);
    assert_int_equal(refused(lab, (struct garner_options){.address = "tcp://127.0.0.1:1"}, &error),
                     GARNER_CONNECT);
    buffer_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(the_whole_state_comes_first_and_then_what_changes),
        SERVE_TEST(a_cursor_leads_on_from_behind_the_last_batch),
        SERVE_TEST(a_cursor_within_a_batch_leads_on_from_there),
        SERVE_TEST(who_fell_behind_gets_a_snapshot_and_is_told_why),
        SERVE_TEST(without_snapshots_falling_behind_is_an_error_until_one_seeks),
        SERVE_TEST(a_history_that_went_another_way_is_noticed),
        SERVE_TEST(members_of_a_partition_share_all_there_is),
        SERVE_TEST(demand_bounds_what_comes_at_once),
        SERVE_TEST(who_waits_is_woken_by_a_commit),
        SERVE_TEST(a_stop_ends_waiting),
        SERVE_TEST(a_function_is_called_until_it_says_no),
        SERVE_TEST(it_goes_on_with_a_garner_that_came_back),
        SERVE_TEST(who_is_not_patient_is_told_that_nobody_is_there),
        SERVE_TEST(after_an_error_the_cursor_is_behind_what_was_given),
        SERVE_TEST(a_seek_that_fails_is_an_error_until_one_succeeds),
        SERVE_TEST(what_cannot_be_meant_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
