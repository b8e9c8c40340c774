/* Children of what is watched: one collection for each live resource of a parent and each type below it. A
 * parent keeps which of its rows have children watched, a bit each. Rows are never used again, so whoever
 * finds its parent's row gone goes by itself when it is next due (watched.c). */
#include <stdlib.h>

#include "common/check.h"
#include "worker/run/internal.h"
#include "worker/winnow/rows.h"

/* By type of child, in the order of the provider file. */
struct offspring {
    struct offspring *next;
    const struct collection_def *def;
    roaring_bitmap_t *rows; /* null: none yet */
};

static struct offspring *offspring_of(struct watched *parent, const struct collection_def *def)
{
    struct offspring *o = parent->offspring;
    while (o && o->def != def)
        o = o->next;
    if (!o) {
        o = mem_zalloc(sizeof *o);
        *o = (struct offspring){.next = parent->offspring, .def = def};
        parent->offspring = o;
    }
    return o;
}

void offspring_note(struct watched *parent, const struct watched *child)
{
    rows_add(&offspring_of(parent, child->def)->rows, child->row);
}

void offspring_forget(struct watched *parent)
{
    while (parent->offspring) {
        struct offspring *o = parent->offspring;
        parent->offspring = o->next;
        rows_close(&o->rows);
        free(o);
    }
}

static void watch_rows(struct watched *parent, const struct collection_def *def, const roaring_bitmap_t *live)
{
    struct offspring *o = offspring_of(parent, def);
    roaring_uint32_iterator_t *at = roaring_create_iterator(live);
    CHECK(at);
    for (; at->has_value; roaring_advance_uint32_iterator(at)) {
        if (rows_have(o->rows, at->current_value))
            continue;
        struct watched *child = watched_add(parent->account, def, parent->place, parent->id,
                                            at->current_value);
        rows_add(&o->rows, child->row);
        watched_begin(child);
    }
    roaring_free_uint32_iterator(at);
    if (o->rows) /* the others are gone, and with them their children */
        roaring_bitmap_and_inplace(o->rows, live);
}

void offspring_update(struct watched *parent)
{
    struct account *a = parent->account;
    struct shard *shard;
    struct error e;
    roaring_bitmap_t *live = roaring_bitmap_create();
    CHECK(live);
    int code = place_shard(a, parent->place, &shard, &e);
    if (!code)
        code = store_read(shard->store, &e);
    if (!code) {
        code = store_rows(shard->store, parent->id, live, &e);
        store_done(shard->store);
    }
    if (code)
        report_account(a, &e, "reading the parents of its collections", "new ones' children wait");
    uint32_t index = 0;
    for (const struct collection_def *def; !code && (def = brood_next_def(parent->def, &index)); index++)
        watch_rows(parent, def, live);
    roaring_bitmap_free(live);
}

bool offspring_is_due(const struct task *task)
{
    const struct watched *w = task->watched;
    if (w->is_gone || w->account->is_leaving)
        return false;
    return brood_has(task->def) && (!w->offspring || task->job->listing.receipt.created);
}

/* Has the parent that it harvests a child of been deleted? Whatever it would write has no place any more. */
static bool is_orphan(const struct task *task)
{
    struct document document;
    struct error e;
    return task->lineage && task->state != TASK_DONE &&
           store_document(task->shard->store, task->parent.collection, task->parent.row, &document, &e) ==
               ERR_NOT_FOUND;
}

void offspring_end_orphans(struct task *parent)
{
    struct shard *shard = parent->shard;
    struct error e;
    if (!brood_has(parent->def) || store_read(shard->store, &e))
        return;
    for (struct task *task = shard->tasks.first, *next; task; task = next) {
        next = task->next;
        if (task == parent || !is_orphan(task))
            continue;
        if (task->watched)
            watched_remove(task->watched);
        shard_drop(shard, task);
        task_end(task);
    }
    store_done(shard->store);
}
