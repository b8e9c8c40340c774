/* Templates: what placeholders expand to, when they have no value, and what is told at start. */
#include <stdio.h>

#include "test_template_maker.h"

struct world {
    struct arena arena;
    struct value account, credentials, vars, disk, vm;
    struct resource_view grandparent, parent, item;
    struct placeholders values;
};

static void world_open(struct world *w)
{
    *w = (struct world){0};
    w->account = value_of(
        &w->arena,
        "{\"endpoint\":\"http://127.0.0.1:5000\",\"org\":\"a/b c\",\"odd.key\":\"o\",\"up\":\"/a/../b\"}");
    w->credentials = value_of(&w->arena, "{\"token\":\"s3cr3t\",\"empty\":\"\"}");
    w->vars = value_of(&w->arena, "{\"version\":\"2026-01\",\"dots\":\"..\",\"dot\":\".\"}");
    w->vm =
        value_of(&w->arena,
                 "{\"name\":\"vm/1\",\"n\":10.50,\"on\":true,\"none\":null,\"tags\":[\"x\"],\"a/b\":\"s\"}");
    w->disk = value_of(&w->arena, "{\"size\":12345678901234567890,\"vm\":{\"id\":\"v\"}}");
    w->grandparent = (struct resource_view){.id = BYTES("g/p")};
    w->parent = (struct resource_view){.id = BYTES("p%1"), .document = &w->vm, .parent = &w->grandparent};
    w->item = (struct resource_view){.id = BYTES("i"), .document = &w->disk, .parent = &w->parent};
    w->values = (struct placeholders){
        .account_id = BYTES("123"),
        .account_keys = &w->account,
        .credentials = &w->credentials,
        .vars = &w->vars,
        .region = "eu-west-1",
        .parent = &w->parent,
        .item = &w->item,
        .token = BYTES("tok"),
        .has_token = true,
        .auth_region = "eu-south-1",
    };
}

static void assert_expands(const struct world *w, const char *text, enum template_encoding encoding,
                           const char *expected)
{
    struct arena arena = {0};
    struct buffer out = {0};
    struct bytes in_arena;
    struct error e;
    const struct template *template = template_of(&arena, text);
    buffer_add_text(&out, ">");
    if (template_expand(template, &w->values, encoding, &out, &e) ||
        template_expand_in(&arena, template, &w->values, encoding, &in_arena, &e))
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(buffer_text(&out) + 1, expected);
    assert_string_equal(in_arena.data, expected);
    assert_int_equal(in_arena.len, strlen(expected));
    buffer_close(&out);
    arena_close(&arena);
}

/* Every placeholder stands for its value; `{{` and `}}` are braces. */
static void placeholders_expand(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"{account.id}", "123"},
        {"{account.endpoint}/v1", "http://127.0.0.1:5000/v1"},
        {"{account.odd.key}", "o"},
        {"{region}{region}", "eu-west-1eu-west-1"},
        {"{credentials.token}", "s3cr3t"},
        {"{credentials.empty}", ""},
        {"v={vars.version}", "v=2026-01"},
        {"{parent.id}", "p%1"},
        {"{parent:/name}", "vm/1"},
        {"{parent:/n} {parent:/on}", "10.50 true"},
        {"{parent:/a~1b}", "s"},
        {"{parent:/tags/0}", "x"},
        {"{parent.parent.id}", "g/p"},
        {"{id}", "i"},
        {"{item:/size}", "12345678901234567890"},
        {"{item:/vm/id}", "v"},
        {"Bearer {token}", "Bearer tok"},
        {"{{", "{"},
        {"}}", "}"},
        {"{{id}}", "{id}"},
        {"{{{id}}}", "{i}"},
        {"{{\"a\": \"{region}\"}}", "{\"a\": \"eu-west-1\"}"},
        {"{{{{}}}}", "{{}}"},
        {"{auth.region}", "eu-south-1"},
        {"{parent:/nope|vars.version}", "2026-01"},
        {"{parent:/name|vars.version}", "vm/1"},
        {"{account.nope|parent:/none|credentials.empty|region}", ""},
        {"<{item:/nope|}>", "<>"},
        {"{+parent:/name}", "vm/1"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_expands(&w, cases[i][0], TEMPLATE_PLAIN, cases[i][1]);
    arena_close(&w.arena);
    (void)state;
}

