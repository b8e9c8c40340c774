/* Commands: a child process with pipes for what it writes, and a pidfd that says when it has ended.
 *
 * The child gets a process group of its own, so that a time-out ends what it started too; default signals and
 * an empty mask; and no descriptor of ours but its three (libcurl's sockets aren't all close-on-exec). When
 * it has ended, what is in the pipes is read and that's it: a daemon that it left behind may hold them open
 * for ever. At most LIMIT_COMMANDS run, the others wait: a restart must not start a process for each of
 * thousands of accounts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "worker/fetch/internal.h"

enum { STDERR_BYTES = 4096, STDERR_SHOWN = 200, READ_BYTES = 16 << 10 };

struct command {
    struct fetch *fetch;
    struct command *next;
    char **argv;
    void *context;
    fetch_done *done;
    pid_t pid; /* 0: not started, or reaped */
    int pidfd, out, err;
    struct watch *watch_pid, *watch_out, *watch_err;
    struct fetch_timer *timer;
    struct buffer output, complaint;
    struct error error; /* why it was killed, or couldn't be started */
    bool failed;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Whatever state it is in. A child that still runs is killed and reaped. */
static void free_command(struct command *command)
{
    struct loop *loop = &command->fetch->loop;
    if (command->pid) {
        kill(-command->pid, SIGKILL);
        while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    loop_unwatch(loop, command->watch_pid);
    loop_unwatch(loop, command->watch_out);
    loop_unwatch(loop, command->watch_err);
    loop_timer_cancel(loop, command->timer);
    close_fd(&command->pidfd);
    close_fd(&command->out);
    close_fd(&command->err);
    buffer_close(&command->output);
    buffer_close(&command->complaint);
    for (char **arg = command->argv; *arg; arg++)
        free(*arg);
    free(command->argv);
    free(command);
}

static void start_queued(struct fetch *fetch);

/* Call back and be gone. The slot is given on before, the callback may ask for another command. */
static void deliver(struct command *command)
{
    struct fetch *fetch = command->fetch;
    struct command **at = &fetch->commands;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    fetch->command_count--;
    struct fetch_result result = {.code = command->failed ? ERR_LOGIN : 0, .error = command->error};
    if (!command->failed) {
        result.bytes = command->output.len;
        result.answer = (struct answer){.status = 200,
                                        .body = buffer_bytes(&command->output),
                                        .delimited = true,
                                        .url = command->argv[0]};
    }
    command->done(command->context, &result);
    free_command(command);
    start_queued(fetch);
}

static void fail(struct command *command, const char *cause)
{
    if (command->failed)
        return;
    command->failed = true;
    error_set(&command->error, ERR_LOGIN, "command %s %s", command->argv[0], cause);
}

/* Read what is there, up to `max` bytes; the rest is dropped. False when there will be no more. */
static bool drain(int fd, struct buffer *into, size_t max, bool *too_much)
{
    char data[READ_BYTES];
    for (;;) {
        ssize_t len = read(fd, data, sizeof data);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return true;
        if (len <= 0)
            return false;
        size_t room = max - into->len;
        *too_much |= (size_t)len > room;
        buffer_add(into, data, (size_t)len < room ? (size_t)len : room);
        if (*too_much)
            return true; /* a flood must not keep us here */
    }
}

static void read_out(struct command *command)
{
    bool too_much = false;
    if (command->out < 0)
        return;
    bool more = drain(command->out, &command->output, LIMIT_COMMAND_BYTES, &too_much);
    if (too_much) {
        char cause[80];
        snprintf(cause, sizeof cause, "wrote more than %d bytes to its standard output", LIMIT_COMMAND_BYTES);
        fail(command, cause);
        if (command->pid)
            kill(-command->pid, SIGKILL); /* its end comes through the pidfd */
    }
    if (!more || too_much) {
        loop_unwatch(&command->fetch->loop, command->watch_out);
        command->watch_out = NULL;
        close_fd(&command->out);
    }
}

static void read_err(struct command *command)
{
    bool too_much = false;
    if (command->err < 0 || drain(command->err, &command->complaint, STDERR_BYTES, &too_much))
        return;
    loop_unwatch(&command->fetch->loop, command->watch_err);
    command->watch_err = NULL;
    close_fd(&command->err);
}

static void on_out(struct watch *watch, uint32_t events)
{
    (void)events;
    read_out(watch->context);
}

static void on_err(struct watch *watch, uint32_t events)
{
    (void)events;
    read_err(watch->context);
}

/* How it began to complain, as the end of a sentence. */
static void add_complaint(struct command *command)
{
    struct bytes said = bytes_trim(buffer_bytes(&command->complaint));
    if (said.len == 0)
        return;
    size_t shown = said.len < STDERR_SHOWN ? said.len : STDERR_SHOWN;
    while (shown < said.len && shown > 0 && ((unsigned char)said.data[shown] & 0xc0) == 0x80)
        shown--; /* not within a character */
    error_set(&command->error, ERR_LOGIN, "%s: %.*s%s", command->error.text, (int)shown, said.data,
              shown < said.len ? "…" : "");
}

static void judge(struct command *command, int status)
{
    char cause[80];
    if (WIFSIGNALED(status)) {
        snprintf(cause, sizeof cause, "was ended by signal %d (%s)", WTERMSIG(status),
                 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown");
        fail(command, cause);
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(cause, sizeof cause, "ended with exit status %d", WEXITSTATUS(status));
        fail(command, cause);
    }
    if (command->failed)
        add_complaint(command);
}

static void on_end(struct watch *watch, uint32_t events)
{
    (void)events;
    struct command *command = watch->context;
    int status = 0;
    pid_t pid = waitpid(command->pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return;
    CHECK(pid == command->pid);
    command->pid = 0;
    read_out(command);
    read_err(command);
    judge(command, status);
    deliver(command);
}

static void on_timeout(void *context)
{
    struct command *command = context;
    char cause[80];
    command->timer = NULL;
    snprintf(cause, sizeof cause, "wasn't done after %d s, and was killed", LIMIT_COMMAND_MS / 1000);
    fail(command, cause);
    kill(-command->pid, SIGKILL);
}

/* --- Starting --- */

static int spawn(struct command *command, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO) == 0);
    CHECK(posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1) == 0);
    CHECK(posix_spawnattr_setsigmask(&attributes, &none) == 0);
    CHECK(posix_spawnattr_setsigdefault(&attributes, &all) == 0);
    CHECK(posix_spawnattr_setpgroup(&attributes, 0) == 0);
    CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP) == 0);
    int code = posix_spawnp(&command->pid, command->argv[0], &actions, &attributes, command->argv, environ);
    if (code)
        command->pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

