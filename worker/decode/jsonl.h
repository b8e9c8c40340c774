/* JSON lines: one JSON value a line -> an array of them. Pure; internal to decode. */
#ifndef GARNER_JSONL_H
#define GARNER_JSONL_H

#include "common/value/value.h"

/* Blank lines are skipped, CR before LF too. `delimited` as in struct answer: without it, an empty body and a
 * last line that may be cut (a number, true, false or null without a newline) are errors.
 * Returns 0; ERR_BODY or ERR_LIMIT with "line N: ". Adds to `notes`. */
int jsonl_decode(struct arena *arena, struct bytes body, bool delimited, struct value *out,
                 struct json_notes *notes, struct error *e);

#endif
