/* What came, into the copies: one commit for each shard of an answer. What fails fails for its shard alone.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "worker/follow/internal.h"

/* --- telling --- */

static void say_well(struct following *f, uint32_t shard)
{
    if (f->shards[shard].is_troubled)
        following_say(f, "shard %" PRIu32 ": its copy goes on", shard);
    f->shards[shard].is_troubled = false;
}

static void say_failure(struct following *f, uint32_t shard, const struct error *e)
{
    if (!f->shards[shard].is_troubled)
        following_say(f, "shard %" PRIu32 ": its copy doesn't go on: %s (trying again)", shard, e->text);
    f->shards[shard].is_troubled = true;
}

/* What doesn't fit what is there is begun anew. */
static void fail(struct following *f, uint32_t shard, const struct error *e)
{
    copy_abort(f->shards[shard].copy);
    say_failure(f, shard, e);
    pursuit_failed(&f->pursuit, shard, e->code == ERR_CORRUPT, clock_steady_ms());
}

static enum pursuit_need need_of(const struct copy *copy)
{
    switch (copy_phase(copy)) {
    case COPY_LOG:
        return PURSUIT_LOG;
    case COPY_WHOLE:
        return PURSUIT_CHANGES;
    case COPY_NONE:
    case COPY_TAKING:
        break;
    }
    return PURSUIT_SNAPSHOT;
}

static int tell_stored(struct following *f, uint32_t shard, struct error *e)
{
    struct copy *copy = f->shards[shard].copy;
    struct position at;
    int r = copy_position(copy, &at, e);
    if (r)
        return r;
    pursuit_stored(&f->pursuit, shard, need_of(copy), &at);
    f->set.stored(f->set.context, shard);
    return 0;
}

/* --- opening --- */

static int open_copy(struct following *f, uint32_t shard, struct error *e)
{
    struct store *store;
    int r = folder_store(f->set.folder, shard, &store, e);
    return r ? r : copy_open(store, &f->shards[shard].copy, e);
}

/* Where there is no file none is made before there is something to write to it. */
static void open_shard(struct following *f, uint32_t shard)
{
    struct following_shard *s = &f->shards[shard];
    struct error e;
    int r = folder_has(f->set.folder, shard) ? open_copy(f, shard, &e) : 0;
    if (!r)
        pursuit_follow(&f->pursuit, shard, s->address, s->hasten);
    if (!r && s->copy)
        r = tell_stored(f, shard, &e);
    s->is_open = !r;
    if (!r) {
        say_well(f, shard);
        return;
    }
    say_failure(f, shard, &e);
    following_close_copy(f, shard);
    pursuit_leave(&f->pursuit, shard);
    s->again_ms = clock_steady_ms() + LIMIT_FOLLOW_AGAIN_MAX_MS;
}

void following_open_copies(struct following *f)
{
    int64_t now_ms = clock_steady_ms();
    for (uint32_t i = 0; i < f->set.folder->shards; i++)
        if (f->shards[i].is_wanted && !f->shards[i].is_open && f->shards[i].again_ms <= now_ms)
            open_shard(f, i);
}

void following_close_copy(struct following *f, uint32_t shard)
{
    copy_close(f->shards[shard].copy);
    f->shards[shard].copy = NULL;
}

/* --- storing --- */

/* Until the answer is through: it has been given something. */
static struct following_shard *touch(struct following *f, uint32_t owner, enum pursuit_line line,
                                     uint32_t shard)
{
    if (!pursuit_takes(&f->pursuit, owner, line, shard) || !f->shards[shard].copy)
        return NULL;
    struct following_shard *s = &f->shards[shard];
    if (!s->is_touched)
        f->touched[f->touched_count++] = shard;
    s->is_touched = true;
    return s->has_failed ? NULL : s;
}

static void fail_touched(struct following *f, uint32_t shard, const struct error *e)
{
    f->shards[shard].has_failed = true;
    fail(f, shard, e);
}

