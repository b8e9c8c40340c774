#include "cli/table.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"
#include "common/units.h"

enum { GAP = 2, LAST_COLUMNS_MIN = 16 };

void table_open(struct table *t, struct printer *printer, const struct table_column *columns, unsigned count)
{
    CHECK(count > 0 && count <= TABLE_COLUMNS_MAX);
    *t = (struct table){.printer = printer, .columns = columns, .count = count};
    t->cells = mem_alloc(TABLE_ROWS * count * sizeof *t->cells);
    for (unsigned i = 0; i < count; i++)
        t->shown[i] = columns[i].always;
}

static void pad(struct table *t, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        buffer_add_char(&t->printer->out, ' ');
}

static unsigned last_shown(const struct table *t)
{
    unsigned last = 0;
    for (unsigned i = 0; i < t->count; i++)
        if (t->shown[i])
            last = i;
    return last;
}

/* `column` counts what the line has so far. */
static void put_cell(struct table *t, unsigned index, bool last, struct bytes text, size_t width,
                     enum print_colour colour, size_t *column)
{
    struct printer *p = t->printer;
    size_t space = t->widths[index] > width ? t->widths[index] - width : 0;
    if (t->columns[index].right)
        pad(t, space);
    buffer_add_text(&p->out, print_on(p, colour));
    if (last && p->columns && *column + width > p->columns)
        text_add_cut(&p->out, text,
                     p->columns > *column + LAST_COLUMNS_MIN ? p->columns - *column : LAST_COLUMNS_MIN);
    else
        buffer_add_bytes(&p->out, text);
    buffer_add_text(&p->out, print_off(p, colour));
    if (!last)
        pad(t, (t->columns[index].right ? 0 : space) + GAP);
    *column += width + space + GAP;
}

static void put_titles(struct table *t)
{
    unsigned last = last_shown(t);
    size_t column = 0;
    for (unsigned i = 0; i < t->count; i++) {
        struct bytes title = bytes_of(t->columns[i].title);
        if (t->shown[i])
            put_cell(t, i, i == last, title, title.len, PRINT_BOLD, &column);
    }
    buffer_add_char(&t->printer->out, '\n');
    t->titled = true;
}

static void put_row(struct table *t, const struct table_cell *cells)
{
    unsigned last = last_shown(t);
    size_t column = 0;
    while (last > 0 && !cells[last].len) /* no blanks at a line's end */
        last--;
    for (unsigned i = 0; i <= last; i++)
        if (t->shown[i])
            put_cell(t, i, i == last, (struct bytes){t->text.data + cells[i].start, cells[i].len},
                     cells[i].width, cells[i].colour, &column);
    buffer_add_char(&t->printer->out, '\n');
}

/* A cell wider than the most sticks out of its column in its own line only. */
static void measure(struct table *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        for (unsigned row = 0; row < t->rows; row++) {
            const struct table_cell *cell = &t->cells[row * t->count + i];
            if (cell->len && !t->shown[i]) {
                t->shown[i] = true;
                t->titled = false; /* a column more: its title is due */
            }
            if (cell->width > t->widths[i])
                t->widths[i] = cell->width < TABLE_WIDTH_MAX ? cell->width : TABLE_WIDTH_MAX;
        }
        size_t title = bytes_of(t->columns[i].title).len;
        if (t->widths[i] < title)
            t->widths[i] = title;
    }
}

void table_flush(struct table *t)
{
    if (!t->rows)
        return;
    measure(t);
    if (!t->titled)
        put_titles(t);
    for (unsigned row = 0; row < t->rows; row++)
        put_row(t, &t->cells[row * t->count]);
    buffer_reset(&t->text);
    t->rows = 0;
}

void table_add_colour(struct table *t, struct bytes text, enum print_colour colour)
{
    struct table_cell *cell = &t->cells[t->rows * t->count + t->column];
    *cell = (struct table_cell){.start = t->text.len, .colour = colour};
    text_add_safe(&t->text, text);
    cell->len = t->text.len - cell->start;
    if (cell->len)
        cell->width = text_width((struct bytes){t->text.data + cell->start, cell->len});
    if (++t->column < t->count)
        return;
    t->column = 0;
    if (++t->rows == TABLE_ROWS)
        table_flush(t);
}

void table_add(struct table *t, struct bytes text)
{
    table_add_colour(t, text, PRINT_PLAIN);
}

void table_add_time(struct table *t, int64_t time_ms)
{
    char text[UNITS_TIME_BYTES];
    struct bytes time = bytes_of(time_ms ? units_time(time_ms, text) : "");
    if (time.len > 5) { /* without milliseconds */
        time.len -= 4;
        text[time.len - 1] = 'Z';
    }
    table_add_colour(t, time, PRINT_GREY);
}

void table_add_count(struct table *t, uint64_t count)
{
    char text[UNITS_TEXT_BYTES];
    table_add(t, bytes_of(count ? units_count(count, text) : ""));
}

void table_close(struct table *t)
{
    if (t->cells)
        table_flush(t);
    buffer_close(&t->text);
    free(t->cells);
    t->cells = NULL;
}
