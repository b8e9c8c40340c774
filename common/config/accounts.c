/* Accounts: whose resources are harvested, and the references to their secrets. What may be a secret is
 * hidden from all messages before anything else is read. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/config/config_read.h"
#include "common/limits.h"
#include "common/nearest.h"

/* Everything but a well-formed reference may be, or hold, a secret. */
static void hide_secret(struct yaml_file *file, const yaml_node *node)
{
    bool single = yaml_kind(node) == YAML_MAP && yaml_count(node) == 1;
    if (!single) {
        yaml_hide(file, node);
        return;
    }
    struct bytes key = yaml_text(yaml_key(node, 0));
    enum yaml_kind kind = yaml_kind(yaml_value(node, 0));
    bool refers = ((bytes_is(key, "env") || bytes_is(key, "file")) && kind == YAML_SCALAR) ||
                  (bytes_is(key, "exec") && kind == YAML_LIST);
    if (!refers)
        yaml_hide(file, yaml_value(node, 0));
}

static const char *const aws_keys[] = {"profile", "role_arn", "external_id", NULL};

/* Of `aws` everything but the names that it knows may be a secret that was written out. */
static void hide_aws_secrets(struct yaml_file *file, const yaml_node *node)
{
    if (yaml_kind(node) != YAML_MAP) {
        yaml_hide(file, node);
        return;
    }
    for (uint32_t i = 0; i < yaml_count(node); i++) {
        bool known = false;
        for (const char *const *key = aws_keys; *key; key++)
            known = known || bytes_is(yaml_text(yaml_key(node, i)), *key);
        if (!known)
            yaml_hide(file, yaml_value(node, i));
    }
}

void config_hide_secrets(struct yaml_file *file, const yaml_node *accounts)
{
    if (!accounts || yaml_kind(accounts) != YAML_LIST)
        return;
    for (uint32_t i = 0; i < yaml_count(accounts); i++) {
        const yaml_node *credentials = yaml_get(yaml_item(accounts, i), "credentials");
        if (credentials && yaml_kind(credentials) != YAML_MAP) {
            yaml_hide(file, credentials);
            continue;
        }
        for (uint32_t k = 0; credentials && k < yaml_count(credentials); k++) {
            bool aws = bytes_is(yaml_text(yaml_key(credentials, k)), "aws");
            (aws ? hide_aws_secrets : hide_secret)(file, yaml_value(credentials, k));
        }
    }
}

/* In place. False and a message, where nothing says relative to what. */
static bool make_absolute(struct config_reader *c, const yaml_node *node, const char **path)
{
    if (**path == '/')
        return true;
    if (c->folder)
        *path = arena_printf(&c->config->arena, "%s/%s", c->folder, *path);
    else
        yaml_error(c->report, c->config->file, node, "'%s' must be an absolute path here", *path);
    return c->folder != NULL;
}

/* exec: a list; a program with a "/" in its name is relative to the file's folder, others are in PATH. */
static bool read_command(struct config_reader *c, const yaml_node *node, const char *const **out)
{
    struct config *config = c->config;
    if (yaml_kind(node) != YAML_LIST || !yaml_count(node)) {
        yaml_error(c->report, config->file, node, "'exec' needs a list: the program and its arguments");
        return false;
    }
    uint32_t count = yaml_count(node);
    const char **command = arena_zalloc(&config->arena, (count + (size_t)1) * sizeof *command);
    for (uint32_t i = 0; i < count; i++)
        if (!yaml_read_text(c->report, config->file, yaml_item(node, i), &config->arena, &command[i]))
            return false;
    if (!*command[0]) {
        yaml_error(c->report, config->file, node, "the program's name is empty");
        return false;
    }
    *out = command;
    return !strchr(command[0], '/') || make_absolute(c, node, &command[0]);
}

