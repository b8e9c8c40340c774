/* What templates are made of. Only for template*.c. */
#ifndef GARNER_TEMPLATE_PIECE_H
#define GARNER_TEMPLATE_PIECE_H

#include "worker/provider/template.h"

enum piece_kind {
    PIECE_LITERAL,
    PIECE_ACCOUNT_ID,
    PIECE_ACCOUNT_KEY,
    PIECE_REGION,
    PIECE_CREDENTIAL,
    PIECE_VAR,
    PIECE_PARENT_ID,
    PIECE_PARENT_POINTER,
    PIECE_ID,
    PIECE_ITEM_POINTER,
    PIECE_TOKEN,
    PIECE_AUTH_REGION,
    PIECE_NOTHING, /* the empty last alternative of {A|} */
    PIECE_KINDS
};

struct piece {
    enum piece_kind kind;
    struct bytes inner;     /* a literal, or what stands between the braces: one of the alternatives */
    struct bytes name;      /* a key, or a pointer */
    struct pointer pointer; /* the name's, where that is one; read by template_compile */
    uint32_t generations;   /* parents up; 1 is the parent */
    bool has_other;         /* alternatives behind it; in a compiled template they are the next pieces */
    struct bytes others;    /* while it is cut */
    bool keeps_slashes;     /* {+…} */
};

/* How placeholders are written, and where each can have a value. */
struct template_usage {
    unsigned allow;
    const char *head, *forms, *where;
};
extern const struct template_usage template_usages[];

/* Cut the next piece off `*rest`, which isn't empty: literal text in runs up to the next brace, or the first
 * alternative of a placeholder. Returns 0 or ERR_CONFIG. */
int template_next_piece(struct bytes *rest, struct piece *piece, struct error *e);

/* The next alternative of the same placeholder, when piece->has_other. */
int template_next_alternative(struct piece *piece, struct error *e);

#endif
