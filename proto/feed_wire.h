/* What the .c files of feed.h share. For them only. Each `add` appends a field, each `take` reads one. */
#ifndef GARNER_PROTO_FEED_WIRE_H
#define GARNER_PROTO_FEED_WIRE_H

#include "proto/feed.h"
#include "proto/field.h"

void position_add(struct buffer *out, unsigned number, const struct position *position);
bool position_take(const struct field *from, struct position *to);

void refusal_add(struct buffer *out, unsigned number, const struct refusal *refusal);
bool refusal_take(const struct field *from, struct refusal *to);

void filter_add(struct buffer *out, unsigned number, const struct filter *filter); /* unless it is any */
bool filter_take(struct arena *arena, const struct field *field, struct filter *out);

void shards_add(struct buffer *out, unsigned number, const uint32_t *shards, uint32_t count);
bool shards_take(struct arena *arena, const struct field *field, const uint32_t **shards, uint32_t *count);

enum { FEED_ID_BYTES = 16 };
void feed_id_add(struct buffer *out, unsigned number, const uint8_t *feed); /* unless it is null */
bool feed_id_take(const struct field *field, const uint8_t **out);

/* A worker's name: UTF-8, not empty, up to LIMIT_WORKER_NAME_BYTES. */
void follower_add(struct buffer *out, unsigned number, struct bytes follower); /* unless it is null */
bool follower_take(const struct field *field, struct bytes *out);

void receipt_add(struct buffer *out, unsigned number, const struct receipt *receipt);

/* Room for as many of `size` bytes as a message has fields of a number; null: none. */
void *feed_list(struct arena *arena, struct bytes packed, unsigned number, size_t size);

#endif
