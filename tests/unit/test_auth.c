/* Auth: what each kind adds to a request, where it never goes, and the life of a session's token. */
#include "common/limits.h"
#include "test_paging_lab.h"
#include "test_template_maker.h"
#include "worker/provider/auth.h"

struct door {
    struct arena arena;
    struct value credentials;
    struct placeholders values;
    struct request_def request;
    struct request_parts parts;
    struct auth_def def;
    struct auth_session session;
    struct error e;
};

static void door_open(struct door *d, enum auth_kind kind)
{
    *d = (struct door){.request = {.method = "GET"}, .def = {.kind = kind}};
    d->request.url = template_of(&d->arena, "https://api.test/v1");
    d->credentials = value_of(&d->arena,
                              "{\"user\":\"Aladdin\",\"password\":\"open sesame\",\"token\":\"s3cr3t\","
                              "\"empty\":\"\",\"colon\":\"a:b\"}");
    d->values = (struct placeholders){.account_id = BYTES("1"), .credentials = &d->credentials};
    assert_int_equal(request_begin(&d->parts, &d->arena, &d->request, &d->values, &d->e), 0);
    d->def.session_token = lab_source(&d->arena, "body:/token");
    d->def.send_header = "Authorization";
    d->def.format = template_of(&d->arena, "Bearer {token}");
}

static void door_close(struct door *d)
{
    auth_session_close(&d->session);
    arena_close(&d->arena);
}

static void door_asks(struct door *d, const char *url)
{
    assert_int_equal(url_parse(bytes_of(url), &d->parts.url, NULL), 0);
}

static int door_apply(struct door *d)
{
    return auth_apply(&d->def, &d->session, &d->values, &d->parts, &d->e);
}

static void door_has(struct door *d, const char *expected)
{
    struct buffer out = {0};
    if (door_apply(d))
        fail_msg("%s", d->e.text);
    for (uint32_t i = 0; i < d->parts.headers.count; i++)
        buffer_printf(&out, "%.*s: %.*s\n", BYTES_ARG(d->parts.headers.items[i].name),
                      BYTES_ARG(d->parts.headers.items[i].value));
    assert_string_equal(buffer_text(&out), expected);
    buffer_close(&out);
}

/* Renew by a scripted answer. */
static int door_renew(struct door *d, int status, const char *body, int64_t now_ms)
{
    struct pair header = {BYTES("X-Token"), BYTES("from-header")};
    struct answer answer = {.status = status, .headers = {.items = &header, .count = 1}};
    struct value value = value_of(&d->arena, body);
    assert_int_equal(auth_need(&d->session, &d->def, now_ms), AUTH_RENEW);
    return auth_renewed(&d->session, &d->def, &answer, &value, now_ms, &d->e);
}

