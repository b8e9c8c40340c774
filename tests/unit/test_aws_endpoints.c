/* Endpoints: what replaces AWS's own hosts, from the account, the environment and the profile. */
#include "test_aws_lab.h"

/* What the chain found, as JSON, or why not. */
static void endpoints_are(struct world *w, const char *expected)
{
    struct buffer json = {0};
    world_env(w, "AWS_ACCESS_KEY_ID=AKIA");
    world_env(w, "AWS_SECRET_ACCESS_KEY=s3cr3t");
    const char *diary = world_run(w);
    if (strncmp(diary, "keys ", 5) == 0) {
        value_to_json(&aws_chain_result(w->chain)->endpoints, &json);
        diary = buffer_text(&json);
    }
    assert_string_equal(diary, expected);
    buffer_close(&json);
    world_close(w);
}

static const char services[] = "[default]\n"
                               "services = mine\n"
                               "endpoint_url = https://all.test/base\n"
                               "[services mine]\n"
                               "s3 =\n"
                               "  endpoint_url = http://s3.test\n"
                               "elastic-load balancing_v2 =\n"
                               "  endpoint_url = http://elb.test\n"
                               "ec2 =\n"
                               "  other = x\n"
                               "[services minor]\n"
                               "sqs =\n"
                               "  endpoint_url = http://sqs.test\n";

/* Nothing is replaced unless somebody says so. */
static void without_a_word_there_are_none(void **state)
{
    struct world w;
    world_open(&w);
    world_env(&w, "AWS_ENDPOINT_URL=");
    world_env(&w, "AWS_ENDPOINT_URL_S3=");
    world_env(&w, "AWS_ENDPOINT_URL_=x");
    world_env(&w, "AWS_ENDPOINT_URLS=x");
    endpoints_are(&w, "{}");
    (void)state;
}

/* The profile's services and endpoint_url count, also when the keys are the environment's. */
static void the_profile_says(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, services);
    endpoints_are(&w, "{\"S3\":\"http://s3.test\",\"ELASTIC_LOAD_BALANCING_V2\":\"http://elb.test\","
                      "\"\":\"https://all.test/base\"}");
    (void)state;
}

/* The environment's own for a service goes first, and AWS_ENDPOINT_URL before all of the profile. */
static void the_environment_goes_first(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, services);
    world_env(&w, "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1");
    world_env(&w, "AWS_ENDPOINT_URL_DYNAMODB=http://[::1]:2/x");
    endpoints_are(&w, "{\"S3\":\"http://127.0.0.1:1\",\"DYNAMODB\":\"http://[::1]:2/x\","
                      "\"ELASTIC_LOAD_BALANCING_V2\":\"http://elb.test\",\"\":\"https://all.test/base\"}");
    world_open(&w);
    world_config(&w, services);
    world_env(&w, "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1");
    world_env(&w, "AWS_ENDPOINT_URL=http://127.0.0.1:5000");
    endpoints_are(&w, "{\"S3\":\"http://127.0.0.1:1\",\"\":\"http://127.0.0.1:5000\"}");
    (void)state;
}

/* The account's own endpoint is the only one. */
static void the_account_goes_before_all(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, services);
    world_env(&w, "AWS_ENDPOINT_URL_S3=what");
    w.set.endpoint = "http://127.0.0.1:5000";
    endpoints_are(&w, "{\"\":\"http://127.0.0.1:5000\"}");
    (void)state;
}

/* They can be switched off, and the environment's word on that is the one that counts. */
static void they_can_be_ignored(void **state)
{
    struct world w;
    world_open(&w);
    world_config(&w, services);
    world_env(&w, "AWS_ENDPOINT_URL=http://127.0.0.1:5000");
    world_env(&w, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=True");
    endpoints_are(&w, "{}");
    world_open(&w);
    world_config(&w, "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = http://a\n");
    world_env(&w, "AWS_ENDPOINT_URL=http://127.0.0.1:5000");
    endpoints_are(&w, "{}");
    world_open(&w);
    world_config(&w, "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = http://a\n");
    world_env(&w, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false");
    endpoints_are(&w, "{\"\":\"http://a\"}");
    (void)state;
}

/* What is no URL is told with the name of who said it, and what it may be. */
static void mistakes_name_who_said_it(void **state)
{
    static const struct {
        const char *variable, *config, *expected;
    } cases[] = {
        {"AWS_ENDPOINT_URL_S3=localhost:5000", "",
         "credentials: AWS_ENDPOINT_URL_S3 is no endpoint (https://HOST:PORT): the URL's scheme is neither "
         "https nor http\n"},
        {"AWS_ENDPOINT_URL=http://user@a", "",
         "credentials: AWS_ENDPOINT_URL is no endpoint (https://HOST:PORT): it may have a host, a port and a "
         "path, and nothing else\n"},
        {"X=", "[default]\nendpoint_url = http://a?x=1\n",
         "credentials: endpoint_url of profile 'default' is no endpoint (https://HOST:PORT): it may have a "
         "host, "
         "a port and a path, and nothing else\n"},
        {"X=", "[default]\nservices = a\n[services a]\ns3 =\n endpoint_url = /x\n",
         "credentials: endpoint_url of s3 in [services a] is no endpoint (https://HOST:PORT): the URL is not "
         "absolute: it should "
         "begin with https:// or http://\n"},
        {"X=", "[default]\nservices = mime\n[services mine]\n[services other]\n",
         "credentials: profile 'default': there is no [services mime] in /home/u/.aws/config: did you mean "
         "'mine'?\n"},
        {"X=", "[default]\nservices = x\n",
         "credentials: profile 'default': there is no [services x] in /home/u/.aws/config\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_open(&w);
        world_env(&w, cases[i].variable);
        world_config(&w, cases[i].config);
        endpoints_are(&w, cases[i].expected);
    }
    (void)state;
}

/* A service is found however its id is written; others get what is for all. */
static void a_service_is_looked_up(void **state)
{
    struct arena arena = {0};
    struct value none = value_object(&arena, 0), some = value_object(&arena, 2);
    value_put(&some, BYTES("ELASTIC_LOAD_BALANCING_V2"), value_string(BYTES("http://elb")));
    assert_int_equal(aws_endpoint(&none, "s3").len, 0);
    assert_int_equal(aws_endpoint(&some, "s3").len, 0);
    assert_true(bytes_is(aws_endpoint(&some, "elastic_load_balancing_v2"), "http://elb"));
    assert_true(bytes_is(aws_endpoint(&some, "Elastic Load-Balancing v2"), "http://elb"));
    value_put(&some, BYTES(""), value_string(BYTES("http://all")));
    assert_true(bytes_is(aws_endpoint(&some, "s3"), "http://all"));
    assert_true(bytes_is(aws_endpoint(&some, "elastic_load_balancing_v2"), "http://elb"));
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_there_are_none), cmocka_unit_test(the_profile_says),
        cmocka_unit_test(the_environment_goes_first),    cmocka_unit_test(the_account_goes_before_all),
        cmocka_unit_test(they_can_be_ignored),           cmocka_unit_test(mistakes_name_who_said_it),
        cmocka_unit_test(a_service_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
