/* Configuration: what is read, its defaults, its mistakes, and how credentials are resolved. */
#include "test_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/limits.h"

struct lab {
    char folder[64];
    char path[128];
    struct yaml_report report;
    struct config *config;
    struct buffer secret;
    struct error error;
};

static void lab_write(struct lab *lab, const char *name, const char *text, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", lab->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void lab_begin(struct lab *lab)
{
    *lab = (struct lab){.folder = "/tmp/garner-test-config-XXXXXX"};
    assert_non_null(mkdtemp(lab->folder));
    snprintf(lab->path, sizeof lab->path, "%s/f.yaml", lab->folder);
}

static void lab_open(struct lab *lab, const char *text)
{
    lab_write(lab, "f.yaml", text, 0600);
    lab->config = config_open(lab->path, CONFIG_RUN, &lab->report);
}

static void lab_end(struct lab *lab)
{
    char command[128];
    config_close(lab->config);
    yaml_report_close(&lab->report);
    buffer_close(&lab->secret);
    snprintf(command, sizeof command, "rm -r %s", lab->folder);
    assert_int_equal(system(command), 0);
}

static const char *in_folder(struct lab *lab, const char *path)
{
    static char joined[192];
    snprintf(joined, sizeof joined, "%s/%s", lab->folder, path);
    return joined;
}

/* What isn't written has its default. */
static void defaults_are_those_of_the_contract(void **state)
{
    struct lab lab;
    lab_begin(&lab);
    lab_open(&lab, "providers: [p.yaml]\naccounts:\n- {id: 012, provider: p}\n");
    report_is(&lab.report, lab.path, "");
    const struct config *config = lab.config;
    assert_string_equal(config->data, in_folder(&lab, "data"));
    assert_string_equal(config->providers[0], in_folder(&lab, "p.yaml"));
    assert_null(config->providers[1]);
    assert_null(config->http);
    assert_string_equal(config->listen, "tcp://127.0.0.1:7801");
    assert_int_equal(config->retention_age_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(config->retention_bytes, 10000000000);
    assert_int_equal(config->shards, 256);
    assert_int_equal(config->threads, 0);
    assert_int_equal(config->followers, 0);
    assert_int_equal(config->lease_ms, 60000);
    assert_int_equal(config->map_size, LIMIT_MAP_BYTES_DEFAULT);
    assert_string_equal(config->accounts[0].id, "012");
    assert_int_equal(config->accounts[0].splits, 1);
    assert_null(config->accounts[0].regions);
    lab_end(&lab);
    (void)state;
}

/* Every key is read; paths are joined to the file's folder; other keys are the account's own. */
static void every_key_is_read(void **state)
{
    struct lab lab;
    lab_begin(&lab);
    lab_open(
        &lab,
        "data: ../store\nproviders: [a.yaml, /b.yaml]\nhttp: 127.0.0.1:0\nlisten: tcp://[::1]:7801\n"
        "retention: {age: 1h, bytes: 1MB}\nshards: 16384\nthreads: 64\nfollowers: 1\nlease: 10s\nmap_size: "
        "1GiB\n"
        "accounts:\n- {id: a, provider: p, regions: [eu, us], splits: 4, endpoint: 'http://x', port: 80,\n"
        "   vars: {v: 1}, credentials: {t: {env: T}, k: {file: key}, e: {exec: [./run, 1]}, p: {plain: s}}}\n"
        "- {id: a, provider: q}\n");
    report_is(&lab.report, lab.path, "");
    const struct config *config = lab.config;
    const struct config_account *account = &config->accounts[0];
    assert_string_equal(config->data, in_folder(&lab, "../store"));
    assert_string_equal(config->providers[1], "/b.yaml");
    assert_string_equal(config->http, "127.0.0.1:0");
    assert_int_equal(config->shards, 16384);
    assert_int_equal(config->threads, 64);
    assert_int_equal(config->map_size, 1 << 30);
    assert_int_equal(config->account_count, 2);
    assert_string_equal(account->regions[1], "us");
    assert_int_equal(account->splits, 4);
    assert_int_equal(account->keys.count, 2);
    assert_true(bytes_is(value_get_text(&account->keys, "port")->text, "80"));
    assert_true(bytes_is(value_get_text(&account->vars, "v")->text, "1"));
    assert_int_equal(account->credential_count, 4);
    assert_string_equal(account->credentials[1].text, in_folder(&lab, "key"));
    assert_string_equal(account->credentials[2].command[0], in_folder(&lab, "./run"));
    assert_string_equal(account->credentials[2].command[1], "1");
    lab_end(&lab);
    (void)state;
}

/* Many shards get smaller maps, so that all of them fit into the addresses of a process. */
static void maps_of_many_shards_are_smaller(void **state)
{
    struct lab lab;
    lab_begin(&lab);
    lab_open(&lab, "providers: [p.yaml]\naccounts: [{id: a, provider: p}]\nshards: 16384\n");
    report_is(&lab.report, lab.path, "");
    assert_int_equal(lab.config->map_size, UINT64_C(4) << 30);
    lab_end(&lab);
    (void)state;
}

#define WITH(keys)    "providers: [p]\naccounts: [{id: a, provider: p}]\n" keys "\n"
#define ACCOUNT(keys) "providers: [p]\naccounts:\n- id: a\n  provider: p\n  " keys "\n"

static const struct mistake mistakes[] = {
    {"[]\n", "1:1: error: expected a map of keys and values, not a list"},
    {"accounts: []\n", "1:1: error: the key 'providers' is missing\n"
                       "1:11: warning: there are no accounts: nothing will be harvested"},
    {"providers: []\n"
     "accounts: {}\n",
     "1:12: error: 'providers' names no file\n"
     "2:11: error: expected a list of accounts, not a map"},
    {WITH("shard: 3"), "3:1: error: unknown key 'shard': did you mean 'shards'?"},
    {WITH("shards: 0"), "3:9: error: 0 is out of range: 1 to 16384"},
    {WITH("shards: 16385"), "3:9: error: 16385 is out of range: 1 to 16384"},
    {WITH("shards: 010"), "3:9: error: expected a whole number, not '010'"},
    {WITH("shards: many"), "3:9: error: expected a whole number, not 'many'"},
    {WITH("threads: 0"), "3:10: error: 0 is out of range: 1 to 64"},
    {WITH("followers: 17"), "3:12: error: 17 is out of range: 0 to 16"},
    {WITH("lease: 500ms"), "3:8: error: a lease is from 1s to 1h"},
    {WITH("lease: 60"), "3:8: error: expected a duration such as 30s, 5m, 1h or 7d, not '60'"},
    {WITH("data: \"\""), "3:7: error: a path must not be empty"},
    {WITH("data: [x]"), "3:7: error: expected a text, not a list"},
    {WITH("http: 7800"), "3:7: error: expected HOST:PORT, not '7800'"},
    {WITH("http: http://127.0.0.1:7800"), "3:7: error: expected HOST:PORT, not 'http://127.0.0.1:7800'"},
    {WITH("http: ::1:7800"), "3:7: error: expected HOST:PORT, not '::1:7800'"},
    {WITH("http: localhost:70000"), "3:7: error: expected HOST:PORT, not 'localhost:70000'"},
    {WITH("listen: 127.0.0.1:7801"), "3:9: error: expected tcp://HOST:PORT, not '127.0.0.1:7801'"},
    {WITH("listen: tcp://:7801"), "3:9: error: expected tcp://HOST:PORT, not 'tcp://:7801'"},
    {WITH("retention: 7d"), "3:12: error: expected a map of keys and values, not '7d'"},
    {WITH("retention: {age: 0s, bytes: 0, days: 3}"), "3:32: error: unknown key 'days'\n"
                                                      "3:18: error: an age of 0 would keep nothing\n"
                                                      "3:29: error: 0 bytes would keep nothing"},
    {WITH("retention: {bytes: 10 GB}"),
     "3:20: error: expected a size such as 500MB, 10GB or 64GiB, not '10 GB'"},
    {WITH("map_size: 1kB"), "3:11: error: map_size must be at least 1MiB"},
    {WITH("map_size: 64TiB"),
     "3:11: error: 256 shards of this map_size are more than 64TiB: 256GiB is the most"},
    {WITH("map_size: 65GiB\n"
          "shards: 1024"),
     "3:11: error: 1024 shards of this map_size are more than 64TiB: 64GiB is the most"},
    {"providers: [p, p]\n"
     "accounts: [3]\n",
     "1:12: error: 'p' stands twice in this list\n"
     "2:12: error: expected an account: a map with 'id' and 'provider', not '3'"},
    {"providers: p\n"
     "accounts: [{id: a}, {provider: p}, {id: \"\", provider: [p]}]\n",
     "1:12: error: expected a list of texts, not 'p'\n"
     "2:12: error: the account's 'provider' is missing\n"
     "2:21: error: the account's 'id' is missing\n"
     "2:41: error: a name of 1 to 128 bytes without control characters is needed here\n"
     "2:55: error: expected a text, not a list"},
    {"providers: [p]\n"
     "accounts:\n"
     "- {id: a, provider: p}\n"
     "- {id: a, provider: q}\n"
     "- {id: a, provider: p}\n",
     "5:3: error: account 'p/a' stands twice: first in line 3"},
    {"providers: [p]\n"
     "accounts: [{id: "
     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", provider: \"a\\nb\"}]\n",
     "2:17: error: this name is longer than 128 bytes\n"
     "2:160: error: a name of 1 to 128 bytes without control characters is needed here"},
    {ACCOUNT("regions: []"),
     "5:12: error: 'regions' is empty: leave the key out for the provider's own regions"},
    {ACCOUNT("regions: eu"), "5:12: error: expected a list of texts, not 'eu'"},
    {ACCOUNT("regions: [eu, eu]"), "5:12: error: 'eu' stands twice in this list"},
    {ACCOUNT("splits: 0"), "5:11: error: 0 is out of range: 1 to 256"},
    {ACCOUNT("splits: 257"), "5:11: error: 257 is out of range: 1 to 256"},
    {ACCOUNT("tags: [a]"), "5:9: error: {account.tags} needs a text, a number, true or false"},
    {ACCOUNT("owner:"), "5:3: error: {account.owner} needs a text, a number, true or false"},
    {ACCOUNT("vars: [a]"), "5:9: error: expected a map of names and texts, not a list"},
    {ACCOUNT("vars: {a: {b: c}}"), "5:13: error: {vars.a} needs a text, a number, true or false"},
    {"{providers: [p], accounts: [{id: a, provider: p, splits: x, credentials: {a: {plain: hunter2}}}], x: "
     "y}",
     "1:99: error: unknown key 'x'\n1:58: error: expected a whole number, not 'x'"},
    {ACCOUNT("credentials: hunter2"), "5:16: error: 'credentials' must be a map of names"},
    {ACCOUNT("credentials: {token: hunter2}"),
     "5:24: error: credential 'token' is written out: refer to it with {env: NAME}, {file: "
     "PATH} or {exec: [PROGRAM, …]}, or say that it is meant with {plain: …}"},
    {ACCOUNT("credentials: {token: {env: A, file: B}}"),
     "5:24: error: credential 'token' must have exactly one of the keys env, file, exec and "
     "plain"},
    {ACCOUNT("credentials: {token: {envv: hunter2}}"),
     "5:24: error: unknown key 'envv' of credential 'token': did you mean 'env'?"},
    {ACCOUNT("credentials: {token: {env: \"\"}}"), "5:30: error: 'env' of credential 'token' needs a text"},
    {ACCOUNT("credentials: {token: {env: [hunter2]}}"),
     "5:30: error: 'env' of credential 'token' needs a text"},
    {ACCOUNT("credentials: {token: }"),
     "5:17: error: credential 'token' must have exactly one of the keys env, file, exec and "
     "plain"},
    {ACCOUNT("credentials: {token: {exec: hunter2}}"),
     "5:31: error: 'exec' needs a list: the program and its arguments"},
    {ACCOUNT("credentials: {token: {exec: []}}"),
     "5:31: error: 'exec' needs a list: the program and its arguments"},
    {ACCOUNT("credentials: {token: {exec: [\"\"]}}"), "5:31: error: the program's name is empty"},
    {ACCOUNT("credentials: {token: [hunter2]}"),
     "5:24: error: credential 'token' must have exactly one of the keys env, file, exec and "
     "plain"},
    {ACCOUNT("credentials: {aws: {profil: hunter2}}"),
     "5:23: error: unknown key 'profil': did you mean 'profile'?"},
    {ACCOUNT("credentials: {aws: {secret_access_key: hunter2}}"),
     "5:23: error: unknown key 'secret_access_key'"},
    {ACCOUNT("credentials: {aws: hunter2}"),
     "5:17: error: credential 'aws' needs a map of profile, role_arn and external_id, each optional"},
    {ACCOUNT("credentials: {aws: {profile: ''}}"),
     "5:32: error: 'profile' is empty: leave it out for AWS's default"},
    {ACCOUNT("credentials: {aws: {role_arn: audit}}"),
     "5:33: error: a role's ARN looks like arn:aws:iam::123456789012:role/NAME, not 'audit'"},
    {ACCOUNT("credentials: {aws: {external_id: x}}"),
     "5:36: error: 'external_id' goes with 'role_arn', which is missing"},
};

/* Each mistake has its message, and a secret is never part of it. */
static void mistakes_are_told(void **state)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct lab lab;
        lab_begin(&lab);
        lab_open(&lab, mistakes[i].text);
        assert_null(strstr(buffer_text(&lab.report.text), "hunter2"));
        report_is(&lab.report, lab.path, mistakes[i].messages);
        lab_end(&lab);
    }
    (void)state;
}

