/* The credentials of an account, resolved before any of its requests. Commands run beside each other and
 * beside the harvests of other accounts; an account waits for its own only. */
#include "common/check.h"
#include "worker/run/internal.h"

#include <stdlib.h>
#include <string.h>

static void keep(struct account *a, const struct credential *credential, const struct buffer *secret)
{
    value_put(&a->credentials, bytes_of(credential->name),
              value_string(arena_copy(&a->arena, buffer_bytes(secret))));
}

static void on_output(void *context, const struct fetch_result *result)
{
    struct secret *wanted = context;
    struct account *a = wanted->account;
    struct buffer secret = {0};
    struct error e;
    run_tick(a->run);
    if (credential_take(wanted->credential, result->answer.body, result->code ? &result->error : NULL,
                        &secret, &e))
        a->error = e;
    else
        keep(a, wanted->credential, &secret);
    buffer_wipe(&secret);
    credentials_one_done(a, NULL);
}

void credentials_one_done(struct account *a, const struct error *failed)
{
    if (failed)
        a->error = *failed;
    a->run->resolving--;
    if (--a->resolving == 0)
        account_resolved(a);
}

void credentials_resolve(struct account *a)
{
    const struct config_account *config = a->config;
    struct buffer secret = {0};
    struct error e;
    a->credentials = value_object(&a->arena, config->credential_count);
    free(a->secrets);
    a->secrets = mem_zalloc((config->credential_count + 1) * sizeof *a->secrets);
    for (uint32_t i = 0; i < config->credential_count; i++) {
        const struct credential *credential = &config->credentials[i];
        if (credential->kind == CREDENTIAL_EXEC) {
            a->secrets[i] = (struct secret){a, credential};
            a->resolving++;
            a->run->resolving++;
            fetch_command(a->run->fetch, credential->command, &a->secrets[i], on_output);
        } else if (credential_resolve(credential, &secret, &e)) {
            a->error = e;
        } else {
            keep(a, credential, &secret);
        }
    }
    buffer_wipe(&secret);
    a->resolving++; /* this one: none that ends at once ends it all */
    a->run->resolving++;
    if (!a->error.code && session_begin_aws(a))
        return;
    credentials_one_done(a, NULL);
}

void credentials_wipe(struct account *a)
{
    for (uint32_t i = 0; i < a->credentials.count; i++) {
        struct bytes secret = a->credentials.members[i].value.text;
        explicit_bzero((char *)(uintptr_t)secret.data, secret.len);
    }
    free(a->secrets);
    a->secrets = NULL;
}
