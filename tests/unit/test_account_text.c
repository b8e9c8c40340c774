/* Accounts as text: whatever an account is, it is the same one when it was JSON in between, with the same
 * digest; its secrets stand in nothing that people see. */
#include "test_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/limits.h"
#include "common/random.h"

struct lab {
    struct arena arena;
    struct buffer json;
    struct random random;
    struct config_account *accounts;
    uint32_t count;
    struct error e;
};

static int setup(void **state)
{
    static struct lab lab;
    lab = (struct lab){0};
    random_seed(&lab.random, 11);
    *state = &lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->json);
    return 0;
}

static int read_json(struct lab *lab, const char *json)
{
    return config_accounts_from_json(&lab->arena, bytes_of(json), &lab->accounts, &lab->count, &lab->e);
}

static const char *json_of(struct lab *lab, const struct config_account *account)
{
    buffer_reset(&lab->json);
    config_account_to_json(account, &lab->json);
    return buffer_text(&lab->json);
}

/* --- whatever it is --- */

static uint32_t below(struct lab *lab, uint32_t bound)
{
    return (uint32_t)random_below(&lab->random, bound);
}

static void add_code(struct buffer *out, uint32_t code)
{
    if (code < 0x80) {
        buffer_add_char(out, (char)code);
    } else if (code < 0x800) {
        buffer_add_char(out, (char)(0xc0 | code >> 6));
        buffer_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buffer_add_char(out, (char)(0xe0 | code >> 12));
        buffer_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buffer_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        buffer_add_char(out, (char)(0xf0 | code >> 18));
        buffer_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buffer_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buffer_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* Of code points that YAML, JSON or a terminal treat in some way of their own, among others. */
static uint32_t some_code(struct lab *lab)
{
    static const uint32_t special[] = {
        '"',    '\\',   '\'',   '\n',   '\t',   '\r',   ' ',     ':',     '#',     '{',    '[',
        ',',    '&',    '*',    '!',    '%',    '@',    '`',     '/',     '-',     '?',    '|',
        '>',    1,      0x1b,   0x7f,   0x80,   0x85,   0x9f,    0xa0,    0x2028,  0x2029, 0x202e,
        0xfeff, 0xfffd, 0xd7ff, 0xe000, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x10ffff};
    uint32_t at = below(lab, 2 * sizeof special / sizeof *special);
    return at < sizeof special / sizeof *special ? special[at] : 'a' + below(lab, 26);
}

static char *some_text(struct lab *lab, size_t codes_max)
{
    struct buffer text = {0};
    for (size_t codes = below(lab, (uint32_t)codes_max); codes > 0; codes--)
        add_code(&text, some_code(lab));
    char *copy = arena_strdup(&lab->arena, buffer_bytes(&text));
    buffer_close(&text);
    return copy;
}

/* One of its kind, and of no known key. */
static char *some_name(struct lab *lab, const char *prefix, uint32_t number)
{
    static const char *const tails[] = {"", " x", ": y", " #z", "\"", "ünï", "日本", "\\", "{}", "~"};
    return arena_printf(&lab->arena, "%s%u%s", prefix, (unsigned)number, tails[below(lab, 10)]);
}

static struct value some_object(struct lab *lab, const char *prefix)
{
    uint32_t count = below(lab, 5);
    struct value object = value_object(&lab->arena, count);
    for (uint32_t i = count; i > 0; i--)
        value_put(&object, bytes_of(some_name(lab, prefix, i)), value_string(bytes_of(some_text(lab, 40))));
    return object;
}

static const char *const *some_texts(struct lab *lab, const char *prefix, uint32_t count)
{
    const char **list = arena_zalloc(&lab->arena, (count + 1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i] = some_name(lab, prefix, i);
    return list;
}

static struct credential some_credential(struct lab *lab, uint32_t number)
{
    struct credential credential = {.name = some_name(lab, "c", number),
                                    .kind = (enum credential_kind)below(lab, CREDENTIAL_PLAIN + 1)};
    if (credential.kind == CREDENTIAL_EXEC)
        credential.command = some_texts(lab, below(lab, 2) ? "/p" : "p", 1 + below(lab, 4));
    else
        credential.text = arena_printf(&lab->arena, "/%s", some_text(lab, 40));
    return credential;
}

static struct config_account some_account(struct lab *lab)
{
    struct config_account account = {
        .id = some_name(lab, "id", below(lab, 1000)),
        .provider = some_name(lab, "p", below(lab, 10)),
        .regions = below(lab, 2) ? some_texts(lab, "r", 1 + below(lab, 3)) : NULL,
        .splits = 1 + below(lab, 3),
        .keys = some_object(lab, "k"),
        .vars = some_object(lab, "v"),
        .credential_count = below(lab, 5),
    };
    account.credentials = arena_alloc(&lab->arena, 5 * sizeof *account.credentials);
    for (uint32_t i = 0; i < account.credential_count; i++)
        account.credentials[i] = some_credential(lab, account.credential_count - i);
    if (below(lab, 2))
        account.aws = (struct config_aws){.profile = below(lab, 2) ? some_name(lab, "aws", 1) : NULL,
                                          .role_arn = "arn:aws:iam::1:role/x",
                                          .external_id = below(lab, 2) ? some_name(lab, "e", 1) : NULL};
    return account;
}

static void assert_same_texts(const char *const *a, const char *const *b)
{
    assert_true((a != NULL) == (b != NULL));
    for (uint32_t i = 0; b && (a[i] || b[i]); i++)
        assert_string_equal(a[i], b[i]);
}

static const struct credential *credential_of(const struct config_account *account, const char *name)
{
    for (uint32_t i = 0; i < account->credential_count; i++)
        if (strcmp(account->credentials[i].name, name) == 0)
            return &account->credentials[i];
    fail_msg("no credential %s", name);
    return NULL;
}

static void assert_same_text(const char *a, const char *b)
{
    assert_true((a != NULL) == (b != NULL));
    if (b)
        assert_string_equal(a, b);
}

static void assert_same_account(const struct config_account *a, const struct config_account *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->provider, b->provider);
    assert_same_texts(a->regions, b->regions);
    assert_int_equal(a->splits, b->splits);
    assert_true(value_equal(&a->keys, &b->keys));
    assert_true(value_equal(&a->vars, &b->vars));
    assert_int_equal(a->credential_count, b->credential_count);
    for (uint32_t i = 0; i < b->credential_count; i++) {
        const struct credential *one = credential_of(a, b->credentials[i].name);
        assert_int_equal(one->kind, b->credentials[i].kind);
        assert_same_text(one->text, b->credentials[i].text);
        assert_same_texts(one->command, b->credentials[i].command);
    }
    assert_same_text(a->aws.profile, b->aws.profile);
    assert_same_text(a->aws.role_arn, b->aws.role_arn);
    assert_same_text(a->aws.external_id, b->aws.external_id);
}

static void an_account_is_the_same_when_it_was_json_in_between(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 1000; i++) {
        struct config_account account = some_account(lab);
        const char *list = arena_printf(&lab->arena, "[%s]", json_of(lab, &account));
        if (read_json(lab, list))
            fail_msg("%s\n%s", lab->e.text, list);
        assert_int_equal(lab->count, 1);
        assert_same_account(&lab->accounts[0], &account);
        struct digest digest = config_account_digest(&account);
        assert_true(digest_equal(lab->accounts[0].written, digest));
        const char *again = arena_strdup(&lab->arena, bytes_of(json_of(lab, &lab->accounts[0])));
        assert_string_equal(again, json_of(lab, &account));
        assert_null(lab->accounts[0].place);
    }
}

/* --- what a configuration says --- */

static struct config *open_yaml(struct lab *lab, const char *text)
{
    char path[] = "/tmp/garner-test-accounts-XXXXXX";
    struct yaml_report report = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct config *config = config_open(path, CONFIG_RUN, &report);
    unlink(path);
    assert_int_equal(report.errors, 0);
    yaml_report_close(&report);
    (void)lab;
    return config;
}

#define HEAD "providers: [p.yaml]\naccounts:\n"

static void accounts_of_a_file_are_written_with_absolute_paths(void **state)
{
    struct lab *lab = *state;
    struct config *config = open_yaml(
        lab,
        HEAD "- id: 012\n  provider: p\n  splits: 4\n  regions: [b, a]\n  zone: no\n  endpoint: http://x:1\n"
             "  vars: {b: 010, a: true}\n  credentials:\n    t: {file: secrets/t}\n    p: {plain: s3cret}\n"
             "    e: {env: E}\n    x: {exec: [./tool, -v]}\n    y: {exec: [tool]}\n"
             "    aws: {profile: audit}\n");
    assert_string_equal(
        json_of(lab, &config->accounts[0]),
        "{\"id\":\"012\",\"provider\":\"p\",\"regions\":[\"b\",\"a\"],\"splits\":4,"
        "\"vars\":{\"a\":\"true\",\"b\":\"010\"},"
        "\"credentials\":{\"aws\":{\"profile\":\"audit\"},\"e\":{\"env\":\"E\"},\"p\":{\"plain\":\"s3cret\"},"
        "\"t\":{\"file\":\"/tmp/secrets/t\"},\"x\":{\"exec\":[\"/tmp/./tool\",\"-v\"]},"
        "\"y\":{\"exec\":[\"tool\"]}},"
        "\"endpoint\":\"http://x:1\",\"zone\":\"no\"}");
    buffer_reset(&lab->json);
    config_account_public_json(&config->accounts[0], &lab->json);
    assert_string_equal(
        buffer_text(&lab->json),
        "{\"id\":\"012\",\"provider\":\"p\",\"regions\":[\"b\",\"a\"],\"splits\":4,"
        "\"vars\":{\"a\":\"true\",\"b\":\"010\"},"
        "\"credentials\":{\"aws\":{\"profile\":\"audit\"},\"e\":{\"env\":\"E\"},\"p\":\"plain\","
        "\"t\":{\"file\":\"/tmp/secrets/t\"},\"x\":{\"exec\":\"/tmp/./tool\"},\"y\":{\"exec\":\"tool\"}},"
        "\"endpoint\":\"http://x:1\",\"zone\":\"no\"}");
    const char *list = arena_printf(&lab->arena, "[%s]", json_of(lab, &config->accounts[0]));
    assert_int_equal(read_json(lab, list), 0);
    assert_true(digest_equal(lab->accounts[0].written, config->accounts[0].written));
    config_close(config);
}

static struct digest digest_of(struct lab *lab, const char *account)
{
    struct config *config = open_yaml(lab, arena_printf(&lab->arena, HEAD "%s", account));
    struct digest digest = config->accounts[0].written;
    config_close(config);
    return digest;
}

/* However it is laid out; and nothing of it can be another one unnoticed. */
static void equal_accounts_have_equal_digests_and_others_have_not(void **state)
{
    struct lab *lab = *state;
    static const char *const same[] = {
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}}\n",
        "- provider: 'p'\n  credentials: {t: {file: /tmp/f}, aws: {}}\n  vars: {z: w, x: 'y'}\n  k: 1\n  id: "
        "a\n"
        "  splits: 1\n",
    };
    static const char *const others[] = {
        "- {id: b, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}}\n",
        "- {id: a, provider: q, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}}\n",
        "- {id: a, provider: p, k: '2', vars: {x: y, z: w}, credentials: {t: {file: f}}}\n",
        "- {id: a, provider: p, l: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}}\n",
        "- {id: a, provider: p, k: '1', vars: {x: w, z: y}, credentials: {t: {file: f}}}\n",
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: g}}}\n",
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {env: /tmp/f}}}\n",
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {plain: /tmp/f}}}\n",
        ("- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}, "
         "aws: {profile: x}}}\n"),
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}, splits: 2}\n",
        "- {id: a, provider: p, k: '1', vars: {x: y, z: w}, credentials: {t: {file: f}}, regions: [r]}\n",
    };
    struct digest digest = digest_of(lab, same[0]);
    assert_true(digest_equal(digest_of(lab, same[1]), digest));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(digest_equal(digest_of(lab, others[i]), digest));
}

