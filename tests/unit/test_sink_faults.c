/* A sink whose PostgreSQL goes wrong, or is somebody else's, or is given what it can't hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/limits.h"
#include "test_sink_lab.h"

static const char end_sinks[] = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                                " WHERE application_name = 'garner sink'";

static void assert_said(const struct lab *lab, const char *part)
{
    if (!strstr(lab->said, part))
        fail_msg("'%s' wasn't said:\n%s", part, lab->said);
}

static void assert_refused(const struct lab *lab, const char *part)
{
    assert_int_equal(lab->error.code, ERR_USAGE);
    if (!strstr(lab->error.text, part))
        fail_msg("'%s' isn't in: %s", part, lab->error.text);
}

/* --- connections --- */

static void a_connection_that_breaks_is_made_again_and_nothing_is_lost_or_doubled(void **state)
{
    struct lab *lab = *state;
    char cursor[16];
    for (int i = 0; i < 6; i++) {
        lab_change(lab, GARNER_CREATED, "t.a", i % 2 ? "odd" : "even", "{\"v\":1}");
        snprintf(cursor, sizeof cursor, "c%d", i);
        lab_run(lab, end_sinks);
        lab_comes(lab, cursor);
    }
    lab_expect_resources(lab, "t.a even 1, t.a odd 1");
    lab_expect(lab, "SELECT count(*), max(seq) FROM changes", "6 6");
    lab_expect(lab, "SELECT cursor, step FROM feed", "c5 6");
    assert_said(lab, "takes what comes again");
}

/* The transaction is in the tables, but the sink doesn't know: as if the answer to COMMIT had been lost. */
static void a_commit_whose_answer_was_lost_counts_once(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    int64_t writer = lab->sink.state.writer;
    lab_must(lab, &batch, "c1");
    lab->sink.state.step--;
    lab->sink.state.writer = writer;
    lab_run(lab, end_sinks);
    lab_must(lab, &batch, "c1");
    lab_expect(lab, "SELECT cursor, step FROM feed", "c1 1");
    lab_expect(lab, "SELECT count(*) FROM changes", "1");
    lab_change(lab, GARNER_CREATED, "t.a", "two", "{\"v\":1}");
    lab_comes(lab, "c2");
    lab_expect_resources(lab, "t.a one 1, t.a two 1");
}