static bool read_reference(struct config_reader *c, const yaml_node *node, struct credential *out)
{
    static const char *const kinds[] = {[CREDENTIAL_ENV] = "env",
                                        [CREDENTIAL_FILE] = "file",
                                        [CREDENTIAL_EXEC] = "exec",
                                        [CREDENTIAL_PLAIN] = "plain",
                                        NULL};
    struct config *config = c->config;
    uint32_t kind = 0;
    if (yaml_kind(node) == YAML_SCALAR && !yaml_is_null(node)) {
        yaml_error(c->report, config->file, node,
                   "credential '%s' is written out: refer to it with {env: NAME}, {file: PATH} or "
                   "{exec: [PROGRAM, …]}, or say that it is meant with {plain: …}",
                   out->name);
        return false;
    }
    bool single = yaml_kind(node) == YAML_MAP && yaml_count(node) == 1;
    while (single && kinds[kind] && !bytes_is(yaml_text(yaml_key(node, 0)), kinds[kind]))
        kind++;
    if (single && !kinds[kind]) {
        struct bytes key = yaml_text(yaml_key(node, 0));
        const char *nearest = nearest_word(key, kinds, CREDENTIAL_PLAIN + 1);
        yaml_error(c->report, config->file, node, "unknown key '%.*s' of credential '%s': did you mean '%s'?",
                   BYTES_ARG(key), out->name, nearest ? nearest : "env");
        return false;
    }
    if (!single) {
        yaml_error(c->report, config->file, node,
                   "credential '%s' must have exactly one of the keys env, file, exec and plain", out->name);
        return false;
    }
    const yaml_node *value = yaml_value(node, 0);
    out->kind = (enum credential_kind)kind;
    if (kind == CREDENTIAL_EXEC)
        return read_command(c, value, &out->command);
    if (yaml_kind(value) != YAML_SCALAR || yaml_is_null(value) ||
        (kind != CREDENTIAL_PLAIN && !yaml_text(value).len)) {
        yaml_error(c->report, config->file, value, "'%s' of credential '%s' needs a text", kinds[kind],
                   out->name);
        return false;
    }
    if (!yaml_read_text(c->report, config->file, value, &config->arena, &out->text))
        return false;
    return kind != CREDENTIAL_FILE || make_absolute(c, value, &out->text);
}

/* `aws`: not a secret but a name for one, in AWS's own files. */
static void read_aws(struct config_reader *c, const yaml_node *key, const yaml_node *node,
                     struct config_aws *out)
{
    const char **const texts[] = {&out->profile, &out->role_arn, &out->external_id};
    struct config *config = c->config;
    const yaml_node *n;
    out->place = key;
    if (yaml_is_null(node))
        return;
    if (yaml_kind(node) != YAML_MAP) { /* without what it is: it may be a secret */
        yaml_error(c->report, config->file, key,
                   "credential 'aws' needs a map of profile, role_arn and external_id, each optional");
        return;
    }
    yaml_check_keys(c->report, config->file, node, aws_keys);
    for (uint32_t i = 0; aws_keys[i]; i++)
        if ((n = yaml_get(node, aws_keys[i])) &&
            yaml_read_text(c->report, config->file, n, &config->arena, texts[i]) && !**texts[i])
            yaml_error(c->report, config->file, n, "'%s' is empty: leave it out for AWS's default",
                       aws_keys[i]);
    if (out->role_arn && *out->role_arn && strncmp(out->role_arn, "arn:", 4) != 0)
        yaml_error(c->report, config->file, yaml_get(node, "role_arn"),
                   "a role's ARN looks like arn:aws:iam::123456789012:role/NAME, not '%s'", out->role_arn);
    if (out->external_id && !out->role_arn)
        yaml_error(c->report, config->file, yaml_get(node, "external_id"),
                   "'external_id' goes with 'role_arn', which is missing");
}

