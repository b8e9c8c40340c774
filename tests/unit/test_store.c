/* The store: resources and their changes, transactions, collections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

/* A resource's life is a chain of changes, and the store holds its last document. */
static void a_life_is_a_chain(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(store_shard(lab->store), 12);
    lab_collection(lab, "aws.ec2.snapshot");
    uint32_t a = lab_create(lab, "snap-a", "{\"size\":1}");
    uint32_t b = lab_create(lab, "snap-b", "{\"size\":2}");
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);
    lab_update(lab, a, "{\"size\":3}");
    lab_receipt(lab, true);
    lab_delete(lab, a);
    assert_int_equal(lab_create(lab, "snap-a", "{\"size\":4}"), 2);
    lab_put(lab);
    assert_int_equal(store_gathered(lab->store), 5);
    lab_commit(lab);

    lab_reopen(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_string_equal(lab_document(lab, a), "gone");
    assert_string_equal(lab_document(lab, b), "{\"size\":2}");
    assert_string_equal(lab_document(lab, 2), "{\"size\":4}");
    assert_string_equal(lab_change(lab, 1), "created snap-a  -> {\"size\":1} after 0");
    assert_string_equal(lab_change(lab, 3), "updated snap-a {\"size\":1} -> {\"size\":3} after 1");
    assert_string_equal(lab_change(lab, 4), "deleted snap-a {\"size\":3} ->  after 3");
    assert_string_equal(lab_change(lab, 5), "created snap-a  -> {\"size\":4} after 0");
    assert_int_equal(store_head(lab->store), 5);
    assert_int_equal(store_oldest(lab->store), 1);
    uint32_t row;
    LAB_OK(lab, store_row_find(lab->store, lab->record.id, BYTES("snap-a"), &row, &lab->e));
    assert_int_equal(row, 2);
    store_done(lab->store);
    assert_string_equal(lab_verify(lab), "");
}

