/* A running Garner, asked over its connection: a folder and a server are real, and the run is played by this
 * file, which notes what was asked of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "cli/feed_remote.h"
#include "client/client.h"
#include "common/clock.h"
#include "tests/unit/test_store_lab.h"
#include "worker/harvest/confirm.h"
#include "worker/run/control.h"
#include "worker/serve/serve.h"

enum { SHARDS = 4, MAP = 16 << 20 };

struct serve_lab {
    char root[256], data[300];
    struct folder folder;
    struct serve *serve;
    struct client *client;
    struct arena arena;
    struct error e;
    struct buffer asked; /* of the run */
};

/* --- the run --- */

static struct serve_lab *the_lab;

int control_harvest(struct crew *crew, const struct control_which *which, uint64_t *count, struct error *e)
{
    (void)e;
    assert_ptr_equal(crew, the_lab);
    buffer_printf(&the_lab->asked, "harvest %.*s %.*s %.*s;", BYTES_ARG(which->provider),
                  BYTES_ARG(which->account), BYTES_ARG(which->type));
    *count = bytes_is(which->account, "1") && (!which->type.data || bytes_is(which->type, "t")) ? 2 : 0;
    return 0;
}

int control_confirm(struct crew *crew, uint32_t shard, const uint32_t *collections, uint32_t count,
                    int64_t now_ms, struct error *e)
{
    struct store *store;
    assert_ptr_equal(crew, the_lab);
    int r = folder_store(&the_lab->folder, shard, &store, e);
    for (uint32_t i = 0; i < count && !r; i++) {
        struct collection_record record;
        r = confirm_collection(store, collections[i], now_ms, &the_lab->arena, &record, e);
        buffer_printf(&the_lab->asked, "confirm %" PRIu32 ";", collections[i]);
    }
    return r ? r : store_commit(store, e);
}

/* What is of type "t" can be read now. */
int control_retry(struct crew *crew, const struct control_item *item, struct arena *arena,
                  struct control_retried *retried, struct error *e)
{
    struct collection_record record;
    struct store *store;
    assert_ptr_equal(crew, the_lab);
    int r = folder_store(&the_lab->folder, item->shard, &store, e);
    if (!r)
        r = store_write(store, e);
    if (!r)
        r = store_collection_by_id(store, item->collection, arena, &record, e);
    if (r)
        return r;
    *retried = (struct control_retried){.cause = "no id"};
    if (bytes_is(record.key.type, "t")) {
        *retried = (struct control_retried){.id = BYTES("a")};
        r = store_quarantine_drop(store, &record, item->digest, e);
        if (!r)
            r = store_collection_put(store, &record, e);
    }
    return r ? r : store_commit(store, e);
}

/* --- the lab --- */

static uint32_t shard_of(const char *account)
{
    return folder_shard_of(BYTES("p"), bytes_of(account), (struct bytes){0}, 1, SHARDS);
}

/* Write so many changes of a collection, and tell the server. */
static void write_changes(struct serve_lab *lab, const char *account, const char *type, int count,
                          uint64_t held)
{
    struct store *store;
    struct collection_record record = {.key = {BYTES("p"), bytes_of(account), bytes_of(type), {0}, {0}},
                                       .next_harvest = 1};
    struct collection_key key = record.key;
    uint32_t shard = shard_of(account);
    LAB_OK(lab, folder_store(&lab->folder, shard, &store, &lab->e));
    LAB_OK(lab, store_write(store, &lab->e));
    int r = store_collection_find(store, &key, &lab->arena, &record, &lab->e);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    record.held_rows = held;
    record.rows = record.next_row = (uint32_t)held;
    record.held_since_ms = held ? 1000 : 0;
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    for (int i = 0; i < count; i++) {
        struct change change = {.time_ms = clock_wall_ms(), .status = {.kind = STATUS_LISTED}};
        LAB_OK(lab, store_status(store, &record, &change, &lab->e));
    }
    LAB_OK(lab, store_commit(store, &lab->e));
    serve_committed(lab->serve, shard, store_head(store));
}

