/* How it works: a new list of headers is made with the signer's own, the canonical request is written from
 * it and from the URL's bytes (sigv4_canonical.c), and what was written is hashed, put into the string to
 * sign, and keyed. sigv4_sign and sigv4_explain go one way, so one tells what the other did. */
#include "worker/provider/sigv4.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/units.h"
#include "worker/provider/sigv4_canonical.h"

enum { DIGEST_BYTES = 32, HEX_BYTES = 2 * DIGEST_BYTES + 1, STAMP_BYTES = 17, DATE_CHARS = 8 };

#define WALL_MS_MAX INT64_C(253402300799999) /* the end of 9999: a stamp has four digits for the year */

/* --- Hashes --- */

/* OpenSSL fails here only without memory or without SHA-256 itself. */
static void sha256(struct bytes text, uint8_t out[DIGEST_BYTES])
{
    size_t len = 0;
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, text.len ? text.data : "", text.len, out, &len));
    CHECK(len == DIGEST_BYTES);
}

static void hmac(const void *key, size_t key_len, struct bytes text, uint8_t out[DIGEST_BYTES])
{
    size_t len = 0;
    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, (const unsigned char *)text.data,
                    text.len, out, DIGEST_BYTES, &len));
    CHECK(len == DIGEST_BYTES);
}

static void to_hex(const uint8_t digest[DIGEST_BYTES], char out[HEX_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[HEX_BYTES - 1] = 0;
}

static void sha256_hex(struct bytes text, char out[HEX_BYTES])
{
    uint8_t digest[DIGEST_BYTES];
    sha256(text, digest);
    to_hex(digest, out);
}

/* --- What may be signed --- */

static int check_key(struct bytes key, const char *name, struct error *e)
{
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.data[i] < ' ' || key.data[i] == 0x7f)
            return error_set(e, ERR_CREDENTIALS,
                             "the AWS %s has a line break or another control character at byte %zu: set it "
                             "again, without what was copied along",
                             name, i + 1);
    return 0;
}

static int check_keys(const struct sigv4_keys *keys, struct error *e)
{
    if (!keys->id.len || !keys->secret.len)
        return error_set(e, ERR_CREDENTIALS, "the AWS %s is empty",
                         keys->id.len ? "secret access key" : "access key id");
    int err = check_key(keys->id, "access key id", e);
    if (!err)
        err = check_key(keys->secret, "secret access key", e);
    return err ? err : check_key(keys->token, "session token", e);
}

/* A region may come from an answer's header: it must not get out of its place in ours. */
static int check_scope(const char *text, const char *name, struct error *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = text ? strlen(text) : 0;
    if (!len || len > LIMIT_NAME_BYTES || strspn(text, allowed) != len)
        return error_set(e, ERR_CONFIG,
                         "\"%.*s\" is no %s that can be signed for: it should be letters, digits, \"-\", "
                         "\"_\" and \".\"",
                         LIMIT_NAME_BYTES, text ? text : "", name);
    return 0;
}

/* libcurl encodes bytes beyond ASCII of a path as it sends it, and what it makes of them isn't promised. */
static int check_target(const struct sigv4_setting *how, const struct request *request, struct url *url,
                        struct error *e)
{
    int err = check_scope(how->region, "region", e);
    if (!err)
        err = check_scope(how->service, "service", e);
    if (!err)
        err = url_parse(bytes_of(request->url), url, e);
    if (!err && url->has_userinfo)
        err = error_set(e, ERR_HTTP, "a URL with a user or password in it can't be signed");
    for (const char *c = request->url; !err && *c; c++)
        if ((unsigned char)*c > 0x7e)
            err = error_set(e, ERR_HTTP, "the URL has a byte that isn't ASCII: write it as %%%02X",
                            (unsigned char)*c);
    return err;
}

static bool is_s3(const struct sigv4_setting *how)
{
    return strcmp(how->service, "s3") == 0;
}

/* 20150830T123600Z */
static void stamp_of(int64_t wall_ms, char out[STAMP_BYTES])
{
    char time[UNITS_TIME_BYTES];
    size_t len = 0;
    units_time(wall_ms < 0 ? 0 : wall_ms > WALL_MS_MAX ? WALL_MS_MAX : wall_ms, time);
    for (const char *c = time; *c && *c != '.'; c++)
        if (*c != '-' && *c != ':')
            out[len++] = *c;
    CHECK(len == STAMP_BYTES - 2);
    memcpy(out + len, "Z", 2);
}

static struct bytes content_of(const struct request *request)
{
    return request->has_body ? request->body : BYTES("");
}

/* The steps of sigv4_explain; the signed headers' names are appended to `names`. */
static int explain(const struct sigv4_setting *how, const struct request *request, struct buffer *canonical,
                   struct buffer *names, struct buffer *to_sign, struct error *e)
{
    struct url url;
    char hash[HEX_BYTES], stamp[STAMP_BYTES];
    int err = check_target(how, request, &url, e);
    if (err)
        return err;
    size_t start = canonical->len;
    stamp_of(how->wall_ms, stamp);
    sha256_hex(content_of(request), hash);
    sigv4_canonical(request, &url, how->keeps_path || is_s3(how), hash, canonical, names);
    sha256_hex(bytes_from(buffer_bytes(canonical), start), hash);
    buffer_printf(to_sign, "AWS4-HMAC-SHA256\n%s\n%.*s/%s/%s/aws4_request\n%s", stamp, DATE_CHARS, stamp,
                  how->region, how->service, hash);
    return 0;
}

