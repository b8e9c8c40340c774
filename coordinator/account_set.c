/* Sorted arrays: most accounts come all at once, from a file. */
#include "coordinator/account_set.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/config/account_text.h"
#include "common/hash.h"

void account_entry_close(struct account_entry *entry)
{
    if (entry->text)
        explicit_bzero(entry->text, strlen(entry->text));
    free(entry->name);
    free(entry->text);
    free(entry->shown);
    free(entry->provider);
    free(entry->id);
}

void account_set_close(struct account_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        account_entry_close(&set->entries[i]);
    free(set->entries);
    *set = (struct account_set){0};
}

/* Where it is, or would be. */
static uint32_t place_of(const struct account_set *set, struct bytes name, bool *is_there)
{
    uint32_t from = 0, to = set->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (bytes_compare(bytes_of(set->entries[middle].name), name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *is_there = from < set->count && bytes_is(name, set->entries[from].name);
    return from;
}

const struct account_entry *account_set_find(const struct account_set *set, struct bytes name)
{
    bool is_there;
    uint32_t at = place_of(set, name, &is_there);
    return is_there ? &set->entries[at] : NULL;
}

static void insert(struct account_set *set, uint32_t at, struct account_entry entry)
{
    if (set->count == set->room) {
        set->room = set->room ? 2 * set->room : 16;
        set->entries = mem_resize(set->entries, set->room * sizeof *set->entries);
    }
    memmove(&set->entries[at + 1], &set->entries[at], (set->count - at) * sizeof *set->entries);
    set->entries[at] = entry;
    set->count++;
}

static char *take_text(struct buffer *buffer)
{
    char *text = mem_strdup(buffer_text(buffer));
    explicit_bzero(buffer->data, buffer->len);
    buffer_close(buffer);
    return text;
}

struct account_entry account_entry_of(const struct config_account *account, uint64_t revision)
{
    struct buffer name = {0}, text = {0}, shown = {0};
    buffer_printf(&name, "%s/%s", account->provider, account->id);
    config_account_to_json(account, &text);
    config_account_public_json(account, &shown);
    const uint64_t hash = hash64(buffer_bytes(&text));
    return (struct account_entry){.name = take_text(&name),
                                  .text = take_text(&text),
                                  .shown = take_text(&shown),
                                  .provider = mem_strdup(account->provider),
                                  .id = mem_strdup(account->id),
                                  .splits = account->splits,
                                  .hash = hash,
                                  .revision = revision};
}

void account_set_put(struct account_set *set, const struct config_account *account, uint64_t revision)
{
    struct account_entry entry = account_entry_of(account, revision);
    bool is_there;
    uint32_t at = place_of(set, bytes_of(entry.name), &is_there);
    if (!is_there) {
        insert(set, at, entry);
        return;
    }
    account_entry_close(&set->entries[at]);
    set->entries[at] = entry;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct account_entry *)a)->name, ((const struct account_entry *)b)->name);
}

void account_set_fill(struct account_set *set, const struct config *config)
{
    for (uint32_t i = 0; i < config->account_count; i++)
        insert(set, set->count, account_entry_of(&config->accounts[i], 0));
    if (set->count)
        qsort(set->entries, set->count, sizeof *set->entries, by_name);
}

void account_set_drop(struct account_set *set, struct bytes name)
{
    bool is_there;
    uint32_t at = place_of(set, name, &is_there);
    if (!is_there)
        return;
    account_entry_close(&set->entries[at]);
    memmove(&set->entries[at], &set->entries[at + 1], (--set->count - at) * sizeof *set->entries);
}
