/* Sink db: libpq, blocking. What an error means is read from its SQLSTATE, whose first two characters are its
 * class ("PostgreSQL Error Codes" in its manual). A connection that broke has none.
 *
 * Our settings stand before the user's, who may overrule them. */
#include "cli/sink/sink_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest.h"

enum { SETTINGS = 8, SETTING_CONNINFO = 5 };

/* A server whose machine is gone is noticed within a minute or two. */
static const char *const keywords[SETTINGS] = {
    "keepalives_idle",  "keepalives_interval",       "keepalives_count",
    "tcp_user_timeout", "fallback_application_name", "dbname",
    "client_encoding"};
static const char *const values[SETTINGS] = {"30", "10", "3", "60000", "garner sink", NULL, "UTF8"};

/* These have variables of libpq's own. Of several servers one that is a stand-by isn't what we want. */
static void set_environment(void)
{
    setenv("PGCONNECT_TIMEOUT", "10", 0);
    setenv("PGTARGETSESSIONATTRS", "read-write", 0);
}

/* Likewise on the server's side, so that the lock of a sink whose machine is gone is let go of. Over a socket
 * file these can't be set, and needn't be. */
static const char session[] =
    "SET client_min_messages = warning; SET DateStyle = ISO; SET TimeZone = 'UTC';"
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    "SET default_transaction_isolation = 'read committed'; SET standard_conforming_strings = on;"
    "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/* --- sentences --- */

/* libpq's messages have several lines, the first of which says what it is. */
static void add_message(struct buffer *out, const char *message)
{
    size_t len = strlen(message);
    while (len && message[len - 1] == '\n')
        len--;
    for (size_t i = 0; i < len; i++)
        if (message[i] == '\n')
            buffer_add_text(out, "; ");
        else if (message[i] != '\t')
            buffer_add_char(out, message[i]);
}

static void redact(struct sink_db *db, struct error *e)
{
    const char *password = PQpass(db->conn);
    if (password)
        error_redact(e, bytes_of(password));
}

static void say_message(struct sink_db *db, int code, const char *message, struct error *e)
{
    struct buffer text = {0};
    add_message(&text, message);
    error_set(e, code, "PostgreSQL: %s", text.len ? buffer_text(&text) : "the connection broke");
    buffer_close(&text);
    redact(db, e);
}

/* --- faults --- */

static bool is_class(const char *state, const char *class)
{
    return strncmp(state, class, 2) == 0;
}

static enum sink_fault fault_of_state(const char *state)
{
    static const char *const lost[] = {"57P01", "57P02", "57P03", "57P05", "25P03", "25006"};
    static const char *const again[] = {"40", "53", "55", "57", "58", "XX"};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        if (strcmp(state, lost[i]) == 0)
            return SINK_LOST;
    if (is_class(state, "08"))
        return SINK_LOST;
    if (is_class(state, "22") || is_class(state, "54"))
        return SINK_DATA;
    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        if (is_class(state, again[i]))
            return SINK_AGAIN;
    return SINK_FATAL;
}

static enum sink_fault fault_of_connection(struct sink_db *db, struct error *e)
{
    say_message(db, ERR_CONNECT, PQerrorMessage(db->conn), e);
    return SINK_LOST;
}

static enum sink_fault fault_of(struct sink_db *db, const PGresult *result, struct error *e)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (PQstatus(db->conn) == CONNECTION_BAD || !state)
        return fault_of_connection(db, e);
    enum sink_fault fault = fault_of_state(state);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    struct buffer text = {0};
    buffer_printf(&text, "%s%s%s (%s)", primary ? primary : "an error", detail ? ": " : "",
                  detail ? detail : "", state);
    say_message(db, fault == SINK_LOST ? ERR_CONNECT : ERR_STORE, buffer_text(&text), e);
    buffer_close(&text);
    return fault;
}

/* --- connecting --- */

