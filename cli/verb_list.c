/* list: the live resources of a type. Read in pieces, each in a read transaction of its own, printed in
 * between: a list that a pager holds up doesn't hold up the store, and memory stays flat. */
#include <inttypes.h>

#include "cli/data.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/units.h"
#include "common/value/value.h"
#include "common/words.h"

enum { PIECE_FULL = -1, READER_GONE = -2, NOTES_MAX = 5 };

struct list {
    bool json;
    struct printer printer;
    struct table table;
    const struct collection_record *record;
    struct buffer text;
    uint32_t next_row;
    uint64_t resources, notes;
    struct error *e;
};

static const struct table_column columns[] = {{.title = "ID", .always = true},
                                              {.title = "ACCOUNT", .always = true},
                                              {.title = "REGION"},
                                              {.title = "PARENT"},
                                              {.title = "FIRST SEEN", .always = true}};

static int add_json(struct list *list, const struct document *document)
{
    buffer_reset(&list->text);
    resource_json(&list->record->key, document->id, &list->text);
    buffer_add_text(&list->text, ",\"document\":");
    int r = value_msgpack_to_json(document->packed, &list->text, list->e);
    buffer_add_char(&list->text, '}');
    if (!r)
        print_json(&list->printer, buffer_bytes(&list->text));
    return r;
}

static void add_row(struct list *list, const struct document *document)
{
    const struct collection_key *key = &list->record->key;
    buffer_reset(&list->text);
    resource_account(key, &list->text);
    table_add_colour(&list->table, document->id, PRINT_BOLD);
    table_add(&list->table, buffer_bytes(&list->text));
    table_add(&list->table, key->region);
    table_add(&list->table, key->parent);
    table_add_time(&list->table, document->first_seen_ms);
}

static int take(void *context, const struct document *document)
{
    struct list *list = context;
    int r = 0;
    if (printer_full(&list->printer))
        return PIECE_FULL;
    if (list->json)
        r = add_json(list, document);
    else
        add_row(list, document);
    list->next_row = document->row + 1;
    list->resources++;
    return r;
}

/* A state that a list alone wouldn't show. */
static void note(struct list *list, const struct collection_record *record)
{
    struct buffer name = {0};
    char time[UNITS_TIME_BYTES];
    if ((record->listed_since_ms && !record->unreachable_since_ms && !record->unwatched_since_ms) ||
        ++list->notes > NOTES_MAX)
        return;
    collection_key_text(&record->key, &name);
    if (record->unwatched_since_ms)
        say("note: %s is not watched any more since %s", buffer_text(&name),
            units_time(record->unwatched_since_ms, time));
    else if (record->unreachable_since_ms)
        say("note: %s is unreachable since %s (%s): what is shown is from before", buffer_text(&name),
            units_time(record->unreachable_since_ms, time), error_name(record->unreachable_error));
    else
        say("note: %s was never listed completely yet", buffer_text(&name));
    buffer_close(&name);
}

static int visit(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    struct list *list = context;
    int r;
    list->record = record;
    list->next_row = 0;
    list->e = e;
    note(list, record);
    do {
        r = store_read(store, e);
        if (!r)
            r = store_documents_each(store, record->id, list->next_row, take, list, e);
        store_done(store);
        if (printer_full(&list->printer) && !printer_flush(&list->printer))
            r = READER_GONE;
    } while (r == PIECE_FULL);
    return r;
}

static int print_list(struct folder *folder, const struct selection *selection, bool json)
{
    struct list list = {.json = json};
    struct error e;
    int exit_code = 0;
    printer_open(&list.printer);
    table_open(&list.table, &list.printer, columns, sizeof columns / sizeof *columns);
    int r = select_each(folder, selection, visit, &list, &e);
    table_close(&list.table);
    if (r && r != READER_GONE)
        exit_code = say_error(&e);
    if (list.notes > NOTES_MAX)
        say("note: so are %" PRIu64 " more collections", list.notes - NOTES_MAX);
    if (!list.resources && !r && !json)
        say("there are no resources of %s", selection->type);
    buffer_close(&list.text);
    int printed = printer_close(&list.printer);
    return exit_code ? exit_code : printed;
}

/* The operand was left out: tell which ones there are. */
static int add_type(void *context, struct store *store, const struct collection_record *record,
                    struct error *e)
{
    (void)store;
    (void)e;
    words_add(context, record->key.type);
    return 0;
}

static int say_types(struct folder *folder)
{
    struct words types = {0};
    struct buffer text = {0};
    struct error e;
    int exit_code = EXIT_USAGE;
    if (select_each(folder, &(struct selection){0}, add_type, &types, &e)) {
        exit_code = say_error(&e);
    } else if (!types.count) {
        say("TYPE is missing, and nothing is stored in %s yet: `garner run -c FILE --once` harvests into it",
            folder->path);
    } else {
        words_text(&types, &text);
        say("TYPE is missing: there are %s", buffer_text(&text));
    }
    buffer_close(&text);
    words_close(&types);
    return exit_code;
}

static int run(const struct options *options)
{
    struct folder folder;
    int exit_code = data_open(options, &folder);
    if (exit_code)
        return exit_code;
    struct selection selection = {options->account, options->region, options->operands[0], options->parent};
    if (!selection.type)
        exit_code = say_types(&folder);
    else if (!(exit_code = select_check(&folder, &selection)))
        exit_code = print_list(&folder, &selection, options->json);
    folder_close(&folder);
    return exit_code;
}

const struct verb verb_list = {
    .name = "list",
    .summary = "list the resources of a type",
    .operands = "[TYPE]",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_PARENT,
    .about = "List the resources of a type as they were when they were harvested last.\n"
             "With --json: a JSON object a line, with the document.",
    .examples = "Examples:\n"
                "  garner list aws.ec2.instance --data ./data\n"
                "  garner list docker.tag --data ./data --parent library/debian\n"
                "  garner list docker.tag --data ./data --json | jq -r .id\n\n"
                "It can be used while `garner run` writes. Without TYPE it says which types there are.",
    .run = run,
};