static int resolve(struct lab *lab, const char *reference)
{
    struct buffer text = {0};
    buffer_printf(&text, "providers: [p]\naccounts: [{id: a, provider: p, credentials: {c: %s}}]\n",
                  reference);
    config_close(lab->config);
    lab_open(lab, buffer_text(&text));
    buffer_close(&text);
    report_is(&lab->report, lab->path, "");
    lab->error = (struct error){0};
    return credential_resolve(&lab->config->accounts[0].credentials[0], &lab->secret, &lab->error);
}

static void gives(struct lab *lab, const char *reference, const char *secret)
{
    int code = resolve(lab, reference);
    if (code)
        print_error("%s\n", lab->error.text);
    assert_int_equal(code, 0);
    assert_string_equal(buffer_text(&lab->secret), secret);
}

static void fails(struct lab *lab, const char *reference, const char *sentence)
{
    assert_int_equal(resolve(lab, reference), ERR_CREDENTIALS);
    assert_non_null(strstr(lab->error.text, sentence));
    assert_non_null(strstr(lab->error.text, "credential 'c': "));
    assert_null(strstr(lab->error.text, "hunter2"));
    assert_int_equal(lab->secret.len, 0);
}

/* Variables, files and plain text give their secret; a file loses one newline, not two. */
static void credentials_are_resolved(void **state)
{
    struct lab lab;
    lab_begin(&lab);
    setenv("GARNER_TEST_SECRET", "hunter2", 1);
    setenv("GARNER_TEST_EMPTY", "", 1);
    unsetenv("GARNER_TEST_UNSET");
    lab_write(&lab, "one", "hunter2\n", 0400);
    lab_write(&lab, "two", "hunter2\n\n", 0400);
    lab_write(&lab, "none", "\n", 0400);
    gives(&lab, "{plain: hunter2}", "hunter2");
    gives(&lab, "{env: GARNER_TEST_SECRET}", "hunter2");
    gives(&lab, "{file: one}", "hunter2");
    gives(&lab, "{file: two}", "hunter2\n");
    fails(&lab, "{env: GARNER_TEST_UNSET}", "environment variable GARNER_TEST_UNSET is not set");
    fails(&lab, "{env: GARNER_TEST_EMPTY}", "environment variable GARNER_TEST_EMPTY gave an empty text");
    fails(&lab, "{file: none}", "none gave an empty text");
    fails(&lab, "{file: nowhere}", "nowhere can't be opened: No such file or directory");
    fails(&lab, "{file: /}", "/ is not a regular file");
    fails(&lab, "{file: /dev/zero}", "/dev/zero is not a regular file");
    lab_end(&lab);
    (void)state;
}

