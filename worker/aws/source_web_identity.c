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

static enum aws_want next(struct aws_chain *c)
{
    return aws_took_keys(c, arena_printf(&c->arena, "role %s", c->plan.web.arn));
}

enum aws_want aws_web_identity_begin(struct aws_chain *c)
{
    return sts_ask(c, &(struct sts_call){.action = "AssumeRoleWithWebIdentity",
                                         .result = "AssumeRoleWithWebIdentityResult",
                                         .role = &c->plan.web,
                                         .by = c->plan.origin,
                                         .token = c->token.data,
                                         .advice = advice,
                                         .next = next});
}
