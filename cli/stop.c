#include "cli/stop.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/check.h"

static volatile sig_atomic_t asked;
static int event = -1;

static void on_signal(int number)
{
    uint64_t one = 1;
    (void)number;
    asked = 1;
    ssize_t n = write(event, &one, sizeof one);
    (void)n; /* full means that it is readable */
}

/* One that is ignored stays so: a shell ignores SIGINT for what it runs in the background. */
static void listen_to(int number)
{
    struct sigaction before,
        action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}; /* no SA_RESTART */
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
    listen_to(SIGINT);
    listen_to(SIGTERM);
    return event;
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
