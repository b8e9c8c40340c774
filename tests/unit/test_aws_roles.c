/* Roles: assumed by keys or by a web identity, one from the other, where AWS wants to be asked; and what is
 * said when one can't be. */
#include <stdio.h>

#include "test_aws_lab.h"

#define BASE_KEYS "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = basesecret\n"
#define ARN       "arn:aws:iam::123456789012:role/"

#define CREDENTIALS(name)                                                                                    \
    "<Credentials><AccessKeyId>ASIA" name "</AccessKeyId><SecretAccessKey>" name                             \
    "secret</SecretAccessKey><SessionToken>" name "token</SessionToken>"                                     \
    "<Expiration>2026-11-22T11:00:00Z</Expiration></Credentials>"
#define ASSUMED(name)                                                                                        \
    "<AssumeRoleResponse "                                                                                   \
    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>" CREDENTIALS(                    \
        name) "</AssumeRoleResult></AssumeRoleResponse>"
#define ASSUMED_WEB(name)                                                                                    \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>" CREDENTIALS(                      \
        name) "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define REFUSED(code, message)                                                                               \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message                        \
    "</Message></Error><RequestId>1</RequestId></ErrorResponse>"

#define FORM(role)                                                                                           \
    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F" role
#define GLOBAL     "POST https://sts.amazonaws.com/ "
#define SIGNED(id) "  signed " id "/20261122/us-east-1/sts/aws4_request\n"

/* A profile's role is assumed by its source profile's keys. */
static void a_role_is_assumed(void **state)
{
    struct world w;
    world_open(&w);
    w.set.profile = "prod";
    world_config(&w, "[profile prod]\nrole_arn = " ARN "r\nsource_profile = base\nexternal_id = a/b c\n"
                     "role_session_name = me\nduration_seconds = 900\n");
    world_credentials(&w, BASE_KEYS);
    world_answer(&w, 200, ASSUMED("one"));
    world_says(&w, GLOBAL FORM("r") "&RoleSessionName=me&ExternalId=a%2Fb%20c&DurationSeconds=900\n" SIGNED(
                       "AKIABASE") "keys ASIAone onesecret onetoken until 2026-11-22T11:00:00.000Z\n");
    (void)state;
}

/* The account's own role is assumed from whatever was found, last of all. */
static void an_accounts_role_comes_last(void **state)
{
    struct world w;
    world_open(&w);
    w.set.profile = "a";
    w.set.role_arn = ARN "customer";
    w.set.external_id = "ext";
    world_config(&w, "[profile a]\nrole_arn = " ARN "a\nsource_profile = b\n"
                     "[profile b]\nrole_arn = " ARN "b\nsource_profile = base\n");
    world_credentials(&w, BASE_KEYS);
    world_answer(&w, 200, ASSUMED("one"));
    world_answer(&w, 200, ASSUMED("two"));
    world_answer(&w, 200, ASSUMED("three"));
    world_says(&w, GLOBAL FORM("b") "&RoleSessionName=garner\n" SIGNED("AKIABASE") GLOBAL FORM(
                       "a") "&RoleSessionName=garner\n  X-Amz-Security-Token: onetoken\n" SIGNED("ASIAone")
                       GLOBAL FORM("customer") "&RoleSessionName=garner&ExternalId=ext\n"
                                               "  X-Amz-Security-Token: twotoken\n" SIGNED(
                                                   "ASIAtwo") "keys ASIAthree threesecret threetoken until "
                                                              "2026-11-22T11:00:00.000Z\n");
    (void)state;
}

