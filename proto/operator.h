/* What operators and subscribers say to a running Garner, as plain structs, and packed (docs/protocol.md).
 *
 * Unpacked texts live in the arena, or in what they were unpacked from. What comes from outside is validated:
 * sizes, UTF-8, ranges. */
#ifndef GARNER_PROTO_OPERATOR_H
#define GARNER_PROTO_OPERATOR_H

#include "proto/feed.h"
#include "proto/quarantined.h"

enum { OPERATOR_VERSION_FROM = 1, OPERATOR_VERSION = 1 };

/* Of both a request and its answer. */
enum operator_kind {
    OPERATOR_NONE, /* an answer that failed; a request that a newer peer knows */
    OPERATOR_HELLO,
    OPERATOR_HARVEST,
    OPERATOR_CONFIRM,
    OPERATOR_FETCH,
    OPERATOR_STATUS,
    OPERATOR_QUARANTINE,
    OPERATOR_SNAPSHOT,
    OPERATOR_MAP,
    OPERATOR_HEARTBEAT, /* of a worker, to the coordinator: proto/cluster.h */
    OPERATOR_CLUSTER,   /* what operators ask the coordinator: proto/cluster_ask.h */
};

struct operator_hello {
    uint32_t from, to; /* versions */
    struct bytes program;
    /* These are the answer's: */
    struct bytes role;
    uint32_t pid, shards;
    uint8_t feed[16];
};

/* A null `data` stands for any. In a request `account` is "provider/id", or the id alone, and `provider` is
 * null. */
struct operator_which {
    struct bytes provider, account, region, type, parent;
};

enum quarantine_action { QUARANTINE_LIST = 1, QUARANTINE_SHOW, QUARANTINE_RETRY };

/* Where an item in quarantine is. */
struct quarantine_place {
    uint32_t shard, collection;
    struct digest digest;
};

struct operator_quarantine {
    enum quarantine_action action;
    struct operator_which only; /* of a list */
    bool has_place;             /* a list begins behind it; the others are about it */
    struct quarantine_place place;
};

struct operator_request {
    uint32_t version;
    uint64_t id;
    enum operator_kind kind;
    struct operator_hello hello;
    struct operator_which which; /* of harvest and confirm */
    struct feed_demand fetch;
    struct bytes status;
    struct operator_quarantine quarantine;
    struct feed_snapshot snapshot;
    uint64_t map_version; /* of a map that is known; 0: none */
    struct bytes heartbeat, cluster;
};

struct confirmed {
    struct operator_which collection;
    uint64_t held, rows;
    int64_t since_ms;
};

struct operator_item {
    struct quarantine_place place;
    struct operator_which collection;
    struct quarantined item; /* in a list: `item` is null, `beginning` empty */
};

struct operator_items {
    struct operator_item *items;
    uint32_t count;
    bool more;
    struct bytes id, cause; /* of a retry: one of them is null */
};

struct operator_reply {
    uint64_t id;
    enum operator_kind kind;
    struct error failure; /* code ERR_OK: none */
    struct operator_hello hello;
    uint64_t collections; /* harvested now */
    const struct confirmed *confirmed;
    uint32_t confirmed_count;
    struct feed_changes fetch;
    struct feed_part snapshot;
    struct feed_map map;
    struct bytes status;
    struct operator_items quarantine;
    struct bytes heartbeat, cluster; /* orders; a document */
};

void operator_request_pack(const struct operator_request *request, struct buffer *out);

/* 0; ERR_BODY: no request of ours (then `out` has nothing but the id, if that much could be read; else 0). A
 * request of another version, or that isn't known, is one: see operator_request_check. */
int operator_request_unpack(struct arena *arena, struct bytes packed, struct operator_request *out,
                            struct error *e);

/* ERR_USAGE when this program doesn't speak a request's version, or doesn't know it: a sentence that says
 * which of the two programs is the older one. `program` is ours. */
int operator_request_check(const struct operator_request *request, const char *program, struct error *e);

void operator_reply_pack(const struct operator_reply *reply, struct buffer *out);

/* The same, of an answer whose parts are written as they are found (proto/feed.h): begin, add them to `out`,
 * and end with what begin returned. Giving it up: set out->len back to what it was. */
size_t operator_reply_begin(uint64_t id, enum operator_kind kind, struct buffer *out);
void operator_reply_end(struct buffer *out, size_t begun);

/* 0, or ERR_BODY. */
int operator_reply_unpack(struct arena *arena, struct bytes packed, struct operator_reply *out,
                          struct error *e);

/* The version to speak with whoever answered so; 0: there is none, and `e` says which program is the older
 * one. */
uint32_t operator_version_with(const struct operator_hello *peer, const char *program, struct error *e);

#endif
