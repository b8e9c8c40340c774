/* What comes of what pursuit.c asks. */
#include "worker/follow/pursuit_answer.h"

static void take_refusal(struct pursuit *p, const struct refusal *refusal, int64_t now_ms,
                         struct pursuit_arrival *arrival)
{
    struct pursuit_shard *s = &p->all[refusal->shard];
    s->begun = false;
    if (refusal->kind == REFUSAL_MOVED) {
        pursuit_leave_alone(s, now_ms);
    } else if (refusal->kind == REFUSAL_COMPACTED && s->need == PURSUIT_LOG) {
        s->lacks_log = true;
    } else {
        bool was_there = s->need != PURSUIT_SNAPSHOT;
        s->need = PURSUIT_SNAPSHOT;
        if (was_there)
            arrival->refused[arrival->refused_count++] = *refusal;
        if (was_there)
            s->is_near = false;
        else
            pursuit_leave_alone(s, now_ms);
    }
}

static bool take_refusals(struct pursuit *p, uint32_t owner, enum pursuit_line line,
                          const struct refusal *refusals, uint32_t count, int64_t now_ms,
                          struct pursuit_arrival *arrival)
{
    for (uint32_t i = 0; i < count; i++) {
        if (refusals[i].shard >= p->set.shards)
            return false;
        if (pursuit_takes(p, owner, line, refusals[i].shard))
            take_refusal(p, &refusals[i], now_ms, arrival);
        if (arrival->refused_count == p->set.shards)
            return false;
    }
    return true;
}

static bool changes_arrived(struct pursuit *p, uint32_t owner, enum pursuit_line line,
                            const struct feed_changes *changes, int64_t now_ms,
                            struct pursuit_arrival *arrival)
{
    struct pursuit_owner *o = &p->owners[owner];
    bool is_nothing = !changes->count && !changes->position_count && !changes->refusal_count;
    arrival->what = changes->refusal_count ? PURSUIT_NOTHING : PURSUIT_FETCH;
    if (is_nothing && now_ms < o->lines[line].until_ms) /* as many wait there as it lets */
        o->lines[line].again_ms = now_ms + LIMIT_FOLLOW_AGAIN_MS;
    return take_refusals(p, owner, line, changes->refusals, changes->refusal_count, now_ms, arrival);
}

static bool part_arrived(struct pursuit *p, uint32_t owner, const struct feed_part *part, int64_t now_ms,
                         struct pursuit_arrival *arrival)
{
    uint32_t shard = p->owners[owner].lines[PURSUIT_BULK].shard;
    struct pursuit_shard *s = &p->all[shard];
    if (part->refusal.kind)
        return take_refusals(p, owner, PURSUIT_BULK, &part->refusal, 1, now_ms, arrival);
    if (part->begin.shard != shard)
        return false;
    if (!pursuit_takes(p, owner, PURSUIT_BULK, shard))
        return true;
    arrival->what = PURSUIT_PART;
    arrival->shard = shard;
    arrival->first = !s->begun;
    s->begun = true;
    s->begin = part->begin;
    s->collection = part->collection;
    s->row = part->row;
    return true;
}

static bool oldest_arrived(struct pursuit *p, uint32_t owner, const struct feed_changes *changes,
                           int64_t now_ms, struct pursuit_arrival *arrival)
{
    uint32_t shard = p->owners[owner].lines[PURSUIT_BULK].shard;
    arrival->oldest = (struct position){.shard = shard};
    if (changes->refusal_count)
        return take_refusals(p, owner, PURSUIT_BULK, changes->refusals, changes->refusal_count, now_ms,
                             arrival);
    if (!pursuit_takes(p, owner, PURSUIT_BULK, shard))
        return true;
    for (uint32_t i = 0; i < changes->position_count; i++)
        if (changes->positions[i].shard == shard)
            arrival->oldest = changes->positions[i];
    arrival->what = PURSUIT_OLDEST;
    arrival->shard = shard;
    p->all[shard].lacks_log = false;
    return true;
}

static void pay(struct pursuit *p, size_t bytes, int64_t now_ms)
{
    int64_t from_ms = p->bulk_ms > now_ms ? p->bulk_ms : now_ms;
    p->bulk_ms = from_ms + (int64_t)(bytes * 1000 / p->set.bytes_per_s);
}

bool pursuit_arrived(struct pursuit *p, uint32_t owner, enum pursuit_line line,
                     const struct operator_reply *reply, size_t bytes, int64_t now_ms,
                     struct pursuit_arrival *arrival)
{
    struct pursuit_owner *o = &p->owners[owner];
    enum pursuit_what what = o->lines[line].what;
    arrival->what = PURSUIT_NOTHING;
    arrival->refused_count = 0;
    o->lines[line].failures = 0;
    if (line == PURSUIT_BULK)
        pay(p, bytes, now_ms);
    switch (what) {
    case PURSUIT_FETCH:
        return changes_arrived(p, owner, line, &reply->fetch, now_ms, arrival);
    case PURSUIT_PART:
        return part_arrived(p, owner, &reply->snapshot, now_ms, arrival);
    case PURSUIT_OLDEST:
        return oldest_arrived(p, owner, &reply->fetch, now_ms, arrival);
    case PURSUIT_NOTHING:
        break;
    }
    return false;
}

bool pursuit_takes(const struct pursuit *p, uint32_t owner, enum pursuit_line line, uint32_t shard)
{
    const struct pursuit_shard *s = shard < p->set.shards ? &p->all[shard] : NULL;
    return s && s->is_followed && s->owner == owner && s->asked == line + 1u;
}

void pursuit_taken(struct pursuit *p, uint32_t owner, enum pursuit_line line, bool more)
{
    bool is_changes = p->owners[owner].lines[line].what == PURSUIT_FETCH;
    for (uint32_t i = 0; i < p->followed_count && is_changes && !more; i++) {
        struct pursuit_shard *s = &p->all[p->followed[i]];
        bool is_well = s->need == PURSUIT_CHANGES && s->again_ms <= p->owners[owner].lines[line].asked_ms;
        if (!pursuit_takes(p, owner, line, p->followed[i]) || !is_well)
            continue;
        s->is_near = true;
        s->failures = 0;
    }
    pursuit_forget_asked(p, owner, line);
}

void pursuit_lost(struct pursuit *p, uint32_t owner, enum pursuit_line line, bool is_away, int64_t now_ms)
{
    struct pursuit_owner *o = &p->owners[owner];
    for (uint32_t i = 0; i < p->followed_count && !is_away; i++) {
        struct pursuit_shard *s = &p->all[p->followed[i]];
        if (!pursuit_takes(p, owner, line, p->followed[i]))
            continue;
        s->is_near = false;
        if (line == PURSUIT_BULK)
            pursuit_leave_alone(s, now_ms);
    }
    pursuit_forget_asked(p, owner, line);
    o->lines[line].again_ms = pursuit_later(now_ms, &o->lines[line].failures);
}