static int open_serve(struct serve_lab *lab, const char *address)
{
    struct serve_setting setting = {.address = address, .folder = &lab->folder};
    return serve_open(&setting, &lab->serve, &lab->e);
}

static int setup(void **state)
{
    struct serve_lab *lab = the_lab = mem_zalloc(sizeof *lab);
    lab_make_folder(lab->root);
    snprintf(lab->data, sizeof lab->data, "%s/data", lab->root);
    *state = lab;
    LAB_OK(lab, folder_open(&lab->folder, lab->data, SHARDS, MAP, &lab->e));
    LAB_OK(lab, open_serve(lab, "tcp://127.0.0.1:0"));
    serve_crew(lab->serve, (struct crew *)lab);
    LAB_OK(lab, client_open(serve_address(lab->serve), &lab->client, &lab->e));
    return 0;
}

static int teardown(void **state)
{
    struct serve_lab *lab = *state;
    client_close(lab->client);
    serve_close(lab->serve);
    folder_close(&lab->folder);
    lab_remove_folder(lab->root);
    arena_close(&lab->arena);
    buffer_close(&lab->asked);
    free(lab);
    return 0;
}

static struct bytes text(const char *name)
{
    return name ? bytes_of(name) : (struct bytes){0};
}

static int ask(struct serve_lab *lab, enum operator_kind kind, const char *account, const char *type,
               struct operator_reply *reply)
{
    struct operator_request request = {.kind = kind, .which = {.account = text(account), .type = text(type)}};
    return client_ask(lab->client, &request, &lab->arena, reply, &lab->e);
}

/* Put so many items of a collection into quarantine. */
static void quarantine_items(struct serve_lab *lab, const char *account, const char *type, int count)
{
    struct store *store;
    struct collection_record record;
    struct collection_key key = {BYTES("p"), bytes_of(account), bytes_of(type), {0}, {0}};
    bool is_kept;
    write_changes(lab, account, type, 0, 0);
    LAB_OK(lab, folder_store(&lab->folder, shard_of(account), &store, &lab->e));
    LAB_OK(lab, store_write(store, &lab->e));
    LAB_OK(lab, store_collection_find(store, &key, &lab->arena, &record, &lab->e));
    for (int i = 0; i < count; i++) {
        struct quarantined item = {.digest.bytes = {(uint8_t)i, 7},
                                   .reason = ERR_ID,
                                   .cause = "no id at '/id'",
                                   .first_ms = 1,
                                   .last_ms = 2,
                                   .harvest = 1,
                                   .page = 1,
                                   .item = BYTES("\x80")};
        LAB_OK(lab, store_quarantine_put(store, &record, &item, &is_kept, &lab->e));
    }
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    LAB_OK(lab, store_commit(store, &lab->e));
}

static int ask_quarantine(struct serve_lab *lab, enum quarantine_action action,
                          const struct quarantine_place *place, const char *type,
                          struct operator_items *items)
{
    struct operator_reply reply;
    struct operator_request request = {.kind = OPERATOR_QUARANTINE,
                                       .quarantine = {.action = action, .only.type = text(type)}};
    if (place) {
        request.quarantine.has_place = true;
        request.quarantine.place = *place;
    }
    int r = client_ask(lab->client, &request, &lab->arena, &reply, &lab->e);
    *items = reply.quarantine;
    return r;
}

/* --- operators --- */

static void who_answers_says_who_it_is(void **state)
{
    struct serve_lab *lab = *state;
    const struct operator_hello *peer = client_peer(lab->client);
    assert_int_equal(peer->pid, getpid());
    assert_int_equal(peer->shards, SHARDS);
    assert_true(bytes_is(peer->role, "run"));
    assert_memory_equal(peer->feed, lab->folder.feed, sizeof peer->feed);
}

