#include "cli/feed_remote.h"

#include "common/check.h"

static int error_of(const struct garner_error *error, struct error *e)
{
    static const enum err codes[] = {
        [GARNER_USAGE] = ERR_USAGE,     [GARNER_CONNECT] = ERR_CONNECT, [GARNER_FOREIGN] = ERR_USAGE,
        [GARNER_FUTURE] = ERR_USAGE,    [GARNER_COMPACTED] = ERR_USAGE, [GARNER_DIVERGED] = ERR_USAGE,
        [GARNER_STOPPED] = ERR_STOPPED, [GARNER_PROTOCOL] = ERR_BODY,   [GARNER_REFUSED] = ERR_IO,
    };
    return error_set(e, codes[error->code], "%s", error->text);
}

int feed_remote_open(struct feed_remote *remote, const struct garner_options *options, struct error *e)
{
    struct garner_error error;
    *remote = (struct feed_remote){.feed = garner_open(options, &error)};
    return remote->feed ? 0 : error_of(&error, e);
}

void feed_remote_close(struct feed_remote *remote)
{
    garner_close(remote->feed);
    arena_close(&remote->arena);
    *remote = (struct feed_remote){0};
}

int feed_remote_begin(struct feed_remote *remote, int wait_ms, bool *at_end, struct error *e)
{
    struct garner_error error;
    if (!remote->batch || remote->given == remote->batch->change_count) {
        remote->given = 0;
        if (garner_next(remote->feed, wait_ms, &remote->batch, &error)) {
            remote->batch = NULL;
            return error_of(&error, e);
        }
    }
    *at_end = remote->batch->at_end;
    return 0;
}

int feed_remote_next(struct feed_remote *remote, const struct change **change, struct error *e)
{
    *change = NULL;
    if (remote->given == remote->batch->change_count)
        return 0;
    struct garner_bytes packed = remote->batch->changes[remote->given].packed;
    arena_reset(&remote->arena);
    int r = change_unpack(&remote->arena, (struct bytes){packed.data, packed.len}, &remote->change, e);
    if (r)
        return r;
    remote->given++;
    *change = &remote->change;
    return 0;
}

void feed_remote_cursor(const struct feed_remote *remote, struct arena *arena, struct cursor *out)
{
    struct error e;
    const char *text = garner_cursor_within(remote->feed, remote->given);
    CHECK(cursor_from_text(arena, bytes_of(text), out, &e) == 0);
}
