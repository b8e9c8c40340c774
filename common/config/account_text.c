/* An account is made a document first, then its text. The text is read by what reads configurations, since
 * JSON is YAML: so what a coordinator was given is judged as what stands in a file. YAML wants escapes where
 * JSON doesn't (DEL, C1 controls), which text_add_json writes. */
#include "common/config/account_text.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/config_read.h"
#include "common/text.h"

/* --- to JSON --- */

static int compare_members(const void *a, const void *b)
{
    return bytes_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void sort(struct value *object)
{
    if (object->count)
        qsort(object->members, object->count, sizeof *object->members, compare_members);
}

static struct value text(const char *of)
{
    return value_string(bytes_of(of));
}

static void put(struct value *object, const char *key, struct value value)
{
    value_put(object, bytes_of(key), value);
}

static void put_text(struct value *object, const char *key, const char *of)
{
    if (of)
        put(object, key, text(of));
}

static struct value texts(struct arena *arena, const char *const *of)
{
    uint32_t count = 0;
    while (of[count])
        count++;
    struct value list = value_array(arena, count);
    for (uint32_t i = 0; i < count; i++)
        list.items[i] = text(of[i]);
    return list;
}

static struct value reference(struct arena *arena, const struct credential *credential, bool is_public)
{
    struct value object = value_object(arena, 1);
    switch (credential->kind) {
    case CREDENTIAL_ENV:
        put_text(&object, "env", credential->text);
        break;
    case CREDENTIAL_FILE:
        put_text(&object, "file", credential->text);
        break;
    case CREDENTIAL_EXEC:
        put(&object, "exec", is_public ? text(credential->command[0]) : texts(arena, credential->command));
        break;
    case CREDENTIAL_PLAIN:
        if (is_public)
            return text("plain");
        put_text(&object, "plain", credential->text);
        break;
    }
    return object;
}

static bool has_aws(const struct config_aws *aws)
{
    return aws->profile || aws->role_arn || aws->external_id;
}

static struct value credentials(struct arena *arena, const struct config_account *account, bool is_public)
{
    struct value all = value_object(arena, account->credential_count + 1);
    for (uint32_t i = 0; i < account->credential_count; i++)
        put(&all, account->credentials[i].name, reference(arena, &account->credentials[i], is_public));
    if (has_aws(&account->aws)) {
        struct value aws = value_object(arena, 3);
        put_text(&aws, "profile", account->aws.profile);
        put_text(&aws, "role_arn", account->aws.role_arn);
        put_text(&aws, "external_id", account->aws.external_id);
        put(&all, "aws", aws);
    }
    sort(&all);
    return all;
}

/* Known keys first; the others can't have their names. */
static struct value document(struct arena *arena, const struct config_account *account, bool is_public)
{
    enum { KNOWN = 6 };
    struct value all = value_object(arena, KNOWN + account->keys.count),
                 keys = value_copy(arena, &account->keys), vars = value_copy(arena, &account->vars);
    put_text(&all, "id", account->id);
    put_text(&all, "provider", account->provider);
    if (account->regions)
        put(&all, "regions", texts(arena, account->regions));
    if (account->splits != 1)
        put(&all, "splits", value_u64(arena, account->splits));
    sort(&vars);
    if (vars.count)
        put(&all, "vars", vars);
    if (account->credential_count || has_aws(&account->aws))
        put(&all, "credentials", credentials(arena, account, is_public));
    sort(&keys);
    for (uint32_t i = 0; i < keys.count; i++)
        value_put(&all, keys.members[i].key, keys.members[i].value);
    return all;
}

static void add_json(const struct config_account *account, bool is_public, struct buffer *out)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct value all = document(&arena, account, is_public);
    value_to_json(&all, &json);
    text_add_json(out, buffer_bytes(&json));
    buffer_wipe(&json);
    arena_close(&arena);
}

void config_account_to_json(const struct config_account *account, struct buffer *out)
{
    add_json(account, false, out);
}

void config_account_public_json(const struct config_account *account, struct buffer *out)
{
    add_json(account, true, out);
}

struct digest config_account_digest(const struct config_account *account)
{
    struct buffer json = {0};
    add_json(account, false, &json);
    struct digest digest = hash128(buffer_bytes(&json), NULL);
    buffer_wipe(&json);
    return digest;
}

/* --- and back --- */

struct config *config_open_accounts(const char *name, struct bytes json, struct yaml_report *report)
{
    bool secret = report->secret;
    report->secret = true; /* where it isn't JSON nobody knows yet what in it is a secret */
    struct yaml_file *file = yaml_open_text(name, json, report);
    report->secret = secret;
    if (!file)
        return NULL;
    struct config *config = mem_zalloc(sizeof *config);
    config->file = file;
    config->path = arena_strdup(&config->arena, bytes_of(name));
    config->providers = arena_zalloc(&config->arena, sizeof *config->providers);
    struct config_reader reader = {.config = config, .report = report};
    config_hide_secrets(file, yaml_root(file));
    config_read_accounts(&reader, yaml_root(file));
    return config;
}

/* The first message without its place, which is one in a text that nobody has seen. */
static int first_mistake(const struct yaml_report *report, struct error *e)
{
    static const char before[] = ": error: ";
    const char *line = buffer_text(&report->text), *found = strstr(line, before);
    const char *sentence = found ? found + strlen(before) : line;
    return error_set(e, ERR_CONFIG, "%.*s", (int)strcspn(sentence, "\n"), sentence);
}

int config_accounts_from_json(struct arena *arena, struct bytes json, struct config_account **out,
                              uint32_t *count, struct error *e)
{
    struct yaml_report report = {0};
    struct config *config = config_open_accounts("accounts", json, &report);
    int r = !config || report.errors ? first_mistake(&report, e) : 0;
    *out = NULL;
    *count = 0;
    if (!r) {
        *count = config->account_count;
        *out = arena_alloc(arena, (*count + (size_t)1) * sizeof **out);
        for (uint32_t i = 0; i < *count; i++)
            (*out)[i] = *config_account_copy(arena, &config->accounts[i]);
    }
    config_close(config);
    buffer_wipe(&report.text);
    return r;
}
