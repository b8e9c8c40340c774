/* Notes as lines of a diary. */
#include "tests/sim/feed/note.h"

#include <inttypes.h>

static const char *const names[] = {
#define X(name, text) [NOTE_##name] = text,
    SIM_NOTES(X)
#undef X
};

static bool is_subscribers(enum note_kind kind)
{
    return kind >= NOTE_ACCEPTED;
}

static void print_change(struct bytes packed, struct buffer *out)
{
    struct arena arena = {0};
    struct change change;
    struct error e;
    if (change_unpack(&arena, packed, &change, &e) == 0) {
        buffer_printf(out, " %" PRIu64 ":%" PRIu64 " %s", change.epoch, change.seq,
                      change.op == CHANGE_STATUS ? status_kind_name(change.status.kind)
                                                 : change_op_name(change.op));
        buffer_printf(out, " %.*s/%.*s%s", BYTES_ARG(change.key.type), BYTES_ARG(change.id),
                      change.status.void_ ? " void" : "");
    }
    arena_close(&arena);
}

static void print_row(const struct note *note, struct buffer *out)
{
    buffer_printf(out, " %.*s/%.*s of %" PRIu64, BYTES_ARG(note->key.type), BYTES_ARG(note->id),
                  note->last_seq);
}

static void print_what(const struct note *note, struct buffer *out)
{
    static const char *const whys[] = {"?", "asked", "compacted", "diverged"};
    switch (note->kind) {
    case NOTE_COMMITTED:
    case NOTE_CHANGE:
        print_change(note->bytes, out);
        break;
    case NOTE_STORE_ROW:
    case NOTE_ROW:
        print_row(note, out);
        break;
    case NOTE_REFUSED:
    case NOTE_TOLD:
        buffer_printf(out, ": %s", refusal_name((enum refusal_kind)note->what));
        break;
    case NOTE_SNAPSHOT:
        buffer_printf(out, ": %s", whys[note->what <= FOLLOW_DIVERGED ? note->what : 0]);
        break;
    case NOTE_COLLECTION:
        buffer_printf(out, " %.*s%s", BYTES_ARG(note->key.type), note->what ? ", complete" : "");
        break;
    case NOTE_FORKED:
        buffer_printf(out, " to %" PRIu64 " of fork %" PRIu32, note->position.seq, note->from);
        break;
    default:
        break;
    }
}

static bool has_position(enum note_kind kind)
{
    return kind == NOTE_COMPACTED || kind == NOTE_PROMOTED || kind == NOTE_ACCEPTED || kind == NOTE_REFUSED ||
           kind == NOTE_BEGINS_AT || kind == NOTE_POSITION || kind == NOTE_SNAPSHOT_END ||
           kind == NOTE_STORES;
}

static bool has_shard(enum note_kind kind)
{
    return kind != NOTE_BEGINS && kind != NOTE_ASKS_STATE && kind != NOTE_STORED && kind != NOTE_CRASHED &&
           kind != NOTE_FINISHED;
}

void note_print(const struct note *note, struct buffer *out)
{
    buffer_printf(out, "[%6" PRIu64 "]", note->at_ms);
    if (is_subscribers(note->kind))
        buffer_printf(out, " subscriber %" PRIu32, note->who);
    if (has_shard(note->kind))
        buffer_printf(out, " shard %" PRIu32 " (fork %" PRIu32 ")", note->shard, note->fork);
    buffer_printf(out, " %s", names[note->kind]);
    if (has_position(note->kind))
        buffer_printf(out, " %" PRIu64 ":%" PRIu64, note->position.epoch, note->position.seq);
    print_what(note, out);
    buffer_add_char(out, '\n');
}
