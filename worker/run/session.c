/* Sessions: one an account and auth, renewed by whoever finds it stale first, while all others wait. How
 * login and exec are renewed stands here, how aws_sigv4 is in session_aws.c. */
#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "worker/run/internal.h"

void session_wait(struct session *s, struct task *task)
{
    CHECK(!task->session);
    task->session = s;
    task->next_waiting = NULL;
    if (s->waiting.last)
        s->waiting.last->next_waiting = task;
    else
        s->waiting.first = task;
    s->waiting.last = task;
}

void session_forget(struct session *s, struct task *task)
{
    struct task **at = &s->waiting.first, *before = NULL;
    while (*at && *at != task) {
        before = *at;
        at = &(*at)->next_waiting;
    }
    CHECK(*at);
    *at = task->next_waiting;
    if (s->waiting.last == task)
        s->waiting.last = before;
    task->next_waiting = NULL;
    task->session = NULL;
}

/* One by one, since what one does may end others that wait; those that begin to wait again come behind. */
static void wake(struct session *s)
{
    uint32_t waiting = 0;
    for (struct task *task = s->waiting.first; task; task = task->next_waiting)
        waiting++;
    for (; waiting && s->waiting.first; waiting--) {
        struct task *task = s->waiting.first;
        session_forget(s, task);
        task_due(task);
    }
}

void session_ended(struct session *s)
{
    if (s->awaited) {
        s->awaited = false;
        credentials_one_done(s->account, s->session.error.code ? &s->session.error : NULL);
    }
    wake(s);
}

static void ended(struct session *s, const struct answer *answer, const struct value *body)
{
    struct error e;
    int64_t now = clock_steady_ms();
    s->session.wall_ahead_ms = clock_wall_ms() - now;
    if (auth_renewed(&s->session, s->def, answer, body, now, &e))
        exchange_redact(&s->account->values, &s->session, &s->session.error);
    session_ended(s);
}

void session_failed(struct session *s, struct error *e)
{
    exchange_redact(&s->account->values, &s->session, e);
    auth_failed(&s->session, e, clock_steady_ms());
    session_ended(s);
}

/* --- login --- */

static void follow(struct session *s, enum exchange_want want);

static void on_timer(void *context)
{
    struct session *s = context;
    run_tick(s->account->run);
    s->timer = NULL;
    follow(s, exchange_due(&s->login->exchange, clock_steady_ms()));
}

static void on_answer(void *context, const struct fetch_result *result)
{
    struct session *s = context;
    struct run *run = s->account->run;
    run_tick(run);
    int64_t now = run->now_ms;
    run->totals.requests += result->requests;
    run->totals.bytes += result->bytes;
    follow(s, result->code ? exchange_broke(&s->login->exchange, &result->error, now)
                           : exchange_answered(&s->login->exchange, &result->answer, now, run->wall_ms));
}

static void follow(struct session *s, enum exchange_want want)
{
    struct run *run = s->account->run;
    const struct exchange *x = &s->login->exchange;
    struct error e;
    switch (want) {
    case EXCHANGE_SEND:
        fetch_send(run->fetch, &x->request, s->account->provider->allow_origins, s, on_answer);
        return;
    case EXCHANGE_WAIT:
        s->timer = fetch_timer_start(run->fetch, x->at_ms, s, on_timer);
        return;
    case EXCHANGE_DONE:
        ended(s, x->answer, &x->body.value);
        return;
    case EXCHANGE_FAILED:
        e = x->error;
        error_set(&e, ERR_LOGIN, "logging in: %s", x->error.text);
        session_failed(s, &e);
        return;
    case EXCHANGE_RENEW:
    case EXCHANGE_WAIT_SESSION:
        break;
    }
    CHECK(!"a login needs no session itself");
}

static void log_in(struct session *s)
{
    static const struct auth_def none = {.kind = AUTH_NONE};
    if (!s->login)
        s->login = mem_zalloc(sizeof *s->login);
    struct login *login = s->login;
    login->def = (struct collection_def){
        .provider = s->account->provider, .type = "login", .xml = s->account->provider->xml};
    struct exchange_setting setting = {
        .def = &login->def,
        .auth = &none,
        .values = &s->account->values,
        .retry = &s->account->run->retry,
        .request = &s->def->request,
    };
    exchange_close(&login->exchange);
    exchange_open(&login->exchange, &setting);
    follow(s, exchange_start(&login->exchange, clock_steady_ms()));
}

/* --- exec --- */

static void on_output(void *context, const struct fetch_result *result)
{
    struct session *s = context;
    struct arena arena = {0};
    struct decoded body;
    struct error e = result->error;
    run_tick(s->account->run);
    int code = result->code ? result->code
                            : decode_body(&arena, &result->answer, FORMAT_JSON, NULL, &body, &e);
    if (code) {
        error_set(&e, ERR_LOGIN, "running '%s' for a token: %s", s->def->command[0]->text, e.text);
        session_failed(s, &e);
    } else {
        ended(s, &result->answer, &body.value);
    }
    arena_close(&arena);
}

static void run_command(struct session *s)
{
    struct arena arena = {0};
    struct buffer text = {0};
    struct error e;
    uint32_t count = 0;
    int code = 0;
    while (s->def->command[count])
        count++;
    const char **argv = arena_zalloc(&arena, (count + 1) * sizeof *argv);
    for (uint32_t i = 0; !code && i < count; i++) {
        buffer_reset(&text);
        code = template_expand(s->def->command[i], &s->account->values, TEMPLATE_PLAIN, &text, &e);
        if (!code)
            argv[i] = arena_strdup(&arena, buffer_bytes(&text));
    }
    buffer_close(&text);
    if (code)
        session_failed(s, &e);
    else
        fetch_command(s->account->run->fetch, argv, s, on_output);
    arena_close(&arena);
}

void session_renew(struct session *s)
{
    if (s->def->kind == AUTH_LOGIN)
        log_in(s);
    else if (s->def->kind == AUTH_AWS_SIGV4)
        session_renew_aws(s);
    else
        run_command(s);
}

void session_close(struct session *s)
{
    if (s->login)
        exchange_close(&s->login->exchange);
    free(s->login);
    session_close_aws(s);
    auth_session_close(&s->session);
}
