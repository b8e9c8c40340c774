/* Fetch: commands, timers, watched descriptors and names. */
#include "tests/unit/test_fetch_lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "worker/fetch/resolver.h"

static void run_command(struct lab *lab, const char *const *argv)
{
    lab->results = 0;
    fetch_command(lab->fetch, argv, lab, lab_take);
    assert_int_equal(lab->results, 0); /* never from within the call */
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(lab->results, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
    assert_int_equal(errno, ECHILD);
}

static void run_shell(struct lab *lab, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    run_command(lab, argv);
}

/* What a command writes is its answer's body; it reads nothing, and gets its arguments as they are. */
static void command_output_is_the_body(void **state)
{
    struct lab *lab = *state;
    const char *const argv[] = {"printf", "%s|", "a b", "$HOME", "", NULL};
    run_command(lab, argv);
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->status, 200);
    assert_true(lab->delimited);
    assert_body(lab, "a b|$HOME||");
    run_shell(lab, "cat; echo not the body >&2; printf done");
    assert_body(lab, "done");
}

static void failing_command_says_why(void **state)
{
    struct lab *lab = *state;
    const char *const nonesuch[] = {"nonesuch-command", NULL}, *const folder[] = {"/tmp", NULL};
    run_command(lab, nonesuch);
    assert_error(lab, ERR_LOGIN, "nonesuch-command was not found");
    run_command(lab, folder);
    assert_error(lab, ERR_LOGIN, "/tmp can't be started: Permission denied");
    run_shell(lab, "echo half an answer; echo no such profile >&2; exit 7");
    assert_error(lab, ERR_LOGIN, "exit status 7: no such profile");
    assert_body(lab, "");
    run_shell(lab, "kill -9 $$");
    assert_error(lab, ERR_LOGIN, "signal 9 (Killed)");
}

/* Too much output ends a command; too much complaint is only not read. */
static void command_output_has_a_limit(void **state)
{
    struct lab *lab = *state;
    run_shell(lab, "yes");
    assert_error(lab, ERR_LOGIN, "more than 1048576 bytes");
    run_shell(lab, "head -c 1048576 /dev/zero");
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->body.len, LIMIT_COMMAND_BYTES);
    run_shell(lab, "head -c 1000000 /dev/zero >&2; printf fine");
    assert_body(lab, "fine");
    run_shell(lab, "yes complaint | head -c 1000000 >&2; exit 1");
    assert_error(lab, ERR_LOGIN, "complaint");
    assert_in_range(strlen(lab->error), 1, 400);
}

/* A command that leaves a process behind has ended all the same. */
static void daemons_hold_nobody_up(void **state)
{
    struct lab *lab = *state;
    int64_t began_ms = clock_steady_ms();
    run_shell(lab, "sleep 20 & printf $!");
    assert_in_range(clock_steady_ms() - began_ms, 0, 10000);
    assert_int_equal(lab->code, 0);
    kill(atoi(buffer_text(&lab->body)), SIGKILL);
}

/* A child has default signals, nothing blocked, and of our descriptors only its own three. */
static void child_starts_clean(void **state)
{
    struct lab *lab = *state;
    sigset_t term, old;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &old);
    int inherited = dup(0);
    run_shell(lab, "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l");
    close(inherited);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_has(buffer_text(&lab->body), "SigBlk:\t0000000000000000");
    const char *ignored = strstr(buffer_text(&lab->body), "SigIgn:\t");
    assert_non_null(ignored);
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & 0x7fffffff, 0); /* 32 and 33 are glibc's own */
    assert_has(buffer_text(&lab->body), "\n4\n");                      /* the three, and ls's own */
}

static void count_results(void *context, const struct fetch_result *result)
{
    unsigned *count = context;
    *count += result->code == 0;
}

