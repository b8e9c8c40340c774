/* Provider files: what is read of them, defaults, order, definitions. Their mistakes are in
 * test_provider_mistakes.c, accounts against them in test_provider_accounts.c. */
#include "test_report.h"

#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "worker/provider/provider.h"
#include "worker/provider/template.h"

static struct provider *open_text(const char *text, const char *messages)
{
    struct yaml_report report = {0};
    struct provider *provider = provider_open_text("p.yaml", bytes_of(text), &report);
    report_is(&report, "p.yaml", messages);
    assert_non_null(provider);
    return provider;
}

#define COLLECTION(keys)                                                                                     \
    "provider: p\ncollections:\n- {type: t, request: {url: 'https://x/'}, items: '/*', id: /id" keys "}\n"

/* What isn't written has the contract's default. */
static void defaults_are_those_of_the_contract(void **state)
{
    struct provider *p = open_text(COLLECTION(""), "");
    const struct collection_def *c = &p->collections[0];
    assert_string_equal(p->name, "p");
    assert_int_equal(p->collection_count, 1);
    assert_int_equal(p->auth_count, 1);
    assert_null(p->regions.names);
    assert_false(p->regions.discovered);
    assert_null(p->allow_origins[0]);
    assert_null(p->credentials[0]);
    assert_false(p->limits.set);
    assert_ptr_equal(c->provider, p);
    assert_int_equal(c->scope, SCOPE_ACCOUNT);
    assert_int_equal(c->auth.kind, AUTH_NONE);
    assert_string_equal(c->request.method, "GET");
    assert_int_equal(c->format, FORMAT_AUTO);
    assert_false(c->items_optional);
    assert_int_equal(c->id_kind, ID_POINTERS);
    assert_int_equal(c->id_pointer_count, 1);
    assert_int_equal(c->page.style, PAGE_NONE);
    assert_int_equal(c->page.pages_max, LIMIT_PAGES);
    assert_false(c->order_stable);
    assert_int_equal(c->every_ms, 5 * 60 * 1000);
    assert_int_equal(c->full_every_ms, 24 * 3600 * 1000);
    assert_int_equal(c->priority, PRIORITY_NORMAL);
    assert_int_equal(c->delete_.confirm, CONFIRM_NONE);
    assert_true(c->delete_.guarded);
    assert_int_equal(c->delete_.guard_share, 500000);
    assert_int_equal(c->delete_.guard_min, 3);
    assert_int_equal(c->delete_.guard_listings, 3);
    assert_int_equal(c->delete_.guard_over_ms, 3600 * 1000);
    assert_ptr_equal(provider_find(p, "t"), c);
    assert_null(provider_find(p, "u"));
    provider_close(p);
    (void)state;
}

#define WARNED                                                                                               \
    "3:71: warning: %s paging can skip resources while others come and go, so deletes wait for a "           \
    "second listing (relist), best effort: add 'get', or 'order: stable' if that is so"

