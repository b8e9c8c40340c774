/* Values: a JSON-like document in memory, whatever format it came in.
 *
 * A tree in an arena (or pointing into a body that outlives it): nothing is freed one by one. Numbers
 * are kept as the literal that the provider sent, so nothing is lost to a double. Strings are UTF-8
 * and may hold NUL. Object members keep the order they came in, and a key stands once. */
#ifndef GARNER_COMMON_VALUE_H
#define GARNER_COMMON_VALUE_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/error.h"

enum value_type { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

struct member;

struct value {
    enum value_type type;
    uint32_t count; /* of items or members */
    union {
        bool boolean;
        struct bytes text; /* a string, or a number's literal (JSON syntax) */
        struct value *items;
        struct member *members;
    };
};

struct member {
    struct bytes key;
    struct value value;
};

/* Making values. Strings and literals are not copied. */
struct value value_null(void);
struct value value_bool(bool boolean);
struct value value_string(struct bytes text);
struct value value_number(struct bytes literal); /* must be a valid JSON number */
struct value value_u64(struct arena *arena, uint64_t number);
struct value value_array(struct arena *arena, uint32_t count);  /* items are null */
struct value value_object(struct arena *arena, uint32_t count); /* for value_put; room for `count` */

/* Append a member to an object that was made with room for it. The key is not copied. */
void value_put(struct value *object, struct bytes key, struct value value);

/* The member of that key, or null; also null when `object` isn't an object. */
const struct value *value_get(const struct value *object, struct bytes key);
const struct value *value_get_text(const struct value *object, const char *key);

const char *value_type_name(enum value_type type); /* "null", "boolean", "number", … */

/* A deep copy that shares nothing with `from`. */
struct value value_copy(struct arena *arena, const struct value *from);

/* Equal as the contract says: keys in any order; numbers if their literals are, or if both are
 * integers (no fraction, no exponent) of the same value; arrays item by item. */
bool value_equal(const struct value *a, const struct value *b);

/* Are more than `levels` arrays and objects within each other? */
bool value_is_deeper(const struct value *value, unsigned levels);

/* --- JSON (value_json.c) --- */

struct json_notes {
    uint32_t duplicate_keys; /* members dropped because a later one had the same key */
};

/* Parse one JSON text; a UTF-8 byte order mark before it and white space around it are skipped. The
 * tree's strings may point into memory of the arena, never into `body`. Of duplicate keys the last
 * counts, in the place of the first. Size, depth and number length are limited (limits.h). `notes` may be
 * null.
 * Returns 0; ERR_BODY with "at byte N: cause"; ERR_LIMIT. */
int value_from_json(struct arena *arena, struct bytes body, struct value *out, struct json_notes *notes,
                    struct error *e);

/* Append as compact JSON: UTF-8 as it is, escapes only where JSON needs them (", \, and below 0x20). */
void value_to_json(const struct value *value, struct buffer *out);

/* Append a string as JSON, quotes and all. */
void json_add_string(struct bytes text, struct buffer *out);

/* The text of a scalar, as it goes into a URL, an id or a header: strings as they are, numbers' literals,
 * "true" or "false". False for null, arrays and objects. */
bool value_scalar_text(const struct value *value, struct bytes *out);

/* --- MessagePack (value_msgpack.c) --- */

enum { VALUE_EXT_NUMBER = 1 }; /* extension type of a number's literal */

/* Append as MessagePack. Integers that int64 or uint64 hold and print back the same, and decimals that
 * a double prints back the same (shortest form), are stored as such; other literals as extension 1. */
void value_to_msgpack(const struct value *value, struct buffer *out);

/* Parse exactly one MessagePack value; all of `packed` must be used. Strings point into `packed`, which
 * must outlive the tree. Headers are checked against what is left, depth is limited, strings must be
 * UTF-8 and keys stand once. Returns 0 or ERR_CORRUPT. */
int value_from_msgpack(struct arena *arena, struct bytes packed, struct value *out, struct error *e);

/* Append the JSON of a MessagePack value without making a tree, for printing feeds. Returns 0 or
 * ERR_CORRUPT, with part of it appended. */
int value_msgpack_to_json(struct bytes packed, struct buffer *out, struct error *e);

#endif
