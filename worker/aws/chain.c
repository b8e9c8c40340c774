/* How it works: the shared files are read first, always both, since endpoints and the region may stand there
 * even when the keys come from elsewhere. Then everything else is known at once: which source counts, which
 * roles are assumed with its keys, one after the other (plan.c). What is left is to ask them.
 *
 *   NEW --> FILES --+--> DONE (keys that were written down)
 *            |      +--> TOKEN --+--> ASKING <--> WAITING
 *            +-------------------+      |
 *                       +--> RUNNING ---+--> DONE
 *
 * A source's requests are in its own file: a struct aws_ask says how each is made and what its answer means;
 * sending, tries and waits are the same for all and stand here. All memory is one arena, which is wiped as a
 * whole: keys pass through too many hands (files, JSON, forms, headers) to wipe each by itself. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/sm.h"
#include "common/units.h"
#include "worker/aws/internal.h"

enum { NEW, FILES, TOKEN, ASKING, WAITING, RUNNING, DONE, STATES };

#define ONWARD (SM_TO(TOKEN) | SM_TO(ASKING) | SM_TO(RUNNING) | SM_TO(DONE))

static const struct sm_state states[STATES] = {
    [NEW] = {"new", SM_TO(FILES) | ONWARD},
    [FILES] = {"files", SM_TO(FILES) | ONWARD},
    [TOKEN] = {"token", SM_TO(ASKING) | SM_TO(DONE)},
    [ASKING] = {"asking", SM_TO(ASKING) | SM_TO(WAITING) | SM_TO(DONE)},
    [WAITING] = {"waiting", SM_TO(ASKING) | SM_TO(DONE)},
    [RUNNING] = {"running", SM_TO(ASKING) | SM_TO(DONE)},
    [DONE] = {"done", SM_TO(NEW)},
};

/* --- Opening, closing, secrets --- */

struct aws_chain *aws_chain_open(const struct aws_setting *setting)
{
    struct aws_chain *c = mem_zalloc(sizeof *c);
    c->set = *setting;
    c->state = NEW;
    return c;
}

void aws_chain_close(struct aws_chain *c)
{
    if (!c)
        return;
    arena_wipe(&c->arena);
    free(c);
}

const struct aws_result *aws_chain_result(const struct aws_chain *c)
{
    return &c->result;
}

void aws_keep_secret(struct aws_chain *c, struct bytes text)
{
    struct aws_secret *secret = arena_alloc(&c->arena, sizeof *secret);
    *secret = (struct aws_secret){text, c->secrets};
    c->secrets = secret;
}

/* --- Ends --- */

enum aws_want aws_fail(struct aws_chain *c)
{
    for (const struct aws_secret *secret = c->secrets; secret; secret = secret->next)
        error_redact(&c->result.error, secret->text);
    c->result.keys = (struct sigv4_keys){0};
    sm_move(states, &c->state, DONE);
    return AWS_FAILED;
}

static int check_key(const struct aws_chain *c, struct bytes key, const char *name, struct error *e)
{
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.data[i] <= ' ' || (unsigned char)key.data[i] > '~')
            return error_set(
                e, ERR_CREDENTIALS,
                "the %s of %s has a space, a line break or another character in it that none has", name,
                c->origin);
    return 0;
}

static int check_keys(const struct aws_chain *c, struct error *e)
{
    char time[UNITS_TIME_BYTES];
    const struct sigv4_keys *keys = &c->result.keys;
    int err = check_key(c, keys->id, "key id", e);
    if (!err)
        err = check_key(c, keys->secret, "secret key", e);
    if (!err)
        err = check_key(c, keys->token, "session token", e);
    if (!err && c->result.expires_ms <= c->wall_ms)
        err = error_set(e, ERR_CREDENTIALS, "the keys of %s expired at %s: renew them", c->origin,
                        units_time(c->result.expires_ms, time));
    return err;
}

enum aws_want aws_took_keys(struct aws_chain *c, const char *origin)
{
    c->origin = origin;
    aws_keep_secret(c, c->result.keys.secret);
    aws_keep_secret(c, c->result.keys.token);
    if (check_keys(c, &c->result.error))
        return aws_fail(c);
    if (c->role < c->plan.role_count)
        return aws_role_begin(c);
    c->result.error = (struct error){0};
    sm_move(states, &c->state, DONE);
    return AWS_DONE;
}

/* --- Requests --- */

static enum aws_want send(struct aws_chain *c)
{
    if (c->ask->build(c))
        return aws_fail(c);
    sm_move(states, &c->state, ASKING);
    return AWS_SEND;
}

