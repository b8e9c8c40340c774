/* Show: what a provider answers to a request, honestly. Reads the request as a server does, and writes the
 * page that the plan's style has there now. */
#ifndef GARNER_SIM_SHOW_H
#define GARNER_SIM_SHOW_H

#include "tests/sim/world.h"

enum asked_kind { ASKED_NOTHING, ASKED_LISTING, ASKED_ONE };

/* A request, as the provider reads it. */
struct asked {
    enum asked_kind kind;
    struct place *place;
    unsigned thing; /* ASKED_ONE */
    unsigned account;
    bool has_position, has_beside;
    char position[64], beside[16];
    unsigned size; /* 0: not said */
    bool is_authorized;
    char match[80], since[64]; /* If-None-Match, If-Modified-Since; "": not said */
};

/* How an item stands on a page. */
enum item_kind { ITEM_WHOLE, ITEM_NO_ID, ITEM_LONG_ID, ITEM_HUGE, ITEM_DEEP };

struct item {
    uint8_t thing, version;
    enum item_kind kind;
};

enum { PAGE_ITEMS = THINGS + 8 };

struct shown {
    struct item items[PAGE_ITEMS];
    unsigned count;
    bool is_last, has_next, more;
    bool expired; /* the position is no good any more */
    char next[64], beside[16];
    uint64_t total, last;
};

enum { REPLY_HEADERS = 8 };

/* What goes back: an answer, or `broken`. */
struct reply {
    struct answer answer;
    struct pair headers[REPLY_HEADERS];
    char texts[REPLY_HEADERS][160]; /* of these */
    struct buffer *body;
    struct error broken;
    bool bears_page; /* it shows the page as it is */
};

/* False: nobody who plays by the rules asks so. */
bool asked_read(struct world *w, const struct request *request, struct asked *out);

/* The page at the position; a listing that begins takes its snapshot. */
void show_page(struct place *place, const struct asked *asked, struct shown *out);

/* Write it as an answer (write.c). */
void reply_open(struct reply *reply, int status);
void reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_page(struct visit *v, const struct asked *asked, const struct shown *page, struct reply *reply);

/* The document that a thing must become, as compact JSON. Appends. */
void thing_write(const struct plan *plan, unsigned thing, unsigned version, struct buffer *out);

/* A thing's id, and back: THINGS if it is none. */
const char *thing_id(unsigned thing, char out[32]);
unsigned thing_of_id(struct bytes id);

#endif
