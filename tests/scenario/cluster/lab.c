/* Each beat, every process that can be heard says what is true of it, hears what should be, and does it; then
 * the coordinator's time passes. */
#include "tests/scenario/cluster/lab.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "worker/feed/mark.h"
#include "worker/tenure/tenure.h"

enum { WORKERS = 4, SHARDS = 16 };

struct copy {
    uint64_t epoch, head;
};

struct node {
    char name[8];
    uint64_t disk, incarnation, number;
    bool is_up, is_parted, is_leaving, is_deaf, is_delayed;
    struct tenure tenure;
    struct copy copies[SHARDS], saved[SHARDS];
    struct mark marks[SHARDS];
    struct heartbeat late; /* what it said while it was delayed */
    struct shard_report late_reports[SHARDS];
};

struct lab {
    struct cluster cluster;
    struct cluster_setting set;
    struct cluster_shard kept[SHARDS]; /* as they were last told of, and are kept */
    struct cluster_shard saved[SHARDS];
    enum worker_life lives[WORKERS + 1];
    struct node nodes[WORKERS];
    uint32_t node_count;
    int64_t now_ms;
    uint64_t disks;
    uint32_t loads[SHARDS]; /* as owners report them */
    struct buffer diary;
};

static const uint8_t feed[16] = "feed";

/* --- the diary --- */

void lab_note(struct lab *lab, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buffer_printf(&lab->diary, "[%5" PRId64 "] %s\n", lab->now_ms, line);
}

void lab_forget(struct lab *lab)
{
    buffer_reset(&lab->diary);
}

/* cmocka cuts long messages. */
void lab_expect(struct lab *lab, const char *diary)
{
    const char *is = buffer_text(&lab->diary);
    if (strcmp(is, diary) != 0)
        fprintf(stderr, "the diary is:\n%s", is);
    assert_true(strcmp(is, diary) == 0);
    lab_forget(lab);
}

static const char *name_of(const struct lab *lab, uint32_t worker)
{
    return worker == CLUSTER_NOBODY ? "nobody" : lab->cluster.workers[worker].name;
}

static void note_shard(struct lab *lab, uint32_t shard)
{
    const struct cluster_shard *now = &lab->cluster.shards[shard], *before = &lab->kept[shard];
    if (now->owner != before->owner)
        lab_note(lab, "coordinator: shard %" PRIu32 " -> %s (epoch %" PRIu64 ")%s", shard,
                 name_of(lab, now->owner), now->epoch,
                 now->owner != CLUSTER_NOBODY && !now->base ? ", anew" : "");
    else if (now->epoch != before->epoch)
        lab_note(lab, "coordinator: shard %" PRIu32 " stays at %s (epoch %" PRIu64 ")", shard,
                 name_of(lab, now->owner), now->epoch);
    if (now->phase != before->phase && now->phase != MOVE_NONE)
        lab_note(lab, "coordinator: shard %" PRIu32 " moves to %s: %s", shard, name_of(lab, now->to),
                 cluster_phase_name(now->phase));
    if (before->phase != MOVE_NONE && now->phase == MOVE_NONE && now->owner == before->owner)
        lab_note(lab, "coordinator: shard %" PRIu32 " doesn't move any more", shard);
    for (uint32_t i = 0; i < now->replica_count; i++) {
        struct cluster_replica *was = cluster_replica((struct cluster_shard *)before,
                                                      now->replicas[i].worker);
        if (!was)
            lab_note(lab, "coordinator: %s follows shard %" PRIu32, name_of(lab, now->replicas[i].worker),
                     shard);
        if (now->replicas[i].in_sync != (was && was->in_sync))
            lab_note(lab, "coordinator: %s is %sin sync with shard %" PRIu32,
                     name_of(lab, now->replicas[i].worker), now->replicas[i].in_sync ? "" : "not ", shard);
    }
}