static void what_fails_for_the_moment_is_tried_again_and_told_of_once(void **state)
{
    struct lab *lab = *state;
    lab_run(lab,
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$");
    lab_run(lab, "CREATE TRIGGER fail BEFORE INSERT ON resources EXECUTE FUNCTION fail()");
    lab->cure = "SELECT 1";
    lab->waits = 3;
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    assert_int_equal(lab_take(lab, &batch, "c1"), SINK_STOPPED);
    char *first = strstr(lab->said, "No space left");
    assert_non_null(first);
    assert_null(strstr(first + 1, "No space left"));
    lab->waits = 9;
    lab->cure = "DROP TRIGGER fail ON resources";
    lab_must(lab, &batch, "c1");
    assert_said(lab, "takes what comes again");
    lab_expect(lab, "SELECT count(*) FROM changes", "1");
}

static void a_table_that_is_gone_is_an_error_that_says_so(void **state)
{
    struct lab *lab = *state;
    lab_run(lab, "DROP TABLE resources");
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    assert_int_equal(lab_take(lab, &batch, "c1"), SINK_FAILED);
    assert_non_null(strstr(lab->error.text, "\"resources\" does not exist"));
    lab_expect(lab, "SELECT count(*) FROM changes", "0");
}

/* --- two of them --- */

static void a_second_sink_is_told_who_is_there(void **state)
{
    struct lab *lab = *state;
    struct sink second;
    assert_int_equal(sink_open(&second, &lab->options, &lab->error), SINK_FAILED);
    assert_refused(lab, "another sink writes to schema");
    assert_refused(lab, "garner sink");
    sink_close(&second);
    lab->options.lock_ms = 5000;
    lab->cure = end_sinks; /* the first one ends while the second one waits */
    assert_int_equal(sink_open(&second, &lab->options, &lab->error), SINK_TAKEN);
    sink_close(&second);
}

static void who_finds_that_another_one_wrote_goes_on_from_there(void **state)
{
    struct lab *lab = *state;
    lab_comes(lab, "c1");
    lab_run(lab, "UPDATE feed SET writer = 7, step = step + 1, cursor = 'theirs'");
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    assert_int_equal(lab_take(lab, &batch, "c2"), SINK_SEEK);
    assert_string_equal(sink_cursor(&lab->sink), "theirs");
    lab_expect(lab, "SELECT count(*) FROM changes", "0");
    lab_run(lab, "UPDATE feed SET writer = 8, step = step + 1, cursor = 'theirs again'");
    lab_run(lab, end_sinks);
    assert_int_equal(lab_take(lab, &batch, "c2"), SINK_SEEK);
    assert_string_equal(sink_cursor(&lab->sink), "theirs again");
    lab_must(lab, &batch, "c3");
    lab_expect_cursor(lab, "c3");
}

/* … also from one that began to take all anew, and got no further. */
static void who_finds_that_all_is_to_be_taken_anew_does_so(void **state)
{
    struct lab *lab = *state;
    struct sink second;
    lab_comes(lab, "c1");
    lab_run(lab, end_sinks);
    lab->options.resync = true;
    lab->options.lock_ms = 5000;
    assert_int_equal(sink_open(&second, &lab->options, &lab->error), SINK_TAKEN);
    sink_close(&second);
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    assert_int_equal(lab_take(lab, &batch, "c2"), SINK_SEEK);
    assert_null(sink_cursor(&lab->sink));
}

static void a_feed_table_that_somebody_emptied_is_an_error_that_says_so(void **state)
{
    struct lab *lab = *state;
    lab_comes(lab, "c1");
    lab_run(lab, "DELETE FROM feed");
    lab_change(lab, GARNER_CREATED, "t.a", "one", "{\"v\":1}");
    struct garner_batch batch = lab_batch(lab);
    assert_int_equal(lab_take(lab, &batch, "c2"), SINK_FAILED);
    assert_non_null(strstr(lab->error.text, "somebody emptied it"));
}

static void a_sink_that_finds_its_feed_table_emptied_takes_all_anew(void **state)
{
    struct lab *lab = *state;
    lab_change(lab, GARNER_CREATED, "t.a", "lost", "{\"v\":1}");
    lab_change(lab, GARNER_CREATED, "t.a", "stays", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_run(lab, "TRUNCATE feed");
    assert_int_equal(lab_reopen(lab), SINK_TAKEN);
    assert_null(sink_cursor(&lab->sink));
    lab_expect(lab, "SELECT count(*) FROM resources", "2");
    lab_begins(lab, GARNER_WHY_ASKED);
    lab_row(lab, "stays", 1, "{\"v\":2}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_ASKED, "c2");
    lab->seq = 0;
    lab_change(lab, GARNER_CREATED, "t.b", "new", "{\"v\":1}");
    lab_comes(lab, "c3");
    lab_nothing(lab, "c3");
    lab_expect_resources(lab, "t.a stays 2, t.b new 1");
    lab_expect(lab, "SELECT history, seq, id FROM changes ORDER BY 1, 2", "1 1 lost, 1 2 stays, 2 1 new");
}

/* --- schemas --- */

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    struct lab *lab = *state;
    lab_run(lab, "INSERT INTO schema_version VALUES (99)");
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_refused(lab, "is of version 99");
}

static void somebody_elses_tables_are_left_alone(void **state)
{
    struct lab *lab = *state;
    sink_close(&lab->sink);
    lab_run(lab, "CREATE SCHEMA theirs");
    lab_run(lab, "CREATE TABLE theirs.resources (a integer)");
    lab->options.schema = "theirs";
    assert_int_equal(sink_open(&lab->sink, &lab->options, &lab->error), SINK_FAILED);
    assert_non_null(strstr(lab->error.text, "\"resources\" already exists"));
    lab_expect(lab, "SELECT count(*) FROM pg_tables WHERE schemaname = 'theirs'", "1");
    lab_run(lab, "DROP SCHEMA theirs CASCADE");
}

static void names_that_cant_be_a_schemas_are_refused(void **state)
{
    struct lab *lab = *state;
    static const char *const names[] = {
        "pg_garner", "information_schema", "\xff",
        "a name that is longer than what PostgreSQL takes without cutting it off"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lab->options.schema = names[i];
        assert_int_equal(lab_reopen(lab), SINK_FAILED);
        assert_refused(lab, "--schema");
    }
}

/* --- connection strings --- */

static void a_connection_string_that_cant_be_read_isnt_repeated(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *given, *said;
    } cases[] = {
        {"postgresql//me:hunter22@host/db", "can't be read"},
        {"postgresql://me:%zzhunter22@host/db", "can't be read"},
        {"hunter22", "can't be read"},
        {"host=x pasword=hunter22", "did you mean 'password'"},
        {"postgresql://me:hunter22@host/db?sslmod=require", "did you mean 'sslmode'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lab->options.conninfo = cases[i].given;
        assert_int_equal(lab_reopen(lab), SINK_FAILED);
        assert_refused(lab, cases[i].said);
        assert_null(strstr(lab->error.text, "hunter22"));
    }
}

static void nobody_there_and_turned_away_are_told_apart(void **state)
{
    struct lab *lab = *state;
    char conninfo[600];
    lab->options.conninfo = "host=127.0.0.1 port=1 user=postgres password=hunter22";
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_int_equal(lab->error.code, ERR_CONNECT);
    snprintf(conninfo, sizeof conninfo, "%s host=127.0.0.1 password=hunter22", lab_server.conninfo);
    lab->options.conninfo = conninfo;
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_refused(lab, "authentication failed");
    assert_null(strstr(lab->error.text, "hunter22"));
    snprintf(conninfo, sizeof conninfo, "%s dbname=gone", lab_server.conninfo);
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_refused(lab, "database \"gone\" does not exist");
}

static void a_database_that_hasnt_all_characters_is_refused(void **state)
{
    struct lab *lab = *state;
    char conninfo[600];
    lab_run(lab, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    snprintf(conninfo, sizeof conninfo, "%s dbname=latin", lab_server.conninfo);
    lab->options.conninfo = conninfo;
    assert_int_equal(lab_reopen(lab), SINK_FAILED);
    assert_refused(lab, "encoding LATIN1");
}

/* --- what PostgreSQL can't hold --- */

static void long_ids_nuls_and_large_numbers_are_taken(void **state)
{
    struct lab *lab = *state;
    static char ids[2][LIMIT_ID_BYTES + 1];
    static const char nul[] = "a\0b";
    for (int i = 0; i < 2; i++) { /* nothing in them that could be compressed */
        uint64_t x = 88172645463325252u;
        for (int at = 0; at < LIMIT_ID_BYTES; at++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            ids[i][at] = (char)('!' + x % 90);
        }
        ids[i][LIMIT_ID_BYTES - 1] = (char)('0' + i);
        lab_change(lab, GARNER_CREATED, "t.long", ids[i], "{\"v\":1}");
    }
    lab_change(lab, GARNER_CREATED, "t.nul", "", "{\"v\":\"\\u0000\",\"\\u0000\":1e999999}");
    lab->changes[2].id = (struct garner_bytes){nul, sizeof nul - 1};
    lab_change(lab, GARNER_CREATED, "t.nul",
               "a\xef\xbf\xbd"
               "b",
               "{\"v\":12345678901234567890123456789.10}");
    lab_comes(lab, "c1");
    lab_expect(lab, "SELECT count(DISTINCT id), max(length(id)) FROM resources WHERE type = 't.long'",
               "2 4096");
    lab_expect(lab, "SELECT id, document FROM resources WHERE type = 't.nul' ORDER BY seq",
               "a\xef\xbf\xbd"
               "b {\"v\": \"\xef\xbf\xbd\", \"\xef\xbf\xbd\": \"1e999999\"}, a\xef\xbf\xbd"
               "b {\"v\": 12345678901234567890123456789.10}");
    lab_change(lab, GARNER_DELETED, "t.long", ids[1], NULL);
    lab_comes(lab, "c2");
    lab_expect(lab, "SELECT count(*) FROM resources WHERE type = 't.long'", "1");
}

/* jsonb's own limits are far beyond a test's patience, so a function in front of it stands for them. */
static void a_document_that_jsonb_cant_hold_costs_no_other(void **state)
{
    struct lab *lab = *state;
    lab_run(
        lab,
        "CREATE FUNCTION jsonb(text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF $1 LIKE '%poison%'"
        " THEN RAISE 'too much' USING ERRCODE = 'program_limit_exceeded'; END IF; RETURN $1::jsonb; END $$");
    lab_change(lab, GARNER_CREATED, "t.a", "bad", "{\"v\":\"poison\"}");
    lab_change(lab, GARNER_CREATED, "t.a", "good", "{\"v\":1}");
    lab_comes(lab, "c1");
    lab_expect_resources(lab, "t.a bad poison, t.a good 1");
    lab_begins(lab, GARNER_WHY_COMPACTED);
    lab_row(lab, "bad", 9, "{\"v\":\"poison\"}");
    lab_rows_come(lab, "t.a", true);
    lab_ends(lab, GARNER_WHY_COMPACTED, "c2");
    lab_expect_resources(lab, "t.a bad poison");
    lab_expect(lab, "SELECT to_document('{\"a\": 1}'), to_document('[') ->> 'garner'",
               "{\"a\": 1} PostgreSQL can't hold this document: invalid input syntax for type json");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_open, lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_that_breaks_is_made_again_and_nothing_is_lost_or_doubled),
        TEST(a_commit_whose_answer_was_lost_counts_once),
        TEST(what_fails_for_the_moment_is_tried_again_and_told_of_once),
        TEST(a_table_that_is_gone_is_an_error_that_says_so),
        TEST(a_second_sink_is_told_who_is_there),
        TEST(who_finds_that_another_one_wrote_goes_on_from_there),
        TEST(who_finds_that_all_is_to_be_taken_anew_does_so),
        TEST(a_feed_table_that_somebody_emptied_is_an_error_that_says_so),
        TEST(a_sink_that_finds_its_feed_table_emptied_takes_all_anew),
        TEST(a_newer_schema_is_refused_and_left_alone),
        TEST(somebody_elses_tables_are_left_alone),
        TEST(names_that_cant_be_a_schemas_are_refused),
        TEST(a_connection_string_that_cant_be_read_isnt_repeated),
        TEST(nobody_there_and_turned_away_are_told_apart),
        TEST(a_database_that_hasnt_all_characters_is_refused),
        TEST(long_ids_nuls_and_large_numbers_are_taken),
        TEST(a_document_that_jsonb_cant_hold_costs_no_other),
    };
    return cmocka_run_group_tests(tests, lab_server_start, lab_server_stop);
}
