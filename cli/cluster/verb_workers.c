/* workers: who is there, and how much each has. */
#include <inttypes.h>

#include "cli/cluster/ask.h"
#include "cli/cluster/document.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/units.h"

static const struct table_column columns[] = {
    {.title = "WORKER", .always = true},
    {.title = "STATE", .always = true},
    {.title = "FOR", .right = true},
    {.title = "SHARDS", .right = true, .always = true},
    {.title = "FOLLOWS", .right = true},
    {.title = "COMING", .right = true},
    {.title = "LEAVING", .right = true},
    {.title = "LOAD", .right = true},
    {.title = "BYTES", .right = true},
    {.title = "ROOM", .right = true},
    {.title = "CAPACITY", .right = true},
    {.title = "ADDRESS"},
    {.title = "PROGRAM"},
};

static void add_size(struct table *t, uint64_t bytes)
{
    char text[UNITS_TEXT_BYTES];
    table_add(t, bytes_of(bytes ? units_bytes(bytes, text) : ""));
}

static void add_state(struct table *t, const struct value *worker)
{
    struct buffer text = {0};
    struct bytes state = document_text(worker, "state");
    bool is_alive = bytes_is(state, "alive"), drains = document_bool(worker, "draining"),
         is_cordoned = document_bool(worker, "cordoned");
    buffer_add_bytes(&text, state);
    if (drains)
        buffer_add_text(&text, ", draining");
    if (is_cordoned)
        buffer_add_text(&text, ", cordoned");
    table_add_colour(t, buffer_bytes(&text),
                     !is_alive               ? PRINT_RED
                     : drains || is_cordoned ? PRINT_YELLOW
                                             : PRINT_GREEN);
    buffer_close(&text);
}

static void add_worker(struct table *t, const struct value *worker)
{
    char text[UNITS_TEXT_BYTES];
    uint64_t since_ms = document_u64(worker, "since");
    table_add_colour(t, document_text(worker, "worker"), PRINT_BOLD);
    add_state(t, worker);
    table_add(t, bytes_of(since_ms ? units_ago((int64_t)since_ms, text) : ""));
    table_add(t, bytes_of(units_count(document_u64(worker, "shards"), text)));
    table_add_count(t, document_u64(worker, "follows"));
    table_add_count(t, document_u64(worker, "coming"));
    table_add_count(t, document_u64(worker, "leaving"));
    table_add_count(t, document_u64(worker, "load"));
    add_size(t, document_u64(worker, "bytes"));
    add_size(t, document_u64(worker, "room"));
    table_add_count(t, document_u64(worker, "capacity"));
    table_add(t, document_text(worker, "address"));
    table_add(t, document_text(worker, "program"));
}

static void print(struct printer *printer, const struct value *document)
{
    const struct value *workers = document_list(document, "workers");
    struct table table;
    table_open(&table, printer, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < workers->count; i++)
        add_worker(&table, &workers->items[i]);
    table_close(&table);
    if (!workers->count)
        say("there are no workers yet: start one with `garner-worker -c FILE --at ADDRESS`, with the address "
            "of this coordinator");
}

static int run(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_WORKERS};
    return ask_and_print(options, &ask, print);
}

const struct verb verb_workers = {
    .name = "workers",
    .summary = "list the workers, and what each has",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON,
    .about =
        "List the workers of a cluster: alive, away (it said that it restarts), dead (its lease is over) or "
        "unknown (not heard of since the coordinator began), and for how long; how many shards it harvests, "
        "follows, is to be given (coming) and is to hand on (leaving); its load (milliseconds of its threads "
        "a minute, of the shards that it has had for a minute at least), the bytes of its shards, and what "
        "its disk "
        "has left.",
    .examples = "Examples:\n"
                "  garner workers --at tcp://10.0.0.5:7801\n"
                "  garner workers --json | jq -r '.workers[] | select(.state == \"dead\").worker'\n",
    .run = run,
};
