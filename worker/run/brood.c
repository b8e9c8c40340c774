/* The children of what was listed: one collection for each live resource of the parent, started a few at a
 * time straight from the store, so that a million parents need no memory. */
#include "worker/run/internal.h"

#include <stdlib.h>

#include "common/check.h"

const struct collection_def *brood_next_def(const struct collection_def *parent, uint32_t *index)
{
    const struct provider *p = parent->provider;
    for (; *index < p->collection_count; ++*index)
        if (p->collections[*index].scope == SCOPE_PARENT && p->collections[*index].parent == parent)
            return &p->collections[*index];
    return NULL;
}

bool brood_has(const struct collection_def *def)
{
    uint32_t index = 0;
    return brood_next_def(def, &index) != NULL;
}

void brood_begin(struct task *task)
{
    const struct listing *l = &task->job->listing;
    struct account *a = task->account;
    if (task->watched) {
        watched_remember(task->watched, &l->record);
        if (offspring_is_due(task))
            offspring_update(task->watched);
        return;
    }
    if (!brood_has(task->def) || a->error.code || a->run->stopping)
        return;
    struct brood *brood = mem_zalloc(sizeof *brood);
    *brood = (struct brood){
        .next = a->broods,
        .parent_def = task->def,
        .shard = task->shard,
        .collection = l->record.id,
        .receipt = l->receipt.sound ? l->receipt.id : (struct receipt_id){0},
        .place = task->place,
        .above = task->lineage,
    };
    if (brood->above)
        brood->above->references++;
    a->broods = brood;
    run_queue(a);
}

static void brood_close(struct account *a)
{
    struct brood *brood = a->broods;
    a->broods = brood->next;
    lineage_release(brood->above);
    free(brood);
}

void brood_close_all(struct account *a)
{
    while (a->broods)
        brood_close(a);
}

/* Take the first document that comes, then stop. */
struct first {
    struct lineage *lineage;
    uint32_t row;
    bool found;
    int code;
    struct error error;
};

static int take_first(void *context, const struct document *document)
{
    struct first *first = context;
    first->found = true;
    first->row = document->row;
    first->code = lineage_fill(first->lineage, document, &first->error);
    return 1;
}

/* The parent resource of the brood's next child: null when that collection_def has no more, or on an error.
 */
static int next_parent(struct brood *brood, struct listing_parent *parent, struct lineage **out,
                       struct error *e)
{
    struct first first = {.lineage = lineage_new(brood->above)};
    struct store *store = brood->shard->store;
    *out = NULL;
    int code = store_read(store, e);
    if (!code) {
        code = store_documents_each(store, brood->collection, brood->next_row, take_first, &first, e);
        store_done(store);
    }
    if (first.found) {
        code = first.code;
        *e = first.error;
    }
    if (code || !first.found) {
        lineage_release(first.lineage);
        return code;
    }
    brood->next_row = first.row + 1;
    *parent = (struct listing_parent){brood->collection, first.row, brood->receipt};
    *out = first.lineage;
    return 0;
}

bool brood_start_next(struct account *a)
{
    while (a->broods) {
        struct brood *brood = a->broods;
        const struct collection_def *def = brood_next_def(brood->parent_def, &brood->def_index);
        struct listing_parent parent;
        struct error e;
        if (!def || a->run->stopping) {
            brood_close(a);
            continue;
        }
        struct lineage *lineage;
        if (next_parent(brood, &parent, &lineage, &e)) {
            report_account(a, &e, "reading the parents of its collections",
                           "their children were not harvested");
            a->run->totals.incomplete++;
        }
        if (lineage) {
            task_start(
                a, &(struct start){.def = def, .place = brood->place, .lineage = lineage, .parent = parent});
            return true;
        }
        brood->def_index++;
        brood->next_row = 0;
    }
    return false;
}