/* Each kind without a session adds its headers. */
static void kinds_add_their_headers(void **state)
{
    struct arena arena = {0};
    const struct template *key[] = {template_of(&arena, "{credentials.token}")};
    const struct template *two[] = {TEMPLATE("a"), TEMPLATE("b")};
    struct field headers[] = {{"X-Key", key, 1}, {"X-Two", two, 2}, {"X-None", NULL, 0}};
    struct door d;
    door_open(&d, AUTH_NONE);
    door_has(&d, "");
    door_close(&d);
    door_open(&d, AUTH_BASIC);
    d.def.user = template_of(&d.arena, "{credentials.user}");
    d.def.password = template_of(&d.arena, "{credentials.password}");
    door_has(&d, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n"); /* RFC 7617 */
    door_close(&d);
    door_open(&d, AUTH_BASIC);
    d.def.user = TEMPLATE("key");
    d.def.password = TEMPLATE("");
    door_has(&d, "Authorization: Basic a2V5Og==\n");
    door_close(&d);
    door_open(&d, AUTH_BEARER);
    d.def.token = template_of(&d.arena, "{credentials.token}");
    request_set_header(&d.parts, "authorization", BYTES("replaced"));
    door_has(&d, "authorization: Bearer s3cr3t\n");
    door_close(&d);
    door_open(&d, AUTH_HEADER);
    d.def.headers = (struct fields){headers, 3};
    door_has(&d, "X-Key: s3cr3t\nX-Two: a, b\n");
    door_close(&d);
    arena_close(&arena);
    (void)state;
}

/* What can't be sent is an error that names no secret. */
static void unfit_credentials_are_errors(void **state)
{
    static const struct {
        enum auth_kind kind;
        const char *text;
        int err;
        const char *error;
    } cases[] = {
        {AUTH_BEARER, "{credentials.nope}", ERR_PLACEHOLDER,
         "auth token: {credentials.nope} has no value: the account has no such credential in the "
         "configuration"},
        {AUTH_BEARER, "{credentials.empty}", ERR_CREDENTIALS, "auth token: it is empty"},
        {AUTH_BASIC, "{credentials.colon}", ERR_CREDENTIALS,
         "auth user: a user of kind basic can't have a ':' in it"},
        {AUTH_BASIC, "{credentials.nope}", ERR_PLACEHOLDER,
         "auth user: {credentials.nope} has no value: the account has no such credential in the "
         "configuration"},
        {AUTH_LOGIN, "", ERR_CREDENTIALS, "auth: there is no session's token yet"},
        {AUTH_EXEC, "", ERR_CREDENTIALS, "auth: there is no session's token yet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct door d;
        door_open(&d, cases[i].kind);
        d.def.token = d.def.user = d.def.password = template_of(&d.arena, cases[i].text);
        assert_int_equal(door_apply(&d), cases[i].err);
        assert_string_equal(d.e.text, cases[i].error);
        assert_int_equal(d.parts.headers.count, 0);
        door_close(&d);
    }
    (void)state;
}

/* Secrets go to the definition's origin and that of an allowed link, nowhere else. */
static void secrets_stay_with_their_origin(void **state)
{
    struct door d;
    door_open(&d, AUTH_BEARER);
    d.def.token = template_of(&d.arena, "{credentials.token}");
    door_asks(&d, "https://API.test:443/other");
    assert_int_equal(door_apply(&d), 0);
    door_asks(&d, "https://cdn.test/2");
    assert_int_equal(door_apply(&d), ERR_CREDENTIALS);
    assert_string_equal(
        d.e.text,
        "credentials of https://api.test don't go to https://cdn.test: allow_origins doesn't name it");
    const struct url link = d.parts.url;
    d.parts.link_origin = &link;
    assert_int_equal(door_apply(&d), 0);
    door_asks(&d, "http://cdn.test/2");
    assert_int_equal(door_apply(&d), ERR_CREDENTIALS);
    d.def.kind = AUTH_NONE;
    assert_int_equal(door_apply(&d), 0);
    door_close(&d);
    (void)state;
}

/* Each page of links to an allowed origin gets the auth. */
static void link_pages_are_signed(void **state)
{
    static const char *const origins[] = {"https://cdn.test", NULL};
    struct provider provider = {.allow_origins = origins};
    struct page_part part = {0};
    struct door d;
    door_open(&d, AUTH_BEARER);
    d.def.token = template_of(&d.arena, "{credentials.token}");
    part.from = lab_source(&d.arena, "body:/next");
    struct collection_def def = {.provider = &provider,
                                 .page = {.style = PAGE_LINK, .parts = &part, .part_count = 1}};
    struct paging paging;
    paging_open(&paging, &def, &d.parts.origin);
    struct answer answer = {.status = 200, .url = "https://api.test/v1"};
    struct value body = value_of(&d.arena, "{\"next\":\"https://CDN.test/2\"}");
    struct page_seen seen = {0};
    enum paging_verdict verdict;
    bool sound;
    const char *why;
    assert_int_equal(paging_next(&paging, &answer, &body, &seen, &verdict, &sound, &why, &d.e), 0);
    assert_int_equal(paging_apply(&paging, &d.parts, &d.e), 0);
    assert_true(bytes_is(url_origin_of(&d.arena, d.parts.link_origin), "https://cdn.test"));
    assert_true(bytes_is(url_origin_of(&d.arena, &d.parts.origin), "https://api.test"));
    door_has(&d, "Authorization: Bearer s3cr3t\n");
    paging_close(&paging);
    door_close(&d);
    (void)state;
}

/* A session: one renews, others wait; the token is sent as `format` says; it is renewed before expiry. */
static void session_lives(void **state)
{
    struct door d;
    door_open(&d, AUTH_LOGIN);
    d.def.has_expires_in = true;
    d.def.expires_in = lab_pointer(&d.arena, "/ttl");
    assert_int_equal(auth_need(&d.session, &d.def, 1000), AUTH_RENEW);
    assert_int_equal(auth_need(&d.session, &d.def, 1000), AUTH_WAIT);
    d.session.state = 0;
    assert_int_equal(door_renew(&d, 200, "{\"token\":\"one\",\"ttl\":3600}", 1000), 0);
    assert_int_equal(d.session.generation, 1);
    assert_int_equal(d.session.expires_ms, 3601000);
    assert_int_equal(auth_need(&d.session, &d.def, 1000), AUTH_GO);
    assert_int_equal(auth_need(&d.session, &d.def, 3570999), AUTH_GO);
    door_has(&d, "Authorization: Bearer one\n");
    assert_int_equal(door_renew(&d, 201, "{\"token\":\"two\",\"ttl\":3600}", 3571000), 0);
    assert_int_equal(d.session.generation, 2);
    door_has(&d, "Authorization: Bearer two\n");
    door_close(&d);
    (void)state;
}

/* However short a token lives, it serves for a while before the next renewal. */
static void short_lived_tokens_serve(void **state)
{
    static const struct {
        const char *ttl;
        int64_t renew_ms;
    } cases[] = {{"60", 30000}, {"61", 31000}, {"40", 20000},    {"10", 5000},
                 {"1", 500},    {"0.5", 250},  {"\"20\"", 10000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct door d;
        char body[64];
        snprintf(body, sizeof body, "{\"token\":\"t\",\"ttl\":%s}", cases[i].ttl);
        door_open(&d, AUTH_EXEC);
        d.def.has_expires_in = true;
        d.def.expires_in = lab_pointer(&d.arena, "/ttl");
        assert_int_equal(door_renew(&d, 200, body, 0), 0);
        assert_int_equal(auth_need(&d.session, &d.def, 0), AUTH_GO);
        assert_int_equal(auth_need(&d.session, &d.def, cases[i].renew_ms - 1), AUTH_GO);
        assert_int_equal(auth_need(&d.session, &d.def, cases[i].renew_ms), AUTH_RENEW);
        door_close(&d);
    }
    (void)state;
}

/* expires_at is a wall-clock time: seconds since 1970 or RFC 3339, whatever clock now_ms is of. */
static void expiry_is_read(void **state)
{
    static const struct {
        const char *at;
        int64_t expires_ms; /* -1: an error */
    } cases[] = {
        {"1700003600", 3600000},
        {"\"1700003600\"", 3600000},
        {"1.7000036e9", 3600000},
        {"1700003600.25", 3600250},
        {"\"2023-11-14T23:13:20Z\"", 3600000},
        {"\"2023-11-15T00:13:20.5+01:00\"", 3600500},
        {"null", INT64_MAX},
        {"\"soon\"", -1},
        {"\"\"", -1},
        {"true", -1},
        {"1700000000", -1}, /* that is now */
        {"1e300", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct door d;
        char body[96];
        snprintf(body, sizeof body, "{\"token\":\"t\",\"at\":%s}", cases[i].at);
        door_open(&d, AUTH_LOGIN);
        d.def.has_expires_at = true;
        d.def.expires_at = lab_pointer(&d.arena, "/at");
        d.session.wall_ahead_ms = 1700000000000;
        assert_int_equal(door_renew(&d, 200, body, 0), cases[i].expires_ms == -1 ? ERR_LOGIN : 0);
        if (cases[i].expires_ms != -1)
            assert_int_equal(d.session.expires_ms, cases[i].expires_ms);
        door_close(&d);
    }
    (void)state;
}

/* A renewal that gives no token fails, says why without a secret, and is tried again after 30 s. */
static void failed_renewals_rest(void **state)
{
    static const struct {
        int status;
        const char *body, *error;
    } cases[] = {
        {403, "{\"token\":\"secret\"}", "the login was answered by HTTP 403"},
        {200, "{}", "the login's answer has no token at body:/token"},
        {200, "{\"token\":null}", "the login's answer has no token at body:/token"},
        {200, "{\"token\":\"\"}", "the login's answer has no token at body:/token"},
        {200, "{\"token\":{\"secret\":1}}", "the login's answer has no token at body:/token"},
        {200, "{\"token\":\"secret\\r\\nX: y\"}",
         "the login's answer has a token with a line break or NUL in it"},
        {200, "{\"token\":\"secret\\u0000\"}",
         "the login's answer has a token with a line break or NUL in it"},
        {200, "{\"token\":\"secret\",\"ttl\":\"1h\"}", "expires_in (body:/ttl) is no number of seconds"},
        {200, "{\"token\":\"secret\",\"ttl\":0}", "the token that came has expired already"},
        {200, "{\"token\":\"secret\",\"ttl\":-5}", "the token that came has expired already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct door d;
        door_open(&d, AUTH_LOGIN);
        d.def.has_expires_in = true;
        d.def.expires_in = lab_pointer(&d.arena, "/ttl");
        assert_int_equal(door_renew(&d, cases[i].status, cases[i].body, 5000), ERR_LOGIN);
        assert_string_equal(d.e.text, cases[i].error);
        assert_int_equal(auth_need(&d.session, &d.def, 5000), AUTH_FAIL);
        assert_int_equal(auth_need(&d.session, &d.def, 34999), AUTH_FAIL);
        assert_int_equal(d.session.error.code, ERR_LOGIN);
        assert_string_equal(d.session.error.text, cases[i].error);
        assert_int_equal(door_renew(&d, 200, "{\"token\":7}", 35000), 0);
        assert_int_equal(auth_need(&d.session, &d.def, INT64_MAX / 2), AUTH_GO);
        door_has(&d, "Authorization: Bearer 7\n");
        door_close(&d);
    }
    (void)state;
}

/* A renewal may fail before any answer, and a clock set back doesn't make that last. */
static void renewal_without_an_answer(void **state)
{
    struct door d;
    struct error refused = {0};
    door_open(&d, AUTH_EXEC);
    error_set(&refused, ERR_CONNECT, "refused");
    assert_int_equal(auth_need(&d.session, &d.def, 50000), AUTH_RENEW);
    auth_failed(&d.session, &refused, 50000);
    assert_int_equal(auth_need(&d.session, &d.def, 50001), AUTH_FAIL);
    assert_int_equal(d.session.error.code, ERR_CONNECT);
    assert_int_equal(auth_need(&d.session, &d.def, 100), AUTH_RENEW);
    door_close(&d);
    (void)state;
}

/* A token may come in a header. */
static void token_comes_in_a_header(void **state)
{
    struct door d;
    door_open(&d, AUTH_LOGIN);
    d.def.session_token = lab_source(&d.arena, "header:x-token");
    d.def.send_header = "X-Auth";
    d.def.format = NULL;
    assert_int_equal(door_renew(&d, 200, "{}", 0), 0);
    door_has(&d, "X-Auth: from-header\n");
    door_close(&d);
    (void)state;
}

/* A 401 renews once: not for a fresh token, not again for an old one that was replaced meanwhile. */
static void rejection_renews_once(void **state)
{
    struct door d;
    door_open(&d, AUTH_LOGIN);
    assert_int_equal(door_renew(&d, 200, "{\"token\":\"one\"}", 0), 0);
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 20));
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 20)); /* another request that had it too */
    assert_int_equal(door_renew(&d, 200, "{\"token\":\"two\"}", 10), 0);
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 20)); /* a late one: the new token is good */
    assert_int_equal(auth_need(&d.session, &d.def, 20), AUTH_GO);
    assert_false(auth_rejected(&d.session, &d.def, 2, true, 20));
    assert_int_equal(auth_need(&d.session, &d.def, 20), AUTH_GO);
    d.def.kind = AUTH_BEARER;
    assert_false(auth_rejected(NULL, &d.def, 0, false, 20));
    assert_int_equal(auth_need(NULL, &d.def, 0), AUTH_GO);
    door_close(&d);
    (void)state;
}

