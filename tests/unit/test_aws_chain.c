/* The AWS credential chain: where keys come from, in which order, and what is said when there are none. */
#include "test_aws_lab.h"

#define STATIC_KEYS "aws_access_key_id = AKIAFILE\naws_secret_access_key = filesecret\n"

static void with_environment_keys(struct world *w)
{
    world_env(w, "AWS_ACCESS_KEY_ID=AKIAENV");
    world_env(w, "AWS_SECRET_ACCESS_KEY=envsecret");
}

/* --- The environment --- */

/* Keys of the environment go before a profile's, with the token and the expiry that come with them. */
static void the_environment_goes_first(void **state)
{
    struct world w;
    world_open(&w);
    with_environment_keys(&w);
    world_env(&w, "AWS_PROFILE=default");
    world_credentials(&w, "[default]\n" STATIC_KEYS);
    world_says(&w, "keys AKIAENV envsecret\n");
    world_open(&w);
    with_environment_keys(&w);
    world_env(&w, "AWS_SESSION_TOKEN=envtoken");
    world_env(&w, "AWS_SECURITY_TOKEN=older");
    world_env(&w, "AWS_CREDENTIAL_EXPIRATION=2026-11-22T11:00:00Z");
    world_says(&w, "keys AKIAENV envsecret envtoken until 2026-11-22T11:00:00.000Z\n");
    world_open(&w);
    with_environment_keys(&w);
    world_env(&w, "AWS_SESSION_TOKEN=");
    world_env(&w, "AWS_SECURITY_TOKEN=older");
    world_says(&w, "keys AKIAENV envsecret older\n");
    (void)state;
}

/* A profile that the account names is meant, whatever the environment holds. */
static void an_accounts_profile_goes_before_the_environment(void **state)
{
    struct world w;
    world_open(&w);
    with_environment_keys(&w);
    world_env(&w, "AWS_PROFILE=other");
    world_env(&w, "AWS_WEB_IDENTITY_TOKEN_FILE=/token");
    world_env(&w, "AWS_ROLE_ARN=arn:aws:iam::1:role/web");
    w.set.profile = "prod";
    world_credentials(&w, "[prod]\n" STATIC_KEYS);
    world_says(&w, "keys AKIAFILE filesecret\n");
    (void)state;
}

