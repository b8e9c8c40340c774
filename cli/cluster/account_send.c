#include "cli/cluster/account_send.h"

#include <string.h>

#include "cli/cluster/document.h"
#include "common/config/account_text.h"

enum { MANY = 500, BYTES_MOST = 256 << 10 }; /* of a message */

struct batch {
    struct arena arena; /* holds secrets, if any are written out */
    struct value documents;
    struct buffer packed;
};

/* How many of the accounts are in the batch. */
static int fill(struct batch *batch, const struct config_account *const *accounts, uint32_t count,
                uint32_t *filled, struct error *e)
{
    struct buffer text = {0};
    size_t bytes = 0;
    int r = 0;
    *filled = 0;
    batch->documents = value_array(&batch->arena, count < MANY ? count : MANY);
    while (!r && *filled < batch->documents.count && bytes < BYTES_MOST) {
        buffer_reset(&text);
        config_account_to_json(accounts[*filled], &text);
        bytes += text.len;
        r = value_from_json(&batch->arena, buffer_bytes(&text), &batch->documents.items[*filled], NULL, e);
        ++*filled;
    }
    batch->documents.count = *filled;
    buffer_wipe(&text);
    return r;
}

static int send(struct ask *ask, struct batch *batch, struct value *answer, struct error *e)
{
    value_to_msgpack(&batch->documents, &batch->packed);
    const struct cluster_ask what = {.verb = CLUSTER_ACCOUNTS_ADD, .document = buffer_bytes(&batch->packed)};
    int r = ask_try(ask, &what, answer, e);
    if (!r && document_list(answer, "accounts")->count != batch->documents.count)
        r = error_set(e, ERR_BODY,
                      "%s: the answer isn't of the accounts that were sent: is it another version of "
                      "garner?",
                      ask->address);
    return r;
}

static void tell(const struct config_account *account, const struct value *result, struct arena *arena,
                 void *context,
                 void (*told)(void *context, const struct config_account *account, const char *why))
{
    struct bytes why = document_text(result, "error");
    told(context, account, why.data ? arena_strdup(arena, why) : NULL);
}

int account_send(struct ask *ask, const struct config_account *const *accounts, uint32_t count, void *context,
                 void (*told)(void *context, const struct config_account *account, const char *why),
                 struct error *e)
{
    int r = 0;
    for (uint32_t at = 0, filled = 0; !r && at < count; at += filled) {
        struct batch batch = {0};
        struct value answer;
        r = fill(&batch, accounts + at, count - at, &filled, e);
        if (!r)
            r = send(ask, &batch, &answer, e);
        for (uint32_t i = 0; !r && i < filled; i++)
            tell(accounts[at + i], &document_list(&answer, "accounts")->items[i], &ask->arena, context, told);
        buffer_wipe(&batch.packed);
        arena_close(&batch.arena);
    }
    return r;
}
