/* Accounts against their provider files: what one gives and the other asks for. */
#include "test_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/provider/check.h"

struct setting {
    const char *account;
    const char *messages;
};

static const struct setting settings[] = {
    {"{id: a, provider: shop, endpoint: x, credentials: {token: {plain: s}}}", ""},
    {"{id: a, provider: shpo}",
     "2:30: error: no file of 'providers' is provider 'shpo': did you mean 'shop'?"},
    {"{id: a, provider: elsewhere}", "2:30: error: no file of 'providers' is provider 'elsewhere'"},
    {"{id: a, provider: shop, endpoint: x}",
     "2:12: error: account 'a' has no credential 'token', which shop.yaml uses"},
    {"{id: a, provider: shop, credentials: {token: {plain: s}}}",
     "2:12: error: account 'a' has no key 'endpoint', which shop.yaml uses as {account.endpoint}"},
    {"{id: a, provider: shop, endpoint: x, owner: me, credentials: {token: {plain: s}, tokn: {plain: s}}}",
     "2:93: warning: credential 'tokn' is not used by shop.yaml\n"
     "2:49: warning: {account.owner} is not used by shop.yaml"},
    {"{id: a, provider: shop, endpoint: x, vars: {v: 1, w: 2}, credentials: {token: {plain: s}}}",
     "2:62: error: shop.yaml has no var 'w'"},
    {"{id: a, provider: shop, endpoint: x, regions: [eu-1, us-1], credentials: {token: {plain: s}}}",
     "2:65: warning: region 'us-1' is not one of shop.yaml: did you mean 'eu-1'?"},
    {"{id: a, provider: bare}",
     "2:12: error: the regions of account 'a' are not known: add 'regions' here or in bare.yaml"},
    {"{id: a, provider: bare, regions: [x]}", ""},
    {"{id: a, provider: cloud, endpoint: 'http://x', credentials: {aws: {profile: p}}}", ""},
    {"{id: a, provider: cloud}", ""},
    {"{id: '111111111111', provider: cloud, credentials: {aws: {role_arn: "
     "'arn:aws:iam::111111111111:role/r'}}}",
     ""},
    {"{id: '111111111111', provider: cloud, credentials: {aws: {role_arn: "
     "'arn:aws:iam::222222222222:role/r'}}}",
     "2:64: warning: role_arn is a role of account 222222222222, not of '111111111111': is that the right "
     "one?"},
    {"{id: a, provider: bare, regions: [x], credentials: {aws: {}}}",
     "2:64: warning: credential 'aws' is not used by bare.yaml: it has no auth of kind aws_sigv4"},
};

/* Accounts give their provider file what it asks for, or it is told where they stand. */
static void accounts_fit_their_providers(void **state)
{
    static const char shop[] =
        "provider: shop\nvars: {v: 0}\nregions: [eu-1]\nauth: {kind: bearer, token: '{credentials.token}'}\n"
        "collections:\n- {type: t, scope: region, items: '/*', id: /id,\n"
        "   request: {url: '{account.endpoint}/{vars.v}/{account.id}'}}\n";
    static const char bare[] = "provider: bare\ncollections:\n- {type: t, scope: region, items: '/*', id: "
                               "/id, request: {url: 'https://x/'}}\n";
    static const char cloud[] =
        "provider: cloud\nauth: {kind: aws_sigv4, service: ec2, region: us-east-1}\n"
        "collections:\n- {type: t, items: '/*', id: /id, request: {url: 'https://x/'}}\n";
    char path[] = "/tmp/garner-test-accounts-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct yaml_report report = {0};
    struct provider *providers[] = {provider_open_text("shop.yaml", bytes_of(shop), &report), NULL,
                                    provider_open_text("bare.yaml", bytes_of(bare), &report),
                                    provider_open_text("cloud.yaml", bytes_of(cloud), &report)};
    report_is(&report, "", "");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "providers: [x]\n%s%s%s", "accounts: [", settings[i].account, "]\n");
        fclose(file);
        struct config *config = config_open(path, CONFIG_RUN, &report);
        struct provider *all[] = {providers[0], providers[2], providers[3]};
        bool fails = strstr(settings[i].messages, "error") != NULL;
        assert_int_equal(provider_check_accounts(config, all, 3, &report), fails ? ERR_CONFIG : 0);
        report_is(&report, path, settings[i].messages);
        provider_check_accounts(config, providers, 4, &report); /* holes are fine */
        yaml_report_close(&report);
        config_close(config);
    }
    provider_close(providers[0]);
    provider_close(providers[2]);
    provider_close(providers[3]);
    close(fd);
    unlink(path);
    (void)state;
}

static const char one_collection[] =
    "provider: p\ncollections:\n- {type: t, request: {url: 'https://x/'}, items: '/*', id: /id}\n";

/* Two files of one name can't be told apart. */
static void provider_names_are_unique(void **state)
{
    struct yaml_report report = {0};
    struct config config = {.path = "c"};
    struct provider *providers[] = {provider_open_text("a.yaml", bytes_of(one_collection), &report),
                                    provider_open_text("b.yaml", bytes_of(one_collection), &report)};
    assert_int_equal(provider_check_accounts(&config, providers, 2, &report), ERR_CONFIG);
    report_is(&report, "b.yaml", "1:11: error: provider 'p' is also the name of a.yaml");
    provider_close(providers[0]);
    provider_close(providers[1]);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_fit_their_providers),
        cmocka_unit_test(provider_names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
