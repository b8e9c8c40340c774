/* Embedded: JSON that a document holds as a text, as policies in APIs are. */
#ifndef GARNER_COMMON_EMBEDDED_H
#define GARNER_COMMON_EMBEDDED_H

#include "common/value/value.h"

/* What a text holds: an array or object in JSON, white space around it allowed, as it is or percent-encoded
 * (RFC 3986: "+" is a plus). False, and `*out` as it was, if it is anything else, or more than `levels`
 * arrays and objects deep in each other, or has a number that is too long (limits.h). The tree points into
 * memory of the arena, never into `text`. Keys that stood twice are added to `notes`. */
bool embedded_read(struct arena *arena, struct bytes text, unsigned levels, struct value *out,
                   struct json_notes *notes);

#endif
