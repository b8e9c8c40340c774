/* What the gateway decides without I/O: what is asked, what of that a tenant may have, how it is written, and
 * who makes room at the door. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/http/http_door.h"
#include "gateway/bus.h"
#include "gateway/frame.h"
#include "gateway/query.h"

/* --- tokens --- */

static int open_text(const char *text, struct tokens **tokens, struct error *e)
{
    char path[] = "/tmp/garner-tokens-XXXXXX";
    struct buffer warnings = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int r = tokens_open(path, tokens, &warnings, e);
    unlink(path);
    buffer_close(&warnings);
    return r;
}

static struct tokens *tokens_of(const char *text)
{
    struct tokens *tokens;
    struct error e;
    if (open_text(text, &tokens, &e))
        fail_msg("%s", e.text);
    return tokens;
}

static struct tokens *acme(void)
{
    return tokens_of("tokens:\n"
                     "  - {name: acme, plain: a-token-of-some-length, accounts: [p/b, p/a, q/a, p/a-1]}\n"
                     "  - {name: ops, plain: another-token-of-some-length, accounts: all}\n");
}

static void a_token_is_found_whole_and_as_a_bearers_only(void **state)
{
    (void)state;
    struct tokens *tokens = acme();
    static const char *const none[] = {NULL,
                                       "",
                                       "Bearer",
                                       "Bearer ",
                                       "a-token-of-some-length",
                                       "Basic a-token-of-some-length",
                                       "Bearer a-token-of-some-lengt",
                                       "Bearer a-token-of-some-lengthx",
                                       "Bearera-token-of-some-length"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(tokens_find(tokens, none[i]));
    assert_string_equal(tokens_find(tokens, "Bearer a-token-of-some-length")->name, "acme");
    assert_string_equal(tokens_find(tokens, "bearer  a-token-of-some-length ")->name, "acme");
    assert_true(tokens_find(tokens, "Bearer another-token-of-some-length")->all);
    tokens_release(tokens);
}

static void a_digest_stands_for_its_token(void **state)
{
    (void)state;
    struct tokens *tokens = tokens_of(
        "tokens: [{name: x, accounts: all, "
        "sha256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08}]\n");
    assert_non_null(tokens_find(tokens, "Bearer test"));
    assert_null(tokens_find(tokens, "Bearer Test"));
    tokens_release(tokens);
}

/* What is refused, and what is said of it; whatever a token is mistaken for, it isn't shown. */
static void a_file_with_a_mistake_is_refused_and_no_token_shown(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"tokens: [{name: x, plain: [open-sesame-0123], accounts: all}]", "not a list"},
        {"tokens: [{name: x, plain: , accounts: all}]", "not nothing"},
        {"tokens: [{name: x, sha256: open-sesame-0123, accounts: all}]", "64 hexadecimal"},
        {"tokens: [{name: x, plian: open-sesame-0123, accounts: all}]", "did you mean 'plain'"},
        {"tokens: [{name: x, plain:open-sesame-0123, accounts: all}]", "unknown key"},
        {"tokens: [{name: x, plain: *open-sesame-0123, accounts: all}]", "no anchor"},
        {"tokens: [{name: x, plain: \"open-sesame-0123, accounts: all}]", "tokens"},
        {"tokens: {plain: open-sesame-0123}", "a list of tokens"},
        {"tokens: [open-sesame-0123]", "a map of keys"},
        {"open-sesame-0123", "a map of keys"},
        {"tokens: [{name: x, accounts: all, sha256: "
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}]",
         "digest of nothing"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct tokens *tokens;
        struct error e;
        assert_int_equal(open_text(mistakes[i][0], &tokens, &e), ERR_CONFIG);
        assert_null(tokens);
        assert_non_null(strstr(e.text, mistakes[i][1]));
        assert_null(strstr(e.text, "open-sesame"));
    }
}

static void two_tokens_that_are_missing_are_not_the_same(void **state)
{
    (void)state;
    struct tokens *tokens;
    struct error e;
    open_text("tokens: [{name: x, accounts: all}, {name: y, accounts: all}]", &tokens, &e);
    assert_null(strstr(e.text, "twice"));
}

