/* Whatever a record was turned into, reading it is an answer or an error, and never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/random.h"
#include "tests/unit/test_verify_lab.h"

struct cell {
    enum table table;
    struct bytes key, value;
};

struct cells {
    struct lab *lab;
    enum table table;
    struct cell list[128];
    size_t count;
};

static int collect(void *context, struct bytes key, struct bytes value)
{
    struct cells *cells = context;
    assert_true(cells->count < 128);
    cells->list[cells->count++] = (struct cell){cells->table, arena_copy(&cells->lab->arena, key),
                                                arena_copy(&cells->lab->arena, value)};
    return 0;
}

static int ignore_document(void *context, const struct document *document)
{
    (void)context, (void)document;
    return 0;
}

static int ignore_receipt(void *context, const struct receipt *receipt)
{
    struct buffer json = {0};
    (void)context;
    receipt_to_json(receipt, &json);
    buffer_close(&json);
    return 0;
}

static int ignore_record(void *context, const struct collection_record *record)
{
    (void)context, (void)record;
    return 0;
}

static int print_change(void *context, uint64_t seq, struct bytes packed)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct change change;
    (void)context, (void)seq;
    int r = change_unpack(&arena, packed, &change, NULL);
    if (!r)
        r = change_to_json(&change, &json, NULL);
    assert_true(r == 0 || r == ERR_CORRUPT);
    buffer_close(&json);
    arena_close(&arena);
    return 0;
}

static int print_quarantined(void *context, const struct quarantined *item)
{
    struct buffer json = {0};
    (void)context;
    quarantined_add_json(item, &json);
    if (item->item.data)
        value_msgpack_to_json(item->item, &json, NULL);
    buffer_close(&json);
    return 0;
}

/* Everything that reads, and writes what depends on what it reads: an answer or an error, never a crash. */
static void use_all(struct lab *lab)
{
    struct store *s = lab->store;
    struct collection_record record;
    struct document document;
    struct missing missing;
    uint32_t row;
    lab_verify(lab);
    store_collections_each(s, ignore_record, NULL, &lab->e);
    store_quarantine_each(s, 1, print_quarantined, NULL, &lab->e);
    store_receipts_each(s, 1, 9, ignore_receipt, NULL, &lab->e);
    store_changes_each(s, 1, print_change, NULL, &lab->e);
    store_documents_each(s, 1, 0, ignore_document, NULL, &lab->e);
    store_row_find(s, 1, BYTES("c"), &row, &lab->e);
    store_missing_get(s, 1, 2, &missing, &lab->e);
    store_collection_find(s, &lab->record.key, &lab->arena, &record, &lab->e);
    for (uint32_t i = 0; i < 6; i++)
        store_document(s, 1, i, &document, &lab->e);
    struct collection_record kept = lab->record;
    store_quarantine_drop_unmet(s, &lab->record, 2, &lab->e);
    for (row = 0; row < 5; row++)
        lab_try(lab, row % 2 ? CHANGE_DELETED : CHANGE_UPDATED, (struct bytes){0}, row % 2 ? NULL : "{}",
                &row);
    store_collection_drop(s, 1, false, &lab->e);
    lab->record = kept;
}

static struct bytes mutated(struct lab *lab, struct random *random, struct bytes value)
{
    struct bytes copy = arena_copy(&lab->arena, value);
    char *data = (char *)(uintptr_t)copy.data;
    uint64_t how = random_below(random, 4);
    if (how == 0)
        copy.len = (size_t)random_below(random, copy.len + 1);
    for (uint64_t i = random_below(random, 3) + (how != 0); copy.len && i > 0; i--)
        data[random_below(random, copy.len)] = (char)(random_below(random, 2) ? random_u64(random) : 0xff);
    return copy;
}

static void no_record_can_crash_it(void **state)
{
    struct lab *lab = *state;
    struct cells cells = {.lab = lab};
    struct random random;
    random_seed(&random, 7);
    verify_fill(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    for (int table = 0; table < TABLE_COUNT; table++) {
        cells.table = (enum table)table;
        LAB_OK(lab, table_each(lab->store, cells.table, (struct bytes){0}, (struct bytes){0}, collect, &cells,
                               &lab->e));
    }
    store_done(lab->store);
    assert_true(cells.count > 30);
    unsigned found = 0, tried = 0;
    struct arena base = lab->arena;
    lab->arena = (struct arena){0};
    for (size_t i = 0; i < cells.count; i++)
        for (int round = 0; round < 60; round++) {
            struct cell *cell = &cells.list[i];
            struct bytes value = mutated(lab, &random, cell->value), key = cell->key;
            LAB_OK(lab, store_write(lab->store, &lab->e));
            if (round % 10 == 9) { /* the key instead */
                key = mutated(lab, &random, key);
                value = cell->value;
                LAB_OK(lab, table_delete(lab->store, cell->table, cell->key, &lab->e));
            }
            if (key.len)
                LAB_OK(lab, table_put(lab->store, cell->table, key, value, 0, &lab->e));
            use_all(lab);
            found += lab->faults.len > 0;
            tried++;
            store_abort(lab->store);
            arena_reset(&lab->arena);
        }
    arena_close(&lab->arena);
    lab->arena = base;
    print_message("%u of %u mutations were faults\n", found, tried);
    assert_true(found > tried / 2);
    assert_string_equal(lab_verify(lab), "");
}

/* A document that was cut anywhere is told, and nothing behind its end is read. */
static void a_cut_document_is_corrupt(void **state)
{
    struct lab *lab = *state;
    struct document document;
    struct bytes value;
    struct key key = key_row(1, 0);
    verify_fill(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, table_get(lab->store, TABLE_DOCUMENTS, key_bytes(&key), &value, &lab->e));
    size_t whole = value.len;
    for (size_t len = 0; len <= whole; len++) {
        char *copy = mem_alloc(len);
        memcpy(copy, value.data, len);
        int r = document_read((struct bytes){copy, len}, 0, &document, &lab->e);
        assert_int_equal(r, len > DOCUMENT_HEAD_BYTES + 1 ? 0 : ERR_CORRUPT);
        assert_true(r || document.id.data + document.id.len + document.packed.len == copy + len);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cut_document_is_corrupt, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(no_record_can_crash_it, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
