/* What subscribers and servers of the feed say to each other, and filters; the first byte says which. What is
 * taken for one is written, and read again as the same. */
#include "proto/feed.h"
#include "tests/fuzz/fuzz.h"

struct trial {
    struct arena arena;
    struct buffer out;
};

/* Written again as it was read, byte for byte: both times by us. */
#define SAME_AGAIN(trial, input, type, unpack, pack)                                                         \
    do {                                                                                                     \
        type one, two;                                                                                       \
        struct buffer again = {0};                                                                           \
        if (unpack(&(trial)->arena, input, &one)) {                                                          \
            pack(&one, &(trial)->out);                                                                       \
            CHECK(unpack(&(trial)->arena, buffer_bytes(&(trial)->out), &two));                               \
            pack(&two, &again);                                                                              \
            CHECK(bytes_equal(buffer_bytes(&again), buffer_bytes(&(trial)->out)));                           \
        }                                                                                                    \
        buffer_close(&again);                                                                                \
    } while (0)

static void pack_changes(const struct feed_changes *changes, struct buffer *out)
{
    for (uint32_t i = 0; i < changes->count; i++)
        feed_changes_add(out, changes->changes[i]);
    for (uint32_t i = 0; i < changes->record_count; i++)
        feed_changes_add_record(out, changes->records[i].shard, &changes->records[i].record);
    feed_changes_end(out, changes);
}

static void pack_part(const struct feed_part *part, struct buffer *out)
{
    for (uint32_t i = 0; i < part->collection_count && !part->refusal.kind; i++) {
        const struct feed_collection *collection = &part->collections[i];
        size_t begun = feed_part_begin_collection(out, &collection->record, collection->complete);
        for (uint32_t j = 0; j < collection->row_count; j++)
            feed_part_add_row(out, &collection->rows[j]);
        feed_part_end_collection(out, begun);
    }
    feed_part_end(out, part);
}

/* Whatever it asks for can be checked, and then applied. */
static void try_filter(struct trial *trial, struct bytes input)
{
    struct filter filter;
    struct change change = {.op = CHANGE_CREATED,
                            .key = {BYTES("p"), BYTES("1"), BYTES("t"), {0}, {0}},
                            .id = BYTES("a"),
                            .after = BYTES("\x81\xa1x\x01")};
    struct error e;
    bool passes;
    SAME_AGAIN(trial, input, struct filter, filter_unpack, filter_pack);
    if (!filter_unpack(&trial->arena, input, &filter))
        return;
    int r = filter_check(&filter, &trial->arena, &e);
    CHECK(r == 0 || r == ERR_USAGE);
    struct arena scratch = {0};
    if (!r)
        CHECK(filter_passes(&filter, &change, &scratch, &passes, &e) == 0);
    if (!r && filter_is_any(&filter))
        CHECK(passes);
    arena_close(&scratch);
}

static void try_one(struct trial *trial, uint8_t which, struct bytes input)
{
    switch (which) {
    case 'd':
        SAME_AGAIN(trial, input, struct feed_demand, feed_demand_unpack, feed_demand_pack);
        break;
    case 'c':
        SAME_AGAIN(trial, input, struct feed_changes, feed_changes_unpack, pack_changes);
        break;
    case 's':
        SAME_AGAIN(trial, input, struct feed_snapshot, feed_snapshot_unpack, feed_snapshot_pack);
        break;
    case 'p':
        SAME_AGAIN(trial, input, struct feed_part, feed_part_unpack, pack_part);
        break;
    case 'm':
        SAME_AGAIN(trial, input, struct feed_map, feed_map_unpack, feed_map_pack);
        break;
    case 'h':
        SAME_AGAIN(trial, input, struct feed_hint, feed_hint_unpack, feed_hint_pack);
        break;
    default:
        try_filter(trial, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial trial = {0};
    if (size)
        try_one(&trial, data[0], (struct bytes){(const char *)data + 1, size - 1});
    buffer_close(&trial.out);
    arena_close(&trial.arena);
    return 0;
}