static void a_tenant_has_its_accounts_and_none_whose_name_only_begins_so(void **state)
{
    (void)state;
    struct tokens *tokens = acme();
    const struct tenant *tenant = tokens_find(tokens, "Bearer a-token-of-some-length");
    assert_true(tenant_has(tenant, BYTES("p"), BYTES("a")));
    assert_true(tenant_has(tenant, BYTES("p"), BYTES("a-1")));
    assert_true(tenant_has(tenant, BYTES("p"), BYTES("b")));
    assert_true(tenant_has(tenant, BYTES("q"), BYTES("a")));
    assert_false(tenant_has(tenant, BYTES("q"), BYTES("b")));
    assert_false(tenant_has(tenant, BYTES("p"), BYTES("a-")));
    assert_false(tenant_has(tenant, BYTES("p"), BYTES("")));
    assert_false(tenant_has(tenant, BYTES(""), BYTES("p/a"))); /* another provider's with such an id */
    assert_false(tenant_has(tenant, BYTES("p/a"), BYTES("")));
    tokens_release(tokens);
}

static void a_token_whose_accounts_changed_isnt_the_same(void **state)
{
    (void)state;
    struct tokens *before = acme(), *less, *gone;
    const struct tenant *tenant = tokens_find(before, "Bearer a-token-of-some-length");
    less = tokens_of("tokens: [{name: acme, plain: a-token-of-some-length, accounts: [p/b]}]");
    gone = tokens_of("tokens: [{name: acme, plain: a-new-token-of-some-length, accounts: [p/b]}]");
    assert_true(tenant_equal(tenant, tokens_find_again(before, tenant)));
    assert_false(tenant_equal(tenant, tokens_find_again(less, tenant)));
    assert_null(tokens_find_again(gone, tenant));
    tokens_release(before);
    tokens_release(less);
    tokens_release(gone);
}

/* --- queries --- */

static bool take(struct query *query, const char *name, const char *value)
{
    return query_take(query, bytes_of(name), bytes_of(value));
}

/* The accounts that are left of those that are asked for, with a space behind each. */
static void expect_accounts(const char *const *asked, const char *expected)
{
    struct tokens *tokens = acme();
    const struct tenant *tenant = tokens_find(tokens, "Bearer a-token-of-some-length");
    struct buffer left = {0};
    struct query query;
    query_begin(&query, QUERY_CHANGES);
    for (; *asked; asked++)
        assert_true(take(&query, "account", *asked));
    if (query_end(&query, tenant))
        for (uint32_t i = 0; i < query.filter.accounts.count; i++)
            buffer_printf(&left, "%.*s ", BYTES_ARG(query.filter.accounts.items[i]));
    else
        assert_int_equal(query.fault.kind, FAULT_NOT_FOUND);
    assert_string_equal(buffer_text(&left), expected);
    buffer_close(&left);
    query_close(&query);
    tokens_release(tokens);
}

static void what_is_asked_for_is_cut_to_what_the_tenant_has(void **state)
{
    (void)state;
    expect_accounts((const char *const[]){NULL}, "p/a p/a-1 p/b q/a ");
    expect_accounts((const char *const[]){"p/b", NULL}, "p/b ");
    expect_accounts((const char *const[]){"a", NULL}, "p/a q/a ");
    expect_accounts((const char *const[]){"a", "c", "p/z", NULL}, "p/a q/a ");
    expect_accounts((const char *const[]){"c", NULL}, "");
    expect_accounts((const char *const[]){"", NULL}, "");
    expect_accounts((const char *const[]){"p/", NULL}, "");
}

static void an_operator_gets_what_it_asks_for(void **state)
{
    (void)state;
    struct tokens *tokens = acme();
    struct query query;
    query_begin(&query, QUERY_RESOURCES);
    assert_true(take(&query, "account", "z/z"));
    assert_true(query_end(&query, tokens_find(tokens, "Bearer another-token-of-some-length")));
    assert_int_equal(query.filter.accounts.count, 1);
    query_close(&query);
    tokens_release(tokens);
}

