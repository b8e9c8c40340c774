#include "cli/run_feed.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "common/check.h"
#include "worker/feed/source.h"

enum { PIECE_FULL = -1 };

static void note_failure(struct run_feed *feed)
{
    int number = feed->out.printer.failed;
    if (!number || feed->deaf)
        return;
    feed->deaf = true;
    say("can't write the feed to standard output: %s; the harvest goes on, `garner feed --data %s` has all "
        "of it",
        strerror(number), feed->folder->path);
}

static void bookmark(struct run_feed *feed)
{
    struct cursor cursor = {
        .positions = arena_alloc(&feed->arena, feed->folder->shards * sizeof *cursor.positions)};
    memcpy(cursor.feed, feed->folder->feed, sizeof cursor.feed);
    for (uint32_t i = 0; i < feed->folder->shards; i++)
        if (feed->positions[i].seq)
            cursor.positions[cursor.count++] = feed->positions[i];
    feed->bookmarked = true;
    feed_printer_bookmark(&feed->out, &cursor);
    arena_reset(&feed->arena);
    feed_printer_flush(&feed->out);
    note_failure(feed);
}

static int go_to(struct run_feed *feed, struct store *store, uint64_t seq, struct error *e)
{
    int r = store_read(store, e);
    if (!r)
        r = feed_position_behind(store, seq, &feed->positions[store_shard(store)], e);
    store_done(store);
    return r;
}

int run_feed_open(struct run_feed *feed, struct folder *folder, struct error *e)
{
    int r = 0;
    *feed = (struct run_feed){.folder = folder};
    feed_printer_open(&feed->out, true, false);
    feed->positions = mem_zalloc(folder->shards * sizeof *feed->positions);
    for (uint32_t i = 0; i < folder->shards && !r; i++) {
        struct store *store;
        if (!folder_has(folder, i))
            continue;
        r = folder_store(folder, i, &store, e);
        if (!r)
            r = go_to(feed, store, store_head(store), e);
    }
    return r;
}

void run_feed_close(struct run_feed *feed)
{
    if (!feed->folder)
        return;
    note_failure(feed);
    feed->out.printer.failed = 0; /* it was said */
    feed_printer_close(&feed->out);
    free(feed->positions);
    arena_close(&feed->arena);
}

static int take(void *context, uint64_t seq, struct bytes packed)
{
    struct run_feed *feed = context;
    struct change change;
    struct error e;
    if (seq > feed->last || printer_full(&feed->out.printer))
        return PIECE_FULL;
    int r = change_unpack(&feed->arena, packed, &change, &e);
    if (!r)
        r = feed_printer_add(&feed->out, &change, &e);
    if (r) { /* it is stored, and `verify` will say more */
        say("%s", e.text);
        feed->unreadable++;
    }
    arena_reset(&feed->arena);
    feed->next = seq + 1;
    return 0;
}

void run_feed_committed(struct run_feed *feed, struct store *store, uint64_t first, uint64_t last)
{
    struct error e;
    int r = PIECE_FULL;
    feed->next = first;
    feed->last = last;
    while (r == PIECE_FULL && feed->next <= last && !feed->deaf) {
        r = store_read(store, &e);
        if (!r)
            r = store_changes_each(store, feed->next, take, feed, &e);
        store_done(store);
        feed_printer_flush(&feed->out);
        note_failure(feed);
    }
    if (!r || r == PIECE_FULL)
        r = go_to(feed, store, last, &e);
    if (r) {
        say_error(&e);
        feed->unreadable++;
    }
    if (!feed->deaf)
        bookmark(feed);
}

void run_feed_end(struct run_feed *feed)
{
    if (!feed->deaf && !feed->bookmarked)
        bookmark(feed);
}
