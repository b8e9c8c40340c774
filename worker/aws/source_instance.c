/* Instance metadata, version 2: a token, the name of the instance's role, the role's keys. Version 1 is
 * never asked: it answers whoever makes a server fetch a URL. Being the last source, it is asked on machines
 * that aren't in EC2, too: no answer to the first request means that it isn't there.
 *
 * Keys that are about to expire, or have, are taken all the same and asked for again soon: AWS extends them
 * when the service behind is in trouble (as botocore does). */
#include <string.h>
#include <strings.h>

#include "worker/aws/internal.h"
#include "worker/provider/url.h"

#define ROLES "/latest/meta-data/iam/security-credentials/"

enum { ROLE_BYTES = 64 }; /* as IAM has it */

static const char *setting(const struct aws_chain *c, const char *name, const char *key)
{
    const char *value = aws_env(c, name);
    return value ? value : aws_profile_get(c, c->profile, key);
}

static int find_base(struct aws_chain *c, const char **base, struct error *e)
{
    const char *url = setting(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    const char *mode = setting(c, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                               "ec2_metadata_service_endpoint_mode");
    struct url parts;
    struct error cause;
    *base = "http://169.254.169.254";
    if (url) {
        size_t len = strlen(url);
        while (len && url[len - 1] == '/')
            len--;
        *base = arena_strdup(&c->arena, (struct bytes){url, len});
        if (url_parse(bytes_of(*base), &parts, &cause))
            return error_set(e, ERR_CREDENTIALS, "AWS_EC2_METADATA_SERVICE_ENDPOINT: %s", cause.text);
    } else if (mode && strcasecmp(mode, "ipv6") == 0) {
        *base = "http://[fd00:ec2::254]";
    } else if (mode && strcasecmp(mode, "ipv4") != 0) {
        return error_set(e, ERR_CREDENTIALS,
                         "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is '%s', and must be IPv4 or IPv6", mode);
    }
    return 0;
}

static int request(struct aws_chain *c, const char *path, const char *name)
{
    const char *base;
    int err = find_base(c, &base, &c->result.error);
    if (err)
        return err;
    const char *url = arena_printf(&c->arena, "%s%s%s", base, path, name);
    if (c->token.len)
        return aws_local_request(c, "GET", url, "X-aws-ec2-metadata-token", c->token);
    return aws_local_request(c, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds", BYTES("21600"));
}

/* --- What all three have in common --- */

/* Nothing is found any more: what was looked at, or which profile wanted just this. */
static enum aws_want nothing(struct aws_chain *c, const char *cause)
{
    struct error *e = &c->result.error;
    if (c->plan.wanted)
        error_set(e, ERR_CREDENTIALS, "profile '%s' has credential_source = Ec2InstanceMetadata, and %s",
                  c->plan.wanted, cause);
    else
        error_set(e, ERR_CREDENTIALS, "%s", aws_nothing(c, cause));
    return aws_fail(c);
}

static enum aws_want gave_up(struct aws_chain *c)
{
    return nothing(c, arena_printf(&c->arena, "instance metadata: %s", c->result.error.text));
}

static int broke(struct aws_chain *c)
{
    struct bytes origin = url_origin(&c->arena, bytes_of(c->result.request.url));
    return error_at(&c->result.error, "%.*s", BYTES_ARG(origin));
}

static int refused(struct aws_chain *c, const struct answer *answer, const char *what)
{
    error_set(&c->result.error, answer->status >= 500 ? ERR_SERVER : ERR_CREDENTIALS, "%s: HTTP %d", what,
              answer->status);
    return broke(c);
}

/* --- The role's keys --- */

static int keys_build(struct aws_chain *c)
{
    return request(c, ROLES, c->instance_role);
}

static int keys_judge(struct aws_chain *c, const struct answer *answer)
{
    struct error *e = &c->result.error;
    struct value object;
    struct bytes code = BYTES("Success"), message = {"", 0};
    const struct value *found;
    if (answer->status != 200)
        return refused(c, answer, "the role's keys");
    if (!value_from_json(&c->arena, answer->body, &object, NULL, NULL)) {
        if ((found = value_get_text(&object, "Code")) != NULL)
            value_scalar_text(found, &code);
        if ((found = value_get_text(&object, "Message")) != NULL)
            value_scalar_text(found, &message);
    }
    if (!bytes_is(code, "Success")) {
        code = aws_clip(code);
        message = aws_clip(message);
        error_set(e, ERR_CREDENTIALS, "the instance's role %s has no keys: %.*s: %.*s", c->instance_role,
                  BYTES_ARG(code), BYTES_ARG(message));
        return broke(c);
    }
    if (!aws_read_keys(c, answer->body, "Token", e))
        return 0;
    error_at(e, "the keys of role %s", c->instance_role);
    return broke(c);
}

static enum aws_want keys_next(struct aws_chain *c)
{
    if (c->result.expires_ms < c->wall_ms + LIMIT_AWS_STALE_MS)
        c->result.expires_ms = c->wall_ms + LIMIT_AWS_STALE_MS;
    return aws_took_keys(c, arena_printf(&c->arena, "the instance's role %s", c->instance_role));
}

static const struct aws_ask keys = {keys_build, keys_judge, broke, keys_next, gave_up, LIMIT_AWS_LOCAL_TRIES};

/* --- Its name --- */

static int role_build(struct aws_chain *c)
{
    return request(c, ROLES, "");
}

static bool is_role(struct bytes name)
{
    static const char others[] = "+=,.@_-";
    for (size_t i = 0; i < name.len; i++) {
        char a = name.data[i];
        if (!(a >= 'a' && a <= 'z') && !(a >= 'A' && a <= 'Z') && !(a >= '0' && a <= '9') &&
            (!a || !strchr(others, a)))
            return false;
    }
    return name.len > 0 && name.len <= ROLE_BYTES;
}

static int role_judge(struct aws_chain *c, const struct answer *answer)
{
    struct bytes name = bytes_trim(answer->body);
    if (answer->status == 404) {
        error_set(&c->result.error, ERR_CREDENTIALS, "the instance has no role: give it one");
        return broke(c);
    }
    if (answer->status != 200)
        return refused(c, answer, "the role's name");
    if (!is_role(name)) {
        error_set(&c->result.error, ERR_BODY, "what came isn't the name of a role");
        return broke(c);
    }
    c->instance_role = arena_strdup(&c->arena, name);
    return 0;
}

static enum aws_want role_next(struct aws_chain *c)
{
    return aws_ask(c, &keys);
}

static const struct aws_ask role = {role_build, role_judge, broke, role_next, gave_up, LIMIT_AWS_LOCAL_TRIES};

/* --- The token --- */

static int token_build(struct aws_chain *c)
{
    return request(c, "/latest/api/token", "");
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len > 0 && text.len <= LIMIT_TOKEN_BYTES;
}

static int token_judge(struct aws_chain *c, const struct answer *answer)
{
    if (answer->status != 200)
        return refused(c, answer, "a token");
    if (!is_token(answer->body)) {
        error_set(&c->result.error, ERR_BODY, "what came can't be a token");
        return broke(c);
    }
    c->token = arena_copy(&c->arena, answer->body);
    aws_keep_secret(c, c->token);
    return 0;
}

/* Whoever can't be connected to isn't there: no reason to knock twice. */
static int token_broke(struct aws_chain *c)
{
    struct error *e = &c->result.error;
    broke(c);
    return e->code == ERR_CONNECT || e->code == ERR_RESOLVE ? ERR_CREDENTIALS : (int)e->code;
}

static enum aws_want token_next(struct aws_chain *c)
{
    return aws_ask(c, &role);
}

static const struct aws_ask token = {token_build, token_judge, token_broke,
                                     token_next,  gave_up,     LIMIT_AWS_LOCAL_TRIES};

enum aws_want aws_instance_begin(struct aws_chain *c)
{
    if (aws_is_true(aws_env(c, "AWS_EC2_METADATA_DISABLED")))
        return nothing(c, "instance metadata is switched off (AWS_EC2_METADATA_DISABLED)");
    return aws_ask(c, &token);
}
