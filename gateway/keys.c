/* A file is looked at by its time, size and number; a mounted secret of Kubernetes changes its number. */
#include "gateway/keys.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/log.h"

static int read_file(const char *path, struct tokens **out, struct error *e)
{
    struct buffer warnings = {0};
    int r = tokens_open(path, out, &warnings, e);
    if (!r && warnings.len)
        log_line(LOG_WARN, buffer_text(&warnings), NULL);
    buffer_close(&warnings);
    return r;
}

int keys_open(struct keys *keys, const char *path, struct error *e)
{
    *keys = (struct keys){.path = path};
    CHECK(pthread_mutex_init(&keys->lock, NULL) == 0);
    if (path && stat(path, &keys->seen))
        keys->seen = (struct stat){0};
    if (path)
        return read_file(path, &keys->now, e);
    keys->now = tokens_none();
    return 0;
}

void keys_close(struct keys *keys)
{
    tokens_release(keys->now);
    pthread_mutex_destroy(&keys->lock);
}

struct tokens *keys_hold(struct keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    struct tokens *held = tokens_hold(keys->now);
    pthread_mutex_unlock(&keys->lock);
    return held;
}

static bool is_seen(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool keys_refresh(struct keys *keys)
{
    struct tokens *tokens, *old;
    struct error e;
    struct stat now;
    if (!keys->path)
        return false;
    if (stat(keys->path, &now))
        now = (struct stat){0};
    bool same = is_seen(&now, &keys->seen);
    if (same && !keys->failed)
        return false;
    keys->seen = now;
    keys->failed = read_file(keys->path, &tokens, &e) != 0;
    if (keys->failed) {
        if (!same)
            log_line(LOG_ERROR, "the tokens are left as they were: correct the file", "file", keys->path,
                     "cause", e.text, NULL);
        return false;
    }
    pthread_mutex_lock(&keys->lock);
    old = keys->now;
    keys->now = tokens;
    pthread_mutex_unlock(&keys->lock);
    tokens_release(old);
    log_line(LOG_INFO, "the tokens were read anew", "file", keys->path, NULL);
    return true;
}