static void parameters_come_together_as_a_filter(void **state)
{
    (void)state;
    static const char *const asked[][2] = {
        {"from", "oldest"}, {"type", "a"},       {"type", "b"},
        {"type", "c"},      {"region", ""},      {"op", "created, updated"},
        {"op", "status"},   {"no_initial", ""},  {"touches", "/a/*"},
        {"limit", "5"},     {"follow", "false"}, {"id_prefix", "x"}};
    struct tokens *everybody = tokens_none();
    struct query query;
    query_begin(&query, QUERY_CHANGES);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_true(take(&query, asked[i][0], asked[i][1]));
    assert_true(query_end(&query, tokens_find(everybody, NULL)));
    assert_string_equal(query.from, "oldest");
    assert_int_equal(query.filter.types.count, 3);
    assert_true(bytes_is(query.filter.types.items[0], "a") && bytes_is(query.filter.types.items[2], "c"));
    assert_true(query.filter.regions.count == 1 && query.filter.regions.items[0].data);
    assert_int_equal(query.filter.ops, 1u << CHANGE_CREATED | 1u << CHANGE_UPDATED | 1u << CHANGE_STATUS);
    assert_true(query.filter.no_initial && !query.follow && query.limit == 5);
    query_close(&query);
    tokens_release(everybody);
}

static void a_list_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct query query;
    query_begin(&query, QUERY_CHANGES);
    for (int i = 0; i < LIMIT_FILTER_VALUES; i++)
        assert_true(take(&query, "type", "a"));
    assert_false(take(&query, "type", "a"));
    assert_int_equal(query.fault.kind, FAULT_USAGE);
    query_close(&query);
}

static void an_unknown_parameter_is_answered_with_the_nearest(void **state)
{
    (void)state;
    struct query query;
    query_begin(&query, QUERY_RESOURCES);
    assert_false(take(&query, "acount", "x"));
    assert_string_equal(query.fault.text, "unknown parameter 'acount': did you mean 'account'?");
    assert_false(take(&query, "limit", "1"));
    assert_non_null(strstr(query.fault.text, "/v1/resources knows account, provider"));
    query_close(&query);
}

static void accept_chooses_lines_or_events_and_the_last_event_is_where_it_goes_on(void **state)
{
    (void)state;
    struct query query;
    query_begin(&query, QUERY_CHANGES);
    assert_true(take(&query, "from", "oldest"));
    assert_true(query_take_headers(&query, "text/event-stream", "abc"));
    assert_true(query.format == QUERY_EVENTS && strcmp(query.from, "abc") == 0);
    query_close(&query);
    query_begin(&query, QUERY_CHANGES);
    assert_true(query_take_headers(&query, "text/html, */*;q=0.1", NULL));
    assert_int_equal(query.format, QUERY_NDJSON);
    assert_false(query_take_headers(&query, "text/html", NULL));
    assert_int_equal(query.fault.kind, FAULT_NOT_ACCEPTABLE);
    query_close(&query);
}

/* --- frames --- */

static const struct change change = {
    .shard = 1,
    .epoch = 2,
    .seq = 3,
    .op = CHANGE_DELETED,
    .key = {.provider = BYTES("p"), .account = BYTES("a/%"), .type = BYTES("p.thing"), .region = {NULL, 0}},
    .id = BYTES("x/y\n\0z")};

static void a_line_is_one_line_and_an_event_has_no_other(void **state)
{
    (void)state;
    struct buffer line = {0}, event = {0}, expected = {0};
    struct error e;
    assert_int_equal(frame_change(QUERY_NDJSON, &change, &line, &e), 0);
    assert_int_equal(frame_change(QUERY_EVENTS, &change, &event, &e), 0);
    assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
    buffer_printf(&expected, "event: deleted\ndata: %s\n", line.data);
    assert_string_equal(event.data, expected.data);
    buffer_close(&line);
    buffer_close(&event);
    buffer_close(&expected);
}

static void an_events_bookmark_has_its_cursor_as_id(void **state)
{
    (void)state;
    struct position position = {.shard = 1, .epoch = 1, .seq = 7, .check = 9};
    struct cursor cursor = {.positions = &position, .count = 1};
    struct buffer text = {0}, event = {0}, begin = {0};
    cursor_to_text(&cursor, &text);
    frame_bookmark(QUERY_EVENTS, &cursor, 0, &event);
    buffer_printf(&begin, "id: %s\nevent: bookmark\ndata: {\"op\":\"bookmark\",\"cursor\":\"%s\"", text.data,
                  text.data);
    assert_memory_equal(event.data, begin.data, begin.len);
    assert_string_equal(event.data + event.len - 2, "\n\n");
    buffer_close(&text);
    buffer_close(&event);
    buffer_close(&begin);
}

static void a_fault_is_json_whatever_it_quotes(void **state)
{
    (void)state;
    struct fault fault;
    struct buffer out = {0};
    fault_set(&fault, FAULT_COMPACTED, "a \"quote\"\n and \xff");
    frame_fault(QUERY_NDJSON, &fault, &out);
    assert_string_equal(
        out.data, "{\"op\":\"error\",\"error\":\"COMPACTED\",\"message\":\"a \\\"quote\\\"\\n and \"}\n");
    buffer_close(&out);
}

