#include "cli/feed_print.h"

#include "cli/resource.h"
#include "cli/what.h"
#include "common/clock.h"

static const struct table_column columns[] = {
    {.title = "TIME", .always = true},    {.title = "OP", .always = true},
    {.title = "ACCOUNT", .always = true}, {.title = "REGION"},
    {.title = "TYPE", .always = true},    {.title = "PARENT"},
    {.title = "ID", .always = true},      {.title = "WHAT"},
};
static const struct table_column brief_columns[] = {
    {.title = "TIME", .always = true}, {.title = "OP", .always = true}, {.title = "WHAT"}};

void feed_printer_open(struct feed_printer *f, bool json, bool brief)
{
    *f = (struct feed_printer){.json = json, .brief = brief};
    printer_open(&f->printer);
    if (json)
        return;
    if (brief)
        table_open(&f->table, &f->printer, brief_columns, sizeof brief_columns / sizeof *brief_columns);
    else
        table_open(&f->table, &f->printer, columns, sizeof columns / sizeof *columns);
}

static void add_row(struct feed_printer *f, const struct change *change)
{
    enum print_colour colour = what_colour(change->op);
    table_add_time(&f->table, change->time_ms);
    table_add_colour(&f->table, bytes_of(change_op_name(change->op)), colour);
    if (!f->brief) {
        resource_account(&change->key, &f->text);
        table_add(&f->table, buffer_bytes(&f->text));
        table_add(&f->table, change->key.region);
        table_add(&f->table, change->key.type);
        table_add(&f->table, change->key.parent);
        table_add_colour(&f->table, change->id, PRINT_BOLD);
    }
    buffer_reset(&f->text);
    what_changed(change, &f->arena, &f->text);
    table_add(&f->table, buffer_bytes(&f->text));
    arena_reset(&f->arena);
}

int feed_printer_add(struct feed_printer *f, const struct change *change, struct error *e)
{
    int r = 0;
    buffer_reset(&f->text);
    if (!f->json)
        add_row(f, change);
    else if (!(r = change_to_json(change, &f->text, e)))
        print_json(&f->printer, buffer_bytes(&f->text));
    return r;
}

void feed_printer_bookmark(struct feed_printer *f, const struct cursor *cursor)
{
    if (!f->json)
        return;
    buffer_reset(&f->text);
    bookmark_to_json(cursor, clock_wall_ms(), &f->text);
    print_json(&f->printer, buffer_bytes(&f->text));
}

bool feed_printer_flush(struct feed_printer *f)
{
    if (!f->json)
        table_flush(&f->table);
    return printer_flush(&f->printer);
}

int feed_printer_close(struct feed_printer *f)
{
    if (!f->json)
        table_close(&f->table);
    buffer_close(&f->text);
    arena_close(&f->arena);
    return printer_close(&f->printer);
}
