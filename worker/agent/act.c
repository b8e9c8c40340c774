/* What was ordered is carried out: first what ends, then what begins. In between the lease is renewed: so
 * nothing that ends goes on with the new one.
 *
 * What can't be done is told once, and tried again with each heartbeat: nothing here is final. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/log.h"
#include "worker/agent/internal.h"
#include "worker/run/lease.h"
#include "worker/run/own.h"
#include "worker/serve/serve.h"

static void tell(struct agent *agent, uint32_t shard, const char *what, const struct error *e)
{
    char number[16];
    if (agent->shards[shard].failed == e->code || e->code == ERR_STOPPED) /* … as the run tells */
        return;
    agent->shards[shard].failed = e->code;
    snprintf(number, sizeof number, "%" PRIu32, shard);
    log_line(LOG_ERROR, e->text, "while", what, "shard", number, NULL);
}

/* Between the one line of a shard's source and the other one of its destination nothing is committed to it.
 */
static void trace(const char *what, const struct tenure_action *action)
{
    char shard[16], epoch[24];
    if (!log_enabled(LOG_DEBUG))
        return;
    snprintf(shard, sizeof shard, "%" PRIu32, action->shard);
    snprintf(epoch, sizeof epoch, "%" PRIu64, action->epoch);
    log_line(LOG_DEBUG, what, "shard", shard, "epoch", epoch, NULL);
}

static void note(struct agent *agent, const struct tenure_action *action, int code, struct error *e)
{
    static const char *const names[] = {[TENURE_RELEASE] = "releasing it",
                                        [TENURE_LEAVE] = "leaving off following it",
                                        [TENURE_DROP] = "deleting its copy",
                                        [TENURE_FOLLOW] = "following it",
                                        [TENURE_OWN] = "taking it over"};
    struct tenure_copy copy = agent_read_copy(agent, action->shard);
    if (code)
        tell(agent, action->shard, names[action->what], e);
    else
        agent->shards[action->shard].failed = ERR_OK;
    if (!code && action->what == TENURE_OWN)
        trace("the shard is taken over", action);
    tenure_done(&agent->tenure, action, &copy, !code);
}

/* --- who serves it --- */

/* As which it is to be served: what it does now, not what it is to do. */
static enum cluster_role serving_role(const struct agent *agent, uint32_t shard)
{
    const struct tenure_shard *s = &agent->tenure.all[shard];
    if (s->role == ROLE_OWNER && s->wanted == ROLE_OWNER)
        return ROLE_OWNER;
    return s->wanted == ROLE_SEALED && s->copy.is_whole ? ROLE_SEALED : ROLE_NONE;
}

static int serve(struct agent *agent, uint32_t shard, enum cluster_role role, struct error *e)
{
    const struct tenure_shard *s = &agent->tenure.all[shard];
    bool serves = role == ROLE_OWNER || role == ROLE_SEALED;
    if (!agent->set.serve)
        return 0;
    const struct shard_order order = {.shard = shard,
                                      .role = role,
                                      .version = s->version,
                                      .epoch = s->epoch,
                                      .base = s->base,
                                      .owner = CLUSTER_NOBODY,
                                      .replicas = s->replicas,
                                      .replica_count = serves ? s->replica_count : 0};
    int r = serve_order(agent->set.serve, &order, agent->orders.peers, agent->orders.peer_count, e);
    agent->shards[shard].role = r ? ROLE_NONE : role;
    agent->shards[shard].served = r ? 0 : s->version;
    return r;
}

/* Where something else is done with a shard than before, or others follow it. */
static void serve_all(struct agent *agent)
{
    struct error e;
    for (uint32_t i = 0; agent->set.serve && i < agent->set.folder->shards; i++) {
        struct agent_shard *shard = &agent->shards[i];
        enum cluster_role role = serving_role(agent, i);
        bool is_same = shard->role == role &&
                       (role == ROLE_NONE || shard->served == agent->tenure.all[i].version);
        if (!is_same && serve(agent, i, role, &e))
            tell(agent, i, "serving it", &e);
    }
}

/* --- one thing after the other --- */

static int release(struct agent *agent, const struct tenure_action *action, struct error *e)
{
    int r = 0;
    trace("the shard is let go of", action);
    if (serving_role(agent, action->shard) == ROLE_NONE)
        r = serve(agent, action->shard, ROLE_NONE, e);
    int released = control_release(agent->set.crew, &action->shard, 1, e);
    return r ? r : released;
}

static void forget_followed(struct agent *agent, uint32_t shard)
{
    for (uint32_t i = 0; i < agent->followed_count; i++)
        if (agent->followed[i].shard == shard)
            agent->followed[i--] = agent->followed[--agent->followed_count];
}

static const char *address_of(const struct agent *agent, uint32_t worker)
{
    for (uint32_t i = 0; i < agent->orders.peer_count; i++)
        if (agent->orders.peers[i].number == worker)
            return agent->orders.peers[i].address.data;
    return "";
}

static void follow(struct agent *agent, const struct tenure_action *action)
{
    forget_followed(agent, action->shard);
    agent->followed[agent->followed_count++] = (struct followed){.shard = action->shard,
                                                                 .hasten = action->hasten};
}

