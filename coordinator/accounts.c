/* Each account is kept as its text, which is one for equal accounts: so the version of all of them is a hash
 * of their texts, and stays what it is where nothing changed, also over several lives of the coordinator.
 *
 * The file's and those that were added are two sets, since each may change without the other; what counts is
 * a third one, made of these when it is asked for. */
#include "coordinator/accounts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/hash.h"
#include "common/limits.h"
#include "coordinator/account_set.h"
#include "coordinator/account_splits.h"

/* Nearly all lists are one part: only those of several can change while they are fetched. */
enum { PART_BYTES = 4 << 20 };

struct accounts {
    struct account_set file, added;
    struct account_splits splits;
    bool is_merged;                   /* as they are now: */
    const struct account_entry **all; /* that count, by name */
    uint32_t count;
    uint64_t version; /* of these */
};

/* --- what counts --- */

static void merge(struct accounts *accounts)
{
    const struct account_set *file = &accounts->file, *added = &accounts->added;
    struct buffer hashes = {0};
    uint32_t i = 0, j = 0;
    if (accounts->is_merged)
        return;
    accounts->all = mem_resize(accounts->all,
                               (file->count + added->count + (size_t)1) * sizeof *accounts->all);
    accounts->count = 0;
    while (i < file->count || j < added->count) {
        int order = i == file->count    ? 1
                    : j == added->count ? -1
                                        : strcmp(file->entries[i].name, added->entries[j].name);
        const struct account_entry *entry = order <= 0 ? &file->entries[i] : &added->entries[j];
        accounts->all[accounts->count++] = entry;
        buffer_add(&hashes, (const char *)&entry->hash, sizeof entry->hash);
        i += order <= 0;
        j += order >= 0;
    }
    accounts->version = hash64(buffer_bytes(&hashes)) | 1; /* never 0 */
    accounts->is_merged = true;
    buffer_close(&hashes);
}

void accounts_take_config(struct accounts *accounts, const struct config *config)
{
    account_set_close(&accounts->file);
    if (config)
        account_set_fill(&accounts->file, config);
    accounts->is_merged = false;
}

struct accounts *accounts_open(const struct config *config)
{
    struct accounts *accounts = mem_zalloc(sizeof *accounts);
    accounts_take_config(accounts, config);
    return accounts;
}

void accounts_close(struct accounts *accounts)
{
    if (!accounts)
        return;
    account_set_close(&accounts->file);
    account_set_close(&accounts->added);
    account_splits_close(&accounts->splits);
    free(accounts->all);
    free(accounts);
}

void accounts_drop(struct accounts *accounts, struct bytes name)
{
    account_set_drop(&accounts->added, name);
    accounts->is_merged = false;
}

/* --- what was kept --- */

/* One account of a text. */
static int read_one(struct arena *arena, struct bytes text, struct config_account **out, struct error *e)
{
    struct buffer list = {0};
    uint32_t count;
    buffer_add_char(&list, '[');
    buffer_add_bytes(&list, text);
    buffer_add_char(&list, ']');
    int r = config_accounts_from_json(arena, buffer_bytes(&list), out, &count, e);
    explicit_bzero(list.data, list.len);
    buffer_close(&list);
    if (!r && count != 1)
        r = error_set(e, ERR_CONFIG, "one account is to be added at a time, and there are %" PRIu32, count);
    return r;
}

int accounts_put(struct accounts *accounts, struct bytes name, struct bytes packed, uint64_t revision,
                 struct error *e)
{
    struct arena arena = {0};
    struct config_account *account;
    uint32_t splits;
    account_splits_drop(&accounts->splits, name);
    if (account_splits_unpack(packed, &splits)) {
        accounts_drop(accounts, name);
        account_splits_put(&accounts->splits, name, splits, revision);
        return 0;
    }
    int r = read_one(&arena, packed, &account, e);
    if (r)
        r = error_set(e, ERR_CORRUPT, "the record of account %.*s can't be read: restore the state",
                      BYTES_ARG(name));
    if (!r) {
        account_set_put(&accounts->added, account, revision);
        accounts->is_merged = false;
    }
    arena_close(&arena);
    return r;
}

