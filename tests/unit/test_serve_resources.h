/* Resources in the serving lab: created, updated and deleted, with documents of one member. Include after
 * test_serve_lab.h. */
#ifndef GARNER_TESTS_UNIT_TEST_SERVE_RESOURCES_H
#define GARNER_TESTS_UNIT_TEST_SERVE_RESOURCES_H

static struct bytes document_of(struct serve_lab *lab, int n)
{
    struct value value = {.type = VALUE_OBJECT};
    struct buffer packed = {0};
    char json[32];
    snprintf(json, sizeof json, "{\"n\":%d}", n);
    LAB_OK(lab, value_from_json(&lab->arena, bytes_of(arena_strdup(&lab->arena, bytes_of(json))), &value,
                                NULL, &lab->e));
    value_to_msgpack(&value, &packed);
    struct bytes copy = arena_copy(&lab->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    return copy;
}

static struct store *begin_write(struct serve_lab *lab, const char *account)
{
    struct store *store;
    LAB_OK(lab, folder_store(&lab->folder, shard_of(account), &store, &lab->e));
    LAB_OK(lab, store_write(store, &lab->e));
    return store;
}

static void end_write(struct serve_lab *lab, struct store *store)
{
    LAB_OK(lab, store_commit(store, &lab->e));
    serve_committed(lab->serve, store_shard(store), store_head(store));
}

static struct collection_record collection_of(struct serve_lab *lab, struct store *store, const char *account,
                                              const char *type)
{
    struct collection_record record = {.key = {BYTES("p"), bytes_of(account), bytes_of(type), {0}, {0}},
                                       .next_harvest = 1,
                                       .listed_since_ms = 1000};
    struct collection_key key = record.key;
    if (store_collection_find(store, &key, &lab->arena, &record, &lab->e))
        record = (struct collection_record){.key = key, .next_harvest = 1, .listed_since_ms = 1000};
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    return record;
}

/* Create it with n, or update it, or delete it where n is negative. */
static void set_resource(struct serve_lab *lab, const char *account, const char *type, const char *id, int n)
{
    struct store *store = begin_write(lab, account);
    struct collection_record record = collection_of(lab, store, account, type);
    struct receipt receipt = {
        .id = {store_shard(store), record.id, record.next_harvest}, .complete = true, .sound = true};
    struct receipt_id cited = receipt.id;
    struct change change = {.id = bytes_of(id), .time_ms = clock_wall_ms()};
    struct digest digest = {{(uint8_t)n, (uint8_t)id[0]}};
    uint32_t row;
    int found = store_row_find(store, record.id, change.id, &row, &lab->e);
    change.op = found ? CHANGE_CREATED : n < 0 ? CHANGE_DELETED : CHANGE_UPDATED;
    if (n >= 0)
        change.after = document_of(lab, n);
    if (change.op == CHANGE_UPDATED)
        change.patch = BYTES("\x90");
    if (n < 0) {
        LAB_OK(lab, store_receipt_put(store, &receipt, true, &lab->e));
        record.next_harvest++;
        change.receipts = &cited;
        change.receipt_count = 1;
    }
    LAB_OK(lab, store_apply(store, &record, &change, n < 0 ? NULL : &digest, &row, &lab->e));
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    end_write(lab, store);
}

/* The retention lets go of all changes up to a seq. */
static inline void forget_changes(struct serve_lab *lab, const char *account, uint64_t up_to)
{
    struct store_compaction cut = {
        .up_to = up_to, .before_ms = INT64_MAX, .bytes = UINT64_MAX, .most = UINT32_MAX};
    struct store *store = begin_write(lab, account);
    uint32_t count;
    LAB_OK(lab, store_compact(store, &cut, &count, &lab->e));
    end_write(lab, store);
}

#endif