/* A command's output loses one newline; nothing, or a failure, is told without what it printed. */
static void commands_give_credentials(void **state)
{
    const struct credential credential = {
        .name = "c", .kind = CREDENTIAL_EXEC, .command = (const char *const[]){"get-it", NULL}};
    struct error failed, e;
    struct buffer secret = {0};
    assert_int_equal(credential_take(&credential, BYTES("hunter2\n\n"), NULL, &secret, &e), 0);
    assert_string_equal(buffer_text(&secret), "hunter2\n");
    assert_int_equal(credential_take(&credential, BYTES("\n"), NULL, &secret, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, "credential 'c': command get-it gave an empty text");
    assert_int_equal(secret.len, 0);
    error_set(&failed, ERR_LOGIN, "command get-it ended with exit code 3");
    assert_int_equal(credential_take(&credential, BYTES("hunter2"), &failed, &secret, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, "credential 'c': command get-it ended with exit code 3");
    assert_int_equal(secret.len, 0);
    buffer_close(&secret);
    (void)state;
}

/* Validation warns of credentials that can't be resolved now, and runs nothing. */
static void unresolvable_credentials_are_warned_of(void **state)
{
    struct lab lab;
    lab_begin(&lab);
    unsetenv("GARNER_TEST_UNSET");
    setenv("GARNER_TEST_SECRET", "hunter2", 1);
    lab_write(&lab, "run", "#!/bin/sh\ntouch ran\n", 0700);
    lab_open(
        &lab,
        "providers: [p]\naccounts:\n- id: a\n  provider: p\n  credentials:\n    a: {env: GARNER_TEST_UNSET}\n"
        "    b: {env: GARNER_TEST_SECRET}\n    c: {file: /nowhere/key}\n    d: {file: f.yaml}\n"
        "    e: {exec: [garner-no-such-program]}\n    f: {exec: [sh]}\n    g: {exec: [./run]}\n"
        "    h: {exec: [./f.yaml]}\n    i: {plain: hunter2}\n");
    config_check_credentials(lab.config, &lab.report);
    assert_int_equal(lab.report.errors, 0);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "6:5: warning: credential 'a': environment variable GARNER_TEST_UNSET is not set\n"
             "8:5: warning: credential 'c': file /nowhere/key can't be opened: No such file or directory\n"
             "10:5: warning: credential 'e': program garner-no-such-program is not there or can't be run\n"
             "13:5: warning: credential 'h': program %s/./f.yaml is not there or can't be run",
             lab.folder);
    report_is(&lab.report, lab.path, expected);
    assert_int_not_equal(access(in_folder(&lab, "ran"), F_OK), 0);
    lab_end(&lab);
    (void)state;
}

static void open_for(struct lab *lab, enum config_use use, const char *text)
{
    lab_write(lab, "f.yaml", text, 0600);
    config_close(lab->config);
    lab->config = config_open(lab->path, use, &lab->report);
}

/* A worker is told its accounts, so those of its file aren't looked at; a coordinator asks no provider. */
static void each_program_needs_its_own_keys(void **state)
{
    struct lab lab;
    (void)state;
    lab_begin(&lab);
    open_for(&lab, CONFIG_WORKER, "providers: [p.yaml]\n");
    report_is(&lab.report, lab.path, "");
    assert_int_equal(lab.config->account_count, 0);
    open_for(&lab, CONFIG_WORKER, "providers: [p.yaml]\naccounts: [{id: a, credentials: {t: oops}}]\n");
    report_is(&lab.report, lab.path, "");
    assert_int_equal(lab.config->account_count, 0);
    open_for(&lab, CONFIG_WORKER, "cluster: c\n");
    report_is(&lab.report, lab.path, "1:1: error: the key 'providers' is missing");
    open_for(&lab, CONFIG_COORDINATOR, "cluster: c\n");
    report_is(&lab.report, lab.path, "");
    assert_true(lab.config->provider_count == 0 && lab.config->providers[0] == NULL);
    open_for(&lab, CONFIG_COORDINATOR, "accounts: []\n");
    report_is(&lab.report, lab.path, "");
    open_for(&lab, CONFIG_COORDINATOR, "accounts: [{id: a, provider: p}]\n");
    report_is(&lab.report, lab.path, "");
    assert_int_equal(lab.config->account_count, 1);
    open_for(&lab, CONFIG_COORDINATOR, "accounts: [{id: a}]\n");
    report_is(&lab.report, lab.path, "1:12: error: the account's 'provider' is missing");
    lab_end(&lab);
}

static void a_cluster_has_a_name(void **state)
{
    struct lab lab;
    (void)state;
    lab_begin(&lab);
    open_for(&lab, CONFIG_COORDINATOR, "accounts: []\n");
    assert_string_equal(lab.config->cluster, "garner");
    open_for(&lab, CONFIG_COORDINATOR, "cluster: prod eu\n");
    report_is(&lab.report, lab.path, "");
    assert_string_equal(lab.config->cluster, "prod eu");
    open_for(&lab, CONFIG_COORDINATOR, "cluster: \"a\\nb\"\n");
    report_is(&lab.report, lab.path,
              "1:10: error: a cluster's name has 1 to 63 bytes, without control characters");
    open_for(&lab, CONFIG_COORDINATOR,
             "cluster: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg\n");
    report_is(&lab.report, lab.path,
              "1:10: error: a cluster's name has 1 to 63 bytes, without control characters");
    assert_string_equal(lab.config->cluster, "garner");
    lab_end(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(maps_of_many_shards_are_smaller),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(credentials_are_resolved),
        cmocka_unit_test(commands_give_credentials),
        cmocka_unit_test(unresolvable_credentials_are_warned_of),
        cmocka_unit_test(each_program_needs_its_own_keys),
        cmocka_unit_test(a_cluster_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
