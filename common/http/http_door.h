/* Door: who may stay when more connections come than there is room for. No I/O, no locks, no clock.
 *
 * An idle connection is one that no answer is under way on: it has asked nothing yet, or nothing since. When
 * there are more than there is room for, in all or of one address, the one goes that has been idle longest;
 * so a flood of connections that ask nothing drives out itself, and whoever comes and asks is answered. */
#ifndef GARNER_HTTP_DOOR_H
#define GARNER_HTTP_DOOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct door_guest {
    struct door_guest *previous, *next;
    int fd;
    uint8_t address[16]; /* IPv6, or IPv4 as IPv6 writes it; else zero */
    bool busy;           /* an answer is under way */
    bool leaving;        /* it was sent away, and is still to go */
};

struct door {
    uint32_t room, room_each;        /* for all; for those of one address */
    struct door_guest *first, *last; /* since when they are idle, the longest first; busy ones anywhere */
    uint32_t count;                  /* without those that are leaving */
};

/* A guest has come. Returns who is to leave for it, if anybody: then that one is `leaving`. */
struct door_guest *door_came(struct door *door, struct door_guest *guest, int fd,
                             const struct sockaddr *address);
void door_set_busy(struct door *door, struct door_guest *guest, bool busy);
void door_gone(struct door *door, struct door_guest *guest);

#endif
