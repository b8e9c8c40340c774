/* A token is found by its SHA-256: what is compared tells nothing of the token itself, and all are compared
 * to the end. Digests of secrets as long as these need no salt and no slow hash. */
#include "gateway/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/check.h"
#include "common/file.h"
#include "common/limits.h"
#include "common/yaml/yaml.h"

enum { PLAIN_BYTES_MIN = 16 };

struct tokens {
    struct arena arena;
    struct tenant *tenants;
    uint32_t count;
    bool none;
    atomic_uint holders;
};

/* One file that is read. */
struct reader {
    struct tokens *tokens;
    struct yaml_file *file;
    struct yaml_report *report;
};

/* --- whom a token stands for --- */

static int compare(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* As bytes_compare of "provider/account", which isn't put together for it. */
static int compare_name(struct bytes name, struct bytes provider, struct bytes account)
{
    struct bytes begin = {name.data, name.len < provider.len ? name.len : provider.len};
    int order = bytes_compare(begin, provider);
    if (order || name.len == provider.len)
        return order ? order : -1;
    if (name.data[provider.len] != '/')
        return (unsigned char)name.data[provider.len] - '/';
    return bytes_compare(bytes_from(name, provider.len + 1), account);
}

bool tenant_has(const struct tenant *tenant, struct bytes provider, struct bytes account)
{
    uint32_t low = 0, high = tenant->count;
    while (!tenant->all && low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_name(tenant->accounts[middle], provider, account);
        if (!order)
            return true;
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return tenant->all;
}

bool tenant_equal(const struct tenant *a, const struct tenant *b)
{
    if (a->all != b->all || a->count != b->count || memcmp(a->digest, b->digest, sizeof a->digest) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!bytes_equal(a->accounts[i], b->accounts[i]))
            return false;
    return true;
}

static void digest_of(struct bytes token, uint8_t out[TOKEN_DIGEST_BYTES])
{
    size_t len = TOKEN_DIGEST_BYTES;
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, token.data, token.len, out, &len));
}

const struct tenant *tokens_find(const struct tokens *tokens, const char *authorization)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];
    const struct tenant *found = NULL;
    struct bytes text = bytes_of(authorization);
    if (tokens->none)
        return tokens->tenants;
    if (text.len < 7 || !bytes_is_nocase((struct bytes){text.data, 7}, "Bearer "))
        return NULL;
    digest_of(bytes_trim(bytes_from(text, 7)), digest);
    for (uint32_t i = 0; i < tokens->count; i++)
        if (CRYPTO_memcmp(digest, tokens->tenants[i].digest, sizeof digest) == 0)
            found = &tokens->tenants[i];
    return found;
}

const struct tenant *tokens_find_again(const struct tokens *tokens, const struct tenant *tenant)
{
    for (uint32_t i = 0; i < tokens->count; i++)
        if (memcmp(tokens->tenants[i].digest, tenant->digest, sizeof tenant->digest) == 0)
            return &tokens->tenants[i];
    return NULL;
}

/* --- the file --- */

static bool from_hex(const char *text, uint8_t out[TOKEN_DIGEST_BYTES])
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    if (strlen(text) != 2 * TOKEN_DIGEST_BYTES || strspn(text, digits) != 2 * TOKEN_DIGEST_BYTES)
        return false;
    for (int i = 0; i < TOKEN_DIGEST_BYTES; i++)
        out[i] = (uint8_t)(((strchr(digits, text[2 * i]) - digits) % 16) << 4 |
                           (strchr(digits, text[2 * i + 1]) - digits) % 16);
    return true;
}

/* The digest, as it stands or of the token that does. False: neither can be had. */
static bool read_token(struct reader *r, const yaml_node *node, uint8_t digest[TOKEN_DIGEST_BYTES])
{
    const yaml_node *hex = yaml_get(node, "sha256"), *plain = yaml_get(node, "plain");
    unsigned errors = r->report->errors;
    uint8_t of_nothing[TOKEN_DIGEST_BYTES];
    struct arena secret = {0};
    const char *text;
    digest_of(BYTES(""), of_nothing);
    if (hex && plain) {
        yaml_error(r->report, r->file, plain, "either 'sha256' or 'plain', not both");
    } else if (!hex && !plain) {
        yaml_error(r->report, r->file, node, "a token needs 'sha256' or 'plain'");
    } else if (yaml_read_text(r->report, r->file, hex ? hex : plain, &secret, &text)) {
        if (plain && strlen(text) < PLAIN_BYTES_MIN)
            yaml_error(r->report, r->file, plain, "a token of less than %d characters can be guessed",
                       PLAIN_BYTES_MIN);
        else if (plain)
            digest_of(bytes_of(text), digest);
        else if (!from_hex(text, digest))
            yaml_error(r->report, r->file, hex,
                       "64 hexadecimal digits are needed: printf %%s \"$TOKEN\" | sha256sum");
        else if (memcmp(digest, of_nothing, sizeof of_nothing) == 0)
            yaml_error(r->report, r->file, hex, "this is the digest of nothing: was TOKEN set?");
    }
    arena_wipe(&secret);
    return r->report->errors == errors;
}

