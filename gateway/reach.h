/* Reach: one thread's connections to those who have the shards, and the memory that answers are read in. All
 * of it blocks, within bounds. */
#ifndef GARNER_GATEWAY_REACH_H
#define GARNER_GATEWAY_REACH_H

#include "client/client.h"

struct reach_end {
    char *address;
    struct client *client; /* null: there is none just now */
    int64_t answer_ms;     /* how long it is waited for just now */
    uint32_t bytes;        /* … and how much is asked of it at once */
    int64_t used_ms;
    int64_t again_ms;     /* it isn't tried before … */
    struct error refused; /* … since that went so */
};

struct reach {
    const char *home;  /* whom to ask for the map */
    int64_t answer_ms; /* who takes longer to answer is away; of who was slow before: up to four times that */
    struct reach_end *ends;
    uint32_t count;
    struct arena arena; /* of one answer; for who uses this */
};

void reach_open(struct reach *reach, const char *home, int64_t answer_ms); /* the text must outlive it */
void reach_close(struct reach *reach);

/* A connection; "" stands for `home`. ERR_CONNECT and others of client_open; where nobody was there a moment
 * ago, at once. */
int reach_client(struct reach *reach, const char *address, struct client **out, struct error *e);

/* How much to ask for there at once: less where answers were slow. */
uint32_t reach_bytes(struct reach *reach, const char *address);

/* Ask there. As client_ask; after an error that isn't the worker's own answer the connection is made anew. */
int reach_ask(struct reach *reach, const char *address, struct operator_request *request, struct arena *arena,
              struct operator_reply *reply, struct error *e);

#endif
