/* Roles, one assumed from the other: each by the keys that the one before gave. */
#include "worker/aws/sts.h"

static const struct sts_advice advice[] = {
    {"AccessDenied", "let it in in the role's trust policy (and check external_id)"},
    {"ExpiredToken", "these keys have expired: renew them"},
    {"ExpiredTokenException", "these keys have expired: renew them"},
    {"InvalidClientTokenId", "AWS doesn't know this key id (any more): renew the keys"},
    {"UnrecognizedClientException", "AWS doesn't know this key id (any more): renew the keys"},
    {"SignatureDoesNotMatch", "the secret key isn't the one of this key id: check it"},
    {"RegionDisabledException", "switch STS on in this region, or set AWS_REGION to another one"},
    {NULL, NULL},
};

static enum aws_want next(struct aws_chain *c)
{
    const struct aws_role *role = &c->plan.roles[c->role++];
    return aws_took_keys(c, arena_printf(&c->arena, "role %s", role->arn));
}

enum aws_want aws_role_begin(struct aws_chain *c)
{
    return sts_ask(c, &(struct sts_call){.action = "AssumeRole",
                                         .result = "AssumeRoleResult",
                                         .role = &c->plan.roles[c->role],
                                         .by = c->origin,
                                         .advice = advice,
                                         .next = next});
}
