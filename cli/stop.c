#include "cli/stop.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/check.h"

static volatile sig_atomic_t asked;
static int event = -1, reload = -1;

static void make_readable(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full means that it is readable */
}

static void on_signal(int number)
{
    (void)number;
    asked = 1;
    make_readable(event);
}

static void on_reload(int number)
{
    (void)number;
    make_readable(reload);
}

/* One that is ignored stays so: a shell ignores SIGINT for what it runs in the background. */
static void listen_to(int number, void (*handler)(int number), int flags)
{
    struct sigaction before, action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

int stop_listen(void)
{
    if (event >= 0)
        return event;
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(event >= 0);
    listen_to(SIGINT, on_signal, (int)SA_RESETHAND); /* no SA_RESTART */
    listen_to(SIGTERM, on_signal, (int)SA_RESETHAND);
    return event;
}

int stop_listen_reload(void)
{
    if (reload >= 0)
        return reload;
    reload = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(reload >= 0);
    listen_to(SIGHUP, on_reload, SA_RESTART);
    return reload;
}

bool stop_asked(void)
{
    return asked != 0;
}

bool stop_wait(int ms)
{
    struct pollfd fds[] = {{.fd = STDOUT_FILENO}, {.fd = event, .events = POLLIN}};
    return poll(fds, 2, ms) <= 0 ? !asked : !asked && !fds[0].revents;
}
