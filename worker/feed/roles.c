/* Marks are behind a lock. What every demand looks at for each shard, heads and marks and whether it is here,
 * stands beside them, to be read without it. */
#include "worker/feed/roles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "worker/feed/mark.h"

struct role {
    enum cluster_role role;
    uint64_t epoch, begun;
    struct mark mark;
    /* Read without the lock: */
    atomic_bool is_here;
    _Atomic uint64_t head, served;
};

struct peer {
    uint32_t number;
    char name[LIMIT_WORKER_NAME_BYTES + 1];
};

struct roles {
    uint32_t count;
    _Atomic uint64_t version;
    pthread_mutex_t lock; /* of: */
    struct role *all;     /* by shard */
    struct peer *peers;   /* all that were ever heard of: a number stays one worker's */
    uint32_t peer_count;
};

static bool is_serving(enum cluster_role role)
{
    return role == ROLE_OWNER || role == ROLE_SEALED;
}

/* What others read. True: the mark has risen. */
static bool publish(struct role *role)
{
    uint64_t served = mark_served(&role->mark);
    atomic_store(&role->head, role->mark.head);
    return atomic_exchange(&role->served, served) < served;
}

static void begin(struct role *role, const struct shard_order *order, uint64_t head)
{
    role->role = order->role;
    role->epoch = order->epoch;
    role->begun++;
    mark_close(&role->mark);
    mark_open(&role->mark, head);
    publish(role);
}

struct roles *roles_open(uint32_t shards, bool by_orders)
{
    struct roles *roles = mem_zalloc(sizeof *roles);
    *roles = (struct roles){.count = shards, .version = 1};
    CHECK(pthread_mutex_init(&roles->lock, NULL) == 0);
    roles->all = mem_zalloc(shards * sizeof *roles->all);
    for (uint32_t i = 0; i < shards; i++) {
        begin(&roles->all[i], &(struct shard_order){.role = by_orders ? ROLE_NONE : ROLE_OWNER}, 0);
        roles->all[i].is_here = !by_orders;
    }
    return roles;
}

void roles_close(struct roles *roles)
{
    if (!roles)
        return;
    for (uint32_t i = 0; i < roles->count; i++)
        mark_close(&roles->all[i].mark);
    pthread_mutex_destroy(&roles->lock);
    free(roles->all);
    free(roles->peers);
    free(roles);
}

static struct role *take(struct roles *roles, uint32_t shard)
{
    CHECK(shard < roles->count);
    pthread_mutex_lock(&roles->lock);
    return &roles->all[shard];
}

static void leave(struct roles *roles)
{
    pthread_mutex_unlock(&roles->lock);
}

/* --- orders --- */

static const struct peer *find_peer(const struct roles *roles, uint32_t number)
{
    for (uint32_t i = 0; i < roles->peer_count; i++)
        if (roles->peers[i].number == number)
            return &roles->peers[i];
    return NULL;
}

static void learn_peers(struct roles *roles, const struct cluster_peer *peers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (find_peer(roles, peers[i].number) || peers[i].name.len > LIMIT_WORKER_NAME_BYTES)
            continue;
        roles->peers = mem_resize(roles->peers, (roles->peer_count + 1) * sizeof *roles->peers);
        struct peer *peer = &roles->peers[roles->peer_count++];
        *peer = (struct peer){.number = peers[i].number};
        memcpy(peer->name, peers[i].name.data, peers[i].name.len);
    }
}

/* A sealed one is its owner's as before. */
static bool differs(const struct role *role, const struct shard_order *order)
{
    if (is_serving(role->role) != is_serving(order->role))
        return true;
    return is_serving(order->role) ? role->epoch != order->epoch : role->role != order->role;
}

bool roles_differs(struct roles *roles, const struct shard_order *order)
{
    bool so = differs(take(roles, order->shard), order);
    leave(roles);
    return so;
}

void roles_order(struct roles *roles, const struct shard_order *order, uint64_t head,
                 const struct cluster_peer *peers, uint32_t peer_count)
{
    struct role *role = take(roles, order->shard);
    bool is_here = is_serving(order->role);
    int64_t now_ms = clock_steady_ms();
    learn_peers(roles, peers, peer_count);
    if (differs(role, order))
        begin(role, order, head);
    role->role = order->role;
    if (is_here) {
        mark_order(&role->mark, order->version, order->replicas, order->replica_count, now_ms);
        mark_tick(&role->mark, now_ms);
    }
    publish(role);
    if (atomic_exchange(&role->is_here, is_here) != is_here)
        atomic_fetch_add(&roles->version, 1);
    leave(roles);
}

/* --- what is there --- */

void roles_committed(struct roles *roles, uint32_t shard, uint64_t head)
{
    struct role *role = take(roles, shard);
    if (is_serving(role->role) && head > role->mark.head) {
        mark_committed(&role->mark, head, clock_steady_ms());
        publish(role);
    }
    leave(roles);
}

bool roles_has(const struct roles *roles, uint32_t shard)
{
    return atomic_load(&roles->all[shard].is_here);
}

uint64_t roles_version(const struct roles *roles)
{
    return atomic_load(&roles->version);
}

uint64_t roles_begun(struct roles *roles, uint32_t shard)
{
    uint64_t begun = take(roles, shard)->begun;
    leave(roles);
    return begun;
}

uint64_t roles_head(const struct roles *roles, uint32_t shard)
{
    return atomic_load(&roles->all[shard].head);
}

uint64_t roles_served(const struct roles *roles, uint32_t shard)
{
    return atomic_load(&roles->all[shard].served);
}

/* --- followers --- */

bool roles_follows(struct roles *roles, uint32_t shard, struct bytes name, uint32_t *worker)
{
    const struct role *role = take(roles, shard);
    bool found = false;
    for (uint32_t i = 0; is_serving(role->role) && i < role->mark.count && !found; i++) {
        const struct peer *peer = find_peer(roles, role->mark.followers[i].worker);
        found = peer && bytes_equal(name, bytes_of(peer->name));
        *worker = role->mark.followers[i].worker;
    }
    leave(roles);
    return found;
}

bool roles_acked(struct roles *roles, uint32_t shard, uint32_t worker, uint64_t seq)
{
    struct role *role = take(roles, shard);
    bool risen = false;
    if (is_serving(role->role)) {
        mark_acked(&role->mark, worker, seq, clock_steady_ms());
        risen = publish(role);
    }
    leave(roles);
    return risen;
}

uint64_t roles_report(struct roles *roles, uint32_t shard, uint32_t *held, uint32_t *behind, bool *risen)
{
    struct role *role = take(roles, shard);
    int64_t now_ms = clock_steady_ms();
    uint64_t version = 0;
    *held = *behind = 0;
    *risen = false;
    if (is_serving(role->role)) {
        mark_tick(&role->mark, now_ms);
        *risen = publish(role);
        version = mark_report(&role->mark, now_ms, held, behind);
    }
    leave(roles);
    return version;
}
