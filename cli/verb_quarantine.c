/* quarantine: the items that couldn't be digested: list them, show one, try them again. */
#include <inttypes.h>
#include <string.h>

#include "cli/cluster/fan.h"
#include "cli/data.h"
#include "cli/quarantine.h"
#include "cli/remote.h"
#include "cli/resource.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/nearest.h"
#include "common/text.h"
#include "common/units.h"
#include "common/value/value.h"

enum { CHOICES_MAX = 12 };

/* --- list --- */

static const struct table_column columns[] = {
    {.title = "ITEM", .always = true},
    {.title = "ACCOUNT", .always = true},
    {.title = "REGION"},
    {.title = "TYPE", .always = true},
    {.title = "PARENT"},
    {.title = "ID"},
    {.title = "SINCE", .always = true},
    {.title = "REASON", .always = true},
};

static void add_row(struct table *table, const struct quarantine_found *found, struct buffer *text)
{
    char digest[QUARANTINED_TEXT_BYTES];
    quarantined_text(found->item.digest, digest);
    table_add_colour(table, (struct bytes){digest, QUARANTINED_SHORT}, PRINT_BOLD);
    buffer_reset(text);
    resource_account(&found->key, text);
    table_add(table, buffer_bytes(text));
    table_add(table, found->key.region);
    table_add(table, found->key.type);
    table_add(table, found->key.parent);
    table_add(table, found->item.id);
    table_add_time(table, found->item.first_ms);
    table_add(table, bytes_of(found->item.cause));
}

static void add_json(struct buffer *text, const struct quarantine_found *found)
{
    buffer_reset(text);
    resource_json(&found->key, (struct bytes){0}, text);
    quarantined_add_json(&found->item, text);
}

static int list_items(const struct quarantine_list *list, const struct options *options)
{
    struct printer printer;
    struct table table;
    struct buffer text = {0};
    printer_open(&printer);
    table_open(&table, &printer, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < list->count; i++)
        if (options->json) {
            add_json(&text, &list->items[i]);
            buffer_add_char(&text, '}');
            print_json(&printer, buffer_bytes(&text));
        } else {
            add_row(&table, &list->items[i], &text);
        }
    table_close(&table);
    if (!list->count && !options->json)
        say("nothing is in quarantine");
    buffer_close(&text);
    return printer_close(&printer);
}

/* --- show --- */

static void add_line(struct printer *p, const char *name, struct bytes text)
{
    if (!text.len)
        return;
    buffer_printf(&p->out, "%-9s ", name);
    text_add_safe(&p->out, text);
    buffer_add_char(&p->out, '\n');
}

static void print_facts(struct printer *p, const struct quarantine_found *found)
{
    const struct quarantined *item = &found->item;
    struct buffer text = {0};
    char digest[QUARANTINED_TEXT_BYTES], first[UNITS_TIME_BYTES], last[UNITS_TIME_BYTES],
        bytes[UNITS_TEXT_BYTES];
    add_line(p, "item", bytes_of(quarantined_text(item->digest, digest)));
    resource_account(&found->key, &text);
    add_line(p, "account", buffer_bytes(&text));
    add_line(p, "region", found->key.region);
    add_line(p, "type", found->key.type);
    add_line(p, "parent", found->key.parent);
    add_line(p, "id", item->id);
    add_line(p, "reason", bytes_of(item->cause));
    buffer_reset(&text);
    buffer_printf(&text, "%s, last %s on page %" PRIu64 " of harvest %" PRIu64,
                  units_time(item->first_ms, first), units_time(item->last_ms, last), item->page,
                  item->harvest);
    add_line(p, "since", buffer_bytes(&text));
    buffer_reset(&text);
    buffer_printf(&text, "%s bytes as MessagePack", units_count(item->item_bytes, bytes));
    add_line(p, "size", buffer_bytes(&text));
    buffer_add_char(&p->out, '\n');
    buffer_close(&text);
}

static int print_text(struct printer *p, const struct quarantine_found *found, const struct quarantined *item,
                      struct error *e)
{
    print_facts(p, found);
    if (item->item.data)
        return resource_pretty(p, item->item, e);
    text_add_safe(&p->out, item->beginning);
    buffer_add_text(&p->out, "\n");
    say("it is too long to be kept: this is how it begins");
    return 0;
}

