/* Sink db: a connection to PostgreSQL, and what its errors mean to a sink.
 *
 * One thread. Everything blocks until the server answers or the connection counts as broken: a minute, when
 * nothing is heard. No sentence holds a password. */
#ifndef GARNER_CLI_SINK_DB_H
#define GARNER_CLI_SINK_DB_H

#include <libpq-fe.h>

#include "common/bytes.h"
#include "common/error.h"

/* What is to be done about a failure; the sentence says what it was. */
enum sink_fault {
    SINK_FINE,
    SINK_LOST,  /* the connection broke: connect anew, then see what counted */
    SINK_AGAIN, /* nothing counted, and it may go well next time: a deadlock, a full disk */
    SINK_DATA,  /* a value that PostgreSQL can't hold */
    SINK_FATAL  /* it won't go well next time either: a missing table, no right to write */
};

/* All zero is a closed one. */
struct sink_db {
    PGconn *conn;
    bool reached;     /* a connection was made, once */
    int pid;          /* of the server's process that serves us … */
    char started[40]; /* … and when it was started: the two name it */
};

/* Read a connection string: key=value pairs or a URI; null is what libpq's environment says. Returns 0, or
 * ERR_USAGE with what is wrong, which doesn't repeat the string: there may be a password in it. */
int sink_db_check(const char *conninfo, struct error *e);

/* Connect, and set the session up; `schema` needn't be there yet. SINK_FINE, SINK_LOST (nobody there, or not
 * ready: another attempt may do) or SINK_FATAL (turned away: password, database, role). */
enum sink_fault sink_db_open(struct sink_db *db, const char *conninfo, const char *schema, struct error *e);
void sink_db_close(struct sink_db *db); /* safe twice */

/* Run statements. Of several the last one's result is checked, the others' too. */
enum sink_fault sink_db_run(struct sink_db *db, const char *sql, struct error *e);

/* Run one statement with text parameters; `*result` is the caller's to PQclear when SINK_FINE. */
enum sink_fault sink_db_ask(struct sink_db *db, const char *sql, int count, const char *const *values,
                            PGresult **result, struct error *e);

/* COPY … FROM STDIN: begin, give bytes, end. After a failure of one of them the transaction is lost. */
enum sink_fault sink_db_copy_begin(struct sink_db *db, const char *sql, struct error *e);
enum sink_fault sink_db_copy(struct sink_db *db, struct bytes data, struct error *e);
enum sink_fault sink_db_copy_end(struct sink_db *db, struct error *e);

/* End a transaction that failed. */
void sink_db_rollback(struct sink_db *db);

#endif