uint32_t accounts_count(struct accounts *accounts)
{
    merge(accounts);
    return accounts->count;
}

uint64_t accounts_version(struct accounts *accounts)
{
    merge(accounts);
    return accounts->version;
}

/* --- edits --- */

static int check_splits(const struct account_split *kept, const struct config_account *account,
                        struct error *e)
{
    if (!kept || kept->splits == account->splits)
        return 0;
    return error_set(e, ERR_USAGE,
                     "account %s was harvested with splits: %" PRIu32
                     ", which is fixed since: what is stored of "
                     "it would not be found with %" PRIu32 ": add it with that number",
                     kept->name, kept->splits, account->splits);
}

static int make_edit(struct accounts *accounts, const struct config_account *account, struct arena *arena,
                     struct account_edit *edit, struct error *e)
{
    struct account_entry entry = account_entry_of(account, 0);
    const bool is_in_file = account_set_find(&accounts->file, bytes_of(entry.name));
    const bool is_there = is_in_file || account_set_find(&accounts->added, bytes_of(entry.name));
    *edit = (struct account_edit){arena_copy(arena, bytes_of(entry.name)),
                                  arena_copy(arena, bytes_of(entry.text)), 0};
    account_entry_close(&entry);
    const struct account_split *kept = account_splits_find(&accounts->splits, edit->name);
    edit->revision = kept ? kept->revision : 0;
    if (is_there)
        return error_set(e, ERR_USAGE, "account %.*s is there already%s: remove it first to change it",
                         BYTES_ARG(edit->name), is_in_file ? ", in the coordinator's configuration" : "");
    if (accounts_count(accounts) >= LIMIT_ACCOUNTS)
        return error_set(e, ERR_LIMIT, "there are %d accounts, and no more are possible", LIMIT_ACCOUNTS);
    return check_splits(kept, account, e);
}

int accounts_check_new(struct accounts *accounts, const struct value *document, struct arena *arena,
                       struct account_edit *edit, struct error *e)
{
    struct config_account *account;
    struct buffer text = {0};
    value_to_json(document, &text);
    int r = read_one(arena, buffer_bytes(&text), &account, e);
    if (!r)
        r = make_edit(accounts, account, arena, edit, e);
    buffer_wipe(&text);
    return r;
}

static int find(struct accounts *accounts, struct bytes name, const struct account_entry **out,
                struct error *e)
{
    uint32_t found = 0;
    *out = account_set_find(&accounts->file, name);
    if (!*out)
        *out = account_set_find(&accounts->added, name);
    if (*out)
        return 0;
    merge(accounts);
    for (uint32_t i = 0; i < accounts->count; i++)
        if (bytes_is(name, accounts->all[i]->id)) {
            *out = accounts->all[i];
            found++;
        }
    if (found == 1)
        return 0;
    if (found)
        return error_set(e, ERR_USAGE, "%" PRIu32 " providers have an account %.*s: say which, as %s", found,
                         BYTES_ARG(name), (*out)->name);
    return error_set(e, ERR_NOT_FOUND, "there is no account %.*s: `garner accounts list` has those there are",
                     BYTES_ARG(name));
}

int accounts_check_removal(struct accounts *accounts, struct bytes name, struct arena *arena,
                           struct account_edit *edit, struct error *e)
{
    const struct account_entry *entry;
    int r = find(accounts, name, &entry, e);
    if (r)
        return r;
    if (!entry->revision)
        return error_set(
            e, ERR_USAGE,
            "account %s stands in the coordinator's configuration: take it out there, and restart "
            "the coordinator, or send SIGHUP to `garner run`",
            entry->name);
    *edit = (struct account_edit){.name = arena_copy(arena, bytes_of(entry->name)),
                                  .revision = entry->revision};
    if (accounts->splits.count < 2 * LIMIT_ACCOUNTS)
        edit->packed = account_splits_pack(arena, entry->splits);
    return 0;
}

