#include "tests/sim/lie.h"

#include "tests/sim/program.h"
#include "tests/sim/validate.h"

static const char *const names[LIES] = {
#define X(name, text) [LIE_##name] = text,
    SIM_LIES(X)
#undef X
};

int lie_of_name(const char *name)
{
    return program_find(name, names, LIES);
}

const char *lie_name(int lie)
{
    return names[lie];
}

/* Visits are in their slots while they use it: a copy for each collection. */
const struct collection_def *lie_definition(const struct world *w, const struct collection_def *def)
{
    static struct collection_def copies[2];
    struct collection_def *copy = &copies[def->scope == SCOPE_PARENT];
    *copy = *def;
    if ((w->lie == LIE_RELIST && def->delete_.confirm == CONFIRM_RELIST) ||
        (w->lie == LIE_GET && def->delete_.confirm == CONFIRM_GET))
        copy->delete_.confirm = CONFIRM_NONE;
    else if (w->lie == LIE_GUARD)
        copy->delete_.guarded = false;
    else if (w->lie == LIE_TOTAL)
        copy->page.has_total = false;
    else
        return def;
    return copy;
}

void lie_step(struct visit *v)
{
    if (v->place->world->lie != LIE_UNSOUND)
        return;
    v->job.harvest.sound = true;
    v->job.listing.unsound[0] = 0;
}

void lie_reply(struct visit *v, const struct asked *asked, const struct shown *page, struct reply *reply)
{
    if (v->place->world->lie == LIE_CHANGED && (asked->match[0] || asked->since[0])) {
        v->behind = validate_is_behind(v->place);
        v->unchanged = true;
        reply_open(reply, 304);
    }
    if (v->place->world->lie != LIE_ITEM || !reply->bears_page || page->count < 2 ||
        v->place->world->harvests < 8)
        return;
    struct shown less = *page;
    less.count--;
    reply_page(v, asked, &less, reply);
}

unsigned lie_change(const struct world *w, struct change *change)
{
    bool late = change->seq > 12;
    if (w->lie == LIE_LOST && late && change->op == CHANGE_CREATED)
        return 0;
    if (w->lie == LIE_TWICE && late && change->op == CHANGE_UPDATED)
        return 2;
    if (w->lie == LIE_STATUS && late && change->op == CHANGE_STATUS)
        return 2;
    if (w->lie == LIE_RECEIPT && change->op == CHANGE_DELETED && change->receipt_count)
        change->receipt_count--;
    if (w->lie == LIE_BEFORE && change->op == CHANGE_UPDATED)
        change->before = change->after;
    return 1;
}

bool lie_forgets(const struct place *place)
{
    return place->world->lie == LIE_FORGET && !place->went_well;
}
