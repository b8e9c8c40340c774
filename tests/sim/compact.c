/* Retention, as a worker's would be with any settings: now and then, between two rounds, the log loses some
 * of its oldest changes, and receipts that nothing rests on become ordinary ones. What harvests rely on must
 * be there all the same; what was in the log was replayed before. */
#include <inttypes.h>

#include "tests/sim/check.h"
#include "tests/sim/show.h"

enum { FOUND_MAX = 8 };

static int let_receipts_go(struct world *w, struct error *e)
{
    struct receipt_id last = {0}, found[FOUND_MAX];
    uint32_t count;
    bool end = false;
    int code = 0;
    while (!code && !end) {
        code = store_receipts_unneeded(w->store, &last, FOUND_MAX, found, &count, &end, e);
        for (uint32_t i = 0; i < count && !code; i++) {
            code = store_receipt_unpin(w->store, found[i], e);
            w->tally->let_go++;
        }
    }
    return code;
}

static int compact(struct world *w, struct error *e)
{
    uint64_t oldest = store_oldest(w->store), kept = store_head(w->store) + 1 - oldest;
    uint32_t gone = 0;
    struct store_compaction what = {
        .up_to = oldest + chance(&w->compacting, kept + 1), .before_ms = INT64_MAX, .most = UINT32_MAX};
    int code = store_write(w->store, e);
    if (!code)
        code = store_compact(w->store, &what, &gone, e);
    if (!code)
        code = let_receipts_go(w, e);
    if (!code)
        code = store_commit(w->store, e);
    w->tally->compacted += gone;
    world_note(w, "%" PRIu32 " changes leave the log", gone);
    return code;
}

bool compact_between(struct world *w)
{
    struct error e;
    if (w->number % 2 || !one_in(&w->compacting, 3))
        return true;
    return check_feed(w) && (!compact(w, &e) || world_fault(w, "compacting: %s", e.text));
}
