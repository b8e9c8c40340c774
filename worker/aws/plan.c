/* Which source counts, in the order of botocore's credentials.py: the environment's keys (not with a profile
 * of the account's own), the profile (with the environment's web identity ahead of its keys, again not with
 * one of the account's own), the container, the instance. SSO's and Boto 2's own files aren't read. */
#include <string.h>

#include "worker/aws/internal.h"

static int find(struct aws_chain *c, struct error *e)
{
    struct aws_plan *plan = &c->plan;
    int err = c->set.profile ? ERR_NOT_FOUND : aws_environment_plan(c, e);
    if (err != ERR_NOT_FOUND)
        return err;
    if (c->profile_by && strcmp(c->profile, "default") != 0 && !aws_profile_is(c, c->profile))
        return aws_profile_unknown(c, c->profile, c->set.profile ? NULL : c->profile_by, e);
    err = aws_profile_plan(c, c->profile, !c->set.profile, e);
    if (err != ERR_NOT_FOUND)
        return err;
    plan->source = aws_container_is_named(c) ? AWS_SOURCE_CONTAINER : AWS_SOURCE_INSTANCE;
    return 0;
}

int aws_plan(struct aws_chain *c, struct error *e)
{
    c->plan = (struct aws_plan){.expires_ms = INT64_MAX};
    int err = find(c, e);
    if (!err && c->set.role_arn)
        err = aws_plan_role(c, (struct aws_role){.arn = c->set.role_arn, .external_id = c->set.external_id},
                            e);
    return err;
}

const char *aws_nothing(struct aws_chain *c, const char *instance)
{
    struct buffer text = {0};
    buffer_add_text(&text, "no AWS credentials: ");
    if (!c->set.profile)
        buffer_add_text(&text, "AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE and "
                               "AWS_CONTAINER_CREDENTIALS_FULL_URI (or _RELATIVE_URI) aren't set, ");
    if (aws_profile_is(c, c->profile))
        buffer_printf(&text, "profile '%s' holds none", c->profile);
    else
        aws_profile_missing(c, c->profile, NULL, &text);
    buffer_printf(&text,
                  ", %s: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile "
                  "(credentials: {aws: {profile: NAME}})",
                  instance);
    const char *sentence = arena_strdup(&c->arena, buffer_bytes(&text));
    buffer_close(&text);
    return sentence;
}
