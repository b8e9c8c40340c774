/* A lab for the operator's connection: a folder and a server are real, and the run is played by this file,
 * which notes what was asked of it. One test program includes it. */
#ifndef GARNER_TESTS_UNIT_TEST_SERVE_LAB_H
#define GARNER_TESTS_UNIT_TEST_SERVE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "client/client.h"
#include "common/clock.h"
#include "common/sharding.h"
#include "tests/unit/test_store_lab.h"
#include "worker/feed/holds.h"
#include "worker/harvest/confirm.h"
#include "worker/run/control.h"
#include "worker/serve/serve.h"

enum { SHARDS = 4, MAP = 16 << 20 };

struct serve_lab {
    char root[256], data[300];
    struct folder folder;
    struct feed_holds *holds;
    struct serve *serve;
    struct client *client;
    struct arena arena;
    struct error e;
    struct buffer asked; /* of the run */
};

/* --- the run --- */

static struct serve_lab *the_lab;

int control_harvest(struct crew *crew, const struct control_which *which, uint64_t *count, struct error *e)
{
    (void)e;
    assert_ptr_equal(crew, the_lab);
    buffer_printf(&the_lab->asked, "harvest %.*s %.*s %.*s;", BYTES_ARG(which->provider),
                  BYTES_ARG(which->account), BYTES_ARG(which->type));
    *count = bytes_is(which->account, "1") && (!which->type.data || bytes_is(which->type, "t")) ? 2 : 0;
    return 0;
}

int control_confirm(struct crew *crew, uint32_t shard, const uint32_t *collections, uint32_t count,
                    int64_t now_ms, struct error *e)
{
    struct store *store;
    assert_ptr_equal(crew, the_lab);
    int r = folder_store(&the_lab->folder, shard, &store, e);
    for (uint32_t i = 0; i < count && !r; i++) {
        struct collection_record record;
        r = confirm_collection(store, collections[i], now_ms, &the_lab->arena, &record, e);
        buffer_printf(&the_lab->asked, "confirm %" PRIu32 ";", collections[i]);
    }
    return r ? r : store_commit(store, e);
}

/* What is of type "t" can be read now. */
int control_retry(struct crew *crew, const struct control_item *item, struct arena *arena,
                  struct control_retried *retried, struct error *e)
{
    struct collection_record record;
    struct store *store;
    assert_ptr_equal(crew, the_lab);
    int r = folder_store(&the_lab->folder, item->shard, &store, e);
    if (!r)
        r = store_write(store, e);
    if (!r)
        r = store_collection_by_id(store, item->collection, arena, &record, e);
    if (r)
        return r;
    *retried = (struct control_retried){.cause = "no id"};
    if (bytes_is(record.key.type, "t")) {
        *retried = (struct control_retried){.id = BYTES("a")};
        r = store_quarantine_drop(store, &record, item->digest, e);
        if (!r)
            r = store_collection_put(store, &record, e);
    }
    return r ? r : store_commit(store, e);
}

/* --- the lab --- */

static uint32_t shard_of(const char *account)
{
    return sharding_of(BYTES("p"), bytes_of(account), (struct bytes){0}, 1, SHARDS);
}

/* Write so many changes of a collection, and tell the server. */
static inline void write_changes(struct serve_lab *lab, const char *account, const char *type, int count,
                                 uint64_t held)
{
    struct store *store;
    struct collection_record record = {.key = {BYTES("p"), bytes_of(account), bytes_of(type), {0}, {0}},
                                       .next_harvest = 1};
    struct collection_key key = record.key;
    uint32_t shard = shard_of(account);
    LAB_OK(lab, folder_store(&lab->folder, shard, &store, &lab->e));
    LAB_OK(lab, store_write(store, &lab->e));
    int r = store_collection_find(store, &key, &lab->arena, &record, &lab->e);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    record.held_rows = held;
    record.rows = record.next_row = (uint32_t)held;
    record.held_since_ms = held ? 1000 : 0;
    LAB_OK(lab, store_collection_put(store, &record, &lab->e));
    for (int i = 0; i < count; i++) {
        struct change change = {.time_ms = clock_wall_ms(), .status = {.kind = STATUS_LISTED}};
        LAB_OK(lab, store_status(store, &record, &change, &lab->e));
    }
    LAB_OK(lab, store_commit(store, &lab->e));
    serve_committed(lab->serve, shard, store_head(store));
}

/* Whether a shard is a server's own, or somebody else's. From any thread. */
static inline void lab_place(struct serve *serve, uint32_t shard, bool here)
{
    const struct shard_order order = {.shard = shard, .role = here ? ROLE_OWNER : ROLE_NONE};
    struct error e;
    if (serve_order(serve, &order, NULL, 0, &e))
        abort();
}

static inline int open_serve(struct serve_lab *lab, const char *address)
{
    struct serve_setting setting = {.address = address, .folder = &lab->folder, .holds = lab->holds};
    return serve_open(&setting, &lab->serve, &lab->e);
}

static inline int setup(void **state)
{
    struct serve_lab *lab = the_lab = mem_zalloc(sizeof *lab);
    lab_make_folder(lab->root);
    snprintf(lab->data, sizeof lab->data, "%s/data", lab->root);
    *state = lab;
    LAB_OK(lab, folder_open(&lab->folder, lab->data, SHARDS, MAP, &lab->e));
    lab->holds = feed_holds_open();
    LAB_OK(lab, open_serve(lab, "tcp://127.0.0.1:0"));
    serve_crew(lab->serve, (struct crew *)lab);
    LAB_OK(lab, client_open(serve_address(lab->serve), NULL, &lab->client, &lab->e));
    return 0;
}

static inline int teardown(void **state)
{
    struct serve_lab *lab = *state;
    client_close(lab->client);
    serve_close(lab->serve);
    feed_holds_close(lab->holds);
    folder_close(&lab->folder);
    lab_remove_folder(lab->root);
    arena_close(&lab->arena);
    buffer_close(&lab->asked);
    free(lab);
    return 0;
}

#define SERVE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
