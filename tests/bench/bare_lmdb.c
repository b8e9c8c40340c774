/* What writing alone costs: writes what Garner's first listing wrote, and nothing else.
 *
 *   bare_lmdb SOURCE TARGET          in batches as Garner's: as many commits of each shard as it made there
 *   bare_lmdb --full SOURCE TARGET   in full batches: its bounds of a commit alone
 *
 * SOURCE is the `shards` folder of a data folder after its first listing, TARGET an empty folder. All records
 * are found and their pages touched before the clock starts, so what is timed is LMDB's work and the disk's:
 * opening, writing, synced commits. Keys, values and tables are the same, an environment for each shard.
 * Shards take turns, a page each, as accounts do that are listed side by side. For each change in order of
 * seq: the change, the document, the id; behind a page's items the stretches that end among them. Garner
 * commits when LIMIT_COMMIT_ITEMS were written, LIMIT_COMMIT_BYTES are held, or LIMIT_COMMIT_MS have passed;
 * how many commits that came to is in its file. The small tables come with the last commit. Changes are
 * appended, and documents and stretches are where they come behind the last one: a plain program would do
 * that.
 *
 * It knows of docs/store.md what it needs: a document's value holds its last seq, an id's value is its row,
 * and a stretch's value ends in its last item, which begins with the row. It prints JSON. */
#include <dirent.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"

enum {
    PAGE_ITEMS = 1000,
    TABLES_MAX = 32,
    NAME_BYTES = 64,
    PATH_BYTES = 4096,
    MEMORY_PAGE = 4096,
    DOCUMENT_SEQ_AT = 24, /* in a document's value */
    STRETCH_ITEM_BYTES = 24
};
#define MAP_BYTES ((size_t)64 << 30)

struct pair {
    MDB_val key, value;
};

struct record {
    struct pair change, document, id; /* a status has a change only */
};

struct late { /* a record of another table, and when it is written */
    struct pair pair;
    uint64_t seq; /* behind this one; UINT64_MAX: with the last commit */
    unsigned table;
};

struct row {
    char key[8]; /* collection, row */
    uint64_t seq;
};

struct shard {
    char name[NAME_BYTES];
    MDB_env *source, *target;
    MDB_txn *reading, *writing;
    unsigned table_count, changes, documents, ids, spans; /* which table is which */
    char tables[TABLES_MAX][NAME_BYTES];
    MDB_dbi from[TABLES_MAX], to[TABLES_MAX];
    struct record *records; /* by seq, from 1 on */
    uint64_t record_count, written;
    uint64_t batch;                    /* items of a commit; 0: as many as its bounds let in */
    uint64_t gathered, gathered_bytes; /* items, and bytes of keys and values, since the last commit */
    struct late *late;                 /* in the order of writing */
    uint64_t late_count, late_written;
    struct row *rows; /* in the order of their keys */
    uint64_t row_count;
    MDB_val last_document, last_stretch; /* keys of the last ones written */
};

static struct {
    uint64_t changes, commits, source_commits, bytes;
} counted;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bare_lmdb: %s: %s\n", what, why);
    exit(1);
}

static void must(int code, const char *what)
{
    if (code)
        die(what, mdb_strerror(code));
}

static void *grow(void *at, uint64_t count, size_t size)
{
    if (count & (count - 1)) /* doubles whenever it is full at a power of two */
        return at;
    at = realloc(at, (count ? count * 2 : 1) * size);
    if (!at)
        die("memory", "there is none left");
    return at;
}

static uint64_t big_endian(const void *at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | ((const uint8_t *)at)[i];
    return number;
}

/* --- what the source holds --- */

static void touch(MDB_val value)
{
    const volatile char *data = value.mv_data;
    for (size_t i = 0; i < value.mv_size; i += MEMORY_PAGE)
        (void)data[i];
    if (value.mv_size)
        (void)data[value.mv_size - 1];
}

typedef void visit(struct shard *shard, unsigned table, struct pair pair);