static void a_topic_ends_at_its_first_nul_and_its_parts_have_no_slash(void **state)
{
    (void)state;
    static const char topic[] = "p.thing/p/a%2F%25//x/y%0A%00z";
    struct buffer out = {0};
    struct error e;
    assert_int_equal(bus_write(&change, &out, &e), 0);
    assert_string_equal(out.data, topic);
    assert_int_equal(out.data[sizeof topic], '{');
    buffer_close(&out);
}

/* --- the door --- */

enum { ROOM = 4, ROOM_EACH = 3 };

static struct door_guest *come(struct door *door, struct door_guest *guest, int fd, const char *from)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, from, &address.sin_addr), 1);
    return door_came(door, guest, fd, (const struct sockaddr *)&address);
}

static void the_longest_idle_makes_room_and_the_busy_stay(void **state)
{
    (void)state;
    struct door door = {.room = ROOM, .room_each = ROOM};
    struct door_guest guests[7];
    for (int i = 0; i < ROOM; i++)
        assert_null(come(&door, &guests[i], i, "10.0.0.1"));
    door_set_busy(&door, &guests[0], true);
    assert_ptr_equal(come(&door, &guests[4], 4, "10.0.0.2"), &guests[1]);
    door_gone(&door, &guests[1]);
    door_set_busy(&door, &guests[0], false); /* now it is idle for the shortest time */
    assert_ptr_equal(come(&door, &guests[5], 5, "10.0.0.2"), &guests[2]);
    assert_ptr_equal(come(&door, &guests[6], 6, "10.0.0.2"), &guests[3]); /* the other is leaving already */
    assert_int_equal(door.count, ROOM);
}

static void a_flood_of_one_address_drives_out_its_own(void **state)
{
    (void)state;
    struct door door = {.room = ROOM, .room_each = ROOM_EACH};
    struct door_guest other, flood[10];
    assert_null(come(&door, &other, 0, "10.0.0.1"));
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(come(&door, &flood[i], i, "10.0.0.2"), i < ROOM_EACH ? NULL : &flood[i - ROOM_EACH]);
    assert_false(other.leaving);
}

static void where_all_others_are_busy_there_is_no_room(void **state)
{
    (void)state;
    struct door door = {.room = 1, .room_each = 1};
    struct door_guest a, b;
    assert_null(come(&door, &a, 0, "10.0.0.1"));
    door_set_busy(&door, &a, true);
    assert_ptr_equal(come(&door, &b, 1, "10.0.0.1"), &b); /* it is idle, and nobody else */
    door_gone(&door, &b);
    assert_int_equal(door.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_found_whole_and_as_a_bearers_only),
        cmocka_unit_test(a_digest_stands_for_its_token),
        cmocka_unit_test(a_file_with_a_mistake_is_refused_and_no_token_shown),
        cmocka_unit_test(two_tokens_that_are_missing_are_not_the_same),
        cmocka_unit_test(a_tenant_has_its_accounts_and_none_whose_name_only_begins_so),
        cmocka_unit_test(a_token_whose_accounts_changed_isnt_the_same),
        cmocka_unit_test(what_is_asked_for_is_cut_to_what_the_tenant_has),
        cmocka_unit_test(an_operator_gets_what_it_asks_for),
        cmocka_unit_test(parameters_come_together_as_a_filter),
        cmocka_unit_test(a_list_that_is_too_long_is_refused),
        cmocka_unit_test(an_unknown_parameter_is_answered_with_the_nearest),
        cmocka_unit_test(accept_chooses_lines_or_events_and_the_last_event_is_where_it_goes_on),
        cmocka_unit_test(a_line_is_one_line_and_an_event_has_no_other),
        cmocka_unit_test(an_events_bookmark_has_its_cursor_as_id),
        cmocka_unit_test(a_fault_is_json_whatever_it_quotes),
        cmocka_unit_test(a_topic_ends_at_its_first_nul_and_its_parts_have_no_slash),
        cmocka_unit_test(the_longest_idle_makes_room_and_the_busy_stay),
        cmocka_unit_test(a_flood_of_one_address_drives_out_its_own),
        cmocka_unit_test(where_all_others_are_busy_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
