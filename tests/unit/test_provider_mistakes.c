/* Mistakes in provider files: each one's exact message. */
#include "test_report.h"

#include "common/limits.h"
#include "worker/provider/provider.h"

#define THING(type, request, items, id)                                                                      \
    "provider: p\ncollections:\n- type: " type "\n  request: " request "\n  items: " items "\n  id: " id "\n"
#define PLAIN      THING("t", "{url: 'https://x/'}", "'/*'", "/id")
#define TOP(keys)  keys "\n" PLAIN
#define WITH(keys) PLAIN "  " keys "\n"

static void all_are_told(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct yaml_report report = {0};
        struct provider *provider = provider_open_text("f.yaml", bytes_of(mistakes[i].text), &report);
        provider_close(provider);
        report_is(&report, "f.yaml", mistakes[i].messages);
    }
}

/* The top of a file is checked: keys, names, origins, regions. */
static const struct mistake in_the_top[] = {
    {"collections: 3\n"
     "provder: p\n",
     "2:1: error: unknown key 'provder': did you mean 'provider'?\n"
     "1:1: error: the key 'provider' is missing\n"
     "1:14: error: expected a list of collections, not '3'"},
    {"provider: p\n"
     "collections: []\n",
     "2:14: error: 'collections' is empty"},
    {"provider: a/b\n"
     "collections: [3]\n",
     "1:11: error: a name is made of letters, digits, '.', '_' and '-'\n"
     "2:15: error: expected a collection: a map with 'type' and 'request', not '3'"},
    {"[]\n", "1:1: error: expected a map of keys and values, not a list"},
    {"just a text\n", "1:1: error: expected a map of keys and values, not 'just a text'"},
    {TOP("auht: {kind: none}"), "1:1: error: unknown key 'auht': did you mean 'auth'?"},
    {TOP("vars: {a b: 1, c: [1]}"), "1:8: error: this can't be the name of a var\n"
                                    "1:19: error: expected a text, not a list"},
    {TOP("allow_origins: [https://a/x, ftp://b, https://c]"),
     "1:17: error: an origin is http:// or https://, a host and perhaps a port, nothing "
     "behind it\n"
     "1:30: error: an origin is http:// or https://, a host and perhaps a port, nothing "
     "behind it"},
    {TOP("allow_origins: [https://a, https://a]"), "1:16: error: 'https://a' stands twice in this list"},
    {TOP("allow_origins: [https://a]\n"
         "rewrite_origin: true"),
     "2:17: error: 'rewrite_origin' stands instead of 'allow_origins', not beside it"},
    {TOP("rewrite_origin: yes"), "1:17: error: expected true or false, not 'yes'"},
    {TOP("xml: {list_element: [item], arrays: [x]}"),
     "1:7: error: unknown key 'list_element': did you mean 'list_elements'?\n"
     "1:38: error: pointer \"x\" must be \"\" or begin with \"/\""},
    {TOP("regions: []"), "1:10: error: 'regions' is empty"},
    {TOP("regions: eu"),
     "1:10: error: expected a list of regions, or a map with 'request', 'items' and 'id' that "
     "discovers them"},
    {TOP("regions: {request: {url: https://x/}, items: /regions/*, id: \"\", scope: region}"),
     "1:66: error: unknown key 'scope'"},
    {TOP("regions: {items: /regions/*, id: \"{region}\", request: {url: \"https://x/{parent.id}\"}}"),
     "1:61: error: {parent.id} can't have a value here: there is no such parent\n"
     "1:34: error: {region} can't have a value here: only a collection of scope region has "
     "one, or a child of such"},
};

static void mistakes_in_the_top(void **state)
{
    all_are_told(in_the_top, sizeof in_the_top / sizeof *in_the_top);
    (void)state;
}

