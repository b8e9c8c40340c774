/* get: one resource's document. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/data.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/nearest.h"
#include "common/units.h"
#include "common/value/value.h"

enum { NEAREST_LOOKS = 100000, LOOKED_ENOUGH = -1 };

/* --- the nearest id --- */

struct nearest {
    struct bytes id;
    char *best;
    unsigned looks;
};

static int is_nearer(void *context, const struct document *document)
{
    struct nearest *n = context;
    struct buffer text = {0};
    buffer_add_bytes(&text, document->id);
    const char *words[] = {n->best ? n->best : "", buffer_text(&text)};
    if (nearest_word(n->id, words, 2) == words[1]) {
        free(n->best);
        n->best = mem_strdup(words[1]);
    }
    buffer_close(&text);
    return ++n->looks == NEAREST_LOOKS ? LOOKED_ENOUGH : 0;
}

static int look(void *context, struct store *store, const struct collection_record *record, struct error *e)
{
    return store_documents_each(store, record->id, 0, is_nearer, context, e);
}

static void say_not_found(struct folder *folder, const struct selection *selection, const char *id,
                          uint64_t collections)
{
    struct nearest n = {.id = bytes_of(id)};
    struct error e;
    select_each(folder, selection, look, &n, &e);
    if (n.best && *n.best)
        say("no resource '%s' of %s: did you mean '%s'?", id, selection->type, n.best);
    else
        say("no resource '%s' of %s in %" PRIu64 " collection%s: `garner list %s` shows all there are", id,
            selection->type, collections, collections == 1 ? "" : "s", selection->type);
    say_line("If it was deleted, `garner history %s ID` shows what it was.", selection->type);
    free(n.best);
}

/* --- printing --- */

static int print_json_object(struct printer *p, const struct found *found, const struct document *document,
                             struct error *e)
{
    struct buffer text = {0};
    char time[UNITS_TIME_BYTES];
    resource_json(&found->key, document->id, &text);
    buffer_printf(&text, ",\"shard\":%" PRIu32 ",\"seq\":%" PRIu64 ",\"first_seen\":\"%s\",\"document\":",
                  found->shard, document->last_seq, units_time(document->first_seen_ms, time));
    int r = value_msgpack_to_json(document->packed, &text, e);
    buffer_add_char(&text, '}');
    if (!r)
        print_json(p, buffer_bytes(&text));
    buffer_close(&text);
    return r;
}

static int print_found(struct folder *folder, const struct found *found, bool json)
{
    struct printer printer;
    struct document document;
    struct store *store;
    struct error e;
    int exit_code = 0;
    printer_open(&printer);
    int r = folder_store(folder, found->shard, &store, &e);
    if (!r)
        r = store_read(store, &e);
    if (!r)
        r = store_document(store, found->collection, found->row, &document, &e);
    if (!r)
        r = json ? print_json_object(&printer, found, &document, &e)
                 : resource_pretty(&printer, document.packed, &e);
    if (r == ERR_NOT_FOUND)
        error_set(&e, r, "it was there a moment ago, and is deleted now");
    if (r)
        exit_code = say_error(&e);
    else
        store_done(store);
    int printed = printer_close(&printer);
    return exit_code ? exit_code : printed;
}

static int get(struct folder *folder, const struct selection *selection, const char *id,
               const struct options *options)
{
    struct finding finding = {0};
    struct error e;
    int exit_code = EXIT_USAGE;
    if (finding_live(&finding, folder, selection, id, &e))
        exit_code = say_error(&e);
    else if (finding.count == 1)
        exit_code = print_found(folder, &finding.items[0], options->json);
    else if (finding.count)
        finding_say_choices(&finding, "get", id, options);
    else
        say_not_found(folder, selection, id, finding.collections);
    finding_close(&finding);
    return exit_code;
}

static int run(const struct options *options)
{
    struct folder folder;
    struct selection selection = {options->account, options->region, options->operands[0], options->parent};
    int exit_code = data_open(options, &folder);
    if (exit_code)
        return exit_code;
    exit_code = select_check(&folder, &selection);
    if (!exit_code)
        exit_code = get(&folder, &selection, options->operands[1], options);
    folder_close(&folder);
    return exit_code;
}

const struct verb verb_get = {
    .name = "get",
    .summary = "print one resource",
    .operands = "TYPE ID",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_PARENT,
    .about = "Print a resource's document as it was when it was harvested last.\n"
             "With --json: one object on one line, with account, region, times and the document.",
    .examples =
        "Examples:\n"
        "  garner get aws.ec2.instance i-0f3a9c1 --data ./data\n"
        "  garner get docker.tag latest --parent library/debian --data ./data\n"
        "  garner get docker.tag latest --data ./data --json | jq .document\n\n"
        "If several resources have that id (in several accounts, regions or parents), it prints how to "
        "name each, and exits with 2.",
    .run = run,
};