static void each(struct shard *shard, unsigned table, visit *call)
{
    MDB_cursor *cursor;
    struct pair pair;
    must(mdb_cursor_open(shard->reading, shard->from[table], &cursor), shard->tables[table]);
    int code = mdb_cursor_get(cursor, &pair.key, &pair.value, MDB_FIRST);
    for (; code == 0; code = mdb_cursor_get(cursor, &pair.key, &pair.value, MDB_NEXT)) {
        touch(pair.value);
        counted.bytes += pair.key.mv_size + pair.value.mv_size;
        call(shard, table, pair);
    }
    must(code == MDB_NOTFOUND ? 0 : code, shard->tables[table]);
    mdb_cursor_close(cursor);
}

static void take_change(struct shard *shard, unsigned table, struct pair pair)
{
    (void)table;
    if (pair.key.mv_size != 8 || big_endian(pair.key.mv_data, 8) != shard->record_count + 1)
        die(shard->name, "its changes don't begin with 1, or have holes");
    shard->records = grow(shard->records, shard->record_count, sizeof *shard->records);
    shard->records[shard->record_count++] = (struct record){.change = pair};
}

static void take_document(struct shard *shard, unsigned table, struct pair pair)
{
    (void)table;
    uint64_t seq = 0;
    if (pair.key.mv_size == 8 && pair.value.mv_size >= DOCUMENT_SEQ_AT + 8)
        seq = big_endian((const char *)pair.value.mv_data + DOCUMENT_SEQ_AT, 8);
    if (seq == 0 || seq > shard->record_count)
        die(shard->name, "a document without its change: is this a folder after its first listing?");
    shard->records[seq - 1].document = pair;
    shard->rows = grow(shard->rows, shard->row_count, sizeof *shard->rows);
    memcpy(shard->rows[shard->row_count].key, pair.key.mv_data, 8);
    shard->rows[shard->row_count++].seq = seq;
}

static int compare_rows(const void *a, const void *b)
{
    return memcmp(((const struct row *)a)->key, ((const struct row *)b)->key, 8);
}

/* The change that made this row of the collection that a key begins with. */
static uint64_t seq_of(const struct shard *shard, MDB_val key, const char *row)
{
    struct row wanted;
    if (key.mv_size < 4)
        die(shard->name, "a key is too short");
    memcpy(wanted.key, key.mv_data, 4);
    memcpy(wanted.key + 4, row, 4);
    const struct row *found = bsearch(&wanted, shard->rows, shard->row_count, sizeof wanted, compare_rows);
    if (!found)
        die(shard->name, "a record of a row that is not there");
    return found->seq;
}

static void take_id(struct shard *shard, unsigned table, struct pair pair)
{
    (void)table;
    if (pair.value.mv_size != 4)
        die(shard->name, "an id's value is no row");
    shard->records[seq_of(shard, pair.key, pair.value.mv_data) - 1].id = pair;
}

static void take_late(struct shard *shard, unsigned table, struct pair pair)
{
    uint64_t seq = UINT64_MAX;
    if (table == shard->spans) {
        if (pair.value.mv_size < STRETCH_ITEM_BYTES)
            die(shard->name, "a stretch is too short");
        const char *last = (const char *)pair.value.mv_data + pair.value.mv_size - STRETCH_ITEM_BYTES;
        seq = seq_of(shard, pair.key, last);
    }
    shard->late = grow(shard->late, shard->late_count, sizeof *shard->late);
    shard->late[shard->late_count++] = (struct late){pair, seq, table};
}

static int compare_late(const void *a, const void *b)
{
    const struct late *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    const MDB_val *k = &x->pair.key, *l = &y->pair.key;
    int order = memcmp(k->mv_data, l->mv_data, k->mv_size < l->mv_size ? k->mv_size : l->mv_size);
    return order ? order : (k->mv_size > l->mv_size) - (k->mv_size < l->mv_size);
}

static unsigned table_named(const struct shard *shard, const char *name)
{
    unsigned i = 0;
    while (i < shard->table_count && strcmp(shard->tables[i], name) != 0)
        i++;
    return i;
}

