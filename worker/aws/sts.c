/* STS: AssumeRole by the keys that are there, and AssumeRoleWithWebIdentity by a token, unsigned. One request
 * and one kind of answer (XML, or JSON's words for an error where a proxy stands in between).
 *
 * Where: the region's own endpoint, as the environment or the profile names one, else that of the role's
 * partition. A clock that is off shows as a refused signature beside an honest Date header: then the
 * difference is kept for all that is signed later, and the request is sent once more. */
#include "worker/aws/sts.h"

#include <stdlib.h>
#include <string.h>

#include "worker/decode/decode.h"
#include "worker/provider/url.h"

struct partition {
    const char *arn;    /* "arn:NAME:" */
    const char *prefix; /* of its regions' names */
    const char *suffix; /* of its hosts */
    const char *region; /* where to, if none is named */
};

/* The first is for all others. */
static const struct partition partitions[] = {
    {"arn:aws:", "", "amazonaws.com", NULL},
    {"arn:aws-cn:", "cn-", "amazonaws.com.cn", "cn-north-1"},
    {"arn:aws-us-gov:", "us-gov-", "amazonaws.com", "us-gov-west-1"},
    {"arn:aws-iso:", "us-iso-", "c2s.ic.gov", "us-iso-east-1"},
    {"arn:aws-iso-b:", "us-isob-", "sc2s.sgov.gov", "us-isob-east-1"},
    {"arn:aws-iso-e:", "eu-isoe-", "cloud.adc-e.uk", "eu-isoe-west-1"},
    {"arn:aws-iso-f:", "us-isof-", "csp.hci.ic.gov", "us-isof-south-1"},
    {"arn:aws-eusc:", "eusc-", "amazonaws.eu", "eusc-de-east-1"},
};
enum { PARTITIONS = sizeof partitions / sizeof *partitions };

/* --- Where to --- */

static const char *named_region(const struct aws_chain *c, const char **by)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (aws_env(c, names[i])) {
            *by = names[i];
            return aws_env(c, names[i]);
        }
    *by = "region";
    return aws_profile_get(c, c->profile, "region");
}

