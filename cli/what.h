/* What: a change in a few words, for tables. */
#ifndef GARNER_CLI_WHAT_H
#define GARNER_CLI_WHAT_H

#include "cli/print.h"
#include "proto/change.h"

enum print_colour what_colour(enum change_op op);

/* Append what changed: `/state running → stopped, /tags/0 removed: x`; a new document's beginning, in brief
 * (brief.h) and without its id; what a delete rests on; what a status says. `scratch` is used for what is
 * unpacked. */
void what_changed(const struct change *change, struct arena *scratch, struct buffer *out);

#endif
