/* Credentials: from a reference to the secret. Nothing here prints or keeps one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/config/config.h"
#include "common/file.h"
#include "common/limits.h"

static int read_env(const struct credential *c, struct buffer *out, struct error *e)
{
    const char *value = getenv(c->text);
    if (!value)
        return error_set(e, ERR_CREDENTIALS, "environment variable %s is not set", c->text);
    buffer_add_text(out, value);
    return 0;
}

/* Files and commands end in a newline that isn't part of the secret. */
static void drop_newline(struct buffer *out)
{
    if (out->len && out->data[out->len - 1] == '\n')
        out->len--;
    if (out->data)
        out->data[out->len] = 0;
}

static int resolve(const struct credential *c, struct buffer *out, struct error *e)
{
    int code = 0;
    switch (c->kind) {
    case CREDENTIAL_ENV:
        code = read_env(c, out, e);
        break;
    case CREDENTIAL_FILE:
        code = file_read(c->text, LIMIT_COMMAND_BYTES, out, e);
        drop_newline(out);
        break;
    case CREDENTIAL_PLAIN:
        buffer_add_text(out, c->text);
        return 0;
    case CREDENTIAL_EXEC:
        break;
    }
    if (!code && !out->len)
        code = error_set(e, ERR_CREDENTIALS, "%s %s gave an empty text",
                         c->kind == CREDENTIAL_ENV ? "environment variable" : "file", c->text);
    return code;
}

static void wipe(struct buffer *out)
{
    if (out->data)
        explicit_bzero(out->data, out->cap);
    buffer_reset(out);
}

/* All or nothing. */
static int ended(const struct credential *credential, int code, struct buffer *out, struct error *e)
{
    if (!code)
        return 0;
    wipe(out);
    if (e)
        e->code = ERR_CREDENTIALS;
    error_at(e, "credential '%s'", credential->name);
    return ERR_CREDENTIALS;
}

int credential_resolve(const struct credential *credential, struct buffer *out, struct error *e)
{
    CHECK(credential->kind != CREDENTIAL_EXEC);
    wipe(out);
    return ended(credential, resolve(credential, out, e), out, e);
}

int credential_take(const struct credential *credential, struct bytes output, const struct error *failed,
                    struct buffer *out, struct error *e)
{
    int code = 0;
    wipe(out);
    if (failed) {
        code = error_set(e, ERR_CREDENTIALS, "%s", failed->text);
    } else {
        buffer_add_bytes(out, output);
        drop_newline(out);
        if (!out->len)
            code = error_set(e, ERR_CREDENTIALS, "command %s gave an empty text", credential->command[0]);
    }
    return ended(credential, code, out, e);
}

/* Could the program be run: is it there and executable? */
static bool command_exists(const char *program)
{
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    struct buffer name = {0};
    bool found = false;
    while (path && *path && !found) {
        size_t len = strcspn(path, ":");
        buffer_reset(&name);
        buffer_printf(&name, "%.*s/%s", len ? (int)len : 1, len ? path : ".", program);
        found = access(buffer_text(&name), X_OK) == 0;
        path += len + (path[len] == ':');
    }
    buffer_close(&name);
    return found;
}

static void check_credential(const struct config *config, const struct credential *c,
                             struct yaml_report *report)
{
    struct error e = {0};
    if (c->kind == CREDENTIAL_ENV && !getenv(c->text))
        error_set(&e, ERR_CREDENTIALS, "environment variable %s is not set", c->text);
    if (c->kind == CREDENTIAL_EXEC && !command_exists(c->command[0]))
        error_set(&e, ERR_CREDENTIALS, "program %s is not there or can't be run", c->command[0]);
    if (c->kind == CREDENTIAL_FILE) {
        int fd = file_open(c->text, &e);
        if (fd >= 0)
            close(fd);
    }
    if (e.code)
        yaml_warning(report, config->file, c->place, "credential '%s': %s", c->name, e.text);
}

void config_check_credentials(const struct config *config, struct yaml_report *report)
{
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        for (uint32_t k = 0; k < account->credential_count; k++)
            check_credential(config, &account->credentials[k], report);
    }
}