static bool is_region(const char *text)
{
    size_t len = strlen(text);
    return len < LIMIT_REGION_BYTES && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* The region that is signed for, and AWS's own URL. */
static int find_place(struct aws_chain *c, const char *arn, const char **region, const char **url,
                      struct error *e)
{
    const char *by;
    const struct partition *at = &partitions[0];
    *region = named_region(c, &by);
    if (*region && !is_region(*region))
        return error_set(e, ERR_CREDENTIALS,
                         "%s is no name of an AWS region: lower-case letters, digits and \"-\"", by);
    for (size_t i = 1; i < PARTITIONS; i++)
        if (*region ? bytes_starts(bytes_of(*region), partitions[i].prefix)
                    : bytes_starts(bytes_of(arn), partitions[i].arn))
            at = &partitions[i];
    if (!*region)
        *region = at->region;
    if (*region) {
        *url = arena_printf(&c->arena, "https://sts.%s.%s/", *region, at->suffix);
        return 0;
    }
    *region = "us-east-1"; /* the global endpoint is signed for as if it stood there */
    *url = "https://sts.amazonaws.com/";
    return 0;
}

/* --- Asking --- */

static int add(struct request_parts *parts, const char *name, const char *text, struct error *e)
{
    struct target target = {.kind = TARGET_FORM, .name = name};
    struct value value = value_string(bytes_of(text));
    return text ? request_set(parts, &target, &value, e) : 0;
}

static int fill(struct request_parts *parts, const struct sts_call *call, struct error *e)
{
    const struct aws_role *role = call->role;
    int err = add(parts, "Action", call->action, e);
    if (!err)
        err = add(parts, "Version", "2011-06-15", e);
    if (!err)
        err = add(parts, "RoleArn", role->arn, e);
    if (!err)
        err = add(parts, "RoleSessionName", role->session ? role->session : "garner", e);
    if (!err)
        err = add(parts, "ExternalId", role->external_id, e);
    if (!err)
        err = add(parts, "DurationSeconds", role->duration, e);
    if (!err)
        err = add(parts, "WebIdentityToken", call->token, e);
    return err;
}

static int build(struct aws_chain *c, const struct sts_call *call, struct error *e)
{
    struct sigv4_setting how = {
        .keys = c->result.keys, .service = "sts", .wall_ms = c->wall_ms + *c->skew_ms};
    struct request_parts parts = {.arena = &c->arena, .method = "POST"};
    const char *url = NULL;
    if (!bytes_starts(bytes_of(call->role->arn), "arn:") || !strstr(call->role->arn, ":role/"))
        return error_set(e, ERR_CREDENTIALS,
                         "that is no ARN of a role (arn:aws:iam::123456789012:role/NAME)");
    int err = find_place(c, call->role->arn, &how.region, &url, e);
    if (err)
        return err;
    struct bytes instead = aws_endpoint(&c->result.endpoints, "sts");
    if (instead.len) {
        bool has_slash = instead.data[instead.len - 1] == '/';
        url = arena_printf(&c->arena, "%.*s%s", BYTES_ARG(instead), has_slash ? "" : "/");
    }
    err = url_parse(bytes_of(url), &parts.url, e);
    if (!err)
        err = fill(&parts, call, e);
    if (!err)
        err = request_finish(&parts, &c->result.request, e);
    if (!err && !call->token)
        err = sigv4_sign(&how, &c->arena, &c->result.request, e);
    c->result.request.is_signed = true; /* a token is for this URL only, too */
    return err;
}

static int at(struct aws_chain *c, const struct sts_call *call)
{
    return error_at(&c->result.error, "role %s can't be assumed by %s", call->role->arn, call->by);
}

static int build_call(struct aws_chain *c)
{
    return build(c, &c->call, &c->result.error) ? at(c, &c->call) : 0;
}

static int broke(struct aws_chain *c)
{
    return at(c, &c->call);
}

/* --- What came back --- */

/* What the provider's clock is ahead of ours by the Date header; false without one. */
static bool read_ahead(const struct aws_chain *c, const struct answer *answer, int64_t *ahead_ms)
{
    int64_t there_ms;
    if (!answer_date(answer, &there_ms))
        return false;
    *ahead_ms = there_ms - c->wall_ms;
    return true;
}

/* A refused signature, and a clock that explains it. */
static bool is_skewed(struct aws_chain *c, const struct sts_call *call, const struct answer *answer,
                      struct bytes code)
{
    static const char *const codes[] = {"SignatureDoesNotMatch",
                                        "RequestExpired",
                                        "RequestTimeTooSkewed",
                                        "RequestInTheFuture",
                                        "InvalidSignatureException",
                                        "InvalidClientTokenId",
                                        "AuthFailure",
                                        "SignatureExpired",
                                        NULL};
    int64_t ahead_ms;
    if (call->token || c->skew_corrected || !bytes_is_any(code, codes) || !read_ahead(c, answer, &ahead_ms) ||
        llabs(ahead_ms - *c->skew_ms) <= LIMIT_CLOCK_SKEW_MS)
        return false;
    *c->skew_ms = ahead_ms;
    c->skew_corrected = true;
    return true;
}

static const struct value *down(const struct value *at, const char *a, const char *b)
{
    at = at ? value_get_text(at, a) : NULL;
    return at && b ? value_get_text(at, b) : at;
}

static void read_error(struct aws_chain *c, const struct answer *answer, struct bytes *code,
                       struct bytes *message)
{
    struct value body;
    *code = *message = (struct bytes){"", 0};
    if (!decode_error_body(&c->arena, answer, NULL, &body))
        return;
    const struct value *errors = value_get_text(&body,
                                                "Errors"); /* as EC2 has it, and what stands in for STS */
    if (errors)
        body = *errors;
    const struct value *found = down(&body, "Error", "Code");
    if (found || (found = down(&body, "Code", NULL)) || (found = down(&body, "__type", NULL)))
        value_scalar_text(found, code);
    found = down(&body, "Error", "Message");
    if (found || (found = down(&body, "Message", NULL)) || (found = down(&body, "message", NULL)))
        value_scalar_text(found, message);
    *code = aws_clip(*code);
    *message = aws_clip(*message);
}

static int code_of(int status, struct bytes code)
{
    static const char *const throttled[] = {"Throttling",
                                            "ThrottlingException",
                                            "ThrottledException",
                                            "RequestThrottled",
                                            "RequestThrottledException",
                                            "RequestLimitExceeded",
                                            "TooManyRequestsException",
                                            "SlowDown",
                                            "PriorRequestNotComplete",
                                            NULL};
    static const char *const passing[] = {"IDPCommunicationError", "RequestTimeout",
                                          "RequestTimeoutException", NULL};
    if (status == 429 || bytes_is_any(code, throttled))
        return ERR_THROTTLED;
    return status >= 500 || bytes_is_any(code, passing) ? ERR_SERVER : ERR_CREDENTIALS;
}

static int judge_refusal(struct aws_chain *c, const struct sts_call *call, const struct answer *answer)
{
    struct bytes code, message;
    const char *advice = NULL;
    read_error(c, answer, &code, &message);
    if (is_skewed(c, call, answer, code))
        return ASK_AGAIN;
    for (const struct sts_advice *a = call->advice; a->code && !advice; a++)
        if (bytes_is(code, a->code))
            advice = a->what;
    error_set(&c->result.error, code_of(answer->status, code), "HTTP %d%s%.*s%s%.*s%s%s", answer->status,
              code.len ? " " : "", BYTES_ARG(code), message.len ? ": " : "", BYTES_ARG(message),
              advice ? ": " : "", advice ? advice : "");
    return at(c, call);
}

static int judge(struct aws_chain *c, const struct answer *answer)
{
    const struct sts_call *call = &c->call;
    struct error *e = &c->result.error, cause;
    struct decoded body;
    int64_t ahead_ms;
    if (answer->status != 200)
        return judge_refusal(c, call, answer);
    int err = decode_body(&c->arena, answer, FORMAT_XML, NULL, &body, &cause);
    const struct value *found = err ? NULL : down(&body.value, call->result, "Credentials");
    if (!err && (!found || found->type != VALUE_OBJECT))
        err = error_set(&cause, ERR_BODY, "there is no Credentials in it");
    if (!read_ahead(c, answer, &ahead_ms) || llabs(ahead_ms) <= LIMIT_CLOCK_SKEW_MS)
        ahead_ms = *c->skew_ms; /* what isn't signed shows a wrong clock only here */
    if (!err)
        err = aws_take_keys(c, found, "SessionToken", ahead_ms, &cause);
    if (!err)
        return 0;
    error_set(e, ERR_BODY, "the answer can't be read: %s", cause.text);
    return at(c, call);
}

static enum aws_want next(struct aws_chain *c)
{
    return c->call.next(c);
}

enum aws_want sts_ask(struct aws_chain *c, const struct sts_call *call)
{
    static const struct aws_ask ask = {build_call, judge, broke, next, NULL, LIMIT_TRIES};
    c->call = *call;
    return aws_ask(c, &ask);
}
