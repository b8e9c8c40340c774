/* Which fault may happen where. A lie that no harvester could see through (a list that is empty or ends
 * early, and is well in all else) is told only where the file says how to be safe from it: by asking for each
 * resource, by a second listing, by a guard that such a loss meets; and never twice before an honest listing
 * was sound. */
#include "tests/sim/fault.h"

#include <string.h>

#include "tests/sim/show.h"

static const char *const names[FAULTS] = {
#define X(name, text) [FAULT_##name] = text,
    SIM_FAULTS(X)
#undef X
};

const char *fault_name(enum fault fault)
{
    return names[fault];
}

/* --- lies --- */

static bool guard_holds(const struct plan *plan, unsigned rows, unsigned missing)
{
    return plan->guarded && missing >= plan->guard_min && missing * 100 > rows * plan->guard_percent;
}

/* May the listing be told to end here, `shown` having been on this page? */
static bool may_end(const struct visit *v, const struct bits *shown)
{
    const struct place *place = v->place;
    const struct plan *plan = &place->world->plan;
    struct bits living = truth_living(&place->truth), seen = bits_both(&place->shown_once, shown);
    struct bits unseen = bits_less(&place->there, &place->last_seen), missing = bits_less(&v->before, &seen);
    if (plan->confirm == BY_GET)
        return true;
    for (unsigned i = 0; i < BITS_WORDS; i++)
        if (unseen.words[i] & living.words[i]) /* one that lives was missed before */
            return false;
    if (v->resumed || place->lied)
        return false;
    return plan->confirm == BY_RELIST || guard_holds(plan, bits_count(&v->before), bits_count(&missing));
}

static struct bits items_of(const struct shown *page)
{
    struct bits items = {{0}};
    for (unsigned i = 0; i < page->count; i++)
        if (page->items[i].kind == ITEM_WHOLE)
            bits_add(&items, page->items[i].thing);
    return items;
}

/* --- choosing --- */

static bool turns(const struct plan *plan)
{
    return plan->style >= STYLE_TOKEN && plan->style <= STYLE_LINK_BODY;
}

static bool page_fault_fits(struct visit *v, enum fault fault, const struct asked *asked,
                            const struct shown *page)
{
    struct world *w = v->place->world;
    const struct plan *plan = &w->plan;
    struct bits none = {{0}}, here = items_of(page);
    switch (fault) {
    case FAULT_EMPTY_LIE:
        return page->count > 0 && may_end(v, &none);
    case FAULT_ABSENT_LIE:
        return plan->absent && page->count > 0 && !asked->has_position && may_end(v, &none);
    case FAULT_SHORT_LIE:
        return page->count > 0 && page->has_next && may_end(v, &here);
    case FAULT_SAME_TOKEN:
        return asked->has_position && turns(plan) && !page->is_last;
    case FAULT_SAME_PAGE:
        return asked->has_position && v->last_count > 0;
    case FAULT_EXPIRED:
        return asked->has_position && turns(plan);
    case FAULT_WRONG_TOTAL:
        return plan->has_total;
    case FAULT_WRONG_MORE:
        return plan->has_more && page->is_last && !page->has_next && (turns(plan) || page->count == 0);
    case FAULT_DUPLICATE:
    case FAULT_CLASH: /* where the items that came are counted, one too many hides another */
        return page->count > 0 && !v->resumed && plan->style != STYLE_OFFSET;
    case FAULT_HUGE:
        return page->count > 0 && one_in(&w->random, 6);
    case FAULT_NO_ID:
    case FAULT_LONG_ID:
    case FAULT_DEEP:
        return page->count > 0;
    case FAULT_DEGRADED:
        return plan->requires
        &&page->count > 1;
    default:
        return true;
    }
}

static bool fits(struct visit *v, enum fault fault, const struct asked *asked, const struct shown *page)
{
    struct world *w = v->place->world;
    if (fault == FAULT_UNASKED)
        return !asked->match[0] && !asked->since[0];
    if (fault == FAULT_UNAUTHORIZED)
        return w->plan.login;
    if (fault >= FAULT_HTML && asked->kind == ASKED_ONE)
        return false; /* any 2xx is an answer to a `get` */
    if ((fault == FAULT_NO_CONTENT || fault == FAULT_CUT || fault == FAULT_MISSING) &&
        asked->kind == ASKED_ONE)
        return false;
    return page_fault_fits(v, fault, asked, page);
}