static void read_accounts(struct reader *r, const yaml_node *node, struct tenant *tenant)
{
    const char *const *names;
    struct arena *arena = &r->tokens->arena;
    if (yaml_kind(node) == YAML_SCALAR && bytes_is(yaml_text(node), "all")) {
        tenant->all = true;
        return;
    }
    if (!yaml_expect(r->report, r->file, node, YAML_LIST, "a list of PROVIDER/ID, or all") ||
        !yaml_read_texts(r->report, r->file, node, arena, &names, &tenant->count))
        return;
    struct bytes *accounts = arena_zalloc(arena, (tenant->count + 1) * sizeof *accounts);
    for (uint32_t i = 0; i < tenant->count; i++) {
        const char *slash = strchr(names[i], '/');
        accounts[i] = bytes_of(names[i]);
        if (!slash || slash == names[i] || !slash[1])
            yaml_error(r->report, r->file, yaml_item(node, i), "expected PROVIDER/ID");
    }
    if (!tenant->count || tenant->count > LIMIT_FILTER_VALUES)
        yaml_error(r->report, r->file, node, "1 to %d accounts, or all", LIMIT_FILTER_VALUES);
    qsort(accounts, tenant->count, sizeof *accounts, compare);
    tenant->accounts = accounts;
}

static void read_tenant(struct reader *r, const yaml_node *node, struct tenant *tenant)
{
    static const char *const keys[] = {"name", "sha256", "plain", "accounts", NULL};
    const yaml_node *n;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    if ((n = yaml_get(node, "name")))
        yaml_read_text(r->report, r->file, n, &r->tokens->arena, &tenant->name);
    else
        yaml_error(r->report, r->file, node, "a token needs a 'name', to be called by");
    bool known = read_token(r, node, tenant->digest);
    if ((n = yaml_get(node, "accounts")))
        read_accounts(r, n, tenant);
    else
        yaml_error(r->report, r->file, node, "a token needs 'accounts': a list of PROVIDER/ID, or all");
    for (const struct tenant *other = r->tokens->tenants; known && other < tenant; other++)
        if (memcmp(other->digest, tenant->digest, sizeof tenant->digest) == 0)
            yaml_error(r->report, r->file, node, "this token stands here twice");
}

static void read_root(struct reader *r)
{
    static const char *const keys[] = {"tokens", NULL};
    const yaml_node *root = yaml_root(r->file);
    const yaml_node *list = yaml_get(root, "tokens");
    if (!yaml_check_keys(r->report, r->file, root, keys))
        return;
    if (!list) {
        yaml_error(r->report, r->file, root, "the key 'tokens' is missing");
        return;
    }
    if (!yaml_expect(r->report, r->file, list, YAML_LIST, "a list of tokens"))
        return;
    if (!yaml_count(list) || yaml_count(list) > LIMIT_TOKENS) {
        yaml_error(r->report, r->file, list, "1 to %d tokens", LIMIT_TOKENS);
        return;
    }
    r->tokens->count = yaml_count(list);
    r->tokens->tenants = arena_zalloc(&r->tokens->arena, r->tokens->count * sizeof *r->tokens->tenants);
    for (uint32_t i = 0; i < r->tokens->count; i++)
        read_tenant(r, yaml_item(list, i), &r->tokens->tenants[i]);
}

static struct tokens *new_tokens(void)
{
    struct tokens *tokens = mem_zalloc(sizeof *tokens);
    atomic_init(&tokens->holders, 1);
    return tokens;
}

int tokens_open(const char *path, struct tokens **out, struct buffer *warnings, struct error *e)
{
    struct yaml_report report = {.secret = true};
    struct tokens *tokens = new_tokens();
    struct reader reader = {tokens, yaml_open(path, &report), &report};
    struct stat status;
    int r = 0;
    *out = NULL;
    if (reader.file)
        read_root(&reader);
    if (report.errors || !reader.file)
        r = error_set(e, ERR_CONFIG, "%s", buffer_text(&report.text));
    else if (stat(path, &status) == 0 && status.st_mode & S_IRWXO)
        buffer_printf(warnings, "%s can be read or written by everybody: chmod o= it", path);
    yaml_close(reader.file);
    yaml_report_close(&report);
    if (r)
        tokens_release(tokens);
    else
        *out = tokens;
    return r;
}

/* --- holding them --- */

struct tokens *tokens_none(void)
{
    struct tokens *tokens = new_tokens();
    tokens->none = true;
    tokens->count = 1;
    tokens->tenants = arena_zalloc(&tokens->arena, sizeof *tokens->tenants);
    tokens->tenants[0] = (struct tenant){.name = "everybody", .all = true};
    return tokens;
}

bool tokens_are_none(const struct tokens *tokens)
{
    return tokens->none;
}

struct tokens *tokens_hold(struct tokens *tokens)
{
    atomic_fetch_add(&tokens->holders, 1);
    return tokens;
}

void tokens_release(struct tokens *tokens)
{
    if (!tokens || atomic_fetch_sub(&tokens->holders, 1) > 1)
        return;
    arena_close(&tokens->arena);
    free(tokens);
}