/* libpq's sentence is repeated only where it names a keyword; elsewhere it quotes what it can't read. */
int sink_db_check(const char *conninfo, struct error *e)
{
    char *message = NULL;
    PQconninfoOption *parsed = conninfo ? PQconninfoParse(conninfo, &message) : NULL;
    PQconninfoOption *known = PQconndefaults();
    const char *names[128], *quoted = message ? strchr(message, '"') : NULL;
    size_t count = 0;
    int r = 0;
    bool option = message && (strncmp(message, "invalid connection option", 25) == 0 ||
                              strncmp(message, "invalid URI query parameter", 27) == 0);
    for (PQconninfoOption *o = known; o && o->keyword && count < sizeof names / sizeof *names; o++)
        names[count++] = o->keyword;
    if (conninfo && !parsed && option && quoted) {
        struct bytes word = {quoted + 1, strcspn(quoted + 1, "\"")};
        const char *nearest = nearest_word(word, names, count);
        r = error_set(e, ERR_USAGE, "--to: there is no connection option '%.*s'%s%s%s", BYTES_ARG(word),
                      nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    } else if (conninfo && !parsed) {
        r = error_set(
            e, ERR_USAGE,
            "--to can't be read: write \"host=… dbname=… user=…\" or postgresql://USER@HOST/DATABASE, "
            "and give the password in PGPASSWORD or ~/.pgpass");
    }
    PQfreemem(message);
    PQconninfoFree(parsed);
    PQconninfoFree(known);
    return r;
}

static void drop_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

/* Turned away for good, by what the server said of it? libpq gives no SQLSTATE of a connection that failed.
 */
static bool is_refusal(const char *message)
{
    static const char *const signs[] = {
        "authentication failed", "no password supplied",           "does not exist",
        "no pg_hba.conf entry",  "permission denied for database", "is not permitted to log in",
        "client certificate",    "certificate verify failed",      "invalid sslmode",
        "does not support SSL",
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strstr(message, signs[i]))
            return true;
    return false;
}

static enum sink_fault say_refusal(struct sink_db *db, struct error *e)
{
    const char *message = PQerrorMessage(db->conn);
    /* A socket file or a host name that isn't there may come: only the server's word counts. */
    bool refused = strstr(message, "FATAL:") && is_refusal(message);
    say_message(db, refused ? ERR_USAGE : ERR_CONNECT, message, e);
    return refused ? SINK_FATAL : SINK_LOST;
}

static enum sink_fault set_up(struct sink_db *db, const char *schema, struct error *e)
{
    static const char sql[] =
        "SELECT set_config('search_path', quote_ident($1), false), "
        "(SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()), "
        "current_setting('server_encoding')";
    PGresult *result;
    enum sink_fault fault = sink_db_run(db, session, e);
    if (!fault)
        fault = sink_db_ask(db, sql, 1, &schema, &result, e);
    if (fault)
        return fault;
    snprintf(db->started, sizeof db->started, "%s", PQgetvalue(result, 0, 1));
    db->pid = PQbackendPID(db->conn);
    if (strcmp(PQgetvalue(result, 0, 2), "UTF8") != 0) {
        error_set(e, ERR_USAGE,
                  "database '%s' has encoding %s, and resources may have any character: use one made with "
                  "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                  PQdb(db->conn), PQgetvalue(result, 0, 2));
        fault = SINK_FATAL;
    }
    PQclear(result);
    return fault;
}

enum sink_fault sink_db_open(struct sink_db *db, const char *conninfo, const char *schema, struct error *e)
{
    const char *given[SETTINGS];
    memcpy(given, values, sizeof given);
    given[SETTING_CONNINFO] = conninfo ? conninfo : ""; /* as `dbname` it is expanded */
    sink_db_close(db);
    set_environment();
    db->conn = PQconnectdbParams(keywords, given, 1);
    enum sink_fault fault;
    if (PQstatus(db->conn) != CONNECTION_OK) {
        fault = say_refusal(db, e);
    } else {
        db->reached = true;
        PQsetNoticeReceiver(db->conn, drop_notice, NULL);
        fault = set_up(db, schema, e);
    }
    if (fault)
        sink_db_close(db);
    return fault;
}

void sink_db_close(struct sink_db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
}

/* --- statements --- */

static enum sink_fault take_result(struct sink_db *db, PGresult *result, PGresult **out, struct error *e)
{
    ExecStatusType status = PQresultStatus(result);
    enum sink_fault fault = SINK_FINE;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fault = fault_of(db, result, e);
    if (out && !fault)
        *out = result;
    else
        PQclear(result);
    return fault;
}

enum sink_fault sink_db_run(struct sink_db *db, const char *sql, struct error *e)
{
    return take_result(db, PQexec(db->conn, sql), NULL, e);
}

enum sink_fault sink_db_ask(struct sink_db *db, const char *sql, int count, const char *const *given,
                            PGresult **result, struct error *e)
{
    return take_result(db, PQexecParams(db->conn, sql, count, NULL, given, NULL, NULL, 0), result, e);
}

enum sink_fault sink_db_copy_begin(struct sink_db *db, const char *sql, struct error *e)
{
    PGresult *result = PQexec(db->conn, sql);
    enum sink_fault fault = PQresultStatus(result) == PGRES_COPY_IN ? SINK_FINE : fault_of(db, result, e);
    PQclear(result);
    return fault;
}

enum sink_fault sink_db_copy(struct sink_db *db, struct bytes data, struct error *e)
{
    return PQputCopyData(db->conn, data.data, (int)data.len) == 1 ? SINK_FINE : fault_of_connection(db, e);
}

enum sink_fault sink_db_copy_end(struct sink_db *db, struct error *e)
{
    enum sink_fault fault = SINK_FINE;
    PGresult *result;
    if (PQputCopyEnd(db->conn, NULL) != 1)
        return fault_of_connection(db, e);
    while ((result = PQgetResult(db->conn))) {
        enum sink_fault one = take_result(db, result, NULL, e);
        if (one && !fault)
            fault = one;
    }
    if (!fault && PQstatus(db->conn) == CONNECTION_BAD)
        fault = fault_of_connection(db, e);
    return fault;
}

void sink_db_rollback(struct sink_db *db)
{
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
        PQclear(PQexec(db->conn, "ROLLBACK"));
}
