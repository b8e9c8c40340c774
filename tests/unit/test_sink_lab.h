/* A sink on a real PostgreSQL, given a feed that a test makes up: batches as garner_next gives them. */
#ifndef GARNER_TEST_SINK_LAB_H
#define GARNER_TEST_SINK_LAB_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/sink/sink.h"
#include "common/check.h"
#include "common/value/value.h"

enum { LAB_CHANGES = 64, LAB_SHARD = 3 };

/* One PostgreSQL for all tests of a program, a schema for each test. */
struct lab_server {
    pid_t pid;
    int input; /* it ends when this is closed */
    char conninfo[512];
};
static struct lab_server lab_server;

struct lab {
    char schema[64];
    struct arena arena;
    PGconn *eye; /* looks at the tables, and makes trouble */
    struct sink sink;
    struct sink_options options;
    struct garner_change changes[LAB_CHANGES];
    struct garner_row rows[LAB_CHANGES];
    size_t count;
    uint32_t shard;
    uint64_t epoch, seq;
    struct garner_state state; /* of the next collection of a snapshot */
    const char *cure;          /* SQL that is run when the sink waits, once */
    int waits;                 /* that it does before it is told to stop */
    char said[2048];
    struct error error;
};

static inline int lab_server_start(void **state)
{
    int in[2], out[2];
    (void)state;
    CHECK(!pipe(in) && !pipe(out));
    lab_server.pid = fork();
    CHECK(lab_server.pid >= 0);
    if (!lab_server.pid) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
            close(fd);
        execl("/usr/bin/python3", "python3", "-B", LAB_POSTGRES, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    FILE *said = fdopen(out[0], "r");
    CHECK(said && fgets(lab_server.conninfo, sizeof lab_server.conninfo, said));
    fclose(said);
    lab_server.input = in[1];
    return 0;
}

static inline int lab_server_stop(void **state)
{
    int status;
    (void)state;
    close(lab_server.input);
    return waitpid(lab_server.pid, &status, 0) == lab_server.pid && status == 0 ? 0 : -1;
}

/* --- what the sink asks its owner for --- */

static inline void lab_run(struct lab *lab, const char *sql)
{
    PGresult *result = PQexec(lab->eye, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s\n%s", sql, PQerrorMessage(lab->eye));
    PQclear(result);
}

static inline void lab_say(void *context, const char *sentence)
{
    struct lab *lab = context;
    size_t len = strlen(lab->said);
    snprintf(lab->said + len, sizeof lab->said - len, "%s\n", sentence);
}

static inline bool lab_wait(void *context, int ms)
{
    struct lab *lab = context;
    (void)ms;
    if (lab->cure)
        lab_run(lab, lab->cure);
    lab->cure = NULL;
    usleep(20000);
    return lab->waits-- > 0;
}

/* --- a lab --- */

static inline int lab_open(void **state)
{
    static int number;
    struct lab *lab = calloc(1, sizeof *lab);
    char sql[128];
    CHECK(lab);
    snprintf(lab->schema, sizeof lab->schema, "lab %d", ++number); /* quoted, or it wouldn't work */
    lab->eye = PQconnectdb(lab_server.conninfo);
    lab->shard = LAB_SHARD;
    lab->epoch = 1;
    lab->waits = 200;
    lab->options = (struct sink_options){.conninfo = lab_server.conninfo,
                                         .schema = lab->schema,
                                         .keeps = "everything",
                                         .context = lab,
                                         .say = lab_say,
                                         .wait = lab_wait};
    lab_run(lab, "SET client_min_messages = warning");
    snprintf(sql, sizeof sql, "SET search_path = \"%s\"; SET TimeZone = 'UTC'", lab->schema);
    lab_run(lab, sql);
    *state = lab;
    if (sink_open(&lab->sink, &lab->options, &lab->error) != SINK_TAKEN)
        fail_msg("%s", lab->error.text);
    return 0;
}

static inline int lab_close(void **state)
{
    struct lab *lab = *state;
    sink_close(&lab->sink);
    PQfinish(lab->eye);
    arena_close(&lab->arena);
    free(lab);
    return 0;
}

/* Another sink process, after the first one was killed (or in good order: to PostgreSQL it is the same). */
static inline enum sink_verdict lab_reopen(struct lab *lab)
{
    sink_close(&lab->sink);
    lab->options.lock_ms = 5000; /* the server may take a moment to see that the first one is gone */
    return sink_open(&lab->sink, &lab->options, &lab->error);
}

/* --- a feed --- */

static inline struct garner_bytes lab_text(const char *text)
{
    return (struct garner_bytes){text, text ? strlen(text) : 0};
}

static inline struct garner_bytes lab_document(struct lab *lab, const char *json)
{
    struct buffer out = {0};
    struct value value;
    if (!json)
        return (struct garner_bytes){0};
    CHECK(!value_from_json(&lab->arena, bytes_of(json), &value, NULL, NULL));
    value_to_msgpack(&value, &out);
    struct bytes kept = arena_copy(&lab->arena, buffer_bytes(&out));
    buffer_close(&out);
    return (struct garner_bytes){kept.data, kept.len};
}

static inline struct garner_collection lab_collection(struct lab *lab, const char *type)
{
    return (struct garner_collection){.provider = lab_text("aws"),
                                      .account = lab_text("1"),
                                      .type = lab_text(type),
                                      .shard = lab->shard,
                                      .number = 1};
}

static inline struct garner_change *lab_add(struct lab *lab, enum garner_op op, const char *type)
{
    struct garner_change *change = &lab->changes[lab->count++];
    CHECK(lab->count <= LAB_CHANGES);
    lab->seq++;
    *change = (struct garner_change){.shard = lab->shard,
                                     .epoch = lab->epoch,
                                     .seq = lab->seq,
                                     .time_ms = INT64_C(1790000000000) + (int64_t)lab->seq * 1000,
                                     .op = op,
                                     .collection = lab_collection(lab, type)};
    return change;
}

static inline void lab_change(struct lab *lab, enum garner_op op, const char *type, const char *id,
                              const char *json)
{
    struct garner_change *change = lab_add(lab, op, type);
    change->id = lab_text(id);
    change->after = lab_document(lab, json);
}

static inline struct garner_change *lab_status(struct lab *lab, enum garner_status_kind kind,
                                               const char *type)
{
    struct garner_change *change = lab_add(lab, GARNER_STATUS, type);
    change->status.kind = kind;
    return change;
}

static inline void lab_row(struct lab *lab, const char *id, uint64_t seq, const char *json)
{
    CHECK(lab->count < LAB_CHANGES);
    lab->rows[lab->count++] = (struct garner_row){.id = lab_text(id),
                                                  .last_seq = seq,
                                                  .first_seen_ms = INT64_C(1790000000000),
                                                  .document = lab_document(lab, json)};
}

static inline enum sink_verdict lab_take(struct lab *lab, const struct garner_batch *batch,
                                         const char *cursor)
{
    enum sink_verdict verdict = sink_take(&lab->sink, batch, cursor, &lab->error);
    lab->count = 0;
    return verdict;
}

static inline void lab_must(struct lab *lab, const struct garner_batch *batch, const char *cursor)
{
    if (lab_take(lab, batch, cursor) != SINK_TAKEN)
        fail_msg("not taken: %s\n%s", lab->error.text, lab->said);
}

static inline struct garner_batch lab_batch(const struct lab *lab)
{
    return (struct garner_batch){.kind = GARNER_CHANGES, .changes = lab->changes, .change_count = lab->count};
}

/* What was added comes, with this cursor behind it. */
static inline void lab_comes(struct lab *lab, const char *cursor)
{
    struct garner_batch batch = lab_batch(lab);
    lab_must(lab, &batch, cursor);
}

/* There is nothing more. */
static inline void lab_nothing(struct lab *lab, const char *cursor)
{
    struct garner_batch batch = {.kind = GARNER_NOTHING, .at_end = true};
    lab_must(lab, &batch, cursor);
}

/* Nothing came: the other side is slow, or gone. */
static inline void lab_silence(struct lab *lab, const char *cursor)
{
    struct garner_batch batch = {.kind = GARNER_NOTHING};
    lab_must(lab, &batch, cursor);
}

static inline void lab_begins(struct lab *lab, enum garner_why why)
{
    struct garner_batch batch = {.kind = GARNER_SNAPSHOT_BEGIN, .shard = lab->shard, .why = why};
    lab_must(lab, &batch, sink_cursor(&lab->sink));
}

static inline void lab_rows_come(struct lab *lab, const char *type, bool complete)
{
    struct garner_collection collection = lab_collection(lab, type);
    struct garner_batch batch = {.kind = GARNER_SNAPSHOT_ROWS,
                                 .shard = lab->shard,
                                 .collection = &collection,
                                 .complete = complete,
                                 .state = lab->state,
                                 .rows = lab->rows,
                                 .row_count = lab->count};
    lab_must(lab, &batch, sink_cursor(&lab->sink));
}

static inline void lab_ends(struct lab *lab, enum garner_why why, const char *cursor)
{
    struct garner_batch batch = {.kind = GARNER_SNAPSHOT_END, .shard = lab->shard, .why = why};
    lab_must(lab, &batch, cursor);
}

/* --- what there is then --- */

static inline void lab_expect(struct lab *lab, const char *sql, const char *wanted)
{
    struct buffer text = {0};
    PGresult *result = PQexec(lab->eye, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s\n%s", sql, PQerrorMessage(lab->eye));
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++)
            buffer_printf(&text, "%s%s",
                          PQgetisnull(result, row, column) ? "-" : PQgetvalue(result, row, column),
                          column + 1 < PQnfields(result) ? " "
                          : row + 1 < PQntuples(result)  ? ", "
                                                         : "");
    PQclear(result);
    if (strcmp(buffer_text(&text), wanted) != 0)
        fail_msg("%s\n  gives  %s\n  not    %s\n%s", sql, buffer_text(&text), wanted, lab->said);
    buffer_close(&text);
}

static inline void lab_expect_resources(struct lab *lab, const char *wanted)
{
    lab_expect(lab, "SELECT type, id, document->>'v' FROM resources ORDER BY 1, 2", wanted);
}

static inline void lab_expect_cursor(struct lab *lab, const char *wanted)
{
    lab_expect(lab, "SELECT cursor FROM feed", wanted);
}

#endif
