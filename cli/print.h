/* Printing: data to stdout, gathered and written in large pieces.
 *
 * Nothing is written before print_flush, so a caller can let go of a read transaction first: a pager that
 * stands still then holds back no store. After a failed write everything is thrown away and `failed` says
 * so. One thread. */
#ifndef GARNER_CLI_PRINT_H
#define GARNER_CLI_PRINT_H

#include "common/bytes.h"

enum { PRINT_BYTES_FULL = 1 << 18 }; /* time to flush */

struct printer {
    bool terminal, colour; /* colour: a terminal, and neither NO_COLOR nor TERM=dumb */
    unsigned columns;      /* of the terminal; 0: unlimited */
    struct buffer out;     /* to be written; add to it */
    int failed;            /* errno of the write that failed; 0: none */
};

enum print_colour { PRINT_PLAIN, PRINT_BOLD, PRINT_RED, PRINT_GREEN, PRINT_YELLOW, PRINT_BLUE, PRINT_GREY };

void printer_open(struct printer *p);

/* Write what gathered. False if this or an earlier write failed. Blocks as long as the reader likes. */
bool printer_flush(struct printer *p);
bool printer_full(const struct printer *p);

/* Flush and free. Returns the exit code: 0 too when the reader went away (`garner list T | head`), else 1
 * after saying why. */
int printer_close(struct printer *p);

/* Add one line of JSON and a newline; safe for a terminal if it goes to one. */
void print_json(struct printer *p, struct bytes json);

/* What switches to a colour, and back; "" without colours. */
const char *print_on(const struct printer *p, enum print_colour colour);
const char *print_off(const struct printer *p, enum print_colour colour);

#endif
