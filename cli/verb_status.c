/* status: how the harvests are doing: what is wrong, how old what we know is, and what to do. */
#include "cli/cluster/status.h"
#include "cli/data.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/status_print.h"
#include "cli/verbs.h"
#include "common/clock.h"
#include "common/limits.h"
#include "worker/status/collect.h"

struct gathering {
    const struct setup *setup; /* null: no definitions are known */
    struct tally tally;
    struct arena arena;
};

static const struct collection_def *definition_of(const struct setup *setup, const struct collection_key *key)
{
    const struct collection_def *definition = NULL;
    char type[LIMIT_NAME_BYTES + 1];
    if (!setup || key->type.len >= sizeof type)
        return NULL;
    memcpy(type, key->type.data, key->type.len);
    type[key->type.len] = 0;
    for (uint32_t i = 0; i < setup->config->provider_count && !definition; i++)
        if (bytes_is(key->provider, setup->providers[i]->name))
            definition = provider_find(setup->providers[i], type);
    return definition;
}

static int visit(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct gathering *g = context;
    struct tally_entry entry = {.state = STATE_WAITING};
    struct receipt last;
    arena_reset(&g->arena);
    int r = collect_entry(store, record, definition_of(g->setup, &record->key), &g->arena, &entry, &last, e);
    if (r)
        return r;
    tally_add(&g->tally, &entry);
    if (last.id.harvest && !entry.is_unwatched)
        tally_add_receipt(&g->tally, &last, record->rows);
    return 0;
}

/* `name`: of the folder, or where it runs. */
static int print(const struct status *status, const char *name, bool json)
{
    struct printer printer;
    struct buffer text = {0};
    printer_open(&printer);
    if (json) {
        status_to_json(status, &text);
        print_json(&printer, buffer_bytes(&text));
    } else {
        status_print(&printer, status, name);
    }
    buffer_close(&text);
    int printed = printer_close(&printer);
    if (!json && !status->collections)
        say(status->started_ms ? "it harvests nothing of that: `garner receipts` shows what there is"
                               : "nothing was harvested yet: `garner run -c FILE` does");
    else if (!json && status->ages[TALLY_UNKNOWN].collections)
        say("of some collections the period isn't known, so whether they are late isn't either: name the "
            "configuration with -c FILE, too");
    return !status_is_well(status) ? EXIT_INCOMPLETE : printed;
}

static int show(const struct options *options, struct folder *folder, const struct setup *setup)
{
    struct selection selection = {options->account, NULL, options->type, NULL};
    struct gathering g = {.setup = setup};
    struct error e;
    if (options->account || options->type) {
        int exit_code = select_check(folder, &selection);
        if (exit_code)
            return exit_code;
    }
    tally_begin(&g.tally, clock_wall_ms(), LIMIT_STATUS_TROUBLES);
    int r = select_each(folder, &selection, visit, &g, &e);
    int exit_code = r ? say_error(&e) : print(tally_end(&g.tally), folder->path, options->json);
    tally_close(&g.tally);
    arena_close(&g.arena);
    return exit_code;
}

static int ask_run(const struct options *options, struct client *client, const char *address)
{
    struct arena arena = {0};
    struct buffer packed = {0};
    struct operator_reply reply;
    struct status status;
    struct error e;
    const struct bytes account = remote_text(options->account);
    const struct status_request asked = {.accounts = {&account, account.data != NULL},
                                         .type = remote_text(options->type)};
    status_request_pack(&asked, &packed);
    struct operator_request request = {.kind = OPERATOR_STATUS, .status = buffer_bytes(&packed)};
    int r = client_ask(client, &request, &arena, &reply, &e);
    if (!r)
        r = status_unpack(&arena, reply.status, &status, &e);
    int exit_code = r ? say_error(&e) : print(&status, address, options->json);
    buffer_close(&packed);
    arena_close(&arena);
    return exit_code;
}

static int ask(const struct options *options, const char *address)
{
    struct client *client;
    int exit_code = remote_open(address, &client);
    if (exit_code)
        return exit_code;
    exit_code = remote_is_coordinator(client) ? cluster_status(options, client, address)
                                              : ask_run(options, client, address);
    client_close(client);
    return exit_code;
}

static int read_folder(const struct options *options)
{
    struct folder folder;
    struct setup setup = {0};
    int exit_code = data_open(options, &folder);
    if (exit_code)
        return exit_code;
    if (options->config)
        exit_code = setup_read(options->config, &setup);
    if (!exit_code)
        exit_code = show(options, &folder, options->config ? &setup : NULL);
    setup_close(&setup);
    folder_close(&folder);
    return exit_code;
}

static int run(const struct options *options)
{
    int exit_code;
    const char *address = remote_address(options, &exit_code);
    if (exit_code)
        return exit_code;
    return address ? ask(options, address) : read_folder(options);
}

const struct verb verb_status = {
    .name = "status",
    .summary = "print how the harvests are doing, and what is wrong",
    .operands = "",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_TYPE,
    .about =
        "Print an overview (collections, how old what is known of them is, what harvests cost), then what "
        "is wrong, a line each: what can't be reached, fails, is held back, quarantined, or is older than "
        "three of its periods; with its cause, and what to do. With --data alone periods aren't known: name "
        "the configuration, too. Of a cluster (--at its coordinator) first how its shards and workers are, "
        "then the same of all workers together.",
    .examples = "Examples:\n"
                "  garner status\n"
                "  garner status -c garner.yaml\n"
                "  garner status -c garner.yaml --account aws/1234567890\n"
                "  garner status --data ./data --json | jq '.troubles[] | select(.trouble == \"held\")'\n\n"
                "Exits with 0 if all is well, 1 if anything is wrong, 3 if there is no connection.",
    .run = run,
};
