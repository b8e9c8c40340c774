/* Shards come to LIVE by BULK: whoever falls out of it, for whatever reason, is asked for alone until it has
 * had all there was once more. So one that can't be had, or can't be stored, delays nobody else. */
#include "worker/follow/pursuit_answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

void pursuit_open(struct pursuit *p, const struct pursuit_setting *setting)
{
    *p = (struct pursuit){.set = *setting, .bulk_ms = INT64_MIN};
    p->all = mem_zalloc(setting->shards * sizeof *p->all);
    p->followed = mem_alloc(setting->shards * sizeof *p->followed);
}

void pursuit_close(struct pursuit *p)
{
    for (uint32_t i = 0; i < p->owner_count; i++)
        free(p->owners[i].address);
    free(p->owners);
    free(p->all);
    free(p->followed);
    *p = (struct pursuit){0};
}

/* --- whom to ask --- */

static uint32_t new_place(struct pursuit *p)
{
    uint32_t at = 0;
    while (at < p->owner_count && p->owners[at].address)
        at++;
    if (at == p->owner_count) {
        p->owners = mem_resize(p->owners, ++p->owner_count * sizeof *p->owners);
        p->owners[at] = (struct pursuit_owner){0};
    }
    return at;
}

static uint32_t place_of(struct pursuit *p, const char *address)
{
    if (!*address)
        return PURSUIT_NOBODY;
    for (uint32_t i = 0; i < p->owner_count; i++)
        if (p->owners[i].address && strcmp(p->owners[i].address, address) == 0)
            return i;
    uint32_t place = new_place(p);
    p->owners[place] = (struct pursuit_owner){.address = mem_strdup(address)};
    for (int line = 0; line < PURSUIT_LINES; line++)
        p->owners[place].lines[line].again_ms = INT64_MIN;
    return place;
}

static void list_followed(struct pursuit *p)
{
    p->followed_count = 0;
    for (uint32_t i = 0; i < p->set.shards; i++)
        if (p->all[i].is_followed)
            p->followed[p->followed_count++] = i;
}

void pursuit_follow(struct pursuit *p, uint32_t shard, const char *address, bool hasten)
{
    CHECK(shard < p->set.shards);
    struct pursuit_shard *s = &p->all[shard];
    uint32_t owner = place_of(p, address);
    bool is_new = !s->is_followed;
    if (is_new)
        *s = (struct pursuit_shard){.is_followed = true, .at = {.shard = shard}};
    s->hasten = hasten;
    if (is_new)
        list_followed(p);
    else if (s->owner == owner)
        return;
    s->owner = owner;
    s->is_near = s->begun = false; /* rows of a snapshot are numbered by whom it is taken of */
    s->asked = s->failures = 0;
    s->again_ms = INT64_MIN;
}

void pursuit_leave(struct pursuit *p, uint32_t shard)
{
    p->all[shard] = (struct pursuit_shard){0};
    list_followed(p);
}

void pursuit_tidy(struct pursuit *p)
{
    for (uint32_t i = 0; i < p->owner_count; i++) {
        bool used = false;
        for (uint32_t j = 0; j < p->followed_count && !used; j++)
            used = p->all[p->followed[j]].owner == i;
        if (used)
            continue;
        free(p->owners[i].address);
        p->owners[i] = (struct pursuit_owner){0};
    }
}

/* --- what is stored --- */

void pursuit_stored(struct pursuit *p, uint32_t shard, enum pursuit_need need, const struct position *at)
{
    struct pursuit_shard *s = &p->all[shard];
    s->need = need;
    s->at = *at;
    s->begun = s->begun && need == PURSUIT_SNAPSHOT;
}

int64_t pursuit_later(int64_t now_ms, uint32_t *failures)
{
    int64_t wait_ms = (int64_t)LIMIT_FOLLOW_AGAIN_MS << (*failures < 8 ? *failures : 8);
    ++*failures;
    return now_ms + (wait_ms < LIMIT_FOLLOW_AGAIN_MAX_MS ? wait_ms : LIMIT_FOLLOW_AGAIN_MAX_MS);
}