/* --- what is refused --- */

static void what_is_no_account_is_refused_with_the_first_mistake(void **state)
{
    struct lab *lab = *state;
    static const char *const mistakes[][2] = {
        {"[{\"id\":\"a\"}]", "the account's 'provider' is missing"},
        {"{}", "expected a list of accounts, not a map"},
        {"[{\"id\":\"a\",\"provider\":\"p\",\"splits\":0}]", ""},
        {"[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"file\":\"f\"}}}]",
         "'f' must be an absolute path here"},
        {"[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"exec\":[\"./x\"]}}}]",
         "'./x' must be an absolute path here"},
        {"[{\"id\":\"a\",\"provider\":\"p\"},{\"id\":\"a\",\"provider\":\"p\"}]",
         "account 'p/a' stands twice: first in line 1"},
        {"[", ""},
        {"", "the file is empty"},
        {"\xff", ""},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        assert_int_equal(read_json(lab, mistakes[i][0]), ERR_CONFIG);
        assert_true(lab->accounts == NULL && lab->count == 0 && lab->e.text[0]);
        if (*mistakes[i][1])
            assert_string_equal(lab->e.text, mistakes[i][1]);
    }
    assert_int_equal(read_json(lab, "[]"), 0);
    assert_int_equal(lab->count, 0);
}

