/* SP: how NNG's protocols cut a stream into messages, without I/O.
 *
 * Each side begins with eight bytes that name its protocol. Then messages: eight bytes of length, big-endian,
 * behind a byte 1 on ipc. A request or its answer begins with its route: words of four bytes, the last of
 * them with its highest bit set, which whoever answers gives back as they are.
 *
 * Sources: sp-tcp-mapping-01, sp-ipc-mapping-01 (nanomsg) and NNG's rep.c, req.c. */
#ifndef GARNER_RPC_SP_H
#define GARNER_RPC_SP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

enum sp_protocol { SP_PUB = 32, SP_SUB = 33, SP_REQ = 48, SP_REP = 49 };

enum {
    SP_HELLO_BYTES = 8,
    SP_HEAD_MAX = 9,         /* of a message */
    SP_ROUTE_BYTES_MAX = 32, /* as many words as NNG lets a message pass devices */
    SP_INPUT_BYTES = 512,    /* what is read in one go with a message's head */
};

void sp_hello(enum sp_protocol protocol, char out[SP_HELLO_BYTES]);

/* Write the head of a message of `len` bytes; returns the head's length. */
size_t sp_head(bool ipc, uint64_t len, char out[SP_HEAD_MAX]);

/* The route that a message begins with, of a whole number of words; empty: none, or too long a one. */
struct bytes sp_route(struct bytes message);

/* Takes a stream as it comes, and gives its messages. */
struct sp_reader {
    bool ipc, greeted;
    enum sp_protocol wanted[2]; /* the peer's: one of these … */
    enum sp_protocol peer;      /* … this one, once it has greeted */
    size_t message_max;
    struct buffer message; /* what there is of it; grows as it comes, whatever length was announced */
    size_t left;           /* of the message, to come */
    bool in_message;
    size_t begin, end; /* of what is not looked at yet, in `input` */
    char input[SP_INPUT_BYTES];
};

enum sp_got { SP_MORE, SP_GREETED, SP_MESSAGE, SP_FOREIGN, SP_TOO_LARGE };

/* Where the next bytes go: into one, then the other (second one may be all of it). The message's memory is
 * there until sp_reader_filled. Only after SP_MORE. */
struct sp_room {
    char *message, *input;
    size_t message_len, input_len;
};

void sp_reader_close(struct sp_reader *reader);
struct sp_room sp_reader_room(struct sp_reader *reader);
void sp_reader_filled(struct sp_reader *reader, size_t len);

/* What has come: SP_MORE, and room is to be filled; the peer's greeting, once; a whole message, in `message`
 * until the next call (its buffer may be taken: leave an empty one). SP_FOREIGN: no SP, or another protocol;
 * SP_TOO_LARGE: a message beyond `message_max`. After these two nothing more can be read. */
enum sp_got sp_reader_next(struct sp_reader *reader);

#endif
