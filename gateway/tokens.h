/* Tokens: who may ask the gateway, and about which accounts; from a file (docs/gateway.md).
 *
 *     tokens:
 *       - {name: acme, sha256: HEX, accounts: [aws/123456789012]}
 *       - {name: operators, plain: TOKEN, accounts: all}
 *
 * Of each token only its SHA-256 is kept. Read once, then only read: by any thread, as long as it is held. */
#ifndef GARNER_GATEWAY_TOKENS_H
#define GARNER_GATEWAY_TOKENS_H

#include "common/error.h"

enum { TOKEN_DIGEST_BYTES = 32 };

/* Whom a token stands for. */
struct tenant {
    const char *name;
    bool all;                     /* an operator: all accounts, and what is of all together */
    const struct bytes *accounts; /* else these: "provider/id", sorted */
    uint32_t count;
    uint8_t digest[TOKEN_DIGEST_BYTES];
};

/* Does it have this account? */
bool tenant_has(const struct tenant *tenant, struct bytes provider, struct bytes account);

/* The same rights, by the same token? */
bool tenant_equal(const struct tenant *a, const struct tenant *b);

struct tokens;

/* Read a file. ERR_CONFIG: what is wrong in it, a line each; never a token. `*warnings`: what is doubtful,
 * for the caller to close. */
int tokens_open(const char *path, struct tokens **out, struct buffer *warnings, struct error *e);

/* Everybody may ask everything: there is no file. */
struct tokens *tokens_none(void);
bool tokens_are_none(const struct tokens *tokens);

struct tokens *tokens_hold(struct tokens *tokens); /* one holder more */
void tokens_release(struct tokens *tokens);        /* the last one frees them; null is fine */

/* Whom an Authorization header's value stands for; null: nobody. The time that it takes says nothing of how
 * near a token comes. */
const struct tenant *tokens_find(const struct tokens *tokens, const char *authorization);

/* The one with the same digest; null: there is none any more. */
const struct tenant *tokens_find_again(const struct tokens *tokens, const struct tenant *tenant);

#endif
