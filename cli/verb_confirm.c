/* confirm: let the next sound listing delete what the guard holds back. Writes a time into the collections'
 * records; the deleting is the harvest's. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/data.h"
#include "cli/remote.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/units.h"
#include "worker/harvest/confirm.h"

struct held {
    uint32_t shard, collection;
};

struct confirming {
    struct held *held;
    size_t count, cap;
    struct printer printer;
    bool json;
};

static int gather(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct confirming *c = context;
    (void)e;
    if (!record->held_since_ms)
        return 0;
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->held = mem_resize(c->held, c->cap * sizeof *c->held);
    }
    c->held[c->count++] = (struct held){store_shard(store), record->id};
    return 0;
}

static void tell(struct printer *printer, bool json, const struct confirmed *one)
{
    struct buffer text = {0};
    const struct operator_which *which = &one->collection;
    struct collection_key key = {.provider = which->provider,
                                 .account = which->account,
                                 .region = which->region,
                                 .type = which->type,
                                 .parent = which->parent};
    char time[UNITS_TIME_BYTES], held[UNITS_TEXT_BYTES], rows[UNITS_TEXT_BYTES];
    units_time(one->since_ms, time);
    if (json) {
        resource_json(&key, (struct bytes){0}, &text);
        buffer_printf(&text, ",\"held\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"since\":\"%s\"}", one->held,
                      one->rows, time);
        print_json(printer, buffer_bytes(&text));
    } else {
        struct buffer name = {0};
        collection_key_text(&key, &name);
        buffer_printf(
            &text,
            "%s: %s of %s resources, missing since %s: the next sound listing deletes those that it "
            "still misses\n",
            buffer_text(&name), units_count(one->held, held), units_count(one->rows, rows), time);
        buffer_add_bytes(&printer->out, buffer_bytes(&text));
        buffer_close(&name);
    }
    buffer_close(&text);
}

static int confirm_one(struct confirming *c, struct folder *folder, const struct held *held, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    struct store *store;
    int r = folder_store(folder, held->shard, &store, e);
    if (!r)
        r = confirm_collection(store, held->collection, clock_wall_ms(), &arena, &record, e);
    if (!r)
        r = store_commit(store, e);
    if (!r) {
        const struct collection_key *key = &record.key;
        tell(&c->printer, c->json,
             &(struct confirmed){
                 .collection = {key->provider, key->account, key->region, key->type, key->parent},
                 .held = record.held_rows,
                 .rows = record.rows,
                 .since_ms = record.held_since_ms});
    }
    arena_close(&arena);
    return r;
}

static int confirm(struct folder *folder, const struct selection *selection, bool json)
{
    struct confirming c = {.json = json};
    struct error e;
    int exit_code = 0;
    printer_open(&c.printer);
    int r = select_each(folder, selection, gather, &c, &e);
    for (size_t i = 0; i < c.count && !r; i++)
        r = confirm_one(&c, folder, &c.held[i], &e);
    if (r) {
        exit_code = say_error(&e);
    } else if (!c.count) {
        say("nothing of %s is held back: there is nothing to confirm (`garner receipts --type %s` shows how "
            "its "
            "harvests ended)",
            selection->type, selection->type);
        exit_code = EXIT_USAGE;
    }
    free(c.held);
    int printed = printer_close(&c.printer);
    return exit_code ? exit_code : printed;
}

struct telling {
    struct printer printer;
    bool json;
};

static void tell_all(void *context, const struct operator_reply *reply)
{
    struct telling *telling = context;
    for (uint32_t i = 0; i < reply->confirmed_count; i++)
        tell(&telling->printer, telling->json, &reply->confirmed[i]);
}

static int confirm_at(const char *address, const struct options *options)
{
    struct telling telling = {.json = options->json};
    struct operator_request request = {.kind = OPERATOR_CONFIRM,
                                       .which = {.account = remote_text(options->operands[0]),
                                                 .type = remote_text(options->operands[1]),
                                                 .region = remote_text(options->region),
                                                 .parent = remote_text(options->parent)}};
    printer_open(&telling.printer);
    int exit_code = remote_each(address, &request, &telling, tell_all);
    int printed = printer_close(&telling.printer);
    return exit_code ? exit_code : printed;
}

static int run(const struct options *options)
{
    struct folder folder;
    struct selection selection = {options->operands[0], options->region, options->operands[1],
                                  options->parent};
    int exit_code;
    const char *address = remote_address(options, &exit_code);
    if (address || exit_code)
        return address ? confirm_at(address, options) : exit_code;
    exit_code = data_open_to_write(options, &folder);
    if (exit_code)
        return exit_code;
    exit_code = select_check(&folder, &selection);
    if (!exit_code)
        exit_code = confirm(&folder, &selection, options->json);
    folder_close(&folder);
    return exit_code;
}

const struct verb verb_confirm = {
    .name = "confirm",
    .summary = "let deletions happen that the guard holds back",
    .operands = "ACCOUNT TYPE",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_REGION | OPTION_PARENT,
    .about =
        "The guard holds back a listing that would delete much of a collection at once, since that is more "
        "often a provider's fault than the truth. If it is the truth, this lets the next sound listing "
        "delete "
        "those of them that it still misses.",
    .examples = "Example:\n"
                "  garner confirm aws/1234567890 aws.ec2.image --region eu-west-1\n\n"
                "A running Garner is asked to do it (of a cluster: its coordinator's address); with --data "
                "the folder is written to, which is refused while "
                "`garner run` uses it.",
    .run = run,
};
