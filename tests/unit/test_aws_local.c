/* Keys of containers and instances: who is asked for them, with what, and what is said when they aren't
 * given. */
#include <stdio.h>

#include "test_aws_lab.h"

#define NO_INSTANCE                                                                                          \
    "PUT http://169.254.169.254/latest/api/token direct\n"                                                   \
    "  X-aws-ec2-metadata-token-ttl-seconds: 21600\n"

#define KEYS_JSON(expires)                                                                                   \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAJSON\",\"SecretAccessKey\":\"jsonsecret\","                 \
    "\"Token\":\"jsontoken\",\"Expiration\":\"" expires "\"}"

/* --- Containers --- */

#define CONTAINER_PLACE                                                                                      \
    "the container's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI) of http://169.254.170.23: "

/* A container is asked at its address, past proxies, with the token that the environment or a file holds. */
static void a_container_gives_keys(void **state)
{
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x?a=1");
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://never");
    world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic abc");
    world_answer(&w, 200, KEYS_JSON("2026-11-22T16:00:00Z"));
    world_says(&w, "GET http://169.254.170.2/v2/credentials/x?a=1 direct\n  Authorization: Basic abc\n"
                   "keys ASIAJSON jsonsecret jsontoken until 2026-11-22T16:00:00.000Z\n");
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials");
    world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN=never");
    world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/var/run/token");
    world_file(&w, "/var/run/token", "tok1");
    world_answer(&w, 500, "");
    world_answer(&w, 200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\"}");
    assert_string_equal(world_run(&w),
                        "read /var/run/token\n"
                        "GET http://169.254.170.23/v1/credentials direct\n  Authorization: tok1\n"
                        "wait\n"
                        "GET http://169.254.170.23/v1/credentials direct\n  Authorization: tok1\n"
                        "keys A b\n");
    /* renewed with the token that the file holds by then */
    world_file(&w, "/var/run/token", "tok2");
    world_answer(&w, 200, "{\"AccessKeyId\":\"A2\",\"SecretAccessKey\":\"b2\"}");
    world_says(&w, "read /var/run/token\n"
                   "GET http://169.254.170.23/v1/credentials direct\n  Authorization: tok2\nkeys A2 b2\n");
    (void)state;
}

/* A container's token goes to this machine, AWS's link-local addresses, and where https leads, nowhere else.
 */
static void a_containers_token_stays_near(void **state)
{
    static const char *const good[] = {"http://127.0.0.1:80/x",  "http://127.255.0.3/",
                                       "http://localhost/x",     "http://[::1]/x",
                                       "http://169.254.170.2/x", "https://any.test/x",
                                       "http://169.254.170.23/", "http://[fd00:ec2::23]/v1"};
    static const char *const bad[] = {
        "http://any.test/x",      "http://127.0.0.1.evil.test/", "http://127.0.0.256/", "http://127.1/",
        "http://169.254.170.22/", "http://127.0.0.1@e/",         "ftp://127.0.0.1/",    "/x",
        "http://localhost.e/",    "http://[fd00:ec2::1]/",       "http://127.0.0.1.5/", "http://127.0.0./"};
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        bool is_good = i < sizeof good / sizeof *good;
        const char *url = is_good ? good[i] : bad[i - sizeof good / sizeof *good];
        char variable[128];
        struct world w;
        world_open(&w);
        snprintf(variable, sizeof variable, "AWS_CONTAINER_CREDENTIALS_FULL_URI=%s", url);
        world_env(&w, variable);
        world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN=t0ken");
        world_answer(&w, 200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\"}");
        const char *diary = world_run(&w);
        assert_int_equal(strncmp(diary, "GET ", 4) == 0, is_good);
        if (!is_good)
            assert_non_null(strstr(diary, "AWS_CONTAINER_CREDENTIALS_FULL_URI"));
        world_close(&w);
    }
    (void)state;
}

