/* receipts: how harvests ended. */
#include <inttypes.h>

#include "cli/data.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"

enum { READER_GONE = -2 };

struct receipts {
    bool json;
    struct printer printer;
    struct table table;
    struct buffer text;
    const struct collection_record *record;
    uint64_t count;
};

static const struct table_column columns[] = {
    {.title = "RECEIPT", .always = true},
    {.title = "ENDED", .always = true},
    {.title = "ACCOUNT", .always = true},
    {.title = "REGION"},
    {.title = "TYPE", .always = true},
    {.title = "PARENT"},
    {.title = "PAGES", .right = true, .always = true},
    {.title = "ITEMS", .right = true, .always = true},
    {.title = "NEW", .right = true},
    {.title = "UPDATED", .right = true},
    {.title = "DELETED", .right = true},
    {.title = "MISSING", .right = true},
    {.title = "HELD", .right = true},
    {.title = "RESULT", .always = true},
};

static void add_json(struct receipts *r, const struct receipt *receipt)
{
    size_t brace;
    buffer_reset(&r->text);
    resource_json(&r->record->key, (struct bytes){0}, &r->text);
    brace = r->text.len; /* two objects become one */
    receipt_to_json(receipt, &r->text);
    r->text.data[brace] = ',';
    print_json(&r->printer, buffer_bytes(&r->text));
}

static void add_result(struct receipts *r, const struct receipt *receipt)
{
    enum print_colour colour = receipt->sound ? PRINT_GREEN : receipt->complete ? PRINT_YELLOW : PRINT_RED;
    buffer_reset(&r->text);
    if (receipt->sound)
        buffer_add_text(&r->text, "sound");
    else if (receipt->complete)
        buffer_printf(&r->text, "complete, not sound: %s", receipt->unsound ? receipt->unsound : "unknown");
    else
        buffer_printf(&r->text, "%s: %s", error_name(receipt->error),
                      receipt->cause ? receipt->cause : "unknown");
    table_add_colour(&r->table, buffer_bytes(&r->text), colour);
}

static void add_row(struct receipts *r, const struct receipt *receipt)
{
    const struct collection_key *key = &r->record->key;
    char id[RECEIPT_ID_TEXT_BYTES];
    table_add_colour(&r->table, bytes_of(receipt_id_text(receipt->id, id)), PRINT_BOLD);
    table_add_time(&r->table, receipt->ended_ms);
    buffer_reset(&r->text);
    resource_account(key, &r->text);
    table_add(&r->table, buffer_bytes(&r->text));
    table_add(&r->table, key->region);
    table_add(&r->table, key->type);
    table_add(&r->table, key->parent);
    const uint64_t counts[] = {receipt->pages,   receipt->items,   receipt->created, receipt->updated,
                               receipt->deleted, receipt->missing, receipt->held};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        table_add_count(&r->table, counts[i]);
    add_result(r, receipt);
}

static int take(void *context, const struct receipt *receipt)
{
    struct receipts *r = context;
    r->count++;
    if (r->json)
        add_json(r, receipt);
    else
        add_row(r, receipt);
    return 0;
}

/* A collection keeps few receipts: they are printed after its transaction. */
static int visit(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct receipts *receipts = context;
    receipts->record = record;
    int r = store_receipts_each(store, record->id, record->next_harvest, take, receipts, e);
    store_done(store);
    if (!r && printer_full(&receipts->printer) && !printer_flush(&receipts->printer))
        r = READER_GONE;
    return r;
}

static int print_receipts(struct folder *folder, const struct selection *selection, bool json)
{
    struct receipts receipts = {.json = json};
    struct error e;
    int exit_code = 0;
    printer_open(&receipts.printer);
    table_open(&receipts.table, &receipts.printer, columns, sizeof columns / sizeof *columns);
    int r = select_each(folder, selection, visit, &receipts, &e);
    table_close(&receipts.table);
    if (r && r != READER_GONE)
        exit_code = say_error(&e);
    if (!r && !receipts.count && !json)
        say("there are no receipts yet: a harvest writes one when it ends");
    buffer_close(&receipts.text);
    int printed = printer_close(&receipts.printer);
    return exit_code ? exit_code : printed;
}

static int run(const struct options *options)
{
    struct folder folder;
    struct selection selection = {options->account, options->region, options->type, options->parent};
    int exit_code = data_open(options, &folder);
    if (exit_code)
        return exit_code;
    exit_code = select_check(&folder, &selection);
    if (!exit_code)
        exit_code = print_receipts(&folder, &selection, options->json);
    folder_close(&folder);
    return exit_code;
}

const struct verb verb_receipts = {
    .name = "receipts",
    .summary = "print how harvests ended, and why",
    .operands = "",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_TYPE |
               OPTION_PARENT,
    .about = "Print the receipts of harvests: when, how many pages and items, what changed, and whether the "
             "listing "
             "was sound, or why not. The last few of each collection are kept, and all that deletes rest on.",
    .examples = "Examples:\n"
                "  garner receipts --data ./data\n"
                "  garner receipts --data ./data --account aws/1234567890 --type aws.ec2.image\n"
                "  garner receipts --data ./data --json | jq -c 'select(.sound | not)'",
    .run = run,
};
