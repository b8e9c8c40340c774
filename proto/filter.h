/* Filter: which changes of the feed, or which rows of a snapshot, somebody wants. Pure.
 *
 * What is absent or empty stands for any; of a list one must fit. The same rules hold for a subscriber's
 * demand over the wire, a command on a data folder and the gateway. */
#ifndef GARNER_PROTO_FILTER_H
#define GARNER_PROTO_FILTER_H

#include "common/value/pointer.h"
#include "proto/change.h"

struct filter_list {
    const struct bytes *items;
    uint32_t count;
};

struct filter {
    struct filter_list accounts;  /* "provider/id", or the id alone */
    struct filter_list providers; /* … */
    struct filter_list regions;   /* "": account scope */
    struct filter_list types;
    struct bytes id_prefix; /* data null: any. A status is of its whole collection, and passes */
    unsigned ops;           /* bits 1 << enum change_op; 0: all */
    bool no_initial;
    struct bytes touches;     /* a JSON Pointer; `*` stands for any one segment. Data null: any */
    struct pointer touched;   /* the same, parsed by filter_check */
    uint32_t members, member; /* partition: collections whose filter_share modulo `members` is `member` */
};

/* Names of ops, separated by commas, as bits to `*ops`. False: `*unknown` is none of them. */
bool filter_read_ops(struct bytes names, unsigned *ops, struct bytes *unknown);

/* Is it one that can be meant? Parses `touches`, into the arena. ERR_USAGE: the sentence says what is wrong.
 */
int filter_check(struct filter *filter, struct arena *arena, struct error *e);

bool filter_is_any(const struct filter *filter); /* everything passes */

/* "provider/id" as its two parts; of an id alone, `provider` has no data. No provider's name has a `/`: what
 * has one is of the provider before the first. So "aws/1" is one account, even beside another provider's
 * "aws/1". */
void filter_split_account(struct bytes name, struct bytes *provider, struct bytes *account);

/* Is the account one that is meant by that name? And is it among several such: none at all means any? */
bool filter_account_is(struct bytes wanted, struct bytes provider, struct bytes account);
bool filter_has_account(const struct filter_list *wanted, struct bytes provider, struct bytes account);

/* Which share of a partition a collection belongs to: XXH3-64 of provider, account, region, type and parent,
 * with a NUL behind each. */
uint64_t filter_share(const struct collection_key *key);

bool filter_passes_collection(const struct filter *filter, const struct collection_key *key);

/* `scratch` is reset, and used for what is unpacked. 0, or ERR_CORRUPT. */
int filter_passes(const struct filter *filter, const struct change *change, struct arena *scratch,
                  bool *passes, struct error *e);

/* The same, of a row whose collection passes. */
int filter_passes_row(const struct filter *filter, struct bytes id, struct bytes document,
                      struct arena *scratch, bool *passes, struct error *e);

/* True if a pointer of a patch leads to what `pointer` names, into it, or to what holds it. */
bool filter_touches(const struct pointer *pointer, const struct pointer *path);

/* As a message (operator.proto's Filter). Unpacked texts point into `packed`, lists live in the arena. False:
 * it is none. What it asks for may still be nonsense: filter_check. */
void filter_pack(const struct filter *filter, struct buffer *out);
bool filter_unpack(struct arena *arena, struct bytes packed, struct filter *out);

#endif
