/* Document: reading what a coordinator answers. It comes from outside: what isn't there, or is of another
 * type, reads as nothing. */
#ifndef GARNER_CLI_DOCUMENT_H
#define GARNER_CLI_DOCUMENT_H

#include "common/value/value.h"

/* A text; null `data`: none. */
struct bytes document_text(const struct value *object, const char *key);
/* The same for "%.*s": "nobody" where there is none. */
struct bytes document_name(const struct value *object, const char *key);
uint64_t document_u64(const struct value *object, const char *key); /* 0: none */
bool document_bool(const struct value *object, const char *key);
/* A number as it is written, for people; "" where there is none. */
struct bytes document_number(const struct value *object, const char *key);
/* An array, which may be empty; never null. */
const struct value *document_list(const struct value *object, const char *key);
/* An object, or null. */
const struct value *document_object(const struct value *object, const char *key);

#endif