/* Each kind of auth has its own keys, and placeholders that it may use. */
static const struct mistake in_auth[] = {
    {TOP("auth: {kind: bearr, token: x}"),
     "1:14: error: expected none, basic, bearer, header, login, exec, aws_sigv4 or "
     "azure_shared_key, not 'bearr': did you mean 'bearer'?"},
    {TOP("auth: bearer"), "1:7: error: expected a map with a 'kind', not 'bearer'"},
    {TOP("auth: {token: x}"), "1:7: error: the key 'kind' is missing"},
    {TOP("auth: {kind: bearer}"), "1:7: error: the key 'token' is missing"},
    {TOP("auth: {kind: basic, user: u, pasword: p}"),
     "1:30: error: unknown key 'pasword': did you mean 'password'?\n"
     "1:7: error: the key 'password' is missing"},
    {TOP("auth: {kind: header, headers: {}}"), "1:31: error: 'headers' is empty"},
    {TOP("auth: {kind: header, headers: {\"X Y\": a, X-Z: \"a\\r\\nb\"}}"),
     "1:32: error: 'X Y' can't be the name of a header\n"
     "1:47: error: a header's value must not hold a line break"},
    {TOP("auth: {kind: bearer, token: \"{region}\"}"),
     "1:29: error: {region} can't have a value here: only a collection of scope region has "
     "one, or a child of such"},
    {TOP("auth: {kind: bearer, token: \"{credential.token}\"}"),
     "1:29: error: unknown placeholder {credential.token}: did you mean {credentials.NAME}?"},
    {TOP("auth: {kind: aws_sigv4, service: ec2}"),
     "1:7: error: the key 'region' is missing: which region is signed for, where there is no {region}"},
    {TOP("auth: {kind: aws_sigv4, region: us-east-1, regions_from: 'header:x'}"),
     "1:44: error: unknown key 'regions_from': did you mean 'region_from'?\n"
     "1:7: error: the key 'service' is missing"},
    {TOP("auth: {kind: aws_sigv4, service: s3, region: x, region_from: body:/r}"),
     "1:62: error: expected header:NAME, not 'body:/r'"},
    {TOP("auth: {kind: aws_sigv4, service: 's 3', region: '{parent.id}'}"),
     "1:34: error: a name is made of letters, digits, '.', '_' and '-'\n"
     "1:49: error: {parent.id} can't have a value here: there is no such parent"},
    {TOP("auth: {kind: azure_shared_key}"),
     "1:14: error: auth of kind 'azure_shared_key' is not supported by this version yet"},
    {TOP("auth: {kind: login, token: item:/x, send: query:t, format: Bearer}"),
     "1:7: error: the key 'request' is missing\n"
     "1:28: error: expected body:/pointer or header:NAME, not 'item:/x'\n"
     "1:43: error: a token is sent as a header: header:NAME\n"
     "1:60: error: {token} is missing: it says where the token goes"},
    {TOP("auth: {kind: login, request: {url: \"https://x/{region}\"}, token: body:/t, expires_in: "
         "body:/e, expires_at: header:E, send: header:A, format: \"{token} {vars.x}\"}"),
     "1:36: error: {region} can't have a value here: only a collection of scope region has "
     "one, or a child of such\n"
     "1:108: error: expected body:/pointer, not 'header:E'\n"
     "1:108: error: 'expires_in' and 'expires_at' exclude each other\n"
     "1:142: error: {vars.x} can't have a value here: vars go into requests and auth only"},
    {TOP("auth: {kind: exec, command: [], token: header:X, send: header:Authorization}"),
     "1:29: error: 'command' is empty: it needs a program\n"
     "1:40: error: expected body:/pointer, not 'header:X'"},
    {TOP("auth: {kind: exec, command: run, token: \"body:\", send: header:Authorization}"),
     "1:29: error: expected a list: the program and its arguments, not 'run'"},
};

static void mistakes_in_auth(void **state)
{
    all_are_told(in_auth, sizeof in_auth / sizeof *in_auth);
    (void)state;
}

