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

int stop_listen(void)
{
    if (event >= 0)
        return event;
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(event >= 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}; /* no SA_RESTART */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
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
