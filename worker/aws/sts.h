/* STS, for the two sources that ask it (role.c, source_web_identity.c). */
#ifndef GARNER_AWS_STS_H
#define GARNER_AWS_STS_H

#include "worker/aws/internal.h"

struct sts_advice {
    const char *code, *what; /* what to do about an error of that code */
};

struct sts_call {
    const char *action, *result; /* "AssumeRole", "AssumeRoleResult" */
    const struct aws_role *role;
    const char *by;    /* who asks for the role, for sentences */
    const char *token; /* web identity's: then the request isn't signed. Null: it is, by result.keys */
    const struct sts_advice *advice; /* ended by a null code */
};

enum { STS_TRIES = LIMIT_TRIES };

/* As of struct aws_ask; sentences begin with "role ARN can't be assumed by …". */
int sts_build(struct aws_chain *c, const struct sts_call *call);
int sts_judge(struct aws_chain *c, const struct sts_call *call, const struct answer *answer);
int sts_broke(struct aws_chain *c, const struct sts_call *call);

#endif