static void harvest_is_the_runs_with_the_account_that_is_meant(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    write_changes(lab, "1", "t", 1, 0);
    LAB_OK(lab, ask(lab, OPERATOR_HARVEST, "1", NULL, &reply));
    assert_int_equal(reply.collections, 2);
    LAB_OK(lab, ask(lab, OPERATOR_HARVEST, "p/1", "t", &reply));
    assert_string_equal(buffer_text(&lab->asked), "harvest p 1 ;harvest p 1 t;");
}

static void an_unknown_account_or_type_is_answered_with_the_nearest(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    write_changes(lab, "12345678", "some.thing", 1, 0);
    assert_int_equal(ask(lab, OPERATOR_HARVEST, "p/12345679", NULL, &reply), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "did you mean 'p/12345678'?"));
    assert_int_equal(ask(lab, OPERATOR_HARVEST, "12345678", "some.thin", &reply), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "did you mean 'some.thing'?"));
}

static void confirm_lets_go_what_is_held_and_nothing_else(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    struct collection_record record = {.key = {BYTES("p"), BYTES("1"), BYTES("t"), {0}, {0}}};
    struct collection_key key = record.key;
    struct store *store;
    write_changes(lab, "1", "other", 1, 5);
    write_changes(lab, "1", "t", 1, 7);
    LAB_OK(lab, ask(lab, OPERATOR_CONFIRM, "1", "t", &reply));
    assert_int_equal(reply.confirmed_count, 1);
    assert_int_equal(reply.confirmed[0].held, 7);
    assert_true(bytes_is(reply.confirmed[0].collection.type, "t"));
    assert_string_equal(buffer_text(&lab->asked), "confirm 2;");
    LAB_OK(lab, folder_store(&lab->folder, shard_of("1"), &store, &lab->e));
    LAB_OK(lab, store_read(store, &lab->e));
    LAB_OK(lab, store_collection_find(store, &key, &lab->arena, &record, &lab->e));
    store_done(store);
    assert_true(record.confirmed_ms > 0);
}

static void nothing_held_is_nothing_to_confirm(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    write_changes(lab, "1", "t", 1, 0);
    assert_int_equal(ask(lab, OPERATOR_CONFIRM, "1", "t", &reply), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "nothing of t is held back"));
}

static void without_a_run_one_is_told_to_ask_again(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    serve_crew(lab->serve, NULL);
    assert_int_equal(ask(lab, OPERATOR_HARVEST, "1", NULL, &reply), ERR_BUSY);
    assert_int_equal(ask(lab, OPERATOR_STATUS, NULL, NULL, &reply), ERR_USAGE); /* it has none */
}

static void a_list_of_quarantine_goes_on_behind_its_last_item(void **state)
{
    struct serve_lab *lab = *state;
    enum { TYPES = 6, EACH = 255 };
    struct operator_items items;
    struct quarantine_place last;
    uint32_t count = 0;
    for (int i = 0; i < TYPES; i++) {
        char type[] = {'t', (char)('0' + i), 0};
        quarantine_items(lab, i % 2 ? "1" : "2", type, EACH);
    }
    bool more = true;
    while (more) {
        LAB_OK(lab, ask_quarantine(lab, QUARANTINE_LIST, count ? &last : NULL, NULL, &items));
        more = items.more;
        count += items.count;
        assert_true(items.count <= LIMIT_QUARANTINE_LISTED + EACH);
        last = items.items[items.count - 1].place;
        assert_int_equal(items.items[0].item.beginning.len, 0);
        assert_string_equal(items.items[0].item.cause, "no id at '/id'");
    }
    assert_int_equal(count, TYPES * EACH);
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_LIST, NULL, "t3", &items));
    assert_int_equal(items.count, EACH);
    assert_true(bytes_is(items.items[0].collection.type, "t3") && !items.more);
    struct quarantine_place third = items.items[2].place;
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_LIST, &third, "t3", &items));
    assert_int_equal(items.count, EACH - 3);
    assert_int_equal(ask_quarantine(lab, QUARANTINE_LIST, NULL, "t9", &items), ERR_USAGE);
}

