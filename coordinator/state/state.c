/* What holds of the state wherever it is kept: bounds, and that each key is written once. */
#include "coordinator/state/state.h"

#include <stdlib.h>

#include "common/check.h"

struct state {
    const struct state_kind *kind;
    void *kept;
};

int state_open(const struct state_setting *setting, struct state **out, struct error *e)
{
    void *kept;
    *out = NULL;
    int r = setting->kind->open(setting, &kept, e);
    if (r)
        return r;
    *out = mem_alloc(sizeof **out);
    **out = (struct state){setting->kind, kept};
    return 0;
}

int state_load(struct state *state, state_visit *visit, void *context, struct error *e)
{
    return state->kind->load(state->kept, visit, context, e);
}

static size_t bytes_of_write(const struct state_write *write)
{
    return write->key.len + write->value.len;
}

uint32_t state_fits(const struct state_write *writes, uint32_t count)
{
    uint32_t fit = 0;
    size_t bytes = 0;
    while (fit < count && fit < LIMIT_STATE_WRITES &&
           (bytes += bytes_of_write(&writes[fit])) <= LIMIT_STATE_BYTES)
        fit++;
    return fit ? fit : 1;
}

static void check_writes(const struct state_write *writes, uint32_t count)
{
    CHECK(count > 0 && state_fits(writes, count) == count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(writes[i].key.len > 0 && writes[i].key.len <= LIMIT_KEY_BYTES);
        CHECK(writes[i].value.data || writes[i].revision);
        for (uint32_t k = 0; k < i; k++)
            CHECK(!bytes_equal(writes[i].key, writes[k].key));
    }
}

int state_write(struct state *state, const struct state_write *writes, uint32_t count, uint64_t *revision,
                struct error *e)
{
    check_writes(writes, count);
    if (bytes_of_write(&writes[0]) > LIMIT_STATE_BYTES)
        return error_set(e, ERR_LIMIT, "the cluster's state: record %.*s has %zu bytes, and %d is the most",
                         BYTES_ARG(writes[0].key), writes[0].value.len, LIMIT_STATE_BYTES);
    return state->kind->write(state->kept, writes, count, revision, e);
}

void state_close(struct state *state)
{
    if (!state)
        return;
    state->kind->close(state->kept);
    free(state);
}
