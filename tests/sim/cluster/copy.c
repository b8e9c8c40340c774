#include "tests/sim/cluster/copy.h"

#include <string.h>

#include "common/check.h"
#include "common/hash.h"

void copy_drop(struct copy *copy)
{
    copy->epoch_count = 0;
    copy->is_whole = false;
    copy->oldest = 1;
    copy->head = 0;
    copy->changes[0] = (struct copy_change){0};
}

void copy_assign(struct copy *to, const struct copy *from)
{
    memcpy(to->epochs, from->epochs, from->epoch_count * sizeof *to->epochs);
    memcpy(to->changes, from->changes, (from->head + 1) * sizeof *to->changes);
    to->epoch_count = from->epoch_count;
    to->is_whole = from->is_whole;
    to->oldest = from->oldest;
    to->head = from->head;
}

void copy_begin(struct copy *copy, uint64_t epoch)
{
    CHECK(copy->epoch_count < COPY_EPOCHS && epoch > copy_epoch(copy));
    copy->epochs[copy->epoch_count++] = (struct store_epoch){epoch, copy->head + 1};
    copy->is_whole = true;
}

bool copy_is_full(const struct copy *copy)
{
    return copy->head == COPY_CHANGES || copy->epoch_count == COPY_EPOCHS;
}

void copy_add(struct copy *copy, uint64_t epoch, uint32_t check)
{
    if (epoch > copy_epoch(copy))
        copy_begin(copy, epoch);
    const uint64_t hashed[] = {copy->changes[copy->head].through, epoch, copy->head + 1, check};
    CHECK(!copy_is_full(copy));
    copy->changes[++copy->head] = (struct copy_change){
        .through = hash64((struct bytes){(const char *)hashed, sizeof hashed}), .check = check};
}

void copy_cut(struct copy *copy, uint64_t head)
{
    copy->head = head;
    while (copy->epoch_count && copy->epochs[copy->epoch_count - 1].first > head + 1)
        copy->epoch_count--;
    if (copy->oldest > head + 1)
        copy->oldest = head + 1;
}

uint64_t copy_epoch(const struct copy *copy)
{
    return copy->epoch_count ? copy->epochs[copy->epoch_count - 1].epoch : 0;
}

uint64_t copy_epoch_of(const struct copy *copy, uint64_t seq)
{
    uint32_t at = 0;
    while (at + 1 < copy->epoch_count && copy->epochs[at + 1].first <= seq)
        at++;
    return copy->epochs[at].epoch;
}

uint64_t copy_through(const struct copy *copy, uint64_t seq)
{
    return copy->changes[seq].through;
}

bool copy_has(const struct copy *copy, uint64_t seq, uint64_t through)
{
    return !seq || (copy->epoch_count && copy->is_whole && seq <= copy->head &&
                    copy->changes[seq].through == through);
}

struct tenure_copy copy_tenure(const struct copy *copy)
{
    return (struct tenure_copy){.epoch = copy_epoch(copy),
                                .head = copy->head,
                                .check = copy->head ? copy->changes[copy->head].check : 0,
                                .is_whole = copy->is_whole};
}

static struct history history_of(const struct copy *copy)
{
    return (struct history){.epochs = copy->epochs,
                            .epoch_count = copy->epoch_count,
                            .oldest = copy->oldest,
                            .head = copy->head,
                            .cut_check = copy->changes[copy->oldest - 1].check};
}

struct position copy_position(const struct copy *copy, uint32_t shard, uint64_t seq)
{
    struct history history = history_of(copy);
    if (!copy->epoch_count)
        return (struct position){.shard = shard};
    struct position position = position_behind(&history, shard, seq);
    position.check = seq ? copy->changes[seq].check : 0;
    return position;
}

void copy_judge(const struct copy *copy, const struct position *at, struct refusal *refusal)
{
    const struct point point = {at->epoch, at->seq, at->check};
    struct history history = history_of(copy);
    position_judge(&history, at->shard, &point, refusal);
    if (refusal->kind || !at->check || at->seq < copy->oldest || at->seq > copy->head)
        return;
    if (at->check != copy->changes[at->seq].check)
        *refusal = (struct refusal){.kind = REFUSAL_DIVERGED,
                                    .shard = at->shard,
                                    .oldest = copy->oldest,
                                    .head = copy->head,
                                    .epoch = copy_epoch(copy),
                                    .common = at->seq - 1};
}
