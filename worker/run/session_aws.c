/* The keys of aws_sigv4: does what the credential chain (worker/aws) wants, and hands it what came of it. The
 * first time is a part of the account's start, so that an account without keys fails in one line; later the
 * keys are renewed as any session is. */
#include "worker/run/internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/limits.h"
#include "common/log.h"

static void follow(struct session *s, enum aws_want want);

static const char *key_of(const struct account *a, const char *name)
{
    const struct value *key = value_get(&a->config->keys, bytes_of(name));
    return key ? key->text.data : NULL; /* the configuration's copy: NUL behind it */
}

static struct aws_chain *open_chain(const struct account *a)
{
    const struct config_aws *aws = &a->config->aws;
    struct aws_setting setting = {
        .environment = (const char *const *)environ,
        .profile = aws->profile,
        .role_arn = aws->role_arn,
        .external_id = aws->external_id,
        .endpoint = key_of(a, "endpoint"),
        .retry = &a->run->retry,
    };
    return aws_chain_open(&setting);
}

/* --- Turns: accounts may be thousands, and metadata and STS don't bear them all at once --- */

static void go_on(struct session *s)
{
    int64_t now = clock_steady_ms(), wall = clock_wall_ms();
    follow(s, s->is_due ? aws_chain_due(s->chain, now, wall)
                        : aws_chain_start(s->chain, &s->session.skew_ms, now, wall));
}

/* This thread's share. */
static unsigned most_chains(const struct run *run)
{
    unsigned share = LIMIT_AWS_CHAINS / run->crew->roster.threads;
    return share ? share : 1;
}

/* Called again from within a chain that ends at once: then the loop outside goes on. */
static void take_turns(struct run *run)
{
    if (run->chains.turning)
        return;
    run->chains.turning = true;
    while (run->chains.first && run->chains.under_way < most_chains(run)) {
        struct session *s = run->chains.first;
        run->chains.first = s->next_chain;
        run->chains.under_way++;
        go_on(s);
    }
    run->chains.turning = false;
}

static void wait_for_turn(struct session *s, bool is_due)
{
    struct run *run = s->account->run;
    s->is_due = is_due;
    s->next_chain = NULL;
    if (run->chains.first)
        run->chains.last->next_chain = s;
    else
        run->chains.first = s;
    run->chains.last = s;
    take_turns(run);
}

static void end_turn(struct session *s)
{
    CHECK(s->account->run->chains.under_way > 0);
    s->account->run->chains.under_way--;
    take_turns(s->account->run);
}

void session_renew_aws(struct session *s)
{
    if (!s->chain)
        s->chain = open_chain(s->account);
    wait_for_turn(s, false);
}

void session_close_aws(struct session *s)
{
    aws_chain_close(s->chain);
    s->chain = NULL;
}

static const struct auth_def *find_auth(const struct provider *provider)
{
    for (uint32_t i = 0; i < provider->collection_count; i++)
        if (provider->collections[i].auth.kind == AUTH_AWS_SIGV4)
            return &provider->collections[i].auth;
    const struct auth_def *of_regions = &provider->regions.discovery.auth;
    return provider->regions.discovered && of_regions->kind == AUTH_AWS_SIGV4 ? of_regions : NULL;
}

bool session_begin_aws(struct account *a)
{
    const struct auth_def *auth = find_auth(a->provider);
    if (!auth)
        return false;
    struct session *s = &a->sessions[auth->index];
    s->def = auth;
    enum auth_need need = auth_need(&s->session, auth, clock_steady_ms());
    if (need == AUTH_FAIL) /* it failed a moment ago */
        a->error = s->session.error;
    if (need != AUTH_RENEW)
        return false;
    s->awaited = true;
    session_renew_aws(s);
    return true;
}

void session_tell_skew(struct session *s)
{
    int64_t ahead_ms = s->session.skew_ms;
    char text[64];
    if (llabs(ahead_ms - s->told_skew_ms) <= LIMIT_CLOCK_SKEW_MS)
        return;
    s->told_skew_ms = ahead_ms;
    if (!crew_tell_first(s->account, TOLD_SKEW))
        return;
    snprintf(text, sizeof text, "%lld s %s", (long long)llabs(ahead_ms) / 1000,
             ahead_ms > 0 ? "behind the provider's" : "ahead of the provider's");
    log_line(LOG_WARN, "this machine's clock is wrong: set it; until then requests bear the provider's time",
             "provider", s->account->provider->name, "account", s->account->config->id, "clock", text, NULL);
}

/* --- What the chain wants --- */

static enum aws_want read_file(struct session *s)
{
    struct buffer text = {0};
    struct error why;
    int code = file_read(aws_chain_result(s->chain)->path, LIMIT_AWS_FILE_BYTES, &text, &why);
    if (code)
        buffer_reset(&text);
    enum aws_want want = aws_chain_file(s->chain, buffer_bytes(&text), code ? &why : NULL, clock_steady_ms(),
                                        clock_wall_ms());
    buffer_wipe(&text);
    return want;
}

static void on_answer(void *context, const struct fetch_result *result)
{
    struct session *s = context;
    struct run *run = s->account->run;
    run_tick(run);
    int64_t now = run->now_ms, wall = run->wall_ms;
    run->totals.requests += result->requests;
    run->totals.bytes += result->bytes;
    follow(s, result->code ? aws_chain_broke(s->chain, &result->error, now, wall)
                           : aws_chain_answered(s->chain, &result->answer, now, wall));
}

static void on_output(void *context, const struct fetch_result *result)
{
    struct session *s = context;
    run_tick(s->account->run);
    follow(s, aws_chain_output(s->chain, result->answer.body, result->code ? &result->error : NULL,
                               clock_steady_ms(), clock_wall_ms()));
}

static void on_timer(void *context)
{
    struct session *s = context;
    run_tick(s->account->run);
    s->timer = NULL;
    wait_for_turn(s, true);
}

static void done(struct session *s)
{
    const struct aws_result *result = aws_chain_result(s->chain);
    struct error e;
    int64_t now = clock_steady_ms();
    s->session.wall_ahead_ms = clock_wall_ms() - now;
    if (auth_renewed_keys(&s->session, &result->keys, result->expires_ms, &result->endpoints, now, &e))
        exchange_redact(&s->account->values, &s->session, &s->session.error);
    session_tell_skew(s);
    session_ended(s);
}

static void follow(struct session *s, enum aws_want want)
{
    struct fetch *fetch = s->account->run->fetch;
    const struct aws_result *result = aws_chain_result(s->chain);
    struct error e;
    while (want == AWS_FILE)
        want = read_file(s);
    switch (want) {
    case AWS_SEND:
        fetch_send(fetch, &result->request, NULL, s, on_answer);
        return;
    case AWS_COMMAND:
        fetch_command(fetch, result->command, s, on_output);
        return;
    case AWS_WAIT:
        s->timer = fetch_timer_start(fetch, result->at_ms, s, on_timer);
        end_turn(s);
        return;
    case AWS_DONE:
        done(s);
        end_turn(s);
        return;
    case AWS_FAILED:
        e = result->error;
        session_tell_skew(s);
        session_failed(s, &e);
        end_turn(s);
        return;
    case AWS_FILE:
        break;
    }
    CHECK(!"a want");
}
