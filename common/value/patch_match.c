/* What both lists begin and end with is matched first, and mostly that is all. Between, a longest common
 * subsequence is exact and quadratic. Where that is too much, items that stand once in each list are
 * anchors (the longest rising run of them, as in patience diff), and what lies between two anchors is
 * tried again. Myers' algorithm would be linear for few edits, but as bad for lists that differ much. */
#include "common/value/patch_match.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/check.h"

enum { MATCH_CELLS_MAX = 1 << 20 }; /* of one table */

struct matching {
    const uint64_t *a, *b;
    uint32_t *partner;
    size_t *cells;
};

struct range {
    uint32_t a, a_end, b, b_end;
};

struct entry {
    uint64_t hash;
    uint32_t place;
    bool in_b;
};

static bool table_fits(const struct matching *m, struct range r)
{
    size_t rows = (size_t)(r.a_end - r.a) + 1, columns = (size_t)(r.b_end - r.b) + 1;
    size_t max = *m->cells < MATCH_CELLS_MAX ? *m->cells : MATCH_CELLS_MAX;
    return rows <= max / columns;
}

/* length[i][j]: of the longest subsequence that a from i on and b from j on have in common. */
static void match_table(struct matching *m, struct range r)
{
    uint32_t n = r.a_end - r.a, columns = r.b_end - r.b + 1;
    const uint64_t *a = m->a + r.a, *b = m->b + r.b;
    *m->cells -= (size_t)(n + 1) * columns;
    uint32_t *length = mem_zalloc((size_t)(n + 1) * columns * sizeof *length);
    for (uint32_t i = n; i-- > 0;) {
        uint32_t *row = length + (size_t)i * columns, *below = row + columns;
        for (uint32_t j = columns - 1; j-- > 0;) {
            uint32_t skip = below[j] > row[j + 1] ? below[j] : row[j + 1];
            row[j] = a[i] == b[j] ? below[j + 1] + 1 : skip;
        }
    }
    for (uint32_t i = 0, j = 0; i < n && j < columns - 1;) {
        const uint32_t *row = length + (size_t)i * columns, *below = row + columns;
        if (a[i] == b[j])
            m->partner[r.a + i++] = r.b + j++;
        else if (below[j] >= row[j + 1])
            i++;
        else
            j++;
    }
    free(length);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->in_b > y->in_b) - (x->in_b < y->in_b);
}

/* Give those of the range that stand once in a and once in b each other as partners, in any order. */
static void pair_unique(struct matching *m, struct range r)
{
    size_t n = r.a_end - r.a, count = n + (r.b_end - r.b);
    struct entry *entries = mem_alloc(count * sizeof *entries);
    for (uint32_t i = r.a; i < r.a_end; i++)
        entries[i - r.a] = (struct entry){m->a[i], i, false};
    for (uint32_t j = r.b; j < r.b_end; j++)
        entries[n + j - r.b] = (struct entry){m->b[j], j, true};
    qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && entries[end].hash == entries[i].hash;)
            end++;
        if (end == i + 2 && !entries[i].in_b && entries[i + 1].in_b)
            m->partner[entries[i].place] = entries[i + 1].place;
    }
    free(entries);
}

/* Of the pairs in the range, keep a longest run whose partners rise. */
static void keep_rising(struct matching *m, struct range r)
{
    uint32_t n = r.a_end - r.a, runs = 0;
    uint32_t *last = mem_alloc(n * sizeof *last);     /* last[k]: where the best run of k + 1 pairs ends */
    uint32_t *before = mem_alloc(n * sizeof *before); /* the pair before this one in its run */
    for (uint32_t i = r.a; i < r.a_end; i++) {
        if (m->partner[i] == MATCH_NONE)
            continue;
        uint32_t low = 0, high = runs;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (m->partner[last[middle]] < m->partner[i])
                low = middle + 1;
            else
                high = middle;
        }
        before[i - r.a] = low ? last[low - 1] : MATCH_NONE;
        last[low] = i;
        runs += low == runs;
    }
    uint32_t kept = runs ? last[runs - 1] : MATCH_NONE;
    for (uint32_t i = r.a_end; i-- > r.a;) {
        if (i == kept)
            kept = before[i - r.a];
        else
            m->partner[i] = MATCH_NONE;
    }
    free(last);
    free(before);
}

static void match_range(struct matching *m, struct range r, bool may_anchor);

static void match_anchors(struct matching *m, struct range r)
{
    pair_unique(m, r);
    keep_rising(m, r);
    struct range gap = {r.a, r.a, r.b, r.b};
    for (; gap.a_end < r.a_end; gap.a_end++) {
        if (m->partner[gap.a_end] == MATCH_NONE)
            continue;
        gap.b_end = m->partner[gap.a_end];
        match_range(m, gap, false);
        gap.a = gap.a_end + 1;
        gap.b = gap.b_end + 1;
    }
    gap.b_end = r.b_end;
    match_range(m, gap, false);
}

static void match_range(struct matching *m, struct range r, bool may_anchor)
{
    while (r.a < r.a_end && r.b < r.b_end && m->a[r.a] == m->b[r.b])
        m->partner[r.a++] = r.b++;
    while (r.a < r.a_end && r.b < r.b_end && m->a[r.a_end - 1] == m->b[r.b_end - 1])
        m->partner[--r.a_end] = --r.b_end;
    if (r.a == r.a_end || r.b == r.b_end)
        return;
    if (table_fits(m, r))
        match_table(m, r);
    else if (may_anchor)
        match_anchors(m, r);
}

void patch_match(const uint64_t *a, uint32_t n, const uint64_t *b, uint32_t m, size_t *cells,
                 uint32_t *partner)
{
    struct matching matching = {.a = a, .b = b, .partner = partner, .cells = cells};
    for (uint32_t i = 0; i < n; i++)
        partner[i] = MATCH_NONE;
    match_range(&matching, (struct range){0, n, 0, m}, true);
}
