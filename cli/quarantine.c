/* Which items a command is about. There are few, and most collections have none, which their records tell. */
#include "cli/quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "common/check.h"
#include "common/nearest.h"

struct gathering {
    struct quarantine_list *list;
    const struct collection_record *record;
    struct collection_key key;
    uint32_t shard;
};

static struct bytes keep(struct arena *arena, struct bytes text)
{
    return text.data ? arena_copy(arena, text) : text;
}

void quarantine_add(struct quarantine_list *list, const struct quarantine_found *one)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->items = mem_resize(list->items, list->cap * sizeof *list->items);
    }
    struct quarantine_found *found = &list->items[list->count++];
    *found = *one;
    found->is_wanted = true;
    found->item.id = keep(&list->arena, one->item.id);
    found->item.cause = arena_strdup(&list->arena, bytes_of(one->item.cause));
    found->item.item = found->item.beginning = (struct bytes){0};
}

struct collection_key quarantine_key(struct quarantine_list *list, const struct collection_key *key)
{
    struct arena *arena = &list->arena;
    return (struct collection_key){keep(arena, key->provider), keep(arena, key->account),
                                   keep(arena, key->type), keep(arena, key->region),
                                   keep(arena, key->parent)};
}

static int add(void *context, const struct quarantined *item)
{
    struct gathering *g = context;
    quarantine_add(g->list,
                   &(struct quarantine_found){
                       .shard = g->shard, .collection = g->record->id, .key = g->key, .item = *item});
    return 0;
}

static int visit(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct gathering g = {.list = context, .record = record, .shard = store_shard(store)};
    if (!record->quarantined)
        return 0;
    g.key = quarantine_key(g.list, &record->key);
    return store_quarantine_each(store, record->id, add, &g, e);
}

int quarantine_gather(const struct quarantine_source *source, const struct selection *selection,
                      struct quarantine_list *list)
{
    struct error e;
    *list = (struct quarantine_list){0};
    int r = source->clients ? quarantine_gather_at(source, selection, list, &e)
                            : select_each(source->folder, selection, visit, list, &e);
    return r ? say_error(&e) : 0;
}

void quarantine_close(struct quarantine_list *list)
{
    arena_close(&list->arena);
    free(list->items);
    *list = (struct quarantine_list){0};
}

size_t quarantine_choose(struct quarantine_list *list, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        char digest[QUARANTINED_TEXT_BYTES];
        quarantined_text(list->items[i].item.digest, digest);
        list->items[i].is_wanted = *name && strncasecmp(digest, name, strlen(name)) == 0;
        count += list->items[i].is_wanted;
    }
    return count;
}

void quarantine_say_none(const struct quarantine_list *list, const char *name)
{
    struct arena arena = {0};
    const char **words = arena_alloc(&arena, (list->count + 1) * sizeof *words);
    size_t len = strlen(name);
    for (size_t i = 0; i < list->count; i++) {
        char digest[QUARANTINED_TEXT_BYTES];
        quarantined_text(list->items[i].item.digest, digest);
        words[i] = arena_strdup(&arena, (struct bytes){digest, len < QUARANTINED_SHORT ? QUARANTINED_SHORT
                                                               : len < sizeof digest   ? len
                                                                                       : sizeof digest - 1});
    }
    const char *nearest = nearest_word(bytes_of(name), words, list->count);
    if (!list->count)
        say("no item '%s' is in quarantine: nothing is", name);
    else if (nearest)
        say("no item '%s' is in quarantine: did you mean '%s'?", name, nearest);
    else
        say("no item '%s' is in quarantine: `garner quarantine list` shows all that are", name);
    arena_close(&arena);
}

int quarantine_load(const struct quarantine_source *source, const struct quarantine_found *found,
                    struct arena *arena, struct quarantined *out, struct error *e)
{
    struct store *store;
    if (source->clients)
        return quarantine_load_at(source, found, arena, out, e);
    int r = folder_store(source->folder, found->shard, &store, e);
    if (!r)
        r = store_read(store, e);
    if (r)
        return r;
    r = quarantine_read(store, found, arena, out, e);
    store_done(store);
    return r;
}

int quarantine_read(struct store *store, const struct quarantine_found *found, struct arena *arena,
                    struct quarantined *out, struct error *e)
{
    char digest[QUARANTINED_TEXT_BYTES];
    int r = store_quarantine_get(store, found->collection, found->item.digest, arena, out, e);
    if (r == ERR_NOT_FOUND)
        return error_set(e, r, "item %.*s was in quarantine a moment ago, and isn't any more",
                         QUARANTINED_SHORT, quarantined_text(found->item.digest, digest));
    return r;
}