static void door_has_keys(struct door *d, int64_t now_ms)
{
    struct sigv4_keys keys = {BYTES("AKID"), BYTES("the-secret"), BYTES("")};
    struct value none = value_object(&d->arena, 0);
    assert_int_equal(auth_need(&d->session, &d->def, now_ms), AUTH_RENEW);
    assert_int_equal(auth_renewed_keys(&d->session, &keys, INT64_MAX, &none, now_ms, &d->e), 0);
}

/* AWS keys are doubted once in a while: not by each request to a region that refuses all keys. */
static void refused_keys_are_doubted_once(void **state)
{
    struct door d;
    door_open(&d, AUTH_AWS_SIGV4);
    door_has_keys(&d, 0);
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 1000));
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 1000)); /* another one that bore them */
    door_has_keys(&d, 1010);
    assert_true(auth_rejected(&d.session, &d.def, 1, false, 1020)); /* a late one: there are new ones */
    assert_false(auth_rejected(&d.session, &d.def, 2, false, 1030));
    assert_int_equal(auth_need(&d.session, &d.def, 1030), AUTH_GO);
    assert_false(auth_rejected(&d.session, &d.def, 2, false, 1000 + LIMIT_RENEW_AGAIN_MS - 1));
    assert_true(auth_rejected(&d.session, &d.def, 2, false, 1000 + LIMIT_RENEW_AGAIN_MS));
    door_has_keys(&d, 1000 + LIMIT_RENEW_AGAIN_MS);
    door_close(&d);
    (void)state;
}

