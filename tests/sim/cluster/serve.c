/* What an owner answers: to followers all that it has, to subscribers what those have that may be promoted.
 * Who asks where there is nothing new waits for it. */
#include <inttypes.h>

#include "common/check.h"
#include "tests/sim/cluster/guard.h"

enum { HOLD_MS = 1500, PARTS = 3 };

enum cluster_role serve_role(const struct node *n, uint32_t shard)
{
    struct shard_report report;
    return tenure_report(&n->tenure, shard, &report) ? report.role : ROLE_NONE;
}

static void begin(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    const struct tenure_shard *s = &n->tenure.all[shard];
    n->serving[shard] = (struct serving){.is_on = true};
    mark_open(&n->serving[shard].mark, n->disk.copies[shard].head);
    if (s->wanted == ROLE_OWNER || s->wanted == ROLE_SEALED)
        mark_order(&n->serving[shard].mark, s->version, s->replicas, s->replica_count, node_now(w, node));
}

void serve_sync(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    for (uint32_t i = 0; i < w->shards; i++) {
        enum cluster_role role = serve_role(n, i);
        bool serves = role == ROLE_OWNER || role == ROLE_SEALED;
        if (serves && !n->serving[i].is_on)
            begin(w, node, i);
        else if (!serves && n->serving[i].is_on) {
            mark_close(&n->serving[i].mark);
            n->serving[i].is_on = false;
        }
    }
}

uint64_t serve_mark(struct world *w, uint32_t node, uint32_t shard)
{
    const struct node *n = &w->all[node];
    return guard_mark(w, &n->serving[shard], n->disk.copies[shard].head, node_now(w, node));
}

/* --- changes --- */

static uint64_t limit_of(struct world *w, uint32_t node, const struct asked *asked)
{
    return asked->is_follower ? w->all[node].disk.copies[asked->shard].head
                              : serve_mark(w, node, asked->shard);
}

static void list_changes(const struct copy *copy, uint64_t behind, uint64_t limit, struct answer *answer)
{
    answer->through = copy_through(copy, behind);
    answer->count = 0;
    for (uint64_t seq = behind + 1; seq <= limit && answer->count < CHANGES_AT_ONCE; seq++) {
        answer->epochs[answer->count] = copy_epoch_of(copy, seq);
        answer->checks[answer->count] = copy->changes[seq].check;
        answer->throughs[answer->count++] = copy->changes[seq].through;
    }
}

static struct message *new_answer(struct world *w, uint32_t node, uint32_t to, uint64_t process, uint64_t id,
                                  const struct asked *asked)
{
    struct message *message = message_new(w, MESSAGE_ANSWER, AT_NODES + node, to);
    if (!message)
        return NULL;
    message->to_process = process;
    message->id = id;
    message->answer = (struct answer){.shard = asked->shard,
                                      .node = node,
                                      .is_snapshot = asked->is_snapshot,
                                      .part = asked->part,
                                      .position = asked->position};
    return message;
}

static void refuse(struct world *w, uint32_t node, const struct message *asked, const struct refusal *refusal)
{
    struct message *message = new_answer(w, node, asked->from, asked->process, asked->id, &asked->asked);
    if (!message)
        return;
    message->answer.refusal = *refusal;
    if (asked->from >= AT_SUBSCRIBERS && refusal->kind != REFUSAL_MOVED)
        check_refused(w, node, asked->from - AT_SUBSCRIBERS, &message->answer);
    network_send(w, message);
}

static bool give_changes(struct world *w, uint32_t node, uint32_t to, uint64_t process, uint64_t id,
                         const struct asked *asked)
{
    const struct copy *copy = &w->all[node].disk.copies[asked->shard];
    uint64_t limit = limit_of(w, node, asked);
    if (asked->position.seq >= limit) {
        w->tally->waited += limit < copy->head;
        return false;
    }
    struct message *message = new_answer(w, node, to, process, id, asked);
    if (!message)
        return true;
    list_changes(copy, asked->position.seq, limit, &message->answer);
    network_send(w, message);
    return true;
}

/* What was judged may be cut off meanwhile: those who wait are judged anew. */
void serve_waiting(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    struct serving *serving = &n->serving[shard];
    for (uint32_t i = 0; i < ASKERS && serving->is_on; i++) {
        struct waiting *waiting = &serving->waiting[i];
        struct refusal refusal;
        if (!waiting->is_held)
            continue;
        copy_judge(&n->disk.copies[shard], &waiting->asked.position, &refusal);
        if (w->now_ms >= waiting->until_ms || refusal.kind ||
            give_changes(w, node, AT_NODES + i, waiting->process, waiting->id, &waiting->asked))
            waiting->is_held = false;
    }
}

/* --- snapshots --- */

static void give_part(struct world *w, uint32_t node, const struct message *message)
{
    const struct asked *asked = &message->asked;
    const struct copy *copy = &w->all[node].disk.copies[asked->shard];
    struct message *part = new_answer(w, node, message->from, message->process, message->id, asked);
    if (!part)
        return;
    if (!asked->part)
        part->answer.position = copy_position(copy, asked->shard, limit_of(w, node, asked));
    if (asked->part == PARTS - 1) {
        part->answer.copy = mem_alloc(sizeof *part->answer.copy);
        copy_assign(part->answer.copy, copy);
        copy_cut(part->answer.copy, asked->position.seq);
    }
    network_send(w, part);
}

/* --- requests --- */

static void wait(struct world *w, uint32_t node, const struct message *message)
{
    struct serving *serving = &w->all[node].serving[message->asked.shard];
    serving->waiting[message->from - AT_NODES] = (struct waiting){.is_held = true,
                                                                  .id = message->id,
                                                                  .process = message->process,
                                                                  .asked = message->asked,
                                                                  .until_ms = w->now_ms + HOLD_MS};
}

static void take_note(struct world *w, uint32_t node, const struct asked *asked)
{
    struct serving *serving = &w->all[node].serving[asked->shard];
    if (!asked->is_follower || asked->is_snapshot)
        return;
    mark_acked(&serving->mark, asked->follower, asked->position.seq, node_now(w, node));
    serve_waiting(w, node, asked->shard);
    worker_after(w, node);
}

void serve_asked(struct world *w, uint32_t node, const struct message *message)
{
    struct node *n = &w->all[node];
    const struct asked *asked = &message->asked;
    struct refusal refusal = {.kind = REFUSAL_MOVED, .shard = asked->shard};
    if (n->serving[asked->shard].is_on)
        copy_judge(&n->disk.copies[asked->shard], &asked->position, &refusal);
    bool is_first = asked->is_snapshot && !asked->part && n->serving[asked->shard].is_on;
    if (refusal.kind && !is_first) {
        refuse(w, node, message, &refusal);
        return;
    }
    take_note(w, node, asked);
    if (asked->is_snapshot)
        give_part(w, node, message);
    else if (!give_changes(w, node, message->from, message->process, message->id, asked))
        wait(w, node, message);
}
