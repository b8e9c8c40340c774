/* One pass over all collections' keys, and what a census makes of it. */
#include "cli/say.h"
#include "cli/select.h"
#include "worker/store/census.h"

static int count(void *context, uint32_t id, const struct collection_key *key)
{
    (void)id;
    census_add(context, key);
    return 0;
}

static int count_shard(struct folder *folder, uint32_t shard, struct census *census, struct error *e)
{
    struct store *store;
    int r = select_store(folder, shard, &store, e);
    if (r || !store)
        return r;
    r = store_read(store, e);
    if (!r)
        r = store_collection_keys_each(store, count, census, e);
    store_done(store);
    return r;
}

static struct bytes wanted(const char *text)
{
    return text ? bytes_of(text) : (struct bytes){0};
}

static int check(struct folder *folder, const struct selection *selection, bool lenient)
{
    struct census census = {.wanted = {wanted(selection->account), wanted(selection->region),
                                       wanted(selection->type), wanted(selection->parent)}};
    struct error e;
    int exit_code = 0, r = 0;
    for (uint32_t i = 0; i < folder->shards && !r; i++)
        r = count_shard(folder, i, &census, &e);
    if (!r)
        r = census_check_account(&census, &e);
    if (r)
        exit_code = say_error(&e);
    else if ((!lenient || selection->type || selection->account) && census_check(&census, folder->path, &e))
        exit_code = lenient ? (say("%s", e.text), 0) : say_error(&e);
    census_close(&census);
    return exit_code;
}

int select_check(struct folder *folder, const struct selection *selection)
{
    return check(folder, selection, false);
}

int select_check_lenient(struct folder *folder, const struct selection *selection)
{
    return check(folder, selection, true);
}
