#include "worker/store/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "worker/store/folder_text.h"

static int take_lock(const char *folder, struct identity *identity, struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    uint64_t pid;
    int r = folder_path(folder, "worker.lock", path, e);
    if (r)
        return r;
    int number = file_lock(path, &identity->lock, &pid);
    if (number == EWOULDBLOCK)
        return error_set(e, ERR_BUSY,
                         "data folder %s is in use by another worker (process %" PRIu64
                         "): stop it first, or give this one a folder of its own",
                         folder, pid);
    return number ? folder_fault(folder, "locking it", number, e) : 0;
}

static bool parse(struct bytes text, struct identity *to)
{
    struct bytes name, value;
    uint8_t disk[sizeof to->disk];
    if (!line_take(&text, "garner worker", &value) || value.len || !line_take(&text, "name ", &name) ||
        !text_is_name(name, LIMIT_WORKER_NAME_BYTES) || !line_take(&text, "disk ", &value) ||
        !line_hex(value, disk, sizeof disk) || !line_take(&text, "incarnation ", &value) ||
        !bytes_to_u64(value, &to->incarnation) || text.len)
        return false;
    memcpy(to->name, name.data, name.len);
    to->name[name.len] = 0;
    to->disk = be64_get(disk);
    return to->disk > 0 && to->incarnation > 0 && to->incarnation < UINT64_MAX;
}

static int make_disk(const char *folder, struct identity *identity, struct error *e)
{
    while (identity->disk == 0)
        if (getrandom(&identity->disk, sizeof identity->disk, 0) != (ssize_t)sizeof identity->disk)
            return folder_fault(folder, "taking random bytes", errno, e);
    return 0;
}

int identity_peek(const char *folder, struct identity *out, bool *is_there, struct error *e)
{
    struct folder_text text;
    *out = (struct identity){.lock = -1};
    *is_there = false;
    int r = folder_text_read(folder, "worker", &text, e);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r)
        return r;
    *is_there = parse(folder_text_bytes(&text), out);
    return *is_there
               ? 0
               : error_set(e, ERR_CORRUPT,
                           "data folder %s: its file worker is not as it was written: restore it", folder);
}

/* As it was left, or as it begins. */
static int load(const char *folder, const char *name, struct identity *identity, struct error *e)
{
    struct identity left;
    bool is_there;
    int r = identity_peek(folder, &left, &is_there, e);
    if (r)
        return r;
    if (!is_there) {
        snprintf(identity->name, sizeof identity->name, "%s", name);
        return make_disk(folder, identity, e);
    }
    if (strcmp(left.name, name) != 0)
        return error_set(e, ERR_CONFIG,
                         "data folder %s is worker %s's, and this is worker %s: start it with --name %s, or "
                         "give it a folder of its own",
                         folder, left.name, name, left.name);
    left.lock = identity->lock;
    *identity = left;
    return 0;
}

static int save(const char *folder, const struct identity *identity, struct error *e)
{
    struct buffer text = {0};
    buffer_printf(&text, "garner worker\nname %s\ndisk %016" PRIx64 "\nincarnation %" PRIu64 "\n",
                  identity->name, identity->disk, identity->incarnation);
    int r = folder_text_write(folder, "worker", buffer_bytes(&text), e);
    buffer_close(&text);
    return r;
}

int identity_open(const char *folder, const char *name, struct identity *out, struct error *e)
{
    *out = (struct identity){.lock = -1};
    if (!text_is_name(bytes_of(name), LIMIT_WORKER_NAME_BYTES))
        return error_set(e, ERR_CONFIG,
                         "a worker's name has 1 to %d bytes of UTF-8, without control characters",
                         LIMIT_WORKER_NAME_BYTES);
    int r = folder_make(folder, "", e);
    if (!r)
        r = take_lock(folder, out, e);
    if (!r)
        r = load(folder, name, out, e);
    out->incarnation++;
    if (!r)
        r = save(folder, out, e);
    if (r)
        identity_close(out);
    return r;
}

void identity_close(struct identity *identity)
{
    if (identity->lock >= 0)
        close(identity->lock);
    *identity = (struct identity){.lock = -1};
}