static void an_item_in_quarantine_is_shown_and_tried_again(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_items items;
    quarantine_items(lab, "1", "t", 1);
    quarantine_items(lab, "1", "u", 1);
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_LIST, NULL, NULL, &items));
    assert_int_equal(items.count, 2);
    struct quarantine_place t = items.items[0].place, u = items.items[1].place;
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_SHOW, &t, NULL, &items));
    assert_true(bytes_equal(items.items[0].item.item, BYTES("\x80")));
    assert_true(bytes_is(items.items[0].collection.account, "1"));
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_RETRY, &t, NULL, &items));
    assert_true(bytes_is(items.id, "a") && !items.cause.data);
    assert_int_equal(ask_quarantine(lab, QUARANTINE_SHOW, &t, NULL, &items), ERR_NOT_FOUND);
    LAB_OK(lab, ask_quarantine(lab, QUARANTINE_RETRY, &u, NULL, &items));
    assert_true(bytes_is(items.cause, "no id") && !items.id.data);
    t.shard = LIMIT_SHARDS - 1;
    assert_int_equal(ask_quarantine(lab, QUARANTINE_SHOW, &t, NULL, &items), ERR_NOT_FOUND);
    assert_int_equal(ask_quarantine(lab, QUARANTINE_RETRY, &t, NULL, &items), ERR_NOT_FOUND);
}

/* --- the feed --- */

static void expect_seqs(struct serve_lab *lab, struct feed_remote *remote, const char *wanted)
{
    const struct change *change;
    struct buffer got = {0};
    for (;;) {
        LAB_OK(lab, feed_remote_next(remote, &change, &lab->e));
        if (!change)
            break;
        buffer_printf(&got, "%.*s/%" PRIu64 " ", BYTES_ARG(change->key.type), change->seq);
    }
    assert_string_equal(buffer_text(&got), wanted);
    buffer_close(&got);
}

static void open_remote(struct serve_lab *lab, struct feed_remote *remote, struct operator_fetch only)
{
    LAB_OK(lab, feed_remote_open(remote, serve_address(lab->serve), &only, &lab->e));
}

static bool begin(struct serve_lab *lab, struct feed_remote *remote, int64_t wait_ms)
{
    bool more;
    LAB_OK(lab, feed_remote_begin(remote, wait_ms, &more, &lab->e));
    return more;
}

static void a_follower_gets_each_change_once_and_goes_on_from_its_cursor(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote, later;
    struct cursor cursor;
    write_changes(lab, "1", "t", 2, 0);
    open_remote(lab, &remote, (struct operator_fetch){0});
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "t/1 t/2 ");
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "");
    feed_remote_cursor(&remote, &lab->arena, &cursor);
    write_changes(lab, "1", "u", 1, 0);
    open_remote(lab, &later, (struct operator_fetch){0});
    LAB_OK(lab, feed_remote_seek(&later, &cursor, &lab->e));
    begin(lab, &later, 0);
    expect_seqs(lab, &later, "u/3 ");
    feed_remote_close(&remote);
    feed_remote_close(&later);
}

static void now_begins_behind_all_there_is(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    write_changes(lab, "1", "t", 3, 0);
    open_remote(lab, &remote, (struct operator_fetch){0});
    LAB_OK(lab, feed_remote_seek_now(&remote, &lab->e));
    write_changes(lab, "1", "t", 1, 0);
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "t/4 ");
    feed_remote_close(&remote);
}

