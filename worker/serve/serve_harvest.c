/* harvest: the run does it. Whose account is meant, and why nothing of it is harvested, what is stored says.
 */
#include "worker/run/control.h"
#include "worker/serve/internal.h"

static int count(void *context, uint32_t id, const struct collection_key *key)
{
    (void)id;
    census_add(context, key);
    return 0;
}

int serve_census(struct serve *serve, const struct operator_which *which, struct census *census,
                 struct error *e)
{
    struct store *store;
    int r = 0;
    *census = (struct census){.wanted = {which->account, which->region, which->type, which->parent}};
    for (uint32_t i = 0; i < serve->set.folder->shards && !r; i++) {
        r = serve_reader(serve, i, &store, e);
        if (r || !store)
            continue;
        r = store_read(store, e);
        if (!r)
            r = store_collection_keys_each(store, count, census, e);
        store_done(store);
    }
    return r;
}

static int harvest(struct serve *serve, const struct operator_which *which, const struct census *census,
                   uint64_t *collections, struct error *e)
{
    struct control_which control = {.region = which->region, .type = which->type};
    if (census->account.data && which->account.data) {
        control.provider = census->provider;
        control.account = census->account;
    } else if (which->account.data) { /* nothing of it is stored, and it may be configured all the same */
        filter_split_account(which->account, &control.provider, &control.account);
    }
    return control_harvest(serve->crew, &control, collections, e);
}

int serve_harvest(struct serve *serve, const struct operator_which *which, struct operator_reply *reply,
                  struct error *e)
{
    struct census census;
    int r = serve_census(serve, which, &census, e);
    if (!r)
        r = census_check_account(&census, e);
    if (!r)
        r = harvest(serve, which, &census, &reply->collections, e);
    if (!r && !reply->collections)
        r = census_check(&census, serve->set.folder->path, e);
    if (!r && !reply->collections)
        r = error_set(
            e, ERR_USAGE,
            "nothing of that is harvested by this run: is its account in the configuration, and its type "
            "in the provider file?");
    census_close(&census);
    return r;
}