static int print_object(struct printer *p, const struct quarantine_found *found,
                        const struct quarantined *item, struct error *e)
{
    struct buffer text = {0};
    int r = 0;
    add_json(&text, found);
    buffer_add_text(&text, ",\"item\":");
    if (item->item.data)
        r = value_msgpack_to_json(item->item, &text, e);
    else
        buffer_add_text(&text, "null");
    buffer_add_text(&text, ",\"beginning\":");
    if (item->beginning.data)
        json_add_string(item->beginning, &text);
    else
        buffer_add_text(&text, "null");
    buffer_add_char(&text, '}');
    if (!r)
        print_json(p, buffer_bytes(&text));
    buffer_close(&text);
    return r;
}

static int show_one(const struct quarantine_source *source, const struct quarantine_found *found, bool json)
{
    struct printer printer;
    struct arena arena = {0};
    struct quarantined item;
    struct error e;
    int exit_code = 0;
    printer_open(&printer);
    int r = quarantine_load(source, found, &arena, &item, &e);
    if (!r)
        r = (json ? print_object : print_text)(&printer, found, &item, &e);
    if (r)
        exit_code = say_error(&e);
    arena_close(&arena);
    int printed = printer_close(&printer);
    return exit_code ? exit_code : printed;
}

static void add_option(struct buffer *line, const char *option, struct bytes value)
{
    if (!value.data)
        return;
    buffer_printf(line, " %s ", option);
    text_add_shell(line, value);
}

static void say_choice(const struct quarantine_found *found, const struct options *options)
{
    struct buffer line = {0}, account = {0};
    char digest[QUARANTINED_TEXT_BYTES];
    resource_account(&found->key, &account);
    buffer_printf(&line, "  garner quarantine show %s", quarantined_text(found->item.digest, digest));
    add_option(&line, "--account", buffer_bytes(&account));
    add_option(&line, "--region", found->key.region);
    add_option(&line, "--type", found->key.type);
    add_option(&line, "--parent", found->key.parent);
    add_option(&line, "--at", remote_text(options->at));
    add_option(&line, "--data", remote_text(options->data));
    add_option(&line, "-c", remote_text(options->data ? NULL : options->config));
    say_line("%s", buffer_text(&line));
    buffer_close(&account);
    buffer_close(&line);
}

static void say_choices(const struct quarantine_list *list, const char *name, size_t count,
                        const struct options *options)
{
    size_t shown = 0;
    say("%zu items in quarantine begin with '%s': say which one:", count, name);
    for (size_t i = 0; i < list->count && shown < CHOICES_MAX; i++)
        if (list->items[i].is_wanted) {
            say_choice(&list->items[i], options);
            shown++;
        }
    if (count > shown)
        say_line("  … and %zu more", count - shown);
}

static int show_item(const struct quarantine_source *source, struct quarantine_list *list,
                     const struct options *options)
{
    const char *name = options->operands[1];
    if (!name || options->operands[2]) {
        say("`show` takes one item, as `garner quarantine list` names them");
        return EXIT_USAGE;
    }
    size_t count = quarantine_choose(list, name), i = 0;
    if (count == 0)
        quarantine_say_none(list, name);
    else if (count > 1)
        say_choices(list, name, count, options);
    if (count != 1)
        return EXIT_USAGE;
    while (!list->items[i].is_wanted)
        i++;
    return show_one(source, &list->items[i], options->json);
}

/* --- retry --- */

/* Those that are named, or all. */
static int retry_items(const struct quarantine_source *source, struct quarantine_list *list,
                       const struct options *options)
{
    if (!list->count && !options->operands[1]) {
        say("nothing is in quarantine");
        return EXIT_COMPLETE;
    }
    struct arena arena = {0};
    bool *wanted = arena_zalloc(&arena, list->count + 1);
    int exit_code = 0;
    for (unsigned i = 1; i < OPERANDS_MAX && options->operands[i]; i++) {
        if (!quarantine_choose(list, options->operands[i])) {
            quarantine_say_none(list, options->operands[i]);
            exit_code = EXIT_USAGE;
        }
        for (size_t k = 0; k < list->count; k++)
            wanted[k] = wanted[k] || list->items[k].is_wanted;
    }
    for (size_t k = 0; k < list->count; k++)
        list->items[k].is_wanted = wanted[k] || !options->operands[1];
    arena_close(&arena);
    if (exit_code)
        return exit_code;
    return source->clients ? quarantine_retry_at(source, list, options->json)
                           : quarantine_retry(source->folder, list, options);
}

/* --- which of them --- */

static const char *const actions[] = {"list", "show", "retry"};
enum { LIST, SHOW, RETRY, ACTIONS };

