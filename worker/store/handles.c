/* One handle a file in a process: LMDB opened twice loses its locks when one of the two is closed, and
 * then breaks snapshots in silence. A file is known by its device and inode, so that two names for it
 * are one; an empty file is made first, for there is no inode before. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "worker/store/tables.h"

struct handle {
    struct handle *next;
    dev_t device;
    ino_t inode;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle *open_handles;

/* Make an empty file, and its name durable: LMDB syncs the file, not its folder. */
static int make_file(const char *path, struct stat *st)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int r = fstat(fd, st) ? errno : 0;
    close(fd);
    return r ? r : file_sync_folder(path);
}

static bool enter(dev_t device, ino_t inode)
{
    bool is_new = true;
    pthread_mutex_lock(&lock);
    for (struct handle *h = open_handles; h; h = h->next)
        is_new = is_new && !(h->device == device && h->inode == inode);
    if (is_new) {
        struct handle *h = mem_alloc(sizeof *h);
        *h = (struct handle){open_handles, device, inode};
        open_handles = h;
    }
    pthread_mutex_unlock(&lock);
    return is_new;
}

int handle_claim(struct store *store, bool *empty, struct error *e)
{
    struct stat st;
    int r = stat(store->path, &st) ? errno : 0;
    if (r == ENOENT && !store->read_only)
        r = make_file(store->path, &st);
    if (r == ENOENT)
        return error_set(e, ERR_NOT_FOUND, "shard %" PRIu32 " has no store at %s yet", store->shard,
                         store->path);
    if (r)
        return store_fault(store, r, "opening", e);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": %s is no file", store->shard, store->path);
    if (!enter(st.st_dev, st.st_ino))
        return error_set(e, ERR_BUSY, "shard %" PRIu32 ": this process has %s open already", store->shard,
                         store->path);
    store->device = st.st_dev;
    store->inode = st.st_ino;
    store->claimed = true;
    *empty = st.st_size == 0;
    return 0;
}

void handle_release(struct store *store)
{
    if (!store->claimed)
        return;
    pthread_mutex_lock(&lock);
    for (struct handle **at = &open_handles; *at; at = &(*at)->next) {
        struct handle *h = *at;
        if (h->device == store->device && h->inode == store->inode) {
            *at = h->next;
            free(h);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    store->claimed = false;
}
