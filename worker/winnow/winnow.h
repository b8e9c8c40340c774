/* Winnow: what an item of a listing changes in its collection. Pure: no I/O, no clock.
 *
 * A listing's items go through one by one, in the order they came: winnow_read gives the id, the caller
 * looks up what the store has under it, winnow_judge says what that means. One `struct winnow` lives as
 * long as a listing; not for two threads at once. Nothing here blocks. */
#ifndef GARNER_WINNOW_H
#define GARNER_WINNOW_H

#include "worker/provider/provider.h"
#include "worker/provider/template.h"
#include "worker/winnow/rows.h"

/* What makes a document of an item, and two documents the same: texts that are read as JSON, then parts that
 * are left out, and arrays whose order means nothing. */
struct winnow_rules {
    const struct pointer *parse, *ignore, *unordered;
    uint32_t parse_count, ignore_count, unordered_count;
};

struct winnow {
    const struct collection_def *def;
    const struct placeholders *values; /* for id templates */
    const struct hash_secret *secret;
    struct winnow_rules rules[2]; /* [1]: their `*` also walks a value that stands alone */
    struct winnow_rules both[2];  /* these and those that stored documents were made with */
    bool single;                  /* which of them: of XML, [1]. To be set before a page's items are read */
    bool rules_changed;           /* `both` differs from `rules`, or the definition does */
    roaring_bitmap_t *seen;       /* rows that this listing saw; null: none */
    struct json_notes notes;      /* of what `parse` read */
    struct buffer scratch;
};

/* `old` are the rules of the stored documents when the definition has changed since, else null. All that
 * is pointed to must outlive the listing. */
void winnow_open(struct winnow *w, const struct collection_def *def, const struct placeholders *values,
                 const struct hash_secret *secret, struct arena *arena, const struct winnow_rules *old);
void winnow_close(struct winnow *w); /* safe twice, and on one that is all zero */

struct winnow_item {
    struct bytes id;
    struct value document; /* what `parse` names is read, what `ignore` names is left out */
    struct digest digest;
};

/* The id and document of an item, in the arena. ERR_ID: the id is missing, no text or number, empty, or
 * longer than LIMIT_ID_BYTES. */
int winnow_read(struct winnow *w, struct arena *arena, const struct value *item, struct winnow_item *out,
                struct error *e);

/* The digest that a document made of an item would have, whatever becomes of its id. */
struct digest winnow_digest(struct winnow *w, struct arena *arena, const struct value *item);

/* What the store has under an id. */
struct winnow_known {
    uint32_t row;
    struct digest digest;
    struct bytes packed; /* MessagePack */
};

enum winnow_verdict {
    WINNOW_SAME,     /* known and unchanged; its row is marked seen */
    WINNOW_CREATED,  /* `packed` is to be stored; then call winnow_mark with its row */
    WINNOW_UPDATED,  /* `packed` and `patch` likewise; its row is marked seen */
    WINNOW_REDIGEST, /* the same document, but its digest is another one under the changed rules */
    WINNOW_TWICE,    /* seen before in this listing, with the same content */
    WINNOW_CLASH,    /* seen before in this listing, with other content: the first one stays */
};

struct winnow_result {
    enum winnow_verdict verdict;
    bool definition;     /* the update comes from changed rules, not from the provider */
    struct bytes packed; /* MessagePack of the document */
    struct bytes patch;  /* MessagePack of the JSON Patch, for an update */
};

/* `known` null: the store has nothing under that id. 0; ERR_CORRUPT when the stored document can't be read;
 * ERR_LIMIT when document and patch together are too large to keep. */
int winnow_judge(struct winnow *w, struct arena *arena, const struct winnow_item *item,
                 const struct winnow_known *known, struct winnow_result *out, struct error *e);

void winnow_mark(struct winnow *w, uint32_t row);
bool winnow_saw(const struct winnow *w, uint32_t row);

/* Which of the required pointers an item lacks: bit i is set for require[i]. A null counts as lacking; of a
 * pointer with `*`, one place that has it is enough. */
uint64_t winnow_lacks(const struct winnow *w, const struct value *document);

#endif
