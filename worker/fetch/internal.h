/* What fetch's own files share. Not for anyone else. */
#ifndef GARNER_FETCH_INTERNAL_H
#define GARNER_FETCH_INTERNAL_H

#include <curl/curl.h>

#include "common/limits.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/loop.h"
#include "worker/fetch/origin.h"
#include "worker/fetch/resolver.h"

enum {
    SPARE_BODIES = 16,
    SPARE_TRANSFERS = 64,
    SPARE_BODY_BYTES = 16 << 20, /* of all of them */
    SPARE_ARENA_BYTES = 4 << 10, /* that a transfer keeps */
};

#define FETCH_MAGIC    0x66657463u
#define TRANSFER_MAGIC 0x78666572u

struct command;

/* A handle of libcurl's, and what it was told last. All of its callbacks have it as their context. */
struct lane {
    CURL *easy;
    struct transfer *transfer;    /* null: it is spare */
    const struct origin *origin;  /* null: none yet, or it was given a whole URL */
    struct curl_slist *addresses; /* only as long as the transfer */
    bool has_lines;               /* header lines in the arena of the transfer */
    char detail[CURL_ERROR_SIZE]; /* libcurl's own words */
};

/* A descriptor of libcurl's; those of connections may stay watched while libcurl wants nothing of them. */
struct socket {
    struct watch *watch;
    uint32_t events; /* that are watched for */
    bool is_connection, is_asleep;
};

struct fetch {
    uint32_t magic;
    struct loop loop;
    CURLM *multi;
    struct socket *sockets; /* by descriptor */
    size_t socket_count;
    int64_t curl_at_ms; /* when libcurl wants to be called; INT64_MAX: never */
    int64_t look_at_ms; /* when a transfer may have run out of time, at the earliest */
    struct resolver *resolver;
    struct fetch_options options; /* zeros replaced by the defaults */
    char *ca_file, *ca_path;      /* null: libcurl's own, and none */
    bool proxy_http, proxy_https; /* a proxy is asked, so it's libcurl who knows what to resolve */
    bool stepping;
    struct origins origins;
    struct transfers queued, running, done; /* those that were admitted to their origins */
    unsigned running_count, spare_count;
    struct lane *spare[LIMIT_TRANSFERS];
    struct curl_slist lines[2];         /* headers that all requests have */
    struct buffer encodings;            /* the second one */
    struct curl_slist *forgotten;       /* hosts whose addresses libcurl should forget */
    struct buffer bodies[SPARE_BODIES]; /* memory of bodies, to be used again */
    unsigned body_count;
    size_t body_bytes; /* of these together */
    struct transfers spare_transfers;
    unsigned spare_transfer_count;
    struct command *commands, *queued_commands, **queued_commands_end;
    unsigned command_count; /* that run */
    struct user_watch *user_watches;
};

/*    +------------redirect to another origin-----------+
 *    v                                                 |
 *   QUEUED --slot free--> RESOLVING --address--> ASKING --answer--> DONE
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
    struct request request;
    const char **allow_origins;
    struct origin *origin; /* null: the URL has none, as t->error says, or the transfer is done */
    unsigned hops;

    /* While it is under way. */
    struct lane *lane;
    struct resolver_ticket ticket;
    int64_t resolve_ms;        /* since when the name is looked for */
    bool sent;                 /* this hop's request went out, at: */
    int64_t sent_ms, heard_ms; /* and when something last came or went */
    uint64_t moved;            /* how much that was by the last look */
    bool special;              /* the lane has options that it must not keep */

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

    struct error error; /* large and seldom used; only begun with a NUL */
    struct arena arena; /* stays with a spare one */
};

/* transfer.c */
struct transfer *transfer_new(struct fetch *fetch, const struct request *request,
                              const char *const *allow_origins, void *context, fetch_done *done);
void transfer_start(struct transfer *t);                  /* QUEUED to RESOLVING or on, or to DONE */
void transfer_free(struct transfer *t);                   /* in whatever state; doesn't unlink */
void transfer_ended(struct transfer *t, CURLcode result); /* libcurl is done with it */
void transfer_answer(const struct transfer *t, struct answer *out);
bool transfer_is_proxied(const struct transfer *t);
const char *transfer_place(struct transfer *t); /* host:port, for messages; in its arena */
int64_t transfer_patience(const struct transfer *t, int64_t limit_ms); /* or the request's own, if less */
int64_t transfer_look(struct transfer *t, int64_t now_ms); /* is it out of time? When to look again, if not */
void transfer_sent(struct transfer *t);                    /* there is a connection, the request goes out */

/* easy.c: a lane that is told all of the request, and back again */
void easy_take(struct transfer *t, const char *addresses); /* null: libcurl finds them */
void easy_give(struct transfer *t);
void easy_forget(void *context, const struct origin *origin); /* a fetch's lanes do: an origin_forget */
void easy_close(struct lane *lane);

/* callbacks.c: what libcurl calls as a request goes out and an answer comes in */
void callbacks_set(struct lane *lane);

/* sockets.c: which sockets libcurl wants watched, and when it opens and closes connections */
int sockets_wish(CURL *easy, curl_socket_t fd, int what, void *fetch, void *assigned);
int sockets_opened(void *fetch, curl_socket_t fd, curlsocktype purpose);
int sockets_closed(void *fetch, curl_socket_t fd);

/* outcome.c: what a transfer came to: 0, or the code, with t->error set */
int outcome_of(struct transfer *t, CURLcode result);
uint64_t outcome_moved(const struct transfer *t); /* bytes of bodies over the wire, both ways */
int outcome_silent(struct transfer *t, int64_t silence_ms);
int outcome_too_slow(struct transfer *t, int64_t transfer_ms);

/* fetch.c */
void transfers_add(struct transfers *list, struct transfer *t);
void transfers_remove(struct transfers *list, struct transfer *t);
void fetch_queue(struct fetch *fetch, struct transfer *t);      /* as soon as its origin admits it */
void fetch_requeue(struct transfer *t, struct origin *origin);  /* it runs, and goes on to another origin */
void fetch_transfer_done(struct transfer *t);                   /* call back in this step or the next */
void fetch_take_body(struct fetch *fetch, struct buffer *body); /* empty, with memory if there is some */
void fetch_give_body(struct fetch *fetch, struct buffer *body);

/* command.c */
void command_close_all(struct fetch *fetch); /* kills and reaps, without calling back */
bool command_under_way(const struct fetch *fetch);

#endif