/* In a URL a placeholder at the very start is an endpoint, any other stays within its path segment. */
static void urls_encode_all_but_the_start(void **state)
{
    struct world w;
    world_open(&w);
    assert_expands(&w, "{account.endpoint}/o/{account.org}?v={vars.version}", TEMPLATE_URL,
                   "http://127.0.0.1:5000/o/a%2Fb%20c?v=2026-01");
    assert_expands(&w, "https://{region}.test/{parent.id}/{parent.parent.id}", TEMPLATE_URL,
                   "https://eu-west-1.test/p%251/g%2Fp");
    assert_expands(&w, "{account.endpoint}{account.endpoint}", TEMPLATE_URL,
                   "http://127.0.0.1:5000http%3A%2F%2F127.0.0.1%3A5000");
    assert_expands(&w, "{{{account.org}}}", TEMPLATE_URL, "{a%2Fb%20c}");
    assert_expands(&w, "https://x/{vars.version}..", TEMPLATE_URL, "https://x/2026-01..");
    assert_expands(&w, "https://x/2013{+account.org}/{+parent.parent.id}", TEMPLATE_URL,
                   "https://x/2013a/b%20c/g/p");
    arena_close(&w.arena);
    (void)state;
}

/* A placeholder without a value is an error that names it and why, and leaves nothing half-made. */
static void missing_values_are_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"x{account.nope}", "{account.nope} has no value: the account has no such key in the configuration"},
        {"{credentials.nope}", "{credentials.nope} has no value: the account has no such credential in the "
                               "configuration"},
        {"{vars.nope}", "{vars.nope} has no value: no such var is set"},
        {"{parent:/nope}", "{parent:/nope} has no value: the document has nothing there"},
        {"{parent:/none}", "{parent:/none} has no value: a null is no text"},
        {"{parent:/tags}", "{parent:/tags} has no value: an array is no text"},
        {"{parent:}", "{parent:} has no value: an object is no text"},
        {"{parent:/tags/*}", "{parent:/tags/*} has no value: a pointer with * leads to many"},
        {"{parent.parent:/name}", "{parent.parent:/name} has no value: the document isn't known"},
        {"{parent.parent.parent.id}", "{parent.parent.parent.id} has no value: there is no such parent here"},
        {"https://h/{vars.dots}/x", "{vars.dots} is \"..\", which can't be a part of a URL's path"},
        {"https://h/{vars.dot}", "{vars.dot} is \".\", which can't be a part of a URL's path"},
        {"https://h{+account.up}", "{account.up} is \"/a/../b\", which can't be a part of a URL's path"},
        {"{parent:/nope|vars.nope}", "{parent:/nope} has no value: the document has nothing there"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        struct error e = {0};
        struct bytes none;
        const struct template *template = template_of(&w.arena, cases[i].text);
        buffer_add_text(&out, "kept");
        assert_int_equal(template_expand(template, &w.values, TEMPLATE_URL, &out, &e), ERR_PLACEHOLDER);
        assert_int_equal(e.code, ERR_PLACEHOLDER);
        assert_string_equal(e.text, cases[i].error);
        assert_string_equal(buffer_text(&out), "kept");
        e = (struct error){0};
        assert_int_equal(template_expand_in(&w.arena, template, &w.values, TEMPLATE_URL, &none, &e),
                         ERR_PLACEHOLDER);
        assert_string_equal(e.text, cases[i].error);
        buffer_close(&out);
    }
    arena_close(&w.arena);
    (void)state;
}

