/* Validators: which are kept of an answer, and which requests ask with them. */
#include "common/limits.h"
#include "test_template_maker.h"
#include "worker/harvest/validators.h"

static bool reads(struct arena *arena, int status, const char *name, struct bytes value,
                  struct validators *out)
{
    struct pair headers[] = {{bytes_of(name), value},
                             {BYTES("Date"), BYTES("Tue, 14 Nov 2023 22:13:20 GMT")}};
    struct answer answer = {.status = status, .headers = {headers, 2, 2}};
    return validators_read(&answer, 7, arena, out);
}

static struct bytes of_length(struct arena *arena, size_t len)
{
    char *text = arena_alloc(arena, len);
    memset(text, 'x', len);
    return (struct bytes){text, len};
}

/* What can be sent back as it came is kept, of an answer that is a whole one. */
static void whole_answers_leave_what_they_came_with(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct validators v;
    assert_true(reads(&arena, 200, "etag", BYTES("  W/\"a b\" "), &v));
    assert_true(v.request == 7 && bytes_is(v.etag, "W/\"a b\"") && !v.modified.data);
    assert_true(reads(&arena, 200, "Last-Modified", BYTES("Tue, 14 Nov 2023 22:12:20 GMT"), &v));
    assert_true(v.request == 7 && bytes_is(v.modified, "Tue, 14 Nov 2023 22:12:20 GMT") && !v.etag.data);
    assert_false(reads(&arena, 200, "Last-Modified", BYTES("Tue, 14 Nov 2023 22:12:21 GMT"), &v));
    assert_false(reads(&arena, 206, "ETag", BYTES("\"a\""), &v));
    assert_false(reads(&arena, 404, "ETag", BYTES("\"a\""), &v));
    assert_int_equal(v.request, 0);
    assert_true(reads(&arena, 200, "ETag", of_length(&arena, LIMIT_VALIDATOR_BYTES), &v));
    assert_false(reads(&arena, 200, "ETag", of_length(&arena, LIMIT_VALIDATOR_BYTES + 1), &v));
    assert_false(reads(&arena, 200, "ETag", BYTES("\"a\x01\""), &v));
    assert_false(reads(&arena, 200, "ETag", BYTES(" "), &v));
    assert_false(reads(&arena, 200, "X-Other", BYTES("1"), &v));
    arena_close(&arena);
}

/* The condition that a request has once it was asked with `known`; null: none was added. */
static const char *condition(struct arena *arena, const char *method, const char *header,
                             const struct validators *known)
{
    struct request_parts parts = {.arena = arena, .method = method};
    if (header)
        request_set_header(&parts, header, BYTES("own"));
    if (!validators_apply(known, 7, &parts)) {
        assert_int_equal(parts.headers.count, header ? 1 : 0);
        return NULL;
    }
    const struct pair *last = &parts.headers.items[parts.headers.count - 1];
    return arena_printf(arena, "%.*s: %.*s", BYTES_ARG(last->name), BYTES_ARG(last->value));
}

/* A GET that sets no condition itself asks with what is known of the same request. */
static void same_request_asks_with_them(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct validators etag = {.request = 7, .etag = BYTES("\"a\"")};
    const struct validators modified = {.request = 7, .modified = BYTES("then")};
    const struct validators other = {.request = 8, .etag = BYTES("\"a\"")}, none = {0};
    assert_string_equal(condition(&arena, "GET", NULL, &etag), "If-None-Match: \"a\"");
    assert_string_equal(condition(&arena, "GET", "Accept", &modified), "If-Modified-Since: then");
    assert_null(condition(&arena, "GET", NULL, &other));
    assert_null(condition(&arena, "GET", NULL, &none));
    assert_null(condition(&arena, "GET", NULL, NULL));
    assert_null(condition(&arena, "POST", NULL, &etag));
    assert_null(condition(&arena, "GET", "if-range", &etag));
    assert_null(condition(&arena, "GET", "If-Modified-Since", &etag));
    assert_null(condition(&arena, "GET", "Range", &etag));
    arena_close(&arena);
}

/* Ids made by a template hang on more than the answer: on the parent's document too. */
static void ids_by_template_count(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct value document = value_of(&arena, "{\"name\":\"p\"}"),
                 renamed = value_of(&arena, "{\"name\":\"q\"}");
    struct resource_view parent = {.id = BYTES("1"), .document = &document};
    struct placeholders values = {.parent = &parent};
    struct collection_def def = {.id_kind = ID_TEMPLATE};
    struct request_parts parts = {.arena = &arena, .method = "GET"};
    uint64_t before = validators_request(&parts, &def, &values);
    parent.document = &renamed;
    assert_int_not_equal(validators_request(&parts, &def, &values), before);
    def.id_kind = ID_POINTERS;
    assert_int_equal(validators_request(&parts, &def, &values), request_hash(&parts));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers_leave_what_they_came_with),
        cmocka_unit_test(same_request_asks_with_them),
        cmocka_unit_test(ids_by_template_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
