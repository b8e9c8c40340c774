/* Decode: the body of an answer -> a document. Pure. */
#ifndef GARNER_DECODE_H
#define GARNER_DECODE_H

#include "common/value/value.h"
#include "worker/provider/request.h"

/* Decode a body by `format`, or with FORMAT_AUTO by its Content-Type (+json counts; without one, or with a generic
 * one, what looks like JSON is JSON). JSON lines become an array of their values; blank lines are skipped.
 *
 * Returns 0; ERR_BODY: what it is instead and how it begins ("HTML instead of JSON: …"), where it breaks off,
 * invalid UTF-8; ERR_LIMIT: too deep, too long a number. */
int decode_body(struct arena *arena, const struct answer *answer, enum format_kind format, struct value *out,
                struct json_notes *notes, struct error *e);

#endif