/* Limits and error codes are checked, and no secret becomes part of a limit's key. */
static const struct mistake in_limits_and_errors[] = {
    {TOP("limits: {rate: 010}"), "1:16: error: expected a number above 0 such as 10 or 0.5, not '010'"},
    {TOP("limits: {rate: 0, concurrency: 0}"),
     "1:16: error: expected a number above 0 such as 10 or 0.5, not '0'\n"
     "1:32: error: 0 is out of range: 1 to 100000"},
    {TOP("limits: {burst: 3}"), "1:17: error: 'burst' needs a 'rate'"},
    {TOP("limits: {rate: 0.5, burst: 0.5, key: \"{credentials.token}\"}"),
     "1:28: error: a burst is at least 1\n"
     "1:38: error: {credentials.token} can't have a value here: credentials go into requests "
     "and auth only"},
    {TOP("limits: {key: \"{region}\", rat: 1}"),
     "1:27: error: unknown key 'rat': did you mean 'rate'?\n"
     "1:15: error: {region} can't have a value here: only a collection of scope region has "
     "one, or a child of such"},
    {TOP("errors: {throttled: [A]}"), "1:9: error: the key 'code_at' is missing"},
    {TOP("errors: {code_at: /e/*, throttled: A, expired: [A, A]}"),
     "1:19: error: a pointer with '*' leads to many values: one is needed here\n"
     "1:36: error: expected a list of texts, not 'A'\n"
     "1:48: error: 'A' stands twice in this list"},
    {TOP("errors: {code_at: [], message_at: [/a, item:/b], code_after: '', advice: [X]}"),
     "1:19: error: this list of places is empty\n"
     "1:40: error: expected body:/pointer or header:NAME, not 'item:/b'\n"
     "1:62: error: 'code_after' is empty\n"
     "1:74: error: expected a map of codes and what to do about them, not a list"},
};

static void mistakes_in_limits_and_errors(void **state)
{
    all_are_told(in_limits_and_errors, sizeof in_limits_and_errors / sizeof *in_limits_and_errors);
    (void)state;
}

