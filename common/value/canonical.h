/* Canonical form: what makes two documents the same. Keys sorted by bytes; `unordered` arrays sorted by
 * their elements' canonical form; integers without a needless sign ("-0" is "0"); all else as it came.
 * What `ignore` names was pruned before (pointer_prune). */
#ifndef GARNER_COMMON_CANONICAL_H
#define GARNER_COMMON_CANONICAL_H

#include "common/hash.h"
#include "common/value/pointer.h"

/* Append the canonical bytes of a document: an unambiguous form of our own, not JSON. */
void canonical_form(const struct value *document, const struct pointer *unordered, size_t count,
                    struct buffer *out);

/* The keyed digest of the canonical form. `scratch` is reset and used. */
struct digest canonical_digest(const struct value *document, const struct pointer *unordered, size_t count,
                               const struct hash_secret *secret, struct buffer *scratch);

#endif
