/* JSON Patch (RFC 6902): the difference between two documents, and its application. */
#ifndef GARNER_COMMON_PATCH_H
#define GARNER_COMMON_PATCH_H

#include "common/value/value.h"

/* A patch (an array of operations: add, remove, replace) that turns `before` into something that is
 * value_equal to `after`. Objects are compared member by member; arrays by their common items (longest
 * common subsequence up to a bounded size, then common prefix and suffix), so an item added to a list
 * is one `add`. Bounded: cost at most linear in the documents for large ones. The result lives in the
 * arena and may share parts of `after`. An empty array when they are equal. */
struct value patch_diff(struct arena *arena, const struct value *before, const struct value *after);

/* Apply any RFC 6902 patch (add, remove, replace, move, copy, test). `document` is not changed; the
 * result lives in the arena and may share parts. Returns 0 or ERR_BODY: which operation failed, why. */
int patch_apply(struct arena *arena, const struct value *document, const struct value *patch,
                struct value *out, struct error *e);

#endif
