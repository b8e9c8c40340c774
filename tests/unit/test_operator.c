/* The operator's messages: what is packed is what is unpacked; what is no message of ours, of another version
 * or beyond its bounds is refused with a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/operator.h"

struct lab {
    struct arena arena;
    struct buffer out;
    struct error e;
};

static int setup(void **state)
{
    static struct lab lab;
    lab = (struct lab){0};
    *state = &lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->out);
    return 0;
}

static struct operator_request request_again(struct lab *lab, const struct operator_request *request)
{
    struct operator_request again;
    buffer_reset(&lab->out);
    operator_request_pack(request, &lab->out);
    if (operator_request_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e))
        fail_msg("%s", lab->e.text);
    assert_int_equal(again.version, request->version);
    assert_int_equal(again.id, request->id);
    assert_int_equal(again.kind, request->kind);
    return again;
}

static struct operator_reply reply_again(struct lab *lab, const struct operator_reply *reply)
{
    struct operator_reply again;
    buffer_reset(&lab->out);
    operator_reply_pack(reply, &lab->out);
    if (operator_reply_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e))
        fail_msg("%s", lab->e.text);
    assert_int_equal(again.id, reply->id);
    return again;
}

static void assert_bytes(struct bytes a, const char *text)
{
    assert_true(bytes_is(a, text));
    assert_true((a.data != NULL) == (text != NULL));
}

static void assert_positions(const struct position *a, const struct position *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_true(a[i].shard == b[i].shard && a[i].epoch == b[i].epoch && a[i].seq == b[i].seq);
}

static void requests_come_as_they_were_sent(void **state)
{
    struct lab *lab = *state;
    struct operator_request again, request = {.version = 1,
                                              .id = 7,
                                              .kind = OPERATOR_HELLO,
                                              .hello = {.from = 1, .to = 3, .program = BYTES("garner 9")}};
    again = request_again(lab, &request);
    assert_int_equal(again.hello.to, 3);
    assert_bytes(again.hello.program, "garner 9");
    request = (struct operator_request){.version = 1,
                                        .id = 8,
                                        .kind = OPERATOR_HARVEST,
                                        .which = {.account = BYTES("1"), .parent = BYTES("")}};
    again = request_again(lab, &request);
    assert_bytes(again.which.account, "1");
    assert_bytes(again.which.parent, ""); /* which isn't any */
    assert_null(again.which.provider.data);
    request.kind = OPERATOR_CONFIRM;
    assert_bytes(request_again(lab, &request).which.account, "1");
    request = (struct operator_request){.kind = OPERATOR_STATUS, .status = BYTES("a\0b")};
    assert_true(bytes_equal(request_again(lab, &request).status, BYTES("a\0b")));
}

static void what_is_asked_of_quarantine_comes_as_it_was_sent(void **state)
{
    struct operator_request again,
        request = {.version = 1,
                   .id = 2,
                   .kind = OPERATOR_QUARANTINE,
                   .quarantine = {.action = QUARANTINE_RETRY,
                                  .has_place = true,
                                  .place = {.shard = 3, .collection = 4, .digest.bytes = {5, [15] = 6}}}};
    again = request_again(*state, &request);
    assert_int_equal(again.quarantine.action, QUARANTINE_RETRY);
    assert_memory_equal(&again.quarantine.place, &request.quarantine.place, sizeof again.quarantine.place);
    request.quarantine = (struct operator_quarantine){.action = QUARANTINE_LIST, .only.type = BYTES("t")};
    again = request_again(*state, &request);
    assert_false(again.quarantine.has_place);
    assert_bytes(again.quarantine.only.type, "t");
}