/* Each key of a collection is checked, and scopes before them. */
static const struct mistake in_collections[] = {
    {WITH("every: 5"), "7:10: error: expected a duration such as 30s, 5m, 1h or 7d, not '5'"},
    {WITH("every: 0s\n"
          "  full_every: 1w"),
     "7:10: error: a period must be longer than 0\n"
     "8:15: error: expected a duration such as 30s, 5m, 1h or 7d, not '1w'"},
    {WITH("priority: higher\n"
          "  order: stabel"),
     "8:10: error: expected any or stable, not 'stabel': did you mean 'stable'?\n"
     "7:13: error: expected high, normal or low, not 'higher': did you mean 'high'?"},
    {WITH("pages: {style: none}"), "7:3: error: unknown key 'pages': did you mean 'page'?"},
    {"provider: p\n"
     "collections:\n"
     "- every: 5m\n",
     "3:3: error: the key 'type' is missing\n"
     "3:3: error: the key 'request' is missing\n"
     "3:3: error: the key 'items' is missing: where in the answer the list of items is\n"
     "3:3: error: the key 'id' is missing"},
    {WITH("format: yaml"), "7:11: error: expected json, xml or jsonl, not 'yaml': did you mean 'xml'?"},
    {THING("a/b", "{url: 'https://x/'}", "'/*'", "/id"),
     "3:9: error: a name is made of letters, digits, '.', '_' and '-'"},
    {THING("''", "{url: 'https://x/'}", "'/*'", "/id"),
     "3:9: error: a name is made of letters, digits, '.', '_' and '-'"},
    {WITH("scope: regional"),
     "7:10: error: expected account, region or {parent: TYPE}, not 'regional': did you mean "
     "'region'?"},
    {WITH("scope: {parent: x}"), "7:19: error: there is no type 'x' in this file"},
    {WITH("scope: {parnt: t}"), "7:11: error: unknown key 'parnt': did you mean 'parent'?\n"
                                "7:10: error: the key 'parent' is missing"},
    {WITH("scope: {parent: t}"), "7:19: error: 't' is its own parent, by way of 1 collection"},
    {THING("t", "{url: 'https://x/'}", "/a", "/id"),
     "5:10: error: 'items' must end in '*', which walks the list: did you mean '/a/*'?"},
    {THING("t", "{url: 'https://x/'}", "a/*", "/id"),
     "5:10: error: pointer \"a/*\" must be \"\" or begin with \"/\""},
    {THING("t", "{url: 'https://x/'}", "'/a~2/*'", "/id"),
     "5:10: error: pointer \"/a~2/*\" has a \"~\" that is neither \"~0\" (a \"~\") nor \"~1\" (a \"/\")"},
    {WITH("items_optional: \"yes\""), "7:19: error: expected true or false, not 'yes'"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "[]"), "6:7: error: 'id' is an empty list"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "[/a, /b/*]"),
     "6:12: error: a pointer with '*' leads to many values: one is needed here"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "{a: b}"),
     "6:7: error: expected a pointer, a list of pointers or a template"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "name"),
     "6:7: error: all items would have the id 'name': a pointer begins with '/', a template "
     "has a placeholder"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "\"{id}\""),
     "6:7: error: {id} can't stand in 'id' itself: use {item:/POINTER}"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "\"{item:/a}-{credentials.x}\""),
     "6:7: error: {credentials.x} can't have a value here: credentials go into requests and "
     "auth only"},
    {THING("t", "{url: 'https://x/'}", "'/*'", "\"{item:a}\""),
     "6:7: error: {item:a}: pointer \"a\" must be \"\" or begin with \"/\""},
    {THING("t", "{url: 'https://x/'}", "'/*'", "\"{parent.id}/{item:/a}\""),
     "6:7: error: {parent.id} can't have a value here: there is no such parent"},
    {WITH("require: /a\n"
          "  ignore: [a]\n"
          "  unordered: [/a/*/b]"),
     "7:12: error: expected a list of pointers, not '/a'\n"
     "8:12: error: pointer \"a\" must be \"\" or begin with \"/\""},
    {WITH("parse: /a"), "7:10: error: expected a list of pointers, not '/a'"},
    {WITH("parse: [/a/*/b, a, \"\"]"),
     "7:19: error: pointer \"a\" must be \"\" or begin with \"/\"\n"
     "7:22: error: an empty pointer is the whole document: a part is needed here"},
    {WITH("parze: [/a]"), "7:3: error: unknown key 'parze': did you mean 'parse'?"},
    {WITH("absent: [{status: 404, code: X}, {code: Y}, {status: 99}]"),
     "7:32: error: 'code' needs 'errors' with 'code_at': where in the body a code is\n"
     "7:36: error: the key 'status' is missing\n"
     "7:43: error: 'code' needs 'errors' with 'code_at': where in the body a code is\n"
     "7:56: error: 99 is out of range: 200 to 599"},
    {WITH("absent: {status: 404}"), "7:11: error: expected a list of {status, code}, not a map"},
    {WITH("get: {url: \"https://x/{id}/{item:/a/*}\"}"),
     "7:14: error: {item:/a/*}: a pointer with * leads to many, a placeholder needs one"},
    {WITH("get: {query: {a: b}}"), "7:8: error: the key 'url' is missing"},
    {WITH("delete: {confirm: get}"),
     "7:21: error: 'confirm: get' needs the key 'get': a request for one resource"},
    {WITH("delete: {confirm: maybe, guard: 101%}"),
     "7:35: error: expected a share from 0% to 100% such as 50%, not '101%'\n"
     "7:21: error: expected none, relist or get, not 'maybe'"},
    {WITH("delete: {guard: {share: 50, min: 0, listings: 17, over: soon}}"),
     "7:27: error: expected a share from 0% to 100% such as 50%, not '50'\n"
     "7:36: error: 0 is out of range: 1 to 4294967295\n"
     "7:49: error: 17 is out of range: 1 to 16\n"
     "7:59: error: expected a duration such as 30s, 5m, 1h or 7d, not 'soon'"},
    {WITH("delete: {guard: [1]}"),
     "7:19: error: expected a share such as 50%, none, or a map {share, min, listings, over}"},
    {WITH("limits: {key: \"{parent.id}\"}"),
     "7:17: error: {parent.id} can't have a value here: there is no such parent"},
    {"provider: p\n"
     "collections:\n"
     "- {type: a, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: a, request: {url: https://x/}, items: /*, id: /id}\n",
     "4:10: error: type 'a' stands twice: first in line 3"},
    {"provider: p\n"
     "collections:\n"
     "- {type: shop.item, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: b, scope: {parent: shop.itme}, request: {url: \"https://x/{parent.id}\"}, items: "
     "/*, id: /id}\n",
     "4:29: error: there is no type 'shop.itme' in this file: did you mean 'shop.item'?"},
    {"provider: p\n"
     "collections:\n"
     "- {type: a, scope: {parent: b}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: b, scope: {parent: a}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c, scope: {parent: a}, request: {url: https://x/}, items: /*, id: /id}\n",
     "3:29: error: 'a' is its own parent, by way of 2 collections\n"
     "4:29: error: 'b' is its own parent, by way of 2 collections"},
    {"provider: p\n"
     "collections:\n"
     "- {type: c0, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c1, scope: {parent: c0}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c2, scope: {parent: c1}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c3, scope: {parent: c2}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c4, scope: {parent: c3}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c5, scope: {parent: c4}, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: c6, scope: {parent: c5}, request: {url: https://x/}, items: /*, id: /id}\n",
     "8:30: error: more than 4 parents above each other\n"
     "9:30: error: more than 4 parents above each other"},
    {"provider: p\n"
     "collections:\n"
     "- {type: a, request: {url: https://x/}, items: /*, id: /id}\n"
     "- {type: b, scope: {parent: a}, request: {url: "
     "\"https://x/{parent.parent.id}/{region}\"}, items: /*, id: /id}\n",
     "4:48: error: {parent.parent.id} can't have a value here: this has 1 parent"},
};