/* Where nothing is known, nothing has a value. */
static void nothing_known_is_an_error_each(void **state)
{
    static const char *const cases[] = {"{account.id}", "{account.x}", "{region}",      "{credentials.x}",
                                        "{vars.x}",     "{parent.id}", "{parent:/x}",   "{id}",
                                        "{item:/x}",    "{token}",     "{auth.region}", "{id|region}"};
    static const struct placeholders none;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct buffer out = {0};
        assert_int_equal(template_expand(template_of(&arena, cases[i]), &none, TEMPLATE_PLAIN, &out, NULL),
                         ERR_PLACEHOLDER);
        buffer_close(&out);
        arena_close(&arena);
    }
    (void)state;
}

/* However long the values are and however many pieces there are, all of it is there. */
static void long_texts_are_expanded_whole(void **state)
{
    enum { TIMES = 300, VALUE_BYTES = 500 };
    struct arena arena = {0};
    struct buffer text = {0}, plain = {0}, encoded = {0}, out = {0};
    char value[VALUE_BYTES + 1];
    struct bytes got;
    memset(value, '/', VALUE_BYTES);
    value[VALUE_BYTES] = 0;
    const struct placeholders values = {.region = value};
    for (int i = 0; i < TIMES; i++) {
        buffer_add_text(&text, "a{{{region}{+region}{account.x|}");
        buffer_printf(&plain, "a{%s%s", value, value);
        buffer_add_text(&encoded, "a{");
        for (int c = 0; c < VALUE_BYTES; c++)
            buffer_add_text(&encoded, "%2F");
        buffer_add_text(&encoded, value);
    }
    const struct template *template = template_of(&arena, buffer_text(&text));
    assert_int_equal(template_expand_in(&arena, template, &values, TEMPLATE_PLAIN, &got, NULL), 0);
    assert_true(bytes_equal(got, buffer_bytes(&plain)));
    assert_int_equal(template_expand_in(&arena, template, &values, TEMPLATE_URL, &got, NULL), 0);
    assert_true(bytes_equal(got, buffer_bytes(&encoded)));
    assert_int_equal(template_expand(template, &values, TEMPLATE_URL, &out, NULL), 0);
    assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&encoded)));
    struct buffer *const all[] = {&text, &plain, &encoded, &out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_close(all[i]);
    arena_close(&arena);
    (void)state;
}

/* A text without braces stands for itself, and costs no memory. */
static void plain_texts_stand_for_themselves(void **state)
{
    static const char text[] = "https://h/a?b";
    static const struct placeholders none;
    struct arena arena = {0}, untouched = {0};
    struct bytes got;
    assert_int_equal(
        template_expand_in(&untouched, template_of(&arena, text), &none, TEMPLATE_URL, &got, NULL), 0);
    assert_ptr_equal(got.data, text);
    assert_int_equal(got.len, strlen(text));
    assert_int_equal(template_expand_in(&untouched, TEMPLATE("own"), &none, TEMPLATE_URL, &got, NULL), 0);
    assert_true(bytes_is(got, "own"));
    assert_int_equal(untouched.total, 0);
    arena_close(&arena);
    (void)state;
}

enum { ALLOW_ALL = ALLOW_AUTH_REGION * 2 - 1 };

/* A text that can't be compiled is told with the sentence that its check has. */
static bool compiles(const char *text, const struct error *checked)
{
    struct arena arena = {0};
    const struct template *template;
    struct error e = {0};
    int err = template_compile(&arena, text, &template, &e);
    if (err && (err != ERR_CONFIG || !checked->code || strcmp(e.text, checked->text) != 0))
        fail_msg("%s: compiling says %s, checking %s", text, e.text, checked->text);
    arena_close(&arena);
    return !err;
}

