/* Positions in the feed, and cursors: a position in each shard, as text that subscribers keep. */
#ifndef GARNER_PROTO_CURSOR_H
#define GARNER_PROTO_CURSOR_H

#include "common/arena.h"
#include "common/error.h"

/* Where a history stands behind its change `seq`. */
struct point {
    uint64_t epoch, seq;
    uint32_t check; /* position_check of the change there; 0: unknown */
};

/* Behind a change of a shard; seq 0: before the first one.
 *
 * The rows of a snapshot that began there were read later, and show changes up to `until`. What follows the
 * position makes them whole only in a history that has that point, too: it is part of the position until the
 * position has passed it. */
struct position {
    uint32_t shard;
    uint32_t check; /* as of a point */
    uint64_t epoch, seq;
    struct point until; /* seq 0: nothing was read beyond */
};

/* Before the first change of a shard, and nothing was read of it: as good as none. */
bool position_is_none(const struct position *position);

/* Go on to a later change of the shard. */
void position_advance(struct position *position, uint64_t epoch, uint64_t seq, uint32_t check);

/* One that came from outside. False: it can't be one. What it has passed is let go. */
bool position_admit(struct position *position);

/* What tells a change from another one of the same seq, in a history that went another way. Never 0. */
uint32_t position_check(struct bytes packed_change);

struct cursor {
    uint8_t feed[16];
    struct position *positions; /* by shard, ascending; a shard that isn't there: before its first change */
    uint32_t count;
};

/* Append the cursor as text (base64url, with a check sum). */
void cursor_to_text(const struct cursor *cursor, struct buffer *out);

/* Read one; positions live in the arena. ERR_USAGE: cut, changed, or no cursor at all. */
int cursor_from_text(struct arena *arena, struct bytes text, struct cursor *out, struct error *e);

/* Append {"op":"bookmark","cursor":…,"time":…}. */
void bookmark_to_json(const struct cursor *cursor, int64_t time_ms, struct buffer *out);

#endif
