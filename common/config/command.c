/* Running a program: posix_spawn, then one loop that polls its output and its end (a pidfd) until a
 * deadline. The program's end counts, not the pipe's: something that it left running in the background
 * may hold the pipe open for ever. */
#include "common/config/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

extern char **environ;

struct command {
    const char *name;
    pid_t pid;
    int output; /* our end of its standard output; -1 once it ended */
    int end;    /* pidfd */
    struct buffer *out;
};

static int spawn(const char *const *command, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawnattr_init(&attributes) == 0);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(pid, command[0], &actions, &attributes, (char *const *)command, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Take what is there. False at the pipe's end, or when the limit is met. */
static bool take_output(struct command *c)
{
    for (;;) {
        buffer_reserve(c->out, 4096);
        ssize_t got = read(c->output, c->out->data + c->out->len, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0)
            return false;
        c->out->len += (size_t)got;
        c->out->data[c->out->len] = 0;
        if (c->out->len > LIMIT_COMMAND_BYTES)
            return false;
    }
}

static void close_output(struct command *c)
{
    if (c->output >= 0)
        close(c->output);
    c->output = -1;
}

/* Until the program ended. */
static int attend(struct command *c, struct error *e)
{
    int64_t deadline = clock_steady_ms() + LIMIT_COMMAND_MS;
    for (;;) {
        struct pollfd polls[2] = {{.fd = c->end, .events = POLLIN}, {.fd = c->output, .events = POLLIN}};
        int64_t left = deadline - clock_steady_ms();
        if (left <= 0)
            return error_set(e, ERR_CREDENTIALS, "command %s did not end within %d s", c->name,
                             LIMIT_COMMAND_MS / 1000);
        if (poll(polls, 2, (int)left) < 0 && errno != EINTR)
            return error_set(e, ERR_CREDENTIALS, "command %s: poll: %s", c->name, strerror(errno));
        if (c->output >= 0 && (polls[1].revents || polls[0].revents) && !take_output(c))
            close_output(c);
        if (c->out->len > LIMIT_COMMAND_BYTES)
            return error_set(e, ERR_CREDENTIALS, "command %s printed more than %d MiB", c->name,
                             LIMIT_COMMAND_BYTES >> 20);
        if (polls[0].revents)
            return 0;
    }
}

static int judge(const struct command *c, int status, struct error *e)
{
    if (WIFSIGNALED(status))
        return error_set(e, ERR_CREDENTIALS, "command %s was ended by signal %d (%s)", c->name,
                         WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == 127)
        return error_set(e, ERR_CREDENTIALS, "command %s ended with exit code 127: is it there?", c->name);
    if (WEXITSTATUS(status) != 0)
        return error_set(e, ERR_CREDENTIALS, "command %s ended with exit code %d", c->name,
                         WEXITSTATUS(status));
    return 0;
}

int command_run(const char *const *command, struct buffer *out, struct error *e)
{
    struct command c = {.name = command[0], .output = -1, .end = -1, .out = out};
    int pipes[2], status = 0, code = 0;
    buffer_reset(out);
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return error_set(e, ERR_CREDENTIALS, "command %s: pipe: %s", c.name, strerror(errno));
    c.output = pipes[0];
    fcntl(c.output, F_SETFL, O_NONBLOCK);
    int failed = spawn(command, pipes[1], &c.pid);
    close(pipes[1]);
    if (failed) {
        close_output(&c);
        return error_set(e, ERR_CREDENTIALS, "command %s can't be run: %s", c.name, strerror(failed));
    }
    c.end = pidfd_open(c.pid, 0);
    if (c.end < 0)
        code = error_set(e, ERR_CREDENTIALS, "command %s: pidfd_open: %s", c.name, strerror(errno));
    else
        code = attend(&c, e);
    if (code)
        kill(-c.pid, SIGKILL);
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!code)
        code = judge(&c, status, e);
    if (c.end >= 0)
        close(c.end);
    close_output(&c);
    return code;
}

bool command_exists(const char *program)
{
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    struct buffer name = {0};
    bool found = false;
    while (path && *path && !found) {
        size_t len = strcspn(path, ":");
        buffer_reset(&name);
        buffer_printf(&name, "%.*s/%s", len ? (int)len : 1, len ? path : ".", program);
        found = access(buffer_text(&name), X_OK) == 0;
        path += len + (path[len] == ':');
    }
    buffer_close(&name);
    return found;
}
