/* Down at once, up slowly: a size that fails costs its tries and the listing's soundness, one that is too
 * small only requests. A size that failed is let alone for a day: what fails is often the same few large
 * items, or the same proxy, and is still there five minutes later. */
#include "worker/provider/page_size.h"

#include "common/limits.h"

/* What the definition says. */
static uint64_t original(const struct page_def *def)
{
    if (!def->has_size)
        return 0;
    return def->size.default_ ? def->size.default_ : def->size.max;
}

uint64_t page_size_first(const struct page_def *def, const struct page_size *known)
{
    uint64_t size = original(def);
    if (!size || !known || !known->size || known->size >= size)
        return size;
    return known->size > def->size.min ? known->size : def->size.min; /* the file may have been edited */
}

uint64_t page_size_smaller(const struct page_def *def, uint64_t size)
{
    if (!def->has_size || size <= def->size.min || size < 2)
        return 0;
    return size / 2 > def->size.min ? size / 2 : def->size.min;
}

bool page_size_is_free(const struct page_def *def)
{
    switch (def->style) {
    case PAGE_TOKEN:
    case PAGE_OFFSET:
    case PAGE_MARKER:
        return true;
    case PAGE_NONE:
    case PAGE_LINK:
    case PAGE_NUMBER:
        break;
    }
    return false;
}

bool page_size_is_suspect(int code, bool is_answer)
{
    return is_answer ? code == ERR_SERVER : code == ERR_TRANSFER || code == ERR_LIMIT;
}

void page_size_failed(struct page_size *known, uint64_t failed, uint64_t size, int64_t wall_ms)
{
    *known = (struct page_size){.size = size, .failed = failed, .failed_ms = wall_ms};
}

/* It failed, and not long ago. A clock that was set back doesn't make that last for ever. */
static bool is_barred(const struct page_size *known, uint64_t size, int64_t wall_ms)
{
    int64_t age_ms = wall_ms - known->failed_ms;
    return known->failed && size >= known->failed && age_ms >= 0 && age_ms < LIMIT_PAGE_SIZE_FAILED_MS;
}

void page_size_listed(struct page_size *known, const struct page_def *def, int64_t wall_ms)
{
    uint64_t most = original(def), size = page_size_first(def, known);
    if (!known->size)
        return;
    uint64_t next = size * 2 < most ? size * 2 : most;
    known->size = size;
    if (known->listed < LIMIT_PAGE_SIZE_LISTINGS)
        known->listed++;
    if (known->listed == LIMIT_PAGE_SIZE_LISTINGS && !is_barred(known, next, wall_ms)) {
        known->size = next;
        known->listed = 0;
    }
    if (known->size >= most)
        *known = (struct page_size){0};
}