static void mistakes_in_collections(void **state)
{
    all_are_told(in_collections, sizeof in_collections / sizeof *in_collections);
    (void)state;
}

/* Requests are checked: their URL, their parameters, and every placeholder. */
static const struct mistake in_requests[] = {
    {THING("t", "https://x/", "'/*'", "/id"),
     "4:12: error: expected a map of keys and values, not 'https://x/'"},
    {THING("t", "{method: POST}", "'/*'", "/id"), "4:12: error: the key 'url' is missing"},
    {THING("t", "{url: /x}", "'/*'", "/id"),
     "4:18: error: a url begins with http:// or https:// and a host, or with a placeholder"},
    {THING("t", "{url: ftp://x/}", "'/*'", "/id"),
     "4:18: error: a url begins with http:// or https:// and a host, or with a placeholder"},
    {THING("t", "{url: https:///x}", "'/*'", "/id"),
     "4:18: error: a url begins with http:// or https:// and a host, or with a placeholder"},
    {THING("t", "{url: \"https://x/a b\"}", "'/*'", "/id"),
     "4:18: error: this can't stand in a url as it is: white space, non-ASCII and <>\"\\^`| are "
     "written %XX"},
    {THING("t", "{url: \"https://x/ü\"}", "'/*'", "/id"),
     "4:18: error: this can't stand in a url as it is: white space, non-ASCII and <>\"\\^`| are "
     "written %XX"},
    {THING("t", "{url: \"{{x\"}", "'/*'", "/id"),
     "4:18: error: a url begins with http:// or https:// and a host, or with a placeholder"},
    {THING("t", "{url: \"https://{account.host/\"}", "'/*'", "/id"),
     "4:18: error: a '{' without a '}' behind it: a brace is written {{"},
    {THING("t", "{url: \"https://x/{acount.host}\"}", "'/*'", "/id"),
     "4:18: error: unknown placeholder {acount.host}: did you mean {account.id} or "
     "{account.KEY}?"},
    {THING("t", "{url: \"https://x/{region}\"}", "'/*'", "/id"),
     "4:18: error: {region} can't have a value here: only a collection of scope region has "
     "one, or a child of such"},
    {THING("t", "{url: \"https://x/{id}\"}", "'/*'", "/id"),
     "4:18: error: {id} can't have a value here: only `get` has one"},
    {THING("t", "{url: \"https://x/{parent:/a}\"}", "'/*'", "/id"),
     "4:18: error: {parent:/a} can't have a value here: there is no such parent"},
    {THING("t", "{url: https://x/, method: DELETE}", "'/*'", "/id"),
     "4:38: error: expected GET, POST, PUT, PATCH, HEAD, SEARCH, PROPFIND or REPORT, not "
     "'DELETE'"},
    {THING("t", "{url: https://x/, methd: POST}", "'/*'", "/id"),
     "4:30: error: unknown key 'methd': did you mean 'method'?"},
    {THING("t", "{url: https://x/, query: [a]}", "'/*'", "/id"),
     "4:37: error: expected a map of names and values, not a list"},
    {THING("t", "{url: https://x/, query: {a: {b: c}, d: [e, null]}}", "'/*'", "/id"),
     "4:41: error: 'a' needs a text, a list of texts, or null to leave it out\n"
     "4:56: error: 'd' needs a text, a list of texts, or null to leave it out"},
    {THING("t", "{url: https://x/, headers: {\"\": a, \"A:\": b, C: \"a\\nb\"}}", "'/*'", "/id"),
     "4:40: error: '' can't be the name of a header\n"
     "4:47: error: 'A:' can't be the name of a header\n"
     "4:59: error: a header's value must not hold a line break"},
    {THING("t", "{url: https://x/, form: {a: b}, body: {c: d}}", "'/*'", "/id"),
     "4:50: error: a request has a 'form' or a 'body', not both"},
    {THING("t", "{url: https://x/, body: {a: [\"{x}\"], \"{y}\": \"{vars.z}\"}}", "'/*'", "/id"),
     "4:41: error: unknown placeholder {x}: the known ones are {account.id}, {account.KEY}, "
     "{region}, {credentials.NAME}, {vars.NAME}, {parent.id}, {parent:/POINTER}, {id} and "
     "{item:/POINTER}; a brace is written {{ or }}\n"
     "4:56: error: 'vars' has no 'z': a default for {vars.z} is needed there"},
    {"vars: {api_version: 1}\n" THING("t", "{url: \"https://x/{vars.api_verson}\"}", "'/*'", "/id"),
     "5:18: error: 'vars' has no 'api_verson': did you mean {vars.api_version}?"},
};

