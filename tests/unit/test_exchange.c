/* Exchanges of signed requests: when they are signed, and what a wrong clock, another region or dead keys
 * lead to. What else an exchange does is in the scenarios of a harvest. */
#include "test_paging_lab.h"
#include "worker/harvest/exchange.h"

enum { KEYS_MS = 3600 * 1000, MINUTE_MS = 60000 };
static const int64_t wall_start_ms = 1795341600000; /* 2026-11-22T10:00:00Z */

struct talk {
    struct arena arena;
    struct provider *provider;
    struct auth_session session;
    struct retry retry;
    struct placeholders values;
    struct exchange x;
    int64_t now_ms;
};

static const char provider_text[] =
    "provider: p\n"
    "errors: {code_at: [/Error/Code, header:X-Type], code_after: '#', code_before: ':', message_at: "
    "/Error/Message,\n"
    "  expired: [ExpiredToken, Outdated], skewed: [TooSkewed, Outdated], throttled: [SlowDown], denied: "
    "[NotYou], advice: "
    "{BadKey: get a better "
    "one}}\n"
    "collections:\n"
    "- type: t\n"
    "  auth: {kind: aws_sigv4, service: s3, region: eu-west-1, region_from: header:X-Region}\n"
    "  request: {url: 'https://s3.{auth.region}.test/b', query: {policy: ''}}\n"
    "  items: ''\n"
    "  id: \"{account.id}\"\n"
    "  format: json\n"
    "  permissions: [s3:GetBucketPolicy]\n";

static void renew(struct talk *t, const char *id, const char *endpoints)
{
    struct error e;
    struct sigv4_keys keys = {bytes_of(id), BYTES("the-secret-key"), BYTES("the-session-token")};
    struct value map = value_of(&t->arena, endpoints);
    t->session.wall_ahead_ms = wall_start_ms - t->now_ms;
    if (auth_renewed_keys(&t->session, &keys, wall_start_ms + KEYS_MS, &map, t->now_ms, &e))
        fail_msg("%s", e.text);
}

static void talk_open(struct talk *t)
{
    struct yaml_report report = {0};
    *t = (struct talk){.now_ms = 1000};
    t->provider = provider_open_text("p.yaml", bytes_of(provider_text), &report);
    if (report.errors)
        fail_msg("%s", buffer_text(&report.text));
    yaml_report_close(&report);
    t->values = (struct placeholders){.account_id = BYTES("1")};
    const struct collection_def *def = &t->provider->collections[0];
    exchange_open(&t->x, &(struct exchange_setting){.def = def,
                                                    .auth = &def->auth,
                                                    .values = &t->values,
                                                    .session = &t->session,
                                                    .retry = &t->retry,
                                                    .request = &def->request});
}

static void talk_close(struct talk *t)
{
    exchange_close(&t->x);
    auth_session_close(&t->session);
    provider_close(t->provider);
    arena_close(&t->arena);
}

static void begin(struct talk *t)
{
    assert_int_equal(exchange_start(&t->x, t->now_ms), EXCHANGE_RENEW);
    renew(t, "AKID", "{}");
    assert_int_equal(exchange_due(&t->x, t->now_ms), EXCHANGE_SEND);
}

static struct bytes header(const struct request *request, const char *name)
{
    struct answer as_answer = {.headers = request->headers};
    struct bytes value = {"", 0};
    answer_header(&as_answer, name, &value);
    return value;
}

/* Send: the request must go to that host, bear that time, and that region in its signature. */
static void sends(struct talk *t, int64_t wall_ms, const char *host, const char *date, const char *scope)
{
    const struct request *request = exchange_request(&t->x, wall_ms);
    struct bytes sign = header(request, "Authorization");
    if (!strstr(request->url, host))
        fail_msg("asked %s, not %s", request->url, host);
    assert_true(bytes_is(header(request, "X-Amz-Date"), date));
    if (!memmem(sign.data, sign.len, scope, strlen(scope)))
        fail_msg("signed %.*s", BYTES_ARG(sign));
    assert_true(request->is_signed);
}

struct said {
    int status;
    const char *type, *region, *date, *body;
};

