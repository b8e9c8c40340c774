/* A copy, and what comes into it. Each answer is committed at once, a shard at a time: what is asked for next
 * begins behind it, and tells the owner that it is stored. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/follow/internal.h"

enum { AGAIN_MS = 2000 };

void mirror_failed(struct following *f, struct mirror *m, const struct error *e)
{
    struct buffer line = {0};
    m->again_ms = clock_steady_ms() + AGAIN_MS;
    if (e->code == ERR_CORRUPT)
        mirror_begin_anew(m);
    if (m->told == e->code)
        return;
    m->told = e->code;
    buffer_printf(&line, "following shard %" PRIu32 ": %s", m->shard, e->text);
    f->set.trouble(f->set.context, buffer_text(&line));
    buffer_close(&line);
}

static void stored(struct following *f, struct mirror *m)
{
    m->told = ERR_OK;
    f->set.stored(f->set.context, m->shard);
}

/* --- opening --- */

void mirror_begin_anew(struct mirror *m)
{
    m->need = NEED_SNAPSHOT;
    m->has_begin = false;
}

static enum need first_need(const struct copy *copy)
{
    enum copy_phase phase = copy_phase(copy);
    return phase == COPY_NONE || phase == COPY_TAKING ? NEED_SNAPSHOT : NEED_CHANGES;
}

int mirror_open(struct following *f, struct mirror *m, struct error *e)
{
    if (m->copy)
        return 0;
    int r = folder_store(f->set.folder, m->shard, &m->store, e);
    if (!r)
        r = copy_open(m->store, &m->copy, e);
    if (!r) {
        m->need = first_need(m->copy);
        m->has_begin = false;
    }
    return r;
}

void mirror_close(struct mirror *m)
{
    copy_close(m->copy);
    m->copy = NULL;
    m->store = NULL;
    m->line = NULL;
    m->is_on = false;
    m->told = ERR_OK;
    m->again_ms = 0;
    mirror_begin_anew(m);
}

/* --- snapshots --- */

int mirror_take_part(struct following *f, struct mirror *m, const struct feed_part *part, struct error *e)
{
    if (part->refusal.kind) {
        mirror_refused(m, part->refusal.kind);
        return 0;
    }
    int r = mirror_open(f, m, e);
    if (!r)
        r = copy_take_part(m->copy, part, !m->has_begin, e);
    if (!r)
        r = copy_commit(m->copy, e);
    else if (m->copy)
        copy_abort(m->copy);
    if (r)
        return r;
    m->has_begin = true;
    m->need = part->last ? NEED_CHANGES : NEED_SNAPSHOT;
    m->part = (struct feed_snapshot){
        .has_begin = true, .begin = part->begin, .collection = part->collection, .row = part->row};
    stored(f, m);
    return 0;
}

/* --- changes --- */

/* Where a copy's log may begin is where the owner's does; a copy that is whole has fallen behind. */
void mirror_refused(struct mirror *m, enum refusal_kind kind)
{
    if (kind == REFUSAL_MOVED)
        m->again_ms = clock_steady_ms() + AGAIN_MS / 10; /* who has it is said by others */
    else if (kind == REFUSAL_COMPACTED && m->copy && copy_phase(m->copy) == COPY_LOG)
        m->need = NEED_LOG;
    else
        mirror_begin_anew(m);
}

int mirror_take_log(struct following *f, struct mirror *m, const struct feed_changes *answer, struct error *e)
{
    const struct position none = {.shard = m->shard};
    if (answer->refusal_count) {
        mirror_refused(m, answer->refusals[0].kind);
        return 0;
    }
    int r = mirror_open(f, m, e);
    if (!r)
        r = copy_begin_log(m->copy, answer->position_count ? &answer->positions[0] : &none, e);
    if (!r)
        r = copy_commit(m->copy, e);
    else if (m->copy)
        copy_abort(m->copy);
    if (r == ERR_NOT_FOUND) {
        mirror_begin_anew(m);
        return 0;
    }
    if (!r) {
        m->need = NEED_CHANGES;
        stored(f, m);
    }
    return r;
}

static struct mirror *its(struct following *f, const struct line *line, uint32_t shard)
{
    struct mirror *m = shard < f->set.folder->shards ? &f->mirrors[shard] : NULL;
    return m && m->is_on && m->line == line && m->copy && m->need == NEED_CHANGES ? m : NULL;
}

static void give_up(struct following *f, struct mirror *m, const struct error *e)
{
    copy_abort(m->copy);
    mirror_failed(f, m, e);
    m->is_void = true;
}

static void put_changes(struct following *f, const struct line *line, const struct feed_changes *answer)
{
    struct change change;
    struct error e;
    for (uint32_t i = 0; i < answer->count; i++) {
        int r = change_unpack(&f->arena, answer->changes[i], &change, &e);
        struct mirror *m = r ? NULL : its(f, line, change.shard);
        if (!m || m->is_void)
            continue;
        m->is_touched = true;
        if (copy_append(m->copy, &change, answer->changes[i], &e))
            give_up(f, m, &e);
    }
}

static void put_receipts(struct following *f, const struct line *line, const struct feed_changes *answer)
{
    struct receipt_id id;
    struct error e;
    for (uint32_t i = 0; i < answer->receipt_count; i++) {
        struct mirror *m = receipt_unpack_id(answer->receipts[i], &id) ? its(f, line, id.shard) : NULL;
        if (m && m->is_touched && !m->is_void && copy_put_receipt(m->copy, answer->receipts[i], &e))
            give_up(f, m, &e);
    }
}

static void commit_touched(struct following *f)
{
    struct error e;
    for (uint32_t i = 0; i < f->set.folder->shards; i++) {
        struct mirror *m = &f->mirrors[i];
        bool commits = m->is_touched && !m->is_void;
        m->is_touched = m->is_void = false;
        if (!commits)
            continue;
        if (copy_commit(m->copy, &e))
            mirror_failed(f, m, &e);
        else
            stored(f, m);
    }
}

static void compact(struct following *f, const struct line *line, const struct feed_changes *answer)
{
    struct error e;
    for (uint32_t i = 0; i < answer->oldest_count; i++) {
        struct mirror *m = its(f, line, answer->oldest[i].shard);
        if (m && copy_compact(m->copy, answer->oldest[i].oldest, &e))
            mirror_failed(f, m, &e);
    }
}

void mirror_take_changes(struct following *f, const struct line *line, const struct feed_changes *answer)
{
    for (uint32_t i = 0; i < answer->refusal_count; i++) {
        struct mirror *m = its(f, line, answer->refusals[i].shard);
        if (m)
            mirror_refused(m, answer->refusals[i].kind);
    }
    for (uint32_t i = 0; i < answer->record_count; i++) {
        struct mirror *m = its(f, line, answer->records[i].shard);
        if (m)
            copy_offer(m->copy, &answer->records[i].record);
    }
    put_changes(f, line, answer);
    put_receipts(f, line, answer);
    commit_touched(f);
    compact(f, line, answer);
}
