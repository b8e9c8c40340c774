/* rebalance: a plan, which nothing is done about until it is applied. */
#include <inttypes.h>

#include "cli/cluster/ask.h"
#include "cli/cluster/document.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/units.h"

static const struct table_column columns[] = {
    {.title = "MOVE", .right = true, .always = true},
    {.title = "SHARD", .right = true, .always = true},
    {.title = "FROM", .always = true},
    {.title = "TO", .always = true},
    {.title = "BYTES", .right = true},
    {.title = "WHY", .always = true},
};

static void add_number(struct table *t, uint64_t number)
{
    struct buffer text = {0};
    buffer_printf(&text, "%" PRIu64, number);
    table_add(t, buffer_bytes(&text));
    buffer_close(&text);
}

/* "w1 has too much". */
static void add_why(struct table *t, const struct value *move)
{
    struct bytes why = document_text(move, "why");
    struct buffer text = {0};
    const char *of = bytes_is(why, "has too little") ? "to" : "from";
    if (bytes_is(why, "is pinned there"))
        buffer_add_text(&text, "it is pinned there");
    else
        buffer_printf(&text, "%.*s %.*s", BYTES_ARG(document_name(move, of)), BYTES_ARG(why));
    table_add(t, buffer_bytes(&text));
    buffer_close(&text);
}

static void print_moves(struct printer *printer, const struct value *moves)
{
    struct table table;
    char size[UNITS_TEXT_BYTES];
    table_open(&table, printer, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < moves->count; i++) {
        const struct value *move = &moves->items[i];
        uint64_t bytes = document_u64(move, "bytes");
        add_number(&table, i + (uint64_t)1);
        add_number(&table, document_u64(move, "shard"));
        table_add(&table, document_name(move, "from"));
        table_add(&table, document_name(move, "to"));
        table_add(&table, bytes_of(bytes ? units_bytes(bytes, size) : ""));
        add_why(&table, move);
    }
    table_close(&table);
}

static void print(struct printer *printer, const struct value *document)
{
    const struct value *moves = document_list(document, "moves");
    uint64_t plan = document_u64(document, "plan");
    char size[UNITS_TEXT_BYTES];
    print_moves(printer, moves);
    buffer_printf(&printer->out, "%splan %" PRIu64 ": %" PRIu32 " move%s, %s to copy; max/avg load %.*s",
                  moves->count ? "\n" : "", plan, moves->count, moves->count == 1 ? "" : "s",
                  units_bytes(document_u64(document, "bytes"), size),
                  BYTES_ARG(document_number(document, "before")));
    if (moves->count)
        buffer_printf(&printer->out, " before, %.*s after", BYTES_ARG(document_number(document, "after")));
    buffer_add_char(&printer->out, '\n');
    printer_flush(printer);
    if (moves->count)
        say("nothing was done: `garner apply %" PRIu64 "` runs exactly this, and nothing else", plan);
    else
        say("there is nothing to move: no other placement is more even by enough to be worth it");
}

static int run(const struct options *options)
{
    const struct cluster_ask ask = {.verb = CLUSTER_REBALANCE};
    return ask_and_print(options, &ask, print);
}

const struct verb verb_rebalance = {
    .name = "rebalance",
    .summary = "print a plan that makes loads even; does nothing",
    .operands = "",
    .options = OPTION_AT | OPTION_JSON,
    .about =
        "Make a plan of moves that would make the workers' loads even, as things are now, and print it: a "
        "number, each move with its reason and size, and the highest load of a worker as a share of what "
        "would be its own (max/avg), before and after. Nothing is done: `garner apply PLAN` runs exactly "
        "these moves, or none of them if the workers or one of these shards have changed since.",
    .examples = "Examples:\n"
                "  garner rebalance\n"
                "  garner apply $(garner rebalance --json | jq .plan)\n\n"
                "The last 16 plans are remembered, until the coordinator ends.",
    .run = run,
};