/* Whatever else is wrong. */
static void no_error_says_a_secret(void **state)
{
    struct lab *lab = *state;
    static const char *const texts[] = {
        "[{\"id\":\"a\",\"credentials\":{\"t\":{\"plain\":\"s3cret\"}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":\"s3cret\"}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":[\"s3cret\"]}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":[\"s3cret\"]}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":\"s3cret\",\"x\":1}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"aws\":{\"secret\":\"s3cret\"}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":\"s3cret\"}",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":\"s3cret}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":\"\x01s3cret\"}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":!x s3cret}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{\"plain\":*s3cret}}}]",
        "[{\"id\":\"a\",\"provider\":\"p\",\"credentials\":{\"t\":{s3cret: 1, s3cret: 2}}}]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct yaml_report report = {0};
        assert_int_equal(read_json(lab, texts[i]), ERR_CONFIG);
        assert_null(strstr(lab->e.text, "s3cret"));
        struct config *config = config_open_accounts("accounts", bytes_of(texts[i]), &report);
        assert_true(report.errors > 0);
        if (strstr(buffer_text(&report.text), "s3cret"))
            fail_msg("%s", buffer_text(&report.text));
        yaml_report_close(&report);
        config_close(config);
    }
}

static void accounts_of_a_text_have_their_places_in_it(void **state)
{
    struct yaml_report report = {0};
    struct config *config = config_open_accounts(
        "accounts", BYTES("[{\"id\":\"a\",\"provider\":\"p\"},\n{\"id\":\"b\",\"provider\":\"p\"}]"),
        &report);
    (void)state;
    assert_int_equal(config->account_count, 2);
    assert_int_equal(yaml_line(config->accounts[1].place), 2);
    assert_null(config->providers[0]);
    report_is(&report, "accounts", "");
    config_close(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_account_is_the_same_when_it_was_json_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(accounts_of_a_file_are_written_with_absolute_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_accounts_have_equal_digests_and_others_have_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_account_is_refused_with_the_first_mistake, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_error_says_a_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(accounts_of_a_text_have_their_places_in_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