enum aws_want aws_ask(struct aws_chain *c, const struct aws_ask *ask)
{
    c->ask = ask;
    c->tries = 1;
    return send(c);
}

static enum aws_want failed_try(struct aws_chain *c, int code, int64_t retry_after_ms)
{
    struct error *e = &c->result.error;
    if (c->tries < c->ask->tries_max &&
        retry_decide(code, c->tries, retry_after_ms, c->now_ms, c->set.retry, &c->result.at_ms)) {
        c->tries++;
        sm_move(states, &c->state, WAITING);
        return AWS_WAIT;
    }
    if (c->tries > 1)
        error_set(e, e->code, "%s (tried %u times)", e->text, c->tries);
    return c->ask->gave_up ? c->ask->gave_up(c) : aws_fail(c);
}

int aws_local_request(struct aws_chain *c, const char *method, const char *url, const char *header,
                      struct bytes value)
{
    struct request_parts parts = {.arena = &c->arena, .method = method};
    request_set_header(&parts, "Accept", BYTES("*/*"));
    if (header)
        request_set_header(&parts, header, value);
    int err = url_parse(bytes_of(url), &parts.url, &c->result.error);
    if (!err)
        err = request_finish(&parts, &c->result.request, &c->result.error);
    c->result.request.is_signed = true; /* its token is for this URL only, too */
    c->result.request.is_direct = true;
    c->result.request.wait_ms = LIMIT_AWS_LOCAL_MS;
    return err;
}

/* --- From source to source --- */

static enum aws_want begin_source(struct aws_chain *c)
{
    struct aws_plan *plan = &c->plan;
    switch (plan->source) {
    case AWS_SOURCE_KEYS:
        c->result.keys = plan->keys;
        c->result.expires_ms = plan->expires_ms;
        return aws_took_keys(c, plan->origin);
    case AWS_SOURCE_PROCESS:
        if (aws_process_begin(c, &c->result.error))
            return aws_fail(c);
        sm_move(states, &c->state, RUNNING);
        return AWS_COMMAND;
    case AWS_SOURCE_WEB_IDENTITY:
        c->result.path = plan->token_file;
        sm_move(states, &c->state, TOKEN);
        return AWS_FILE;
    case AWS_SOURCE_CONTAINER:
        c->result.path = aws_container_token_file(c);
        if (!c->result.path)
            return aws_container_begin(c);
        sm_move(states, &c->state, TOKEN);
        return AWS_FILE;
    case AWS_SOURCE_INSTANCE:
        break;
    }
    return aws_instance_begin(c);
}

/* --- Files --- */

/* Ask for the next shared file, or go on when there is none left. */
static enum aws_want next_file(struct aws_chain *c)
{
    struct error *e = &c->result.error;
    while (c->reading < AWS_FILES) {
        struct aws_file *file = &c->files[c->reading];
        const char *path = aws_path(c, file->path);
        if (path) {
            c->result.path = file->path = path;
            sm_move(states, &c->state, FILES);
            return AWS_FILE;
        }
        file->why = "HOME isn't set";
        c->reading++;
    }
    int err = aws_endpoints(c, e);
    if (!err)
        err = aws_plan(c, e);
    return err ? aws_fail(c) : begin_source(c);
}

/* One that can't be read counts as not there, as for AWS's own tools: in a container HOME is often a folder
 * of somebody else. It is told where it may be the reason why nothing was found. */
static int take_file(struct aws_chain *c, struct aws_file *file, struct bytes text, const struct error *why)
{
    struct error *e = &c->result.error;
    if (why && why->code == ERR_LIMIT)
        return error_set(e, ERR_CREDENTIALS, "%s", why->text);
    if (why) {
        const char *at = strstr(why->text, file->path); /* the path stands in front already */
        const char *cause = bytes_trim(bytes_of(at ? at + strlen(file->path) : why->text)).data;
        file->why = why->code == ERR_NOT_FOUND ? "not there" : arena_strdup(&c->arena, bytes_of(cause));
        return 0;
    }
    if (text.len > LIMIT_AWS_FILE_BYTES)
        return error_set(e, ERR_CREDENTIALS, "%s has more than %d bytes", file->path, LIMIT_AWS_FILE_BYTES);
    if (!ini_parse(&c->arena, text, &file->ini, e))
        return 0;
    return error_set(e, ERR_CREDENTIALS, "%s:%s", file->path, e->text);
}