/* What is aborted never was: not a document, not a seq, not a collection's id. */
static void an_abort_leaves_nothing(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_create(lab, "a", "{}");
    lab_put(lab);
    lab_commit(lab);
    struct collection_record kept = lab->record;

    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_create(lab, "b", "{}");
    lab_update(lab, 0, "{\"x\":1}");
    lab_collection(lab, "aws.ec2.volume");
    assert_int_equal(lab->record.id, 2);
    assert_int_equal(store_head(lab->store), 3);
    store_abort(lab->store);
    assert_int_equal(store_head(lab->store), 1);
    assert_int_equal(store_gathered(lab->store), 0);
    assert_string_equal(lab_verify(lab), "");

    lab_collection(lab, "aws.ec2.vpc");
    assert_int_equal(lab->record.id, 2);
    lab->record = kept;
    assert_int_equal(lab_create(lab, "c", "{}"), 1);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* What is wrong with one document is said before anything is written, and costs only that document. */
static void a_refusal_spoils_nothing(void **state)
{
    struct lab *lab = *state;
    struct digest digest = {{0}};
    uint32_t row = 0;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_create(lab, "a", "{}");

    assert_int_equal(lab_try(lab, CHANGE_CREATED, BYTES("a"), "{}", &row), ERR_STORE);
    assert_non_null(strstr(lab->e.text, "\"a\" is there already"));
    assert_int_equal(lab_try(lab, CHANGE_CREATED, BYTES("\xff"), "{}", &row), ERR_ID);
    row = 7;
    assert_int_equal(lab_try(lab, CHANGE_UPDATED, (struct bytes){0}, "{}", &row), ERR_STORE);
    row = 0;
    assert_int_equal(lab_try(lab, CHANGE_UPDATED, BYTES("b"), "{}", &row), ERR_STORE);
    size_t len = LIMIT_DOCUMENT_BYTES + 1;
    char *big = mem_zalloc(len);
    struct change change = {.op = CHANGE_CREATED, .id = BYTES("big"), .after = {big, len}};
    assert_int_equal(store_apply(lab->store, &lab->record, &change, &digest, &row, &lab->e), ERR_LIMIT);
    assert_string_equal(lab->e.text, "shard 12, aws/123456789012 eu-west-1 aws.ec2.snapshot: a document of "
                                     "16777217 bytes: 16777216 are allowed");
    change.id = (struct bytes){big, LIMIT_ID_BYTES + 1};
    change.after = lab_packed(lab, "{}");
    assert_int_equal(store_apply(lab->store, &lab->record, &change, &digest, &row, &lab->e), ERR_LIMIT);
    free(big);

    lab_put(lab);
    lab_commit(lab);
    assert_int_equal(store_head(lab->store), 1);
    assert_string_equal(lab_verify(lab), "");
}

/* --- collections --- */

static int count_record(void *context, const struct collection_record *record)
{
    uint32_t *count = context;
    assert_int_equal(record->id, ++*count);
    return 0;
}

static int find_by_key(void *context, uint32_t id, const struct collection_key *key)
{
    struct lab *lab = context;
    struct collection_record found;
    LAB_OK(lab, store_collection_find(lab->store, key, &lab->arena, &found, &lab->e));
    assert_int_equal(found.id, id);
    assert_int_equal(found.key.region.data == NULL, key->region.data == NULL);
    lab->now_ms++;
    return id == UINT32_MAX;
}

static struct digest one_digest(struct bytes span, const struct hash_secret *secret)
{
    (void)span, (void)secret;
    return (struct digest){{1, 2, 3}};
}

static struct bytes long_text(struct lab *lab, size_t len, char last)
{
    char *text = arena_alloc(&lab->arena, len);
    memset(text, 'x', len);
    text[len - 1] = last;
    return (struct bytes){text, len};
}

/* Collections are told apart by every part of their key, however long, even where digests collide. */
static void collections_are_told_apart(void **state)
{
    struct lab *lab = *state;
    lab->store->hash = one_digest;
    struct collection_record records[8];
    for (int i = 0; i < 8; i++)
        records[i] = lab_record(i < 2 ? "aws.ec2.snapshot" : "aws.s3.object");
    records[1].key.region = (struct bytes){0};
    records[2].key.region = BYTES("");
    records[3].key.parent = BYTES("");
    records[4].key.parent = long_text(lab, 508, 'a');
    records[5].key.parent = long_text(lab, 508, 'b');
    records[6].key.parent = long_text(lab, 40000, 'c');
    records[7].key.account = BYTES("1");
    LAB_OK(lab, store_write(lab->store, &lab->e));
    for (uint32_t i = 0; i < 8; i++) {
        LAB_OK(lab, store_collection_put(lab->store, &records[i], &lab->e));
        assert_int_equal(records[i].id, i + 1);
    }
    struct collection_record again = records[5], found;
    again.id = 0;
    assert_int_equal(store_collection_put(lab->store, &again, &lab->e), ERR_STORE);
    lab_commit(lab);

    LAB_OK(lab, store_read(lab->store, &lab->e));
    for (uint32_t i = 0; i < 8; i++) {
        LAB_OK(lab, store_collection_find(lab->store, &records[i].key, &lab->arena, &found, &lab->e));
        assert_int_equal(found.id, i + 1);
        assert_true(bytes_equal(found.key.parent, records[i].key.parent));
        assert_int_equal(found.key.region.data == NULL, i == 1);
    }
    again.key.parent = long_text(lab, 508, 'z');
    assert_int_equal(store_collection_find(lab->store, &again.key, &lab->arena, &found, &lab->e),
                     ERR_NOT_FOUND);
    uint32_t count = 0;
    LAB_OK(lab, store_collections_each(lab->store, count_record, &count, &lab->e));
    assert_int_equal(count, 8);
    int64_t before = lab->now_ms;
    LAB_OK(lab, store_collection_keys_each(lab->store, find_by_key, lab, &lab->e));
    assert_int_equal(lab->now_ms - before, 8);
    store_done(lab->store);
    assert_string_equal(lab_verify(lab), "");
}

/* A key that was cut is told, wherever it was cut. */
static void a_cut_key_is_told(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_commit(lab);
    struct key whole = {.bytes = {COLLECTION_BY_KEY, TAG_SHORT}, .len = 2};
    struct buffer parts = {0};
    collection_key_bytes(&lab->record.key, &parts);
    memcpy(whole.bytes + 2, parts.data, parts.len);
    for (size_t len = 2; len < parts.len + 2; len++) {
        struct key cut = whole;
        cut.len = len;
        LAB_OK(lab, store_write(lab->store, &lab->e));
        LAB_OK(lab, table_put(lab->store, TABLE_COLLECTIONS, key_bytes(&cut), (struct bytes){"\0\0\0\1", 4},
                              0, &lab->e));
        assert_int_equal(store_collection_keys_each(lab->store, find_by_key, lab, &lab->e), ERR_CORRUPT);
        assert_string_equal(lab->e.text, "shard 12: the key of collection 1 can't be read");
        store_abort(lab->store);
    }
    buffer_close(&parts);
}

/* A dropped collection leaves its changes and receipts, and its neighbours, alone. */
static void a_drop_takes_all_but_changes_and_receipts(void **state)
{
    struct lab *lab = *state;
    struct collection_record found;
    lab_collection(lab, "aws.ec2.snapshot");
    struct collection_record neighbour = lab->record;
    lab_create(lab, "n", "{}");
    neighbour = lab->record;
    lab_put(lab);
    lab_collection(lab, "aws.ec2.volume");
    uint32_t row = lab_create(lab, "v", "{}");
    lab_receipt(lab, true);
    LAB_OK(lab, store_missing_put(lab->store, lab->record.id, row,
                                  &(struct missing){.since_ms = 5, .harvests = {1}, .count = 1}, &lab->e));
    lab_delete(lab, row);
    lab_create(lab, "w", "{}");
    lab_put(lab);
    lab_status(lab, STATUS_DEFINITION, true);
    LAB_OK(lab, store_collection_drop(lab->store, lab->record.id, false, &lab->e));
    assert_int_equal(store_collection_drop(lab->store, lab->record.id, false, &lab->e), ERR_NOT_FOUND);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");

    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_int_equal(store_collection_find(lab->store, &lab->record.key, &lab->arena, &found, &lab->e),
                     ERR_NOT_FOUND);
    assert_int_equal(store_row_find(lab->store, lab->record.id, BYTES("w"), &row, &lab->e), ERR_NOT_FOUND);
    struct receipt receipt;
    LAB_OK(lab, store_receipt_get(lab->store, (struct receipt_id){12, 2, 1}, &lab->arena, &receipt, &lab->e));
    assert_string_equal(lab_change(lab, 3), "deleted v {} ->  after 2");
    lab->record = neighbour;
    assert_string_equal(lab_document(lab, 0), "{}");
    store_done(lab->store);

    lab_collection(lab, "aws.ec2.volume"); /* comes back as another one */
    assert_int_equal(lab->record.id, 3);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A collection that starts anew keeps its record, and never uses a row again. */
static void a_collection_starts_anew(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_create(lab, "a", "{}");
    lab_create(lab, "b", "{}");
    lab_put(lab);
    LAB_OK(lab, store_collection_drop(lab->store, lab->record.id, true, &lab->e));
    LAB_OK(lab, store_collection_by_id(lab->store, 1, &lab->arena, &lab->record, &lab->e));
    assert_int_equal(lab->record.rows, 0);
    lab_status(lab, STATUS_DEFINITION, true);
    assert_int_equal(lab_create(lab, "a", "{\"new\":true}"), 2);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* --- ids --- */

/* Long ids are told apart in full; one that goes takes none of the others with it. */
static void long_ids_are_told_apart(void **state)
{
    struct lab *lab = *state;
    uint32_t rows[6], row;
    struct bytes ids[6];
    lab->store->hash = one_digest;
    lab_collection(lab, "aws.s3.object");
    for (int i = 0; i < 6; i++) {
        ids[i] = long_text(lab, i < 2 ? 506 : 4096 - (size_t)i % 2, (char)('a' + i));
        LAB_OK(lab, lab_try(lab, CHANGE_CREATED, ids[i], "{}", &rows[i]));
    }
    lab_receipt(lab, true);
    lab_delete(lab, rows[3]);
    lab_delete(lab, rows[2]);
    for (int i = 0; i < 6; i++) {
        int r = store_row_find(lab->store, lab->record.id, ids[i], &row, &lab->e);
        assert_int_equal(r, i == 2 || i == 3 ? ERR_NOT_FOUND : 0);
        assert_true(r || row == rows[i]);
    }
    LAB_OK(lab, lab_try(lab, CHANGE_CREATED, ids[3], "{}", &row));
    assert_int_equal(lab_try(lab, CHANGE_CREATED, ids[5], "{}", &row), ERR_STORE);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* Digests that collide beyond what the counter tells apart are an error, not a lost id. */
static void too_many_collisions_are_an_error(void **state)
{
    struct lab *lab = *state;
    uint32_t row;
    lab->store->hash = one_digest;
    lab_collection(lab, "aws.s3.object");
    char id[600];
    memset(id, 'x', sizeof id);
    for (int i = 0; i < 257; i++) {
        memcpy(id, &(char[2]){(char)('a' + i % 26), (char)('A' + i / 26)}, 2);
        int r = lab_try(lab, CHANGE_CREATED, (struct bytes){id, sizeof id}, "{}", &row);
        assert_int_equal(r, i < 256 ? 0 : ERR_STORE);
    }
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* --- documents --- */

/* What the rules don't see is stored without a change, and keeps what is known of the resource. */
static void an_unseen_difference_makes_no_change(void **state)
{
    struct lab *lab = *state;
    struct bytes unordered = BYTES("/tags");
    struct document document;
    lab->record = lab_record("aws.ec2.snapshot");
    lab->record.unordered = &unordered;
    lab->record.unordered_count = 1;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_put(lab);
    lab_create(lab, "a", "{\"tags\":[1,2]}");
    lab_put(lab);
    struct bytes packed = lab_packed(lab, "{\"tags\":[2,1]}");
    struct digest digest = lab_digest(lab, packed, &lab->record);
    LAB_OK(lab, store_document_put(lab->store, lab->record.id, 0, packed, &digest, &lab->e));
    assert_int_equal(store_document_put(lab->store, lab->record.id, 1, packed, &digest, &lab->e), ERR_STORE);
    assert_int_equal(store_head(lab->store), 1);
    assert_string_equal(lab_document(lab, 0), "{\"tags\":[2,1]}");
    LAB_OK(lab, store_document(lab->store, lab->record.id, 0, &document, &lab->e));
    assert_true(bytes_is(document.id, "a") && document.last_seq == 1 && document.first_seen_ms > 0);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

struct seen {
    uint32_t rows[8], count;
};

static int see_three(void *context, const struct document *document)
{
    struct seen *seen = context;
    seen->rows[seen->count++] = document->row;
    return seen->count == 3 ? 77 : 0;
}

/* Documents come by row, of one collection only, from where one asks, until one has enough. */
static void documents_come_by_row(void **state)
{
    struct lab *lab = *state;
    struct seen seen = {0};
    char id[8];
    for (int c = 0; c < 3; c++) {
        lab_collection(lab, c == 0 ? "a" : c == 1 ? "b" : "c");
        for (int i = 0; i < 6; i++) {
            snprintf(id, sizeof id, "%d", 9 - i);
            lab_create(lab, id, "{}");
        }
        lab_put(lab);
    }
    assert_int_equal(store_documents_each(lab->store, 2, 2, see_three, &seen, &lab->e), 77);
    assert_int_equal(seen.rows[0], 2);
    assert_int_equal(seen.rows[2], 4);
    seen.count = 0;
    LAB_OK(lab, store_documents_each(lab->store, 2, 4, see_three, &seen, &lab->e));
    assert_int_equal(seen.count, 2);
    roaring_bitmap_t *rows = roaring_bitmap_create();
    LAB_OK(lab, store_rows(lab->store, 2, rows, &lab->e));
    assert_int_equal(roaring_bitmap_get_cardinality(rows), 6);
    assert_int_equal(roaring_bitmap_maximum(rows), 5);
    roaring_bitmap_free(rows);
}

/* Create resources of 1 kB until it is time to commit. */
static uint32_t fill(struct lab *lab, uint32_t *next)
{
    char json[1100], id[32];
    uint32_t count = 0;
    snprintf(json, sizeof json, "{\"x\":\"%01000d\"}", 7);
    while (!store_is_full(lab->store)) {
        snprintf(id, sizeof id, "%08x%08" PRIx32, *next * 2654435761U, *next);
        ++*next;
        lab_create(lab, id, json);
        arena_reset(&lab->arena);
        count++;
    }
    lab_put(lab);
    lab_commit(lab);
    return count;
}

/* Ids stand in no order: the more there are, the more pages a commit of as many items holds. */
static void a_commit_is_full_by_items_or_by_memory(void **state)
{
    struct lab *lab = *state;
    uint32_t next = 0;
    lab_collection(lab, "aws.ec2.snapshot");
    uint32_t at_first = fill(lab, &next);
    assert_false(store_is_full(lab->store));
    assert_in_range(at_first, 6000, 9000);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    assert_in_range(fill(lab, &next), 5000, at_first - 1);
    lab_collection(lab, "aws.ec2.volume");
    for (int i = 0; i < LIMIT_COMMIT_ITEMS; i++) {
        assert_false(store_is_full(lab->store));
        lab_status(lab, STATUS_LISTED, false);
    }
    assert_true(store_is_full(lab->store));
}

static size_t leaf_pages(struct lab *lab, enum table table)
{
    MDB_stat stat;
    assert_int_equal(mdb_stat(lab->store->txn, lab->store->tables[table], &stat), 0);
    return stat.ms_leaf_pages;
}

/* Seven documents of 550 bytes fit into a page. */
static void documents_fill_their_pages_where_rows_come_last(void **state)
{
    struct lab *lab = *state;
    char json[600], id[32];
    snprintf(json, sizeof json, "{\"x\":\"%0500d\"}", 7);
    struct collection_record two[2];
    lab_collection(lab, "first");
    two[0] = lab->record;
    lab_collection(lab, "second");
    two[1] = lab->record;
    for (int i = 0; i < 1400; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        lab->record = two[i / 7 % 2];
        lab_create(lab, id, json);
        two[i / 7 % 2] = lab->record;
    }
    assert_in_range(leaf_pages(lab, TABLE_DOCUMENTS), 200, 200 + 700 / 6 - 700 / 7 + 4);
    for (int i = 0; i < 2; i++) {
        lab->record = two[i];
        lab_put(lab);
    }
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_life_is_a_chain, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(an_abort_leaves_nothing, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_refusal_spoils_nothing, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(collections_are_told_apart, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_cut_key_is_told, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_drop_takes_all_but_changes_and_receipts, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_collection_starts_anew, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(long_ids_are_told_apart, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(too_many_collisions_are_an_error, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(an_unseen_difference_makes_no_change, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(documents_come_by_row, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_commit_is_full_by_items_or_by_memory, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(documents_fill_their_pages_where_rows_come_last, lab_setup,
                                        lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
