#include "cli/cluster/shard_print.h"

#include <inttypes.h>

#include "cli/cluster/document.h"
#include "cli/table.h"
#include "common/text.h"
#include "common/units.h"

static const struct table_column columns[] = {
    {.title = "SHARD", .right = true, .always = true},
    {.title = "STATE", .always = true},
    {.title = "OWNER", .always = true},
    {.title = "EPOCH", .right = true},
    {.title = "HEAD", .right = true},
    {.title = "BYTES", .right = true},
    {.title = "FOLLOWERS"},
    {.title = "MOVES"},
    {.title = "PIN"},
    {.title = "WHY"},
};

static enum print_colour colour_of(struct bytes state)
{
    if (bytes_is(state, "served"))
        return PRINT_GREEN;
    return bytes_is(state, "moving") ? PRINT_BLUE : PRINT_RED;
}

/* "w2, w3 (not in sync)". */
static void add_followers(struct buffer *out, const struct value *shard)
{
    const struct value *followers = document_list(shard, "followers");
    for (uint32_t i = 0; i < followers->count; i++) {
        const struct value *follower = &followers->items[i];
        buffer_printf(out, "%s%.*s%s", i ? ", " : "", BYTES_ARG(document_name(follower, "worker")),
                      document_bool(follower, "in_sync") ? "" : " (not in sync)");
    }
}

/* "to w2: copying". */
static void add_move(struct buffer *out, const struct value *shard)
{
    const struct value *move = document_object(shard, "move");
    if (move)
        buffer_printf(out, "to %.*s: %.*s", BYTES_ARG(document_name(move, "to")),
                      BYTES_ARG(document_name(move, "phase")));
}

static void add_row(struct table *t, const struct value *shard, struct buffer *text)
{
    char count[UNITS_TEXT_BYTES];
    struct bytes state = document_text(shard, "state");
    uint64_t bytes = document_u64(shard, "bytes");
    buffer_reset(text);
    buffer_printf(text, "%" PRIu64, document_u64(shard, "shard"));
    table_add_colour(t, buffer_bytes(text), PRINT_BOLD);
    table_add_colour(t, state, colour_of(state));
    table_add(t, document_name(shard, "owner"));
    table_add_count(t, document_u64(shard, "epoch"));
    table_add_count(t, document_u64(shard, "head"));
    table_add(t, bytes_of(bytes ? units_bytes(bytes, count) : ""));
    buffer_reset(text);
    add_followers(text, shard);
    table_add(t, buffer_bytes(text));
    buffer_reset(text);
    add_move(text, shard);
    table_add(t, buffer_bytes(text));
    table_add(t, document_text(shard, "pin"));
    table_add(t, document_text(shard, "why"));
}

uint32_t shard_print_table(struct printer *printer, const struct value *shards, bool stuck)
{
    struct table table;
    struct buffer text = {0};
    uint32_t count = 0;
    table_open(&table, printer, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < shards->count; i++)
        if (!stuck || document_bool(&shards->items[i], "stuck")) {
            add_row(&table, &shards->items[i], &text);
            count++;
        }
    table_close(&table);
    buffer_close(&text);
    return count;
}

static void add_line(struct printer *p, const char *name, struct bytes text)
{
    if (!text.len)
        return;
    buffer_printf(&p->out, "%-9s ", name);
    text_add_safe(&p->out, text);
    buffer_add_char(&p->out, '\n');
}

void shard_print_one(struct printer *printer, const struct value *shard)
{
    struct buffer text = {0};
    char head[UNITS_TEXT_BYTES], bytes[UNITS_TEXT_BYTES];
    buffer_printf(&text, "%" PRIu64 ", %.*s", document_u64(shard, "shard"),
                  BYTES_ARG(document_name(shard, "state")));
    add_line(printer, "shard", buffer_bytes(&text));
    buffer_reset(&text);
    buffer_printf(&text, "%.*s, epoch %" PRIu64 ", %s changes, %s", BYTES_ARG(document_name(shard, "owner")),
                  document_u64(shard, "epoch"), units_count(document_u64(shard, "head"), head),
                  units_bytes(document_u64(shard, "bytes"), bytes));
    add_line(printer, "owner", buffer_bytes(&text));
    buffer_reset(&text);
    add_followers(&text, shard);
    add_line(printer, "followers", buffer_bytes(&text));
    buffer_reset(&text);
    add_move(&text, shard);
    add_line(printer, "moves", buffer_bytes(&text));
    add_line(printer, "pinned to", document_text(shard, "pin"));
    add_line(printer, "why", document_text(shard, "why"));
    buffer_close(&text);
}
