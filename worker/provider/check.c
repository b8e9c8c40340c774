/* Accounts against provider files, one account at a time. Providers are few, so each account looks its
 * own up among all. */
#include "worker/provider/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/nearest.h"

struct checker {
    const struct config *config;
    struct provider *const *providers;
    uint32_t count;
    struct yaml_report *report;
};

static const struct provider *find_provider(const struct checker *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->providers[i] && strcmp(c->providers[i]->name, name) == 0)
            return c->providers[i];
    return NULL;
}

static void check_names(const struct checker *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct provider *provider = c->providers[i];
        const struct provider *first = provider ? find_provider(c, provider->name) : NULL;
        if (!first || first == provider || !*provider->name)
            continue;
        yaml_error(c->report, provider->file, yaml_get(yaml_root(provider->file), "provider"),
                   "provider '%s' is also the name of %s", provider->name, first->path);
    }
}

static void report_unknown_provider(const struct checker *c, const struct config_account *account)
{
    const yaml_node *at = yaml_get(account->place, "provider");
    const char **names = mem_alloc((c->count + (size_t)1) * sizeof *names);
    uint32_t count = 0;
    bool unread = false;
    for (uint32_t i = 0; i < c->count; i++) {
        unread = unread || !c->providers[i] || !*c->providers[i]->name;
        if (c->providers[i] && *c->providers[i]->name)
            names[count++] = c->providers[i]->name;
    }
    const char *nearest = nearest_word(bytes_of(account->provider), names, count);
    if (nearest)
        yaml_error(c->report, c->config->file, at,
                   "no file of 'providers' is provider '%s': did you mean '%s'?", account->provider, nearest);
    else if (!unread) /* else it may well be the file that couldn't be read: that was told */
        yaml_error(c->report, c->config->file, at, "no file of 'providers' is provider '%s'",
                   account->provider);
    free(names);
}

