/* Each account is kept as its text, which is one for equal accounts: so the version of all of them is a hash
 * of their texts, and stays what it is where nothing changed, also over several lives of the coordinator. */
#include "coordinator/accounts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/hash.h"
#include "common/limits.h"

enum { PART_BYTES = 512 << 10 };

struct entry {
    char *name; /* "provider/id" */
    char *text; /* with secrets that are written out */
    char *shown;
    char *provider, *id;
    uint32_t splits;
    uint64_t revision; /* as it is kept; 0: it stands in the file */
};

/* One that was removed: what is stored of it is where its `splits` put it, and must be found there again. */
struct gone {
    char *name;
    uint32_t splits;
    uint64_t revision;
};

struct accounts {
    struct entry *entries; /* by name */
    uint32_t count, room;
    struct gone *gone;
    uint32_t gone_count, gone_room;
};

/* --- the list --- */

static void close_entry(struct entry *entry)
{
    if (entry->text)
        explicit_bzero(entry->text, strlen(entry->text));
    free(entry->name);
    free(entry->text);
    free(entry->shown);
    free(entry->provider);
    free(entry->id);
}

/* Where it is, or would be. */
static uint32_t place_of(const struct accounts *accounts, struct bytes name, bool *is_there)
{
    uint32_t from = 0, to = accounts->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (bytes_compare(bytes_of(accounts->entries[middle].name), name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *is_there = from < accounts->count && bytes_is(name, accounts->entries[from].name);
    return from;
}

static void insert(struct accounts *accounts, uint32_t at, struct entry entry)
{
    if (accounts->count == accounts->room) {
        accounts->room = accounts->room ? 2 * accounts->room : 16;
        accounts->entries = mem_resize(accounts->entries, accounts->room * sizeof *accounts->entries);
    }
    memmove(&accounts->entries[at + 1], &accounts->entries[at],
            (accounts->count - at) * sizeof *accounts->entries);
    accounts->entries[at] = entry;
    accounts->count++;
}

static char *take_text(struct buffer *buffer)
{
    char *text = mem_strdup(buffer_text(buffer));
    explicit_bzero(buffer->data, buffer->len);
    buffer_close(buffer);
    return text;
}

static struct entry entry_of(const struct config_account *account, uint64_t revision)
{
    struct buffer name = {0}, text = {0}, shown = {0};
    buffer_printf(&name, "%s/%s", account->provider, account->id);
    config_account_to_json(account, &text);
    config_account_public_json(account, &shown);
    return (struct entry){.name = take_text(&name),
                          .text = take_text(&text),
                          .shown = take_text(&shown),
                          .provider = mem_strdup(account->provider),
                          .id = mem_strdup(account->id),
                          .splits = account->splits,
                          .revision = revision};
}

static void put(struct accounts *accounts, const struct config_account *account, uint64_t revision)
{
    struct entry entry = entry_of(account, revision);
    bool is_there;
    uint32_t at = place_of(accounts, bytes_of(entry.name), &is_there);
    if (!is_there) {
        insert(accounts, at, entry);
        return;
    }
    close_entry(&accounts->entries[at]);
    accounts->entries[at] = entry;
}

int accounts_open(const struct config *config, struct accounts **out, struct error *e)
{
    struct accounts *accounts = *out = mem_zalloc(sizeof *accounts);
    (void)e;
    for (uint32_t i = 0; config && i < config->account_count; i++)
        put(accounts, &config->accounts[i], 0);
    return 0;
}

void accounts_close(struct accounts *accounts)
{
    for (uint32_t i = 0; accounts && i < accounts->count; i++)
        close_entry(&accounts->entries[i]);
    for (uint32_t i = 0; accounts && i < accounts->gone_count; i++)
        free(accounts->gone[i].name);
    if (accounts) {
        free(accounts->entries);
        free(accounts->gone);
    }
    free(accounts);
}

void accounts_drop(struct accounts *accounts, struct bytes name)
{
    bool is_there;
    uint32_t at = place_of(accounts, name, &is_there);
    if (!is_there)
        return;
    close_entry(&accounts->entries[at]);
    memmove(&accounts->entries[at], &accounts->entries[at + 1],
            (--accounts->count - at) * sizeof *accounts->entries);
}

/* --- those that were removed --- */

static struct gone *find_gone(const struct accounts *accounts, struct bytes name)
{
    for (uint32_t i = 0; i < accounts->gone_count; i++)
        if (bytes_is(name, accounts->gone[i].name))
            return &accounts->gone[i];
    return NULL;
}

static void forget_gone(struct accounts *accounts, struct bytes name)
{
    struct gone *gone = find_gone(accounts, name);
    if (!gone)
        return;
    free(gone->name);
    *gone = accounts->gone[--accounts->gone_count];
}

static void add_gone(struct accounts *accounts, struct bytes name, uint32_t splits, uint64_t revision)
{
    char *text = mem_alloc(name.len + 1);
    bytes_put(text, name);
    text[name.len] = 0;
    if (accounts->gone_count == accounts->gone_room) {
        accounts->gone_room = accounts->gone_room ? 2 * accounts->gone_room : 16;
        accounts->gone = mem_resize(accounts->gone, accounts->gone_room * sizeof *accounts->gone);
    }
    accounts->gone[accounts->gone_count++] = (struct gone){text, splits, revision};
}

/* "gone 4": it had that many splits. */
static bool read_gone(struct bytes packed, uint32_t *splits)
{
    uint64_t number;
    if (!bytes_starts(packed, "gone ") || !bytes_to_u64(bytes_from(packed, strlen("gone ")), &number) ||
        number < 1 || number > LIMIT_SPLITS)
        return false;
    *splits = (uint32_t)number;
    return true;
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
    bool is_there;
    uint32_t at = place_of(accounts, name, &is_there);
    forget_gone(accounts, name);
    if (read_gone(packed, &splits)) {
        if (is_there && accounts->entries[at].revision)
            accounts_drop(accounts, name);
        add_gone(accounts, name, splits, revision);
        return 0;
    }
    int r = read_one(&arena, packed, &account, e);
    if (r)
        r = error_set(e, ERR_CORRUPT, "the record of account %.*s can't be read: restore the state",
                      BYTES_ARG(name));
    else if (!is_there || accounts->entries[at].revision) /* what stands in the file is newer */
        put(accounts, account, revision);
    arena_close(&arena);
    return r;
}

uint32_t accounts_count(const struct accounts *accounts)
{
    return accounts->count;
}

uint64_t accounts_version(const struct accounts *accounts)
{
    struct buffer all = {0};
    for (uint32_t i = 0; i < accounts->count; i++) {
        uint64_t hash = hash64(bytes_of(accounts->entries[i].text));
        buffer_add(&all, (const char *)&hash, sizeof hash);
    }
    uint64_t version = hash64(buffer_bytes(&all)) | 1; /* never 0 */
    buffer_close(&all);
    return version;
}

/* --- edits --- */

static int check_splits(const struct gone *gone, const struct config_account *account, struct error *e)
{
    if (!gone || gone->splits == account->splits)
        return 0;
    return error_set(e, ERR_USAGE,
                     "account %s was harvested with splits: %" PRIu32
                     ", which is fixed since: what is stored of "
                     "it would not be found with %" PRIu32 ": add it with that number",
                     gone->name, gone->splits, account->splits);
}

static int make_edit(const struct accounts *accounts, const struct config_account *account,
                     struct arena *arena, struct account_edit *edit, struct error *e)
{
    struct entry entry = entry_of(account, 0);
    bool is_there;
    uint32_t at = place_of(accounts, bytes_of(entry.name), &is_there);
    *edit = (struct account_edit){arena_copy(arena, bytes_of(entry.name)),
                                  arena_copy(arena, bytes_of(entry.text)), 0};
    close_entry(&entry);
    const struct gone *gone = find_gone(accounts, edit->name);
    edit->revision = gone ? gone->revision : 0;
    if (is_there)
        return error_set(e, ERR_USAGE, "account %.*s is there already%s: remove it first to change it",
                         BYTES_ARG(edit->name),
                         accounts->entries[at].revision ? "" : ", in the coordinator's configuration");
    if (accounts->count >= LIMIT_ACCOUNTS)
        return error_set(e, ERR_LIMIT, "there are %d accounts, and no more are possible", LIMIT_ACCOUNTS);
    return check_splits(gone, account, e);
}

int accounts_check_new(struct accounts *accounts, struct bytes document, struct arena *arena,
                       struct account_edit *edit, struct error *e)
{
    struct config_account *account;
    struct value value;
    struct buffer text = {0};
    int r = value_from_msgpack(arena, document, &value, e);
    if (!r) {
        value_to_json(&value, &text);
        r = read_one(arena, buffer_bytes(&text), &account, e);
    }
    if (!r)
        r = make_edit(accounts, account, arena, edit, e);
    if (text.len)
        explicit_bzero(text.data, text.len);
    buffer_close(&text);
    return r;
}

static int find(const struct accounts *accounts, struct bytes name, uint32_t *at, struct error *e)
{
    bool is_there;
    uint32_t found = 0;
    *at = place_of(accounts, name, &is_there);
    if (is_there)
        return 0;
    for (uint32_t i = 0; i < accounts->count; i++)
        if (bytes_is(name, accounts->entries[i].id)) {
            *at = i;
            found++;
        }
    if (found == 1)
        return 0;
    if (found)
        return error_set(e, ERR_USAGE, "%" PRIu32 " providers have an account %.*s: say which, as %s", found,
                         BYTES_ARG(name), accounts->entries[*at].name);
    return error_set(e, ERR_NOT_FOUND, "there is no account %.*s: `garner accounts list` has those there are",
                     BYTES_ARG(name));
}

int accounts_check_removal(const struct accounts *accounts, struct bytes name, struct arena *arena,
                           struct account_edit *edit, struct error *e)
{
    uint32_t at;
    int r = find(accounts, name, &at, e);
    if (r)
        return r;
    const struct entry *entry = &accounts->entries[at];
    if (!entry->revision)
        return error_set(
            e, ERR_USAGE,
            "account %s stands in the coordinator's configuration: take it out there, and restart "
            "the coordinator",
            entry->name);
    *edit = (struct account_edit){.name = arena_copy(arena, bytes_of(entry->name)),
                                  .revision = entry->revision};
    if (accounts->gone_count < LIMIT_ACCOUNTS)
        edit->packed = bytes_of(arena_printf(arena, "gone %" PRIu32, entry->splits));
    return 0;
}

int accounts_find(const struct accounts *accounts, struct bytes name, struct account_place *out,
                  struct error *e)
{
    uint32_t at;
    int r = find(accounts, name, &at, e);
    if (!r)
        *out = (struct account_place){bytes_of(accounts->entries[at].provider),
                                      bytes_of(accounts->entries[at].id), accounts->entries[at].splits};
    return r;
}

/* --- what there is --- */

struct value accounts_view(const struct accounts *accounts, struct arena *arena)
{
    struct value object = value_object(arena, 1), list = value_array(arena, accounts->count);
    struct error e;
    for (uint32_t i = 0; i < accounts->count; i++) {
        const struct entry *entry = &accounts->entries[i];
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

struct value accounts_part(const struct accounts *accounts, uint32_t from, struct arena *arena)
{
    struct value part = value_object(arena, 2);
    struct value documents = value_array(arena, from < accounts->count ? accounts->count - from : 0);
    size_t bytes = 0;
    uint32_t count = 0;
    while (from + count < accounts->count && bytes < PART_BYTES) {
        struct bytes text = bytes_of(accounts->entries[from + count].text);
        documents.items[count++] = value_string(arena_copy(arena, text));
        bytes += text.len;
    }
    documents.count = count;
    value_put(&part, BYTES("documents"), documents);
    value_put(&part, BYTES("next"),
              from + count < accounts->count ? value_u64(arena, from + count) : value_null());
    return part;
}
