/* Tier 0: a listing of one page that was sound, and saw all there is, leaves the validators that it came
 * with. The next one asks with them, and is over if the provider says that nothing has changed.
 *
 * No receipt of its own: the last sound one counts how often it was confirmed. So the receipts that are kept
 * stay those of real listings, and what children rest on is not pushed out by harvests that saw nothing. */
#include "worker/harvest/listing_internal.h"

void listing_take_validators(struct listing *l)
{
    struct collection_record *r = &l->record;
    bool edited = l->void_first || l->definition_new || r->mixed;
    bool unfinished = r->unreachable_since_ms || r->unwatched_since_ms || r->held_since_ms || r->quarantined;
    if (!edited && !unfinished && !l->unsound[0] && r->sound_harvest && !listing_rests(l))
        l->known = r->validators;
    r->validators = (struct validators){0};
}

void listing_keep_validators(struct listing *l)
{
    const struct receipt *receipt = &l->receipt;
    struct collection_record *r = &l->record;
    bool is_one = receipt->pages == 1 && !receipt->resumed_page;
    bool noted = receipt->duplicate_keys || receipt->held || receipt->quarantined || r->quarantined;
    if (receipt->sound && is_one && !noted && rows_count(l->winnow.seen) == r->rows)
        r->validators = l->fresh;
}

int listing_unmodified(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    struct receipt *receipt = &l->receipt;
    int code = listing_ensure(l, e);
    r->next_harvest = receipt->id.harvest; /* that number wasn't needed */
    r->validators = l->known;
    r->harvested_ms = receipt->started_ms;
    r->failures = 0;
    receipt->id.harvest = r->sound_harvest;
    receipt->ended_ms = wall_ms;
    receipt->complete = receipt->sound = true;
    receipt->unchanged = r->rows;
    l->unmodified = true;
    if (!code)
        code = store_receipt_unmodified(l->store, receipt->id, wall_ms, e);
    return code ? code : store_collection_put(l->store, r, e);
}