static void find_tables(struct shard *shard)
{
    MDB_dbi root;
    MDB_cursor *cursor;
    struct pair pair;
    must(mdb_dbi_open(shard->reading, NULL, 0, &root), "its tables");
    must(mdb_cursor_open(shard->reading, root, &cursor), "its tables");
    while (mdb_cursor_get(cursor, &pair.key, &pair.value, MDB_NEXT) == 0) {
        unsigned i = shard->table_count++;
        if (i == TABLES_MAX || pair.key.mv_size >= NAME_BYTES)
            die(shard->name, "more tables, or longer names, than are known here");
        memcpy(shard->tables[i], pair.key.mv_data, pair.key.mv_size);
        must(mdb_dbi_open(shard->reading, shard->tables[i], 0, &shard->from[i]), shard->tables[i]);
    }
    mdb_cursor_close(cursor);
    shard->changes = table_named(shard, "changes");
    shard->documents = table_named(shard, "documents");
    shard->ids = table_named(shard, "ids");
    shard->spans = table_named(shard, "spans");
    if (shard->changes == shard->table_count || shard->documents == shard->table_count ||
        shard->ids == shard->table_count)
        die(shard->name, "no store of Garner's");
}

static void load(struct shard *shard, const char *folder, bool full)
{
    char path[PATH_BYTES];
    MDB_envinfo info;
    snprintf(path, sizeof path, "%s/%s", folder, shard->name);
    must(mdb_env_create(&shard->source), path);
    must(mdb_env_set_maxdbs(shard->source, TABLES_MAX), path);
    must(mdb_env_open(shard->source, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, 0), path);
    must(mdb_txn_begin(shard->source, NULL, MDB_RDONLY, &shard->reading), path);
    must(mdb_env_info(shard->source, &info), path);
    counted.source_commits += info.me_last_txnid;
    uint64_t commits = info.me_last_txnid > 1 ? info.me_last_txnid - 1 : 1; /* the first made the tables */
    find_tables(shard);
    each(shard, shard->changes, take_change);
    each(shard, shard->documents, take_document);
    each(shard, shard->ids, take_id);
    for (unsigned i = 0; i < shard->table_count; i++)
        if (i != shard->changes && i != shard->documents && i != shard->ids)
            each(shard, i, take_late);
    qsort(shard->late, shard->late_count, sizeof *shard->late, compare_late);
    counted.changes += shard->record_count;
    shard->batch = full ? 0 : (shard->record_count + commits - 1) / commits;
}

/* --- writing --- */

static void begin(struct shard *shard)
{
    if (!shard->writing)
        must(mdb_txn_begin(shard->target, NULL, 0, &shard->writing), "a transaction");
}

static void commit(struct shard *shard)
{
    must(mdb_txn_commit(shard->writing), "a commit");
    shard->writing = NULL;
    shard->gathered = shard->gathered_bytes = 0;
    counted.commits++;
}

static void make(struct shard *shard, const char *folder)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, shard->name);
    must(mdb_env_create(&shard->target), path);
    must(mdb_env_set_maxdbs(shard->target, TABLES_MAX), path);
    must(mdb_env_set_mapsize(shard->target, MAP_BYTES), path);
    must(mdb_env_open(shard->target, path, MDB_NOSUBDIR | MDB_NOTLS, 0600), path);
    begin(shard);
    for (unsigned i = 0; i < shard->table_count; i++)
        must(mdb_dbi_open(shard->writing, shard->tables[i], MDB_CREATE, &shard->to[i]), shard->tables[i]);
    commit(shard);
}

static void put(struct shard *shard, unsigned table, const struct pair *pair, unsigned flags)
{
    MDB_val key = pair->key, value = pair->value;
    shard->gathered_bytes += key.mv_size + value.mv_size;
    must(mdb_put(shard->writing, shard->to[table], &key, &value, flags), shard->tables[table]);
}

/* Append what comes behind the last one; a table's keys are all of one length here. */
static void put_behind(struct shard *shard, unsigned table, const struct pair *pair, MDB_val *last)
{
    const MDB_val *key = &pair->key;
    bool behind = !last->mv_data || memcmp(key->mv_data, last->mv_data, key->mv_size) > 0;
    put(shard, table, pair, behind ? MDB_APPEND : 0);
    if (behind)
        *last = *key;
}

