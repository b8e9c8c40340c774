/* The environment as a list that the caller took: nothing here asks the process's own, so a test or an
 * account can have one of its own. */
#include <string.h>
#include <strings.h>

#include "common/units.h"
#include "worker/aws/internal.h"

const char *aws_env(const struct aws_chain *c, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *at = c->set.environment; at && *at; at++)
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
            return (*at)[len + 1] ? *at + len + 1 : NULL;
    return NULL;
}

bool aws_is_true(const char *text)
{
    return text && strcasecmp(text, "true") == 0;
}

const char *aws_path(struct aws_chain *c, const char *path)
{
    if (path[0] != '~' || (path[1] && path[1] != '/'))
        return path;
    const char *home = aws_env(c, "HOME");
    return home ? arena_printf(&c->arena, "%s%s", home, path + 1) : NULL;
}

int aws_environment_plan(struct aws_chain *c, struct error *e)
{
    const char *id = aws_env(c, "AWS_ACCESS_KEY_ID"), *secret = aws_env(c, "AWS_SECRET_ACCESS_KEY");
    const char *token = aws_env(c, "AWS_SESSION_TOKEN"), *expires = aws_env(c, "AWS_CREDENTIAL_EXPIRATION");
    struct aws_plan *plan = &c->plan;
    if (!id && !secret)
        return ERR_NOT_FOUND;
    if (!id || !secret)
        return error_set(e, ERR_CREDENTIALS, "the environment has %s and no %s: set both of them, or neither",
                         id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                         id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (!token)
        token = aws_env(c, "AWS_SECURITY_TOKEN");
    plan->expires_ms = INT64_MAX;
    if (expires && !units_rfc3339(bytes_of(expires), &plan->expires_ms))
        return error_set(e, ERR_CREDENTIALS,
                         "AWS_CREDENTIAL_EXPIRATION is no time of RFC 3339 (2026-11-22T10:00:00Z)");
    plan->source = AWS_SOURCE_KEYS;
    plan->origin = "the environment's AWS_ACCESS_KEY_ID";
    plan->keys = (struct sigv4_keys){bytes_of(id), bytes_of(secret), bytes_of(token)};
    return 0;
}
