/* The store against a model that is too simple to be wrong: seeded random operations, commits, aborts,
 * reopenings and compactions; after each commit the store verifies, and holds what the model holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/random.h"
#include "tests/unit/test_store_lab.h"

enum { COLLECTIONS = 3, ROWS = 160, IDS = 24, SEEDS = 16, STEPS = 400 };

struct model_row {
    bool live, missing;
    unsigned id; /* number of its id */
    unsigned version;
    bool swapped; /* its unordered array stands the other way round */
    uint64_t last_seq;
};

struct model_collection {
    bool there;
    struct collection_record record;
    struct model_row rows[ROWS];
};

struct model {
    struct model_collection collections[COLLECTIONS];
    uint64_t head;
};

struct world {
    struct lab *lab;
    struct random random;
    struct model now, committed;
    bool collide;
};

static const struct bytes unordered_tags = {"/tags", 5};

static struct digest few_digests(struct bytes span, const struct hash_secret *secret)
{
    struct digest digest = hash128(span, secret);
    memset(digest.bytes + 1, 0, sizeof digest.bytes - 1);
    digest.bytes[0] &= 1;
    return digest;
}

/* Every third id is too long for a key. */
static struct bytes id_text(struct world *w, unsigned id)
{
    char *text = arena_alloc(&w->lab->arena, 700);
    int len = snprintf(text, 700, "%*s%u", id % 3 == 0 ? 600 : 1, "i-", id);
    return (struct bytes){text, (size_t)len};
}

static const char *json_of(struct world *w, const struct model_row *row)
{
    return arena_printf(&w->lab->arena,
                        row->swapped ? "{\"v\":%u,\"tags\":[\"b\",\"a\"],\"pad\":\"%0*u\"}"
                                     : "{\"v\":%u,\"tags\":[\"a\",\"b\"],\"pad\":\"%0*u\"}",
                        row->version, (int)(row->version * 131 % 3000) + 1, 7u);
}

static struct model_row *row_with_id(struct model_collection *c, unsigned id)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (c->rows[i].live && c->rows[i].id == id)
            return &c->rows[i];
    return NULL;
}

static struct model_row *random_live(struct world *w, struct model_collection *c)
{
    unsigned from = (unsigned)random_below(&w->random, ROWS);
    for (unsigned i = 0; i < ROWS; i++)
        if (c->rows[(from + i) % ROWS].live)
            return &c->rows[(from + i) % ROWS];
    return NULL;
}

/* What a delete rests on, or may come to rest on. */
static void pin(struct world *w, const struct model_collection *c)
{
    struct receipt_id id = {12, c->record.id, c->record.next_harvest - 1};
    LAB_OK(w->lab, store_receipt_pin(w->lab->store, id, &w->lab->e));
}

static void apply(struct world *w, struct model_collection *c, enum change_op op, struct model_row *row)
{
    uint32_t number = (uint32_t)(row - c->rows);
    if (op == CHANGE_DELETED)
        pin(w, c);
    w->lab->record = c->record;
    LAB_OK(w->lab, lab_try(w->lab, op, op == CHANGE_CREATED ? id_text(w, row->id) : (struct bytes){0},
                           op == CHANGE_DELETED ? NULL : json_of(w, row), &number));
    assert_int_equal(number, row - c->rows);
    c->record = w->lab->record;
    row->last_seq = ++w->now.head;
    if (op == CHANGE_DELETED)
        *row = (struct model_row){0};
}

static void make_collection(struct world *w, struct model_collection *c, unsigned number)
{
    static const char *const types[] = {"aws.ec2.snapshot", "aws.ec2.volume", "aws.s3.object"};
    *c = (struct model_collection){.there = true, .record = lab_record(types[number])};
    c->record.unordered = &unordered_tags;
    c->record.unordered_count = 1;
    LAB_OK(w->lab, store_collection_put(w->lab->store, &c->record, &w->lab->e));
    w->lab->record = c->record;
    lab_receipt(w->lab, true);
    c->record = w->lab->record;
}

static void create(struct world *w, struct model_collection *c)
{
    unsigned id = (unsigned)random_below(&w->random, IDS);
    struct model_row *row = &c->rows[c->record.next_row];
    uint32_t number;
    w->lab->record = c->record;
    if (row_with_id(c, id)) {
        assert_int_equal(lab_try(w->lab, CHANGE_CREATED, id_text(w, id), "{}", &number), ERR_STORE);
        return;
    }
    *row = (struct model_row){.live = true, .id = id, .version = (unsigned)random_below(&w->random, 1000)};
    apply(w, c, CHANGE_CREATED, row);
}