static bool is_listed(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static bool has_credential(const struct config_account *account, const char *name)
{
    for (uint32_t i = 0; i < account->credential_count; i++)
        if (strcmp(account->credentials[i].name, name) == 0)
            return true;
    return false;
}

static bool is_aws_account(struct bytes id)
{
    uint64_t number;
    return id.len == 12 && bytes_to_u64(id, &number);
}

/* A role of another account: its resources would be taken for this one's. arn:aws:iam::ACCOUNT:role/… */
static void check_role(const struct checker *c, const struct config_account *account)
{
    struct bytes owner = bytes_of(account->aws.role_arn);
    for (int colons = 0; colons < 4; colons++) {
        const char *colon = owner.len ? memchr(owner.data, ':', owner.len) : NULL;
        owner = colon ? bytes_from(owner, (size_t)(colon - owner.data) + 1) : (struct bytes){"", 0};
    }
    const char *end = owner.len ? memchr(owner.data, ':', owner.len) : NULL;
    owner.len = end ? (size_t)(end - owner.data) : 0;
    if (is_aws_account(owner) && is_aws_account(bytes_of(account->id)) && !bytes_is(owner, account->id))
        yaml_warning(c->report, c->config->file, account->aws.place,
                     "role_arn is a role of account %.*s, not of '%s': is that the right one?",
                     BYTES_ARG(owner), account->id);
}

static void check_credentials(const struct checker *c, const struct config_account *account,
                              const struct provider *provider)
{
    const yaml_node *map = yaml_get(account->place, "credentials");
    for (const char *const *name = provider->credentials; *name; name++)
        if (!has_credential(account, *name) && !(map && yaml_get(map, *name))) /* a bad one was told */
            yaml_error(c->report, c->config->file, account->place,
                       "account '%s' has no credential '%s', which %s uses", account->id, *name,
                       provider->path);
    if (account->aws.place && !provider->uses_aws)
        yaml_warning(c->report, c->config->file, account->aws.place,
                     "credential 'aws' is not used by %s: it has no auth of kind aws_sigv4", provider->path);
    if (account->aws.role_arn)
        check_role(c, account);
    for (uint32_t i = 0; i < account->credential_count; i++)
        if (!is_listed(account->credentials[i].name, provider->credentials))
            yaml_warning(c->report, c->config->file, account->credentials[i].place,
                         "credential '%s' is not used by %s", account->credentials[i].name, provider->path);
}

static const yaml_node *find_key(const yaml_node *map, struct bytes name)
{
    for (uint32_t i = 0; i < yaml_count(map); i++)
        if (bytes_equal(yaml_text(yaml_key(map, i)), name))
            return yaml_key(map, i);
    return map;
}

static void check_keys(const struct checker *c, const struct config_account *account,
                       const struct provider *provider)
{
    for (const char *const *name = provider->account_keys; *name; name++)
        if (!value_get_text(&account->keys, *name) && !yaml_get(account->place, *name))
            yaml_error(c->report, c->config->file, account->place,
                       "account '%s' has no key '%s', which %s uses as {account.%s}", account->id, *name,
                       provider->path, *name);
    for (uint32_t i = 0; i < account->keys.count; i++) {
        struct bytes key = account->keys.members[i].key;
        if (provider->uses_aws && bytes_is(key, "endpoint"))
            continue;                                     /* takes the place of AWS's own */
        if (!is_listed(key.data, provider->account_keys)) /* the arena's copy: NUL behind it */
            yaml_warning(c->report, c->config->file, find_key(account->place, key),
                         "{account.%.*s} is not used by %s", BYTES_ARG(key), provider->path);
    }
    for (uint32_t i = 0; i < account->vars.count; i++) {
        struct bytes key = account->vars.members[i].key;
        if (!value_get(&provider->vars, key))
            yaml_error(c->report, c->config->file, find_key(yaml_get(account->place, "vars"), key),
                       "%s has no var '%.*s'", provider->path, BYTES_ARG(key));
    }
}

static bool wants_regions(const struct provider *provider)
{
    for (uint32_t i = 0; i < provider->collection_count; i++)
        if (provider->collections[i].scope == SCOPE_REGION)
            return true;
    return false;
}

static void check_regions(const struct checker *c, const struct config_account *account,
                          const struct provider *provider)
{
    const struct regions_def *regions = &provider->regions;
    const yaml_node *list = yaml_get(account->place, "regions");
    if (!list && !regions->names && !regions->discovered && wants_regions(provider))
        yaml_error(c->report, c->config->file, account->place,
                   "the regions of account '%s' are not known: add 'regions' here or in %s", account->id,
                   provider->path);
    if (!account->regions || !regions->names)
        return;
    size_t known = 0;
    while (regions->names[known])
        known++;
    for (uint32_t i = 0; account->regions[i]; i++) {
        if (is_listed(account->regions[i], regions->names))
            continue;
        const char *nearest = nearest_word(bytes_of(account->regions[i]), regions->names, known);
        yaml_warning(c->report, c->config->file, yaml_item(list, i), "region '%s' is not one of %s%s%s%s",
                     account->regions[i], provider->path, nearest ? ": did you mean '" : "",
                     nearest ? nearest : "", nearest ? "'?" : "");
    }
}

int provider_check_accounts(const struct config *config, struct provider *const *providers, uint32_t count,
                            struct yaml_report *report)
{
    struct checker c = {config, providers, count, report};
    unsigned before = report->errors;
    check_names(&c);
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        if (!account->id || !account->provider)
            continue; /* was told */
        const struct provider *provider = find_provider(&c, account->provider);
        if (!provider) {
            report_unknown_provider(&c, account);
            continue;
        }
        check_credentials(&c, account, provider);
        check_keys(&c, account, provider);
        check_regions(&c, account, provider);
    }
    return report->errors > before ? ERR_CONFIG : 0;
}

struct value provider_vars(struct arena *arena, const struct provider *provider,
                           const struct config_account *account)
{
    const struct value *defaults = &provider->vars;
    struct value vars = value_object(arena, defaults->count);
    for (uint32_t i = 0; i < defaults->count; i++) {
        struct bytes name = defaults->members[i].key;
        const struct value *own = value_get(&account->vars, name);
        value_put(&vars, name, own ? *own : defaults->members[i].value);
    }
    return vars;
}
