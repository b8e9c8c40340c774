#include "cli/cluster/fan.h"

#include <inttypes.h>

#include "cli/cluster/document.h"
#include "cli/say.h"

/* --- whom --- */

static bool is_owner(const struct value *shards, struct bytes name)
{
    bool is = false;
    for (uint32_t i = 0; i < shards->count; i++)
        is = is || bytes_equal(document_text(&shards->items[i], "owner"), name);
    return is;
}

/* `shards` null: whoever owns any. */
static void add_workers(struct fan *fan, const struct value *workers, const struct value *shards)
{
    fan->workers = arena_zalloc(&fan->arena, (workers->count + (size_t)1) * sizeof *fan->workers);
    for (uint32_t i = 0; i < workers->count; i++) {
        const struct value *worker = &workers->items[i];
        struct bytes name = document_text(worker, "worker"), address = document_text(worker, "address");
        bool is_meant = shards ? is_owner(shards, name) : document_u64(worker, "shards") > 0;
        bool is_there = bytes_is(document_text(worker, "state"), "alive") && address.len;
        if (is_meant)
            fan->workers[fan->count++] =
                (struct fan_worker){.name = arena_strdup(&fan->arena, name),
                                    .address = is_there ? arena_strdup(&fan->arena, address) : NULL};
    }
}

static void say_waiting(struct fan *fan, const struct value *shards)
{
    for (uint32_t i = 0; i < shards->count; i++) {
        const struct value *shard = &shards->items[i];
        struct bytes state = document_text(shard, "state"), why = document_text(shard, "why");
        if (bytes_is(state, "served") || bytes_is(state, "moving"))
            continue;
        fan->waiting++;
        say("shard %" PRIu64 " of %s isn't harvested by anybody now: %.*s", document_u64(shard, "shard"),
            fan->account, BYTES_ARG(why));
    }
}

int fan_open(struct ask *ask, struct bytes account, struct fan *fan)
{
    struct value workers, where;
    *fan = (struct fan){0};
    int exit_code = ask_cluster(ask, &(struct cluster_ask){.verb = CLUSTER_WORKERS}, &workers);
    if (!exit_code && account.data)
        exit_code = ask_cluster(ask, &(struct cluster_ask){.verb = CLUSTER_WHERE, .account = account},
                                &where);
    if (exit_code)
        return exit_code;
    if (account.data) {
        fan->account = arena_strdup(&fan->arena, document_name(&where, "account"));
        say_waiting(fan, document_list(&where, "shards"));
    }
    add_workers(fan, document_list(&workers, "workers"),
                account.data ? document_list(&where, "shards") : NULL);
    return 0;
}

void fan_close(struct fan *fan)
{
    arena_close(&fan->arena);
    *fan = (struct fan){0};
}

/* --- each of them --- */

static int connect_to(const struct fan_worker *worker, struct client **client, struct error *e)
{
    *client = NULL;
    return worker->address ? client_open(worker->address, NULL, client, e)
                           : error_set(e, ERR_CONNECT, "it isn't there now (`garner workers`)");
}

int fan_connect(struct fan *fan, struct client ***clients, uint32_t *count)
{
    int exit_code = fan->waiting ? EXIT_INCOMPLETE : 0;
    *clients = arena_zalloc(&fan->arena, (fan->count + (size_t)1) * sizeof **clients);
    *count = 0;
    for (uint32_t i = 0; i < fan->count; i++) {
        struct error e;
        if (connect_to(&fan->workers[i], &(*clients)[*count], &e) == 0) {
            ++*count;
            continue;
        }
        say("worker %s couldn't be asked: %s", fan->workers[i].name, e.text);
        exit_code = EXIT_INCOMPLETE;
    }
    return exit_code;
}

static int ask_one(const struct fan_worker *worker, struct operator_request *request, struct arena *arena,
                   struct operator_reply *reply, struct error *e)
{
    struct client *client;
    int r = connect_to(worker, &client, e);
    if (!r)
        r = client_ask(client, request, arena, reply, e);
    client_close(client);
    return r;
}

static bool is_refusal(int code)
{
    return code == ERR_USAGE || code == ERR_NOT_FOUND;
}

int fan_ask(struct fan *fan, struct operator_request *request, void *context,
            void (*take)(void *context, const struct operator_reply *reply))
{
    struct arena arena = {0};
    struct error e, refused = {.code = ERR_OK};
    bool is_answered = false;
    int exit_code = fan->waiting ? EXIT_INCOMPLETE : 0;
    if (fan->account)
        request->which.account = bytes_of(fan->account);
    for (uint32_t i = 0; i < fan->count; i++) {
        struct fan_worker *worker = &fan->workers[i];
        struct operator_reply reply;
        int r = ask_one(worker, request, &arena, &reply, &e);
        worker->is_heard = !r || is_refusal(r);
        is_answered = is_answered || !r;
        if (!r) {
            take(context, &reply);
        } else if (is_refusal(r)) {
            refused = refused.code ? refused : e;
        } else {
            say("worker %s couldn't be asked: %s", worker->name, e.text);
            exit_code = EXIT_INCOMPLETE;
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
    return !is_answered && refused.code ? say_error(&refused) : exit_code;
}