/* What a container answers instead is told, without its token, after at most two tries. */
static void a_containers_mistakes_are_told(void **state)
{
    static const struct {
        int status, tries;
        const char *body, *expected;
    } cases[] = {
        {403, 1, "{\"code\":\"AccessDenied\",\"message\":\"t0ken is wrong\"}",
         "credentials: " CONTAINER_PLACE "HTTP 403 AccessDenied: ***** is wrong\n"},
        {302, 1, "", "credentials: " CONTAINER_PLACE "HTTP 302\n"},
        {404, 1, "{\"code\":[1],\"message\":{}}", "credentials: " CONTAINER_PLACE "HTTP 404\n"},
        {404, 1, "[1]", "credentials: " CONTAINER_PLACE "HTTP 404\n"},
        {429, 2, "<", "throttled: " CONTAINER_PLACE "HTTP 429 (tried 2 times)\n"},
        {503, 2, "", "server error: " CONTAINER_PLACE "HTTP 503 (tried 2 times)\n"},
        {200, 2, "[]", "body: " CONTAINER_PLACE "it is a JSON array, not an object (tried 2 times)\n"},
        {200, 2, "{\"SecretAccessKey\":\"b\"}",
         "body: " CONTAINER_PLACE "it has no AccessKeyId (tried 2 times)\n"},
        {0, 2, "", "transfer: " CONTAINER_PLACE "cut off (tried 2 times)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1");
        world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN=t0ken");
        for (int j = 0; j < cases[i].tries; j++)
            world_answer(&w, cases[i].status, cases[i].body)->code = ERR_TRANSFER;
        const char *last = world_run(&w);
        for (const char *line; (line = strchr(last, '\n')) && line[1];)
            last = line + 1;
        assert_string_equal(last, cases[i].expected);
        assert_int_equal(w.answered, cases[i].tries);
        world_close(&w);
    }
    (void)state;
}