static enum exchange_want answer(struct talk *t, int64_t wall_ms, struct said said)
{
    struct pair headers[3];
    struct pairs list = {.items = headers};
    if (said.type)
        headers[list.count++] = (struct pair){BYTES("X-Type"), bytes_of(said.type)};
    if (said.region)
        headers[list.count++] = (struct pair){BYTES("X-Region"), bytes_of(said.region)};
    if (said.date)
        headers[list.count++] = (struct pair){BYTES("Date"), bytes_of(said.date)};
    struct answer given = {.status = said.status,
                           .headers = list,
                           .body = bytes_of(said.body ? said.body : "{}"),
                           .delimited = true,
                           .url = "https://s3.test/"};
    return exchange_answered(&t->x, &given, t->now_ms, wall_ms);
}

static void failed_saying(const struct talk *t, int code, const char *what)
{
    assert_int_equal(t->x.error.code, code);
    if (!strstr(t->x.error.text, what))
        fail_msg("said: %s", t->x.error.text);
    assert_null(strstr(t->x.error.text, "the-secret"));
    assert_null(strstr(t->x.error.text, "the-session"));
}

/* A request that waits for its limits is signed for when it goes out, not for when it was made. */
static void signed_when_sent(void **state)
{
    struct talk t;
    talk_open(&t);
    begin(&t);
    sends(&t, wall_start_ms + 10 * MINUTE_MS, "s3.eu-west-1.test/b?policy=", "20261122T101000Z",
          "AKID/20261122/eu-west-1/s3/aws4_request");
    assert_int_equal(answer(&t, wall_start_ms, (struct said){.status = 200}), EXCHANGE_DONE);
    talk_close(&t);
    (void)state;
}

/* A clock that is off is corrected once by the provider's Date, in both directions. */
static void wrong_clock_is_corrected_once(void **state)
{
    static const char *const dates[][2] = {{"Sun, 22 Nov 2026 10:10:00 GMT", "20261122T101000Z"},
                                           {"Sun, 22 Nov 2026 09:50:00 GMT", "20261122T095000Z"}};
    for (int i = 0; i < 2; i++) {
        struct talk t;
        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "eu-west-1", "20261122T100000Z", "eu-west-1");
        struct said skewed = {.status = 403, .type = "ns#TooSkewed:http://x", .date = dates[i][0]};
        assert_int_equal(answer(&t, wall_start_ms, skewed), EXCHANGE_SEND);
        assert_int_equal(t.session.skew_ms, (i ? -10 : 10) * MINUTE_MS);
        sends(&t, wall_start_ms, "eu-west-1", dates[i][1], "eu-west-1");
        assert_int_equal(answer(&t, wall_start_ms, skewed), EXCHANGE_FAILED);
        failed_saying(&t, ERR_DENIED,
                      i ? "clock is 600 s ahead of the provider's" : "600 s behind the provider's");
        talk_close(&t);
    }
    (void)state;
}

/* What another request learnt of the clock after this one was signed doesn't make this one's time right. */
static void corrected_though_others_were_first(void **state)
{
    struct talk t;
    talk_open(&t);
    begin(&t);
    sends(&t, wall_start_ms, "eu-west-1", "20261122T100000Z", "eu-west-1");
    t.session.skew_ms = 10 * MINUTE_MS;
    struct said skewed = {.status = 403, .type = "TooSkewed", .date = "Sun, 22 Nov 2026 10:10:00 GMT"};
    assert_int_equal(answer(&t, wall_start_ms, skewed), EXCHANGE_SEND);
    sends(&t, wall_start_ms, "eu-west-1", "20261122T101000Z", "eu-west-1");
    assert_int_equal(answer(&t, wall_start_ms, (struct said){.status = 200}), EXCHANGE_DONE);
    talk_close(&t);
    (void)state;
}

/* A code that may mean either (EC2's RequestExpired, and any 401) is a wrong clock if the clocks differ, else
 * dead keys. */
