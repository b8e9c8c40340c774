/* Model: two dictionaries, of what was known and of what a listing says, and how they differ. As naive as can
 * be: every page is gone through item by item, and nothing of an earlier listing is remembered but the
 * dictionary. */
#ifndef GARNER_PROPERTY_MODEL_H
#define GARNER_PROPERTY_MODEL_H

#include "tests/property/world.h"

struct known {
    bool there, bare;
    unsigned ignores; /* what was ignored when it was seen last */
    struct digest form, plain;
    uint64_t packed; /* the stored document's hash when it was last looked at; 0: to be looked at */
};

/* What goes wrong in a listing, on a page. */
enum trouble_kind {
    TROUBLE_NONE,
    TROUBLE_DENIED,  /* 403 */
    TROUBLE_NO_LIST, /* a body without the list */
    TROUBLE_SPOILT,  /* a body that is cut or broken, so many times */
    TROUBLE_BROKEN,  /* no answer, so many times */
    TROUBLE_STOPPED,
    TROUBLE_KILLED, /* no end at all: the process was */
    TROUBLE_BARE,   /* a page's items lack their names */
    TROUBLE_HOLLOW, /* see struct shown */
    TROUBLES
};

enum { TRIES = 5 }; /* of a request that fails in a way that may pass */

struct trouble {
    enum trouble_kind kind;
    uint32_t page; /* from 0 */
    unsigned times;
    bool commits; /* what came before page `commit` is committed by itself */
    uint32_t commit;
};

struct model {
    struct known *before, *after; /* by resource */
    struct known *midway;         /* what was committed in the middle of the listing … */
    bool has_midway;              /* … if anything was */
    /* What the listing must end as. */
    bool complete, sound;
    uint32_t asked; /* pages */
    uint64_t created, updated, deleted, unchanged;
};

/* What is expected of a resource. */
enum fate { FATE_NONE, FATE_CREATED, FATE_UPDATED, FATE_DELETED };

void model_open(struct model *m, const struct world *w);
void model_close(struct model *m);

/* What this listing must bring: fills `after` and how it ends. */
void model_list(struct model *m, const struct world *w, const struct layout *layout,
                const struct trouble *trouble);

enum fate model_fate(const struct model *m, uint32_t resource);

/* What was done stays, or it is as if it had never been. */
void model_commit(struct model *m);
void model_abort(struct model *m);

/* For the test of the test: forget one expected change of that kind, or with FATE_NONE expect one that
 * doesn't come. False if there is none. */
bool model_lie(struct model *m, const struct world *w, enum fate fate);

#endif
