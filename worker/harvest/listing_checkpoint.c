/* Where a listing stands, from one harvest to the next. A checkpoint is written in the transaction of the
 * items that came before it, so the rows that it names are there whenever it is.
 *
 * What is taken up again is the whole state of a listing as far as it counts for deletes: the rows seen,
 * those that it created (the guard doesn't count them), what makes it unsound. Without the rows it can't be
 * sound, nor if the provider file doesn't promise that what comes and goes leaves the pages to come as they
 * are (`order: stable`).
 *
 * A page that fails again and again must not keep the pages before it from being listed: after a few tries
 * the next harvest starts anew. */
#include <inttypes.h>
#include <stdio.h>

#include "common/limits.h"
#include "common/units.h"
#include "worker/harvest/listing_internal.h"

static bool may_go_on(const struct listing *l, const struct checkpoint *c)
{
    return !l->void_first && digest_equal(c->definition, l->def->definition) &&
           c->tries < LIMIT_CHECKPOINT_TRIES;
}

/* One that can't be read is as good as none; `garner verify` tells of it. */
int listing_read_checkpoint(struct listing *l, struct error *e)
{
    struct checkpoint *c = arena_alloc(&l->arena, sizeof *c);
    int code = store_checkpoint_get(l->store, l->record.id, l->record.next_row, &l->arena, c, &l->seen_before,
                                    e);
    if (!code && may_go_on(l, c)) {
        c->unsound = c->unsound ? arena_strdup(&l->arena, bytes_of(c->unsound)) : NULL;
        l->checkpoint = c;
        return 0;
    }
    rows_close(&l->seen_before);
    return code == ERR_NOT_FOUND || code == ERR_CORRUPT ? 0 : code;
}

/* Rows that went meanwhile don't count: nothing takes them from a collection that has a checkpoint, but what
 * was read from a disk is not relied upon for deletes. */
static int take_up_rows(struct listing *l, struct error *e)
{
    roaring_bitmap_t *live = roaring_bitmap_create();
    CHECK(live);
    int code = store_read(l->store, e);
    if (!code) {
        code = store_rows(l->store, l->record.id, live, e);
        store_done(l->store);
    }
    roaring_bitmap_and_inplace(l->seen_before, live);
    roaring_bitmap_free(live);
    l->winnow.seen = l->seen_before;
    l->seen_before = NULL;
    return code;
}

static void say_resumed(struct listing *l, uint64_t page)
{
    char time[UNITS_TIME_BYTES], why[256];
    snprintf(why, sizeof why,
             "it went on with page %" PRIu64
             " of a listing that began at %s: what came or went before that page since "
             "then was not seen%s",
             page, units_time(l->began_ms, time),
             l->def->order_stable ? ", and its checkpoint had no room for what was seen" : "");
    listing_unsound(l, why);
}

int listing_take_up(struct listing *l, uint64_t resumed_page, struct error *e)
{
    const struct checkpoint *c = l->checkpoint;
    int code = 0;
    l->checkpoint = NULL;
    if (c && resumed_page) {
        l->receipt.resumed_page = resumed_page;
        l->began_ms = c->started_ms;
        l->created_rows = c->created;
        l->had = c->had;
        if (c->unsound)
            listing_unsound(l, c->unsound);
        if (l->def->order_stable && l->seen_before)
            code = take_up_rows(l, e);
        else
            say_resumed(l, resumed_page);
    }
    rows_close(&l->seen_before);
    return code;
}

/* Write it, and what the record says of it. */
static int put(struct listing *l, const struct checkpoint *c, roaring_bitmap_t *seen, struct error *e)
{
    int code = listing_ensure(l, e);
    l->record.has_checkpoint = true;
    if (!code)
        code = store_checkpoint_put(l->store, l->record.id, c, seen, e);
    return code ? code : store_collection_put(l->store, &l->record, e);
}

int listing_checkpoint(struct listing *l, const struct checkpoint_position *position, uint64_t request,
                       struct error *e)
{
    struct checkpoint c = {
        .definition = l->def->definition,
        .request = request,
        .harvest = l->receipt.id.harvest,
        .started_ms = l->began_ms,
        .position = *position,
        .created = l->created_rows,
        .had = l->had,
        .unsound = l->unsound[0] ? l->unsound : NULL,
    };
    if (l->def->order_stable)
        rows_ensure(&l->winnow.seen);
    return put(l, &c, l->def->order_stable ? l->winnow.seen : NULL, e);
}

int listing_checkpoint_again(struct listing *l, const struct error *cause, struct error *e)
{
    struct checkpoint c = *l->checkpoint;
    l->receipt.resumed_page = c.position.page;
    if (cause->code == ERR_STOPPED)
        return 0;
    c.tries++;
    c.harvest = l->receipt.id.harvest;
    return put(l, &c, l->seen_before, e);
}

int listing_checkpoint_drop(struct listing *l, struct error *e)
{
    if (!l->record.has_checkpoint)
        return 0;
    l->record.has_checkpoint = false;
    int code = listing_ensure(l, e);
    return code ? code : store_checkpoint_drop(l->store, l->record.id, e);
}
