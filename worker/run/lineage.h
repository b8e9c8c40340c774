/* Lineages: chains of parents. Not for others than worker/run. */
#ifndef GARNER_RUN_LINEAGE_H
#define GARNER_RUN_LINEAGE_H

#include "common/arena.h"
#include "worker/store/store.h"
#include "worker/winnow/winnow.h"

/* A chain of parents, as placeholders need it; in an arena of its own, shared by reference count. */
struct lineage {
    unsigned references;
    struct arena arena;
    struct lineage *above;
    struct resource_view view;
    struct value document;
};

struct lineage *lineage_new(struct lineage *above);
void lineage_release(struct lineage *lineage);                         /* null is fine */
void lineage_path(const struct lineage *lineage, struct buffer *path); /* the `parent` of a collection_key */
int lineage_fill(struct lineage *lineage, const struct document *document, struct error *e);
/* That of a stored resource, with all above it. In a transaction. ERR_NOT_FOUND: one of them isn't there. */
int lineage_read(struct store *store, uint32_t collection, uint32_t row, struct lineage **out,
                 struct error *e);

#endif
