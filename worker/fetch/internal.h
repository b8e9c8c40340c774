/* What fetch's own files share. Not for anyone else. */
#ifndef GARNER_FETCH_INTERNAL_H
#define GARNER_FETCH_INTERNAL_H

#include <curl/curl.h>

#include "common/limits.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/loop.h"
#include "worker/fetch/resolver.h"

enum {
    SPARE_BODIES = 16,
    SPARE_TRANSFERS = 64,
    SPARE_BODY_BYTES = 16 << 20, /* of all of them */
};

#define FETCH_MAGIC    0x66657463u
#define TRANSFER_MAGIC 0x78666572u

struct transfer;
struct command;

/* Linked through the transfers themselves; each is in one of fetch's three lists. */
struct transfers {
    struct transfer *head, *tail;
};

struct fetch {
    uint32_t magic;
    struct loop loop;
    CURLM *multi;
    int64_t curl_at_ms; /* when libcurl wants to be called; INT64_MAX: never */
    struct resolver *resolver;
    struct fetch_options options; /* zeros replaced by the defaults */
    char *ca_file, *ca_path;      /* null: libcurl's own, and none */
    bool proxy_http, proxy_https; /* a proxy is asked, so it's libcurl who knows what to resolve */
    bool stepping;
    struct transfers queued, running, done;
    unsigned running_count, spare_count;
    CURL *spare[LIMIT_TRANSFERS];       /* easy handles to be used again */
    struct buffer encodings;            /* the header line */
    struct buffer bodies[SPARE_BODIES]; /* memory of bodies, to be used again */
    unsigned body_count;
    size_t body_bytes; /* of these together */
    struct transfers spare_transfers;
    unsigned spare_transfer_count;
    struct command *commands, *queued_commands, **queued_commands_end;
    unsigned command_count; /* that run */
    struct user_watch *user_watches;
};

/*   QUEUED --slot free--> RESOLVING --address--> ASKING --answer--> DONE
 *                            |  ^                 |  |               ^
 *                            |  +---redirect------+  |               |
 *                            +---------------error---+---------------+     */
enum transfer_state { TRANSFER_QUEUED, TRANSFER_RESOLVING, TRANSFER_ASKING, TRANSFER_DONE };

struct transfer {
    uint32_t magic;
    int state;
    struct fetch *fetch;
    struct transfer *next, *previous;
    void *context;
    fetch_done *done;

    /* What is asked; all of it in the arena. Redirects replace it. */
    struct arena arena;
    struct request request;
    const char **allow_origins;
    const char *host; /* as written, IPv6 in brackets */
    unsigned port;
    unsigned hops;

    /* While it is under way. */
    CURL *easy;
    struct resolver_ticket ticket;
    struct fetch_timer *timer;
    bool sent;                 /* this hop's request went out, at: */
    int64_t sent_ms, heard_ms; /* and when something last came or went */
    uint64_t moved;            /* how much that was by the last look */
    bool special;              /* the handle has options that it must not keep */

    /* What came back. */
    int status;        /* by the status line; 0 before */
    bool headers_done; /* of a final (not 1xx) answer */
    bool cut;          /* an error's body, long enough */
    size_t header_bytes;
    struct pairs answer_headers;
    struct buffer body;
    bool delimited;
    uint64_t bytes, requests; /* of all hops */
    int code;

    /* Large and seldom used; only begun with a NUL. */
    char detail[CURL_ERROR_SIZE]; /* libcurl's own words */
    struct error error;
};

/* transfer.c */
struct transfer *transfer_new(struct fetch *fetch, const struct request *request,
                              const char *const *allow_origins, void *context, fetch_done *done);
void transfer_start(struct transfer *t);                  /* QUEUED to RESOLVING, or to DONE at once */
void transfer_free(struct transfer *t);                   /* in whatever state; doesn't unlink */
void transfer_ended(struct transfer *t, CURLcode result); /* libcurl is done with it */
void transfer_answer(const struct transfer *t, struct answer *out);
const char *transfer_place(struct transfer *t); /* host:port, for messages; in its arena */
int64_t transfer_patience(const struct transfer *t, int64_t limit_ms); /* or the request's own, if less */

/* libcurl calls it when there is a connection, right before the request goes out. */
int transfer_on_send(void *context, char *to_ip, char *from_ip, int to_port, int from_port);

/* easy.c: a handle that is told all of the request, and back again */
void easy_take(struct transfer *t, const char *addresses); /* null: libcurl finds them */
void easy_give(struct transfer *t);

/* callbacks.c: what libcurl calls as an answer comes in; their context is the transfer */
void callbacks_set(CURL *easy);

/* outcome.c: what a transfer came to: 0, or the code, with t->error set */
int outcome_of(struct transfer *t, CURLcode result);
uint64_t outcome_moved(const struct transfer *t); /* bytes of bodies over the wire, both ways */
int outcome_silent(struct transfer *t, int64_t silence_ms);
int outcome_too_slow(struct transfer *t, int64_t transfer_ms);

/* fetch.c */
void transfers_add(struct transfers *list, struct transfer *t);
void transfers_remove(struct transfers *list, struct transfer *t);
void fetch_transfer_done(struct transfer *t);                   /* call back in this step or the next */
void fetch_take_body(struct fetch *fetch, struct buffer *body); /* empty, with memory if there is some */
void fetch_give_body(struct fetch *fetch, struct buffer *body);

/* command.c */
void command_close_all(struct fetch *fetch); /* kills and reaps, without calling back */
bool command_under_way(const struct fetch *fetch);

#endif