static void what_is_filtered_out_moves_the_cursor_all_the_same(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    struct cursor cursor;
    write_changes(lab, "1", "t", 2, 0);
    write_changes(lab, "1", "u", 2, 0);
    open_remote(lab, &remote, (struct operator_fetch){.only = {.type = BYTES("t"), .account = BYTES("p/1")}});
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "t/1 t/2 ");
    feed_remote_cursor(&remote, &lab->arena, &cursor);
    assert_int_equal(cursor.count, 1);
    assert_int_equal(cursor.positions[0].seq, 4);
    feed_remote_close(&remote);
}

static void *write_soon(void *context)
{
    usleep(200000);
    write_changes(context, "1", "t", 1, 0);
    return NULL;
}

static void who_waits_is_woken_by_a_commit(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    pthread_t thread;
    int64_t began_ms = clock_steady_ms();
    open_remote(lab, &remote, (struct operator_fetch){0});
    assert_int_equal(pthread_create(&thread, NULL, write_soon, lab), 0);
    begin(lab, &remote, 20000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_seqs(lab, &remote, "t/1 ");
    assert_true(clock_steady_ms() - began_ms < 15000);
    feed_remote_close(&remote);
}

static void who_waits_in_vain_gets_nothing(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    int64_t began_ms = clock_steady_ms();
    open_remote(lab, &remote, (struct operator_fetch){0});
    assert_false(begin(lab, &remote, 150));
    assert_true(clock_steady_ms() - began_ms >= 140);
    expect_seqs(lab, &remote, "");
    feed_remote_close(&remote);
}

static void a_position_that_is_not_there_yet_is_refused(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    struct position position = {shard_of("1"), 1, 9};
    struct cursor cursor = {.positions = &position, .count = 1};
    bool more;
    write_changes(lab, "1", "t", 2, 0);
    open_remote(lab, &remote, (struct operator_fetch){0});
    assert_int_equal(feed_remote_seek(&remote, &cursor, &lab->e), ERR_USAGE); /* another feed's */
    memcpy(cursor.feed, lab->folder.feed, sizeof cursor.feed);
    LAB_OK(lab, feed_remote_seek(&remote, &cursor, &lab->e));
    assert_int_equal(feed_remote_begin(&remote, 0, &more, &lab->e), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "FUTURE: the cursor is at change 9"));
    feed_remote_close(&remote);
}

static void a_follower_goes_on_with_a_garner_that_came_back(void **state)
{
    struct serve_lab *lab = *state;
    struct feed_remote remote;
    bool more;
    char *address = mem_strdup(serve_address(lab->serve));
    write_changes(lab, "1", "t", 2, 0);
    open_remote(lab, &remote, (struct operator_fetch){0});
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "t/1 t/2 ");
    serve_close(lab->serve);
    lab->serve = NULL;
    assert_int_equal(feed_remote_begin(&remote, 100, &more, &lab->e), ERR_CONNECT);
    LAB_OK(lab, open_serve(lab, address));
    write_changes(lab, "1", "t", 2, 0);
    begin(lab, &remote, 0);
    expect_seqs(lab, &remote, "t/3 t/4 ");
    feed_remote_close(&remote);
    free(address);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_answers_says_who_it_is),
        TEST(harvest_is_the_runs_with_the_account_that_is_meant),
        TEST(an_unknown_account_or_type_is_answered_with_the_nearest),
        TEST(confirm_lets_go_what_is_held_and_nothing_else),
        TEST(nothing_held_is_nothing_to_confirm),
        TEST(without_a_run_one_is_told_to_ask_again),
        TEST(a_list_of_quarantine_goes_on_behind_its_last_item),
        TEST(an_item_in_quarantine_is_shown_and_tried_again),
        TEST(a_follower_gets_each_change_once_and_goes_on_from_its_cursor),
        TEST(now_begins_behind_all_there_is),
        TEST(what_is_filtered_out_moves_the_cursor_all_the_same),
        TEST(who_waits_is_woken_by_a_commit),
        TEST(who_waits_in_vain_gets_nothing),
        TEST(a_position_that_is_not_there_yet_is_refused),
        TEST(a_follower_goes_on_with_a_garner_that_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
