/* What to do, by what is wrong: a cause says what happened, and often more exactly what helps. */
#include "common/text.h"
#include "proto/status.h"

static const char *const of_errors[ERR_COUNT] = {
    [ERR_CONFIG] = "correct the configuration (garner validate)",
    [ERR_CREDENTIALS] = "correct the account's credentials",
    [ERR_RESOLVE] = "look at the name and at DNS",
    [ERR_CONNECT] = "look at the endpoint and the network",
    [ERR_TLS] = "look at the certificate, or what is between",
    [ERR_TRANSFER] = "wait; if it stays so, look at the network",
    [ERR_REDIRECT] = "correct the url, or allow_origins",
    [ERR_THROTTLED] = "lower `limits` of the provider file",
    [ERR_SERVER] = "wait: it is the provider's fault",
    [ERR_DENIED] = "grant what the cause names",
    [ERR_HTTP] = "look at the request in the provider file",
    [ERR_BODY] = "look at `format` and the answer",
    [ERR_LIMIT] = "see docs/limits.md",
    [ERR_ITEMS] = "correct `items` in the provider file",
    [ERR_ID] = "correct `id` in the provider file",
    [ERR_PAGING] = "correct `page` in the provider file",
    [ERR_LOOP] = "correct `page` in the provider file",
    [ERR_DEGRADED] = "wait; or correct `require`",
    [ERR_PLACEHOLDER] = "give the account what the url needs",
    [ERR_LOGIN] = "correct the account's credentials",
    [ERR_STORE] = "look at the disk; then garner verify",
    [ERR_FULL] = "make room, or raise map_size",
    [ERR_CORRUPT] = "garner verify says what is damaged",
    [ERR_BUSY] = "end the other process",
    [ERR_IO] = "look at the disk",
};

static void add_word(struct buffer *out, struct bytes word)
{
    buffer_add_char(out, ' ');
    text_add_shell(out, word);
}

/* "garner VERB ACCOUNT TYPE", with region and parent. */
static void add_command(struct buffer *out, const char *verb, const struct collection_key *key)
{
    struct buffer account = {0};
    buffer_printf(&account, "%.*s/%.*s", BYTES_ARG(key->provider), BYTES_ARG(key->account));
    buffer_add_text(out, verb);
    add_word(out, buffer_bytes(&account));
    add_word(out, key->type);
    if (key->region.data) {
        buffer_add_text(out, " --region");
        add_word(out, key->region);
    }
    if (key->parent.data) {
        buffer_add_text(out, " --parent");
        add_word(out, key->parent);
    }
    buffer_close(&account);
}

void trouble_advice(const struct status_trouble *trouble, struct buffer *out)
{
    switch (trouble->kind) {
    case TROUBLE_UNREACHABLE:
        buffer_add_text(out, of_errors[trouble->error] ? of_errors[trouble->error] : "see its receipts");
        break;
    case TROUBLE_FAILING:
        buffer_add_text(out, "see its receipts; nothing is deleted meanwhile");
        break;
    case TROUBLE_HELD:
        buffer_add_text(out, "if they are gone: ");
        add_command(out, "garner confirm", &trouble->key);
        break;
    case TROUBLE_QUARANTINED:
        buffer_add_text(out, "garner quarantine list shows them");
        break;
    case TROUBLE_STALE:
        buffer_add_text(out, "is garner running, and does it keep up?");
        break;
    case TROUBLE_COUNT:
        break;
    }
}