/* Another order of what has none: no change. */
static void swap(struct world *w, struct model_collection *c, struct model_row *row)
{
    row->swapped = !row->swapped;
    struct bytes packed = lab_packed(w->lab, json_of(w, row));
    struct digest digest = lab_digest(w->lab, packed, &c->record);
    LAB_OK(w->lab, store_document_put(w->lab->store, c->record.id, (uint32_t)(row - c->rows), packed, &digest,
                                      &w->lab->e));
}

static void miss(struct world *w, struct model_collection *c, struct model_row *row)
{
    struct missing missing = {.since_ms = 9, .harvests = {1}, .count = 1};
    row->missing = true;
    pin(w, c);
    LAB_OK(w->lab,
           store_missing_put(w->lab->store, c->record.id, (uint32_t)(row - c->rows), &missing, &w->lab->e));
}

static void see(struct world *w, struct model_collection *c)
{
    roaring_bitmap_t *seen = roaring_bitmap_create();
    for (uint32_t i = 0; i < ROWS; i++)
        if (random_below(&w->random, 2)) {
            roaring_bitmap_add(seen, i);
            c->rows[i].missing = false;
        }
    LAB_OK(w->lab, store_missing_forget(w->lab->store, c->record.id, seen, &w->lab->e));
    roaring_bitmap_free(seen);
}

/* Start anew, or go: told by a `void`, or by a delete each. */
static void drop(struct world *w, struct model_collection *c, bool keep)
{
    if (!keep && random_below(&w->random, 2)) {
        for (unsigned i = 0; i < ROWS; i++)
            if (c->rows[i].live)
                apply(w, c, CHANGE_DELETED, &c->rows[i]);
    } else {
        w->lab->record = c->record;
        lab_status(w->lab, STATUS_DEFINITION, true);
        w->now.head++;
    }
    LAB_OK(w->lab, store_collection_put(w->lab->store, &c->record, &w->lab->e));
    LAB_OK(w->lab, store_collection_drop(w->lab->store, c->record.id, keep, &w->lab->e));
    memset(c->rows, 0, sizeof c->rows);
    c->record.rows = 0;
    c->there = keep;
}

static void step(struct world *w)
{
    unsigned number = (unsigned)random_below(&w->random, COLLECTIONS);
    struct model_collection *c = &w->now.collections[number];
    unsigned what = (unsigned)random_below(&w->random, 100);
    LAB_OK(w->lab, store_write(w->lab->store, &w->lab->e));
    if (!c->there) {
        make_collection(w, c, number);
        return;
    }
    struct model_row *row = random_live(w, c);
    if (what < 45 && c->record.next_row < ROWS) {
        create(w, c);
    } else if (what < 46) {
        drop(w, c, what % 2 && c->record.next_row < ROWS - 40);
    } else if (what < 47) {
        drop(w, c, true);
    } else if (what < 52) {
        w->lab->record = c->record;
        lab_status(w->lab, STATUS_UNREACHABLE, false);
        w->now.head++;
    } else if (!row) {
        return;
    } else if (what < 70) {
        row->version = (unsigned)random_below(&w->random, 1000);
        apply(w, c, CHANGE_UPDATED, row);
    } else if (what < 82) {
        apply(w, c, CHANGE_DELETED, row);
    } else if (what < 88) {
        swap(w, c, row);
    } else if (what < 96) {
        miss(w, c, row);
    } else {
        see(w, c);
    }
}

/* --- comparing --- */

struct comparison {
    struct world *w;
    struct model_collection *c;
    uint32_t next;
};

static int compare_document(void *context, const struct document *document)
{
    struct comparison *at = context;
    struct lab *lab = at->w->lab;
    while (at->next < ROWS && !at->c->rows[at->next].live)
        at->next++;
    assert_int_equal(document->row, at->next);
    const struct model_row *row = &at->c->rows[at->next++];
    assert_true(bytes_equal(document->id, id_text(at->w, row->id)));
    assert_true(bytes_equal(document->packed, lab_packed(lab, json_of(at->w, row))));
    assert_int_equal(document->last_seq, row->last_seq);
    return 0;
}

