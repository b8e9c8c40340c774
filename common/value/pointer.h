/* Pointers: JSON Pointers (RFC 6901), plus `*` as a segment that walks every element of an array. */
#ifndef GARNER_COMMON_POINTER_H
#define GARNER_COMMON_POINTER_H

#include "common/value/value.h"

struct pointer {
    struct bytes text; /* as written */
    uint32_t count;
    struct bytes *segments; /* unescaped */
    bool *walks;            /* which of them are `*` */
    bool has_walk;
    bool walks_single; /* for pointer_prune, pointer_parse_texts, pointer_make_arrays and `unordered`: `*`
                          also walks a value that is no array, as if it stood alone in one (XML). Set by who
                          knows the format; parsing clears it. */
    bool fills; /* for pointer_make_arrays: an array is also made where there is none; parsing clears it */
};

/* Parse. Everything is kept in the arena. Returns 0 or ERR_CONFIG: the sentence says what is wrong
 * (must be "" or begin with "/"; "~" only as "~0" or "~1"; at most LIMIT_DEPTH segments). */
int pointer_parse(struct arena *arena, struct bytes text, struct pointer *out, struct error *e);

/* Where a pointer leads; null if nowhere, and for one with `*`. Into arrays by decimal index. */
const struct value *pointer_get(const struct pointer *pointer, const struct value *root);

/* Where a walk's path broke off: at what isn't there or is null, or at something of another type. */
struct pointer_missed {
    uint64_t absent, wrong;
};

/* A copy of these pointers whose `*` also walks a value that is no array. */
struct pointer *pointers_walk_single(struct arena *arena, const struct pointer *pointers, size_t count);

/* Call `visit` for every value that the pointer leads to, in order. Stops at a non-zero return and gives
 * it back. `*missed` (may be null) counts the places where the path broke off. An empty array is no miss.
 *
 * With `single` (XML), `*` also walks a value that is not an array, as if it stood alone in one. A text
 * of nothing but white space is then what is left of an empty element: below it there is nothing, by `*` or
 * by any name, and that is no miss, unless all of the document is such a text and a name is asked for. */
int pointer_walk(const struct pointer *pointer, const struct value *root, bool single,
                 struct pointer_missed *missed, int (*visit)(void *context, const struct value *found),
                 void *context);

/* A copy of `root` without the members and items that the pointers lead to; null if one is "". Shares
 * what is unchanged. */
struct value pointer_prune(struct arena *arena, const struct value *root, const struct pointer *pointers,
                           size_t count);

/* A copy of `root` in which texts that the pointers lead to, and that are JSON (common/value/embedded.h), are
 * the values they hold. Pointers lead on into these. Nothing gets deeper than LIMIT_DEPTH. Doing it again,
 * also with more pointers, is the same as doing it with all of them at once. Shares what is unchanged. */
struct value pointer_parse_texts(struct arena *arena, const struct value *root,
                                 const struct pointer *pointers, size_t count, struct json_notes *notes);

/* What the pointers lead to, and is no array, becomes one: of nothing if it is a text of nothing but white
 * space, else of itself. Where a pointer that `fills` leads to nothing, an empty array is made if what should
 * hold it is there: an object that the pointer came to by `*`, or a text of white space only below the root.
 * In place, so `root` must be the caller's own, and shared with nobody. */
void pointer_make_arrays(struct arena *arena, struct value *root, const struct pointer *pointers,
                         size_t count);

/* Set the value that a pointer without `*` names, making objects on the way where there is nothing or
 * null; copies what it changes. Returns 0, or ERR_CONFIG if the way leads through something that is
 * neither object nor an array that has this item; then nothing is set. */
int pointer_set(struct arena *arena, struct value *root, const struct pointer *pointer, struct value value,
                struct error *e);

#endif