static void a_demand_for_changes_comes_as_it_was_sent(void **state)
{
    const struct bytes types[] = {BYTES("t")};
    const struct position positions[] = {{.shard = 0, .epoch = 1, .seq = 5},
                                         {.shard = 12, .epoch = 3, .seq = UINT64_MAX - 1}};
    struct operator_request request = {
        .version = 1,
        .id = UINT64_MAX,
        .kind = OPERATOR_FETCH,
        .fetch = {.positions = positions,
                  .count = 2,
                  .filter = {.types = {types, 1}, .ops = 1u << CHANGE_DELETED, .no_initial = true},
                  .max_events = 10,
                  .max_bytes = 20,
                  .wait_ms = 30}};
    struct feed_demand again = request_again(*state, &request).fetch;
    assert_int_equal(again.count, 2);
    assert_positions(again.positions, positions, 2);
    assert_int_equal(again.filter.types.count, 1);
    assert_bytes(again.filter.types.items[0], "t");
    assert_int_equal(again.filter.ops, 1u << CHANGE_DELETED);
    assert_true(again.filter.no_initial && !again.now);
    assert_int_equal(again.max_events, 10);
    assert_int_equal(again.max_bytes, 20);
    assert_int_equal(again.wait_ms, 30);
}

static void answers_come_as_they_were_sent(void **state)
{
    struct lab *lab = *state;
    struct operator_reply again, reply = {.id = 1,
                                          .kind = OPERATOR_HELLO,
                                          .hello = {.from = 1,
                                                    .to = 1,
                                                    .program = BYTES("p"),
                                                    .role = BYTES("run"),
                                                    .pid = 42,
                                                    .shards = 256,
                                                    .feed = {1, 2, [15] = 16}}};
    again = reply_again(lab, &reply);
    assert_int_equal(again.hello.pid, 42);
    assert_int_equal(again.hello.shards, 256);
    assert_memory_equal(again.hello.feed, reply.hello.feed, 16);
    assert_bytes(again.hello.role, "run");
    reply = (struct operator_reply){.id = 2, .kind = OPERATOR_HARVEST, .collections = 12};
    assert_int_equal(reply_again(lab, &reply).collections, 12);
    const struct confirmed confirmed[] = {
        {{BYTES("p"), BYTES("a"), {0}, BYTES("t"), BYTES("b/c")}, .held = 3, .rows = 4, .since_ms = 5}};
    reply = (struct operator_reply){
        .id = 3, .kind = OPERATOR_CONFIRM, .confirmed = confirmed, .confirmed_count = 1};
    again = reply_again(lab, &reply);
    assert_int_equal(again.confirmed_count, 1);
    assert_int_equal(again.confirmed[0].held, 3);
    assert_null(again.confirmed[0].collection.region.data);
    assert_bytes(again.confirmed[0].collection.parent, "b/c");
    reply = (struct operator_reply){.id = 4, .kind = OPERATOR_STATUS, .status = BYTES("any")};
    assert_bytes(reply_again(lab, &reply).status, "any");
}

/* A provider that answered with nothing for a while has what many accounts hold held back. */
static void a_long_list_of_what_was_confirmed_comes_as_it_was_sent(void **state)
{
    enum { COUNT = 20000 };
    struct lab *lab = *state;
    struct confirmed *confirmed = arena_alloc(&lab->arena, COUNT * sizeof *confirmed);
    for (int i = 0; i < COUNT; i++)
        confirmed[i] = (struct confirmed){
            {BYTES("aws"), BYTES("123456789012"), BYTES("eu-west-1"), BYTES("aws.ec2.security_group"), {0}},
            .held = 3,
            .rows = (uint64_t)i,
            .since_ms = 5};
    struct operator_reply reply = {
        .id = 3, .kind = OPERATOR_CONFIRM, .confirmed = confirmed, .confirmed_count = COUNT};
    reply = reply_again(lab, &reply);
    assert_true(lab->out.len > LIMIT_MESSAGE_BYTES);
    assert_int_equal(reply.confirmed_count, COUNT);
    assert_int_equal(reply.confirmed[COUNT - 1].rows, COUNT - 1);
}

static void items_in_quarantine_come_as_they_were_sent(void **state)
{
    struct operator_item items[] = {
        {.place = {.shard = 1, .collection = 2, .digest.bytes = {3}},
         .collection = {BYTES("p"), BYTES("a"), BYTES("r"), BYTES("t"), {0}},
         .item = {
             .reason = ERR_ID, .cause = "no id", .harvest = 7, .id = BYTES("x"), .beginning = BYTES("")}}};
    struct operator_reply reply = {
        .id = 1, .kind = OPERATOR_QUARANTINE, .quarantine = {.items = items, .count = 1, .more = true}};
    struct operator_items again = reply_again(*state, &reply).quarantine;
    assert_true(again.count == 1 && again.more && !again.id.data && !again.cause.data);
    assert_int_equal(again.items[0].place.collection, 2);
    assert_true(digest_equal(again.items[0].item.digest, items[0].place.digest));
    assert_bytes(again.items[0].collection.region, "r");
    assert_string_equal(again.items[0].item.cause, "no id");
    assert_bytes(again.items[0].item.id, "x");
    reply.quarantine = (struct operator_items){.id = BYTES("")};
    again = reply_again(*state, &reply).quarantine;
    assert_bytes(again.id, "");
    assert_null(again.cause.data);
}

