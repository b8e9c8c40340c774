/* Sink text: what a provider sent, as PostgreSQL can hold it. Pure.
 *
 * PostgreSQL's text has no NUL: each becomes U+FFFD. Its jsonb has decimals of any size, but writes them out
 * digit by digit: a number that would take more than SINK_DIGITS_MAX of them becomes a string, its literal.
 */
#ifndef GARNER_CLI_SINK_TEXT_H
#define GARNER_CLI_SINK_TEXT_H

#include "common/bytes.h"
#include "common/error.h"

enum { SINK_DIGITS_MAX = 1000 };

/* Append text (UTF-8) without NUL. */
void sink_text_add(struct buffer *out, struct bytes text);

/* Append a document (MessagePack) as JSON for jsonb. `scratch` is overwritten. Returns 0 or ERR_CORRUPT. */
int sink_text_add_document(struct buffer *out, struct bytes packed, struct buffer *scratch, struct error *e);

/* Append JSON (valid, compact) likewise. */
void sink_text_add_json(struct buffer *out, struct bytes json);

#endif