int sigv4_explain(const struct sigv4_setting *how, const struct request *request, struct buffer *canonical,
                  struct buffer *to_sign, struct error *e)
{
    struct buffer names = {0};
    int err = explain(how, request, canonical, &names, to_sign, e);
    buffer_close(&names);
    return err;
}

/* --- Signing --- */

/* Each step's result keys the next one. */
static void signature_of(const struct sigv4_setting *how, const char *stamp, struct bytes to_sign,
                         char out[HEX_BYTES])
{
    uint8_t a[DIGEST_BYTES], b[DIGEST_BYTES];
    struct buffer first = {0};
    buffer_reserve(&first, how->keys.secret.len + 4); /* at once: growing would leave a copy */
    buffer_add_text(&first, "AWS4");
    buffer_add_bytes(&first, how->keys.secret);
    hmac(first.data, first.len, (struct bytes){stamp, DATE_CHARS}, a);
    hmac(a, sizeof a, bytes_of(how->region), b);
    hmac(b, sizeof b, bytes_of(how->service), a);
    hmac(a, sizeof a, BYTES("aws4_request"), b);
    hmac(b, sizeof b, to_sign, a);
    to_hex(a, out);
    buffer_wipe(&first);
    explicit_bzero(a, sizeof a);
    explicit_bzero(b, sizeof b);
}

static void add(struct pairs *headers, const char *name, struct bytes value)
{
    CHECK(headers->count < headers->cap);
    headers->items[headers->count++] = (struct pair){bytes_of(name), value};
}

static bool is_own(struct bytes name)
{
    return bytes_is_nocase(name, "Authorization") || bytes_is_nocase(name, "X-Amz-Date") ||
           bytes_is_nocase(name, "X-Amz-Security-Token") || bytes_is_nocase(name, "X-Amz-Content-Sha256");
}

/* The request's headers without those that are the signer's, then the signer's but for Authorization. */
static struct pairs headers_for(const struct sigv4_setting *how, struct arena *arena,
                                const struct request *request, const char *stamp)
{
    uint32_t cap = request->headers.count + 5;
    struct pairs headers = {.items = arena_alloc(arena, cap * sizeof *headers.items), .cap = cap};
    bool has_host = false, names_content = is_s3(how);
    for (uint32_t i = 0; i < request->headers.count; i++) {
        struct pair pair = request->headers.items[i];
        has_host = has_host || bytes_is_nocase(pair.name, "Host");
        names_content = names_content || bytes_is_nocase(pair.name, "X-Amz-Content-Sha256");
        if (!is_own(pair.name))
            headers.items[headers.count++] = pair;
    }
    if (!has_host) {
        struct bytes origin = url_origin(arena, bytes_of(request->url));
        const char *host = memmem(origin.data, origin.len, "//", 2);
        CHECK(host);
        add(&headers, "Host", bytes_from(origin, (size_t)(host + 2 - origin.data)));
    }
    add(&headers, "X-Amz-Date", arena_copy(arena, bytes_of(stamp)));
    if (how->keys.token.len)
        add(&headers, "X-Amz-Security-Token", arena_copy(arena, how->keys.token));
    if (names_content) {
        char hash[HEX_BYTES];
        sha256_hex(content_of(request), hash);
        add(&headers, "X-Amz-Content-Sha256", arena_copy(arena, bytes_of(hash)));
    }
    return headers;
}

int sigv4_sign(const struct sigv4_setting *how, struct arena *arena, struct request *request, struct error *e)
{
    struct url url;
    struct buffer canonical = {0}, names = {0}, to_sign = {0};
    char stamp[STAMP_BYTES], signature[HEX_BYTES];
    int err = check_keys(&how->keys, e);
    if (!err)
        err = check_target(how, request, &url, e);
    if (err)
        return err;
    stamp_of(how->wall_ms, stamp);
    struct request ready = *request;
    ready.headers = headers_for(how, arena, request, stamp);
    err = explain(how, &ready, &canonical, &names, &to_sign, e);
    CHECK(!err);
    signature_of(how, stamp, buffer_bytes(&to_sign), signature);
    char *authorization =
        arena_printf(arena,
                     "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%s/%s/aws4_request, SignedHeaders=%s, "
                     "Signature=%s",
                     BYTES_ARG(how->keys.id), DATE_CHARS, stamp, how->region, how->service,
                     buffer_text(&names), signature);
    add(&ready.headers, "Authorization", bytes_of(authorization));
    ready.is_signed = true;
    *request = ready;
    buffer_wipe(&canonical); /* it holds the token */
    buffer_close(&names);
    buffer_close(&to_sign);
    return 0;
}
