/* Budget: how many failed requests of an account may be tried again. Pure.
 *
 * When a provider is in trouble, retries make it worse: with five tries each it is asked five times as much.
 * So a request gives LIMIT_BUDGET_PERCENT hundredths of a retry, time gives LIMIT_BUDGET_MIN a minute, up to
 * LIMIT_BUDGET_MAX are saved up, and a retry takes one (Finagle's RetryBudget, which has 20 % and 10 a
 * second; gRFC A6 for gRPC does alike). One request's bad luck is always paid for; a provider that fails all
 * is asked little more than by as many requests that go well. */
#ifndef GARNER_BUDGET_H
#define GARNER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero begins with LIMIT_BUDGET_MIN retries. */
struct budget {
    double spent;      /* of what can be saved up, this is not there */
    int64_t filled_ms; /* when it was last filled */
    bool begun;
};

void budget_asked(struct budget *budget, int64_t now_ms); /* a request goes for the first time */
bool budget_take(struct budget *budget, int64_t now_ms);  /* a retry; false: there is none left */

#endif