static void mistakes_in_requests(void **state)
{
    all_are_told(in_requests, sizeof in_requests / sizeof *in_requests);
    (void)state;
}

/* Paging has keys that go with its style, and goals that go with the request. */
static const struct mistake in_paging[] = {
    {WITH("page: token"), "7:9: error: expected a map of keys and values, not 'token'"},
    {WITH("page: {from: body:/a}"), "7:9: error: the key 'style' is missing"},
    {WITH("page: {style: tokn}"),
     "7:17: error: expected none, token, link, offset, number or marker, not 'tokn': did you "
     "mean 'token'?"},
    {WITH("page: {style: token, from: body:/a}"), "7:9: error: the key 'to' is missing"},
    {WITH("page: {style: token, from: bodi:/a, to: query}"),
     "7:30: error: expected body:/pointer or header:NAME or item:/pointer, not 'bodi:/a'\n"
     "7:43: error: expected query:NAME, form:NAME, header:NAME or body:/pointer, not 'query'"},
    {WITH("page: {style: token, from: body:/a/*, to: \"query:\"}"),
     "7:30: error: a pointer with '*' leads to many values: one is needed here\n"
     "7:45: error: expected query:NAME, form:NAME, header:NAME or body:/pointer, not 'query:'"},
    {WITH("page: {style: token, from: body:/a, to: query:a, parts: []}"),
     "7:59: error: 'parts' stands instead of 'from' and 'to', not beside them"},
    {WITH("page: {style: token, parts: [{from: header:X, to: body:}, {to: \"header:A B\"}]}"),
     "7:57: error: missing comma in flow mapping"},
    {WITH("page: {style: token, parts: []}"), "7:31: error: 'parts' is empty"},
    {WITH("page: {style: token, from: body:/a, to: query:a, end: short, first: 1}"),
     "7:52: error: 'end' doesn't go with style 'token'\n"
     "7:64: error: 'first' doesn't go with style 'token'"},
    {WITH("page: {style: link, to: query:a}"), "7:23: error: 'to' doesn't go with style 'link'"},
    {WITH("page: {style: link, from: item:/x}"),
     "7:29: error: expected body:/pointer or header:NAME, not 'item:/x'"},
    {WITH("page: {style: offset, to: query:o, total: item:/x}\n"
          "  order: stable"),
     "7:45: error: expected body:/pointer or header:NAME, not 'item:/x'"},
    {WITH("page: {style: offset, to: query:o, end: full}\n"
          "  order: stable"),
     "7:43: error: expected short, not 'full'"},
    {WITH("page: {style: offset, to: query:o, end: short}\n"
          "  order: stable"),
     "7:43: warning: 'end: short' has no effect without 'size': what was asked for isn't known"},
    {WITH("page: {style: number, to: query:p, first: 0x1, last: header:X}\n"
          "  order: stable"),
     "7:56: error: expected body:/pointer, not 'header:X'\n"
     "7:45: error: expected a whole number, not '0x1'"},
    {WITH("page: {style: marker, from: body:/x, to: query:m}"),
     "7:31: error: expected item:/pointer, not 'body:/x'"},
    {WITH("page: {style: none, size: {to: query:n, max: 3}}"),
     "7:23: error: 'size' doesn't go with style 'none'"},
    {WITH("page: {style: link, size: {to: query:n}}"), "7:29: error: the key 'max' is missing"},
    {WITH("page: {style: link, size: {to: query:n, max: 10, min: 20}, pages_max: 1000001}"),
     "7:57: error: 20 is out of range: 1 to 10\n"
     "7:73: error: 1000001 is out of range: 1 to 1000000"},
    {WITH("page: {style: link, size: {to: query:n, max: 10, min: 5, default: 3}, more: header:X}"),
     "7:79: error: expected body:/pointer, not 'header:X'\n"
     "7:69: error: 3 is out of range: 5 to 10"},
    {THING("t", "{url: https://x/, body: {a: 1}}", "'/*'",
           "/id") "  page: {style: token, from: body:/a, to: form:a}\n",
     "7:43: error: 'form:' can't be set: the request has a 'body'"},
    {THING("t", "{url: https://x/, form: {a: 1}}", "'/*'",
           "/id") "  page: {style: token, from: body:/a, to: body:/a}\n",
     "7:43: error: 'body:' can't be set: the request has a 'form'"},
    {THING("t", "{url: https://x/, body: [1]}", "'/*'",
           "/id") "  page: {style: token, from: body:/a, to: body:/a}\n",
     "7:43: error: 'body:' can't be set: the request's body is no map"},
    {WITH("page: {style: offset, to: query:o}"),
     "7:9: warning: offset paging can skip resources while others come and go, so deletes "
     "wait for a second listing (relist), best effort: add 'get', or 'order: stable' if that "
     "is so"},
    {WITH("page: {style: number, to: query:o}\n"
          "  delete: {confirm: none}"),
     "8:21: warning: 'confirm: none' with this paging and without 'order: stable': what it "
     "skips is deleted"},
};