static void changes_and_refusals_come_as_they_were_sent(void **state)
{
    struct bytes changes[] = {BYTES("one"), BYTES("")};
    const struct position positions[] = {{.shard = 3, .epoch = 1, .seq = 9}};
    const struct refusal refusals[] = {{REFUSAL_COMPACTED, 3, 7, 9, 1, 0}};
    struct operator_reply reply = {.id = 1,
                                   .kind = OPERATOR_FETCH,
                                   .fetch = {.changes = changes,
                                             .count = 2,
                                             .positions = positions,
                                             .position_count = 1,
                                             .more = true,
                                             .refusals = refusals,
                                             .refusal_count = 1}};
    struct feed_changes again = reply_again(*state, &reply).fetch;
    assert_int_equal(again.count, 2);
    assert_bytes(again.changes[0], "one");
    assert_bytes(again.changes[1], "");
    assert_int_equal(again.position_count, 1);
    assert_positions(again.positions, positions, 1);
    assert_true(again.more);
    assert_int_equal(again.refusals[0].kind, REFUSAL_COMPACTED);
    assert_int_equal(again.refusals[0].oldest, 7);
}

static void a_failure_comes_with_its_code_and_sentence(void **state)
{
    struct lab *lab = *state;
    struct operator_reply reply = {.id = 5, .kind = OPERATOR_HARVEST};
    error_set(&reply.failure, ERR_BUSY, "somebody else has it");
    struct operator_reply again = reply_again(lab, &reply);
    assert_int_equal(again.kind, OPERATOR_NONE);
    assert_int_equal(again.failure.code, ERR_BUSY);
    assert_string_equal(again.failure.text, "somebody else has it");
}

/* --- what is refused --- */

static int unpack(struct lab *lab, struct bytes packed)
{
    struct operator_request request;
    struct operator_reply reply;
    int r = operator_request_unpack(&lab->arena, packed, &request, &lab->e);
    assert_int_equal(operator_reply_unpack(&lab->arena, packed, &reply, &lab->e), r);
    return r;
}

static void what_is_no_message_is_refused(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(unpack(lab, BYTES("")), ERR_BODY);
    assert_int_equal(unpack(lab, BYTES("GET / HTTP/1.1")), ERR_BODY);
    assert_int_equal(unpack(lab, BYTES("\xff\xff\xff\xff\xff")), ERR_BODY);
    assert_non_null(strstr(lab->e.text, "operator protocol"));
}

static void each_cut_of_a_request_is_refused_or_another_request(void **state)
{
    struct lab *lab = *state;
    const struct position positions[] = {{.shard = 0, .epoch = 1, .seq = 5}};
    struct operator_request cut,
        request = {
            .version = 1, .id = 9, .kind = OPERATOR_FETCH, .fetch = {.positions = positions, .count = 1}};
    request_again(lab, &request);
    for (size_t len = 0; len < lab->out.len; len++)
        if (operator_request_unpack(&lab->arena, (struct bytes){lab->out.data, len}, &cut, &lab->e) == 0)
            assert_int_equal(cut.kind, OPERATOR_NONE);
}

static void refuse(struct lab *lab, const struct operator_request *request)
{
    struct operator_request again;
    buffer_reset(&lab->out);
    operator_request_pack(request, &lab->out);
    assert_int_equal(operator_request_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e),
                     ERR_BODY);
    assert_int_equal(again.id, request->id);
    assert_int_equal(again.kind, OPERATOR_NONE);
}

