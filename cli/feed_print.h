/* Printing changes: as NDJSON with bookmarks, or as a table. */
#ifndef GARNER_CLI_FEED_PRINT_H
#define GARNER_CLI_FEED_PRINT_H

#include "cli/table.h"
#include "proto/change.h"

struct feed_printer {
    struct printer printer;
    bool json;
    bool brief; /* the table has neither account nor id: of one resource */
    struct table table;
    struct buffer text;
    struct arena arena;
};

void feed_printer_open(struct feed_printer *f, bool json, bool brief);

/* 0, or ERR_CORRUPT. */
int feed_printer_add(struct feed_printer *f, const struct change *change, struct error *e);

/* In JSON only. */
void feed_printer_bookmark(struct feed_printer *f, const struct cursor *cursor);

/* False when nobody reads on. */
bool feed_printer_flush(struct feed_printer *f);

int feed_printer_close(struct feed_printer *f); /* gives printer_close's exit code */

#endif
