/* Adopt: a run goes on with another configuration. */
#ifndef GARNER_ADOPT_H
#define GARNER_ADOPT_H

#include "common/config/config.h"
#include "worker/provider/provider.h"
#include "worker/run/control.h"

struct adopt_counts {
    /* Accounts that are new or not as they were; that aren't there any more. Of a worker's, those of which it
     * has the shard of their account scope. */
    uint32_t opened, removed;
};

/* Any thread may call but the run's own; waits until all threads have taken it over. Accounts and provider
 * files that are as they were are left alone. The provider files are taken over in any case (null: they stay
 * those that there are), the configuration isn't used after the call. ERR_CONFIG: nothing was changed;
 * ERR_STOPPED: the run is ending. */
int control_reload(struct crew *crew, const struct config *config, struct provider *const *providers,
                   uint32_t provider_count, struct adopt_counts *counts, struct error *e);

/* The provider files that it has now, so many at most, until the next control_reload: they stay the run's. */
uint32_t control_providers(struct crew *crew, struct provider **out, uint32_t max);

#endif
