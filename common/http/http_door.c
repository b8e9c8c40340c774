#include "common/http/http_door.h"

#include <netinet/in.h>
#include <string.h>

static void take_out(struct door *door, struct door_guest *guest)
{
    *(guest->previous ? &guest->previous->next : &door->first) = guest->next;
    *(guest->next ? &guest->next->previous : &door->last) = guest->previous;
}

static void put_last(struct door *door, struct door_guest *guest)
{
    guest->previous = door->last;
    guest->next = NULL;
    *(door->last ? &door->last->next : &door->first) = guest;
    door->last = guest;
}

static void take_address(struct door_guest *guest, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        memcpy(guest->address, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof guest->address);
    } else if (address->sa_family == AF_INET) {
        memset(guest->address + 10, 0xff, 2);
        memcpy(guest->address + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    }
}

static bool is_from(const struct door_guest *guest, const uint8_t *address)
{
    return !address || memcmp(guest->address, address, sizeof guest->address) == 0;
}

static uint32_t count_from(const struct door *door, const uint8_t *address)
{
    uint32_t count = 0;
    for (const struct door_guest *guest = door->first; guest; guest = guest->next)
        count += !guest->leaving && is_from(guest, address);
    return count;
}

/* Of one address, or of all: the one that is idle longest; where all are busy, the one that came first. */
static struct door_guest *choose(const struct door *door, const uint8_t *address)
{
    struct door_guest *busy = NULL;
    for (struct door_guest *guest = door->first; guest; guest = guest->next) {
        if (guest->leaving || !is_from(guest, address))
            continue;
        if (!guest->busy)
            return guest;
        busy = busy ? busy : guest;
    }
    return busy;
}

struct door_guest *door_came(struct door *door, struct door_guest *guest, int fd,
                             const struct sockaddr *address)
{
    struct door_guest *leaver = NULL;
    *guest = (struct door_guest){.fd = fd};
    if (address)
        take_address(guest, address);
    put_last(door, guest);
    door->count++;
    if (count_from(door, guest->address) > door->room_each)
        leaver = choose(door, guest->address);
    else if (door->count > door->room)
        leaver = choose(door, NULL);
    if (leaver) {
        leaver->leaving = true;
        door->count--;
    }
    return leaver;
}

void door_set_busy(struct door *door, struct door_guest *guest, bool busy)
{
    guest->busy = busy;
    if (busy)
        return;
    take_out(door, guest);
    put_last(door, guest);
}

void door_gone(struct door *door, struct door_guest *guest)
{
    take_out(door, guest);
    door->count -= !guest->leaving;
}
