#include "cli/cluster/wait.h"

#include <unistd.h>

#include "cli/say.h"
#include "cli/stop.h"
#include "common/clock.h"
#include "common/units.h"

enum { LOOK_MS = 500, SAY_MS = 10000 };

struct telling {
    bool is_terminal, is_away;
    int64_t said_ms; /* when a line was said last */
    struct buffer said;
};

void wait_begin(void)
{
    stop_listen();
}

static void tell_away(struct telling *t, const struct error *e)
{
    if (!t->is_away)
        say("%s; it goes on without us, and we wait for the coordinator to come back", e->text);
    t->is_away = true;
}

static void tell(struct telling *t, const struct buffer *progress)
{
    int64_t now_ms = clock_steady_ms();
    t->is_away = false;
    if (t->is_terminal) {
        say_passing(buffer_text(progress));
        return;
    }
    if (now_ms - t->said_ms < SAY_MS || bytes_equal(buffer_bytes(&t->said), buffer_bytes(progress)))
        return;
    say_line("%s", buffer_text(progress));
    t->said_ms = now_ms;
    buffer_reset(&t->said);
    buffer_add_bytes(&t->said, buffer_bytes(progress));
}

/* 0: go on. */
static int look(const struct wait_setting *setting, struct telling *t, bool *done, struct error *e)
{
    struct buffer progress = {0};
    arena_reset(&setting->ask->arena);
    int r = setting->look(setting->context, done, &progress, e);
    if (r == ERR_CONNECT || r == ERR_RESOLVE) {
        tell_away(t, e);
        r = 0;
    } else if (!r && !*done) {
        tell(t, &progress);
    }
    buffer_close(&progress);
    return r;
}

enum wait_end wait_for(const struct wait_setting *setting, int *exit_code)
{
    struct telling telling = {.is_terminal = isatty(STDERR_FILENO), .said_ms = clock_steady_ms()};
    int64_t began_ms = clock_steady_ms();
    enum wait_end end = WAIT_DONE;
    struct error e;
    bool done = false;
    while (end == WAIT_DONE && !done) {
        if (look(setting, &telling, &done, &e))
            end = WAIT_BROKEN;
        else if (!done && setting->deadline_ms && clock_steady_ms() - began_ms >= setting->deadline_ms)
            end = WAIT_OVER;
        else if (!done && !stop_wait(LOOK_MS))
            end = WAIT_STOPPED;
    }
    if (telling.is_terminal)
        say_passing("");
    if (end == WAIT_BROKEN)
        *exit_code = say_error(&e);
    buffer_close(&telling.said);
    return end;
}

int wait_deadline(const struct options *options, int64_t *deadline_ms)
{
    *deadline_ms = 0;
    if (!options->deadline)
        return 0;
    if (units_duration(bytes_of(options->deadline), deadline_ms) && *deadline_ms > 0)
        return 0;
    say("--deadline '%s': a time is needed, as 90s, 10m or 2h", options->deadline);
    return EXIT_USAGE;
}
