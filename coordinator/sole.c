/* What a process that has the coordinator in itself asks of it, beside what any worker or operator does. */
#include "coordinator/accounts.h"
#include "coordinator/internal.h"

void coordinator_take_config(struct coordinator *co, const struct config *config)
{
    pthread_mutex_lock(&co->lock);
    accounts_take_config(co->accounts, config);
    if (co->set.changed)
        co->set.changed(co->set.context);
    pthread_mutex_unlock(&co->lock);
}

struct value coordinator_added(struct coordinator *co, struct arena *arena)
{
    pthread_mutex_lock(&co->lock);
    struct value added = accounts_added(co->accounts, arena);
    pthread_mutex_unlock(&co->lock);
    return added;
}

uint64_t coordinator_version_of(const struct config *config)
{
    struct accounts *accounts = accounts_open(config);
    uint64_t version = accounts_version(accounts);
    accounts_close(accounts);
    return version;
}