void pursuit_leave_alone(struct pursuit_shard *s, int64_t now_ms)
{
    s->is_near = false;
    s->again_ms = pursuit_later(now_ms, &s->failures);
}

void pursuit_failed(struct pursuit *p, uint32_t shard, bool anew, int64_t now_ms)
{
    struct pursuit_shard *s = &p->all[shard];
    if (anew)
        s->need = PURSUIT_SNAPSHOT;
    s->begun = false;
    pursuit_leave_alone(s, now_ms);
}

/* --- asking --- */

static bool is_due(const struct pursuit_shard *s, uint32_t owner, enum pursuit_line line, int64_t now_ms)
{
    return s->owner == owner && s->is_near == (line == PURSUIT_LIVE) && s->again_ms <= now_ms;
}

void pursuit_forget_asked(struct pursuit *p, uint32_t owner, enum pursuit_line line)
{
    for (uint32_t i = 0; i < p->followed_count; i++) {
        struct pursuit_shard *s = &p->all[p->followed[i]];
        if (s->owner == owner && s->asked == line + 1u)
            s->asked = 0;
    }
    p->owners[owner].lines[line].what = PURSUIT_NOTHING;
}

/* A poll that is under way is given up for one that comes to it, but not for each. */
static bool may_poll(const struct pursuit *p, uint32_t owner, int64_t now_ms)
{
    const struct pursuit_owner *o = &p->owners[owner];
    bool any = false, joins = false;
    for (uint32_t i = 0; i < p->followed_count; i++) {
        const struct pursuit_shard *s = &p->all[p->followed[i]];
        bool due = is_due(s, owner, PURSUIT_LIVE, now_ms);
        any = any || due;
        joins = joins || (due && !s->asked);
    }
    if (!o->lines[PURSUIT_LIVE].what)
        return any;
    return joins && now_ms - o->lines[PURSUIT_LIVE].asked_ms >= LIMIT_FOLLOW_JOIN_MS;
}

/* One that is waited for comes first, then a snapshot that was begun, so that what its owner holds for it
 * isn't held for long. Else they take turns: one that never rests might never come to its end. */
static bool choose(const struct pursuit *p, uint32_t owner, int64_t now_ms, uint32_t *shard)
{
    uint32_t last = p->owners[owner].lines[PURSUIT_BULK].shard;
    int best = 0;
    for (uint32_t i = 0; i < p->followed_count; i++) {
        uint32_t number = p->followed[i];
        const struct pursuit_shard *s = &p->all[number];
        int rank = 1 + (number > last) + 2 * s->begun + 4 * s->hasten;
        if (!is_due(s, owner, PURSUIT_BULK, now_ms) || rank <= best)
            continue;
        best = rank;
        *shard = number;
    }
    return best > 0;
}

bool pursuit_wants(const struct pursuit *p, uint32_t owner, enum pursuit_line line, int64_t now_ms)
{
    uint32_t shard;
    if (!p->owners[owner].address || p->owners[owner].lines[line].again_ms > now_ms)
        return false;
    return line == PURSUIT_LIVE ? may_poll(p, owner, now_ms) : choose(p, owner, now_ms, &shard);
}

static struct feed_demand demand(const struct pursuit *p, int64_t wait_ms)
{
    return (struct feed_demand){.feed = p->set.feed,
                                .follower = p->set.name,
                                .receipts = true,
                                .max_events = LIMIT_FETCH_CHANGES,
                                .max_bytes = LIMIT_MESSAGE_BYTES,
                                .wait_ms = (uint64_t)wait_ms};
}

