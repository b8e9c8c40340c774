/* Tables: rows of text for people, in columns, with memory for a few hundred rows only.
 *
 *     ID                  ACCOUNT   REGION
 *     sg-0f3a9c1          aws/1     eu-west-1
 *
 * The first rows say how wide columns are; later ones widen them from there on. A column in which there
 * was nothing yet isn't shown. The last column is cut to the terminal. Cells become safe text (text.h). */
#ifndef GARNER_CLI_TABLE_H
#define GARNER_CLI_TABLE_H

#include "cli/print.h"

enum { TABLE_COLUMNS_MAX = 16, TABLE_ROWS = 256, TABLE_WIDTH_MAX = 60 };

struct table_column {
    const char *title;
    bool right;  /* aligned */
    bool always; /* shown also when empty */
};

struct table_cell {
    size_t start, len; /* in `text` */
    size_t width;
    enum print_colour colour;
};

struct table {
    struct printer *printer;
    const struct table_column *columns;
    unsigned count;
    size_t widths[TABLE_COLUMNS_MAX];
    bool shown[TABLE_COLUMNS_MAX];
    bool titled;
    struct buffer text;
    struct table_cell *cells; /* TABLE_ROWS times `count` */
    unsigned rows, column;    /* where the next cell goes */
};

/* `columns` must outlive the table. */
void table_open(struct table *t, struct printer *printer, const struct table_column *columns, unsigned count);

/* Add the next cell; the last one of a row ends it. */
void table_add(struct table *t, struct bytes text);
void table_add_colour(struct table *t, struct bytes text, enum print_colour colour);
void table_add_time(struct table *t, int64_t time_ms); /* seconds, UTC; "" for 0 */
void table_add_count(struct table *t, uint64_t count); /* "" for 0 */

/* Hand what gathered on to the printer, without flushing that. */
void table_flush(struct table *t);
void table_close(struct table *t); /* flushes and frees; safe twice */

#endif
