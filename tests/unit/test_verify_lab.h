/* A store with one of everything, for the tests of verify. Include after cmocka. */
#ifndef GARNER_TESTS_VERIFY_LAB_H
#define GARNER_TESTS_VERIFY_LAB_H

#include "tests/unit/test_store_lab.h"

static inline void verify_put(struct lab *lab, enum table table, struct key key, const char *value,
                              size_t len)
{
    LAB_OK(lab, table_put(lab->store, table, key_bytes(&key), (struct bytes){value, len}, 0, &lab->e));
}

static inline void verify_put_stretch(struct lab *lab, uint64_t place, uint32_t a, uint32_t b)
{
    struct stretch stretch = {
        .place = place, .bytes = 201, .count = 2, .items = {{a, 100, {{0}}}, {b, 100, {{0}}}}};
    LAB_OK(lab, store_stretch_put(lab->store, 1, &stretch, &lab->e));
}

static inline void verify_put_missing(struct lab *lab, uint32_t row, uint64_t harvest)
{
    struct missing missing = {.since_ms = 7, .harvests = {harvest}, .count = 1};
    LAB_OK(lab, store_missing_put(lab->store, 1, row, &missing, &lab->e));
}

/* `packed` is one byte of MessagePack, or what should be. */
static inline void verify_put_quarantined(struct lab *lab, uint8_t digest, uint64_t harvest,
                                          const char *packed)
{
    struct quarantined item = {
        .digest = {{digest}},
        .reason = ERR_ID,
        .cause = "an item has no id",
        .first_ms = 7,
        .last_ms = 8,
        .harvest = harvest,
        .page = 1,
        .item = {packed, 1},
        .item_bytes = 1,
    };
    bool is_kept;
    LAB_OK(lab, store_quarantine_put(lab->store, &lab->record, &item, &is_kept, &lab->e));
}

/* Rows 0 to 4: "a" updated, "b" deleted, "c", a long id, "e"; a second collection; then a status. */
static inline void verify_fill(struct lab *lab)
{
    static const struct bytes unordered = {"/tags", 5}, ignore = {"/seen/*/at", 10};
    char id[600];
    uint32_t row;
    memset(id, 'l', sizeof id);
    lab->record = lab_record("aws.ec2.snapshot");
    lab->record.unordered = &unordered;
    lab->record.ignore = &ignore;
    lab->record.unordered_count = lab->record.ignore_count = 1;
    lab->record.forecast_rules = 1;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_put(lab);
    lab_create(lab, "a", "{\"x\":1,\"tags\":[\"q\",\"p\"]}");
    lab_create(lab, "b", "{\"x\":2}");
    lab_create(lab, "c", "{\"x\":[3,4.5,\"six\",null,true]}");
    LAB_OK(lab, lab_try(lab, CHANGE_CREATED, (struct bytes){id, sizeof id}, "{\"long\":true}", &row));
    lab_create(lab, "e", "{}");
    lab_receipt(lab, true);
    lab_receipt(lab, false);
    verify_put_stretch(lab, 1, 0, 2);
    verify_put_stretch(lab, 7, 3, 4);
    verify_put_missing(lab, 1, 1);
    verify_put_missing(lab, 2, 2);
    verify_put_quarantined(lab, 1, 1, "\x07");
    lab_update(lab, 0, "{\"x\":9,\"tags\":[\"q\",\"p\"]}");
    lab_delete(lab, 1);
    lab_put(lab);
    struct collection_record first = lab->record;
    lab_collection(lab, "aws.ec2.volume");
    lab_create(lab, "v", "{\"volume\":true}");
    lab_put(lab);
    lab->record = first;
    lab_status(lab, STATUS_LISTED, false);
    lab_commit(lab);
}

#endif
