#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/stop.h"
#include "common/text.h"

void printer_open(struct printer *p)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size;
    *p = (struct printer){.terminal = isatty(STDOUT_FILENO)};
    if (!p->terminal)
        return;
    p->colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        p->columns = size.ws_col;
}

bool printer_full(const struct printer *p)
{
    return p->out.len >= PRINT_BYTES_FULL;
}

/* A signal that asks us to stop also ends a write that nobody reads. */
bool printer_flush(struct printer *p)
{
    size_t done = 0;
    while (!p->failed && done < p->out.len) {
        ssize_t n = write(STDOUT_FILENO, p->out.data + done, p->out.len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR || stop_asked())
            p->failed = errno;
    }
    buffer_reset(&p->out);
    return !p->failed;
}

int printer_close(struct printer *p)
{
    printer_flush(p);
    buffer_close(&p->out);
    if (!p->failed || p->failed == EPIPE || p->failed == EINTR)
        return EXIT_COMPLETE;
    say("can't write to standard output: %s", strerror(p->failed));
    return EXIT_INCOMPLETE;
}

void print_json(struct printer *p, struct bytes json)
{
    if (p->terminal)
        text_add_json(&p->out, json);
    else
        buffer_add_bytes(&p->out, json);
    buffer_add_char(&p->out, '\n');
}

const char *print_on(const struct printer *p, enum print_colour colour)
{
    static const char *const codes[] = {
        [PRINT_PLAIN] = "",         [PRINT_BOLD] = "\033[1m",    [PRINT_RED] = "\033[31m",
        [PRINT_GREEN] = "\033[32m", [PRINT_YELLOW] = "\033[33m", [PRINT_BLUE] = "\033[34m",
        [PRINT_GREY] = "\033[2m",
    };
    return p->colour ? codes[colour] : "";
}

const char *print_off(const struct printer *p, enum print_colour colour)
{
    return p->colour && colour != PRINT_PLAIN ? "\033[0m" : "";
}
