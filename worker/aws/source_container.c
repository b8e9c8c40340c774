/* Containers (ECS, EKS Pod Identity): one GET at an address that the environment names. It comes with a token
 * that must not go to strangers, so over plain http only this machine's and AWS's own link-local addresses
 * will do, as for AWS's own tools; and redirects aren't followed. */
#include <string.h>

#include "worker/aws/internal.h"
#include "worker/provider/url.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL     "AWS_CONTAINER_CREDENTIALS_FULL_URI"

bool aws_container_is_named(const struct aws_chain *c)
{
    return aws_env(c, RELATIVE) || aws_env(c, FULL);
}

const char *aws_container_token_file(const struct aws_chain *c)
{
    return aws_env(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
}

/* 127.0.0.0/8, written as four numbers. */
static bool is_loopback(struct bytes host)
{
    unsigned parts = 0;
    if (!bytes_starts(host, "127."))
        return bytes_is_nocase(host, "localhost") || bytes_is(host, "[::1]");
    for (;; parts++) {
        const char *dot = memchr(host.data, '.', host.len);
        size_t len = dot ? (size_t)(dot - host.data) : host.len;
        uint64_t number;
        if (len > 3 || !bytes_to_u64((struct bytes){host.data, len}, &number) || number > 255)
            return false;
        if (!dot)
            return parts == 3;
        host = bytes_from(host, len + 1);
    }
}

static int check_url(const char *text, struct error *e)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    struct url url;
    struct error cause;
    if (url_parse(bytes_of(text), &url, &cause))
        return error_set(e, ERR_CREDENTIALS, FULL ": %s", cause.text);
    if (bytes_is_nocase(url.scheme, "https") || is_loopback(url.host))
        return 0;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (bytes_is_nocase(url.host, hosts[i]))
            return 0;
    return error_set(e, ERR_CREDENTIALS,
                     FULL ": keys aren't asked for over http at host %.*s: only at loopback addresses, "
                          "169.254.170.2, 169.254.170.23 and [fd00:ec2::23]; use https",
                     BYTES_ARG(url.host));
}

static int find_token(struct aws_chain *c, struct error *e)
{
    const char *name = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    if (aws_container_token_file(c))
        name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    else
        c->token = bytes_of(aws_env(c, name));
    aws_keep_secret(c, c->token);
    for (size_t i = 0; i < c->token.len; i++)
        if ((unsigned char)c->token.data[i] < ' ' || c->token.data[i] == 0x7f)
            return error_set(e, ERR_CREDENTIALS,
                             "the token of %s has a line break or another control character in it", name);
    return 0;
}

static int build(struct aws_chain *c)
{
    struct error *e = &c->result.error;
    const char *relative = aws_env(c, RELATIVE), *url = aws_env(c, FULL);
    int err = find_token(c, e);
    if (!err && relative && relative[0] != '/')
        err = error_set(e, ERR_CREDENTIALS, RELATIVE " must begin with \"/\"");
    if (!err && relative)
        url = arena_printf(&c->arena, "http://169.254.170.2%s", relative);
    else if (!err)
        err = check_url(url, e);
    if (!err)
        err = aws_local_request(c, "GET", url, c->token.len ? "Authorization" : NULL, c->token);
    return err;
}

/* Put in front whose answer it is. The URL's path and query may be a secret of their own. */
static int broke(struct aws_chain *c)
{
    struct bytes origin = url_origin(&c->arena, bytes_of(c->result.request.url));
    return error_at(&c->result.error, "the container's credentials (%s) of %.*s",
                    aws_env(c, RELATIVE) ? RELATIVE : FULL, BYTES_ARG(origin));
}

static int judge_refusal(struct aws_chain *c, const struct answer *answer)
{
    struct value object;
    struct bytes code = {"", 0}, message = {"", 0};
    const struct value *found;
    if (!value_from_json(&c->arena, answer->body, &object, NULL, NULL)) {
        if ((found = value_get_text(&object, "code")) != NULL)
            value_scalar_text(found, &code);
        if ((found = value_get_text(&object, "message")) != NULL)
            value_scalar_text(found, &message);
    }
    code = aws_clip(code);
    message = aws_clip(message);
    error_set(&c->result.error,
              answer->status == 429   ? ERR_THROTTLED
              : answer->status >= 500 ? ERR_SERVER
                                      : ERR_CREDENTIALS,
              "HTTP %d%s%.*s%s%.*s", answer->status, code.len ? " " : "", BYTES_ARG(code),
              message.len ? ": " : "", BYTES_ARG(message));
    return broke(c);
}

static int judge(struct aws_chain *c, const struct answer *answer)
{
    if (answer->status != 200)
        return judge_refusal(c, answer);
    return aws_read_keys(c, answer->body, "Token", &c->result.error) ? broke(c) : 0;
}

static enum aws_want next(struct aws_chain *c)
{
    return aws_took_keys(c, "the container's role");
}

static const struct aws_ask ask = {build, judge, broke, next, NULL, LIMIT_AWS_LOCAL_TRIES};

enum aws_want aws_container_begin(struct aws_chain *c)
{
    return aws_ask(c, &ask);
}
