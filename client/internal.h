/* What the files of libgarner share. Not for others. */
#ifndef GARNER_CLIENT_INTERNAL_H
#define GARNER_CLIENT_INTERNAL_H

#include <stdatomic.h>

#include "client/client.h"
#include "client/follow_map.h"
#include "client/garner.h"
#include "common/random.h"

enum { GARNER_REPLACED_MS = 5000 }; /* until somebody else may have what a worker had */

/* An answer that has arrived, and waits to be given. */
struct garner_answer {
    struct garner_answer *next;
    struct buffer memory;
    struct arena arena;
    struct operator_reply reply;
    struct follow_arrival arrival;
    uint32_t collection; /* of a snapshot: the next one to be given */
    bool begun;          /* … and its beginning was */
};

/* A connection to one of the follow's workers. */
struct garner_link {
    struct client *client; /* null: not connected */
    int64_t again_ms;      /* not before */
    int64_t until_ms;      /* that what was asked last may wait for changes */
    uint32_t failures;     /* in succession */
    bool at_end;           /* behind its last answer there was nothing */
    bool is_silent;        /* what was asked last should have been answered long ago */
    bool lost;             /* it was said … */
    int64_t lost_ms;       /* … then */
};

struct garner {
    struct arena setting; /* of the options */
    char *address;
    void *context;
    void (*say)(void *context, const char *sentence);
    uint64_t min_demand;
    int64_t give_up_ms;
    struct rpc_lock lock; /* of all connections */
    struct follow follow;
    struct garner_link *links; /* by worker */
    struct garner_link home;   /* who was named: to ask for the map … */
    int64_t stale_ms; /* as long as a worker only may have been replaced, it isn't asked for before */
    int64_t map_ms, map_pause_ms;  /* … not before; what lay between the last two times; 0: nothing */
    int64_t lacking_ms, lacked_ms; /* nobody has had some shard since, and until; 0: all are somebody's … */
    bool lacking_said;             /* … and that it was said */
    struct garner_answer *first, **end; /* that have arrived, in their order */
    struct garner_answer *current;      /* that the last batch came from; null: none */
    struct garner_answer *free;
    uint64_t events;      /* that wait */
    bool current_is_done; /* nothing of it is left to be given */
    struct garner_batch batch;
    struct garner_collection collection;
    struct garner_change *changes;
    struct garner_row *rows;
    size_t changes_cap, rows_cap;
    struct arena texts, scratch;
    struct random random;
    struct garner_error failed; /* code GARNER_OK: it goes on */
    atomic_bool stopped;
};

enum garner_code garner_fail(struct garner_error *error, enum garner_code code, const char *sentence);
enum garner_code garner_fail_as(struct garner_error *error, const struct error *e); /* an error of ours */

void garner_say(struct garner *feed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Options (options.c): check them, and copy what they point to. 0, or ERR_USAGE. */
int garner_take_options(struct garner *feed, const struct garner_options *options,
                        struct follow_setting *setting, struct error *e);

/* The next batch of `current` (batch.c); false: there is none. ERR_BODY: what came can't be read. */
int garner_take_batch(struct garner *feed, bool *taken, struct error *e);

/* Answers (garner.c): one to be filled, with memory that was used before; those that wait, in their order. */
struct garner_answer *garner_new_answer(struct garner *feed);
void garner_free_answer(struct garner *feed, struct garner_answer *answer);
void garner_add_answer(struct garner *feed, struct garner_answer *answer);
void garner_drop_answers(struct garner *feed); /* all, also the one that is being given */

/* Who is asked (link.c). Connect, unless there is a connection; it must be our feed's. */
int garner_connect(struct garner *feed, struct garner_link *link, const char *address, struct error *e);
void garner_close_links(struct garner *feed);
/* What a connection ended with. 0: it will be tried again; else the error. And: it is there. */
int garner_note_lost(struct garner *feed, struct garner_link *link, int r, const struct error *e);
void garner_note_there(struct garner *feed, struct garner_link *link);
/* Ask everyone who isn't asked already, to wait for changes up to `wait_ms`. Who can't be reached is tried
 * later. */
int garner_ask_all(struct garner *feed, int64_t wait_ms, struct error *e);
bool garner_is_asked(const struct garner *feed); /* somebody is */
bool garner_is_at_end(const struct garner *feed);
/* Take what has been answered; waits for a first answer until `end_ms`, or for a moment. */
int garner_take_answers(struct garner *feed, int64_t end_ms, struct error *e);

/* Who has what (map.c). Ask for the map, and go by it; `*changed`: it is another one than before. */
int garner_learn_map(struct garner *feed, bool *changed, struct error *e);
/* The same where it is wanted, and as often as that is of use; who gives it may be away for a while.
 * ERR_CONNECT: nobody has had some shards for too long. */
int garner_see_to_map(struct garner *feed, struct error *e);
/* Some shards are nobody's: ERR_BUSY names them. */
int garner_check_lacking(const struct garner *feed, struct error *e);

/* Begin where an option `from` says (place.c). */
int garner_begin_at(struct garner *feed, const char *from, struct error *e);

#endif
