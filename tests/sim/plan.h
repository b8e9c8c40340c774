/* Plan: what a world's provider is like: how it pages, what its file says, how much happens there and how
 * often something goes wrong. All of it follows from a seed. */
#ifndef GARNER_SIM_PLAN_H
#define GARNER_SIM_PLAN_H

#include "common/bytes.h"
#include "common/random.h"
#include "tests/sim/fault.h"

enum style {
    STYLE_NONE,
    STYLE_TOKEN,
    STYLE_PARTS, /* a token in two parts, of which the second isn't always there */
    STYLE_LINK_HEADER,
    STYLE_LINK_BODY,
    STYLE_OFFSET,
    STYLE_NUMBER,
    STYLE_MARKER,
    STYLE_MARKER_ID,
    STYLES
};

enum carrier { IN_QUERY, IN_FORM, IN_HEADER, IN_BODY, CARRIERS }; /* what takes positions to the provider */
enum validate {
    VALIDATE_NOT,
    VALIDATE_STRONGLY,
    VALIDATE_WEAKLY,
    VALIDATE_BY_DATE,
    VALIDATE_BY_BOTH,
    VALIDATES
};
enum confirm { BY_NOTHING, BY_RELIST, BY_GET, CONFIRMS };
enum fault_level { LEVEL_NONE, LEVEL_SOME, LEVEL_ALL };

struct plan {
    enum style style;
    bool stable;      /* its order, and the file says so */
    bool xml;         /* else JSON */
    enum carrier to;  /* of tokens, markers, offsets and numbers */
    bool from_header; /* tokens come in a header */
    bool relative;    /* links are relative */
    bool has_more, has_total, has_last, end_short;
    bool sized; /* the page size is asked for */
    unsigned page_size;
    unsigned page_cap; /* the provider gives no larger ones; 0: it does */
    enum confirm confirm;
    bool guarded;
    unsigned guard_percent, guard_min, guard_listings;
    int64_t guard_over_ms;
    bool login, requires, absent, noisy, has_children;
    int64_t full_every_ms;
    enum validate validate; /* what answers say of whether anything has changed since */
    bool restless;          /* an ETag may change where the page doesn't … */
    bool careless;          /* … or not change where it does, as a Last-Modified */
    unsigned accounts;      /* collections at the root, side by side */
    unsigned most;          /* things of one collection, at most */
    unsigned changes;       /* of a thousand steps, those before which something changes */
    unsigned faults;        /* of a thousand answers, those that go wrong */
    unsigned crashes;       /* of a thousand steps */
    enum fault favourite;   /* one that happens often here; FAULT_NONE: none does */
};

enum { PLAN_ANY_STYLE = STYLES };

/* `style` PLAN_ANY_STYLE: whichever the seed says. Every other world, by its number, favours a fault that
 * seldom fits elsewhere. */
void plan_make(struct plan *plan, struct random *random, unsigned style, enum fault_level level,
               uint64_t number);

/* The provider file, with the collections `thing` and, below it, `part`. Appends. */
void plan_write(const struct plan *plan, struct buffer *out);

/* Can a listing that is sound miss what was there all the time? */
bool plan_is_exact(const struct plan *plan);

const char *style_name(enum style style);
int style_of_name(const char *name); /* -1: none */

static inline uint32_t chance(struct random *random, uint64_t bound)
{
    return (uint32_t)random_below(random, bound);
}

static inline bool one_in(struct random *random, unsigned n)
{
    return random_below(random, n) == 0;
}

#endif