static void either_clock_or_keys(void **state)
{
    static const struct said either[] = {
        {.status = 400, .type = "Outdated", .date = "Sun, 22 Nov 2026 10:10:00 GMT"},
        {.status = 401, .type = "TooSkewed", .date = "Sun, 22 Nov 2026 10:10:00 GMT"}};
    for (int i = 0; i < 2; i++) {
        struct talk t;
        struct said agreed = either[i];
        agreed.date = "Sun, 22 Nov 2026 10:00:01 GMT";
        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "eu-west-1", "20261122T100000Z", "eu-west-1");
        assert_int_equal(answer(&t, wall_start_ms, either[i]), EXCHANGE_SEND);
        assert_int_equal(t.session.skew_ms, 10 * MINUTE_MS);
        talk_close(&t);

        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "eu-west-1", "20261122T100000Z", "eu-west-1");
        assert_int_equal(answer(&t, wall_start_ms, agreed), EXCHANGE_RENEW);
        assert_int_equal(t.session.skew_ms, 0);
        talk_close(&t);
    }
    (void)state;
}

/* With clocks that agree such an answer means what it says: no second try, and no blame for the clock. */
static void right_clock_is_not_blamed(void **state)
{
    struct talk t;
    talk_open(&t);
    begin(&t);
    sends(&t, wall_start_ms, "eu-west-1", "20261122T100000Z", "eu-west-1");
    assert_int_equal(
        answer(&t, wall_start_ms,
               (struct said){.status = 403, .type = "TooSkewed", .date = "Sun, 22 Nov 2026 10:03:00 GMT"}),
        EXCHANGE_FAILED);
    failed_saying(&t, ERR_DENIED, "HTTP 403 TooSkewed");
    assert_null(strstr(t.x.error.text, "clock"));
    talk_close(&t);
    (void)state;
}

/* Another region that an answer names is asked, once, at its own host and signed for it. */
static void another_region_is_asked(void **state)
{
    static const int statuses[] = {301, 307, 400};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct talk t;
        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "s3.eu-west-1.test", "20261122T100000Z", "/eu-west-1/s3/");
        struct said moved = {.status = statuses[i], .region = "ap-south-2"};
        assert_int_equal(answer(&t, wall_start_ms, moved), EXCHANGE_SEND);
        sends(&t, wall_start_ms, "s3.ap-south-2.test", "20261122T100000Z", "/ap-south-2/s3/");
        moved.region = "eu-west-1";
        assert_int_equal(answer(&t, wall_start_ms, moved), EXCHANGE_FAILED); /* sent back: no to and fro */
        talk_close(&t);
    }
    (void)state;
}

/* What names the same region, or no region at all, leads nowhere; nothing strange gets into a host's name. */
static void strange_regions_lead_nowhere(void **state)
{
    static const char *const regions[] = {
        "eu-west-1", "evil.test/x", "a b", "",
        "a-very-long-region-name-that-is-longer-than-any-region-will-ever-be"};
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct talk t;
        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "s3.eu-west-1.test", "20261122T100000Z", "/eu-west-1/s3/");
        assert_int_equal(answer(&t, wall_start_ms, (struct said){.status = 301, .region = regions[i]}),
                         EXCHANGE_FAILED);
        failed_saying(&t, ERR_HTTP, "HTTP 301");
        talk_close(&t);
    }
    (void)state;
}

/* An expired token renews the keys once, and the same request goes on with the new ones. */
static void expired_keys_are_renewed_once(void **state)
{
    struct talk t;
    struct said expired = {.status = 400,
                           .body = "{\"Error\": {\"Code\": \"ExpiredToken\", \"Message\": \"old\"}}"};
    talk_open(&t);
    begin(&t);
    sends(&t, wall_start_ms, "s3", "20261122T100000Z", "AKID/");
    assert_int_equal(answer(&t, wall_start_ms, expired), EXCHANGE_RENEW);
    renew(&t, "NEWKEY", "{\"S3\": \"http://127.0.0.1:9/prefix/\", \"\": \"http://other\"}");
    assert_int_equal(exchange_due(&t.x, t.now_ms), EXCHANGE_SEND);
    sends(&t, wall_start_ms, "http://127.0.0.1:9/prefix/b?policy=", "20261122T100000Z", "NEWKEY/");
    assert_int_equal(answer(&t, wall_start_ms, expired), EXCHANGE_FAILED);
    failed_saying(&t, ERR_DENIED, "HTTP 400 ExpiredToken: old: ");
    talk_close(&t);
    (void)state;
}