/* How profiles lead to keys, and where they don't. */
static void profiles_lead_to_keys(void **state)
{
#define ROLE "role_arn = " ARN "r\n"
    static const struct {
        const char *config, *expected; /* expected: who signs, or the error's sentence */
    } cases[] = {
        {"[default]\n" ROLE "source_profile = default\naws_access_key_id = OWN\naws_secret_access_key = x\n",
         "signed OWN/"},
        {"[default]\n" ROLE "source_profile = b\n[profile b]\nrole_arn = never\nsource_profile = gone\n"
         "aws_access_key_id = B\naws_secret_access_key = x\n",
         "signed B/"},
        {"[default]\n" ROLE "credential_source = Environment\n",
         "profile 'default' has credential_source = Environment, and AWS_ACCESS_KEY_ID isn't set"},
        {"[default]\n" ROLE "credential_source = EcsContainer\n",
         "profile 'default' has credential_source = EcsContainer, and neither "
         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"},
        {"[default]\n" ROLE "credential_source = EcsContaner\n",
         "profile 'default': credential_source 'EcsContaner' isn't known: did you mean 'EcsContainer'?"},
        {"[default]\n" ROLE "credential_source = x\n",
         "profile 'default': credential_source 'x' isn't known: it is Environment, Ec2InstanceMetadata or "
         "EcsContainer"},
        {"[default]\n" ROLE "credential_source = Environment\nsource_profile = b\n",
         "profile 'default' has both source_profile and credential_source: keep one"},
        {"[default]\n" ROLE, "profile 'default' has role_arn, and neither source_profile nor "
                             "credential_source says by whose keys it "
                             "is assumed"},
        {"[default]\n" ROLE "source_profile = bas\n",
         "source_profile of profile 'default': profile 'bas' is in neither /home/u/.aws/config nor "
         "/home/u/.aws/credentials: did you mean 'base'?"},
        {"[default]\n" ROLE "source_profile = b\n[profile b]\nregion = x\n",
         "profile 'b', source_profile of 'default', has no keys"},
        {"[default]\n" ROLE "source_profile = default\n",
         "profiles source each other in a circle: default -> default: one of them needs keys"},
        {"[default]\n" ROLE "source_profile = a\n[profile a]\n" ROLE "source_profile = b\n[profile b]\n" ROLE
         "source_profile = a\n",
         "profiles source each other in a circle: a -> b -> a: one of them needs keys"},
        {"[default]\n" ROLE "source_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n",
         "profile 'default' has mfa_serial, and there is nobody to ask for the code: use a role that needs "
         "none, or credential_process"},
        {"[default]\n" ROLE "source_profile = base\nduration_seconds = 1h\n",
         "duration_seconds of profile 'default' is no number of seconds"},
        {"[default]\nrole_arn = admin\nsource_profile = base\n",
         "role admin can't be assumed by profile 'base': that is no ARN of a role "
         "(arn:aws:iam::123456789012:role/NAME)"},
        {"[default]\nregion = EU West\n" ROLE "source_profile = base\n",
         "role " ARN "r can't be assumed by profile 'base': region is no name of an AWS region: lower-case "
         "letters, digits and \"-\""},
    };
#undef ROLE
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        world_config(&w, cases[i].config);
        world_credentials(&w, BASE_KEYS);
        world_answer(&w, 200, ASSUMED("one"));
        const char *diary = world_run(&w);
        if (aws_chain_result(w.chain)->error.code)
            assert_string_equal(aws_chain_result(w.chain)->error.text, cases[i].expected);
        else
            assert_non_null(strstr(diary, cases[i].expected));
        world_close(&w);
    }
    (void)state;
}