enum fault fault_choose(struct visit *v, const struct asked *asked, const struct shown *page)
{
    struct world *w = v->place->world;
    if (w->quiet)
        return FAULT_NONE;
    if (w->now_ms < w->outage_until_ms)
        return w->outage;
    if (v->sticky_times) {
        v->sticky_times--;
        return v->sticky;
    }
    if (w->plan.favourite && one_in(&w->random, 10) && fits(v, w->plan.favourite, asked, page))
        return w->plan.favourite;
    if (chance(&w->random, 1000) >= w->plan.faults)
        return FAULT_NONE;
    for (unsigned tries = 0; tries < 8; tries++) {
        enum fault first = one_in(&w->random, 2) ? FAULT_EMPTY_LIE : FAULT_TIMEOUT;
        enum fault fault = (enum fault)(first + chance(&w->random, FAULT_RENEWAL - first));
        if (!fits(v, fault, asked, page))
            continue;
        if (fault < FAULT_EMPTY_LIE && fault != FAULT_UNAUTHORIZED) {
            v->sticky = fault;
            v->sticky_times = one_in(&w->random, 4) ? chance(&w->random, 8) : 0;
        }
        return fault;
    }
    return FAULT_NONE;
}

/* --- pages --- */

static void insert(struct shown *page, unsigned at, struct item item)
{
    if (page->count == PAGE_ITEMS)
        return;
    memmove(&page->items[at + 1], &page->items[at], (page->count - at) * sizeof item);
    page->items[at] = item;
    page->count++;
}

/* One that came before, or that is on this page; as it was shown first. */
static struct item some_shown(struct visit *v, const struct shown *page)
{
    struct random *r = &v->place->world->random;
    unsigned from = chance(r, THINGS);
    for (unsigned k = 0; k < THINGS && one_in(r, 2); k++)
        if (v->first[(from + k) % THINGS] != VERSION_NONE)
            return (struct item){(uint8_t)((from + k) % THINGS), v->first[(from + k) % THINGS], ITEM_WHOLE};
    return page->items[chance(r, page->count)];
}

/* Not behind the others: there it would be the marker. */
static void add_again(struct visit *v, struct shown *page, bool clashes)
{
    struct random *r = &v->place->world->random;
    struct item item = some_shown(v, page);
    if (clashes)
        item.version = (uint8_t)((item.version + 1) % VERSIONS);
    insert(page, chance(r, page->count), item);
}

static void end_listing(struct visit *v, struct shown *page, bool empty)
{
    uint64_t number = 1;
    if (empty)
        page->count = 0;
    page->has_next = page->more = false;
    page->beside[0] = page->next[0] = 0;
    page->is_last = true;
    bytes_to_u64(bytes_of(v->position), &number);
    page->last = number;
    v->place->lied = true;
}

static void make_odd(struct visit *v, enum fault fault, struct shown *page)
{
    unsigned at = chance(&v->place->world->random, page->count);
    static const enum item_kind kinds[] = {ITEM_NO_ID, ITEM_LONG_ID, ITEM_HUGE, ITEM_DEEP};
    page->items[at].kind = kinds[fault - FAULT_NO_ID];
}

/* Of as many things as a degraded page has no names left: the first ones keep theirs. */
static void degrade(struct visit *v, struct shown *page)
{
    unsigned keep = chance(&v->place->world->random, page->count / 2 + 1);
    for (unsigned i = keep; i < page->count; i++)
        page->items[i].version = (uint8_t)(page->items[i].version % VERSIONS + VERSIONS);
}

static void show_last_page(struct visit *v, struct shown *page)
{
    page->count = 0;
    for (unsigned i = 0; i < v->last_count; i++)
        page->items[page->count++] = (struct item){v->last_page[i], v->first[v->last_page[i]], ITEM_WHOLE};
    page->is_last = false;
    v->taint = "a page was repeated";
}

void fault_spoil_page(struct visit *v, enum fault fault, const struct asked *asked, struct shown *page)
{
    switch (fault) {
    case FAULT_EMPTY_LIE:
    case FAULT_ABSENT_LIE:
    case FAULT_SHORT_LIE:
        end_listing(v, page, fault != FAULT_SHORT_LIE);
        break;
    case FAULT_SAME_TOKEN:
        memcpy(page->next, asked->position, sizeof page->next);
        memcpy(page->beside, asked->beside, sizeof page->beside);
        v->taint = "a token was repeated";
        break;
    case FAULT_SAME_PAGE:
        show_last_page(v, page);
        break;
    case FAULT_WRONG_TOTAL:
        page->total += 1 + chance(&v->place->world->random, 3);
        break;
    case FAULT_WRONG_MORE:
        page->more = true;
        page->is_last = false;
        break;
    case FAULT_DUPLICATE:
    case FAULT_CLASH:
        add_again(v, page, fault == FAULT_CLASH);
        break;
    case FAULT_NO_ID:
    case FAULT_LONG_ID:
    case FAULT_HUGE:
    case FAULT_DEEP:
        make_odd(v, fault, page);
        break;
    case FAULT_DEGRADED:
        degrade(v, page);
        break;
    default:
        break;
    }
}
