/* Lies: mistakes that a harvester could make, made on purpose, to see that the checks find them. */
#ifndef GARNER_SIM_LIE_H
#define GARNER_SIM_LIE_H

#include "tests/sim/show.h"

#define SIM_LIES(X)                                                                                          \
    X(NONE, "none")                                                                                          \
    X(RELIST, "relist")   /* a delete's second listing is skipped */                                         \
    X(GUARD, "guard")     /* nothing is held back */                                                         \
    X(GET, "get")         /* nobody asks whether it is gone */                                               \
    X(TOTAL, "total")     /* a total that differs is overlooked */                                           \
    X(UNSOUND, "unsound") /* whatever makes a listing unsound is overlooked */                               \
    X(ITEM, "item")       /* the last item of a page is lost */                                              \
    X(LOST, "lost")       /* a creation isn't in the feed */                                                 \
    X(TWICE, "twice")     /* a change is in the feed twice */                                                \
    X(RECEIPT, "receipt") /* a delete lacks its last receipt */                                              \
    X(STATUS, "status")   /* a status is said again */                                                       \
    X(CHANGED, "changed") /* it asks whether anything has changed since something it doesn't have */         \
    X(BEFORE, "before")   /* an update says that nothing has changed */                                      \
    X(FORGET, "forget")   /* what failed isn't harvested again */

enum lie {
#define X(name, text) LIE_##name,
    SIM_LIES(X)
#undef X
        LIES
};

int lie_of_name(const char *name); /* -1: none */
const char *lie_name(int lie);

/* The definition to harvest by: as the file says, or not. Valid until the next call. */
const struct collection_def *lie_definition(const struct world *w, const struct collection_def *def);

/* Before a step of a visit; before its page is handed on. */
void lie_step(struct visit *v);
void lie_reply(struct visit *v, const struct asked *asked, const struct shown *page, struct reply *reply);

/* Its harvest is over: is it forgotten, instead of waiting for its next time? */
bool lie_forgets(const struct place *place);

/* Before a change is looked at; returns how often it is to be. */
unsigned lie_change(const struct world *w, struct change *change);

#endif