static int open_pipe(int *ours, int *theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return errno;
    *ours = ends[0];
    *theirs = ends[1];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) ? errno : 0;
}

/* Start it and watch it. 0 or an errno. */
static int start_child(struct command *command)
{
    struct loop *loop = &command->fetch->loop;
    int out = -1, err = -1;
    int code = open_pipe(&command->out, &out);
    if (!code)
        code = open_pipe(&command->err, &err);
    if (!code)
        code = spawn(command, out, err);
    close_fd(&out);
    close_fd(&err);
    if (code)
        return code;
    command->pidfd = pidfd_open(command->pid, 0);
    if (command->pidfd < 0)
        return errno;
    command->watch_pid = loop_watch(loop, command->pidfd, EPOLLIN, command, on_end);
    command->watch_out = loop_watch(loop, command->out, EPOLLIN, command, on_out);
    command->watch_err = loop_watch(loop, command->err, EPOLLIN, command, on_err);
    if (!command->watch_pid || !command->watch_out || !command->watch_err)
        return errno;
    command->timer = loop_timer(loop, clock_steady_ms() + LIMIT_COMMAND_MS, command, on_timeout);
    return 0;
}

static void on_not_started(void *context)
{
    struct command *command = context;
    command->timer = NULL;
    deliver(command);
}

static void start(struct command *command)
{
    char cause[160];
    int code = start_child(command);
    if (!code)
        return;
    if (code == ENOENT)
        snprintf(cause, sizeof cause, "was not found: name its file, or put its folder into PATH");
    else
        snprintf(cause, sizeof cause, "can't be started: %s", strerrordesc_np(code));
    fail(command, cause);
    loop_unwatch(&command->fetch->loop, command->watch_pid); /* what may have begun to run is killed later */
    loop_unwatch(&command->fetch->loop, command->watch_out);
    loop_unwatch(&command->fetch->loop, command->watch_err);
    command->watch_pid = command->watch_out = command->watch_err = NULL;
    command->timer = loop_timer(&command->fetch->loop, 0, command,
                                on_not_started); /* never from within the call */
}

static void start_queued(struct fetch *fetch)
{
    while (fetch->queued_commands && fetch->command_count < LIMIT_COMMANDS) {
        struct command *command = fetch->queued_commands;
        fetch->queued_commands = command->next;
        if (!fetch->queued_commands)
            fetch->queued_commands_end = &fetch->queued_commands;
        command->next = fetch->commands;
        fetch->commands = command;
        fetch->command_count++;
        start(command);
    }
}

void fetch_command(struct fetch *fetch, const char *const *argv, void *context, fetch_done *done)
{
    struct command *command = mem_zalloc(sizeof *command);
    size_t count = 0;
    CHECK_MAGIC(fetch, FETCH_MAGIC);
    CHECK(argv[0]);
    while (argv[count])
        count++;
    *command =
        (struct command){.fetch = fetch, .context = context, .done = done, .pidfd = -1, .out = -1, .err = -1};
    command->argv = mem_zalloc((count + 1) * sizeof *command->argv);
    for (size_t i = 0; i < count; i++)
        command->argv[i] = mem_strdup(argv[i]);
    *fetch->queued_commands_end = command;
    fetch->queued_commands_end = &command->next;
    start_queued(fetch);
}

static void free_all(struct command *command)
{
    while (command) {
        struct command *next = command->next;
        free_command(command);
        command = next;
    }
}

void command_close_all(struct fetch *fetch)
{
    free_all(fetch->commands);
    free_all(fetch->queued_commands);
    fetch->commands = fetch->queued_commands = NULL;
}

bool command_under_way(const struct fetch *fetch)
{
    return fetch->commands || fetch->queued_commands;
}
