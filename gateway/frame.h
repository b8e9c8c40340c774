/* Frame: what a stream consists of, as lines of JSON or as server-sent events. Pure. */
#ifndef GARNER_GATEWAY_FRAME_H
#define GARNER_GATEWAY_FRAME_H

#include "gateway/fault.h"
#include "gateway/query.h"
#include "proto/change.h"
#include "proto/feed.h"

/* Append one. 0, or ERR_CORRUPT: then nothing is appended. */
int frame_change(enum query_format format, const struct change *change, struct buffer *out, struct error *e);

/* A resource of a snapshot, always as a line. */
int frame_row(const struct collection_key *key, uint32_t shard, const struct feed_row *row,
              struct buffer *out, struct error *e);

/* The cursor behind all that was appended; as an event, it is what Last-Event-ID will be. */
void frame_bookmark(enum query_format format, const struct cursor *cursor, int64_t time_ms,
                    struct buffer *out);

void frame_fault(enum query_format format, const struct fault *fault, struct buffer *out);

#endif