/* Half of a pair, keys that can't be ones, and keys that have expired are told. */
static void unfit_keys_of_the_environment_are_told(void **state)
{
    static const struct {
        const char *variables[3], *expected;
    } cases[] = {
        {{"AWS_ACCESS_KEY_ID=AKIA"},
         "credentials: the environment has AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY: set both of them, "
         "or neither\n"},
        {{"AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_ACCESS_KEY_ID="},
         "credentials: the environment has AWS_SECRET_ACCESS_KEY and no AWS_ACCESS_KEY_ID: set both of them, "
         "or neither\n"},
        {{"AWS_SECRET_ACCESS_KEY=s3cr3t\n", "AWS_ACCESS_KEY_ID=AKIA"},
         "credentials: the secret key of the environment's AWS_ACCESS_KEY_ID has a space, a line break or "
         "another character in it that none has\n"},
        {{"AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_ACCESS_KEY_ID=AKIA",
          "AWS_CREDENTIAL_EXPIRATION=2026-11-22T09:00:00Z"},
         "credentials: the keys of the environment's AWS_ACCESS_KEY_ID expired at 2026-11-22T09:00:00.000Z: "
         "renew them\n"},
        {{"AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_ACCESS_KEY_ID=AKIA", "AWS_CREDENTIAL_EXPIRATION=tomorrow"},
         "credentials: AWS_CREDENTIAL_EXPIRATION is no time of RFC 3339 (2026-11-22T10:00:00Z)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        for (size_t j = 0; j < 3 && cases[i].variables[j]; j++)
            world_env(&w, cases[i].variables[j]);
        world_says(&w, cases[i].expected);
    }
    (void)state;
}

/* --- Profiles' own keys --- */

/* Which profile counts, and from which file. */
static void the_profile_is_found(void **state)
{
    static const struct {
        const char *variables[3], *config, *credentials, *expected;
    } cases[] = {
        {{NULL}, "", "[default]\n" STATIC_KEYS, "keys AKIAFILE filesecret\n"},
        {{NULL}, "[default]\n" STATIC_KEYS, "", "keys AKIAFILE filesecret\n"},
        {{NULL},
         "[profile default]\n" STATIC_KEYS "[default]\naws_access_key_id = x\n",
         "",
         "keys AKIAFILE filesecret\n"},
        {{"AWS_PROFILE=p"}, "[profile p]\n" STATIC_KEYS, "[default]\nx=1\n", "keys AKIAFILE filesecret\n"},
        {{"AWS_DEFAULT_PROFILE=p"}, "[profile p]\n" STATIC_KEYS, "", "keys AKIAFILE filesecret\n"},
        {{"AWS_PROFILE=p", "AWS_DEFAULT_PROFILE=q"},
         "[profile p]\n" STATIC_KEYS,
         "",
         "keys AKIAFILE filesecret\n"},
        {{"AWS_PROFILE=my own"}, "[profile 'my own']\n" STATIC_KEYS, "", "keys AKIAFILE filesecret\n"},
        /* the credentials file's keys go first, and no token of the other file is mixed in */
        {{NULL},
         "[default]\naws_access_key_id = A\naws_secret_access_key = b\naws_session_token = c\n",
         "[default]\n" STATIC_KEYS,
         "keys AKIAFILE filesecret\n"},
        {{NULL},
         "[default]\ncredential_process = never\n",
         "[default]\n" STATIC_KEYS "aws_session_token = t\n",
         "keys AKIAFILE filesecret t\n"},
        {{NULL},
         "[default]\n" STATIC_KEYS "aws_security_token = old\n",
         "",
         "keys AKIAFILE filesecret old\n"},
        /* a missing half */
        {{NULL},
         "",
         "[default]\naws_access_key_id = A\n",
         "credentials: profile 'default' in /home/u/.aws/credentials has aws_access_key_id and no "
         "aws_secret_access_key\n"},
        {{NULL},
         "[default]\naws_secret_access_key = x\naws_access_key_id =\n",
         "",
         "credentials: profile 'default' in /home/u/.aws/config has aws_secret_access_key and no "
         "aws_access_key_id\n"},
        /* files that can't be read as what they are */
        {{NULL},
         "[default]\nwhat\n",
         "",
         "credentials: /home/u/.aws/config:2: neither \"[section]\" nor \"key = value\"\n"},
        {{NULL},
         "",
         "aws_access_key_id = x\n",
         "credentials: /home/u/.aws/credentials:1: comes before any \"[section]\"\n"},
        /* a profile that isn't there */
        {{"AWS_PROFILE=prdo"},
         "[profile prod]\n[profile dev]\n[services prdi]\n",
         "",
         "credentials: profile 'prdo' of AWS_PROFILE is in neither /home/u/.aws/config nor "
         "/home/u/.aws/credentials: did you mean 'prod'?\n"},
        {{"AWS_DEFAULT_PROFILE=x"},
         "[profile prod]\n",
         "",
         "credentials: profile 'x' of AWS_DEFAULT_PROFILE is in neither /home/u/.aws/config nor "
         "/home/u/.aws/credentials\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        for (size_t j = 0; j < 3 && cases[i].variables[j]; j++)
            world_env(&w, cases[i].variables[j]);
        world_config(&w, cases[i].config);
        world_credentials(&w, cases[i].credentials);
        world_says(&w, cases[i].expected);
    }
    (void)state;
}

/* Files stand where the environment says; one that can't be read isn't there, and that is said. */
static void files_stand_elsewhere(void **state)
{
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_CONFIG_FILE=~/c");
    world_env(&w, "AWS_SHARED_CREDENTIALS_FILE=/etc/keys");
    world_file(&w, "/home/u/c", "[default]\nregion = x\n");
    world_file(&w, "/etc/keys", "[default]\n" STATIC_KEYS);
    world_says(&w, "read /home/u/c\nread /etc/keys\nkeys AKIAFILE filesecret\n");

    world_open(&w);
    w.set.profile = "prod";
    w.files[w.file_count++] = (struct world_file){.path = "/home/u/.aws/config", .code = ERR_IO};
    world_says(&w,
               "credentials: profile 'prod' is in neither /home/u/.aws/config (can't be opened: Permission "
               "denied) nor /home/u/.aws/credentials (not there)\n");

    world_open(&w);
    w.files[w.file_count++] = (struct world_file){.path = "/home/u/.aws/config", .code = ERR_LIMIT};
    with_environment_keys(&w);
    world_says(&w, "credentials: file /home/u/.aws/config can't be opened: Permission denied\n");

    world_open(&w);
    w.environment[0] = "HOMER=x";
    w.set.profile = "prod";
    world_says(&w, "credentials: profile 'prod' is in neither ~/.aws/config (HOME isn't set) nor "
                   "~/.aws/credentials (HOME isn't set)\n");
    (void)state;
}

/* What Garner can't do itself says what to write instead, and that is then taken. */
static void logins_in_a_browser_are_told_how(void **state)
{
    struct world w;
    world_open(&w);
    w.set.profile = "p";
    world_config(&w,
                 "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\n");
    world_says(&w,
               "credentials: profile 'p' has sso_account_id, a login in a browser, which Garner doesn't do "
               "itself: add credential_process = aws configure export-credentials --profile p --format "
               "process\n");
    world_open(&w);
    w.set.profile = "p";
    world_config(&w, "[profile p]\nsso_account_id = 1\ncredential_process = aws configure export-credentials "
                     "--profile p --format process\n");
    world_answer(&w, 200, "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\"}");
    world_says(&w,
               "run <aws> <configure> <export-credentials> <--profile> <p> <--format> <process>\nkeys A b\n");
    (void)state;
}

/* --- Commands --- */

/* credential_process runs without a shell, and its keys are good until they say. */
static void a_command_prints_keys(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, "[default]\n" STATIC_KEYS "credential_process = /opt/my\\ tool 'a b' \"$HOME\"\n");
    world_answer(&w, 200,
                 "{\"Version\": 1, \"AccessKeyId\": \"ASIA\", \"SecretAccessKey\": \"cmdsecret\",\n"
                 "\"SessionToken\": \"cmdtoken\", \"Expiration\": \"2026-11-22T12:00:00+01:00\"}\n");
    world_says(&w, "run </opt/my tool> <a b> <$HOME>\n"
                   "keys ASIA cmdsecret cmdtoken until 2026-11-22T11:00:00.000Z\n");
    (void)state;
}

/* What a command prints instead is told without showing it. */
static void a_commands_mistakes_are_told(void **state)
{
#define WRONG "credentials: the output of credential_process of profile 'default' isn't what it should be: "
    static const struct {
        const char *output, *expected;
    } cases[] = {
        {"", WRONG "it is empty\n"},
        {"s3cr3t", NULL},
        {"[1]", WRONG "it is a JSON array, not an object\n"},
        {"{}", WRONG "it has no Version\n"},
        {"{\"Version\":\"1\"}", WRONG "its Version isn't the number 1\n"},
        {"{\"Version\":2}", WRONG "its Version isn't the number 1\n"},
        {"{\"Version\":1}", WRONG "it has no AccessKeyId\n"},
        {"{\"Version\":1,\"AccessKeyId\":1}", WRONG "its AccessKeyId is of type number, not a text\n"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}",
         WRONG "it has no SecretAccessKey\n"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s3cr3t\",\"SessionToken\":{}}",
         WRONG "its SessionToken is of type object, not a text\n"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s3cr3t\",\"Expiration\":\"soon\"}",
         WRONG "its Expiration is no time of RFC 3339\n"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s3cr3t\","
         "\"Expiration\":\"2026-11-22T09:59:59Z\"}",
         "credentials: the keys of credential_process of profile 'default' expired at "
         "2026-11-22T09:59:59.000Z: "
         "renew them\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        world_config(&w, "[default]\ncredential_process = x\n");
        world_answer(&w, 200, cases[i].output);
        const char *diary = world_run(&w);
        assert_true(strncmp(diary, "run <x>\n", 8) == 0);
        if (cases[i].expected)
            assert_string_equal(diary + 8, cases[i].expected);
        assert_null(strstr(diary, "s3cr3t"));
        world_close(&w);
    }
#undef WRONG
    (void)state;
}

/* A command that fails, or isn't one, is told with its profile. */
static void commands_that_fail_are_told(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, "[default]\ncredential_process = x\n");
    world_answer(&w, 0, "no login");
    world_says(&w,
               "run <x>\ncredentials: credential_process of profile 'default': ended with exit code 1: no "
               "login\n");
    world_open(&w);
    world_config(&w, "[default]\ncredential_process = x 'y\n");
    world_says(&w, "credentials: credential_process of profile 'default': a quote (') isn't closed\n");
    world_open(&w);
    world_config(&w, "[default]\ncredential_process = #\n");
    world_answer(&w, 0, "no such command");
    world_says(&w,
               "run <#>\ncredentials: credential_process of profile 'default': ended with exit code 1: no "
               "such command\n");
    (void)state;
}

