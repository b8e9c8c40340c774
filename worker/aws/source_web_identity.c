/* Web identity: a token that somebody else gave (Kubernetes, a CI system) for the keys of a role. The request
 * isn't signed: the token says it all. */
#include <string.h>

#include "worker/aws/sts.h"

static const struct sts_advice advice[] = {
    {"AccessDenied", "let the token's issuer, audience and subject in in the role's trust policy"},
    {"InvalidIdentityToken", "make the token's issuer an identity provider of this AWS account"},
    {"ExpiredTokenException", "the token in the file has expired: see that it is replaced in time"},
    {"RegionDisabledException", "switch STS on in this region, or set AWS_REGION to another one"},
    {NULL, NULL},
};

static struct sts_call call_of(const struct aws_chain *c)
{
    return (struct sts_call){.action = "AssumeRoleWithWebIdentity",
                             .result = "AssumeRoleWithWebIdentityResult",
                             .role = &c->plan.web,
                             .by = c->plan.origin,
                             .token = c->token.data,
                             .advice = advice};
}

static int build(struct aws_chain *c)
{
    struct sts_call call = call_of(c);
    return sts_build(c, &call);
}

static int judge(struct aws_chain *c, const struct answer *answer)
{
    struct sts_call call = call_of(c);
    return sts_judge(c, &call, answer);
}

static int broke(struct aws_chain *c)
{
    struct sts_call call = call_of(c);
    return sts_broke(c, &call);
}

static enum aws_want next(struct aws_chain *c)
{
    return aws_took_keys(c, arena_printf(&c->arena, "role %s", c->plan.web.arn));
}

static const struct aws_ask ask = {build, judge, broke, next, NULL, STS_TRIES};

enum aws_want aws_web_identity_begin(struct aws_chain *c)
{
    return aws_ask(c, &ask);
}
