#include "common/rpc/rpc_lock.h"

#include <time.h>

#include "common/check.h"
#include "common/clock.h"

void rpc_lock_open(struct rpc_lock *lock)
{
    pthread_condattr_t attributes;
    CHECK(pthread_mutex_init(&lock->mutex, NULL) == 0 && pthread_condattr_init(&attributes) == 0 &&
          pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&lock->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

void rpc_lock_close(struct rpc_lock *lock)
{
    pthread_cond_destroy(&lock->changed);
    pthread_mutex_destroy(&lock->mutex);
}

/* Condition variables know no CLOCK_BOOTTIME, which is clock_steady_ms's: only the time that is left is the
 * same. */
void rpc_lock_wait(struct rpc_lock *lock, int64_t end_ms)
{
    struct timespec until;
    if (end_ms == INT64_MAX) {
        pthread_cond_wait(&lock->changed, &lock->mutex);
        return;
    }
    int64_t left_ms = end_ms - clock_steady_ms();
    if (left_ms <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(left_ms / 1000);
    until.tv_nsec += (long)(left_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&lock->changed, &lock->mutex, &until);
}
