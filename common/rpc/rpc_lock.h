/* Lock: a mutex, and what is waited for under it. */
#ifndef GARNER_RPC_LOCK_H
#define GARNER_RPC_LOCK_H

#include <pthread.h>
#include <stdint.h>

struct rpc_lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

void rpc_lock_open(struct rpc_lock *lock);
void rpc_lock_close(struct rpc_lock *lock);

/* With the mutex held: until `changed` is signalled, or until `end_ms` of clock_steady_ms (INT64_MAX: never);
 * or for no reason at all. */
void rpc_lock_wait(struct rpc_lock *lock, int64_t end_ms);

#endif
