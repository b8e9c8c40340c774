/* A subscriber of libgarner on a thread of its own, from now on: a bus has no past. It is never behind for
 * long, since telling doesn't wait for those who listen. */
#include "gateway/bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client/garner.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/rpc/rpc_lock.h"
#include "common/rpc/rpc_publisher.h"
#include "common/signals.h"

enum { WAIT_MS = 1000, AGAIN_MS = 1000 };

struct bus {
    const char *home;
    struct rpc_publisher *publisher;
    pthread_t thread;
    bool has_thread;
    struct rpc_lock lock; /* of the rest */
    struct garner *feed;  /* null: not open just now */
    bool stopping;
};

/* --- messages --- */

/* Parts of a topic hold no slash, and none of it a control character: so a prefix means one thing. */
static void add_part(struct buffer *out, struct bytes text, bool is_id)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f || (!is_id && (c == '/' || c == '%')))
            buffer_printf(out, "%%%02X", c);
        else
            buffer_add_char(out, (char)c);
    }
    if (!is_id)
        buffer_add_char(out, '/');
}

int bus_write(const struct change *change, struct buffer *out, struct error *e)
{
    add_part(out, change->key.type, false);
    add_part(out, change->key.provider, false);
    add_part(out, change->key.account, false);
    add_part(out, change->key.region, false);
    add_part(out, change->id, true);
    buffer_add_char(out, 0);
    return change_to_json(change, out, e);
}

static void tell_change(struct bus *bus, struct garner_bytes packed, struct arena *arena, struct buffer *out)
{
    struct change change;
    struct error e;
    arena_reset(arena);
    buffer_reset(out);
    if (change_unpack(arena, (struct bytes){packed.data, packed.len}, &change, &e) ||
        bus_write(&change, out, &e))
        log_line(LOG_ERROR, "a change can't be told on the bus", "cause", e.text, NULL);
    else
        rpc_publisher_tell(bus->publisher, buffer_bytes(out));
}

/* Where all that was told until now ends: what to fetch from, for who missed something. */
static void tell_bookmark(struct bus *bus, struct arena *arena, struct buffer *out)
{
    struct cursor cursor;
    struct error e;
    arena_reset(arena);
    buffer_reset(out);
    CHECK(cursor_from_text(arena, bytes_of(garner_cursor(bus->feed)), &cursor, &e) == 0);
    buffer_add(out, "bookmark", sizeof "bookmark");
    bookmark_to_json(&cursor, clock_wall_ms(), out);
    rpc_publisher_tell(bus->publisher, buffer_bytes(out));
}

/* --- its thread --- */

static void tell_all(struct bus *bus)
{
    struct arena arena = {0};
    struct buffer out = {0};
    struct garner_error error;
    const struct garner_batch *batch;
    int64_t marked_ms = 0;
    while (garner_next(bus->feed, WAIT_MS, &batch, &error) == GARNER_OK) {
        bool heard = rpc_publisher_tidy(bus->publisher);
        for (size_t i = 0; heard && i < batch->change_count; i++)
            tell_change(bus, batch->changes[i].packed, &arena, &out);
        if (heard && clock_steady_ms() - marked_ms >= WAIT_MS) {
            tell_bookmark(bus, &arena, &out);
            marked_ms = clock_steady_ms();
        }
    }
    if (error.code != GARNER_STOPPED)
        log_line(LOG_WARN, "the bus goes on with what happens from now on", "cause", error.text, NULL);
    arena_close(&arena);
    buffer_close(&out);
}

/* False: it is to end. */
static bool set_feed(struct bus *bus, struct garner *feed)
{
    pthread_mutex_lock(&bus->lock.mutex);
    bus->feed = feed;
    bool goes_on = !bus->stopping;
    pthread_mutex_unlock(&bus->lock.mutex);
    return goes_on;
}

/* False: it is to end. */
static bool rest(struct bus *bus)
{
    int64_t end_ms = clock_steady_ms() + AGAIN_MS;
    pthread_mutex_lock(&bus->lock.mutex);
    while (!bus->stopping && clock_steady_ms() < end_ms)
        rpc_lock_wait(&bus->lock, end_ms);
    bool goes_on = !bus->stopping;
    pthread_mutex_unlock(&bus->lock.mutex);
    return goes_on;
}

static void *work(void *context)
{
    struct bus *bus = context;
    struct garner_options options = GARNER_OPTIONS;
    pthread_setname_np(pthread_self(), "bus");
    options.address = bus->home;
    options.from = "now";
    options.no_snapshots = true;
    do {
        struct garner_error error;
        struct garner *feed = garner_open(&options, &error);
        if (feed && set_feed(bus, feed))
            tell_all(bus);
        set_feed(bus, NULL);
        garner_close(feed);
        rpc_publisher_tidy(bus->publisher);
    } while (rest(bus));
    return NULL;
}

/* --- its life --- */

int bus_open(const char *address, const char *home, struct bus **out, struct error *e)
{
    struct bus *bus = mem_zalloc(sizeof *bus);
    sigset_t before;
    int number = 0;
    *out = NULL;
    bus->home = home;
    rpc_lock_open(&bus->lock);
    int r = rpc_publisher_open(address, &bus->publisher, e);
    if (r) {
        error_at(e, "bus");
    } else {
        signals_block(&before);
        number = pthread_create(&bus->thread, NULL, work, bus);
        signals_restore(&before);
        bus->has_thread = number == 0;
    }
    if (number)
        r = error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                      strerrordesc_np(number));
    if (r)
        bus_close(bus);
    else
        *out = bus;
    return r;
}

void bus_close(struct bus *bus)
{
    if (!bus)
        return;
    pthread_mutex_lock(&bus->lock.mutex);
    bus->stopping = true;
    if (bus->feed)
        garner_stop(bus->feed);
    pthread_cond_broadcast(&bus->lock.changed);
    pthread_mutex_unlock(&bus->lock.mutex);
    if (bus->has_thread)
        CHECK(pthread_join(bus->thread, NULL) == 0);
    rpc_publisher_close(bus->publisher);
    rpc_lock_close(&bus->lock);
    free(bus);
}

void bus_to_metrics(struct bus *bus, struct metrics *m)
{
    struct rpc_publisher_counts counts;
    rpc_publisher_count(bus->publisher, &counts);
    metrics_family(m, "garner_bus_listeners", METRICS_GAUGE, "Listeners of the bus that are connected.");
    metrics_add_count(m, counts.listeners, NULL);
    metrics_family(m, "garner_bus_messages_total", METRICS_COUNTER, "Messages to one listener each.");
    metrics_add_count(m, counts.messages, "result", "told", NULL);
    metrics_add_count(m, counts.dropped, "result", "dropped", NULL);
}
