/* State machines: an enum, a table of allowed transitions, and a check on each move. */
#ifndef GARNER_COMMON_SM_H
#define GARNER_COMMON_SM_H

#include <stdint.h>

#include "common/check.h"

#define SM_TO(state) (UINT32_C(1) << (state))

struct sm_state {
    const char *name;
    uint32_t to; /* the states that may follow: SM_TO(A) | SM_TO(B) */
};

/* Move from *state to `next`; a move that the table doesn't allow is a bug. */
static inline void sm_move(const struct sm_state *table, int *state, int next)
{
    CHECK(table[*state].to & SM_TO(next));
    *state = next;
}

#endif