static void note_all(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->cluster.worker_count; i++)
        if (lab->cluster.workers[i].life != lab->lives[i]) {
            lab->lives[i] = lab->cluster.workers[i].life;
            lab_note(lab, "coordinator: %s is %s", name_of(lab, i), cluster_life_name(lab->lives[i]));
        }
    for (uint32_t i = 0; i < lab->set.shards; i++) {
        note_shard(lab, i);
        lab->kept[i] = lab->cluster.shards[i];
    }
}

/* --- a worker --- */

static struct node *find(struct lab *lab, const char *name)
{
    for (uint32_t i = 0; i < lab->node_count; i++)
        if (strcmp(lab->nodes[i].name, name) == 0)
            return &lab->nodes[i];
    CHECK(lab->node_count < WORKERS);
    struct node *node = &lab->nodes[lab->node_count++];
    *node = (struct node){.disk = 0};
    snprintf(node->name, sizeof node->name, "%s", name);
    return node;
}

static struct tenure_copy tenure_copy_of(const struct copy *copy)
{
    return (struct tenure_copy){copy->epoch, copy->head, (uint32_t)copy->head, copy->epoch != 0};
}

static void act(struct lab *lab, struct node *node, const struct tenure_action *action)
{
    struct copy *copy = &node->copies[action->shard];
    const struct node *owner = action->owner == CLUSTER_NOBODY ? NULL
                                                               : find(lab, name_of(lab, action->owner));
    switch (action->what) {
    case TENURE_RELEASE:
        lab_note(lab, "%s: lets go of shard %" PRIu32, node->name, action->shard);
        break;
    case TENURE_LEAVE:
        break;
    case TENURE_DROP:
        lab_note(lab, "%s: drops its copy of shard %" PRIu32, node->name, action->shard);
        *copy = (struct copy){0};
        break;
    case TENURE_FOLLOW:
        lab_note(lab, "%s: follows %s's shard %" PRIu32, node->name, owner ? owner->name : "nobody",
                 action->shard);
        break;
    case TENURE_OWN:
        lab_note(lab, "%s: owns shard %" PRIu32 " in epoch %" PRIu64, node->name, action->shard,
                 action->epoch);
        copy->epoch = action->epoch;
        mark_close(&node->marks[action->shard]);
        mark_open(&node->marks[action->shard], copy->head);
        break;
    }
    struct tenure_copy now = tenure_copy_of(copy);
    tenure_done(&node->tenure, action, &now, true);
}

static void act_all(struct lab *lab, struct node *node)
{
    struct tenure_action actions[SHARDS];
    uint32_t count;
    while ((count = tenure_plan(&node->tenure, actions)))
        for (uint32_t i = 0; i < count; i++)
            act(lab, node, &actions[i]);
    for (uint32_t i = 0; i < lab->set.shards; i++) {
        const struct tenure_shard *s = &node->tenure.all[i];
        if (s->role == ROLE_OWNER)
            mark_order(&node->marks[i], s->version, s->replicas, s->replica_count, lab->now_ms);
    }
}

/* What its owner has, if that can be reached; which is an acknowledgement too. */
static void copy_from_owners(struct lab *lab, struct node *node)
{
    for (uint32_t i = 0; i < lab->set.shards; i++) {
        const struct tenure_shard *s = &node->tenure.all[i];
        if (s->role != ROLE_FOLLOWER || s->followed == CLUSTER_NOBODY)
            continue;
        struct node *owner = find(lab, name_of(lab, s->followed));
        if (!owner->is_up || owner->is_parted || node->is_parted || owner->tenure.all[i].wanted == ROLE_NONE)
            continue;
        node->copies[i] = owner->copies[i];
        if (owner->tenure.all[i].role == ROLE_OWNER) {
            mark_committed(&owner->marks[i], owner->copies[i].head, lab->now_ms);
            mark_acked(&owner->marks[i], lab_worker(lab, node->name), node->copies[i].head, lab->now_ms);
        }
    }
}