static void mistakes_in_paging(void **state)
{
    all_are_told(in_paging, sizeof in_paging / sizeof *in_paging);
    (void)state;
}

static void too_many(const char *list, int count, const char *message)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s  %s: [", PLAIN, list);
    for (int i = 0; i < count; i++)
        buffer_printf(&text, "%s/a-name-of-some-length/%06d", i ? ", " : "", i);
    buffer_add_text(&text, "]\n");
    all_are_told(&(struct mistake){buffer_text(&text), message}, 1);
    buffer_close(&text);
}

/* Lists of pointers are bounded: a collection's record keeps some of them. */
static void too_many_pointers(void **state)
{
    too_many("require", LIMIT_REQUIRE, "");
    too_many("require", LIMIT_REQUIRE + 1, "7:12: error: more than 64 pointers");
    too_many("ignore", 1000, "");
    too_many("parse", 3000, "3:3: error: 'parse', 'ignore' and 'unordered' have more than 64 KiB together");
    too_many("ignore", 3000, "3:3: error: 'parse', 'ignore' and 'unordered' have more than 64 KiB together");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_in_the_top),
        cmocka_unit_test(mistakes_in_auth),
        cmocka_unit_test(mistakes_in_limits_and_errors),
        cmocka_unit_test(mistakes_in_collections),
        cmocka_unit_test(mistakes_in_requests),
        cmocka_unit_test(mistakes_in_paging),
        cmocka_unit_test(too_many_pointers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
