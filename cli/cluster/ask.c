/* Nothing is decided here: what a verb means, the coordinator says. Who answers is looked at first, since
 * what isn't a coordinator would answer with a riddle. */
#include "cli/cluster/ask.h"

#include "cli/remote.h"
#include "cli/say.h"
#include "common/limits.h"
#include "common/text.h"

/* `garner run` has one of its own. */
static bool has_coordinator(const struct client *client)
{
    return remote_is_coordinator(client) || bytes_is(client_peer(client)->role, "run");
}

int ask_open(const struct options *options, struct ask *ask)
{
    struct error e;
    *ask = (struct ask){.address = client_address(options->at)};
    int r = client_open(ask->address, NULL, &ask->client, &e);
    if (!r && !has_coordinator(ask->client))
        r = error_set(
            &e, ERR_USAGE,
            "at %s is no coordinator, but a garner %.*s: give the coordinator's address with --at or "
            "GARNER_AT",
            ask->address, BYTES_ARG(client_peer(ask->client)->role));
    if (!r)
        return 0;
    ask_close(ask);
    return say_error(&e);
}

void ask_close(struct ask *ask)
{
    client_close(ask->client);
    ask->client = NULL;
    arena_close(&ask->arena);
}

int ask_try(struct ask *ask, const struct cluster_ask *what, struct value *document, struct error *e)
{
    struct buffer packed = {0};
    struct operator_request request = {.kind = OPERATOR_CLUSTER};
    struct operator_reply reply;
    cluster_ask_pack(what, &packed);
    request.cluster = buffer_bytes(&packed);
    int r = client_ask(ask->client, &request, &ask->arena, &reply, e);
    buffer_wipe(&packed); /* an account may have a secret that is written out */
    if (r)
        return r;
    if (value_from_msgpack(&ask->arena, reply.cluster, document, e) || document->type != VALUE_OBJECT)
        return error_set(e, ERR_BODY,
                         "%s: the answer to `%s` can't be read: is it another version of garner?",
                         ask->address, cluster_verb_name(what->verb));
    return 0;
}

int ask_cluster(struct ask *ask, const struct cluster_ask *what, struct value *document)
{
    struct error e;
    return ask_try(ask, what, document, &e) ? say_error(&e) : 0;
}

int ask_print_json(const struct value *document)
{
    struct printer printer;
    struct buffer text = {0};
    printer_open(&printer);
    value_to_json(document, &text);
    print_json(&printer, buffer_bytes(&text));
    buffer_close(&text);
    return printer_close(&printer);
}

int ask_and_print(const struct options *options, const struct cluster_ask *what,
                  void (*print)(struct printer *printer, const struct value *document))
{
    struct ask ask;
    struct value document;
    int exit_code = ask_open(options, &ask);
    if (!exit_code)
        exit_code = ask_cluster(&ask, what, &document);
    if (!exit_code && options->json) {
        exit_code = ask_print_json(&document);
    } else if (!exit_code && print) {
        struct printer printer;
        printer_open(&printer);
        print(&printer, &document);
        exit_code = printer_close(&printer);
    }
    ask_close(&ask);
    return exit_code;
}

/* --- operands --- */

static int check_worker(const char *what, const char *name)
{
    if (text_is_name(bytes_of(name), LIMIT_WORKER_NAME_BYTES))
        return 0;
    say("%s '%s': a worker's name has 1 to %d bytes, without control characters: `garner workers` lists them",
        what, name, LIMIT_WORKER_NAME_BYTES);
    return EXIT_USAGE;
}

int ask_workers(struct arena *arena, const struct options *options, unsigned from, struct cluster_ask *what)
{
    struct bytes *names = arena_alloc(arena, (OPERANDS_MAX + 1) * sizeof *names);
    uint32_t count = 0;
    for (unsigned i = from; options->operands[i]; i++) {
        struct bytes name = bytes_of(options->operands[i]);
        bool is_new = true;
        for (uint32_t j = 0; j < count; j++)
            is_new = is_new && !bytes_equal(names[j], name);
        if (check_worker("WORKER", options->operands[i]))
            return EXIT_USAGE;
        if (is_new)
            names[count++] = name;
    }
    what->workers = names;
    what->worker_count = count;
    return 0;
}

int ask_worker(struct arena *arena, const char *option, const char *name, struct cluster_ask *what)
{
    struct bytes *one = arena_alloc(arena, sizeof *one);
    if (!name) {
        say("%s is missing: which worker? `garner workers` lists them", option);
        return EXIT_USAGE;
    }
    if (check_worker(option, name))
        return EXIT_USAGE;
    *one = bytes_of(name);
    what->workers = one;
    what->worker_count = 1;
    return 0;
}

int ask_number(const char *text, const char *what, uint64_t *number)
{
    if (bytes_to_u64(bytes_of(text), number))
        return 0;
    say("'%s' isn't %s", text, what);
    return EXIT_USAGE;
}

int ask_shard(const char *text, struct cluster_ask *what)
{
    uint64_t number;
    if (ask_number(text, "a shard's number: `garner shards` lists them", &number))
        return EXIT_USAGE;
    if (number >= LIMIT_SHARDS) {
        say("there is no shard %s: `garner shards` lists those there are", text);
        return EXIT_USAGE;
    }
    what->has_shard = true;
    what->shard = (uint32_t)number;
    return 0;
}
