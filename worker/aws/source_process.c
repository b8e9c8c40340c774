/* credential_process: a command that prints keys. It is run as it is written, without a shell, as AWS's own
 * tools do it; what it printed is never shown. */
#include "worker/aws/internal.h"
#include "worker/aws/words.h"

int aws_process_begin(struct aws_chain *c, struct error *e)
{
    size_t count;
    int err = words_split(&c->arena, c->plan.process, &c->result.command, &count, e);
    if (!err && !count)
        err = error_set(e, ERR_CREDENTIALS, "it is empty");
    if (err)
        error_at(e, "%s", c->plan.origin);
    return err;
}

/* Version 1 is all there is. */
static int check_version(struct aws_chain *c, struct bytes output, struct error *e)
{
    struct value object;
    struct bytes text;
    if (value_from_json(&c->arena, output, &object, NULL, NULL) || object.type != VALUE_OBJECT)
        return 0; /* aws_read_keys tells that better */
    const struct value *version = value_get_text(&object, "Version");
    if (!version)
        return error_set(e, ERR_BODY, "it has no Version");
    if (version->type != VALUE_NUMBER || !value_scalar_text(version, &text) || !bytes_is(text, "1"))
        return error_set(e, ERR_BODY, "its Version isn't the number 1");
    return 0;
}

int aws_process_take(struct aws_chain *c, struct bytes output, struct error *e)
{
    int err;
    if (output.len > LIMIT_AWS_FILE_BYTES)
        err = error_set(e, ERR_BODY, "it has more than %d bytes", LIMIT_AWS_FILE_BYTES);
    else
        err = check_version(c, output, e);
    if (!err)
        err = aws_read_keys(c, output, "SessionToken", e);
    return err ? error_set(e, ERR_CREDENTIALS, "the output of %s isn't what it should be: %s", c->plan.origin,
                           e->text)
               : 0;
}
