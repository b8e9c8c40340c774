#include "common/signals.h"

#include <pthread.h>

#include "common/check.h"

void signals_block(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, before) == 0);
}

void signals_restore(const sigset_t *before)
{
    CHECK(pthread_sigmask(SIG_SETMASK, before, NULL) == 0);
}
