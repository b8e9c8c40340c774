/* Lineages: the chain of parents that a child's request, id and key are made from. */
#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "worker/provider/url.h"
#include "worker/run/internal.h"

struct lineage *lineage_new(struct lineage *above)
{
    struct lineage *lineage = mem_zalloc(sizeof *lineage);
    lineage->references = 1;
    lineage->above = above;
    if (above) {
        above->references++;
        lineage->view.parent = &above->view;
    }
    return lineage;
}

void lineage_release(struct lineage *lineage)
{
    while (lineage && --lineage->references == 0) {
        struct lineage *above = lineage->above;
        arena_close(&lineage->arena);
        free(lineage);
        lineage = above;
    }
}

static void add_chain(const struct lineage *lineage, struct buffer *path)
{
    if (lineage->above) {
        add_chain(lineage->above, path);
        buffer_add_char(path, '/');
    }
    url_encode_part(lineage->view.id, path);
}

void lineage_path(const struct lineage *lineage, struct buffer *path)
{
    if (lineage && !lineage->above)
        buffer_add_bytes(path, lineage->view.id);
    else if (lineage)
        add_chain(lineage, path);
}

int lineage_fill(struct lineage *lineage, const struct document *document, struct error *e)
{
    lineage->view.id = arena_copy(&lineage->arena, document->id);
    lineage->view.document = &lineage->document;
    return value_from_msgpack(&lineage->arena, arena_copy(&lineage->arena, document->packed),
                              &lineage->document, e);
}

/* Parents stand within each other a few levels deep; what is stored is believed no further. */
static int read_above(struct store *store, uint32_t collection, uint32_t row, unsigned depth,
                      struct lineage **out, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    struct lineage *above = NULL;
    struct document document;
    *out = NULL;
    int code = store_collection_by_id(store, collection, &arena, &record, e);
    if (!code && record.parent_collection && depth == LIMIT_PARENTS)
        code = error_set(e, ERR_CORRUPT, "collections nest deeper than %d: run `garner verify`",
                         LIMIT_PARENTS);
    if (!code && record.parent_collection)
        code = read_above(store, record.parent_collection, record.parent_row, depth + 1, &above, e);
    if (!code)
        code = store_document(store, collection, row, &document, e);
    if (!code) {
        *out = lineage_new(above);
        code = lineage_fill(*out, &document, e);
    }
    if (code) {
        lineage_release(*out);
        *out = NULL;
    }
    lineage_release(above);
    arena_close(&arena);
    return code;
}

int lineage_read(struct store *store, uint32_t collection, uint32_t row, struct lineage **out,
                 struct error *e)
{
    return read_above(store, collection, row, 1, out, e);
}