static uint32_t report_all(struct lab *lab, struct node *node, struct shard_report *reports)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < lab->set.shards; i++) {
        struct tenure_copy copy = tenure_copy_of(&node->copies[i]);
        tenure_copy(&node->tenure, i, &copy);
        if (!tenure_report(&node->tenure, i, &reports[count]))
            continue;
        struct shard_report *report = &reports[count++];
        report->load = lab->loads[report->shard];
        if (report->role == ROLE_OWNER &&
            mark_report(&node->marks[i], lab->now_ms, &report->held, &report->behind) != report->version)
            report->held = report->behind = 0;
    }
    return count;
}

static void hear(struct lab *lab, struct node *node, uint32_t worker, uint64_t number)
{
    struct shard_order orders[SHARDS];
    struct replica_order replicas[SHARDS][CLUSTER_REPLICAS];
    struct orders answer = {.number = number, .worker = worker, .lease_ms = LAB_LEASE_MS, .orders = orders};
    for (uint32_t i = 0; i < lab->set.shards; i++)
        answer.order_count += cluster_order(&lab->cluster, worker, i, replicas[i],
                                            &orders[answer.order_count]);
    if (tenure_orders(&node->tenure, &answer, lab->now_ms))
        act_all(lab, node);
}

static void beat(struct lab *lab, struct node *node)
{
    struct shard_report reports[SHARDS];
    struct error e;
    uint32_t worker;
    copy_from_owners(lab, node);
    struct heartbeat heartbeat = {.version = CLUSTER_VERSION,
                                  .worker = bytes_of(node->name),
                                  .address = bytes_of(node->name),
                                  .program = BYTES("lab"),
                                  .shards = lab->set.shards,
                                  .feed = {(const char *)feed, sizeof feed},
                                  .disk = node->disk,
                                  .incarnation = node->incarnation,
                                  .number = ++node->number,
                                  .restarts = node->is_leaving,
                                  .capacity = 1,
                                  .room = UINT64_C(1) << 40,
                                  .reports = reports};
    heartbeat.report_count = report_all(lab, node, reports);
    if (node->is_delayed) {
        node->is_delayed = false;
        node->late = heartbeat;
        node->late.reports = memcpy(node->late_reports, reports, sizeof reports);
        return;
    }
    if (cluster_heartbeat(&lab->cluster, &heartbeat, feed, lab->now_ms, &worker, &e)) {
        lab_note(lab, "%s: is refused: %s", node->name, e.text);
        node->is_up = false;
        return;
    }
    note_all(lab);
    if (!node->is_leaving && !node->is_deaf)
        hear(lab, node, worker, heartbeat.number);
}

/* --- processes --- */

static void end(struct lab *lab, struct node *node)
{
    tenure_close(&node->tenure);
    for (uint32_t i = 0; i < lab->set.shards; i++)
        mark_close(&node->marks[i]);
    memset(node->marks, 0, sizeof node->marks);
    node->is_up = false;
}

void lab_starts(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    CHECK(!node->is_up);
    end(lab, node);
    if (!node->disk)
        node->disk = ++lab->disks;
    node->incarnation++;
    node->number = 0;
    node->is_up = true;
    node->is_leaving = node->is_parted = node->is_deaf = false;
    tenure_open(&node->tenure, lab->set.shards, node->disk);
}

void lab_starts_empty(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    node->disk = ++lab->disks;
    node->incarnation = 0;
    memset(node->copies, 0, sizeof node->copies);
    lab_starts(lab, name);
}

void lab_saves(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    memcpy(node->saved, node->copies, sizeof node->saved);
}

void lab_starts_older(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    memcpy(node->copies, node->saved, sizeof node->copies);
    lab_starts(lab, name);
}

void lab_dies(struct lab *lab, const char *name)
{
    end(lab, find(lab, name));
}

void lab_restarts(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    node->is_leaving = true;
    beat(lab, node);
    end(lab, node);
}

void lab_parts(struct lab *lab, const char *name)
{
    find(lab, name)->is_parted = true;
}

void lab_joins(struct lab *lab, const char *name)
{
    struct node *node = find(lab, name);
    node->is_parted = node->is_deaf = false;
}

void lab_deafens(struct lab *lab, const char *name)
{
    find(lab, name)->is_deaf = true;
}

void lab_delays(struct lab *lab, const char *name)
{
    find(lab, name)->is_delayed = true;
}

