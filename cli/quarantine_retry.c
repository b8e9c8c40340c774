/* retry: what can be digested by the rules of now leaves quarantine. It isn't stored: nobody knows whether it
 * is still there, and as it was. The next listing knows. */
#include "cli/quarantine.h"

#include "cli/data.h"
#include "cli/print.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "common/text.h"
#include "proto/wire.h"
#include "worker/harvest/redigest.h"
#include "worker/provider/check.h"

struct retry_run {
    const struct setup *setup;
    struct folder *folder;
    struct printer printer;
    bool json;
    uint64_t stayed;
};

static const struct config_account *find_account(const struct setup *setup, const struct collection_key *key)
{
    for (uint32_t i = 0; i < setup->config->account_count; i++) {
        const struct config_account *account = &setup->config->accounts[i];
        if (bytes_is(key->provider, account->provider) && bytes_is(key->account, account->id))
            return account;
    }
    return NULL;
}

static const struct provider *find_provider(const struct setup *setup, const char *name)
{
    uint32_t i = 0;
    while (i < setup->config->provider_count && !bytes_is(bytes_of(name), setup->providers[i]->name))
        i++;
    return i < setup->config->provider_count ? setup->providers[i] : NULL;
}

/* The item by the rules of now. ERR_ID, ERR_LIMIT, ERR_ITEMS and ERR_CONFIG: it stays. */
static int read_again(const struct setup *setup, struct store *store, const struct collection_record *record,
                      const struct quarantined *item, struct arena *arena, struct bytes *id,
                      struct error *why)
{
    const struct config_account *account = find_account(setup, &record->key);
    if (!account)
        return error_set(why, ERR_CONFIG, "the configuration has no such account");
    const struct provider *provider = find_provider(setup, account->provider);
    const struct collection_def *def = provider_find(provider, arena_strdup(arena, record->key.type));
    if (!def)
        return error_set(why, ERR_CONFIG, "the provider file has no such type");
    struct value none = {.type = VALUE_OBJECT}, vars = provider_vars(arena, provider, account);
    struct placeholders values = {
        .account_id = bytes_of(account->id),
        .account_keys = &account->keys,
        .credentials = &none,
        .vars = &vars,
    };
    return redigest(store, record, def, &values, item, arena, id, why);
}

static bool stays(int code)
{
    return code == ERR_ID || code == ERR_LIMIT || code == ERR_ITEMS || code == ERR_CONFIG;
}

void quarantine_tell(struct printer *printer, bool json, const struct quarantine_found *found,
                     struct bytes id, struct bytes cause)
{
    struct buffer text = {0};
    char digest[QUARANTINED_TEXT_BYTES];
    bool stays = cause.data != NULL;
    quarantined_text(found->item.digest, digest);
    if (json) {
        resource_json(&found->key, (struct bytes){0}, &text);
        buffer_printf(&text, ",\"digest\":\"%s\",\"released\":%s,\"id\":", digest, stays ? "false" : "true");
        json_add_optional(&text, stays ? (struct bytes){0} : id);
        buffer_add_text(&text, ",\"cause\":");
        json_add_optional(&text, cause);
        buffer_add_char(&text, '}');
        print_json(printer, buffer_bytes(&text));
    } else {
        buffer_printf(&text, "%.*s ", QUARANTINED_SHORT, digest);
        collection_key_text(&found->key, &text);
        if (stays)
            buffer_printf(&text, ": stays: %.*s", BYTES_ARG(cause));
        else
            buffer_printf(&text,
                          ": left quarantine: its id is '%.*s'; the next listing that meets it stores it",
                          BYTES_ARG(id));
        text_add_safe(&printer->out, buffer_bytes(&text));
        buffer_add_char(&printer->out, '\n');
    }
    buffer_close(&text);
}

static int release(struct store *store, struct collection_record *record, struct digest digest,
                   struct error *e)
{
    int r = store_quarantine_drop(store, record, digest, e);
    if (!r)
        r = store_collection_put(store, record, e);
    return r;
}

static int retry_one(struct retry_run *run, const struct quarantine_found *found, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    struct quarantined item;
    struct bytes id = {0};
    struct store *store;
    struct error why;
    int r = folder_store(run->folder, found->shard, &store, e);
    if (!r)
        r = store_write(store, e);
    if (!r)
        r = store_collection_by_id(store, found->collection, &arena, &record, e);
    if (!r)
        r = quarantine_read(store, found, &arena, &item, e);
    int code = r ? 0 : read_again(run->setup, store, &record, &item, &arena, &id, &why);
    if (!r && code && !stays(code))
        r = error_set(e, code, "%s", why.text);
    if (!r && !code)
        r = release(store, &record, item.digest, e);
    if (!r)
        r = store_commit(store, e);
    if (!r)
        quarantine_tell(&run->printer, run->json, found, id, code ? bytes_of(why.text) : (struct bytes){0});
    run->stayed += code != 0;
    arena_close(&arena);
    return r;
}

int quarantine_retry(struct folder *folder, const struct quarantine_list *list, const struct options *options)
{
    struct setup setup;
    struct retry_run run = {.setup = &setup, .folder = folder, .json = options->json};
    struct error e;
    int exit_code = setup_open(options->config, &setup), r = 0;
    if (exit_code)
        return exit_code;
    printer_open(&run.printer);
    for (size_t i = 0; i < list->count && !r; i++)
        if (list->items[i].is_wanted)
            r = retry_one(&run, &list->items[i], &e);
    if (r)
        exit_code = say_error(&e);
    else if (run.stayed)
        exit_code = EXIT_INCOMPLETE;
    setup_close(&setup);
    int printed = printer_close(&run.printer);
    return exit_code ? exit_code : printed;
}
