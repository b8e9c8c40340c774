/* A coordinator with its state in a folder of its own, and what the worker of a cluster of four shards says
 * to it. */
#ifndef GARNER_TESTS_UNIT_TEST_COORDINATOR_LAB_H
#define GARNER_TESTS_UNIT_TEST_COORDINATOR_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/config/account_text.h"
#include "common/value/value.h"
#include "coordinator/serve.h"
#include "proto/cluster.h"
#include "proto/cluster_ask.h"

/* Accounts. */
#define ONE "{\"id\":\"1\",\"provider\":\"p\"}"
#define TWO "{\"id\":\"2\",\"provider\":\"p\"}"

enum { SHARDS = 4, WITHIN_MS = 20000 };

struct lab {
    char folder[256], path[300];
    uint8_t feed[16];
    const char *worker, *sole;
    uint64_t disk, incarnation, number;
    struct config config;
    struct coordinator *coordinator;
    struct arena arena;
    struct orders orders; /* the last answer */
    atomic_uint changes;  /* that were told */
    struct error e;
};

#define OK(lab, call)                                                                                        \
    do {                                                                                                     \
        int ok_r = (call);                                                                                   \
        if (ok_r)                                                                                            \
            fail_msg("%s: %s (%s)", #call, error_name(ok_r), (lab)->e.text);                                 \
    } while (0)

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static inline void note_change(void *context)
{
    struct lab *lab = context;
    atomic_fetch_add(&lab->changes, 1);
}

static inline struct coordinator_setting setting_of(struct lab *lab)
{
    return (struct coordinator_setting){.cluster = "garner",
                                        .kind = &state_lmdb,
                                        .path = lab->path,
                                        .shards = SHARDS,
                                        .lease_ms = 2000,
                                        .grace_ms = INT64_MAX / 4,
                                        .sole = lab->sole,
                                        .feed = lab->feed,
                                        .config = &lab->config,
                                        .context = lab,
                                        .changed = note_change};
}

static inline int open_coordinator(struct lab *lab)
{
    const struct coordinator_setting setting = setting_of(lab);
    return coordinator_open(&setting, &lab->coordinator, &lab->e);
}

static inline void close_coordinator(struct lab *lab)
{
    coordinator_close(lab->coordinator);
    lab->coordinator = NULL;
}

/* The accounts of a file. */
static inline struct config config_of(struct lab *lab, const char *accounts)
{
    struct config config = {0};
    OK(lab, config_accounts_from_json(&lab->arena, bytes_of(accounts), &config.accounts,
                                      &config.account_count, &lab->e));
    return config;
}

static inline int set_up(void **state)
{
    static struct lab lab;
    const char *tmp = getenv("TMPDIR");
    lab = (struct lab){.worker = "run", .sole = "run", .disk = 7, .incarnation = 1};
    memset(lab.feed, 'f', sizeof lab.feed);
    snprintf(lab.folder, sizeof lab.folder, "%s/garner-lab-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    assert_non_null(mkdtemp(lab.folder));
    snprintf(lab.path, sizeof lab.path, "%s/cluster.mdb", lab.folder);
    *state = &lab;
    return 0;
}

static inline int tear_down(void **state)
{
    struct lab *lab = *state;
    close_coordinator(lab);
    arena_close(&lab->arena);
    return nftw(lab->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What the worker says, with these copies. */
static inline void add_heartbeat(struct lab *lab, const struct shard_report *reports, uint32_t count,
                                 struct buffer *out)
{
    const struct heartbeat heartbeat = {.version = CLUSTER_VERSION,
                                        .cluster = BYTES("garner"),
                                        .worker = bytes_of(lab->worker),
                                        .address = BYTES("tcp://127.0.0.1:1"),
                                        .program = BYTES("test"),
                                        .shards = SHARDS,
                                        .feed = {(const char *)lab->feed, sizeof lab->feed},
                                        .disk = lab->disk,
                                        .incarnation = lab->incarnation,
                                        .number = ++lab->number,
                                        .capacity = 1,
                                        .known = lab->orders.version,
                                        .reports = reports,
                                        .report_count = count};
    heartbeat_pack(&heartbeat, out);
}

static inline void take_orders(struct lab *lab, struct bytes answer)
{
    OK(lab, orders_unpack(&lab->arena, arena_copy(&lab->arena, answer), &lab->orders, &lab->e));
}

/* --- accounts --- */

static inline struct value ask_coordinator(struct lab *lab, const struct cluster_ask *what, int expected)
{
    struct buffer packed = {0}, answer = {0};
    struct value value = {0};
    cluster_ask_pack(what, &packed);
    assert_int_equal(coordinator_ask(lab->coordinator, buffer_bytes(&packed), &answer, &lab->e), expected);
    if (!expected)
        OK(lab,
           value_from_msgpack(&lab->arena, arena_copy(&lab->arena, buffer_bytes(&answer)), &value, &lab->e));
    buffer_close(&packed);
    buffer_close(&answer);
    return value;
}

static inline void add(struct lab *lab, const char *account, bool is_refused)
{
    struct buffer document = {0};
    struct value list = value_array(&lab->arena, 1);
    OK(lab, value_from_json(&lab->arena, bytes_of(account), &list.items[0], NULL, &lab->e));
    value_to_msgpack(&list, &document);
    const struct value answer =
        ask_coordinator(lab,
                        &(struct cluster_ask){.verb = CLUSTER_ACCOUNTS_ADD,
                                              .document = arena_copy(&lab->arena, buffer_bytes(&document))},
                        0);
    const struct value *added = value_get_text(&answer, "accounts");
    assert_int_equal(added->count, 1);
    assert_int_equal(value_get_text(&added->items[0], "error")->type == VALUE_STRING, is_refused);
    buffer_close(&document);
}

/* "p/1 file, p/2 added" */
static inline const char *listed(struct lab *lab)
{
    const struct value all = ask_coordinator(lab, &(struct cluster_ask){.verb = CLUSTER_ACCOUNTS_LIST}, 0);
    const struct value *accounts = value_get_text(&all, "accounts");
    struct buffer out = {0};
    for (uint32_t i = 0; i < accounts->count; i++)
        buffer_printf(&out, "%s%.*s %.*s", i ? ", " : "",
                      BYTES_ARG(value_get_text(&accounts->items[i], "account")->text),
                      BYTES_ARG(value_get_text(&accounts->items[i], "from")->text));
    const char *text = arena_strdup(&lab->arena, buffer_bytes(&out));
    buffer_close(&out);
    return text;
}

#endif