/* What is wrong with a template is told at start, with what was meant. */
static void mistakes_are_told_at_start(void **state)
{
    static const struct {
        const char *text;
        unsigned allowed, parents;
        const char *error; /* its beginning; null: fine */
    } cases[] = {
        {"{account.id}{account.x}{region}{credentials.y}{vars.z}{id}{item:/a/b}{token}", ALLOW_ALL, 0, NULL},
        {"{parent.id}{parent:/a}{parent.parent.id}{parent.parent:/b}{parent:}", ALLOW_PARENT, 2, NULL},
        {"{{no}} {{{region}}}", ALLOW_REGION, 0, NULL},
        {"{parent:/a|vars.x|}{+parent.id}{auth.region}", ALLOW_ALL, 1, NULL},
        {"{region|regoin}", ALLOW_ALL, 0, "unknown placeholder {regoin}: did you mean {region}?"},
        {"{|region}", ALLOW_ALL, 0, "unknown placeholder {|region}"},
        {"{region||id}", ALLOW_ALL, 0, "unknown placeholder {}"},
        {"{region|parent.id}", ALLOW_REGION, 0, "{parent.id} can't have a value here"},
        {"{auth.region}", ALLOW_ACCOUNT, 0, "{auth.region} can't have a value here: only requests with auth"},
        {"{auth.regio}", ALLOW_ALL, 0, "unknown placeholder {auth.regio}: did you mean {auth.region}?"},
        {"}", ALLOW_ALL, 0, "a '}' without a '{'"},
        {"a}b", ALLOW_ALL, 0, "a '}' without a '{'"},
        {"{", ALLOW_ALL, 0, "a '{' without a '}'"},
        {"{region", ALLOW_ALL, 0, "a '{' without a '}'"},
        {"{region}}", ALLOW_ALL, 0, "a '}' without a '{'"},
        {"{}", ALLOW_ALL, 0, "unknown placeholder {}: the known ones are"},
        {"{regoin}", ALLOW_ALL, 0, "unknown placeholder {regoin}: did you mean {region}?"},
        {"{Region}", ALLOW_ALL, 0, "unknown placeholder {Region}: did you mean {region}?"},
        {"{ region }", ALLOW_ALL, 0, "unknown placeholder { region }: did you mean {region}?"},
        {"{acount.id}", ALLOW_ALL, 0,
         "unknown placeholder {acount.id}: did you mean {account.id} or {account.KEY}?"},
        {"{account}", ALLOW_ALL, 0,
         "unknown placeholder {account}: did you mean {account.id} or {account.KEY}?"},
        {"{account.}", ALLOW_ALL, 0, "unknown placeholder {account.}: did you mean"},
        {"{credential.token}", ALLOW_ALL, 0,
         "unknown placeholder {credential.token}: did you mean {credentials.NAME}?"},
        {"{var.x}", ALLOW_ALL, 0, "unknown placeholder {var.x}: did you mean {vars.NAME}?"},
        {"{parent.name}", ALLOW_ALL, 1,
         "unknown placeholder {parent.name}: did you mean {parent.id} or {parent:/POINTER}?"},
        {"{parents.id}", ALLOW_ALL, 1, "unknown placeholder {parents.id}: did you mean {parent.id}"},
        {"{parent}", ALLOW_ALL, 1, "unknown placeholder {parent}: did you mean {parent.id}"},
        {"{item.id}", ALLOW_ALL, 0, "unknown placeholder {item.id}: did you mean {item:/POINTER}?"},
        {"{item}", ALLOW_ALL, 0, "unknown placeholder {item}: did you mean {item:/POINTER}?"},
        {"{tokens}", ALLOW_ALL, 0, "unknown placeholder {tokens}: did you mean {token}?"},
        {"{ids}", ALLOW_ALL, 0, "unknown placeholder {ids}: did you mean {id}?"},
        {"{something.else}", ALLOW_ALL, 0, "unknown placeholder {something.else}: the known ones are"},
        {"{\"a\": 1}", ALLOW_ALL, 0, "unknown placeholder {\"a\": 1}: the known ones are"},
        {"{region}", ALLOW_ALL & ~ALLOW_REGION, 0,
         "{region} can't have a value here: only a collection of scope"},
        {"{account.id}", 0, 0, "{account.id} can't have a value here: this belongs to no account"},
        {"{credentials.x}", ALLOW_ACCOUNT, 0, "{credentials.x} can't have a value here: credentials go into"},
        {"{vars.x}", ALLOW_ACCOUNT, 0, "{vars.x} can't have a value here: vars go into"},
        {"{parent.id}", ALLOW_ACCOUNT, 0, "{parent.id} can't have a value here: there is no such parent"},
        {"{parent.id}", ALLOW_PARENT, 0, "{parent.id} can't have a value here: this has 0 parents"},
        {"{parent.parent:/x}", ALLOW_PARENT, 1,
         "{parent.parent:/x} can't have a value here: this has 1 parent"},
        {"{id}", ALLOW_ACCOUNT, 0, "{id} can't have a value here: only `get` has one"},
        {"{item:/x}", ALLOW_ACCOUNT, 0, "{item:/x} can't have a value here: only `get` and `id` have one"},
        {"{token}", ALLOW_ACCOUNT, 0, "{token} can't have a value here: only the format"},
        {"{item:x}", ALLOW_ALL, 0, "{item:x}: pointer \"x\" must be"},
        {"{parent:/~}", ALLOW_ALL, 1, "{parent:/~}: pointer"},
        {"{item:/a/*}", ALLOW_ALL, 0, "{item:/a/*}: a pointer with * leads to many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        int err = template_check(cases[i].text, cases[i].allowed, cases[i].parents, NULL, NULL, &e);
        assert_int_equal(err, cases[i].error ? ERR_CONFIG : 0);
        if (cases[i].error && strncmp(e.text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].text, e.text);
        if (cases[i].allowed == ALLOW_ALL && !strstr(e.text, "a pointer with *"))
            assert_int_equal(compiles(cases[i].text, &e), !err);
    }
    (void)state;
}

static void note(void *context, const char *kind, struct bytes name)
{
    buffer_printf(context, "%s %.*s\n", kind, BYTES_ARG(name));
}

/* Keys, credentials and vars that a template names are told; {account.id} is no key. */
static void named_keys_are_told(void **state)
{
    struct buffer told = {0};
    assert_int_equal(template_check("{account.id}{account.a.b}{region}{credentials.c}{vars.d}{vars.d}{token}",
                                    ALLOW_ALL, 0, note, &told, NULL),
                     0);
    assert_string_equal(buffer_text(&told), "account a.b\ncredentials c\nvars d\nvars d\n");
    buffer_close(&told);
    (void)state;
}

/* No text makes checking and expanding differ about syntax, or read past its end. */
static void any_text_is_checked(void **state)
{
    static const char *const pieces[] = {"{",   "}", "{{", "}}",       "region", "parent",
                                         ".id", ":", "/x", "account.", "é"};
    struct world w;
    struct random r;
    world_open(&w);
    random_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        char text[128] = "";
        for (uint64_t n = random_below(&r, 9); n > 0; n--)
            strcat(text, pieces[random_below(&r, sizeof pieces / sizeof *pieces)]);
        struct buffer out = {0};
        struct error checked = {0}, expanded = {0};
        int check = template_check(text, ALLOW_ALL, 2, NULL, NULL, &checked);
        bool compiled = compiles(text, &checked);
        if (compiled == !!check && !strstr(checked.text, "can't have a value here"))
            fail_msg("%s: checking says %s, but compiling %s", text, checked.text, compiled ? "not" : "does");
        if (!check &&
            template_expand(template_of(&w.arena, text), &w.values, TEMPLATE_PLAIN, &out, &expanded) &&
            !strstr(expanded.text, "has no value"))
            fail_msg("%s is good, but %s", text, expanded.text);
        buffer_close(&out);
    }
    arena_close(&w.arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_expand),
        cmocka_unit_test(urls_encode_all_but_the_start),
        cmocka_unit_test(missing_values_are_errors),
        cmocka_unit_test(nothing_known_is_an_error_each),
        cmocka_unit_test(mistakes_are_told_at_start),
        cmocka_unit_test(named_keys_are_told),
        cmocka_unit_test(any_text_is_checked),
        cmocka_unit_test(long_texts_are_expanded_whole),
        cmocka_unit_test(plain_texts_stand_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