/* credential_source takes keys from where no profile is, also with a profile of the account's own. */
static void sources_can_be_named(void **state)
{
    struct world w;
    world_open(&w);
    w.set.profile = "p";
    world_env(&w, "AWS_ACCESS_KEY_ID=AKIAENV");
    world_env(&w, "AWS_SECRET_ACCESS_KEY=envsecret");
    world_config(&w, "[profile p]\nrole_arn = " ARN "r\ncredential_source = Environment\n");
    world_answer(&w, 200, ASSUMED("one"));
    world_says(&w, GLOBAL FORM("r") "&RoleSessionName=garner\n" SIGNED(
                       "AKIAENV") "keys ASIAone onesecret onetoken until 2026-11-22T11:00:00.000Z\n");
    world_open(&w);
    w.set.profile = "p";
    world_env(&w, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/c");
    world_config(&w, "[profile p]\nrole_arn = " ARN "r\ncredential_source = EcsContainer\n");
    world_answer(&w, 200, "{\"AccessKeyId\":\"ASIAC\",\"SecretAccessKey\":\"csecret\",\"Token\":\"ctoken\"}");
    world_answer(&w, 403, REFUSED("AccessDenied", "no csecret for ctoken"));
    world_says(&w,
               "GET http://169.254.170.2/c direct\n" GLOBAL FORM(
                   "r") "&RoleSessionName=garner\n"
                        "  X-Amz-Security-Token: ctoken\n" SIGNED(
                            "ASIAC") "credentials: role " ARN
                                     "r can't be assumed by the container's role: HTTP 403 AccessDenied: no "
                                     "******* for ******: let it in in the role's trust policy (and check "
                                     "external_id)\n");
    (void)state;
}

/* So many roles one from the other are too many. */
static void chains_have_an_end(void **state)
{
    struct world w;
    struct buffer config = {0};
    world_open(&w);
    w.set.profile = "p0";
    for (int i = 0; i < 8; i++)
        buffer_printf(&config, "[profile p%d]\nrole_arn = " ARN "r%d\nsource_profile = p%d\n", i, i, i + 1);
    buffer_printf(&config, "[profile p8]\naws_access_key_id = A\naws_secret_access_key = b\n");
    world_config(&w, buffer_text(&config));
    for (int i = 0; i < 8; i++)
        world_answer(&w, 200, ASSUMED("one"));
    assert_non_null(strstr(world_run(&w), "keys ASIAone onesecret"));
    assert_int_equal(w.answered, 8);
    world_close(&w);
    world_open(&w);
    w.set.profile = "p0";
    w.set.role_arn = ARN "more";
    world_config(&w, buffer_text(&config));
    world_says(&w, "credentials: more than 8 roles are to be assumed one from the other\n");
    buffer_close(&config);
    (void)state;
}

/* --- Web identity --- */

#define WEB_FORM                                                                                             \
    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%"  \
    "2Fweb"

/* A pod's token is sent unsigned, read anew each time. */
static void a_web_identity_assumes_its_role(void **state)
{
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token");
    world_env(&w, "AWS_ROLE_ARN=" ARN "web");
    world_env(&w, "AWS_REGION=eu-west-1");
    world_file(&w, "/var/run/token", "jwt.1\n");
    world_answer(&w, 200, ASSUMED_WEB("web"));
    assert_string_equal(world_run(&w),
                        "read /var/run/token\nPOST https://sts.eu-west-1.amazonaws.com/ " WEB_FORM
                        "&RoleSessionName=garner&WebIdentityToken=jwt.1\n"
                        "keys ASIAweb websecret webtoken until 2026-11-22T11:00:00.000Z\n");
    world_file(&w, "/var/run/token", "jwt.2");
    world_env(&w, "AWS_ROLE_SESSION_NAME=pod");
    world_answer(&w, 400, REFUSED("ExpiredTokenException", "Token jwt.2 expired"));
    world_says(
        &w, "read /var/run/token\nPOST https://sts.eu-west-1.amazonaws.com/ " WEB_FORM
            "&RoleSessionName=pod&WebIdentityToken=jwt.2\n"
            "credentials: role " ARN "web can't be assumed by the web identity of "
            "AWS_WEB_IDENTITY_TOKEN_FILE: HTTP 400 ExpiredTokenException: Token ***** expired: the token in "
            "the file has expired: see that it is replaced in time\n");
    (void)state;
}

/* A profile can have one, too, also as the source of another profile's role; and it may lack its half. */
static void a_profile_has_a_web_identity(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w,
                 "[default]\nrole_arn = " ARN "r\nsource_profile = w\n"
                 "[profile w]\nrole_arn = " ARN "web\nweb_identity_token_file = /t\nrole_session_name = s\n");
    world_env(&w, "AWS_ROLE_ARN=never");
    world_file(&w, "/t", "jwt.3");
    world_answer(&w, 200, ASSUMED_WEB("web"));
    world_answer(&w, 200, ASSUMED("one"));
    world_says(&w, "read /t\n" GLOBAL WEB_FORM "&RoleSessionName=s&WebIdentityToken=jwt.3\n" GLOBAL
                       FORM("r") "&RoleSessionName=garner\n  X-Amz-Security-Token: webtoken\n" SIGNED(
                           "ASIAweb") "keys ASIAone onesecret onetoken until 2026-11-22T11:00:00.000Z\n");
    world_open(&w);
    world_config(&w, "[default]\nweb_identity_token_file = /t\n");
    world_says(&w,
               "credentials: profile 'default' has web_identity_token_file and no role_arn: add the role's "
               "ARN\n");
    world_open(&w);
    world_env(&w, "AWS_WEB_IDENTITY_TOKEN_FILE=/t");
    world_says(
        &w, "credentials: AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN isn't: set both, or neither\n");
    world_open(&w);
    world_env(&w, "AWS_WEB_IDENTITY_TOKEN_FILE=/t");
    world_env(&w, "AWS_ROLE_ARN=" ARN "web");
    world_says(&w,
               "read /t\ncredentials: web identity: file /t can't be opened: No such file or directory\n");
    (void)state;
}

