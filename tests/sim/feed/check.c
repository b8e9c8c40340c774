#include "tests/sim/feed/check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"

void check_open(struct check *c, uint32_t shards, uint32_t subscribers)
{
    *c = (struct check){.view_count = subscribers};
    truth_open(&c->truth, shards);
    c->views = mem_zalloc(subscribers * sizeof *c->views);
    for (uint32_t i = 0; i < subscribers; i++) {
        c->views[i].shards = mem_zalloc(shards * sizeof *c->views[i].shards);
        c->views[i].stored = mem_zalloc(shards * sizeof *c->views[i].stored);
    }
}

static void close_shards(struct view_shard *shards, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rows_close(&shards[i].rows);
        rows_close(&shards[i].staged);
    }
    free(shards);
}

void check_close(struct check *c)
{
    for (uint32_t i = 0; i < c->view_count; i++) {
        close_shards(c->views[i].shards, c->truth.count);
        close_shards(c->views[i].stored, c->truth.count);
    }
    free(c->views);
    rows_close(&c->expected);
    rows_close(&c->found);
    arena_close(&c->scratch);
    truth_close(&c->truth);
}

bool check_fail(struct check *c, const struct note *note, const char *format, ...)
{
    struct buffer text = {0};
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    note_print(note, &text);
    if (text.len)
        text.data[--text.len] = 0;
    snprintf(c->failure, sizeof c->failure, "%s: %s", buffer_text(&text), what);
    buffer_close(&text);
    return false;
}

struct view_shard *check_view(struct check *c, const struct note *note)
{
    return &c->views[note->who].shards[note->shard];
}

/* --- what is given --- */

/* Between where the subscriber stands and `seq` there is nothing that it should have got. */
static bool check_gap(struct check *c, const struct note *note, const struct fork *fork, uint64_t seq)
{
    const struct view_shard *view = check_view(c, note);
    uint64_t from = view->at ? view->at->change.seq : 0;
    struct error e;
    if (truth_entry(fork, from) != view->at)
        return check_fail(c, note, "it stood in another history, and wasn't told");
    for (uint64_t i = from + 1; i < seq; i++) {
        bool passes;
        if (filter_passes(c->views[note->who].filter, &fork->entries[i]->change, &c->scratch, &passes, &e))
            return check_fail(c, note, "change %" PRIu64 " can't be read", i);
        if (passes)
            return check_fail(c, note, "change %" PRIu64 " is lost: it was never given", i);
    }
    return true;
}

static bool check_change(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    struct change change;
    struct error e;
    bool passes;
    arena_reset(&c->scratch);
    if (!fork || change_unpack(&c->scratch, note->bytes, &change, &e))
        return check_fail(c, note, "it can't be read");
    const struct entry *entry = truth_entry(fork, change.seq);
    if (change.shard != note->shard || !entry || !bytes_equal(entry->packed, note->bytes))
        return check_fail(c, note, "that was never committed");
    if (view->taking || view->owed)
        return check_fail(c, note, "a change comes %s its shard's snapshot",
                          view->taking ? "in the midst of" : "instead of");
    if (view->at && change.seq <= view->at->change.seq)
        return check_fail(c, note, "it stood at %" PRIu64 " already: given twice, or out of order",
                          view->at->change.seq);
    if (!check_gap(c, note, fork, change.seq))
        return false;
    if (filter_passes(c->views[note->who].filter, &entry->change, &c->scratch, &passes, &e) || !passes)
        return check_fail(c, note, "it doesn't pass the filter");
    rows_apply(&view->rows, entry);
    view->at = entry;
    c->given++;
    return true;
}

/* All up to a position was given, or filtered out. */
static bool check_position(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    const struct entry *entry = fork ? truth_entry(fork, note->position.seq) : NULL;
    if (!entry || entry->change.epoch != note->position.epoch ||
        (note->position.check && note->position.check != entry->check))
        return check_fail(c, note, "there is no such position");
    if (view->at && note->position.seq < view->at->change.seq)
        return check_fail(c, note, "the position goes back from %" PRIu64, view->at->change.seq);
    if (!check_gap(c, note, fork, note->position.seq + 1))
        return false;
    view->at = entry;
    return true;
}

