/* Of the check: refusals, snapshots, and what it all comes to in the end. */
#include <inttypes.h>

#include "common/check.h"
#include "common/hash.h"
#include "tests/sim/feed/check.h"

/* --- refusals --- */

/* What is due to a point behind `entry`; 0: what follows it. */
static enum refusal_kind due(const struct fork *fork, const struct point *at, const struct entry *entry)
{
    const struct store_epoch *last = &fork->epochs[fork->epoch_count - 1];
    if (truth_entry(fork, at->seq) == entry)
        return at->seq + 1 < fork->oldest ? REFUSAL_COMPACTED : 0;
    if (at->epoch > last->epoch || (at->epoch == last->epoch && at->seq > fork->head))
        return REFUSAL_FUTURE;
    return REFUSAL_DIVERGED;
}

/* False: without a check sum it may mean one entry or another. */
static bool find_due(const struct check *c, const struct note *note, const struct point *at,
                     enum refusal_kind *wanted)
{
    bool found;
    const struct entry *entry = truth_behind(&c->truth, note->shard, at, &found);
    if (found)
        *wanted = due(truth_fork(&c->truth, note->shard, note->fork), at, entry);
    return found;
}

bool check_answer(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    const struct position *asked = &note->position;
    const struct point at = {asked->epoch, asked->seq, asked->check};
    enum refusal_kind said = note->kind == NOTE_REFUSED ? (enum refusal_kind)note->what : 0, wanted = 0;
    if (!fork || said == REFUSAL_MOVED)
        return fork || check_fail(c, note, "there is no such fork");
    if (!find_due(c, note, &at, &wanted))
        return true;
    if (!wanted && asked->until.seq && !find_due(c, note, &asked->until, &wanted))
        return true;
    bool is_gone = asked->seq + 1 < fork->oldest; /* nobody can know what stood there */
    if (said == wanted || (wanted == REFUSAL_DIVERGED && said == REFUSAL_COMPACTED && is_gone))
        return true;
    return check_fail(c, note, "%s is due", wanted ? refusal_name(wanted) : "what follows it");
}

/* --- snapshots --- */

static const unsigned another = 1u << REFUSAL_DIVERGED | 1u << REFUSAL_FUTURE, gap = 1u << REFUSAL_COMPACTED;

static bool check_snapshot_begins(struct check *c, const struct note *note)
{
    struct view_shard *view = check_view(c, note);
    bool asked = c->views[note->who].asked_state && note->what == FOLLOW_ASKED;
    bool fits = note->what == FOLLOW_DIVERGED    ? (view->told & another) || view->taking == FOLLOW_DIVERGED
                : note->what == FOLLOW_COMPACTED ? (view->told & gap) != 0
                                                 : asked;
    if (!fits || (view->owed && note->what != FOLLOW_ASKED))
        return check_fail(c, note, "that isn't why: it was told %#x", view->told);
    view->taking = (enum follow_why)note->what;
    view->staged.count = 0;
    view->complete_count = 0;
    return true;
}

static bool check_collection(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    uint64_t collection = truth_collection_of(&note->key);
    if (!note->what)
        return true;
    if (!truth_is_listed(fork, note->last_seq, collection))
        return check_fail(c, note, "it was never listed");
    CHECK(view->complete_count < sizeof view->complete / sizeof *view->complete);
    for (uint32_t i = 0; i < view->complete_count; i++)
        if (view->complete[i] == collection)
            return true;
    view->complete[view->complete_count++] = collection;
    return true;
}

static bool check_row(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    const struct entry *entry = truth_entry(fork, note->last_seq);
    struct row row = {.collection = truth_collection_of(&note->key),
                      .name = truth_name_of(&note->key, note->id),
                      .seq = note->last_seq,
                      .document = hash64(note->bytes)};
    if (!view->taking)
        return check_fail(c, note, "no snapshot is under way");
    if (!entry || entry->name != row.name || entry->document != row.document ||
        entry->change.op == CHANGE_DELETED || entry->change.op == CHANGE_STATUS)
        return check_fail(c, note, "no change made it so");
    rows_put(&view->staged, &row);
    c->rows++;
    return true;
}

static bool is_complete(const struct view_shard *view, uint64_t collection)
{
    bool found = false;
    for (uint32_t i = 0; i < view->complete_count; i++)
        found |= view->complete[i] == collection;
    return found;
}

