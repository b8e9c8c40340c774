/* `require`: what nearly every item must have, and what a page that lacks it means. */
#include "common/limits.h"
#include "worker/harvest/listing_internal.h"

enum { LOOKED_MOST = 8 };

/* Which of the required pointers that this item lacks were there before: in the stored document of the same
 * id, or in an earlier page of this listing. One that is as it was has lost nothing. */
static int lost_of(struct listing *l, const struct taken *taken, uint64_t lacks, uint64_t *lost,
                   struct error *e)
{
    struct winnow_known known;
    bool found;
    struct value before;
    *lost = lacks & l->had;
    int code = listing_known(l, taken, &known, &found, e);
    if (code || !found)
        return code;
    if (digest_equal(known.digest, taken->item.digest)) {
        *lost = 0;
        return 0;
    }
    code = value_from_msgpack(&l->page, known.packed, &before, e);
    if (!code)
        *lost |= lacks & ~winnow_lacks(&l->winnow, &before);
    return code;
}

/* What was recognised isn't looked at, but for a few items of a page: they had what the others had. */
static int had_by_forecast(struct listing *l, struct error *e)
{
    const struct forecast_page *page = &l->forecast.page;
    uint32_t count = l->def->require_count, looked = 0;
    uint64_t all = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    for (uint32_t i = 0; i < page->count && looked < LOOKED_MOST && (l->had & all) != all; i++) {
        struct document stored;
        struct value document;
        if (page->slots[i].kind == SLOT_NEW)
            continue;
        struct forecast_rows rows = forecast_rows(&l->forecast, &page->slots[i]);
        uint32_t row = rows.items ? rows.items->row : rows.row;
        int code = store_document(l->store, l->record.id, row, &stored, e);
        if (!code)
            code = value_from_msgpack(&l->page, arena_copy(&l->page, stored.packed), &document, e);
        if (code)
            return code;
        l->had |= ~winnow_lacks(&l->winnow, &document);
        looked++;
    }
    return 0;
}

/* A page on which many items lack what earlier ones had is degraded: the provider answers, but not with all
 * it knows. To take it would be to report updates that never happened. */
int listing_check_required(struct listing *l, const struct taken *taken, uint64_t count, uint64_t items,
                           struct error *e)
{
    uint64_t lost_by[LIMIT_REQUIRE] = {0}, had = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (taken[i].unreadable)
            continue;
        uint64_t lacks = winnow_lacks(&l->winnow, &taken[i].item.document), lost = 0;
        had |= ~lacks;
        int code = lacks ? lost_of(l, &taken[i], lacks, &lost, e) : 0;
        if (code)
            return code;
        for (uint32_t bit = 0; lost; bit++, lost >>= 1)
            lost_by[bit] += lost & 1;
    }
    for (uint32_t bit = 0; bit < l->def->require_count; bit++)
        if (lost_by[bit] * 100 > items * LIMIT_DEGRADED_PERCENT)
            return error_set(
                e, ERR_DEGRADED,
                "%llu of %llu items lack '%.*s', which earlier ones had: the answer is degraded, and "
                "nothing of this page was taken",
                (unsigned long long)lost_by[bit], (unsigned long long)items,
                BYTES_ARG(l->def->require[bit].text));
    l->had |= had;
    return had_by_forecast(l, e);
}