/* --- where it begins, and what it stores --- */

static void reset_view(struct view_shard *view)
{
    view->at = NULL;
    view->whole = true;
    view->taking = 0;
    view->owed = false;
    view->told = 0;
    view->rows.count = view->staged.count = 0;
}

static bool begin(struct check *c, const struct note *note)
{
    struct view *view = &c->views[note->who];
    view->filter = note->filter;
    view->asked_state = note->kind == NOTE_ASKS_STATE;
    for (uint32_t i = 0; i < c->truth.count; i++) {
        reset_view(&view->shards[i]);
        view->shards[i].owed = view->asked_state;
    }
    return true;
}

static bool begin_at(struct check *c, const struct note *note)
{
    const struct fork *fork = truth_fork(&c->truth, note->shard, note->fork);
    struct view_shard *view = check_view(c, note);
    const struct entry *entry = fork ? truth_entry(fork, note->position.seq) : NULL;
    if (note->position.seq && (!entry || entry->change.epoch != note->position.epoch ||
                               (note->position.check && entry->check != note->position.check)))
        return check_fail(c, note, "there is no such position");
    reset_view(view);
    view->at = entry;
    view->whole = !entry;
    return true;
}

static void copy_shard(struct view_shard *to, const struct view_shard *from)
{
    to->at = from->at;
    to->whole = from->whole;
    to->taking = 0;
    to->owed = false; /* from its cursor on it may be changes just as well */
    to->told = 0;
    to->staged.count = 0;
    rows_copy(&to->rows, &from->rows);
}

static bool store(struct check *c, const struct note *note)
{
    struct view *view = &c->views[note->who];
    for (uint32_t i = 0; i < c->truth.count; i++)
        copy_shard(&view->stored[i], &view->shards[i]);
    view->has_stored = true;
    view->stored_asked_state = view->asked_state;
    return true;
}

/* The cursor names a shard's position: what was made of the changes is as far, and no further. */
static bool check_stores(struct check *c, const struct note *note)
{
    const struct view_shard *view = check_view(c, note);
    uint64_t at = view->at ? view->at->change.seq : 0;
    if (note->position.seq == at && (!at || view->at->change.epoch == note->position.epoch))
        return true;
    return check_fail(c, note, "it was given all up to %" PRIu64, at);
}

static bool crash(struct check *c, const struct note *note)
{
    struct view *view = &c->views[note->who];
    view->asked_state = view->has_stored && view->stored_asked_state;
    for (uint32_t i = 0; i < c->truth.count; i++) {
        if (view->has_stored)
            copy_shard(&view->shards[i], &view->stored[i]);
        else
            reset_view(&view->shards[i]);
    }
    return true;
}

bool check_note(struct check *c, const struct note *note)
{
    switch (note->kind) {
    case NOTE_COMMITTED:
    case NOTE_COMPACTED:
    case NOTE_FORKED:
    case NOTE_PROMOTED:
        return truth_note(&c->truth, note) || check_fail(c, note, "it can't be so");
    case NOTE_ABORTED:
        return true;
    case NOTE_STORE_ROW:
    case NOTE_STORE_END:
    case NOTE_FINISHED:
        return check_end(c, note);
    case NOTE_ACCEPTED:
    case NOTE_REFUSED:
        return check_answer(c, note);
    case NOTE_BEGINS:
    case NOTE_ASKS_STATE:
        return begin(c, note);
    case NOTE_BEGINS_AT:
        return begin_at(c, note);
    case NOTE_TOLD:
        check_view(c, note)->told |= 1u << note->what;
        return true;
    case NOTE_CHANGE:
        return check_change(c, note);
    case NOTE_POSITION:
        return check_position(c, note);
    case NOTE_SNAPSHOT:
    case NOTE_COLLECTION:
    case NOTE_ROW:
    case NOTE_SNAPSHOT_END:
        return check_snapshot(c, note);
    case NOTE_STORES:
        return check_stores(c, note);
    case NOTE_STORED:
        return store(c, note);
    case NOTE_CRASHED:
        return crash(c, note);
    }
    return false;
}