/* What confirms a delete depends on how far the paging can be trusted. */
static void confirmation_depends_on_paging(void **state)
{
    static const struct {
        const char *text;
        enum confirm_kind confirm;
        const char *warned;
    } cases[] = {
        {COLLECTION(", page: {style: token, from: body:/n, to: query:n}"), CONFIRM_NONE, NULL},
        {COLLECTION(", page: {style: offset, to: query:o}"), CONFIRM_RELIST, "offset"},
        {COLLECTION(", page: {style: number, to: query:o}"), CONFIRM_RELIST, "number"},
        {COLLECTION(", page: {style: offset, to: query:o}, order: stable"), CONFIRM_NONE, NULL},
        {COLLECTION(", page: {style: offset, to: query:o}, get: {url: 'https://x/{id}'}"), CONFIRM_GET, NULL},
        {COLLECTION(", page: {style: offset, to: query:o}, delete: {confirm: relist}"), CONFIRM_RELIST, NULL},
        {COLLECTION(", get: {url: 'https://x/{id}'}"), CONFIRM_NONE, NULL},
        {COLLECTION(", get: {url: 'https://x/{id}'}, delete: {confirm: get}"), CONFIRM_GET, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char warning[512] = "";
        if (cases[i].warned)
            snprintf(warning, sizeof warning, WARNED, cases[i].warned);
        struct provider *p = open_text(cases[i].text, warning);
        assert_int_equal(p->collections[0].delete_.confirm, cases[i].confirm);
        provider_close(p);
    }
    (void)state;
}

/* The guard is a share, none, or a map. */
static void guards_have_three_forms(void **state)
{
    struct provider *p = open_text(COLLECTION(", delete: {guard: 12.5%}"), "");
    assert_int_equal(p->collections[0].delete_.guard_share, 125000);
    assert_int_equal(p->collections[0].delete_.guard_min, 3);
    provider_close(p);
    p = open_text(COLLECTION(", delete: {guard: none}"), "");
    assert_false(p->collections[0].delete_.guarded);
    provider_close(p);
    p = open_text(COLLECTION(", delete: {guard: {min: 10, listings: 16, over: 0s}}"), "");
    assert_int_equal(p->collections[0].delete_.guard_share, 500000);
    assert_int_equal(p->collections[0].delete_.guard_min, 10);
    assert_int_equal(p->collections[0].delete_.guard_listings, 16);
    assert_int_equal(p->collections[0].delete_.guard_over_ms, 0);
    provider_close(p);
    (void)state;
}

/* An id is a pointer, pointers, or a template; "" is the item itself. */
static void ids_have_three_forms(void **state)
{
    static const char file[] =
        "provider: p\ncollections:\n"
        "- {type: a, request: {url: 'https://x/'}, items: '/*', id: ''}\n"
        "- {type: b, request: {url: 'https://x/'}, items: '/*', id: [/a, /b]}\n"
        "- {type: c, scope: {parent: a}, request: {url: 'https://x/'}, items: '', id: settings}\n"
        "- {type: d, scope: {parent: a}, request: {url: 'https://x/'}, items: '/*',\n"
        "   id: '{parent.id}/{item:/x}'}\n"
        "- {type: e, request: {url: 'https://x/'}, format: jsonl, id: /id}\n";
    struct provider *p = open_text(file, "");
    assert_int_equal(p->collections[0].id_pointers[0].count, 0);
    assert_int_equal(p->collections[1].id_pointer_count, 2);
    assert_string_equal(p->collections[2].id_template->text, "settings");
    assert_int_equal(p->collections[2].items.count, 0);
    assert_int_equal(p->collections[3].id_kind, ID_TEMPLATE);
    assert_true(bytes_is(p->collections[4].items.text, "/*"));
    provider_close(p);
    (void)state;
}

/* Parents come before their children, else the file's order stays; a child of a region is in a region. */
static void parents_come_first(void **state)
{
    static const char file[] =
        "provider: p\nregions: [eu]\ncollections:\n"
        "- {type: grandchild, scope: {parent: child}, request: {url: "
        "'https://{region}/{parent.parent.id}/{parent:/x}'},\n"
        "   items: '/*', id: /id}\n"
        "- {type: other, request: {url: 'https://x/'}, items: '/*', id: /id}\n"
        "- {type: child, scope: {parent: root}, request: {url: 'https://{region}/{parent.id}'}, items: '/*', "
        "id: /id}\n"
        "- {type: root, scope: region, request: {url: 'https://{region}/'}, items: '/*', id: /id}\n";
    static const char *const order[] = {"root", "child", "grandchild", "other"};
    struct provider *p = open_text(file, "");
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(p->collections[i].type, order[i]);
    assert_ptr_equal(p->collections[2].parent, &p->collections[1]);
    assert_ptr_equal(p->collections[1].parent, &p->collections[0]);
    assert_null(p->collections[3].parent);
    provider_close(p);
    (void)state;
}

/* All styles of paging are read. */
static void paging_is_read(void **state)
{
    struct provider *p = open_text(
        COLLECTION(
            ", page: {style: token, parts: [{from: body:/a, to: form:a}, {from: header:B, to: header:B}],"
            " more: body:/m, pages_max: 9, size: {to: form:n, max: 50, default: 20}}"),
        "");
    const struct page_def *page = &p->collections[0].page;
    assert_int_equal(page->part_count, 2);
    assert_int_equal(page->parts[0].to.kind, TARGET_FORM);
    assert_int_equal(page->parts[1].from.kind, SOURCE_HEADER);
    assert_string_equal(page->parts[1].from.name, "B");
    assert_true(page->has_more && page->has_size);
    assert_int_equal(page->size.min, 1);
    assert_int_equal(page->size.max, 50);
    assert_int_equal(page->size.default_, 20);
    assert_int_equal(page->pages_max, 9);
    provider_close(p);
    p = open_text(COLLECTION(", page: {style: link, size: {to: query:n, max: 50}}"), "");
    assert_string_equal(p->collections[0].page.parts[0].from.name, "Link");
    assert_int_equal(p->collections[0].page.size.default_, 50);
    provider_close(p);
    p = open_text(COLLECTION(", page: {style: marker, to: query:n}"), "");
    assert_true(p->collections[0].page.marker_is_id);
    provider_close(p);
    p = open_text(COLLECTION(", order: stable, page: {style: number, to: query:n, last: body:/l}"), "");
    assert_int_equal(p->collections[0].page.first, 1);
    assert_true(p->collections[0].page.has_last);
    provider_close(p);
    (void)state;
}

/* Requests keep repeated, left-out and templated parameters; a body keeps its types. */
static void requests_are_read(void **state)
{
    struct provider *p = open_text("provider: p\nvars: {v: 1}\ncollections:\n- type: t\n  items: /*\n  id: "
                                   "/id\n  request:\n    url: '{account.endpoint}/x'\n"
                                   "    method: post\n    query: {a: [1, b], c: null, d: true}\n    headers: "
                                   "{X-Key: '{credentials.key}'}\n"
                                   "    body: {n: 1, s: '1', l: ['{vars.v}'], o: {'{literal}': null}}\n",
                                   "");
    const struct request_def *request = &p->collections[0].request;
    struct buffer json = {0};
    assert_string_equal(request->method, "POST");
    assert_int_equal(request->query.count, 3);
    assert_string_equal(request->query.items[0].values[1]->text, "b");
    assert_int_equal(request->query.items[1].count, 0);
    assert_string_equal(request->query.items[2].values[0]->text, "true");
    value_to_json(&request->body, &json);
    assert_string_equal(buffer_text(&json),
                        "{\"n\":1,\"s\":\"1\",\"l\":[\"{vars.v}\"],\"o\":{\"{literal}\":null}}");
    assert_string_equal(p->credentials[0], "key");
    assert_null(p->credentials[1]);
    assert_string_equal(p->account_keys[0], "endpoint");
    assert_null(p->account_keys[1]);
    buffer_close(&json);
    provider_close(p);
    (void)state;
}

/* Auth, errors and discovery: a collection's own stand instead of the file's. */
static void collections_override_the_file(void **state)
{
    struct provider *p = open_text(
        "provider: p\nauth: {kind: bearer, token: '{credentials.a}'}\nerrors: {code_at: /c, throttled: [T]}\n"
        "limits: {rate: 0.5, key: '{account.id}'}\nrewrite_origin: true\n"
        "regions: {request: {url: 'https://x/'}, items: /r/*, id: ''}\n"
        "xml: {list_elements: [item], arrays: [/a/*/b]}\ncollections:\n"
        "- {type: a, request: {url: 'https://x/'}, items: '/*', id: /id}\n"
        "- type: b\n  request: {url: 'https://x/'}\n  items: /*\n  id: /id\n  errors: {code_at: /d, expired: "
        "[X]}\n"
        "  limits: {rate: 5, burst: 7, concurrency: 2}\n  absent: [{status: 404, code: N}, {status: 410}]\n"
        "  auth:\n    kind: login\n    request: {url: 'https://x/', form: {s: '{credentials.b}'}}\n"
        "    token: body:/t\n    expires_in: body:/e\n    send: header:Authorization\n    format: Bearer "
        "{token}\n"
        "- type: c\n  request: {url: 'https://x/'}\n  items: /*\n  id: /id\n"
        "  auth: {kind: exec, command: [get, '{account.id}'], token: 'body:', send: header:T}\n",
        "");
    const struct collection_def *a = &p->collections[0], *b = &p->collections[1], *c = &p->collections[2];
    assert_int_equal(p->auth_count, 3);
    assert_int_equal(a->auth.kind, AUTH_BEARER);
    assert_int_equal(a->auth.index, 0);
    assert_string_equal(a->errors.throttled[0], "T");
    assert_true(p->regions.discovered);
    assert_int_equal(p->regions.discovery.auth.kind, AUTH_BEARER);
    assert_true(p->limits.rate == 0.5 && p->limits.burst == 1);
    assert_int_equal(b->auth.kind, AUTH_LOGIN);
    assert_int_equal(b->auth.index, 1);
    assert_string_equal(b->auth.format->text, "Bearer {token}");
    assert_true(b->auth.has_expires_in && !b->auth.has_expires_at);
    assert_null(b->errors.throttled);
    assert_int_equal(b->limits.concurrency, 2);
    assert_int_equal(b->absent_count, 2);
    assert_string_equal(b->absent[0].code, "N");
    assert_null(b->absent[1].code);
    assert_string_equal(c->auth.command[1]->text, "{account.id}");
    assert_null(c->auth.command[2]);
    assert_null(c->auth.format); /* the token alone */
    assert_string_equal(p->credentials[1], "b");
    provider_close(p);
    (void)state;
}

/* All auths of kind aws_sigv4 share one session; a region is asked for where there is none. */
static void aws_auths_share_an_identity(void **state)
{
    struct provider *p = open_text(
        "provider: p\nauth: {kind: aws_sigv4, service: ec2, region: '{vars.home}'}\nvars: {home: us-east-1}\n"
        "errors: {code_at: [/Error/Code, header:X-Type], code_after: '#', message_at: /m, skewed: [S], "
        "advice: {S: set "
        "it}}\ncollections:\n"
        "- {type: a, request: {url: 'https://x/{auth.region}'}, items: '/*', id: /id, permissions: [ec2:A, "
        "ec2:B]}\n"
        "- {type: b, scope: region, request: {url: 'https://x/'}, items: '/*', id: /id,\n"
        "   auth: {kind: aws_sigv4, service: elasticloadbalancing, id: elastic load-balancing v2, "
        "region_from: "
        "header:X-R}}\n",
        "");
    const struct collection_def *a = &p->collections[0], *b = &p->collections[1];
    assert_true(p->uses_aws);
    assert_int_equal(p->auth_count, 1);
    assert_int_equal(a->auth.index, b->auth.index);
    assert_string_equal(a->auth.service_id, "EC2");
    assert_string_equal(a->auth.region->text, "{vars.home}");
    assert_string_equal(a->permissions[1], "ec2:B");
    assert_int_equal(a->errors.code_at_count, 2);
    assert_int_equal(a->errors.code_at[1].kind, SOURCE_HEADER);
    assert_string_equal(a->errors.code_after, "#");
    assert_string_equal(b->auth.service_id, "ELASTIC_LOAD_BALANCING_V2");
    assert_string_equal(b->auth.region->text, "{region}");
    assert_string_equal(b->auth.region_from, "X-R");
    provider_close(p);
    (void)state;
}

/* No array of XML is made on the way to the items, where it would hide that there are none. */
static void items_are_never_made(void **state)
{
    static const bool fills[][3] = {{false, true, true}, {true, false, true}};
    struct provider *p =
        open_text("provider: p\nxml: {arrays: [/a, /r/*/b, /a/*/tags]}\ncollections:\n"
                  "- {type: a, request: {url: 'https://x/'}, items: '/a/*', id: /id, format: xml}\n"
                  "- {type: b, request: {url: 'https://x/'}, items: '/r/*/b/*', id: /id}\n",
                  "");
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(p->collections[k].xml.arrays[i].fills, fills[k][i]);
    provider_close(p);
    (void)state;
}

static struct digest definition_of(const char *text, bool id_rule)
{
    struct yaml_report report = {0};
    struct provider *p = provider_open_text("p.yaml", bytes_of(text), &report);
    assert_int_equal(report.errors, 0);
    struct digest digest = id_rule ? p->collections[0].id_rule : p->collections[0].definition;
    provider_close(p);
    yaml_report_close(&report);
    return digest;
}

static void same(const char *a, const char *b, bool definition, bool id_rule)
{
    assert_int_equal(digest_equal(definition_of(a, false), definition_of(b, false)), definition);
    assert_int_equal(digest_equal(definition_of(a, true), definition_of(b, true)), id_rule);
}

#define VAR(value)                                                                                           \
    "vars: {v: " value ", w: 1}\nprovider: p\ncollections:\n- {type: t, items: '/*', id: /id,"               \
    " request: {url: 'https://x/{vars.v}'}}\n"

/* A definition changes with what shapes documents, not with layout, cadence or safety. */
static void definitions_hold_what_shapes_documents(void **state)
{
    static const char laid_out[] =
        "# comment\ncollections:\n  - id: [\"/id\"]\n    items: '/*' # all\n    order: any\n"
        "    request:\n      method: GET\n      url: https://x/\n    type: \"t\"\nprovider: p\n";
    same(COLLECTION(""), laid_out, true, true);
    same(COLLECTION(""), COLLECTION(", every: 1h, full_every: 2h, priority: low, limits: {rate: 1}"), true,
         true);
    same(COLLECTION(""), COLLECTION(", delete: {guard: none}, get: {url: 'https://x/{id}'}"), true, true);
    same(COLLECTION(""),
         COLLECTION(", auth: {kind: bearer, token: '{credentials.t}'}, errors: {code_at: /c}"), true, true);
    same(COLLECTION(""), COLLECTION(", page: {style: none}"), true, true);
    same(COLLECTION(""), COLLECTION(", page: {style: link}"), false, true);
    same(COLLECTION(""), COLLECTION(", parse: [/a]"), false, true);
    same(COLLECTION(""), COLLECTION(", parse: []"), true, true);
    same(COLLECTION(", parse: [/a]"), COLLECTION(", parse: [/b]"), false, true);
    same(COLLECTION(", parse: [/a]"), COLLECTION(", ignore: [/a]"), false, true);
    same(COLLECTION(""), COLLECTION(", ignore: [/a]"), false, true);
    same(COLLECTION(""), COLLECTION(", unordered: [/a]"), false, true);
    same(COLLECTION(""), COLLECTION(", require: [/a]"), false, true);
    same(COLLECTION(""), COLLECTION(", absent: [{status: 404}]"), false, true);
    same(COLLECTION(""), COLLECTION(", items_optional: true"), false, true);
    same(COLLECTION(""), COLLECTION(", order: stable"), false, true);
    same(COLLECTION(""), COLLECTION(", format: xml"), false, true);
    same(COLLECTION(""), COLLECTION(", scope: region"), false, true);
    same(COLLECTION(""), "xml: {list_elements: [item]}\n" COLLECTION(""), false, true);
    same(COLLECTION(", format: json"), "xml: {list_elements: [item]}\n" COLLECTION(", format: json"), true,
         true);
    same(VAR("1"), VAR("'1'"), true, true);
    same(VAR("1"), VAR("2"), false, true);
    same(VAR("1, x: 7"), VAR("1"), true, true);
    same(COLLECTION(""),
         "provider: p\ncollections:\n- {type: t, request: {url: 'https://x/'}, items: '/*', id: /name}\n",
         false, false);
    (void)state;
}

/* Files that can't be read at all give nothing; many mistakes give a bounded report. */
static void hopeless_files_are_refused(void **state)
{
    struct yaml_report report = {0};
    assert_null(provider_open("/", &report));
    assert_null(provider_open_text("p.yaml", BYTES("- 1\n"), &report));
    assert_null(provider_open_text("p.yaml", BYTES("a: [\n"), &report));
    assert_int_equal(report.errors, 3);
    yaml_report_close(&report);
    struct buffer text = {0};
    buffer_add_text(&text, "provider: p\ncollections:\n");
    for (int i = 0; i <= LIMIT_COLLECTIONS; i++)
        buffer_printf(&text, "- {type: t%d, scope: {parent: t%d}, request: {url: '{x}'}}\n", i, i + 1);
    struct provider *p = provider_open_text("p.yaml", buffer_bytes(&text), &report);
    assert_non_null(strstr(buffer_text(&report.text), "4097 collections are more than 4096"));
    provider_close(p);
    buffer_close(&text);
    yaml_report_close(&report);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(confirmation_depends_on_paging),
        cmocka_unit_test(guards_have_three_forms),
        cmocka_unit_test(ids_have_three_forms),
        cmocka_unit_test(parents_come_first),
        cmocka_unit_test(paging_is_read),
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(collections_override_the_file),
        cmocka_unit_test(aws_auths_share_an_identity),
        cmocka_unit_test(items_are_never_made),
        cmocka_unit_test(definitions_hold_what_shapes_documents),
        cmocka_unit_test(hopeless_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