/* A code says what to do about it by the provider file's advice, or by the permission that is missing. */
static void refusals_say_what_to_do(void **state)
{
    static const struct {
        struct said said;
        int code;
        const char *text;
    } cases[] = {
        {{.status = 403, .body = "{\"Error\": {\"Code\": \"NoWay\", \"Message\": \"You may not.\"}}"},
         ERR_DENIED,
         "HTTP 403 NoWay: You may not: grant s3:GetBucketPolicy"},
        {{.status = 400, .type = "NotYou", .body = "{\"Error\": {\"Message\": \"Ask…\"}}"},
         ERR_DENIED,
         "HTTP 400 NotYou: Ask…: grant s3:GetBucketPolicy"},
        {{.status = 403, .type = "com.x#BadKey:http://y", .body = "no JSON"},
         ERR_DENIED,
         "HTTP 403 BadKey ('no JSON'): get a better one"},
        {{.status = 404, .body = "{\"Error\": {\"Message\": \"Gone\"}}"}, ERR_HTTP, "HTTP 404: Gone: check"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk t;
        talk_open(&t);
        begin(&t);
        sends(&t, wall_start_ms, "s3", "20261122T100000Z", "AKID/");
        assert_int_equal(answer(&t, wall_start_ms, cases[i].said), EXCHANGE_FAILED);
        failed_saying(&t, cases[i].code, cases[i].text);
        talk_close(&t);
    }
    (void)state;
}

/* Keys that can't go into a header are no keys, and ones that have expired no help. */
static void unfit_keys_are_refused(void **state)
{
    static const struct {
        struct sigv4_keys keys;
        int64_t life_ms;
        const char *text;
    } cases[] = {
        {{BYTES("AKID"), BYTES("the-secret\n"), BYTES("")}, KEYS_MS, "hold a blank or line break"},
        {{BYTES(""), BYTES("the-secret"), BYTES("")}, KEYS_MS, "are empty"},
        {{BYTES("AKID"), BYTES("the-secret"), BYTES("the session")}, KEYS_MS, "hold a blank"},
        {{BYTES("AKID"), BYTES("the-secret"), BYTES("")}, 0, "have expired already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk t;
        struct error e;
        talk_open(&t);
        struct value none = value_object(&t.arena, 0);
        t.session.wall_ahead_ms = wall_start_ms - t.now_ms;
        assert_int_equal(exchange_start(&t.x, t.now_ms), EXCHANGE_RENEW);
        assert_int_equal(auth_renewed_keys(&t.session, &cases[i].keys, wall_start_ms + cases[i].life_ms,
                                           &none, t.now_ms, &e),
                         ERR_CREDENTIALS);
        assert_non_null(strstr(e.text, cases[i].text));
        assert_int_equal(exchange_due(&t.x, t.now_ms), EXCHANGE_FAILED);
        failed_saying(&t, ERR_CREDENTIALS, cases[i].text);
        talk_close(&t);
    }
    (void)state;
}

static enum exchange_want answer_with(struct talk *t, int status, const char *body, struct pair header)
{
    struct answer given = {.status = status,
                           .headers = {&header, 1, 1},
                           .body = bytes_of(body),
                           .delimited = true,
                           .url = "https://s3.test/"};
    return exchange_answered(&t->x, &given, t->now_ms, wall_start_ms);
}

/* What an answer says of limits is kept for them: whether it throttled, by status, code or headers. */
static void limits_hear_of_answers(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        struct pair header;
        enum verdict verdict;
        int code;
        bool has_quota;
    } cases[] = {
        {200, "{}", {BYTES("Date"), BYTES("x")}, VERDICT_WELL, 0, false},
        {200, "{}", {BYTES("X-RateLimit-Remaining"), BYTES("7")}, VERDICT_WELL, 0, true},
        {429, "", {BYTES("Date"), BYTES("x")}, VERDICT_THROTTLED, ERR_THROTTLED, false},
        {429, "", {BYTES("Retry-After"), BYTES("7")}, VERDICT_THROTTLED, ERR_THROTTLED, true},
        {503, "", {BYTES("Retry-After"), BYTES("7")}, VERDICT_NONE, ERR_SERVER, true},
        {400, "", {BYTES("X-Type"), BYTES("SlowDown")}, VERDICT_THROTTLED, ERR_THROTTLED, false},
        {200,
         "{\"Error\":{\"Code\":\"SlowDown\"}}",
         {BYTES("Date"), BYTES("x")},
         VERDICT_THROTTLED,
         ERR_THROTTLED,
         false},
        {403, "", {BYTES("Date"), BYTES("x")}, VERDICT_WELL, ERR_DENIED, false},
        {403, "", {BYTES("X-RateLimit-Remaining"), BYTES("7")}, VERDICT_WELL, ERR_DENIED, true},
        {403, "", {BYTES("X-RateLimit-Remaining"), BYTES("0")}, VERDICT_THROTTLED, ERR_THROTTLED, true},
        {403, "", {BYTES("Retry-After"), BYTES("7")}, VERDICT_THROTTLED, ERR_THROTTLED, true},
        {404, "", {BYTES("Date"), BYTES("x")}, VERDICT_WELL, ERR_HTTP, false},
        {200, "{", {BYTES("Date"), BYTES("x")}, VERDICT_NONE, ERR_BODY, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk t;
        talk_open(&t);
        begin(&t);
        exchange_request(&t.x, wall_start_ms);
        enum exchange_want want = answer_with(&t, cases[i].status, cases[i].body, cases[i].header);
        assert_int_equal(t.x.heard.verdict, cases[i].verdict);
        assert_int_equal(t.x.heard.has_quota, cases[i].has_quota);
        assert_false(t.x.heard.again);
        assert_int_equal(want == EXCHANGE_DONE, cases[i].code == 0);
        assert_int_equal(want == EXCHANGE_WAIT, retry_makes_sense(cases[i].code));
        if (want == EXCHANGE_WAIT) {
            assert_int_equal(t.x.error.code, cases[i].code);
            assert_int_equal(exchange_due(&t.x, t.x.at_ms), EXCHANGE_SEND);
            exchange_request(&t.x, wall_start_ms);
            exchange_broke(&t.x, &(struct error){.code = ERR_TRANSFER}, t.now_ms);
            assert_int_equal(t.x.heard.verdict, VERDICT_NONE);
            assert_true(t.x.heard.again);
        }
        talk_close(&t);
    }
}

/* When an account's retries are used up, what fails isn't tried again, and says so. */
static void without_a_budget_nothing_is_tried_again(void **state)
{
    (void)state;
    struct budget budget = {0};
    struct talk t;
    talk_open(&t);
    t.retry.budget = &budget;
    begin(&t);
    int retries = 0;
    for (; retries < 1000; retries++) {
        exchange_request(&t.x, wall_start_ms);
        if (answer(&t, wall_start_ms, (struct said){.status = 500}) == EXCHANGE_FAILED)
            break;
        assert_int_equal(exchange_due(&t.x, t.now_ms), EXCHANGE_SEND);
        exchange_request(&t.x, wall_start_ms);
        assert_int_equal(answer(&t, wall_start_ms, (struct said){.status = 200}), EXCHANGE_DONE);
        assert_int_equal(exchange_start(&t.x, t.now_ms), EXCHANGE_SEND);
    }
    assert_in_range(retries, LIMIT_BUDGET_MIN, LIMIT_BUDGET_MIN * 5 / 4);
    failed_saying(&t, ERR_SERVER, "not tried again");
    t.now_ms += 60000;
    assert_int_equal(exchange_start(&t.x, t.now_ms), EXCHANGE_SEND);
    exchange_request(&t.x, wall_start_ms);
    assert_int_equal(answer(&t, wall_start_ms, (struct said){.status = 500}), EXCHANGE_WAIT);
    talk_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_when_sent),
        cmocka_unit_test(wrong_clock_is_corrected_once),
        cmocka_unit_test(corrected_though_others_were_first),
        cmocka_unit_test(either_clock_or_keys),
        cmocka_unit_test(right_clock_is_not_blamed),
        cmocka_unit_test(another_region_is_asked),
        cmocka_unit_test(strange_regions_lead_nowhere),
        cmocka_unit_test(expired_keys_are_renewed_once),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(unfit_keys_are_refused),
        cmocka_unit_test(limits_hear_of_answers),
        cmocka_unit_test(without_a_budget_nothing_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
