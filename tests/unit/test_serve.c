/* A running Garner, asked by operators over its connection. */
#include "tests/unit/test_serve_lab.h"

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
    assert_true(bytes_is(peer->role, "worker"));
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

static void a_run_is_no_coordinator_and_says_so(void **state)
{
    struct serve_lab *lab = *state;
    struct operator_reply reply;
    assert_int_equal(ask(lab, OPERATOR_HEARTBEAT, NULL, NULL, &reply), ERR_USAGE);
    assert_int_equal(ask(lab, OPERATOR_CLUSTER, NULL, NULL, &reply), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "this is no coordinator"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVE_TEST(who_answers_says_who_it_is),
        SERVE_TEST(harvest_is_the_runs_with_the_account_that_is_meant),
        SERVE_TEST(an_unknown_account_or_type_is_answered_with_the_nearest),
        SERVE_TEST(confirm_lets_go_what_is_held_and_nothing_else),
        SERVE_TEST(nothing_held_is_nothing_to_confirm),
        SERVE_TEST(without_a_run_one_is_told_to_ask_again),
        SERVE_TEST(a_run_is_no_coordinator_and_says_so),
        SERVE_TEST(a_list_of_quarantine_goes_on_behind_its_last_item),
        SERVE_TEST(an_item_in_quarantine_is_shown_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
