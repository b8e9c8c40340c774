/* STS, for the two sources that ask it (role.c, source_web_identity.c). */
#ifndef GARNER_AWS_STS_H
#define GARNER_AWS_STS_H

#include "worker/aws/internal.h"

struct sts_advice {
    const char *code, *what; /* what to do about an error of that code */
};

/* Make the call: keys into result.keys, then its `next`. It is copied; what it points to must live as long as
 * the chain's arena. Sentences begin with "role ARN can't be assumed by …". */
enum aws_want sts_ask(struct aws_chain *c, const struct sts_call *call);

#endif