/* Many commands are all run, a few at a time; closing in their midst kills them. */
static void many_commands_take_turns(void **state)
{
    struct lab *lab = *state;
    unsigned count = 0;
    const char *const quick[] = {"true", NULL}, *const slow[] = {"sleep", "100", NULL};
    for (int i = 0; i < 50; i++)
        fetch_command(lab->fetch, quick, &count, count_results);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(count, 50);
    for (int i = 0; i < 50; i++)
        fetch_command(lab->fetch, slow, &count, count_results);
    fetch_step(lab->fetch, 10);
    fetch_close(lab->fetch);
    lab->fetch = NULL;
    assert_int_equal(count, 50);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* --- Timers and descriptors --- */

struct diary {
    struct fetch *fetch;
    char text[64];
    struct fetch_timer *victim;
    int fd;
};

static void note(struct diary *diary, const char *what)
{
    strncat(diary->text, what, sizeof diary->text - strlen(diary->text) - 1);
}

static void fire_a(void *context)
{
    note(context, "a");
}

static void fire_b(void *context)
{
    note(context, "b");
}

static void fire_cancel(void *context)
{
    struct diary *diary = context;
    note(diary, "c");
    fetch_timer_cancel(diary->fetch, diary->victim);
    fetch_timer_start(diary->fetch, 0, diary, fire_b);
}

/* Timers fire in the order of their times, equal ones in the order they came; one may cancel another that
 * is due as well, and start one, which fires in the next step. */
static void timers_fire_in_order(void **state)
{
    struct lab *lab = *state;
    struct diary diary = {.fetch = lab->fetch};
    int64_t now_ms = clock_steady_ms();
    struct fetch_timer *never = fetch_timer_start(lab->fetch, now_ms + 5, &diary, fire_a);
    fetch_timer_start(lab->fetch, now_ms + 30, &diary, fire_b);
    fetch_timer_start(lab->fetch, now_ms + 10, &diary, fire_a);
    fetch_timer_start(lab->fetch, now_ms + 30, &diary, fire_a);
    fetch_timer_cancel(lab->fetch, never);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_string_equal(diary.text, "aba");
    assert_in_range(clock_steady_ms() - now_ms, 30, 5000);

    diary.text[0] = 0;
    fetch_timer_start(lab->fetch, now_ms, &diary, fire_cancel);
    diary.victim = fetch_timer_start(lab->fetch, now_ms, &diary, fire_a);
    assert_true(fetch_step(lab->fetch, -1));
    assert_string_equal(diary.text, "c");
    assert_false(fetch_step(lab->fetch, -1));
    assert_string_equal(diary.text, "cb");
    fetch_timer_start(lab->fetch, now_ms + 1000000, &diary, fire_a); /* closing forgets it */
}

static void read_one(void *context)
{
    struct diary *diary = context;
    char c[2] = "";
    assert_int_equal(read(diary->fd, c, 1), 1);
    note(diary, c);
}

/* A watched descriptor calls back when there is input, and by itself keeps nothing under way. */
static void watch_sees_input(void **state)
{
    struct lab *lab = *state;
    struct error e;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct diary diary = {.fetch = lab->fetch, .fd = ends[0]};
    assert_int_equal(fetch_watch(lab->fetch, ends[0], &diary, read_one, &e), 0);
    assert_int_equal(fetch_watch(lab->fetch, -1, &diary, read_one, &e), ERR_IO);
    assert_false(fetch_step(lab->fetch, -1));
    assert_int_equal(write(ends[1], "xy", 2), 2);
    assert_false(fetch_step(lab->fetch, -1));
    assert_false(fetch_step(lab->fetch, -1));
    assert_string_equal(diary.text, "xy");
    close(ends[0]);
    close(ends[1]);
}

/* --- Names --- */

struct asked {
    struct resolver_ticket ticket;
    char found[256], cause[256];
    bool done;
};

static void take_found(void *context, const char *addresses, const char *cause)
{
    struct asked *asked = context;
    asked->done = true;
    snprintf(asked->found, sizeof asked->found, "%s", addresses ? addresses : "");
    snprintf(asked->cause, sizeof asked->cause, "%s", addresses ? "" : cause);
}

/* Those who ask for one name share its look-up; one who gives up is left alone; the answer is kept. */
static void names_are_looked_up_once(void **state)
{
    (void)state;
    struct loop loop;
    struct resolver *resolver;
    struct error e;
    static struct asked asked[4], bad, again;
    assert_int_equal(loop_open(&loop, &e), 0);
    assert_int_equal(resolver_open(&loop, &resolver, &e), 0);
    for (int i = 0; i < 4; i++)
        resolver_ask(resolver, BYTES("127.0.0.1"), &asked[i].ticket, &asked[i], take_found);
    resolver_ask(resolver, BYTES("name-that-is-not.invalid"), &bad.ticket, &bad, take_found);
    resolver_cancel(&asked[1].ticket);
    while (!asked[3].done || !bad.done)
        loop_wait(&loop, INT64_MAX);
    for (int i = 0; i < 4; i++)
        assert_int_equal(asked[i].done, i != 1);
    assert_string_equal(asked[0].found, "127.0.0.1"); /* found without DNS or a hosts file */
    assert_string_equal(bad.found, "");
    assert_true(bad.cause[0]);
    resolver_ask(resolver, BYTES("127.0.0.1"), &again.ticket, &again, take_found);
    assert_true(again.done); /* at once */
    assert_string_equal(again.found, asked[0].found);
    resolver_close(resolver);
    loop_close(&loop);
}

/* Thousands of names are looked up by a few threads, and closing waits for none of them. */
static void closing_waits_for_no_name(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct loop loop;
    struct resolver *resolver;
    struct error e;
    struct asked *asked = calloc(MANY, sizeof *asked);
    assert_int_equal(loop_open(&loop, &e), 0);
    assert_int_equal(resolver_open(&loop, &resolver, &e), 0);
    for (int i = 0; i < MANY; i++) {
        char name[64];
        int len = snprintf(name, sizeof name, "name-%d.invalid", i);
        resolver_ask(resolver, (struct bytes){name, (size_t)len}, &asked[i].ticket, &asked[i], take_found);
    }
    int64_t began_ms = clock_steady_ms();
    resolver_close(resolver);
    assert_in_range(clock_steady_ms() - began_ms, 0, 1000);
    loop_close(&loop);
    free(asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(command_output_is_the_body, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(failing_command_says_why, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(command_output_has_a_limit, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(daemons_hold_nobody_up, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(child_starts_clean, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(many_commands_take_turns, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(timers_fire_in_order, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(watch_sees_input, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(names_are_looked_up_once, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(closing_waits_for_no_name, lab_open, lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
