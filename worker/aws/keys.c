/* Keys as JSON: what the container, the instance and a command answer differs by the token's name alone. A
 * sentence names the member, never its value, and of JSON that doesn't parse only where it breaks off. */
#include "common/units.h"
#include "worker/aws/internal.h"

enum { CLIP_BYTES = 300 };

struct bytes aws_clip(struct bytes text)
{
    text = bytes_trim(text);
    if (text.len > CLIP_BYTES) {
        text.len = CLIP_BYTES;
        while (text.len && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
            text.len--; /* never in the middle of a UTF-8 sequence */
    }
    return text;
}

/* A member's text; empty if it isn't there and isn't needed. */
static int take(const struct value *object, const char *name, bool is_needed, struct bytes *out,
                struct error *e)
{
    const struct value *found = value_get_text(object, name);
    *out = (struct bytes){"", 0};
    if (found && found->type == VALUE_STRING)
        *out = found->text;
    else if (found && found->type != VALUE_NULL)
        return error_set(e, ERR_BODY, "its %s is of type %s, not a text", name, value_type_name(found->type));
    if (is_needed && !out->len)
        return error_set(e, ERR_BODY, "it has no %s", name);
    return 0;
}

int aws_take_keys(struct aws_chain *c, const struct value *object, const char *token, int64_t ahead_ms,
                  struct error *e)
{
    struct sigv4_keys keys;
    struct bytes expires;
    int64_t expires_ms = INT64_MAX;
    int err = take(object, "AccessKeyId", true, &keys.id, e);
    if (!err)
        err = take(object, "SecretAccessKey", true, &keys.secret, e);
    if (!err)
        err = take(object, token, false, &keys.token, e);
    if (!err)
        err = take(object, "Expiration", false, &expires, e);
    if (err)
        return err;
    if (expires.len && !units_rfc3339(expires, &expires_ms))
        return error_set(e, ERR_BODY, "its Expiration is no time of RFC 3339");
    c->result.keys = keys;
    c->result.expires_ms = expires_ms == INT64_MAX ? INT64_MAX : expires_ms - ahead_ms;
    return 0;
}

int aws_read_keys(struct aws_chain *c, struct bytes json, const char *token, struct error *e)
{
    struct value object;
    struct error cause;
    if (!bytes_trim(json).len)
        return error_set(e, ERR_BODY, "it is empty");
    int err = value_from_json(&c->arena, json, &object, NULL, &cause);
    if (err)
        return error_set(e, ERR_BODY, "it is no JSON: %s", cause.text);
    if (object.type != VALUE_OBJECT)
        return error_set(e, ERR_BODY, "it is a JSON %s, not an object", value_type_name(object.type));
    return aws_take_keys(c, &object, token, *c->skew_ms, e);
}
