#include "tests/bench/feed/stored.h"

#include <stdlib.h>

#include "common/check.h"
#include "tests/bench/feed/meter.h"
#include "worker/store/folder.h"

/* Lengths first: `all` moves while it grows. */
static int add(void *context, uint64_t seq, struct bytes packed)
{
    struct stored *stored = context;
    (void)seq;
    if ((stored->count & (stored->count - 1)) == 0)
        stored->changes = mem_resize(stored->changes,
                                     (stored->count ? 2 * stored->count : 1) * sizeof *stored->changes);
    stored->changes[stored->count++].len = packed.len;
    buffer_add_bytes(&stored->all, packed);
    return 0;
}

static void point_at_them(struct stored *stored)
{
    const char *at = stored->all.data;
    for (uint64_t i = 0; i < stored->count; at += stored->changes[i++].len)
        stored->changes[i].data = at;
}

void stored_read(const char *path, struct stored *out)
{
    struct folder folder;
    struct store *store;
    struct error e;
    *out = (struct stored){0};
    int r = folder_open_read(&folder, path, &e);
    for (uint32_t i = 0; !r && i < folder.shards; i++) {
        if (!folder_has(&folder, i))
            continue;
        r = folder_store(&folder, i, &store, &e);
        if (!r)
            r = store_read(store, &e);
        if (!r)
            r = store_changes_each(store, store_oldest(store), add, out, &e);
    }
    if (r)
        die("%s", e.text);
    folder_close(&folder);
    point_at_them(out);
}

void stored_close(struct stored *stored)
{
    buffer_close(&stored->all);
    free(stored->changes);
    *stored = (struct stored){0};
}