static void compare_collection(struct world *w, struct model_collection *c)
{
    struct lab *lab = w->lab;
    struct comparison at = {w, c, 0};
    struct collection_record found;
    int r = c->record.key.type.len
                ? store_collection_find(lab->store, &c->record.key, &lab->arena, &found, &lab->e)
                : ERR_NOT_FOUND;
    assert_int_equal(r, c->there ? 0 : ERR_NOT_FOUND);
    if (r)
        return;
    assert_int_equal(found.id, c->record.id);
    assert_int_equal(found.rows, c->record.rows);
    assert_int_equal(found.next_row, c->record.next_row);
    LAB_OK(lab, store_documents_each(lab->store, found.id, 0, compare_document, &at, &lab->e));
    while (at.next < ROWS)
        assert_false(c->rows[at.next++].live);
    for (unsigned id = 0; id < IDS; id++) {
        uint32_t row;
        const struct model_row *expected = row_with_id(c, id);
        r = store_row_find(lab->store, found.id, id_text(w, id), &row, &lab->e);
        assert_int_equal(r, expected ? 0 : ERR_NOT_FOUND);
        assert_true(r || row == expected - c->rows);
    }
    roaring_bitmap_t *missing = roaring_bitmap_create(), *expected = roaring_bitmap_create();
    for (uint32_t i = 0; i < ROWS; i++)
        if (c->rows[i].missing)
            roaring_bitmap_add(expected, i);
    LAB_OK(lab, store_missing_rows(lab->store, found.id, missing, &lab->e));
    assert_true(roaring_bitmap_equals(missing, expected));
    roaring_bitmap_free(missing);
    roaring_bitmap_free(expected);
}

static void compare(struct world *w)
{
    assert_string_equal(lab_verify(w->lab), "");
    LAB_OK(w->lab, store_read(w->lab->store, &w->lab->e));
    assert_int_equal(store_head(w->lab->store), w->now.head);
    for (int i = 0; i < COLLECTIONS; i++)
        compare_collection(w, &w->now.collections[i]);
    store_done(w->lab->store);
    arena_reset(&w->lab->arena);
}

static void put_records(struct world *w)
{
    for (int i = 0; i < COLLECTIONS; i++)
        if (w->now.collections[i].there)
            LAB_OK(w->lab, store_collection_put(w->lab->store, &w->now.collections[i].record, &w->lab->e));
}

static void let_receipts_go(struct world *w)
{
    struct lab *lab = w->lab;
    struct receipt_id last = {0}, found[2];
    bool end = false;
    while (!end) {
        uint32_t count;
        LAB_OK(lab, store_receipts_unneeded(lab->store, &last, 2, found, &count, &end, &lab->e));
        for (uint32_t i = 0; i < count; i++)
            LAB_OK(lab, store_receipt_unpin(lab->store, found[i], &lab->e));
    }
}

/* The log's beginning goes, in a transaction of its own. What is there doesn't change. */
static void compact(struct world *w)
{
    struct lab *lab = w->lab;
    uint64_t oldest = store_oldest(lab->store), count = store_head(lab->store) + 1 - oldest;
    struct store_compaction what = {.up_to = oldest + random_below(&w->random, count + 1),
                                    .before_ms = lab->now_ms,
                                    .most = (uint32_t)random_below(&w->random, 40)};
    uint32_t gone;
    uint64_t expected = what.up_to - oldest + 1 < count ? what.up_to - oldest + 1 : count;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_compact(lab->store, &what, &gone, &lab->e));
    assert_int_equal(gone, expected < what.most ? expected : what.most);
    if (random_below(&w->random, 2))
        let_receipts_go(w);
    lab_commit(lab);
    assert_int_equal(store_oldest(lab->store), oldest + gone);
    compare(w);
}

static void end_transaction(struct world *w)
{
    struct lab *lab = w->lab;
    unsigned how = (unsigned)random_below(&w->random, 6);
    if (how == 0) {
        store_abort(lab->store);
        w->now = w->committed;
    } else if (how == 1) { /* closed in the midst of a transaction */
        lab_reopen(lab);
        w->now = w->committed;
    } else {
        if (store_writing(lab->store))
            put_records(w);
        if (how == 2)
            compare(w); /* within the transaction */
        lab_commit(lab);
        w->committed = w->now;
    }
    if (how == 3)
        lab_reopen(lab);
    if (w->collide)
        lab->store->hash = few_digests;
    compare(w);
    if (random_below(&w->random, 3) == 0)
        compact(w);
}

static void the_store_holds_what_the_model_holds(void **state)
{
    const char *only = getenv("GARNER_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only ? first : SEEDS;
    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        void *lab;
        lab_setup(&lab);
        struct world *w = mem_zalloc(sizeof *w);
        w->lab = lab;
        w->collide = seed % 2;
        random_seed(&w->random, seed);
        print_message("GARNER_SEED=%" PRIu64 "\n", seed);
        if (w->collide)
            w->lab->store->hash = few_digests;
        for (int i = 0; i < STEPS; i++) {
            step(w);
            if (random_below(&w->random, 12) == 0)
                end_transaction(w);
        }
        free(w);
        lab_teardown(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_holds_what_the_model_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