static void read_credentials(struct config_reader *c, const yaml_node *node, struct config_account *out)
{
    struct config *config = c->config;
    if (yaml_kind(node) != YAML_MAP) {
        yaml_error(c->report, config->file, node, "'credentials' must be a map of names");
        return;
    }
    uint32_t count = yaml_count(node);
    struct credential *list = arena_zalloc(&config->arena, (count + (size_t)1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *key = yaml_key(node, i);
        struct credential *credential = &list[out->credential_count];
        *credential = (struct credential){.place = key};
        if (bytes_is(yaml_text(key), "aws"))
            read_aws(c, key, yaml_value(node, i), &out->aws);
        else if (config_read_name(c, key, &credential->name) &&
                 read_reference(c, yaml_value(node, i), credential))
            out->credential_count++;
    }
    out->credentials = list;
}

/* A scalar that becomes a placeholder's text, appended to `object`. */
static void read_key(struct config_reader *c, const yaml_node *key, const yaml_node *value, const char *what,
                     struct value *object)
{
    struct config *config = c->config;
    const char *text;
    if (yaml_kind(value) != YAML_SCALAR || yaml_is_null(value))
        yaml_error(c->report, config->file, value, "{%s.%.*s} needs a text, a number, true or false", what,
                   BYTES_ARG(yaml_text(key)));
    else if (yaml_read_text(c->report, config->file, value, &config->arena, &text))
        value_put(object, arena_copy(&config->arena, yaml_text(key)), value_string(bytes_of(text)));
}

static void read_vars(struct config_reader *c, const yaml_node *node, struct config_account *out)
{
    if (!yaml_expect(c->report, c->config->file, node, YAML_MAP, "a map of names and texts"))
        return;
    out->vars = value_object(&c->config->arena, yaml_count(node));
    for (uint32_t i = 0; i < yaml_count(node); i++)
        read_key(c, yaml_key(node, i), yaml_value(node, i), "vars", &out->vars);
}

static void read_regions(struct config_reader *c, const yaml_node *node, struct config_account *out)
{
    uint32_t count;
    if (!yaml_read_texts(c->report, c->config->file, node, &c->config->arena, &out->regions, &count))
        return;
    for (uint32_t i = 0; i < count; i++)
        config_check_name(c, yaml_item(node, i), out->regions[i]);
    if (!count)
        yaml_error(c->report, c->config->file, node,
                   "'regions' is empty: leave the key out for the provider's own regions");
}

static void read_known(struct config_reader *c, const yaml_node *key, const yaml_node *value,
                       struct config_account *out)
{
    struct bytes name = yaml_text(key);
    uint64_t splits;
    if (bytes_is(name, "id"))
        config_read_name(c, value, &out->id);
    else if (bytes_is(name, "provider"))
        config_read_name(c, value, &out->provider);
    else if (bytes_is(name, "regions"))
        read_regions(c, value, out);
    else if (bytes_is(name, "vars"))
        read_vars(c, value, out);
    else if (bytes_is(name, "credentials"))
        read_credentials(c, value, out);
    else if (!bytes_is(name, "splits"))
        read_key(c, key, value, "account", &out->keys);
    else if (yaml_read_u64(c->report, c->config->file, value, 1, LIMIT_SPLITS, &splits))
        out->splits = (uint32_t)splits;
}

static void read_account(struct config_reader *c, const yaml_node *node, struct config_account *out)
{
    struct config *config = c->config;
    *out = (struct config_account){.splits = 1, .place = node};
    out->keys = value_object(&config->arena, yaml_kind(node) == YAML_MAP ? yaml_count(node) : 0);
    out->vars = value_object(&config->arena, 0);
    if (!yaml_expect(c->report, config->file, node, YAML_MAP, "an account: a map with 'id' and 'provider'"))
        return;
    for (uint32_t i = 0; i < yaml_count(node); i++)
        read_known(c, yaml_key(node, i), yaml_value(node, i), out);
    if (!yaml_get(node, "id"))
        yaml_error(c->report, config->file, node, "the account's 'id' is missing");
    if (!yaml_get(node, "provider"))
        yaml_error(c->report, config->file, node, "the account's 'provider' is missing");
    out->written = config_account_digest(out);
}

static int compare_accounts(const void *a, const void *b)
{
    const struct config_account *x = *(const struct config_account *const *)a;
    const struct config_account *y = *(const struct config_account *const *)b;
    int order = strcmp(x->provider, y->provider);
    if (!order)
        order = strcmp(x->id, y->id);
    return order ? order : (x > y) - (x < y);
}

static void check_unique(struct config_reader *c)
{
    const struct config *config = c->config;
    uint32_t count = 0;
    const struct config_account **sorted = mem_alloc((config->account_count + (size_t)1) * sizeof *sorted);
    for (uint32_t i = 0; i < config->account_count; i++)
        if (config->accounts[i].id && config->accounts[i].provider)
            sorted[count++] = &config->accounts[i];
    qsort(sorted, count, sizeof *sorted, compare_accounts);
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->provider, sorted[i]->provider) == 0 &&
            strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            yaml_error(c->report, config->file, sorted[i]->place,
                       "account '%s/%s' stands twice: first in line %u", sorted[i]->provider, sorted[i]->id,
                       yaml_line(sorted[i - 1]->place));
    free(sorted);
}

void config_read_accounts(struct config_reader *c, const yaml_node *node)
{
    struct config *config = c->config;
    if (!yaml_expect(c->report, config->file, node, YAML_LIST, "a list of accounts"))
        return;
    uint32_t count = yaml_count(node);
    if (count > LIMIT_ACCOUNTS) {
        yaml_error(c->report, config->file, node, "%u accounts are more than %d", count, LIMIT_ACCOUNTS);
        return;
    }
    if (!count && c->use == CONFIG_RUN)
        yaml_warning(c->report, config->file, node, "there are no accounts: nothing will be harvested");
    config->accounts = arena_zalloc(&config->arena, (count + (size_t)1) * sizeof *config->accounts);
    config->account_count = count;
    for (uint32_t i = 0; i < count; i++)
        read_account(c, yaml_item(node, i), &config->accounts[i]);
    check_unique(c);
}
