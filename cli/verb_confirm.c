/* confirm: let the next sound listing delete what the guard holds back. Writes a time into the collections'
 * records; the deleting is the harvest's. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/data.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/units.h"

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

static void tell(struct confirming *c, const struct collection_record *record)
{
    struct buffer text = {0};
    char time[UNITS_TIME_BYTES], held[UNITS_TEXT_BYTES], rows[UNITS_TEXT_BYTES];
    units_time(record->held_since_ms, time);
    if (c->json) {
        resource_json(&record->key, (struct bytes){0}, &text);
        buffer_printf(&text, ",\"held\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"since\":\"%s\"}",
                      record->held_rows, record->rows, time);
        print_json(&c->printer, buffer_bytes(&text));
    } else {
        struct buffer name = {0};
        collection_key_text(&record->key, &name);
        buffer_printf(
            &text,
            "%s: %s of %s resources, missing since %s: the next sound listing deletes those that it "
            "still misses\n",
            buffer_text(&name), units_count(record->held_rows, held), units_count(record->rows, rows), time);
        buffer_add_bytes(&c->printer.out, buffer_bytes(&text));
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
        r = store_write(store, e);
    if (!r)
        r = store_collection_by_id(store, held->collection, &arena, &record, e);
    if (!r) {
        record.confirmed_ms = clock_wall_ms();
        r = store_collection_put(store, &record, e);
    }
    if (!r)
        r = store_commit(store, e);
    if (!r)
        tell(c, &record);
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

static int run(const struct options *options)
{
    struct folder folder;
    struct selection selection = {options->operands[0], options->region, options->operands[1],
                                  options->parent};
    int exit_code = data_open_to_write(options, &folder);
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
                "  garner confirm aws/1234567890 aws.ec2.image --region eu-west-1 --data ./data\n\n"
                "It is refused while `garner run` uses the data folder.",
    .run = run,
};
