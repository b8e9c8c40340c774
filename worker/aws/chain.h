/* The AWS credential chain: from an account's `credentials: {aws: …}`, the environment and the shared files
 * to keys, in the order that AWS's own tools use. Pure: files, HTTP, commands and times are asked for and
 * come in as events. No sentence holds a secret.
 *
 *   START --> FILES --> source --------------------------> ROLE (each of the chain) --> DONE
 *                         |  environment, profile, web identity,   |
 *                         |  credential_process, container, IMDS   +--> FAILED
 *
 * Each step returns what the caller must do next, and then ends it with the event of that name. A chain that
 * has ended can be started again: it begins anew, so files that were changed are read again. */
#ifndef GARNER_AWS_CHAIN_H
#define GARNER_AWS_CHAIN_H

#include "worker/fetch/retry.h"
#include "worker/provider/sigv4.h"

struct aws_chain;

/* Texts may be null where there is none. Nothing is owned; must outlive the chain. */
struct aws_setting {
    const char *const *environment; /* "NAME=value", ended by null */
    const char *profile;            /* of the account's `aws`: then the environment's keys don't count */
    const char *role_arn, *external_id;
    const char *endpoint; /* the account's own key `endpoint`: instead of all AWS_ENDPOINT_URL */
    struct retry *retry;
};

enum aws_want {
    AWS_FILE,    /* read the file `path` (at most LIMIT_AWS_FILE_BYTES), then aws_chain_file */
    AWS_SEND,    /* send `request` at once, then aws_chain_answered or aws_chain_broke */
    AWS_COMMAND, /* run `command`, then aws_chain_output */
    AWS_WAIT,    /* call aws_chain_due at `at_ms` of the steady clock */
    AWS_DONE,    /* `keys`, `expires_ms`, `endpoints` */
    AWS_FAILED,  /* `error`: what must be changed is ERR_CREDENTIALS; what may pass by itself keeps the code
                    that retry_makes_sense says so of */
};

/* What a step wants, and in the end what it came to. Valid until the next step or aws_chain_close. */
struct aws_result {
    const char *path;
    struct request request;
    const char *const *command;
    int64_t at_ms;
    struct sigv4_keys keys;
    int64_t expires_ms; /* of the wall clock; INT64_MAX: not known */
    /* Where requests go instead of AWS: an object of URLs by service, "S3", "ELASTIC_LOAD_BALANCING_V2", …
     * as in AWS_ENDPOINT_URL_S3, and "" for all that aren't named. Also with AWS_FAILED, as far as known. */
    struct value endpoints;
    struct error error;
};

struct aws_chain *aws_chain_open(const struct aws_setting *setting);
void aws_chain_close(struct aws_chain *chain); /* wipes what was secret; null is fine */
const struct aws_result *aws_chain_result(const struct aws_chain *chain);

/* `skew_ms` is what the provider's clock is ahead of ours, as far as known (0); requests are signed for
 * wall_ms + *skew_ms. An answer that says the time is wrong sets it by its Date header, once. */
enum aws_want aws_chain_start(struct aws_chain *chain, int64_t *skew_ms, int64_t now_ms, int64_t wall_ms);

/* The file's content; `why` instead (text empty) if it can't be read: a sentence with its path, of code
 * ERR_NOT_FOUND if there is none, ERR_LIMIT if it is too long. */
enum aws_want aws_chain_file(struct aws_chain *chain, struct bytes text, const struct error *why,
                             int64_t now_ms, int64_t wall_ms);
enum aws_want aws_chain_answered(struct aws_chain *chain, const struct answer *answer, int64_t now_ms,
                                 int64_t wall_ms);
enum aws_want aws_chain_broke(struct aws_chain *chain, const struct error *why, int64_t now_ms,
                              int64_t wall_ms);
/* Standard output of the command, or why there is none. */
enum aws_want aws_chain_output(struct aws_chain *chain, struct bytes output, const struct error *why,
                               int64_t now_ms, int64_t wall_ms);
enum aws_want aws_chain_due(struct aws_chain *chain, int64_t now_ms, int64_t wall_ms);

/* What replaces the origin of requests to a service (its id as in AWS_ENDPOINT_URL_<ID>); empty: nothing. */
struct bytes aws_endpoint(const struct value *endpoints, const char *service_id);

#endif