/* Its position is behind what failed, so nothing of it is taken after that. */
static void append(struct following *f, uint32_t owner, enum pursuit_line line, struct bytes packed)
{
    struct change change;
    struct error e;
    int r = change_unpack(&f->arena, packed, &change, &e);
    struct following_shard *s = r ? NULL : touch(f, owner, line, change.shard);
    if (!s)
        return;
    s->is_written = true;
    if (copy_append(s->copy, &change, packed, &e))
        fail_touched(f, change.shard, &e);
}

static void put_receipt(struct following *f, struct bytes packed)
{
    struct receipt_id id;
    struct error e;
    if (!receipt_unpack_id(packed, &id) || id.shard >= f->set.folder->shards)
        return;
    struct following_shard *s = &f->shards[id.shard];
    if (s->is_written && !s->has_failed && copy_put_receipt(s->copy, packed, &e))
        fail_touched(f, id.shard, &e);
}

static void commit(struct following *f, uint32_t shard)
{
    struct error e;
    int r = copy_commit(f->shards[shard].copy, &e);
    if (!r)
        r = tell_stored(f, shard, &e);
    if (r)
        fail_touched(f, shard, &e);
    else
        say_well(f, shard);
}

static void compact(struct following *f, const struct feed_oldest *oldest)
{
    struct following_shard *s = oldest->shard < f->set.folder->shards ? &f->shards[oldest->shard] : NULL;
    struct error e;
    if (s && s->is_written && !s->has_failed && copy_compact(s->copy, oldest->oldest, &e))
        fail(f, oldest->shard, &e);
}

static void store_changes(struct following *f, uint32_t owner, enum pursuit_line line,
                          const struct feed_changes *changes)
{
    f->touched_count = 0;
    for (uint32_t i = 0; i < changes->record_count; i++) {
        struct following_shard *s = touch(f, owner, line, changes->records[i].shard);
        if (s)
            copy_offer(s->copy, &changes->records[i].record);
    }
    for (uint32_t i = 0; i < changes->count; i++)
        append(f, owner, line, changes->changes[i]);
    for (uint32_t i = 0; i < changes->receipt_count; i++)
        put_receipt(f, changes->receipts[i]);
    for (uint32_t i = 0; i < f->touched_count; i++)
        if (f->shards[f->touched[i]].is_written && !f->shards[f->touched[i]].has_failed)
            commit(f, f->touched[i]);
    for (uint32_t i = 0; i < changes->oldest_count; i++)
        compact(f, &changes->oldest[i]);
    for (uint32_t i = 0; i < f->touched_count; i++) {
        struct following_shard *s = &f->shards[f->touched[i]];
        copy_forget_offers(s->copy);
        s->is_touched = s->is_written = s->has_failed = false;
    }
}

static void store_part(struct following *f, uint32_t shard, const struct feed_part *part, bool first)
{
    struct error e;
    int r = f->shards[shard].copy ? 0 : open_copy(f, shard, &e);
    if (r) {
        say_failure(f, shard, &e);
        pursuit_failed(&f->pursuit, shard, false, clock_steady_ms());
        return;
    }
    r = copy_take_part(f->shards[shard].copy, part, first, &e);
    if (r)
        fail(f, shard, &e);
    else
        commit(f, shard);
    f->shards[shard].has_failed = false;
}

static void begin_log(struct following *f, uint32_t shard, const struct position *oldest)
{
    struct copy *copy = f->shards[shard].copy;
    struct error e;
    int r = copy_begin_log(copy, oldest, &e);
    if (!r) {
        commit(f, shard);
        f->shards[shard].has_failed = false;
    } else if (r == ERR_NOT_FOUND) { /* the retention was faster */
        copy_abort(copy);
        pursuit_failed(&f->pursuit, shard, true, clock_steady_ms());
    } else {
        fail(f, shard, &e);
    }
}

void following_store(struct following *f, uint32_t owner, enum pursuit_line line,
                     const struct operator_reply *reply, const struct pursuit_arrival *arrival)
{
    switch (arrival->what) {
    case PURSUIT_FETCH:
        store_changes(f, owner, line, &reply->fetch);
        break;
    case PURSUIT_PART:
        store_part(f, arrival->shard, &reply->snapshot, arrival->first);
        break;
    case PURSUIT_OLDEST:
        begin_log(f, arrival->shard, &arrival->oldest);
        break;
    case PURSUIT_NOTHING:
        break;
    }
}
