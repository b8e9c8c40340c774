/* One heartbeat is under way at a time: the coordinator answers it when it has something new to say, or after
 * a tenth of the lease; when there is something new here, it is given up, and another one says so. That one
 * is answered at once, and waited for whatever else is new: on a long line with much that is new none would
 * be answered otherwise. */
#include "worker/agent/agent.h"

#include <stdlib.h>

#include "client/client.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/signals.h"
#include "worker/agent/internal.h"
#include "worker/run/lease.h"

enum {
    AGAIN_MS = 500,    /* after a heartbeat that failed */
    LOOK_MS = 50,      /* at what those who serve have to say, while others follow */
    INSIDE_MS = 10000, /* between two heartbeats to a coordinator in this process, if nothing happens */
    LOST_SHARE = 3,    /* of the lease: a heartbeat without an answer is taken for lost */
    PACE_SHARE = 20,   /* of the lease, between two heartbeats that say nothing new */
    LEAVE_MS = 2000    /* that the last one may take */
};

void agent_poke(struct agent *agent)
{
    if (atomic_exchange(&agent->is_poked, true))
        return;
    pthread_mutex_lock(&agent->lock.mutex);
    pthread_cond_broadcast(&agent->lock.changed);
    pthread_mutex_unlock(&agent->lock.mutex);
}

void agent_committed(struct agent *agent, uint32_t shard)
{
    atomic_store(&agent->shards[shard].is_dirty, true);
}

/* --- waiting --- */

static void wait_until(struct agent *agent, int64_t end_ms)
{
    pthread_mutex_lock(&agent->lock.mutex);
    while (clock_steady_ms() < end_ms && !atomic_load(&agent->is_ending))
        rpc_lock_wait(&agent->lock, end_ms);
    pthread_mutex_unlock(&agent->lock.mutex);
}

static bool is_followed(const struct agent *agent)
{
    bool is = false;
    for (uint32_t i = 0; i < agent->set.folder->shards; i++)
        is = is || (agent->shards[i].role == ROLE_OWNER && agent->tenure.all[i].replica_count);
    return is;
}

static int64_t patience_ms(const struct agent *agent)
{
    int64_t lease_ms = agent->orders.lease_ms ? agent->orders.lease_ms : LIMIT_RPC_ANSWER_MS;
    return agent->set.line ? INSIDE_MS : lease_ms / LOST_SHARE;
}

/* For the answer, or for something to say. True: it may be there. */
static bool wait_for_answer(struct agent *agent)
{
    int64_t end_ms = agent->sent_ms + patience_ms(agent);
    if (agent->is_urgent)
        return line_wait(agent->line, end_ms, &agent->is_ending);
    bool looks = is_followed(agent);
    while (clock_steady_ms() < end_ms) {
        int64_t until_ms = looks ? clock_steady_ms() + LOOK_MS : end_ms;
        if (line_wait(agent->line, until_ms < end_ms ? until_ms : end_ms, &agent->is_poked))
            return true;
        if (atomic_load(&agent->is_poked) || atomic_load(&agent->is_ending) ||
            (looks && agent_has_news(agent)))
            return false;
    }
    return false;
}

/* --- what is heard --- */

/* What ends with the run, or waits for a lease, the run tells of. */
static void tell(struct agent *agent, const struct error *e)
{
    if (agent->told == e->code || e->code == ERR_STOPPED)
        return;
    agent->told = e->code;
    log_line(client_is_away(e->code) ? LOG_WARN : LOG_ERROR, e->text, "coordinator", agent->set.coordinator,
             NULL);
}

static void tell_well(struct agent *agent)
{
    if (agent->told)
        log_line(LOG_INFO, "the coordinator is heard", "coordinator", agent->set.coordinator, NULL);
    agent->told = ERR_OK;
}

/* What the answer points to is copied: it is used until the next one. */
static int take(struct agent *agent, struct bytes packed, struct error *e)
{
    struct arena arena = {0};
    struct orders orders;
    int r = orders_unpack(&arena, packed, &orders, e);
    if (!r && (orders.shards != agent->set.folder->shards ||
               !bytes_equal(orders.feed, (struct bytes){(const char *)agent->set.folder->feed,
                                                        sizeof agent->set.folder->feed})))
        r = error_set(
            e, ERR_CONFIG,
            "the coordinator at %s is another cluster's now: stop this worker, and give it the address "
            "of its own",
            agent->set.coordinator);
    if (!r && tenure_orders(&agent->tenure, &orders, agent->sent_ms)) {
        struct cluster_peer *peers = arena_alloc(&arena, (orders.peer_count + (size_t)1) * sizeof *peers);
        for (uint32_t i = 0; i < orders.peer_count; i++)
            peers[i] = (struct cluster_peer){orders.peers[i].number,
                                             bytes_of(arena_strdup(&arena, orders.peers[i].name)),
                                             bytes_of(arena_strdup(&arena, orders.peers[i].address))};
        orders.peers = peers;
        arena_close(&agent->orders_arena);
        agent->orders_arena = arena;
        agent->orders = orders;
        return 0;
    }
    arena_close(&arena);
    return r;
}

static int hear(struct agent *agent, struct error *e)
{
    struct bytes answer;
    int r = line_hear(agent->line, &answer, e);
    if (r || !answer.data)
        return r;
    agent->is_unanswered = false;
    return take(agent, answer, e);
}

/* The list of accounts comes before the shards that they are in: who owns a shard without it would take its
 * accounts for removed. */
static int obey(struct agent *agent, struct error *e)
{
    int r = agent_fetch_accounts(agent, e);
    if (r)
        return r;
    agent_act(agent);
    if (!agent->set.line || agent->orders.order_count == agent->set.folder->shards)
        atomic_store(&agent->is_ready, true);
    return 0;
}

