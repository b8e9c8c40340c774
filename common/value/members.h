/* Members of objects by key, so that no object is too big to compare. Internal to values. */
#ifndef GARNER_COMMON_MEMBERS_H
#define GARNER_COMMON_MEMBERS_H

#include "common/value/value.h"

enum { MEMBERS_FEW = 32 }; /* up to so many are looked through one by one */

/* Drop all but the last member of each key from an object, in place. That last one takes the place of
 * the first, as in the maps of most languages. Returns how many were dropped. */
uint32_t members_dedupe(struct value *object);

/* Members in the order of their keys' bytes; valid until the object changes or `close`. */
struct members_sorted {
    const struct member **list;
    uint32_t count;
    const struct member *few[MEMBERS_FEW];
};

/* `sorted` must stay where it is until `close`. */
void members_sorted_open(struct members_sorted *sorted, const struct value *object);
void members_sorted_close(struct members_sorted *sorted);

/* An object's members for many look-ups. Keys asked for in the object's order are found at once. */
struct members_index {
    const struct value *object;
    uint32_t next; /* where the next key is guessed to be */
    bool is_sorted;
    struct members_sorted sorted; /* made when a guess first fails in an object that isn't small */
};

void members_index_open(struct members_index *index, const struct value *object);
void members_index_close(struct members_index *index);
const struct member *members_index_find(struct members_index *index, struct bytes key);

#endif