/* What was known stays only where another history can't say that it is gone. */
static bool check_snapshot_ends(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    const struct entry *entry = fork ? truth_entry(fork, note->position.seq) : NULL;
    if (!view->taking)
        return check_fail(c, note, "no snapshot is under way");
    if (note->position.seq && (!entry || entry->change.epoch != note->position.epoch))
        return check_fail(c, note, "there is no such position");
    if (view->taking == FOLLOW_COMPACTED && (view->told & ~note->what & another))
        return check_fail(c, note, "the history is another one, and it says that we fell behind");
    for (uint32_t i = 0; view->taking == FOLLOW_DIVERGED && i < view->rows.count; i++) {
        struct row old = view->rows.all[i];
        old.seq = 0;
        old.is_doubtful = true;
        if (!rows_find(&view->staged, old.name) && !is_complete(view, old.collection))
            rows_put(&view->staged, &old);
    }
    rows_copy(&view->rows, &view->staged);
    view->at = entry;
    view->whole = true;
    view->owed = false;
    view->taking = 0;
    view->told = note->what;
    return true;
}

bool check_snapshot(struct check *c, const struct note *note)
{
    switch (note->kind) {
    case NOTE_SNAPSHOT:
        return check_snapshot_begins(c, note);
    case NOTE_COLLECTION:
        return check_collection(c, note);
    case NOTE_ROW:
        return check_row(c, note);
    default:
        return check_snapshot_ends(c, note);
    }
}

/* --- the end --- */

/* What the store has is what its changes come to. */
static bool check_store(struct check *c, const struct note *note)
{
    struct fork *fork = truth_now(&c->truth, note->shard);
    truth_rows(fork, fork->head, NULL, &c->expected);
    if (note->kind == NOTE_STORE_ROW) {
        struct row row = {.name = truth_name_of(&note->key, note->id),
                          .seq = note->last_seq,
                          .document = hash64(note->bytes)};
        const struct row *is = rows_find(&c->expected, row.name);
        rows_put(&c->found, &row);
        return (is && is->seq == row.seq && is->document == row.document) ||
               check_fail(c, note, "the changes come to something else");
    }
    if (c->found.count != c->expected.count)
        return check_fail(c, note, "%" PRIu32 " rows, and the changes come to %" PRIu32, c->found.count,
                          c->expected.count);
    c->found.count = 0;
    return true;
}

static bool check_same(struct check *c, const struct note *note, uint32_t shard)
{
    const struct view_shard *view = &c->views[note->who].shards[shard];
    uint32_t there = 0;
    for (uint32_t i = 0; i < c->expected.count; i++) {
        const struct row *is = &c->expected.all[i];
        const struct row *has = is->passes ? rows_find(&view->rows, is->name) : NULL;
        there += is->passes;
        if (is->passes && (!has || has->document != is->document || has->seq != is->seq))
            return check_fail(c, note, "shard %" PRIu32 ": it %s a row that change %" PRIu64 " made", shard,
                              has ? "has something else for" : "lacks", is->seq);
    }
    for (uint32_t i = 0; i < view->rows.count; i++)
        there += view->rows.all[i].is_doubtful && !rows_find(&c->expected, view->rows.all[i].name);
    return view->rows.count == there ||
           check_fail(c, note, "shard %" PRIu32 ": it has %" PRIu32 " rows, and there are %" PRIu32, shard,
                      view->rows.count, there);
}

/* Nothing comes any more: the subscriber has got everything, and what it made of it is what there is. */
static bool check_finished(struct check *c, const struct note *note)
{
    const struct filter *filter = c->views[note->who].filter;
    bool has_all = !filter->ops && !filter->no_initial && !filter->touches.data;
    for (uint32_t i = 0; i < c->truth.count; i++) {
        const struct view_shard *view = &c->views[note->who].shards[i];
        const struct fork *fork = truth_now(&c->truth, i);
        if (view->at != truth_entry(fork, fork->head) || view->taking)
            return check_fail(c, note, "shard %" PRIu32 ": it never got to the end", i);
        truth_rows(fork, fork->head, filter, &c->expected);
        if (has_all && view->whole && !check_same(c, note, i))
            return false;
    }
    return true;
}

bool check_end(struct check *c, const struct note *note)
{
    return note->kind == NOTE_FINISHED ? check_finished(c, note) : check_store(c, note);
}