/* --- what is said --- */

static int say(struct agent *agent, struct error *e)
{
    struct arena arena = {0};
    struct buffer packed = {0};
    struct heartbeat heartbeat;
    atomic_store(&agent->is_poked, false);
    agent->is_urgent = agent->is_unanswered;
    agent->is_unanswered = true;
    agent_read_copies(agent);
    agent_heartbeat(agent, &arena, &heartbeat);
    heartbeat_pack(&heartbeat, &packed);
    agent->sent_ms = clock_steady_ms();
    int r = line_say(agent->line, buffer_bytes(&packed), e);
    buffer_close(&packed);
    arena_close(&arena);
    return r;
}

/* Where nothing is new on either side, the coordinator keeps a heartbeat for a while, unless it is urgent; if
 * it has no room for that, the pause is made here. */
static void pace(struct agent *agent, uint64_t before)
{
    int64_t pace_ms = agent->orders.lease_ms / PACE_SHARE;
    if (!agent->set.line && !agent->is_urgent && agent->orders.version == before &&
        !atomic_load(&agent->is_poked) && clock_steady_ms() - agent->sent_ms < pace_ms)
        line_wait(agent->line, agent->sent_ms + pace_ms, &agent->is_poked);
}

static void turn(struct agent *agent)
{
    struct error e;
    uint64_t version = agent->orders.version, answered = agent->tenure.answered;
    int r = line_connect(agent->line, &e);
    if (!r)
        r = say(agent, &e);
    if (!r && wait_for_answer(agent)) {
        r = hear(agent, &e);
        if (!r && agent->tenure.answered != answered)
            r = obey(agent, &e);
        if (!r) {
            tell_well(agent);
            pace(agent, version);
        }
    }
    if (!r)
        return;
    tell(agent, &e);
    wait_until(agent, clock_steady_ms() + AGAIN_MS);
}

static void *work(void *context)
{
    struct agent *agent = context;
    pthread_setname_np(pthread_self(), "agent");
    while (!atomic_load(&agent->is_ending))
        turn(agent);
    return NULL;
}

/* --- opening and closing --- */

static void stored(void *context, uint32_t shard)
{
    struct agent *agent = context;
    agent_committed(agent, shard);
    if (atomic_load(&agent->is_hasty))
        agent_poke(agent);
}

static void trouble(void *context, const char *line)
{
    (void)context;
    log_line(LOG_WARN, line, NULL);
}

static int open_following(struct agent *agent, struct error *e)
{
    const struct following_setting setting = {
        .folder = agent->set.folder,
        .worker = agent->set.identity->name,
        .bytes_per_s = agent->set.copy_bytes_per_s,
        .context = agent,
        .stored = stored,
        .trouble = trouble,
    };
    return following_open(&setting, &agent->following, e);
}

static int start_thread(struct agent *agent, struct error *e)
{
    sigset_t before;
    signals_block(&before); /* signals are the main thread's */
    int number = pthread_create(&agent->thread, NULL, work, agent);
    signals_restore(&before);
    if (number)
        return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                         strerrordesc_np(number));
    agent->has_thread = true;
    return 0;
}

int agent_open(const struct agent_setting *setting, struct agent **out, struct error *e)
{
    const uint32_t shards = setting->folder->shards;
    struct agent *agent = mem_zalloc(sizeof *agent);
    *out = NULL;
    agent->set = *setting;
    agent->accounts = setting->accounts;
    rpc_lock_open(&agent->lock);
    agent->line = line_open(setting->coordinator, setting->line, &agent->lock);
    tenure_open(&agent->tenure, shards, setting->identity->disk);
    agent->shards = mem_zalloc(shards * sizeof *agent->shards);
    agent->followed = mem_zalloc(shards * sizeof *agent->followed);
    agent->actions = mem_alloc(shards * sizeof *agent->actions);
    for (uint32_t i = 0; i < shards; i++)
        atomic_store(&agent->shards[i].is_dirty, folder_has(setting->folder, i));
    if (!setting->line)
        crew_lease(setting->crew, INT64_MIN);
    int r = setting->line ? 0 : open_following(agent, e);
    if (!r)
        r = start_thread(agent, e);
    if (r)
        agent_close(agent);
    else
        *out = agent;
    return r;
}

bool agent_is_ready(struct agent *agent, struct buffer *reasons)
{
    bool ready = atomic_load(&agent->is_ready);
    if (!ready)
        buffer_printf(reasons, "the coordinator at %s hasn't said yet what to do\n", agent->set.coordinator);
    return ready;
}

static void stop_thread(struct agent *agent)
{
    if (!agent->has_thread)
        return;
    atomic_store(&agent->is_ending, true);
    agent_poke(agent);
    CHECK(pthread_join(agent->thread, NULL) == 0);
    agent->has_thread = false;
}

/* Nobody waits for the answer for long: the lease ends anyway. */
void agent_leave(struct agent *agent)
{
    struct error e;
    if (!agent)
        return;
    stop_thread(agent);
    following_close(agent->following);
    agent->following = NULL;
    for (uint32_t i = 0; i < agent->set.folder->shards; i++)
        agent->tenure.all[i].role = ROLE_NONE;
    atomic_store(&agent->is_leaving, true);
    if (line_is_connected(agent->line) && say(agent, &e) == 0)
        line_wait(agent->line, agent->sent_ms + LEAVE_MS, NULL);
}

void agent_close(struct agent *agent)
{
    if (!agent)
        return;
    stop_thread(agent);
    following_close(agent->following);
    line_close(agent->line);
    rpc_lock_close(&agent->lock);
    tenure_close(&agent->tenure);
    arena_close(&agent->orders_arena);
    free(agent->shards);
    free(agent->followed);
    free(agent->actions);
    free(agent);
}