/* Addresses may be others with each answer. */
static void set_followed(struct agent *agent)
{
    bool is_hasty = false;
    if (!agent->following)
        return;
    for (uint32_t i = 0; i < agent->followed_count; i++) {
        struct followed *followed = &agent->followed[i];
        followed->address = address_of(agent, agent->tenure.all[followed->shard].owner);
        is_hasty = is_hasty || followed->hasten;
    }
    following_set(agent->following, agent->followed, agent->followed_count);
    atomic_store(&agent->is_hasty, is_hasty);
}

/* Where there are no others, nothing that is there is thrown away: what is to begin anew, as the coordinator
 * never heard of it, goes on in the epoch that was to begin. */
static int go_on(struct agent *agent, const struct tenure_action *action, struct error *e)
{
    const struct owned owned = {.shard = action->shard, .epoch = action->epoch};
    CHECK(agent->tenure.all[action->shard].wanted == ROLE_OWNER);
    return control_own(agent->set.crew, &owned, 1, e);
}

static int drop(struct agent *agent, const struct tenure_action *action, struct error *e)
{
    int r = agent->set.line ? go_on(agent, action, e) : serve(agent, action->shard, ROLE_NONE, e);
    return r || agent->set.line ? r : folder_drop(agent->set.folder, action->shard, e);
}

/* --- waves of the same --- */

static void end_all(struct agent *agent, const struct tenure_action *actions, uint32_t count)
{
    struct error e;
    bool leaves = false;
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_RELEASE)
            note(agent, &actions[i], release(agent, &actions[i], &e), &e);
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_LEAVE) {
            forget_followed(agent, actions[i].shard);
            leaves = true;
        }
    if (leaves)
        set_followed(agent);
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_LEAVE)
            note(agent, &actions[i], 0, NULL);
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_DROP)
            note(agent, &actions[i], drop(agent, &actions[i], &e), &e);
}

static void begin_follows(struct agent *agent, const struct tenure_action *actions, uint32_t count)
{
    struct error e;
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_FOLLOW) {
            int r = serve(agent, actions[i].shard, ROLE_NONE, &e);
            if (!r)
                follow(agent, &actions[i]);
            note(agent, &actions[i], r, &e);
        }
}

/* Where a history begins, what can't be read is in its way, and taken for no copy: it may be all that is left
 * of the one before. */
static int make_way(struct agent *agent, const struct tenure_action *action, struct error *e)
{
    char kept[FOLDER_PATH_BYTES];
    if (!action->is_new || !agent->shards[action->shard].is_unreadable || agent->set.line)
        return 0;
    int r = folder_set_aside(agent->set.folder, action->shard, kept, e);
    if (!r)
        log_line(LOG_WARN, "a shard begins anew; its store, which can't be read, is kept beside it", "file",
                 kept, NULL);
    return r;
}

/* All together, which is one walk over the threads; where that fails, one by one, to see which. */
static void begin_own(struct agent *agent, const struct tenure_action *actions, uint32_t count)
{
    struct owned *owned = mem_alloc((count + (size_t)1) * sizeof *owned);
    struct error e;
    uint32_t owns = 0;
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_OWN && make_way(agent, &actions[i], &e))
            tell(agent, actions[i].shard, "making way for it", &e);
    for (uint32_t i = 0; i < count; i++)
        if (actions[i].what == TENURE_OWN)
            owned[owns++] = (struct owned){actions[i].shard, actions[i].epoch, actions[i].is_new};
    int all = owns ? control_own(agent->set.crew, owned, owns, &e) : 0;
    for (uint32_t i = 0, n = 0; i < count; i++)
        if (actions[i].what == TENURE_OWN) {
            int r = all ? control_own(agent->set.crew, &owned[n], 1, &e) : 0;
            n++;
            note(agent, &actions[i], r, &e);
        }
    free(owned);
}

/* What was taken away by the last answer is let go of by now: so one lease will do for all that is left. */
static int64_t lease_end(const struct agent *agent)
{
    int64_t end_ms = INT64_MIN;
    if (agent->set.line)
        return INT64_MAX; /* none is needed */
    for (uint32_t i = 0; i < agent->set.folder->shards; i++)
        if (tenure_until(&agent->tenure, i) > end_ms)
            end_ms = tenure_until(&agent->tenure, i);
    return end_ms;
}

static void renew(struct agent *agent)
{
    int64_t end_ms = lease_end(agent);
    crew_lease(agent->set.crew, end_ms);
    if (!agent->following)
        return;
    following_lease(agent->following, end_ms);
    serve_lease(agent->set.serve, end_ms);
}

/* What ends may let something else begin: so twice. What fails is tried again with the next heartbeat. */
void agent_act(struct agent *agent)
{
    for (int round = 0; round < 3; round++) {
        uint32_t count = tenure_plan(&agent->tenure, agent->actions);
        end_all(agent, agent->actions, count);
        if (round == 0)
            renew(agent);
        begin_follows(agent, agent->actions, count);
        begin_own(agent, agent->actions, count);
        if (!count)
            break;
    }
    set_followed(agent);
    serve_all(agent);
}
