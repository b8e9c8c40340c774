/* Reads MessagePack header by header. Internal to values.
 *
 * What is read is bytes from a disk or a network: everything is checked, and what a record makes its
 * reader allocate is bounded by the record's length. Whoever reads limits the depth. */
#ifndef GARNER_COMMON_MSGPACK_READER_H
#define GARNER_COMMON_MSGPACK_READER_H

#include "common/value/number.h"
#include "common/value/value.h"

struct msgpack_reader {
    struct bytes packed;
    size_t at;
    size_t owed; /* bytes that what is still to come needs at the least; `at + owed <= packed.len` */
    struct error *e;
};

/* A value without what is in it: an array or object has its count, and so many values (for an object
 * twice as many, keys and values in turn) come next. Strings point into the record; a number's text
 * perhaps into `literal`. */
struct msgpack_head {
    struct value value;
    char literal[NUMBER_TEXT_BYTES];
};

void msgpack_reader_open(struct msgpack_reader *r, struct bytes packed, struct error *e);

/* The next value's head. Returns 0 or ERR_CORRUPT. */
int msgpack_reader_take(struct msgpack_reader *r, struct msgpack_head *out);

/* Returns 0 if all has been read, else ERR_CORRUPT. To be called when nothing is owed any more. */
int msgpack_reader_end(struct msgpack_reader *r);

/* Says why, with the place, and returns ERR_CORRUPT. */
int msgpack_reader_corrupt(struct msgpack_reader *r, const char *cause);

#endif