static void write_record(struct shard *shard, const struct record *record)
{
    put(shard, shard->changes, &record->change, MDB_APPEND);
    if (!record->document.key.mv_data)
        return;
    put_behind(shard, shard->documents, &record->document, &shard->last_document);
    put(shard, shard->ids, &record->id, 0);
}

static void write_late(struct shard *shard, uint64_t seq)
{
    for (; shard->late_written < shard->late_count; shard->late_written++) {
        const struct late *late = &shard->late[shard->late_written];
        if (late->seq > seq)
            return;
        if (late->table == shard->spans)
            put_behind(shard, late->table, &late->pair, &shard->last_stretch);
        else
            put(shard, late->table, &late->pair, 0);
    }
}

/* Garner's batches, or the bounds of its commits. Ids come in any order, so each takes a page of its own
 * until all are taken. */
static bool is_full(struct shard *shard)
{
    MDB_stat ids;
    if (shard->batch)
        return shard->gathered >= shard->batch;
    must(mdb_stat(shard->writing, shard->to[shard->ids], &ids), "ids");
    uint64_t scattered = shard->gathered < ids.ms_leaf_pages ? shard->gathered : ids.ms_leaf_pages;
    return shard->gathered >= LIMIT_COMMIT_ITEMS ||
           shard->gathered_bytes + scattered * ids.ms_psize >= LIMIT_COMMIT_BYTES;
}

/* Returns whether there is more to write. */
static bool write_page(struct shard *shard)
{
    if (shard->written == shard->record_count)
        return false;
    begin(shard);
    for (unsigned i = 0; i < PAGE_ITEMS && shard->written < shard->record_count; i++, shard->gathered++)
        write_record(shard, &shard->records[shard->written++]);
    bool more = shard->written < shard->record_count;
    write_late(shard, more ? shard->written : UINT64_MAX);
    if (!more || is_full(shard))
        commit(shard);
    return more;
}

static void write_all(struct shard *shards, unsigned count, const char *folder)
{
    bool more = true;
    for (unsigned i = 0; i < count; i++)
        make(&shards[i], folder);
    while (more) {
        more = false;
        for (unsigned i = 0; i < count; i++)
            more = write_page(&shards[i]) || more;
    }
    for (unsigned i = 0; i < count; i++)
        mdb_env_close(shards[i].target);
}

/* --- all together --- */

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct shard *find_shards(const char *folder, unsigned *count)
{
    struct shard *shards = NULL;
    const struct dirent *entry;
    DIR *listed = opendir(folder);
    if (!listed)
        die(folder, "can't be read");
    while ((entry = readdir(listed)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len < 4 || len >= NAME_BYTES || strcmp(entry->d_name + len - 4, ".mdb") != 0)
            continue;
        shards = grow(shards, *count, sizeof *shards);
        shards[*count] = (struct shard){0};
        memcpy(shards[(*count)++].name, entry->d_name, len + 1);
    }
    closedir(listed);
    return shards;
}

static void forget(struct shard *shard)
{
    mdb_txn_abort(shard->reading);
    mdb_env_close(shard->source);
    free(shard->records);
    free(shard->late);
    free(shard->rows);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    bool full = argc == 4 && strcmp(argv[1], "--full") == 0;
    if (argc != 3 + full)
        die("usage", "bare_lmdb [--full] SOURCE TARGET");
    argv += full;
    struct shard *shards = find_shards(argv[1], &count);
    for (unsigned i = 0; i < count; i++)
        load(&shards[i], argv[1], full);
    double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    write_all(shards, count, argv[2]);
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"changes\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"commits\": %" PRIu64 ", \"source_commits\": %" PRIu64 "}\n",
           wall, cpu, counted.changes, counted.bytes, counted.commits, counted.source_commits);
    for (unsigned i = 0; i < count; i++)
        forget(&shards[i]);
    free(shards);
    return 0;
}