static void ask_live(struct pursuit *p, uint32_t owner, int64_t now_ms, int64_t wait_ms, struct arena *arena,
                     struct operator_request *request)
{
    struct position *positions = arena_alloc(arena, p->followed_count * sizeof *positions);
    uint32_t *shards = arena_alloc(arena, p->followed_count * sizeof *shards);
    struct feed_demand *fetch = &request->fetch;
    *fetch = demand(p, wait_ms);
    fetch->positions = positions;
    fetch->shards = shards;
    pursuit_forget_asked(p, owner, PURSUIT_LIVE);
    for (uint32_t i = 0; i < p->followed_count; i++) {
        struct pursuit_shard *s = &p->all[p->followed[i]];
        if (!is_due(s, owner, PURSUIT_LIVE, now_ms))
            continue;
        shards[fetch->shard_count++] = p->followed[i];
        if (!position_is_none(&s->at))
            positions[fetch->count++] = s->at;
        s->asked = PURSUIT_LIVE + 1;
    }
    request->kind = OPERATOR_FETCH;
    p->owners[owner].lines[PURSUIT_LIVE].what = PURSUIT_FETCH;
}

static struct feed_snapshot part_of(const struct pursuit *p, uint32_t shard)
{
    const struct pursuit_shard *s = &p->all[shard];
    return (struct feed_snapshot){.shard = shard,
                                  .has_begin = s->begun,
                                  .begin = s->begin,
                                  .collection = s->begun ? s->collection : 0,
                                  .row = s->begun ? s->row : 0,
                                  .max_bytes = LIMIT_MESSAGE_BYTES,
                                  .receipts = true,
                                  .feed = p->set.feed,
                                  .follower = p->set.name};
}

static void ask_bulk(struct pursuit *p, uint32_t owner, uint32_t shard, struct arena *arena,
                     struct operator_request *request)
{
    struct pursuit_shard *s = &p->all[shard];
    uint32_t *only = arena_alloc(arena, sizeof *only);
    *only = shard;
    s->asked = PURSUIT_BULK + 1;
    p->owners[owner].lines[PURSUIT_BULK].shard = shard;
    p->owners[owner].lines[PURSUIT_BULK].what = s->need == PURSUIT_SNAPSHOT              ? PURSUIT_PART
                                                : s->need == PURSUIT_LOG && s->lacks_log ? PURSUIT_OLDEST
                                                                                         : PURSUIT_FETCH;
    if (s->need == PURSUIT_SNAPSHOT) {
        request->kind = OPERATOR_SNAPSHOT;
        request->snapshot = part_of(p, shard);
        return;
    }
    request->kind = OPERATOR_FETCH;
    request->fetch = demand(p, 0);
    request->fetch.shards = only;
    request->fetch.shard_count = 1;
    request->fetch.oldest = s->need == PURSUIT_LOG && s->lacks_log;
    request->fetch.positions = &s->at;
    request->fetch.count = !request->fetch.oldest && !position_is_none(&s->at);
}

bool pursuit_ask(struct pursuit *p, uint32_t owner, enum pursuit_line line, int64_t now_ms, int64_t lease_ms,
                 struct arena *arena, struct operator_request *request)
{
    struct pursuit_owner *o = &p->owners[owner];
    int64_t left_ms = lease_ms > now_ms ? lease_ms - now_ms : 0, wait_ms = 0;
    uint32_t shard;
    *request = (struct operator_request){0};
    if (!o->address || !left_ms || o->lines[line].again_ms > now_ms)
        return false;
    if (line == PURSUIT_LIVE) {
        if (!may_poll(p, owner, now_ms))
            return false;
        wait_ms = left_ms < LIMIT_FOLLOW_WAIT_MS ? left_ms : LIMIT_FOLLOW_WAIT_MS;
        ask_live(p, owner, now_ms, wait_ms, arena, request);
    } else {
        if (o->lines[line].what || p->bulk_ms > now_ms || !choose(p, owner, now_ms, &shard))
            return false;
        ask_bulk(p, owner, shard, arena, request);
    }
    o->lines[line].asked_ms = now_ms;
    o->lines[line].until_ms = now_ms + wait_ms;
    return true;
}
