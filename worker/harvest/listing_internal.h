/* What listing.c and listing_settle.c share. Not for others. */
#ifndef GARNER_LISTING_INTERNAL_H
#define GARNER_LISTING_INTERNAL_H

#include "worker/harvest/listing.h"

/* Begin to write; a new collection gets its record and id. */
int listing_ensure(struct listing *l, struct error *e);

/* A change of this collection, to be filled in. */
struct change listing_change(const struct listing *l, enum change_op op, int64_t wall_ms);

/* Let the record say by which definition its listings are made. */
void listing_adopt_definition(struct listing *l);

/* Let the record say that documents are made by the current rules, and some still by older ones. */
void listing_adopt_rules(struct listing *l);

#endif