static int say_unknown(const char *word)
{
    const char *nearest = nearest_word(bytes_of(word), actions, ACTIONS);
    if (nearest)
        say("unknown action '%s': did you mean '%s'?", word, nearest);
    else
        say("unknown action '%s': there are list, show and retry", word);
    return EXIT_USAGE;
}

static int act(unsigned action, const struct quarantine_source *source, const struct selection *selection,
               const struct options *options)
{
    struct quarantine_list list = {0};
    int exit_code = quarantine_gather(source, selection, &list);
    if (!exit_code && action == SHOW)
        exit_code = show_item(source, &list, options);
    else if (!exit_code && action == RETRY)
        exit_code = retry_items(source, &list, options);
    else if (!exit_code)
        exit_code = list_items(&list, options);
    quarantine_close(&list);
    return exit_code;
}

/* Those workers of a cluster that can be asked. */
static int act_on_workers(unsigned action, struct client *coordinator, const char *address,
                          const struct selection *selection, const struct options *options)
{
    struct ask ask = {.client = coordinator, .address = address};
    struct quarantine_source source = {0};
    struct fan fan;
    int exit_code = fan_open(&ask, remote_text(selection->account), &fan);
    if (!exit_code) {
        int incomplete = fan_connect(&fan, &source.clients, &source.client_count);
        exit_code = act(action, &source, selection, options);
        exit_code = exit_code ? exit_code : incomplete;
        for (uint32_t i = 0; i < source.client_count; i++)
            client_close(source.clients[i]);
    }
    fan_close(&fan);
    arena_close(&ask.arena);
    return exit_code;
}

static int act_at(unsigned action, const char *address, const struct selection *selection,
                  const struct options *options)
{
    struct client *client;
    const struct quarantine_source source = {.clients = &client, .client_count = 1};
    int exit_code = remote_open(address, &client);
    if (exit_code)
        return exit_code;
    exit_code = remote_is_coordinator(client) ? act_on_workers(action, client, address, selection, options)
                                              : act(action, &source, selection, options);
    client_close(client);
    return exit_code;
}

static int act_on_data(unsigned action, const struct selection *selection, const struct options *options)
{
    struct folder folder;
    const struct quarantine_source source = {.folder = &folder};
    if (action == RETRY && !options->config) {
        say("`retry` reads items by the provider files of a configuration: say which one with -c FILE");
        return EXIT_USAGE;
    }
    int exit_code = action == RETRY ? data_open_to_write(options, &folder) : data_open(options, &folder);
    if (exit_code)
        return exit_code;
    exit_code = select_check(&folder, selection);
    if (!exit_code)
        exit_code = act(action, &source, selection, options);
    folder_close(&folder);
    return exit_code;
}

static int run(const struct options *options)
{
    struct selection selection = {options->account, options->region, options->type, options->parent};
    unsigned action = 0;
    int exit_code;
    while (action < ACTIONS && strcmp(options->operands[0], actions[action]) != 0)
        action++;
    if (action == ACTIONS)
        return say_unknown(options->operands[0]);
    if (action == LIST && options->operands[1]) {
        say("`list` takes no item: `garner quarantine show %s` shows one", options->operands[1]);
        return EXIT_USAGE;
    }
    const char *address = remote_address(options, &exit_code);
    if (exit_code)
        return exit_code;
    return address ? act_at(action, address, &selection, options) : act_on_data(action, &selection, options);
}

const struct verb verb_quarantine = {
    .name = "quarantine",
    .summary = "list, show or retry items that couldn't be digested",
    .operands = "list|show|retry [ITEM...]",
    .options = OPTION_CONFIG | OPTION_DATA | OPTION_JSON | OPTION_ACCOUNT | OPTION_REGION | OPTION_TYPE |
               OPTION_PARENT,
    .about =
        "An item of a listing that has no readable id, is too large, or has the id of another one is put "
        "into "
        "quarantine, with its reason; it costs neither its page nor the others. It leaves when a complete "
        "listing meets it no more.\n"
        "list prints what there is. show prints one item, named by the first digits of its digest. retry "
        "reads items again by the provider files of now: those that can be digested leave quarantine, and "
        "the "
        "next listing stores them; it exits with 1 if any stays.\n"
        "A running Garner is asked, or all workers of a cluster, which have provider files of their own; "
        "with --data or -c it is the data "
        "folder, and retry needs -c.",
    .examples = "Examples:\n"
                "  garner quarantine list\n"
                "  garner quarantine show 1f3a9c --data ./data\n"
                "  garner quarantine retry -c garner.yaml --type aws.ec2.image\n\n"
                "retry with -c is refused while `garner run` uses the data folder.",
    .run = run,
};