void lab_delivers(struct lab *lab, const char *name)
{
    struct error e;
    uint32_t worker;
    if (cluster_heartbeat(&lab->cluster, &find(lab, name)->late, feed, lab->now_ms, &worker, &e))
        lab_note(lab, "coordinator: refuses %s: %s", name, e.text);
    note_all(lab);
}

void lab_commits(struct lab *lab, const char *name, uint32_t shard, uint64_t count)
{
    struct node *node = find(lab, name);
    bool may = node->tenure.all[shard].role == ROLE_OWNER && lab->now_ms < tenure_until(&node->tenure, shard);
    lab_note(lab, "%s: %s shard %" PRIu32, name, may ? "commits to" : "can't commit to", shard);
    if (!may)
        return;
    node->copies[shard].head += count;
    mark_committed(&node->marks[shard], node->copies[shard].head, lab->now_ms);
}

/* --- the coordinator --- */

static void begin(struct lab *lab, bool with_state)
{
    struct cluster before = lab->cluster;
    cluster_open(&lab->cluster, &lab->set);
    for (uint32_t i = 0; with_state && i < before.worker_count; i++)
        cluster_put_worker(&lab->cluster, i, &before.workers[i]);
    for (uint32_t i = 0; with_state && i < lab->set.shards; i++)
        if (lab->kept[i].version)
            cluster_put_shard(&lab->cluster, i, &lab->kept[i]);
    lab->cluster.waits_recover = with_state && before.waits_recover;
    cluster_begin(&lab->cluster, lab->now_ms);
    cluster_close(&before);
    for (uint32_t i = 0; i <= WORKERS; i++)
        lab->lives[i] = with_state ? WORKER_UNKNOWN : WORKER_DEAD;
    for (uint32_t i = 0; i < lab->set.shards; i++)
        lab->kept[i] = lab->cluster.shards[i];
}

void lab_coordinator_restarts(struct lab *lab)
{
    begin(lab, true);
}

void lab_coordinator_forgets(struct lab *lab)
{
    begin(lab, false);
    lab->cluster.waits_recover = true;
}

void lab_coordinator_saves(struct lab *lab)
{
    memcpy(lab->saved, lab->kept, sizeof lab->saved);
}

void lab_coordinator_goes_back(struct lab *lab)
{
    memcpy(lab->kept, lab->saved, sizeof lab->kept);
    begin(lab, true);
}

struct lab *lab_open(uint32_t shards, uint32_t followers)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    CHECK(shards <= SHARDS);
    lab->set = (struct cluster_setting){.shards = shards,
                                        .followers = followers,
                                        .lease_ms = LAB_LEASE_MS,
                                        .grace_ms = LAB_GRACE_MS,
                                        .settle_ms = LAB_BEAT_MS};
    begin(lab, false);
    return lab;
}

void lab_close(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->node_count; i++)
        end(lab, &lab->nodes[i]);
    cluster_close(&lab->cluster);
    buffer_close(&lab->diary);
    free(lab);
}

struct cluster *lab_cluster(struct lab *lab)
{
    return &lab->cluster;
}

uint32_t lab_worker(struct lab *lab, const char *name)
{
    uint32_t number;
    struct error e;
    CHECK(cluster_find_worker(&lab->cluster, bytes_of(name), &number, &e) == 0);
    return number;
}

int64_t lab_now(const struct lab *lab)
{
    return lab->now_ms;
}

void lab_costs(struct lab *lab, uint32_t shard, uint32_t load)
{
    lab->loads[shard] = load;
}

void lab_passes(struct lab *lab, int64_t ms)
{
    for (int64_t end_ms = lab->now_ms + ms; lab->now_ms < end_ms; lab->now_ms += LAB_BEAT_MS) {
        for (uint32_t i = 0; i < lab->node_count; i++)
            if (lab->nodes[i].is_up && !lab->nodes[i].is_parted)
                beat(lab, &lab->nodes[i]);
        cluster_tick(&lab->cluster, lab->now_ms);
        note_all(lab);
    }
}