/* When there are no new keys to be had, those that haven't expired go on being used, and tried again later.
 */
static void keys_outlive_failed_renewals(void **state)
{
    struct door d;
    struct error e;
    struct sigv4_keys keys = {BYTES("AKID"), BYTES("the-secret"), BYTES("")};
    door_open(&d, AUTH_AWS_SIGV4);
    struct value none = value_object(&d.arena, 0);
    assert_int_equal(auth_need(&d.session, &d.def, 0), AUTH_RENEW);
    assert_int_equal(auth_renewed_keys(&d.session, &keys, 100000, &none, 0, &d.e), 0);
    assert_int_equal(auth_need(&d.session, &d.def, 70000), AUTH_RENEW); /* ahead of time */
    error_set(&e, ERR_CREDENTIALS, "STS is away");
    auth_failed(&d.session, &e, 70000);
    assert_int_equal(auth_need(&d.session, &d.def, 99999), AUTH_GO);
    assert_string_equal(d.session.error.text, "STS is away");
    assert_int_equal(auth_need(&d.session, &d.def, 100000), AUTH_RENEW);
    auth_failed(&d.session, &e, 100000);
    assert_int_equal(auth_need(&d.session, &d.def, 100001), AUTH_FAIL);
    door_close(&d);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_add_their_headers),
        cmocka_unit_test(unfit_credentials_are_errors),
        cmocka_unit_test(secrets_stay_with_their_origin),
        cmocka_unit_test(link_pages_are_signed),
        cmocka_unit_test(session_lives),
        cmocka_unit_test(short_lived_tokens_serve),
        cmocka_unit_test(expiry_is_read),
        cmocka_unit_test(failed_renewals_rest),
        cmocka_unit_test(renewal_without_an_answer),
        cmocka_unit_test(token_comes_in_a_header),
        cmocka_unit_test(rejection_renews_once),
        cmocka_unit_test(refused_keys_are_doubted_once),
        cmocka_unit_test(keys_outlive_failed_renewals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