/* A container's token that can't be read or sent is told by the name of what holds it. */
static void a_containers_token_may_be_unfit(void **state)
{
    static const struct {
        const char *file, *expected;
    } cases[] = {
        {NULL, "the container's token: file /t can't be opened: No such file or directory"},
        {"", "the container's token: /t is empty"},
        {"t0ken\n", "the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE has a line break or another control "
                    "character in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        world_env(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1");
        world_env(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/t");
        if (cases[i].file)
            world_file(&w, "/t", cases[i].file);
        world_run(&w);
        assert_string_equal(aws_chain_result(w.chain)->error.text, cases[i].expected);
        world_close(&w);
    }
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@evil.test/");
    world_says(&w, "credentials: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with \"/\"\n");
    (void)state;
}

/* --- Instances --- */

#define ROLES      "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
#define ASKED_ROLE "GET " ROLES " direct\n  X-aws-ec2-metadata-token: imdstoken\n"
#define ASKED_KEYS "GET " ROLES "my-role direct\n  X-aws-ec2-metadata-token: imdstoken\n"

/* An instance is asked for a token, its role's name, the role's keys. */
static void an_instance_gives_keys(void **state)
{
    struct world w;
    world_open(&w);
    world_answer(&w, 200, "imdstoken");
    world_answer(&w, 200, "my-role\n");
    world_answer(&w, 200, KEYS_JSON("2026-11-22T16:00:00Z"));
    assert_string_equal(world_run(&w), NO_INSTANCE ASKED_ROLE ASKED_KEYS
                        "keys ASIAJSON jsonsecret jsontoken until 2026-11-22T16:00:00.000Z\n");
    /* keys that AWS can't renew just now go on, and are asked for again in a quarter of an hour */
    world_answer(&w, 200, "imdstoken");
    world_answer(&w, 200, "my-role");
    world_answer(&w, 503, "");
    world_answer(&w, 200, KEYS_JSON("2026-11-22T09:00:00Z"));
    w.wall_ms = WORLD_WALL_MS - 40 - 300; /* what the steps and the wait below take, at least and at most */
    const char *diary = world_run(&w);
    assert_non_null(
        strstr(diary, "wait\n" ASKED_KEYS "keys ASIAJSON jsonsecret jsontoken until 2026-11-22T10:1"));
    world_close(&w);
    (void)state;
}

/* Its address can be another one, or IPv6's; it can be switched off. */
static void an_instance_can_be_elsewhere(void **state)
{
    static const struct {
        const char *variables[2], *config, *expected;
    } cases[] = {
        {{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338/"},
         "",
         "PUT http://127.0.0.1:1338/latest/api/token direct\n"},
        {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6"},
         "",
         "PUT http://[fd00:ec2::254]/latest/api/token direct\n"},
        {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv4"},
         "",
         "PUT http://169.254.169.254/latest/api/token direct\n"},
        {{NULL},
         "[default]\nec2_metadata_service_endpoint_mode = ipv6\n",
         "PUT http://[fd00:ec2::254]/latest/api/token direct\n"},
        {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5"},
         "",
         "credentials: AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is 'IPv5', and must be IPv4 or IPv6\n"},
        {{"AWS_EC2_METADATA_SERVICE_ENDPOINT=host:1"},
         "",
         "credentials: AWS_EC2_METADATA_SERVICE_ENDPOINT: the URL's scheme is neither https nor http\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        for (size_t j = 0; j < 2 && cases[i].variables[j]; j++)
            world_env(&w, cases[i].variables[j]);
        world_config(&w, cases[i].config);
        world_breaks(&w, ERR_CONNECT);
        assert_int_equal(strncmp(world_run(&w), cases[i].expected, strlen(cases[i].expected)), 0);
        world_close(&w);
    }
    (void)state;
}

#define NOTHING(why)                                                                                         \
    "credentials: no AWS credentials: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE and "                   \
    "AWS_CONTAINER_CREDENTIALS_FULL_URI (or _RELATIVE_URI) aren't set, profile 'default' is in neither "     \
    "/home/u/.aws/config (not there) nor /home/u/.aws/credentials (not there), " why                         \
    ": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile (credentials: {aws: {profile: "    \
    "NAME}})\n"

/* Where there is nothing, one sentence says what was looked at and what to do. */
static void nothing_anywhere_is_one_sentence(void **state)
{
    struct world w;
    world_open(&w);
    world_breaks(&w, ERR_CONNECT);
    world_says(&w,
               NO_INSTANCE NOTHING("instance metadata: http://169.254.169.254: timed out while connecting"));
    world_open(&w);
    world_env(&w, "AWS_EC2_METADATA_DISABLED=True");
    world_says(&w, NOTHING("instance metadata is switched off (AWS_EC2_METADATA_DISABLED)"));
    world_open(&w);
    world_env(&w, "AWS_EC2_METADATA_DISABLED=true");
    w.set.profile = "p";
    world_config(&w, "[profile p]\nregion = eu-west-1\n");
    world_says(&w,
               "credentials: no AWS credentials: profile 'p' holds none, instance metadata is switched off "
               "(AWS_EC2_METADATA_DISABLED): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
               "profile (credentials: {aws: {profile: NAME}})\n");
    (void)state;
}

/* What an instance answers instead is told, after at most two tries of each request. */
static void an_instances_mistakes_are_told(void **state)
{
#define AT "http://169.254.169.254: "
    static const struct {
        struct world_answer answers[4];
        const char *expected;
    } cases[] = {
        {{{.status = 403, .body = ""}}, AT "a token: HTTP 403"},
        {{{.status = 500, .body = ""}, {.status = 500, .body = ""}}, AT "a token: HTTP 500 (tried 2 times)"},
        {{{.code = ERR_TRANSFER, .body = ""}, {.code = ERR_TRANSFER, .body = ""}},
         AT "cut off (tried 2 times)"},
        {{{.status = 200, .body = ""}, {.status = 200, .body = "a\r\nb"}},
         AT "what came can't be a token (tried 2 times)"},
        {{{.status = 200, .body = "tok0"}, {.status = 404, .body = ""}},
         AT "the instance has no role: give it one"},
        {{{.status = 200, .body = "tok0"},
          {.status = 200, .body = "<html>"},
          {.status = 200, .body = "../x"}},
         AT "what came isn't the name of a role (tried 2 times)"},
        {{{.status = 200, .body = "tok0"}, {.status = 200, .body = "r"}, {.status = 401, .body = ""}},
         AT "the role's keys: HTTP 401"},
        {{{.status = 200, .body = "tok0"},
          {.status = 200, .body = "r"},
          {.status = 200, .body = "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 can't\"}"}},
         AT "the instance's role r has no keys: AssumeRoleUnauthorizedAccess: EC2 can't"},
        {{{.status = 200, .body = "tok0"},
          {.status = 200, .body = "r"},
          {.status = 200, .body = "{\"AccessKeyId\":\"s3cr3t\"}"},
          {.status = 200, .body = "{\"AccessKeyId\":\"s3cr3t\"}"}},
         AT "the keys of role r: it has no SecretAccessKey (tried 2 times)"},
    };
#undef AT
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        char expected[512];
        world_open(&w);
        world_config(
            &w, "[default]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Ec2InstanceMetadata\n");
        for (size_t j = 0; j < 4 && cases[i].answers[j].body; j++)
            world_answer(&w, cases[i].answers[j].status, cases[i].answers[j].body)->code =
                cases[i].answers[j].code;
        world_run(&w);
        snprintf(expected, sizeof expected,
                 "profile 'default' has credential_source = Ec2InstanceMetadata, and instance metadata: %s",
                 cases[i].expected);
        assert_string_equal(aws_chain_result(w.chain)->error.text, expected);
        assert_int_equal(w.answered, w.answer_count);
        world_close(&w);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_gives_keys),           cmocka_unit_test(a_containers_token_stays_near),
        cmocka_unit_test(a_containers_mistakes_are_told),   cmocka_unit_test(a_containers_token_may_be_unfit),
        cmocka_unit_test(an_instance_gives_keys),           cmocka_unit_test(an_instance_can_be_elsewhere),
        cmocka_unit_test(nothing_anywhere_is_one_sentence), cmocka_unit_test(an_instances_mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
