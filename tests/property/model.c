#include "tests/property/model.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/* One listing, while it is gone through. */
struct walk {
    struct model *m;
    const struct world *w;
    bool seen[RESOURCES_MAX];
    bool last[RESOURCES_MAX]; /* stood last on a page */
    bool names;               /* an item with a name was seen on an earlier page */
};

void model_open(struct model *m, const struct world *w)
{
    *m = (struct model){
        .before = mem_zalloc(w->resources * sizeof *m->before),
        .after = mem_zalloc(w->resources * sizeof *m->after),
        .midway = mem_zalloc(w->resources * sizeof *m->midway),
    };
}

void model_close(struct model *m)
{
    free(m->before);
    free(m->after);
    free(m->midway);
    *m = (struct model){0};
}

static bool same(struct digest a, struct digest b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Take one item; true if it came before in this listing. */
static bool take(struct walk *walk, const struct entry *entry)
{
    struct model *m = walk->m;
    struct known *known = &m->after[entry->resource];
    bool differs = !same(known->form, entry->form);
    if (entry->unreadable) {
        m->sound = false;
        return false;
    }
    if (walk->seen[entry->resource]) {
        if (differs)
            m->sound = false; /* the first one counts */
        return true;
    }
    walk->seen[entry->resource] = true;
    if (known->there && !differs)
        m->unchanged++;
    else if (known->there)
        m->updated++;
    else
        m->created++;
    uint64_t packed = known->there && !differs ? known->packed : 0;
    *known = (struct known){true, entry->bare, walk->w->ignores, entry->form, entry->plain, packed};
    return false;
}

/* `require`: more than a fifth of the page lacks a name that was there before. What is as it was lost
 * nothing. */
static bool is_degraded(const struct walk *walk, const struct entry *entries, uint32_t count)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct known *known = &walk->m->after[entries[i].resource];
        if (!entries[i].bare || entries[i].unreadable)
            continue;
        if (!known->there || !same(known->form, entries[i].form))
            lost += walk->names || (known->there && !known->bare);
    }
    return walk->w->kind.refined && lost * 5 > count;
}

/* Take a page. False if the listing fails by it, before or after it was taken. */
static bool take_page(struct walk *walk, const struct shown *page, bool *end)
{
    const struct world *w = walk->w;
    const struct entry *entries = w->entries + page->from;
    uint32_t count = page->hollow ? 0 : page->count;
    bool marker = w->kind.turn == TURN_MARKER || w->kind.turn == TURN_MARKER_ID;
    bool again = count > 0, names = false;
    if (is_degraded(walk, entries, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        again = take(walk, &entries[i]) && again;
        names = names || (!entries[i].bare && !entries[i].unreadable);
    }
    walk->names = walk->names || names;
    if (again)
        return false; /* a loop */
    *end = marker ? count == 0 : !page->next[0];
    if (!marker || count == 0)
        return true;
    const struct entry *last = &entries[count - 1];
    bool goes_on = !last->unreadable && !walk->last[last->resource];
    walk->last[last->resource] = true;
    return goes_on;
}

static bool fails(const struct trouble *trouble, uint32_t page)
{
    if (trouble->page != page)
        return false;
    switch (trouble->kind) {
    case TROUBLE_DENIED:
    case TROUBLE_NO_LIST:
    case TROUBLE_STOPPED:
    case TROUBLE_KILLED:
        return true;
    case TROUBLE_SPOILT:
    case TROUBLE_BROKEN:
        return trouble->times >= TRIES;
    default:
        return false;
    }
}

static void delete_missing(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->w->resources; i++)
        if (walk->m->after[i].there && !walk->seen[i]) {
            walk->m->after[i] = (struct known){.there = false};
            walk->m->deleted++;
        }
}

void model_list(struct model *m, const struct world *w, const struct layout *layout,
                const struct trouble *trouble)
{
    struct walk walk = {.m = m, .w = w};
    size_t bytes = w->resources * sizeof *m->after;
    memcpy(m->after, m->before, bytes);
    m->has_midway = false;
    m->created = m->updated = m->deleted = m->unchanged = 0;
    m->sound = true;
    m->complete = false;
    for (m->asked = 0; !m->complete; m->asked++) {
        if (fails(trouble, m->asked)) {
            m->asked++;
            return;
        }
        CHECK(m->asked < layout->count);
        if (trouble->commits && trouble->commit == m->asked) {
            m->has_midway = true;
            memcpy(m->midway, m->after, bytes);
        }
        if (!take_page(&walk, &layout->pages[m->asked], &m->complete)) {
            m->asked++;
            m->complete = false;
            return;
        }
    }
    if (m->sound)
        delete_missing(&walk);
}

enum fate model_fate(const struct model *m, uint32_t resource)
{
    const struct known *before = &m->before[resource], *after = &m->after[resource];
    if (before->there != after->there)
        return after->there ? FATE_CREATED : FATE_DELETED;
    return before->there && !same(before->form, after->form) ? FATE_UPDATED : FATE_NONE;
}

static void move(struct known **to, struct known **from)
{
    struct known *kept = *to;
    *to = *from;
    *from = kept;
}

void model_commit(struct model *m)
{
    move(&m->before, &m->after);
    m->has_midway = false;
}

void model_abort(struct model *m)
{
    if (m->has_midway)
        move(&m->before, &m->midway);
    m->has_midway = false;
}

bool model_lie(struct model *m, const struct world *w, enum fate fate)
{
    for (uint32_t i = 0; i < w->resources; i++) {
        if (model_fate(m, i) != fate || (fate == FATE_NONE && !m->after[i].there))
            continue;
        if (fate == FATE_NONE)
            m->after[i].form.bytes[0] ^= 1;
        else
            m->after[i] = m->before[i];
        return true;
    }
    return false;
}
