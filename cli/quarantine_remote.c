/* A running Garner lists, shows and retries by an item's place, one request each. Names and their beginnings
 * are this side's; in a cluster each worker is asked for its own. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/quarantine.h"
#include "cli/remote.h"
#include "cli/say.h"

static struct operator_request request_of(enum quarantine_action action, const struct quarantine_found *found)
{
    struct operator_request request = {.kind = OPERATOR_QUARANTINE, .quarantine = {.action = action}};
    if (found) {
        request.quarantine.has_place = true;
        request.quarantine.place = (struct quarantine_place){found->shard, found->collection,
                                                             found->item.digest};
    }
    return request;
}

/* --- list --- */

static void add_all(struct quarantine_list *list, uint32_t client, const struct operator_items *items)
{
    for (uint32_t i = 0; i < items->count; i++) {
        const struct operator_item *from = &items->items[i];
        const struct operator_which *which = &from->collection;
        struct collection_key key = {.provider = which->provider,
                                     .account = which->account,
                                     .type = which->type,
                                     .region = which->region,
                                     .parent = which->parent};
        quarantine_add(list, &(struct quarantine_found){.client = client,
                                                        .shard = from->place.shard,
                                                        .collection = from->place.collection,
                                                        .key = quarantine_key(list, &key),
                                                        .item = from->item});
    }
}

/* All of one, a part at a time. */
static int gather(const struct quarantine_source *source, uint32_t client, const struct selection *selection,
                  struct quarantine_list *list, struct error *e)
{
    struct arena arena = {0};
    size_t first = list->count;
    bool more = true;
    int r = 0;
    while (!r && more) {
        struct operator_reply reply;
        const struct quarantine_found *last = list->count > first ? &list->items[list->count - 1] : NULL;
        struct operator_request request = request_of(QUARANTINE_LIST, last);
        request.quarantine.only = (struct operator_which){.account = remote_text(selection->account),
                                                          .region = remote_text(selection->region),
                                                          .type = remote_text(selection->type),
                                                          .parent = remote_text(selection->parent)};
        r = client_ask(source->clients[client], &request, &arena, &reply, e);
        if (!r)
            add_all(list, client, &reply.quarantine);
        more = !r && reply.quarantine.more;
        arena_reset(&arena);
    }
    arena_close(&arena);
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct quarantine_found *x = a, *y = b;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (x->collection != y->collection)
        return x->collection < y->collection ? -1 : 1;
    return memcmp(&x->item.digest, &y->item.digest, sizeof x->item.digest);
}

/* What one refuses, since it has nothing of it, another one may have. */
int quarantine_gather_at(const struct quarantine_source *source, const struct selection *selection,
                         struct quarantine_list *list, struct error *e)
{
    uint32_t refused = 0;
    int r = 0;
    for (uint32_t i = 0; i < source->client_count && !r; i++) {
        r = gather(source, i, selection, list, e);
        bool is_refused = r == ERR_USAGE || r == ERR_NOT_FOUND;
        refused += is_refused;
        if (is_refused && refused < source->client_count)
            r = 0;
    }
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, compare);
    return r;
}

/* --- one --- */

int quarantine_load_at(const struct quarantine_source *source, const struct quarantine_found *found,
                       struct arena *arena, struct quarantined *out, struct error *e)
{
    struct operator_request request = request_of(QUARANTINE_SHOW, found);
    struct operator_reply reply;
    int r = client_ask(source->clients[found->client], &request, arena, &reply, e);
    if (!r && reply.quarantine.count != 1)
        return error_set(e, ERR_BODY, "there was an answer without the item: is it a Garner?");
    if (!r)
        *out = reply.quarantine.items[0].item;
    return r;
}

/* What a listing took out meanwhile is none that stays. */
static int retry_one(struct client *client, const struct quarantine_found *found, struct printer *printer,
                     bool json, bool *stays, struct error *e)
{
    struct arena arena = {0};
    struct operator_request request = request_of(QUARANTINE_RETRY, found);
    struct operator_reply reply;
    int r = client_ask(client, &request, &arena, &reply, e);
    if (r == ERR_NOT_FOUND) {
        char digest[QUARANTINED_TEXT_BYTES];
        say("%.*s: %s", QUARANTINED_SHORT, quarantined_text(found->item.digest, digest), e->text);
        r = 0;
    } else if (!r) {
        quarantine_tell(printer, json, found, reply.quarantine.id, reply.quarantine.cause);
        *stays = *stays || reply.quarantine.cause.data;
    }
    arena_close(&arena);
    return r;
}

int quarantine_retry_at(const struct quarantine_source *source, const struct quarantine_list *list, bool json)
{
    struct printer printer;
    struct error e;
    bool stays = false;
    int r = 0, exit_code = 0;
    printer_open(&printer);
    for (size_t i = 0; i < list->count && !r; i++)
        if (list->items[i].is_wanted)
            r = retry_one(source->clients[list->items[i].client], &list->items[i], &printer, json, &stays,
                          &e);
    if (r)
        exit_code = say_error(&e);
    else if (stays)
        exit_code = EXIT_INCOMPLETE;
    int printed = printer_close(&printer);
    return exit_code ? exit_code : printed;
}