static void what_cannot_be_is_refused(void **state)
{
    const struct position twice[] = {{.shard = 1, .epoch = 1, .seq = 1}, {.shard = 1, .epoch = 1, .seq = 2}},
                          beyond[] = {{.shard = LIMIT_SHARDS, .epoch = 1, .seq = 1}},
                          endless[] = {{.shard = 1, .epoch = 1, .seq = UINT64_MAX}};
    const struct bytes broken = BYTES("\xff");
    struct operator_request request = {
        .version = 1, .id = 3, .kind = OPERATOR_FETCH, .fetch = {.positions = twice, .count = 2}};
    refuse(*state, &request);
    request.fetch = (struct feed_demand){.positions = beyond, .count = 1};
    refuse(*state, &request);
    request.fetch = (struct feed_demand){.positions = endless, .count = 1};
    refuse(*state, &request);
    request.fetch = (struct feed_demand){.filter = {.types = {&broken, 1}}};
    refuse(*state, &request);
    request =
        (struct operator_request){.id = 4, .kind = OPERATOR_HARVEST, .which = {.account = BYTES("\xc0")}};
    refuse(*state, &request);
    request.kind = OPERATOR_QUARANTINE;
    refuse(*state, &request); /* no action */
    request.quarantine.action = QUARANTINE_SHOW;
    refuse(*state, &request); /* of nothing */
    request.quarantine.has_place = true;
    request.quarantine.place.shard = LIMIT_SHARDS;
    refuse(*state, &request);
    request = (struct operator_request){.id = 5, .kind = OPERATOR_HELLO, .hello = {.from = 2, .to = 1}};
    refuse(*state, &request);
}

/* --- versions --- */

static void an_older_or_newer_peer_is_told_which_one_to_update(void **state)
{
    struct lab *lab = *state;
    struct operator_hello newer = {.from = OPERATOR_VERSION + 1,
                                   .to = OPERATOR_VERSION + 2,
                                   .program = BYTES("garner 9")},
                          same = {.from = 1, .to = OPERATOR_VERSION + 5, .program = BYTES("garner 8")};
    assert_int_equal(operator_version_with(&newer, "garner 0", &lab->e), 0);
    assert_string_equal(lab->e.text,
                        "garner 9 there speaks versions 2 to 3 of the protocol, and this is garner 0, "
                        "which speaks 1 to 1: update this program");
    assert_int_equal(operator_version_with(&same, "garner 0", &lab->e), OPERATOR_VERSION);
    struct operator_hello older = {.from = 0, .to = 0, .program = BYTES("garner 0")};
    assert_int_equal(operator_version_with(&older, "garner 1", &lab->e), 0);
    assert_non_null(strstr(lab->e.text, "update the one that runs there"));
}

static void a_request_of_another_version_is_told_so(void **state)
{
    struct lab *lab = *state;
    struct operator_request request = {.version = 2, .kind = OPERATOR_HARVEST};
    assert_int_equal(operator_request_check(&request, "garner 0", &lab->e), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "version 2, and garner 0 speaks 1 to 1"));
    request = (struct operator_request){.version = 1};
    assert_int_equal(operator_request_check(&request, "garner 0", &lab->e), ERR_USAGE);
    assert_non_null(strstr(lab->e.text, "garner 0 doesn't know this request"));
    request.kind = OPERATOR_CONFIRM;
    assert_int_equal(operator_request_check(&request, "garner 0", &lab->e), 0);
    request = (struct operator_request){.version = 99, .kind = OPERATOR_HELLO};
    assert_int_equal(operator_request_check(&request, "garner 0", &lab->e), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_come_as_they_were_sent),
        TEST(what_is_asked_of_quarantine_comes_as_it_was_sent),
        TEST(a_demand_for_changes_comes_as_it_was_sent),
        TEST(answers_come_as_they_were_sent),
        TEST(a_long_list_of_what_was_confirmed_comes_as_it_was_sent),
        TEST(items_in_quarantine_come_as_they_were_sent),
        TEST(changes_and_refusals_come_as_they_were_sent),
        TEST(a_failure_comes_with_its_code_and_sentence),
        TEST(what_is_no_message_is_refused),
        TEST(each_cut_of_a_request_is_refused_or_another_request),
        TEST(what_cannot_be_is_refused),
        TEST(an_older_or_newer_peer_is_told_which_one_to_update),
        TEST(a_request_of_another_version_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