/* --- Where to --- */

/* The region of environment or profile says which STS, else the role's partition; an endpoint replaces it. */
static void sts_is_where_the_region_is(void **state)
{
    static const struct {
        const char *variable, *config, *role, *expected;
    } cases[] = {
        {"X=", "", ARN "r", "POST https://sts.amazonaws.com/ us-east-1"},
        {"X=", "", "arn:aws-cn:iam::1:role/r", "POST https://sts.cn-north-1.amazonaws.com.cn/ cn-north-1"},
        {"X=", "", "arn:aws-us-gov:iam::1:role/r",
         "POST https://sts.us-gov-west-1.amazonaws.com/ us-gov-west-1"},
        {"X=", "", "arn:aws-iso-b:iam::1:role/r",
         "POST https://sts.us-isob-east-1.sc2s.sgov.gov/ us-isob-east-1"},
        {"AWS_REGION=eu-west-1", "region = x", ARN "r",
         "POST https://sts.eu-west-1.amazonaws.com/ eu-west-1"},
        {"AWS_DEFAULT_REGION=eu-west-2", "region = x", ARN "r",
         "POST https://sts.eu-west-2.amazonaws.com/ eu-west-2"},
        {"X=", "region = us-iso-west-1", ARN "r", "POST https://sts.us-iso-west-1.c2s.ic.gov/ us-iso-west-1"},
        {"X=", "region = cn-northwest-1", ARN "r",
         "POST https://sts.cn-northwest-1.amazonaws.com.cn/ cn-northwest-1"},
        {"AWS_ENDPOINT_URL_STS=http://127.0.0.1:5000", "region = eu-west-1", ARN "r",
         "POST http://127.0.0.1:5000/ eu-west-1"},
        {"AWS_ENDPOINT_URL=http://127.0.0.1:5000/aws/", "", ARN "r",
         "POST http://127.0.0.1:5000/aws/ us-east-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        struct buffer config = {0};
        char start[128], region[64];
        world_open(&w);
        world_env(&w, cases[i].variable);
        w.set.role_arn = cases[i].role;
        w.set.profile = "base";
        buffer_printf(&config, "[profile base]\n%s\n", *cases[i].config ? cases[i].config : "x=1");
        world_config(&w, buffer_text(&config));
        world_credentials(&w, BASE_KEYS);
        world_answer(&w, 200, ASSUMED("one"));
        const char *diary = world_run(&w);
        assert_int_equal(sscanf(diary, "%*s %127s %*[^\n] signed AKIABASE/20261122/%63[^/]", start, region),
                         2);
        snprintf(start + strlen(start), sizeof start - strlen(start), " %s", region);
        assert_string_equal(start, cases[i].expected + 5);
        buffer_close(&config);
        world_close(&w);
    }
    (void)state;
}

/* --- What goes wrong --- */

static void base_open(struct world *w)
{
    world_open(w);
    w->set.profile = "base";
    w->set.role_arn = ARN "r";
    world_credentials(w, BASE_KEYS);
}

/* What STS refuses is told with who asked, and what to do. */
static void refusals_say_what_to_do(void **state)
{
#define AT "role " ARN "r can't be assumed by profile 'base': "
    static const struct {
        int status;
        const char *body, *expected;
    } cases[] = {
        {403, REFUSED("AccessDenied", "User: u is not authorized to perform: sts:AssumeRole"),
         AT "HTTP 403 AccessDenied: User: u is not authorized to perform: sts:AssumeRole: let it in in the "
            "role's "
            "trust policy (and check external_id)"},
        {403, REFUSED("InvalidClientTokenId", "The security token is invalid."),
         AT
         "HTTP 403 InvalidClientTokenId: The security token is invalid.: AWS doesn't know this key id (any "
         "more): renew the keys"},
        {403, REFUSED("SignatureDoesNotMatch", "basesecret"),
         AT
         "HTTP 403 SignatureDoesNotMatch: **********: the secret key isn't the one of this key id: check it"},
        {403, REFUSED("ExpiredToken", "x"),
         AT "HTTP 403 ExpiredToken: x: these keys have expired: renew them"},
        {403, REFUSED("RegionDisabledException", "x"),
         AT "HTTP 403 RegionDisabledException: x: switch STS on in this region, or set AWS_REGION to another "
            "one"},
        {400, REFUSED("ValidationError", "a\nb"), AT "HTTP 400 ValidationError: a?b"},
        {400, "", AT "HTTP 400"},
        {400, "<html><b>no", AT "HTTP 400"},
        {403,
         "<Response><Errors><Error><Code>AccessDenied</Code><Message>m</Message></Error></Errors></Response>",
         AT "HTTP 403 AccessDenied: m: let it in in the role's trust policy (and check external_id)"},
        {403, "{\"__type\":\"AccessDenied\",\"message\":\"m\"}",
         AT "HTTP 403 AccessDenied: m: let it in in the role's trust policy (and check external_id)"},
        {403, "{\"Error\":[{\"Code\":1}]}", AT "HTTP 403"},
        {302, "", AT "HTTP 302"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        base_open(&w);
        world_answer(&w, cases[i].status, cases[i].body);
        world_run(&w);
        assert_string_equal(aws_chain_result(w.chain)->error.text, cases[i].expected);
        assert_int_equal(aws_chain_result(w.chain)->error.code, ERR_CREDENTIALS);
        world_close(&w);
    }
    (void)state;
}

/* What passes is tried again, with waits, five times at most; the error then is of the kind it is. */
static void what_passes_is_tried_again(void **state)
{
    static const struct {
        int status, code;
        const char *body, *expected;
    } cases[] = {
        {400, 0, REFUSED("Throttling", "Rate exceeded"),
         "throttled: " AT "HTTP 400 Throttling: Rate exceeded (tried 5 times)\n"},
        {429, 0, "", "throttled: " AT "HTTP 429 (tried 5 times)\n"},
        {503, 0, "", "server error: " AT "HTTP 503 (tried 5 times)\n"},
        {0, ERR_CONNECT, "", "connection: " AT "timed out while connecting (tried 5 times)\n"},
        {200, 0, "<AssumeRoleResponse/>",
         "body: " AT "the answer can't be read: there is no Credentials in it (tried 5 times)\n"},
        {200, 0,
         "<AssumeRoleResponse><AssumeRoleResult><Credentials>x</Credentials></AssumeRoleResult>"
         "</AssumeRoleResponse>",
         "body: " AT "the answer can't be read: there is no Credentials in it (tried 5 times)\n"},
        {200, 0,
         "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId></Credentials>"
         "</AssumeRoleResult></AssumeRoleResponse>",
         "body: " AT "the answer can't be read: it has no SecretAccessKey (tried 5 times)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        base_open(&w);
        for (int j = 0; j < 5; j++)
            world_answer(&w, cases[i].status, cases[i].body)->code = cases[i].code;
        const char *last = world_run(&w);
        for (const char *line; (line = strchr(last, '\n')) && line[1];)
            last = line + 1;
        assert_string_equal(last, cases[i].expected);
        assert_int_equal(w.answered, 5);
        world_close(&w);
    }
    struct world w;
    base_open(&w);
    world_answer(&w, 503, "")->after = "7";
    world_answer(&w, 200, ASSUMED("one"));
    assert_non_null(strstr(world_run(&w), "wait\n"));
    assert_true(w.now_ms >= 1000 + 7000);
    world_close(&w);
    (void)state;
}
#undef AT

/* A refused signature beside a Date that is far off: the clock is corrected, once, and kept for the rest. */
static void a_wrong_clock_is_corrected_once(void **state)
{
    struct world w;
    base_open(&w);
    world_answer(&w, 403, REFUSED("SignatureDoesNotMatch", "Signature expired"))->date =
        "Mon, 23 Nov 2026 10:10:00 GMT";
    world_answer(&w, 200, ASSUMED("one"))->date = "Mon, 23 Nov 2026 10:10:00 GMT";
    const char *diary = world_run(&w);
    assert_non_null(strstr(diary, "signed AKIABASE/20261122/"));
    assert_non_null(strstr(diary, "signed AKIABASE/20261123/"));
    assert_null(strstr(diary, "wait"));
    assert_true(llabs(w.skew_ms - (24 * 3600 + 600) * 1000) < 1000);
    /* these keys expired a day ago by AWS's clock: it is that which counts, in the time of ours */
    assert_non_null(strstr(diary, "expired at 2026-11-21T10:5"));
    world_close(&w);

    base_open(&w);
    for (int i = 0; i < 2; i++)
        world_answer(&w, 403, REFUSED("RequestExpired", "x"))->date = i ? "Mon, 23 Nov 2026 14:10:00 GMT"
                                                                        : "Mon, 23 Nov 2026 10:10:00 GMT";
    assert_non_null(strstr(world_run(&w), "HTTP 403 RequestExpired"));
    world_close(&w);

    base_open(&w); /* three minutes are no reason, and neither is another refusal */
    world_answer(&w, 403, REFUSED("SignatureDoesNotMatch", "x"))->date = "Sun, 22 Nov 2026 10:03:00 GMT";
    assert_non_null(strstr(world_run(&w), "HTTP 403 SignatureDoesNotMatch"));
    assert_int_equal(w.skew_ms, 0);
    world_close(&w);
    base_open(&w);
    world_answer(&w, 403, REFUSED("AccessDenied", "x"))->date = "Mon, 23 Nov 2026 10:10:00 GMT";
    assert_non_null(strstr(world_run(&w), "HTTP 403 AccessDenied"));
    assert_int_equal(w.skew_ms, 0);
    world_close(&w);
    (void)state;
}

/* Huge and strange answers end in an error, none in anything worse. */
static void strange_answers_do_no_harm(void **state)
{
    static const char whole[] = ASSUMED("one");
    struct world w;
    char *huge = malloc((2 << 20) + 1);
    memset(huge, '<', 2 << 20);
    huge[2 << 20] = 0;
    base_open(&w);
    world_answer(&w, 200, huge);
    assert_non_null(strstr(world_run(&w),
                           "limit: role " ARN "r can't be assumed by profile 'base': an answer of "
                           "more than 1048576 bytes\n"));
    world_close(&w);
    free(huge);
    for (size_t len = 0; len < sizeof whole - 1; len += 3) {
        base_open(&w);
        for (int i = 0; i < 5; i++)
            world_answer(&w, i % 2 ? 403 : 200, whole)->len = len;
        world_run(&w);
        assert_int_not_equal(aws_chain_result(w.chain)->error.code, 0);
        assert_null(strstr(aws_chain_result(w.chain)->error.text, "onesecret"));
        world_close(&w);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_is_assumed),
        cmocka_unit_test(an_accounts_role_comes_last),
        cmocka_unit_test(profiles_lead_to_keys),
        cmocka_unit_test(sources_can_be_named),
        cmocka_unit_test(chains_have_an_end),
        cmocka_unit_test(a_web_identity_assumes_its_role),
        cmocka_unit_test(a_profile_has_a_web_identity),
        cmocka_unit_test(sts_is_where_the_region_is),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(a_wrong_clock_is_corrected_once),
        cmocka_unit_test(strange_answers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
