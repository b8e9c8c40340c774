/* A store in a folder of its own, and short words for what tests do to it. Include after cmocka. */
#ifndef GARNER_TESTS_STORE_LAB_H
#define GARNER_TESTS_STORE_LAB_H

#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/value/canonical.h"
#include "worker/store/tables.h"

struct lab {
    char folder[256], path[300];
    uint64_t map_size;
    struct store *store;
    struct error e;
    struct arena arena;
    struct collection_record record; /* of the collection that the short words are about */
    int64_t now_ms;
    struct buffer faults; /* of the last lab_verify, a line each */
};

static inline int lab_remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static inline void lab_make_folder(char folder[256])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, 256, "%s/garner-store-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
}

static inline void lab_remove_folder(const char *folder)
{
    assert_int_equal(nftw(folder, lab_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#define LAB_OK(lab, call)                                                                                    \
    do {                                                                                                     \
        int lab_r = (call);                                                                                  \
        if (lab_r)                                                                                           \
            fail_msg("%s: %s (%s)", #call, error_name(lab_r), (lab)->e.text);                                \
    } while (0)

static inline void lab_open(struct lab *lab)
{
    struct store_options options = {.path = lab->path, .shard = 12, .map_size = lab->map_size};
    LAB_OK(lab, store_open(&options, &lab->store, &lab->e));
}

static inline void lab_reopen(struct lab *lab)
{
    store_close(lab->store);
    lab->store = NULL;
    lab_open(lab);
}

static inline int lab_setup(void **state)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    lab_make_folder(lab->folder);
    snprintf(lab->path, sizeof lab->path, "%s/012.mdb", lab->folder);
    lab->map_size = (uint64_t)64 << 20;
    lab->now_ms = INT64_C(1795341600123);
    lab_open(lab);
    *state = lab;
    return 0;
}

static inline int lab_teardown(void **state)
{
    struct lab *lab = *state;
    store_close(lab->store);
    lab_remove_folder(lab->folder);
    buffer_close(&lab->faults);
    arena_close(&lab->arena);
    free(lab);
    return 0;
}

static inline struct collection_record lab_record(const char *type)
{
    return (struct collection_record){
        .key = {.provider = BYTES("aws"),
                .account = BYTES("123456789012"),
                .region = BYTES("eu-west-1"),
                .type = bytes_of(type)},
        .next_harvest = 1,
    };
}

/* Opens a write transaction if there is none, and makes a collection of that type. */
static inline void lab_collection(struct lab *lab, const char *type)
{
    lab->record = lab_record(type);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_collection_put(lab->store, &lab->record, &lab->e));
}

static inline struct bytes lab_packed(struct lab *lab, const char *json)
{
    struct buffer packed = {0};
    struct value value;
    LAB_OK(lab, value_from_json(&lab->arena, bytes_of(json), &value, NULL, &lab->e));
    value_to_msgpack(&value, &packed);
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    return copy;
}

static inline struct digest lab_digest(struct lab *lab, struct bytes packed,
                                       const struct collection_record *record)
{
    struct buffer scratch = {0};
    struct value value;
    struct pointer unordered[8];
    for (uint32_t i = 0; i < record->unordered_count; i++)
        LAB_OK(lab, pointer_parse(&lab->arena, record->unordered[i], &unordered[i], &lab->e));
    LAB_OK(lab, value_from_msgpack(&lab->arena, packed, &value, &lab->e));
    struct digest digest = canonical_digest(&value, unordered, record->unordered_count,
                                            store_secret(lab->store), &scratch);
    buffer_close(&scratch);
    return digest;
}

static inline int lab_try(struct lab *lab, enum change_op op, struct bytes id, const char *json,
                          uint32_t *row)
{
    struct change change = {.op = op, .id = id, .time_ms = lab->now_ms++, .initial = op == CHANGE_CREATED};
    struct receipt_id cited = {12, lab->record.id, lab->record.next_harvest - 1};
    struct digest digest = {{0}};
    if (json) {
        change.after = lab_packed(lab, json);
        digest = lab_digest(lab, change.after, &lab->record);
    }
    if (op == CHANGE_UPDATED)
        change.patch = lab_packed(lab, "[]");
    if (op == CHANGE_DELETED) {
        change.receipts = &cited;
        change.receipt_count = 1;
    }
    return store_apply(lab->store, &lab->record, &change, json ? &digest : NULL, row, &lab->e);
}

static inline uint32_t lab_create(struct lab *lab, const char *id, const char *json)
{
    uint32_t row = UINT32_MAX;
    LAB_OK(lab, lab_try(lab, CHANGE_CREATED, bytes_of(id), json, &row));
    return row;
}

static inline void lab_update(struct lab *lab, uint32_t row, const char *json)
{
    LAB_OK(lab, lab_try(lab, CHANGE_UPDATED, (struct bytes){0}, json, &row));
}

static inline void lab_delete(struct lab *lab, uint32_t row)
{
    LAB_OK(lab, lab_try(lab, CHANGE_DELETED, (struct bytes){0}, NULL, &row));
}

static inline void lab_status(struct lab *lab, enum status_kind kind, bool is_void)
{
    struct change change = {.time_ms = lab->now_ms++, .status = {.kind = kind, .void_ = is_void}};
    LAB_OK(lab, store_status(lab->store, &lab->record, &change, &lab->e));
}

/* A sound receipt of the next harvest: what deletes may cite from now on. */
static inline void lab_receipt(struct lab *lab, bool pinned)
{
    struct receipt receipt = {
        .id = {12, lab->record.id, lab->record.next_harvest++},
        .started_ms = lab->now_ms,
        .ended_ms = lab->now_ms,
        .complete = true,
        .sound = true,
        .pages = 1,
    };
    LAB_OK(lab, store_receipt_put(lab->store, &receipt, pinned, &lab->e));
}

static inline void lab_put(struct lab *lab)
{
    LAB_OK(lab, store_collection_put(lab->store, &lab->record, &lab->e));
}

static inline void lab_commit(struct lab *lab)
{
    LAB_OK(lab, store_commit(lab->store, &lab->e));
}

static inline void lab_add_fault(void *context, const char *sentence)
{
    struct lab *lab = context;
    buffer_add_text(&lab->faults, sentence);
    buffer_add_char(&lab->faults, '\n');
}

static inline const char *lab_verify(struct lab *lab)
{
    buffer_reset(&lab->faults);
    LAB_OK(lab, store_verify(lab->store, lab_add_fault, lab, &lab->e));
    return buffer_text(&lab->faults);
}

/* The document of a row as JSON; "gone" when it isn't there. Lives in the arena. */
static inline const char *lab_document(struct lab *lab, uint32_t row)
{
    struct document document;
    struct buffer json = {0};
    int r = store_document(lab->store, lab->record.id, row, &document, &lab->e);
    if (r == ERR_NOT_FOUND)
        return "gone";
    LAB_OK(lab, r);
    LAB_OK(lab, value_msgpack_to_json(document.packed, &json, &lab->e));
    const char *text = arena_strdup(&lab->arena, buffer_bytes(&json));
    buffer_close(&json);
    return text;
}

/* A change as "op id before -> after previous". */
static inline const char *lab_change(struct lab *lab, uint64_t seq)
{
    struct change change;
    struct bytes packed;
    struct buffer text = {0};
    LAB_OK(lab, store_change(lab->store, seq, &packed, &lab->e));
    LAB_OK(lab, change_unpack(&lab->arena, packed, &change, &lab->e));
    assert_true(change.seq == seq && change.shard == 12 && change.epoch == 1);
    buffer_printf(&text, "%s %.*s ", change_op_name(change.op), BYTES_ARG(change.id));
    if (change.before.data)
        LAB_OK(lab, value_msgpack_to_json(change.before, &text, &lab->e));
    buffer_add_text(&text, " -> ");
    if (change.after.data)
        LAB_OK(lab, value_msgpack_to_json(change.after, &text, &lab->e));
    buffer_printf(&text, " after %" PRIu64, change.previous);
    const char *copy = arena_strdup(&lab->arena, buffer_bytes(&text));
    buffer_close(&text);
    return copy;
}

/* {"x":"yyy…"} */
static inline char *lab_filler(struct lab *lab, size_t len)
{
    char *json = arena_alloc(&lab->arena, len + 16);
    memcpy(json, "{\"x\":\"", 6);
    memset(json + 6, 'y', len);
    memcpy(json + 6 + len, "\"}", 3);
    return json;
}

/* Opens the file at `path` beside what is open, and closes it. */
static inline int lab_try_open(struct lab *lab, uint32_t shard, bool read_only)
{
    struct store_options options = {
        .path = lab->path, .shard = shard, .map_size = lab->map_size, .read_only = read_only};
    struct store *store = NULL;
    int r = store_open(&options, &store, &lab->e);
    assert_int_equal(store == NULL, r != 0);
    store_close(store);
    return r;
}

#endif
