#include "worker/fetch/budget.h"

#include <math.h>

#include "common/limits.h"

static void fill(struct budget *b, int64_t now_ms)
{
    if (!b->begun)
        *b =
            (struct budget){.begun = true, .filled_ms = now_ms, .spent = LIMIT_BUDGET_MAX - LIMIT_BUDGET_MIN};
    if (now_ms <= b->filled_ms)
        return;
    b->spent = fmax(b->spent - (double)(now_ms - b->filled_ms) * LIMIT_BUDGET_MIN / 60000, 0);
    b->filled_ms = now_ms;
}

void budget_asked(struct budget *b, int64_t now_ms)
{
    fill(b, now_ms);
    b->spent = fmax(b->spent - LIMIT_BUDGET_PERCENT / 100.0, 0);
}

bool budget_take(struct budget *b, int64_t now_ms)
{
    fill(b, now_ms);
    if (b->spent > LIMIT_BUDGET_MAX - 1 + 1e-9) /* ten tenths are a whole */
        return false;
    b->spent += 1;
    return true;
}
