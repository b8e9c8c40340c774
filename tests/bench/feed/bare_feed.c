/* What catching up can't avoid: one process walks the changes of a data folder's first shard by LMDB's
 * cursor, copies them behind each other into an answer of up to 1 MiB, and writes it to a TCP connection over
 * the loopback; the other asks for an answer with a byte, one ahead of what it needs, reads it, and finds
 * each change's fields, without checking any of them.
 *
 *     bare_feed FOLDER COUNT CORE      a line of JSON; the server goes to CORE */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "tests/bench/feed/meter.h"

enum {
    PATH_BYTES = 4096,
    TABLES_MAX = 32,
    LEN_BYTES = 4,
    FIELDS = 24,
    SOCKET_BYTES = 1 << 20,
    FIELD_AFTER = 14
};

static void must(bool is_good, const char *what)
{
    if (!is_good)
        die("bare_feed: %s", what);
}

static void go_to(uint64_t core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0, "there is no such core");
}

static void set_up(int fd)
{
    int on = 1, room = SOCKET_BYTES;
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0, "SO_SNDBUF");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0, "SO_RCVBUF");
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        must(n > 0, "writing");
        data += n;
        len -= (size_t)n;
    }
}

/* False: the other side is gone. */
static bool read_all(int fd, char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, data, len);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* --- the server: an answer is its length, and each change behind its own --- */

static MDB_cursor *open_changes(const char *folder)
{
    char path[PATH_BYTES];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi changes;
    MDB_cursor *cursor;
    snprintf(path, sizeof path, "%s/shards/000.mdb", folder);
    must(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, TABLES_MAX) == 0, "an environment");
    must(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0) == 0, path);
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0, "a transaction");
    must(mdb_dbi_open(txn, "changes", 0, &changes) == 0, "the table of changes");
    must(mdb_cursor_open(txn, changes, &cursor) == 0, "a cursor");
    return cursor;
}

/* Returns the answer's length: LEN_BYTES alone at the end. */
static size_t fill(MDB_cursor *cursor, char *out)
{
    MDB_val key, value;
    size_t len = LEN_BYTES;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        be32_put(out + len, (uint32_t)value.mv_size);
        memcpy(out + len + LEN_BYTES, value.mv_data, value.mv_size);
        len += LEN_BYTES + value.mv_size;
        if (len >= LIMIT_MESSAGE_BYTES)
            break;
    }
    be32_put(out, (uint32_t)(len - LEN_BYTES));
    return len;
}

static void serve(int fd, const char *folder)
{
    MDB_cursor *cursor = open_changes(folder);
    char *answer = malloc(2 * LIMIT_MESSAGE_BYTES), ask;
    must(answer != NULL, "memory");
    while (read_all(fd, &ask, 1))
        write_all(fd, answer, fill(cursor, answer));
    free(answer);
    _exit(0);
}

/* --- the client --- */

static const uint8_t *varint(const uint8_t *at, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        *out |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            break;
    }
    return at;
}

/* Each field's number, or its bytes. Returns how long `after` is. */
static size_t find_fields(const uint8_t *at, const uint8_t *end)
{
    struct bytes fields[FIELDS] = {{0}};
    volatile uint64_t numbers[FIELDS];
    while (at < end) {
        uint64_t tag, value;
        at = varint(varint(at, &tag), &value);
        must(tag >> 3 < FIELDS, "a field that isn't known");
        numbers[tag >> 3] = value;
        if ((tag & 7) != 2)
            continue;
        fields[tag >> 3] = (struct bytes){(const char *)at, value};
        at += value;
    }
    (void)numbers;
    return fields[FIELD_AFTER].len;
}

static void take(struct meter *meter, const char *at, size_t len)
{
    for (const char *end = at + len; at < end;) {
        uint32_t change = be32_get(at);
        at += LEN_BYTES;
        size_t after = find_fields((const uint8_t *)at, (const uint8_t *)at + change);
        meter->changes += after > 0;
        meter->bytes += after;
        at += change;
    }
    meter_batch_done(meter);
}

static void catch_up(int fd, uint64_t count)
{
    struct meter meter;
    char *answer = malloc(2 * LIMIT_MESSAGE_BYTES), len[LEN_BYTES];
    must(answer != NULL, "memory");
    meter_begin(&meter);
    write_all(fd, "?", 1);
    while (meter.changes < count) {
        write_all(fd, "?", 1);
        must(read_all(fd, len, sizeof len) && be32_get(len) > 0, "nothing more comes");
        must(read_all(fd, answer, be32_get(len)), "an answer is cut");
        take(&meter, answer, be32_get(len));
    }
    meter_end(&meter);
    free(answer);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    if (argc != 4)
        die("usage: bare_feed FOLDER COUNT CORE");
    uint64_t count = number_of(argv[2]), core;
    must(bytes_to_u64(bytes_of(argv[3]), &core), "CORE is a number");
    int listening = socket(AF_INET, SOCK_STREAM, 0), fd;
    must(bind(listening, (struct sockaddr *)&address, len) == 0 && listen(listening, 1) == 0, "a port");
    must(getsockname(listening, (struct sockaddr *)&address, &len) == 0, "a port");
    pid_t server = fork();
    must(server >= 0, "fork");
    if (server == 0) {
        go_to(core);
        fd = accept(listening, NULL, NULL);
        set_up(fd);
        serve(fd, argv[1]);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    set_up(fd);
    must(connect(fd, (struct sockaddr *)&address, len) == 0, "connecting");
    catch_up(fd, count);
    close(fd);
    must(waitpid(server, NULL, 0) == server, "waiting");
    return 0;
}