/* --- The order of them all --- */

/* Each source goes before those after it, as in AWS's own tools. */
static void sources_have_an_order(void **state)
{
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/c");
    world_env(&w, "AWS_WEB_IDENTITY_TOKEN_FILE=/w");
    world_env(&w, "AWS_ROLE_ARN=arn:aws:iam::1:role/web");
    world_file(&w, "/w", "");
    world_config(&w, "[default]\n" STATIC_KEYS);
    world_says(&w, "read /w\ncredentials: web identity: /w is empty\n");
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/c");
    world_config(&w, "[default]\n" STATIC_KEYS);
    world_says(&w, "keys AKIAFILE filesecret\n");
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/c");
    world_config(&w, "[default]\nregion = x\n");
    world_answer(&w, 403, "");
    world_says(&w, "GET http://127.0.0.1/c direct\ncredentials: the container's credentials "
                   "(AWS_CONTAINER_CREDENTIALS_FULL_URI) of http://127.0.0.1: HTTP 403\n");
    (void)state;
}

/* Started again, the chain reads everything anew and forgets what it had. */
static void a_new_start_reads_anew(void **state)
{
    struct world w;
    world_open(&w);
    world_credentials(&w, "[default]\n" STATIC_KEYS);
    assert_string_equal(world_run(&w), "keys AKIAFILE filesecret\n");
    world_credentials(&w, "[default]\naws_access_key_id=NEW\naws_secret_access_key=other\n");
    assert_string_equal(world_run(&w), "keys NEW other\n");
    world_credentials(&w, "[default\n");
    assert_string_equal(world_run(&w),
                        "credentials: /home/u/.aws/credentials:1: a section's name ends with \"]\"\n");
    world_credentials(&w, "[default]\n" STATIC_KEYS);
    world_says(&w, "keys AKIAFILE filesecret\n");
    aws_chain_close(NULL);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_goes_first),
        cmocka_unit_test(an_accounts_profile_goes_before_the_environment),
        cmocka_unit_test(unfit_keys_of_the_environment_are_told),
        cmocka_unit_test(the_profile_is_found),
        cmocka_unit_test(files_stand_elsewhere),
        cmocka_unit_test(logins_in_a_browser_are_told_how),
        cmocka_unit_test(a_command_prints_keys),
        cmocka_unit_test(a_commands_mistakes_are_told),
        cmocka_unit_test(commands_that_fail_are_told),
        cmocka_unit_test(sources_have_an_order),
        cmocka_unit_test(a_new_start_reads_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