/* A file with a token: read anew each time, since whoever gave it out replaces it there. */
static enum aws_want take_token(struct aws_chain *c, struct bytes text, const struct error *why)
{
    struct error *e = &c->result.error;
    bool is_web = c->plan.source == AWS_SOURCE_WEB_IDENTITY;
    const char *what = is_web ? "web identity" : "the container's token";
    if (why) {
        error_set(e, ERR_CREDENTIALS, "%s: %s", what, why->text);
        return aws_fail(c);
    }
    if (is_web)
        text = bytes_trim(text);
    if (!text.len || text.len > LIMIT_TOKEN_BYTES) {
        error_set(e, ERR_CREDENTIALS, "%s: %s %s", what, c->result.path,
                  text.len ? "is too long for a token" : "is empty");
        return aws_fail(c);
    }
    c->token = arena_copy(&c->arena, text);
    aws_keep_secret(c, c->token);
    return is_web ? aws_web_identity_begin(c) : aws_container_begin(c);
}

/* --- Events --- */

static void at(struct aws_chain *c, int64_t now_ms, int64_t wall_ms)
{
    c->now_ms = now_ms;
    c->wall_ms = wall_ms;
}

enum aws_want aws_chain_start(struct aws_chain *c, int64_t *skew_ms, int64_t now_ms, int64_t wall_ms)
{
    struct aws_setting set = c->set;
    if (c->state == DONE)
        sm_move(states, &c->state, NEW);
    CHECK(c->state == NEW);
    arena_wipe(&c->arena);
    *c = (struct aws_chain){.set = set, .state = NEW, .skew_ms = skew_ms};
    c->result.expires_ms = INT64_MAX;
    at(c, now_ms, wall_ms);
    const char *config = aws_env(c, "AWS_CONFIG_FILE");
    const char *credentials = aws_env(c, "AWS_SHARED_CREDENTIALS_FILE");
    c->files[AWS_CONFIG_FILE].path = config ? config : "~/.aws/config";
    c->files[AWS_CREDENTIALS_FILE].path = credentials ? credentials : "~/.aws/credentials";
    static const char *const names[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
    c->profile = set.profile;
    c->profile_by = set.profile ? "profile" : NULL;
    for (size_t i = 0; i < 2 && !c->profile; i++)
        if ((c->profile = aws_env(c, names[i])) != NULL)
            c->profile_by = names[i];
    if (!c->profile)
        c->profile = "default";
    return next_file(c);
}

enum aws_want aws_chain_file(struct aws_chain *c, struct bytes text, const struct error *why, int64_t now_ms,
                             int64_t wall_ms)
{
    at(c, now_ms, wall_ms);
    if (c->state == TOKEN)
        return take_token(c, text, why);
    CHECK(c->state == FILES);
    int err = take_file(c, &c->files[c->reading++], text, why);
    return err ? aws_fail(c) : next_file(c);
}

enum aws_want aws_chain_answered(struct aws_chain *c, const struct answer *answer, int64_t now_ms,
                                 int64_t wall_ms)
{
    struct bytes value;
    struct error *e = &c->result.error;
    CHECK(c->state == ASKING);
    at(c, now_ms, wall_ms);
    int code;
    if (answer->body.len > LIMIT_AWS_FILE_BYTES) {
        error_set(e, ERR_LIMIT, "an answer of more than %d bytes", LIMIT_AWS_FILE_BYTES);
        code = c->ask->broke(c);
    } else {
        code = c->ask->judge(c, answer);
    }
    if (code == 0)
        return c->ask->next(c);
    if (code == ASK_AGAIN)
        return send(c);
    bool has_after = answer_header(answer, "Retry-After", &value);
    return failed_try(c, code, has_after ? retry_after_read(value, wall_ms) : -1);
}

enum aws_want aws_chain_broke(struct aws_chain *c, const struct error *why, int64_t now_ms, int64_t wall_ms)
{
    CHECK(c->state == ASKING);
    at(c, now_ms, wall_ms);
    c->result.error = *why;
    return failed_try(c, c->ask->broke(c), -1);
}

enum aws_want aws_chain_output(struct aws_chain *c, struct bytes output, const struct error *why,
                               int64_t now_ms, int64_t wall_ms)
{
    struct error *e = &c->result.error;
    CHECK(c->state == RUNNING);
    at(c, now_ms, wall_ms);
    int err;
    if (why)
        err = error_set(e, ERR_CREDENTIALS, "%s: %s", c->plan.origin, why->text);
    else
        err = aws_process_take(c, output, e);
    return err ? aws_fail(c) : aws_took_keys(c, c->plan.origin);
}

enum aws_want aws_chain_due(struct aws_chain *c, int64_t now_ms, int64_t wall_ms)
{
    CHECK(c->state == WAITING);
    at(c, now_ms, wall_ms);
    return send(c);
}
