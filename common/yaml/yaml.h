/* YAML with places: files that people write, read with libfyaml, and messages as a compiler gives them.
 *
 *     providers/shop.yaml:12:5: error: unknown key 'pages': did you mean 'page'?
 *        12 |     pages: {style: token}
 *           |     ^
 *
 * Scalars are strings; what they mean is decided by whoever reads them. Reading goes on after an error,
 * so that all mistakes of a file are told at once. Aliases and anchors work; includes, tags and
 * duplicate keys are errors. Not for two threads at once. */
#ifndef GARNER_COMMON_YAML_H
#define GARNER_COMMON_YAML_H

#include "common/hash.h"
#include "common/value/value.h"

struct yaml_file;                   /* one document; owns its text */
typedef struct yaml_node yaml_node; /* a place in it; lives as long as the file */

/* All messages of one start, in the order they were found: the text of the first
 * LIMIT_YAML_MESSAGES, the number of all. All zero is an empty report. */
struct yaml_report {
    struct buffer text; /* as shown above, a newline after each line */
    unsigned errors;
    unsigned warnings;
    bool secret; /* set by the caller: messages show places, and nothing of what stands there */
};

void yaml_report_close(struct yaml_report *r);

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/* Read a file (or `text`, named `name` in messages). Null when it can't be read or isn't YAML: then the
 * report says why. */
struct yaml_file *yaml_open(const char *path, struct yaml_report *report);
struct yaml_file *yaml_open_text(const char *name, struct bytes text, struct yaml_report *report);
void yaml_close(struct yaml_file *file); /* null is fine */
const yaml_node *yaml_root(const struct yaml_file *file);

/* Of a file's text. */
struct digest yaml_file_digest(const struct yaml_file *file);

/* Messages at a node; null: about the file as a whole. Control characters become `?`. */
void yaml_error(struct yaml_report *r, const struct yaml_file *f, const yaml_node *at, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
void yaml_warning(struct yaml_report *r, const struct yaml_file *f, const yaml_node *at, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
/* From now on messages show source lines only up to this node, "***" behind: it holds a secret. */
void yaml_hide(struct yaml_file *file, const yaml_node *secret);
unsigned yaml_line(const yaml_node *node); /* from 1 */

enum yaml_kind yaml_kind(const yaml_node *node);
struct bytes yaml_text(const yaml_node *scalar); /* as it means, without quotes */
bool yaml_is_null(const yaml_node *node);        /* empty, ~ or plain null */
uint32_t yaml_count(const yaml_node *list_or_map);
const yaml_node *yaml_item(const yaml_node *list, uint32_t index);
const yaml_node *yaml_key(const yaml_node *map, uint32_t index);
const yaml_node *yaml_value(const yaml_node *map, uint32_t index);
const yaml_node *yaml_get(const yaml_node *map, const char *key); /* null if it isn't there */

/* Report every key of `map` that isn't one of `known` (ended by null), with the nearest one. A node that
 * is no map is reported too; then the answer is false. */
bool yaml_check_keys(struct yaml_report *r, const struct yaml_file *f, const yaml_node *map,
                     const char *const *known);

/* Typed reading; false and a message if the node isn't that. Quotes don't matter. Text is copied into the
 * arena; it is never empty by omission (a null is an error) and holds no NUL. Numbers are decimal. */
bool yaml_read_text(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                    const char **out);
bool yaml_read_u64(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, uint64_t min,
                   uint64_t max, uint64_t *out);
bool yaml_read_bool(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n,
                    bool *out); /* true, false only */
bool yaml_read_size(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, uint64_t *bytes);
bool yaml_read_duration(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, int64_t *ms);

/* One of `words` (ended by null), as its index. */
bool yaml_read_word(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n,
                    const char *const *words, int *index);

/* A list of texts, none of them empty, none twice; ended by null, its length in `*count` (may be null). */
bool yaml_read_texts(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                     const char *const **out, uint32_t *count);

/* True if the node is of that kind, else a message: "expected WHAT, not a text". */
bool yaml_expect(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, enum yaml_kind kind,
                 const char *what);

/* Any YAML as a value: plain scalars by YAML's JSON schema (null, true, false, numbers), quoted ones
 * strings. For request bodies. */
bool yaml_read_value(struct yaml_report *r, const struct yaml_file *f, const yaml_node *n, struct arena *a,
                     struct value *out);

#endif
