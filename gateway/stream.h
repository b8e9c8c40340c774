/* Stream: where one subscriber stands, and what it is told next. It has no queue: what it hasn't been told is
 * in the store, and is fetched when it has taken what it was given.
 *
 * One thread at a time. */
#ifndef GARNER_GATEWAY_STREAM_H
#define GARNER_GATEWAY_STREAM_H

#include "client/follow_map.h"
#include "gateway/frame.h"
#include "gateway/reach.h"

struct stream {
    struct query query;
    struct tokens *tokens; /* held */
    const struct tenant *tenant;
    struct follow follow;
    bool opened;       /* `follow` is there, and stands where it was asked to begin */
    bool *begun;       /* of resources, by shard: some of its rows were given */
    bool behind;       /* it couldn't ask for all: a worker couldn't be reached, or a shard is nobody's … */
    int64_t behind_ms; /* … since then */
    int64_t map_ms;    /* the map isn't asked for again before … */
    int64_t map_pause_ms; /* … which is so long after the last time */
    uint64_t left;        /* changes that are still wanted */
    int64_t marked_ms;    /* when the last bookmark was written */
};

enum stream_step {
    STREAM_MORE,  /* there is more already */
    STREAM_RESTS, /* until something happens */
    STREAM_ENDS,  /* it was the last; or there is a fault */
};

/* Takes the query, and one hold on the tokens. */
void stream_open(struct stream *stream, struct query *query, struct tokens *tokens,
                 const struct tenant *tenant);
void stream_close(struct stream *stream);

/* What comes next, a bookmark behind it. `fetch` false: nothing is new, and a bookmark is written if the last
 * one is old. With STREAM_ENDS, `fault` says why it ended too early, if it did. A worker that can't be
 * reached is a fault as long as the stream isn't opened. Later it is waited for, as are shards that nobody
 * has, while others go on; where the stream has an end, not for ever. */
enum stream_step stream_next(struct stream *stream, struct reach *reach, bool fetch, struct buffer *out,
                             struct fault *fault);

/* When it is to go on at the latest, of clock_steady_ms: for a bookmark, or to ask who has what it lacks. */
int64_t stream_due_ms(const struct stream *stream);

/* The tokens are others now: may this stream go on? */
bool stream_is_allowed(const struct stream *stream, const struct tokens *tokens);

#endif