static int check_of_file(const struct accounts *accounts, const struct account_entry *entry, bool *is_kept,
                         struct error *e)
{
    const struct bytes name = bytes_of(entry->name);
    const struct account_split *kept = account_splits_find(&accounts->splits, name);
    const struct account_entry *added = account_set_find(&accounts->added, name);
    const uint32_t splits = added ? added->splits : kept ? kept->splits : entry->splits;
    *is_kept = added || kept;
    if (splits == entry->splits)
        return 0;
    return error_set(e, ERR_CONFIG,
                     "account %s: its `splits` is %" PRIu32 " and was %" PRIu32
                     " when it came to this cluster, and is fixed since: set it back in the configuration",
                     entry->name, entry->splits, splits);
}

int accounts_check_file(const struct accounts *accounts, struct arena *arena, struct account_edit **edits,
                        uint32_t *count, struct error *e)
{
    const struct account_set *file = &accounts->file;
    int r = 0;
    *edits = arena_alloc(arena, (file->count + (size_t)1) * sizeof **edits);
    *count = 0;
    for (uint32_t i = 0; i < file->count && !r; i++) {
        const struct account_entry *entry = &file->entries[i];
        bool is_kept;
        r = check_of_file(accounts, entry, &is_kept, e);
        if (!r && !is_kept)
            (*edits)[(*count)++] = (struct account_edit){arena_copy(arena, bytes_of(entry->name)),
                                                         account_splits_pack(arena, entry->splits), 0};
    }
    return r;
}

int accounts_find(struct accounts *accounts, struct bytes name, struct account_place *out, struct error *e)
{
    const struct account_entry *entry;
    int r = find(accounts, name, &entry, e);
    if (!r)
        *out = (struct account_place){bytes_of(entry->provider), bytes_of(entry->id), entry->splits};
    return r;
}

/* --- what there is --- */

struct value accounts_view(struct accounts *accounts, struct arena *arena)
{
    struct value object = value_object(arena, 1), list = value_array(arena, accounts_count(accounts));
    struct error e;
    for (uint32_t i = 0; i < accounts->count; i++) {
        const struct account_entry *entry = accounts->all[i];
        struct value shown, item = value_object(arena, 3);
        CHECK(value_from_json(arena, bytes_of(entry->shown), &shown, NULL, &e) == 0); /* ours */
        value_put(&item, BYTES("account"), value_string(arena_copy(arena, bytes_of(entry->name))));
        value_put(&item, BYTES("from"), value_string(entry->revision ? BYTES("added") : BYTES("file")));
        value_put(&item, BYTES("as"), shown);
        list.items[i] = item;
    }
    value_put(&object, BYTES("accounts"), list);
    return object;
}

struct value accounts_part(struct accounts *accounts, uint32_t from, struct arena *arena)
{
    const uint32_t all = accounts_count(accounts);
    struct value part = value_object(arena, 2);
    struct value documents = value_array(arena, from < all ? all - from : 0);
    size_t bytes = 0;
    uint32_t count = 0;
    while (from + count < all && bytes < PART_BYTES) {
        struct bytes text = bytes_of(accounts->all[from + count]->text);
        documents.items[count++] = value_string(arena_copy(arena, text));
        bytes += text.len;
    }
    documents.count = count;
    value_put(&part, BYTES("documents"), documents);
    value_put(&part, BYTES("next"), from + count < all ? value_u64(arena, from + count) : value_null());
    return part;
}

struct value accounts_added(const struct accounts *accounts, struct arena *arena)
{
    const struct account_set *added = &accounts->added;
    struct value documents = value_array(arena, added->count);
    for (uint32_t i = 0; i < added->count; i++)
        documents.items[i] = value_string(arena_copy(arena, bytes_of(added->entries[i].text)));
    return documents;
}
